"""`size`: the files of a model on disk, in the units that people write."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotpass.gates import ParameterError
from hotpass.testing import assert_fails, assert_passes, candidate, judge, make
from hotpass_evaluation.gates.size import Size
from hotpass_evaluation.gates.sizes import parse_size, size_text


def model(folder: Path, **sizes: int) -> Path:
    (folder / "deep").mkdir(parents=True)
    for name, size in sizes.items():
        (folder / "deep" / name).write_bytes(b"x" * size)
    return folder


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1B", 1),
        ("50MB", 50_000_000),
        ("50 MB", 50_000_000),
        ("50mb", 50_000_000),
        ("1.5GB", 1_500_000_000),
        ("1kB", 1000),
        ("1KB", 1000),
        ("1KiB", 1024),
        ("2MiB", 2_097_152),
        ("0.5 GiB", 536_870_912),
        ("1TB", 10**12),
    ],
)
def test_sizes_as_people_write_them(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("50", "Write a number and a unit"),
        ("MB", "Write a number and a unit"),
        ("-1MB", "is not a size"),
        ("50 megs", "is not a size"),
        ("1,5GB", "is not a size"),
        ("50Mb", "bits or bytes"),
        ("50M", "bits or bytes"),
        ("0MB", "nothing at all"),
        ("1e3MB", "is not a size"),
        ("\u0661MB", "is not a size"),
        ("5MB\n", "is not a size"),
    ],
)
def test_what_is_no_size_is_said_with_the_remedy(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_size(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (10_466, "10.5 kB"),
        (2 * 10**15, "2,000 TB"),
    ],
)
def test_sizes_are_told_in_three_digits(size: int, text: str) -> None:
    assert size_text(size) == text


def test_all_files_count_and_a_limit_holds_where_it_is_reached(tmp_path: Path) -> None:
    files = model(tmp_path / "model", a=600, b=400)
    result = assert_passes(Size, "1kB", candidate(files=files))
    assert result.message == "the files are 1 kB: within 1 kB"
    assert result.evidence == {"bytes": 1000, "files": 2}
    result = assert_fails(Size, {"at_most": "999B"}, candidate(files=files))
    assert result.message == (
        "the files are 1 kB: more than 999 bytes. The largest: deep/a (600 bytes), deep/b (400 bytes)"
    )


def test_it_is_compared_with_the_champion(tmp_path: Path) -> None:
    policy = {"than_champion": {"larger_by_at_most": "20 percent"}}
    champion = {"files": model(tmp_path / "old", a=1000)}
    same = candidate(files=model(tmp_path / "new", a=1200), champion=champion)
    assert assert_passes(Size, policy, same).evidence["champion_bytes"] == 1000
    larger = candidate(files=model(tmp_path / "larger", a=1201), champion=champion)
    assert "20 percent more is allowed" in assert_fails(Size, policy, larger).message
    alone = assert_passes(Size, policy, candidate(files=tmp_path / "new"))
    assert alone.message.endswith("there is no champion to compare with")


def test_a_link_is_no_way_to_hide_what_is_large(tmp_path: Path) -> None:
    files = model(tmp_path / "model", a=10)
    (files / "gone").symlink_to(tmp_path / "nowhere")
    assert judge(Size, "1kB", candidate(files=files)).evidence["files"] == 2


@pytest.mark.parametrize("parameters", ["50", {"at_most": "50 Mb"}, {"at_most": "0B"}, {}, {"at_most": 50}])
def test_parameters_that_make_no_sense_are_refused(parameters: object) -> None:
    with pytest.raises(ParameterError):
        make(Size, parameters)


def test_the_place_of_a_wrong_size_is_named() -> None:
    with pytest.raises(ParameterError) as caught:
        Size({"at_most": "50M"})
    assert caught.value.path == ("at_most",)


def test_it_says_what_it_asks_for() -> None:
    gate = make(Size, {"at_most": "48MiB", "than_champion": {"larger_by_at_most": "5 percent"}})
    assert gate.explain() == [
        "The model's files take up at most 50.3 MB on disk.",
        "They are at most 5 percent larger than the champion's.",
    ]
