"""The policies in tests/explained say what stands beside them, as text and as Markdown.

To write all expected texts anew (and then read the diff):

    WRITE_EXPECTED=1 uv run pytest tests/policy/test_explaining.py
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest

from hotpass.candidate import Candidate
from hotpass.gates import Gate, MeasuringGate
from hotpass.policy.explained import as_markdown, as_text
from hotpass.policy.explaining import explain, sentences
from hotpass.policy.loader import gates_of, load_policies, read_places
from hotpass.policy.model import GateEntry, PolicySet
from hotpass.reports.markdown import escaped
from hotpass.testing import NOW
from hotpass.verdicts import GateResult, passed

FOLDER = Path(__file__).parent.parent / "explained"


@pytest.mark.parametrize("form", ["txt", "md"])
def test_is_explained_with_the_expected_text(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)
    found = explain(load_policies("."), NOW)
    text = as_text(found) if form == "txt" else as_markdown(found, escaped)
    expected = FOLDER / f"expected.{form}"
    if os.environ.get("WRITE_EXPECTED"):
        expected.write_text(text, encoding="utf-8")
    assert text == expected.read_text(encoding="utf-8")


def test_every_gate_here_says_more_than_its_name() -> None:
    """Each of the default gates that the example uses has sentences of its own."""
    found = load_policies(FOLDER)
    entries = [gate for policy in found.policies for entry in policy.promotions for gate in entry.gates]
    used = {entry.gate_name for entry in entries}
    measuring = {name for name, gate in gates_of().items() if issubclass(gate, MeasuringGate)}
    assert all(gates_of()[name].explain is not Gate.explain for name in measuring)
    assert set(gates_of()) - used - measuring <= {"expression"}
    for entry in entries:
        assert type(entry.gate).explain is not Gate.explain
        assert all(sentence.endswith((".", ")")) for sentence in sentences(entry))


class Rows(Gate):
    """At least so many rows stood behind
    the evaluation. And more.

    To pass: more rows.
    """

    name = "rows"
    schema: ClassVar[Mapping[str, Any]] = {"type": "object"}

    def __init__(self, parameters: Any) -> None:
        pass  # it need not keep them

    def evaluate(self, candidate: Candidate, now: datetime) -> GateResult:
        return passed("always")


class Keeps(Rows):
    """As it says."""

    def __init__(self, parameters: Any) -> None:
        Gate.__init__(self, parameters)


def test_what_the_default_says() -> None:
    assert list(Keeps({"n": 1}).explain()) == ["As it says (n: 1)."]
    assert list(Rows({"n": 1}).explain()) == ["At least so many rows stood behind the evaluation. And more."]
    assert list(Keeps({"n": 1}).demands()) == []


class Talks(Rows):
    """The fallback."""

    said: ClassVar[Any] = ""

    def explain(self) -> Sequence[str]:
        if isinstance(self.said, BaseException):
            raise self.said
        return self.said


def entry(gate: type[Gate], parameters: Any) -> GateEntry:
    return GateEntry(gate.name, gate(parameters), gate.name, "p", "p.yaml:1:1", parameters=parameters)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({}, "At least so many rows stood behind the evaluation. And more."),
        ({"at_least": 100, "of": ["a", "b"], "x": {"y": True}},
         "At least so many rows stood behind the evaluation. And more "
         "(at_least: 100, of: [a, b], x: {y: true})."),
        ("24h", "At least so many rows stood behind the evaluation. And more (24h)."),
    ],
)  # fmt: skip
def test_a_gate_that_does_not_explain_itself_is_explained_by_its_docstring(
    parameters: Any, words: str
) -> None:
    assert sentences(entry(Rows, parameters)) == (words,)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (["rows are many"], ("Rows are many.",)),
        ("rows are many", ("Rows are many.",)),
        (["Many rows!", " ", "of\nall \x1b[31mkinds"], ("Many rows!", "Of all \\x1b[31mkinds.")),
        ([], ("The fallback (n: 1).",)),
        (None, ("The fallback (n: 1).",)),
        (KeyError("n"), ("The fallback (n: 1).",)),
        (SystemExit(0), ("The fallback (n: 1).",)),
    ],
)
def test_whatever_a_gate_says_becomes_sentences(
    said: Any, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Talks, "said", said)
    assert sentences(entry(Talks, {"n": 1})) == words


def test_what_stands_in_a_policy_cannot_break_out(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(
        'policy: p\ndescription: "a <b>bold</b> @everyone [link](http://x)"\nmodels: ["lead_*"]\n'
        "promotions:\n  - to: Staging\n    gates:\n      - signature: {}\n        name: '| * ![x](y)'\n"
        "        hint: '`rm -rf`'\n"
    )
    found = explain(load_policies(file), NOW)
    markdown = as_markdown(found, escaped)
    assert "a \\<b>bold\\</b> @&#8203;everyone \\[link\\](http:\\//x)" in markdown
    assert "!\\[x\\](y)" in markdown
    assert "\\`rm -rf\\`" in markdown


def test_a_shared_rule_says_where_it_comes_from(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/company.yaml").write_text(
        "policy: company\nshared: true\npromotions:\n  - to: Staging\n    gates: [signature]\n"
    )
    (tmp_path / "team.yaml").write_text(
        "policy: team\nextends: [{folder: shared, path: company.yaml}]\nmodels: [m]\npromotions:\n"
        "  - to: Staging\n    gates: [input_example]\n"
    )
    report = read_places([tmp_path], gates_of())
    text = " ".join(as_text(explain(PolicySet.of(report.policies), NOW)).split())
    company = tmp_path / "shared/company.yaml"
    assert f"It holds all rules of the shared policy company ({company}), and adds to them." in text
    assert f"(its signature). This comes from the shared policy {company}." in text
    assert text.count("This comes from") == 1
