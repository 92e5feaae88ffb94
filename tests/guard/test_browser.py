"""What a person sees of the guard in MLflow's own pages: a real browser on a real guarded server.

Skipped where no Chromium is installed. Seen in MLflow 3.17: the page for a version edits aliases in a dialog,
which shows the server's message, and its older form moves stages from a menu.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from support.guarded import Guarded
from support.versions import make_version

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
#: A browser that looks nothing up by itself.
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 60_000


@pytest.fixture
def page() -> Iterator[Any]:
    """An empty page in a browser of its own."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next((path for path in map(shutil.which, BROWSERS) if path), None)
    if found is None:
        pytest.skip("no Chromium is installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=QUIET)
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(PATIENCE_MS)
        yield page
        browser.close()


@pytest.fixture
def weak(guarded_sqlite: Guarded) -> tuple[Guarded, str]:
    """A version that the policy lets nowhere: its ROC AUC is 0.61."""
    name = guarded_sqlite.name("seen")
    make_version(guarded_sqlite, name, metrics={"roc_auc": 0.61})
    return guarded_sqlite, name


def test_the_dialog_for_aliases_shows_the_reasons_of_a_denial(page: Any, weak: tuple[Guarded, str]) -> None:
    server, name = weak
    page.goto(f"{server.uri}/#/models/{name}/versions/1")
    page.get_by_role("button", name="Add").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox").click()
    page.keyboard.type("staging")
    # The name becomes an alias of the list with Enter, once the list has heard of it.
    page.get_by_role("option", name="staging").first.wait_for(state="attached")
    page.keyboard.press("Enter")
    dialog.get_by_role("button", name="Save aliases").click()

    dialog.get_by_text("denied").wait_for()
    seen = dialog.inner_text()
    assert f"{name} version 1: None -> Staging denied" in seen
    assert "roc_auc" in seen
    assert "0.61" in seen
    assert "0.7" in seen  # what the policy asks for
    assert server.client.get_registered_model(name).aliases == {}


def test_an_allowed_alias_is_seen_in_the_page(page: Any, guarded_sqlite: Guarded) -> None:
    name = guarded_sqlite.name("seen")
    make_version(guarded_sqlite, name, metrics={"roc_auc": 0.93})
    page.goto(f"{guarded_sqlite.uri}/#/models/{name}/versions/1")
    page.get_by_role("button", name="Add").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox").click()
    page.keyboard.type("staging")
    page.get_by_role("option", name="staging").first.wait_for(state="attached")
    page.keyboard.press("Enter")
    dialog.get_by_role("button", name="Save aliases").click()

    dialog.wait_for(state="detached")
    version = guarded_sqlite.client.get_model_version(name, "1")
    assert (version.current_stage, list(version.aliases)) == ("Staging", ["staging"])


def test_the_older_page_shows_the_reasons_when_a_stage_is_refused(
    page: Any, weak: tuple[Guarded, str]
) -> None:
    server, name = weak
    page.goto(f"{server.uri}/#/models/{name}/versions/1")
    page.get_by_role("switch").click()  # "New model registry UI"
    page.get_by_role("button", name="Disable").click()
    page.get_by_text("None", exact=True).first.click()
    page.locator("[role=menuitem]", has_text="Production").click()
    page.get_by_role("dialog").get_by_role("button").last.click()

    said = page.get_by_text("PERMISSION_DENIED").first
    said.wait_for()
    assert "only from Staging, and this one is in None" in said.inner_text()
    assert server.client.get_model_version(name, "1").current_stage == "None"
