"""The page in a real browser: what is seen of it, in light and dark, on a small screen and on paper.

Skipped where no Chromium is installed.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hotpass.pages.page import page_of
from support.reported import decision, record

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next((path for path in map(shutil.which, BROWSERS) if path), None)
    if found is None:
        pytest.skip("no Chromium is installed")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=found, args=QUIET)
        yield started
        started.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page_of(decision(), record(decision())), encoding="utf-8")
    return path


class Seen:
    """A page opened in the browser, with what it said on the console and what it asked the net for."""

    def __init__(self, browser: Any, file: Path, **context: Any) -> None:
        self.page = browser.new_page(**context)
        self.console: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.console.append(message.text))
        self.page.on("pageerror", lambda error: self.console.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri())

    def background(self) -> int:
        """Brightness of the page's background, 0 to 765."""
        colour = self.page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(int(part) for part in colour.strip("rgb()").split(","))


def test_it_is_seen_whole_and_asks_the_net_for_nothing(browser: Any, file: Path) -> None:
    seen = Seen(browser, file, viewport={"width": 1200, "height": 900}, color_scheme="light")

    assert seen.page.get_by_role("heading", level=1).inner_text() == "bank_leads version 7"
    assert seen.page.locator(".badge").inner_text() == "✘ Denied"
    assert seen.page.locator("article.card").count() == 2
    plots = seen.page.locator("figure .plot svg")
    assert plots.count() == 4
    for at in range(4):
        box = plots.nth(at).bounding_box()
        assert box["width"] > 300
        assert box["height"] > 200
    assert seen.page.locator("figure .plot svg text", has_text="false positive rate").is_visible()
    hidden = seen.page.get_by_text("source: logged model")
    assert not hidden.is_visible()
    seen.page.get_by_text("What was read of the model and its runs").click()
    assert hidden.is_visible()
    assert (seen.console, seen.requests) == ([], [file.as_uri()])
    seen.page.close()


def test_no_text_of_a_plot_lies_over_another(browser: Any, file: Path) -> None:
    seen = Seen(browser, file, viewport={"width": 1200, "height": 900})

    overlaps = seen.page.evaluate(
        """[...document.querySelectorAll('.plot svg')].flatMap(svg => {
            const boxes = [...svg.querySelectorAll('text')].map(one => one.getBoundingClientRect());
            return boxes.flatMap((a, i) => boxes.slice(i + 1).filter(b =>
                a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 2 && b.top < a.bottom -
                2));
        }).length"""
    )
    assert overlaps == 0
    seen.page.close()


def test_dark_is_dark_and_its_curves_are_not_those_of_light(browser: Any, file: Path) -> None:
    light, dark = (Seen(browser, file, color_scheme=scheme) for scheme in ("light", "dark"))

    assert light.background() > 600 > 200 > dark.background()
    stroke = "getComputedStyle(document.querySelector('.plot svg [style*=\"--s0\"]')).stroke"
    assert light.page.evaluate(stroke) != dark.page.evaluate(stroke)
    light.page.close()
    dark.page.close()


@pytest.mark.parametrize("width", [320, 390, 768])
def test_a_small_screen_needs_no_scrolling_sideways(browser: Any, file: Path, width: int) -> None:
    seen = Seen(browser, file, viewport={"width": width, "height": 800})

    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    assert seen.page.get_by_role("heading", level=1).is_visible()
    seen.page.close()


def test_it_prints_on_a_few_pages(browser: Any, file: Path) -> None:
    seen = Seen(browser, file, color_scheme="dark")

    pdf = seen.page.pdf(format="A4")

    assert 2 <= pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") <= 8
    seen.page.emulate_media(media="print")
    assert seen.background() == 765  # paper is white, whatever the screen is
    seen.page.close()
