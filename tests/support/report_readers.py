"""Reads reports as those do who get them: GitHub's runner, code scanning, test reporters, a Markdown
renderer.

Each raises AssertionError for what its reader would refuse.
"""

from __future__ import annotations

import json
import re
from importlib import resources
from typing import Any, NamedTuple

# --- GitHub's runner ----------------------------------------------------------------------------------------

_COMMANDS = ("error", "warning", "notice", "debug", "group", "endgroup", "add-mask", "stop-commands", "echo",
             "add-matcher", "remove-matcher", "set-output", "set-env", "save-state", "add-path")  # fmt: skip


class Command(NamedTuple):
    """A workflow command: `::name key=value,…::message`."""

    name: str
    properties: dict[str, str]
    message: str


def commands(text: str) -> list[Command]:
    """The commands in what a step printed, in both syntaxes that the runner knows; all other lines are text.
    """
    lines = re.split(r"\r\n|\r|\n", text)
    return [found for line in lines if (found := _newer(line) or _older(line)) is not None]


def _newer(line: str) -> Command | None:
    found = re.match(r"\s*::([^: ]+)(?: ([^:]*))?::(.*)", line, re.DOTALL)
    if found is None or found[1] not in _COMMANDS:
        return None
    pairs = [pair.partition("=") for pair in (found[2] or "").split(",") if pair]
    properties = {key.strip(): _unescaped(value, property_too=True) for key, _, value in pairs}
    return Command(found[1], properties, _unescaped(found[3]))


def _older(line: str) -> Command | None:
    found = re.search(r"##\[([^\] ]+)(?: ([^\]]*))?\](.*)", line)
    return None if found is None or found[1] not in _COMMANDS else Command(found[1], {}, found[3])


def _unescaped(value: str, *, property_too: bool = False) -> str:
    pairs = [("%3A", ":"), ("%2C", ",")] if property_too else []
    for escape, character in [*pairs, ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")]:
        value = value.replace(escape, character)
    return value


# --- code scanning ------------------------------------------------------------------------------------------


def sarif(text: str) -> dict[str, Any]:
    """The one run of a log that the schema of SARIF 2.1.0 takes, and GitHub's code scanning too."""
    from sarif_kit.validate import validation_errors

    log: dict[str, Any] = json.loads(text)
    assert validation_errors(log) == []
    [run] = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]
        # GitHub refuses a whole log for one result without a file.
        [location] = result["locations"]
        uri = location["physicalLocation"]["artifactLocation"]["uri"]
        assert re.fullmatch(r"(?:file://)?[A-Za-z0-9._~%/-]+", uri), uri
    prints = [tuple(result["partialFingerprints"].values()) for result in run["results"]]
    assert len(set(prints)) == len(prints)
    return run  # type: ignore[no-any-return]


# --- test reporters -----------------------------------------------------------------------------------------


def junit(text: str) -> Any:
    """The root of a document that the JUnit schema takes, but for `skipped`, which is newer, and whose
    counts are right.
    """
    from lxml import etree

    place = resources.files("ub_test_reports") / "schemas" / "JUnit.xsd"
    schema = etree.XMLSchema(etree.fromstring(place.read_bytes()))
    root = etree.fromstring(text.encode())
    older = etree.fromstring(text.encode())
    for element in older.iter("testsuite"):
        element.attrib.pop("skipped", None)
    for element in list(older.iter("skipped")):
        assert set(element.attrib) == {"message"}
        element.getparent().remove(element)
    schema.assertValid(older)
    for suite in root:
        cases = suite.findall("testcase")
        assert int(suite.get("tests")) == len(cases)
        for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.get(attribute, "0")) == sum(case.find(tag) is not None for case in cases)
    assert [suite.get("id") for suite in root] == [str(number) for number in range(len(root))]
    return root


# --- Markdown -----------------------------------------------------------------------------------------------

_OURS = ("<br>", "<details>", "</details>")


def markdown(text: str) -> list[list[str]]:
    """The cells of all tables, rendered as text. Raises AssertionError for HTML that is not ours, for a link
    and for an image.
    """
    from markdown_it import MarkdownIt

    rows: list[list[str]] = []
    for token in MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(text):
        if token.type == "html_block":
            assert re.fullmatch(r"(</?details>|<summary>\d+ [a-z]+</summary>|\s)*", token.content), token
        if token.type == "tr_open":
            rows.append([])
        for child in token.children or []:
            assert child.type not in ("link_open", "image"), child
            if child.type == "html_inline":
                assert child.content in _OURS, child
        if token.type == "inline" and rows and token.level == 4:
            rows[-1].append("".join(_as_text(child) for child in token.children or []))
    return rows


def _as_text(token: Any) -> str:
    if token.type == "html_inline":
        return "\n"
    return str(token.content).replace("\u200b", "")
