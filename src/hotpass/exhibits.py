"""What a report draws beside a gate's message: small JSON values that the gate makes and `hotpass report`
shows.

A gate puts them into `GateResult.exhibits`. They are not part of the record of a decision, which has the
numbers that count; they are kept in the report. All numbers are finite; None stands for what is not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from hotpass.verdicts import Json

Exhibit = dict[str, Json]


def intervals(title: str, rows: Iterable[Mapping[str, Json]], *, about: str = "") -> Exhibit:
    """Values with their intervals, a line each. A row has `label`, `value`, `low`, `high`, and where there is
    one the `margin` that it is held against and the `verdict`.
    """
    return {"kind": "intervals", "title": title, "about": about, "rows": [dict(row) for row in rows]}


def lines(
    title: str,
    x: str,
    y: str,
    series: Iterable[Mapping[str, Json]],
    *,
    diagonal: bool = False,
    about: str = "",
) -> Exhibit:
    """Curves on the same axes, named `x` and `y`. A series has `name`, `x` and `y`, at most some 200 points.
    With `diagonal`, the line y = x is drawn too.
    """
    return {
        "kind": "lines", "title": title, "about": about, "x": x, "y": y, "diagonal": diagonal,
        "series": [dict(one) for one in series],
    }  # fmt: skip


def histograms(title: str, x: str, series: Iterable[Mapping[str, Json]], *, about: str = "") -> Exhibit:
    """Distributions on the same axis. A series has `name`, `edges` (n + 1) and `heights` (n, shares in [0,
    1]).
    """
    return {
        "kind": "histograms", "title": title, "about": about, "x": x, "series": [dict(one) for one in series]
    }  # fmt: skip


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Json]], *, about: str = "") -> Exhibit:
    """A table. Cells are numbers, texts or None."""
    return {
        "kind": "table", "title": title, "about": about, "columns": list(columns),
        "rows": [list(row) for row in rows],
    }  # fmt: skip
