"""Plots as SVG by matplotlib, to stand in a page: the page's own fonts and colours, light and dark.

matplotlib is imported when the first plot is drawn. Nothing of it that others share is used but its settings,
and those for the time of a drawing.
"""

from __future__ import annotations

import io
import re
import threading
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from hotpass.pages.figures import Plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Colours that stand for the page's; the names are those of `style.css`.
_COLOURS = {
    "#0a0a01": "--fig-ink", "#0a0a02": "--fig-line", "#0a0a03": "--fig-soft",
    "#0a0b00": "--s0", "#0a0b01": "--s1", "#0a0b02": "--s2", "#0a0b03": "--s3",
    "#0a0b04": "--s4", "#0a0b05": "--s5", "#0a0b06": "--s6", "#0a0b07": "--s7",
}  # fmt: skip
_INK, _LINE, _SOFT, *_SERIES = _COLOURS
#: So that colour is not the only sign; `style.css` and the legend have the same.
DASHES = ("", "6 3", "2 2", "7 2 2 2", "1 2", "9 3", "4 2 1 2 1 2", "3 1")

_SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none",  # text that can be read, searched and scaled
    "svg.hashsalt": "hotpass",
    "font.family": ["DejaVu Sans"],  # it comes with matplotlib; the page shows its own
    "font.size": 11,
    "text.parse_math": False,
    "text.usetex": False,
    "axes.unicode_minus": True,
    "axes.edgecolor": _LINE,
    "axes.labelcolor": _INK,
    "axes.linewidth": 1.0,
    "xtick.color": _LINE,
    "ytick.color": _LINE,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "grid.color": _SOFT,
    "grid.linewidth": 1.0,
    "path.simplify": True,
}
#: matplotlib's settings are one dictionary for the whole process.
_lock = threading.Lock()

_SVG, _LINKS = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
_OWN_ID = re.compile(r"url\(#([^)]+)\)")


class Drawer:
    """Draws the plots of one page, each with ids of its own."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self, plot: Plot, description: str) -> str:
        """The plot as an `<svg>` element."""
        self._count += 1
        with _lock:
            drawn = _drawn(plot)
        return _for_a_page(drawn, f"f{self._count}-", description)


def _drawn(plot: Plot) -> bytes:
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_SETTINGS):
        figure = Figure(figsize=(5.9, 4.3), layout="tight")
        figure.patch.set_visible(False)
        axes = figure.add_subplot()
        axes.patch.set_visible(False)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(True)
        axes.set_axisbelow(True)
        (_histograms if plot.kind == "histograms" else _lines)(axes, plot)
        axes.set_xlabel(_shortened(plot.x))
        axes.set_ylabel(_shortened(plot.y))
        out = io.BytesIO()
        FigureCanvasSVG(figure).print_svg(out, metadata={"Date": None, "Creator": None})
        return out.getvalue()


def _lines(axes: Axes, plot: Plot) -> None:
    every = [value for one in plot.series for value in (*one.x, *one.y)]
    unit = all(0 <= value <= 1 for value in every)
    if plot.diagonal:
        low, high = (0.0, 1.0) if unit else (min(every), max(every))
        axes.plot([low, high], [low, high], color=_LINE, linewidth=1.2, linestyle=(0, (1, 3)), zorder=1.5)
    for one in plot.series:
        axes.plot(
            one.x, one.y, color=_SERIES[one.style], linewidth=2.0, linestyle=_dashes(one.style),
            marker="o" if len(one.x) <= 12 else None, markersize=4.5,
        )  # fmt: skip
    if unit:
        wide = all(max(one.x, default=0) - min(one.x, default=0) > 0.5 for one in plot.series)
        if wide:
            axes.set_xlim(-0.015, 1.015)
        if wide and (plot.diagonal or max(max(one.y, default=0) for one in plot.series) > 0.6):
            axes.set_ylim(-0.015, 1.03)


def _histograms(axes: Axes, plot: Plot) -> None:
    for one in plot.series:
        colour = _SERIES[one.style]
        axes.stairs(one.y, one.x, fill=True, color=colour, alpha=0.16)
        axes.stairs(one.y, one.x, color=colour, linewidth=1.8, linestyle=_dashes(one.style))
    axes.set_ylim(bottom=0)
    axes.margins(x=0.01)


def _dashes(style: int) -> Any:
    return (0, tuple(float(part) for part in DASHES[style].split())) if DASHES[style] else "-"


def _shortened(label: str) -> str:
    return label if len(label) <= 60 else label[:59] + "…"


def _for_a_page(drawn: bytes, prefix: str, description: str) -> str:
    """The drawing without what only a file of its own needs, in the page's colours."""
    root = ElementTree.fromstring(drawn)  # noqa: S314 - matplotlib wrote it just now
    for parent in root.iter():
        for child in [one for one in parent if one.tag in (f"{_SVG}metadata", f"{_SVG}style")]:
            parent.remove(child)
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SVG)
        for key, value in list(element.attrib.items()):
            if key == "id":
                element.set("id", prefix + value)
            elif key == _LINKS:
                del element.attrib[key]
                element.set("href", "#" + prefix + value.removeprefix("#"))
            elif key == "style":
                element.set("style", _in_our_colours(value))
            elif "url(#" in value:
                element.set(key, _OWN_ID.sub(rf"url(#{prefix}\1)", value))
    root.set("xmlns", _SVG.strip("{}"))
    for size in ("width", "height", "version"):
        root.attrib.pop(size, None)
    root.set("role", "img")
    root.set("aria-label", description)
    return ElementTree.tostring(root, encoding="unicode", short_empty_elements=False)


def _in_our_colours(style: str) -> str:
    return re.sub(
        "#0a0[ab]0[0-9]",
        lambda found: f"var({_COLOURS[found[0]]})" if found[0] in _COLOURS else found[0],
        style,
    )
