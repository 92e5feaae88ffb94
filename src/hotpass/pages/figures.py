"""What the report shows of a gate's exhibits: each is looked at closely, since a plugin made it, and what
cannot be shown becomes a note. Nothing here raises.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from hotpass.pages.numbers import is_number, number
from hotpass.texts import shown

#: What is shown of one exhibit, and of one gate's; the rest is counted.
MOST_ROWS = 200
MOST_SERIES = 8
MOST_POINTS = 5000
MOST_EXHIBITS = 40
#: Rows of intervals share an axis unless it would hide them: its span in widths of the row in the middle.
_WIDEST_AXIS = 40.0


class Malformed(Exception):
    """An exhibit is not what its kind needs; the message says what."""


class Series(NamedTuple):
    """A curve or a distribution: `x` has a value more than `y` where it holds edges. `style` numbers its
    colour and dashes.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    style: int


class Plot(NamedTuple):
    """Curves or distributions on the same axes."""

    kind: str
    x: str
    y: str
    series: Sequence[Series]
    diagonal: bool = False


class Strip(NamedTuple):
    """An interval in a row of the table; positions are in percent of the axis."""

    label: str
    value: str
    bounds: str
    margin: str
    verdict: str
    words: str
    at: float | None = None
    low: float | None = None
    high: float | None = None
    margin_at: float | None = None


class Figure(NamedTuple):
    """One exhibit, ready for the template. `svg` is drawn by matplotlib and safe as it is."""

    kind: str
    title: str
    about: str
    alt: str = ""
    svg: str = ""
    note: str = ""
    series: Sequence[Series] = ()
    diagonal: bool = False
    strips: Sequence[Strip] = ()
    axis: tuple[str, str] | None = None
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    numeric: Sequence[bool] = ()
    left: int = 0


def figures_of(exhibits: object, draw: Callable[[Plot, str], str]) -> list[Figure]:
    """The exhibits of one gate; `draw` makes an SVG of a plot and its description."""
    if not isinstance(exhibits, Sequence) or isinstance(exhibits, str | bytes):
        return [Figure("note", "Exhibits", "", note="what the gate gave to be drawn is no list")]
    found = [_figure(one, draw) for one in exhibits[:MOST_EXHIBITS]]
    if len(exhibits) > MOST_EXHIBITS:
        rest = f"{len(exhibits) - MOST_EXHIBITS} more exhibits are left out here"
        found.append(Figure("note", "And more", "", note=rest))
    return found


def _figure(exhibit: object, draw: Callable[[Plot, str], str]) -> Figure:
    title = about = ""
    try:
        if not isinstance(exhibit, Mapping):
            raise Malformed("it is no object")
        title, about = _text(exhibit.get("title", "")), _text(exhibit.get("about", ""))
        kind = exhibit.get("kind")
        if kind == "intervals":
            return _intervals(title, about, exhibit)
        if kind == "table":
            return _table(title, about, exhibit)
        if kind == "lines":
            return _drawn(title, about, _lines(exhibit), draw)
        if kind == "histograms":
            return _drawn(title, about, _histograms(exhibit), draw)
        raise Malformed(f"this Hotpass draws no exhibits of kind {str(kind)[:80]!r}")
    except Malformed as error:
        note = str(error)
    except Exception as error:  # the drawing library's, or a mapping of a plugin's own
        note = f"{type(error).__name__}: {error}"
    return Figure("note", title or "An exhibit", about, note=f"This exhibit cannot be shown: {note[:300]}")


# --- intervals ----------------------------------------------------------------------------------------------


def _intervals(title: str, about: str, exhibit: Mapping[str, Any]) -> Figure:
    rows = _objects(exhibit, "rows")
    shown_rows = rows[:MOST_ROWS]
    ends = [_ends(row) for row in shown_rows]
    axis = _axis([pair for pair in ends if pair is not None])
    strips = [_strip(row, end, axis) for row, end in zip(shown_rows, ends, strict=True)]
    words = "; ".join(f"{strip.label}: {strip.value} {strip.bounds}" for strip in strips[:5])
    return Figure(
        "intervals", title, about, alt=words, strips=strips,
        axis=(number(axis[0]), number(axis[1])) if axis else None, left=len(rows) - len(shown_rows),
    )  # fmt: skip


def _ends(row: Mapping[str, Any]) -> tuple[float, float] | None:
    """The smallest and the largest number that the row draws."""
    drawn = [row.get(key) for key in ("value", "low", "high", "margin")]
    if any(one is not None and not is_number(one) for one in drawn):
        raise Malformed("an interval has a value, a low, a high or a margin that is no number")
    known = [float(one) for one in drawn if one is not None]
    return (min(known), max(known)) if known else None


def _axis(ends: Sequence[tuple[float, float]]) -> tuple[float, float] | None:
    """The axis that all rows share; None where one axis would hide what some of them say."""
    if not ends:
        return None
    low, high = min(pair[0] for pair in ends), max(pair[1] for pair in ends)
    widths = sorted(pair[1] - pair[0] for pair in ends)
    middle = widths[len(widths) // 2]
    if len(ends) > 1 and high - low > _WIDEST_AXIS * middle:
        return None
    return low, high


def _strip(
    row: Mapping[str, Any], ends: tuple[float, float] | None, axis: tuple[float, float] | None
) -> Strip:
    value, low, high, margin = (row.get(key) for key in ("value", "low", "high", "margin"))
    first, last = axis or ends or (0.0, 1.0)
    span = last - first

    def at(one: Any) -> float | None:
        """Percent of the axis, with room at both ends."""
        if one is None:
            return None
        return 50.0 if span <= 0 else round(4 + 92 * (float(one) - first) / span, 2)

    bounds = f"{number(low)} to {number(high)}" if low is not None and high is not None else ""
    if not bounds and (low is not None or high is not None):
        bounds = f"from {number(low)}" if low is not None else f"up to {number(high)}"
    verdict = _text(row.get("verdict") or "")
    label = _text(row.get("label", ""))
    words = f"{label}: {number(value)}"
    words += f", {bounds}" if bounds else ""
    words += f", held against {number(margin)}" if margin is not None else ""
    words += f", {verdict}" if verdict else ""
    return Strip(
        label, number(value), bounds, "" if margin is None else number(margin), verdict, words,
        at(value), at(low), at(high), at(margin),
    )  # fmt: skip


# --- tables -------------------------------------------------------------------------------------------------


def _table(title: str, about: str, exhibit: Mapping[str, Any]) -> Figure:
    columns, rows = _list(exhibit, "columns"), _list(exhibit, "rows")
    if any(not _is_list(row) or len(row) != len(columns) for row in rows):
        raise Malformed(f"every row of this table needs {len(columns)} cells")
    first = rows[:MOST_ROWS]
    numeric = [
        {type(row[at]) for row in first} - {type(None)} in ({int}, {float}, {int, float})
        for at in range(len(columns))
    ]
    cells = [[number(cell) for cell in row] for row in first]
    return Figure(
        "table", title, about, columns=[_text(one) for one in columns], rows=cells, numeric=numeric,
        left=len(rows) - len(first),
    )  # fmt: skip


# --- plots --------------------------------------------------------------------------------------------------


def _drawn(title: str, about: str, plot: Plot, draw: Callable[[Plot, str], str]) -> Figure:
    if not any(len(one.y) for one in plot.series):
        raise Malformed("it has no points")
    names = ", ".join(one.name for one in plot.series)
    kind = "Distributions" if plot.kind == "histograms" else "Curves"
    alt = f"{kind} of {names}: {plot.y} by {plot.x}."
    return Figure(
        plot.kind, title, about, alt=alt, svg=draw(plot, alt), series=plot.series, diagonal=plot.diagonal,
        columns=[plot.x, *(one.name for one in plot.series)] if plot.kind == "histograms" else [],
    )  # fmt: skip


def _lines(exhibit: Mapping[str, Any]) -> Plot:
    found = []
    for at, one in enumerate(_series(exhibit)):
        x, y = _numbers(one, "x"), _numbers(one, "y")
        if len(x) != len(y):
            raise Malformed(f"series {at + 1} has {len(x)} values of x and {len(y)} of y")
        found.append(Series(_text(one.get("name", "")), x, y, at))
    return Plot(
        "lines", _text(exhibit.get("x", "")), _text(exhibit.get("y", "")), found,
        exhibit.get("diagonal") is True,
    )  # fmt: skip


def _histograms(exhibit: Mapping[str, Any]) -> Plot:
    found = []
    for at, one in enumerate(_series(exhibit)):
        edges, heights = _numbers(one, "edges"), _numbers(one, "heights")
        if len(edges) != len(heights) + 1:
            raise Malformed(f"series {at + 1} has {len(edges)} edges for {len(heights)} heights")
        found.append(Series(_text(one.get("name", "")), edges, heights, at))
    return Plot("histograms", _text(exhibit.get("x", "")), "share", found)


def _series(exhibit: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    series = _objects(exhibit, "series")
    if len(series) > MOST_SERIES:
        raise Malformed(f"it has {len(series)} series, and {MOST_SERIES} can be told apart")
    return series


def _objects(exhibit: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = _list(exhibit, key)
    if not all(isinstance(one, Mapping) for one in found):
        raise Malformed(f"its {key!r} is no list of objects")
    return found


def _numbers(series: Mapping[str, Any], key: str) -> list[float]:
    found = _list(series, key)
    if len(found) > MOST_POINTS or not all(is_number(one) for one in found):
        raise Malformed(f"the {key!r} of a series is no list of at most {MOST_POINTS:,} numbers")
    return [float(one) for one in found]


def _list(exhibit: Mapping[str, Any], key: str) -> list[Any]:
    found = exhibit.get(key)
    if not isinstance(found, list | tuple):
        raise Malformed(f"its {key!r} is no list")
    return list(found)


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple)


def _text(value: object) -> str:
    """A label on one line that every page and every font can show."""
    return shown(value).encode("utf-8", "backslashreplace").decode()
