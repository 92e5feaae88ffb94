from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotpass.durations import LONGEST, duration_text, parse_duration

SIZES = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30), ("15m", 900), ("24h", 86_400), ("7d", 604_800), ("2w", 1_209_600),
        ("1d12h", 129_600), ("1d 12h", 129_600), ("90m", 5_400),
        ("1w2d3h4m5s", 788_645), ("007d", 604_800), ("3650d", 315_360_000),
    ],
)  # fmt: skip
def test_durations_as_policies_write_them(text, seconds):
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "24", "h", "24 h", "24hours", "1.5h", "-1h", "+1h", "1h1d", "1h 1h", " 1h", "1h ", "1h\n",
        "1d  2h", "PT24H", "1mo", "1y", "1M", "1H", "٣h", "1e3s", "0x1h", "1000000000000h", "one day",
        "1d,2h",
    ],
)  # fmt: skip
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["0s", "0h", "0w0d", "000m"])
def test_nothing_is_no_duration(text):
    with pytest.raises(ValueError, match="no time at all"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["3651d", "999999999w", "999999999w999999999d", "87601h"])
def test_more_than_ten_years_is_refused(text):
    with pytest.raises(ValueError, match="ten years"):
        parse_duration(text)


@given(
    st.dictionaries(st.sampled_from(list(SIZES)), st.integers(0, 300), min_size=1), st.sampled_from(["", " "])
)
def test_a_duration_is_the_sum_of_its_parts(parts, between):
    text = between.join(f"{parts[unit]}{unit}" for unit in SIZES if unit in parts)
    seconds = sum(count * SIZES[unit] for unit, count in parts.items())
    if seconds == 0 or timedelta(seconds=seconds) > LONGEST:
        with pytest.raises(ValueError, match=r"no time|ten years"):
            parse_duration(text)
    else:
        assert parse_duration(text) == timedelta(seconds=seconds)


@given(st.integers(1, int(LONGEST.total_seconds())))
def test_what_is_written_reads_back(seconds):
    assert parse_duration(duration_text(timedelta(seconds=seconds))) == timedelta(seconds=seconds)


@given(st.text(max_size=12))
def test_any_text_is_a_duration_or_a_clear_error(text):
    try:
        duration = parse_duration(text)
    except ValueError:
        return
    assert timedelta() < duration <= LONGEST
    assert parse_duration(duration_text(duration)) == duration


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(), "0s"),
        (timedelta(seconds=1), "1s"),
        (timedelta(microseconds=1), "1s"),
        (timedelta(seconds=59, microseconds=1), "1m"),
        (timedelta(days=1, hours=12), "1d 12h"),
        (timedelta(days=400, seconds=1), "400d 1s"),
        (timedelta(hours=-3), "-3h"),
        (timedelta(hours=-3, seconds=-0.5), "-3h 1s"),
    ],
)
def test_durations_in_words(duration, text):
    assert duration_text(duration) == text
