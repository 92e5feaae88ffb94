"""The page of a decision: what it says, in which order, and that nothing from outside gets out of its place.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from hotpass.errors import RegistryError
from hotpass.ledger.record import State
from hotpass.pages.page import page_of
from hotpass.verdicts import Decision, GateResult, Judgement, Outcome, Verdict
from support import reported
from support.reported import HASH, ID, decision, entry, record

#: Elements that HTML does not close.
VOID = {"meta", "br", "link", "img", "hr", "input"}


class Read(HTMLParser):
    """The page as a browser reads it: its elements with their attributes, and its texts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style" and data.strip():
            self.texts.append(" ".join(data.split()))

    @property
    def text(self) -> str:
        return " ".join(self.texts)


def page(made: Decision | None = None) -> Read:
    made = made or decision()
    return Read(page_of(made, record(made)))


def with_result(result: GateResult, **more: Any) -> Decision:
    return replace(decision(), judgements=(Judgement(entry("evaluation", 1), result),), **more)


def drawing(*exhibits: Any) -> Decision:
    return with_result(GateResult(Verdict.FAILED, "no", exhibits=exhibits))


def test_it_says_everything_that_the_decision_says_what_blocks_first() -> None:
    text = page().text

    parts = [
        "bank_leads version 7", "Staging", "Production", "against champion version 6", "Denied",
        "2 failed, 1 inconclusive, 1 waived, pending, 2 passed", "Nothing was moved.",
        "What blocks", "? inconclusive evaluation", "Some 96,000 rows would settle it",
        "Score more of October's leads", "policies/bank_leads.yaml:12:7", "✘ failed slices",
        "Every verdict", "waived by cleo until 2026-12-01 00:00:00 UTC: the fair: labels come late",
        "policies/waivers/fair.yaml:1:1", "overridable by head-of-risk",
        "Against what is asked", "-0.0013 to 0.0055", "Precision and recall", "Calibration", "Scores",
        "roc_auc by job", "The worst slices", "Columns",
        "Evidence", "metrics.roc_auc", "source: logged model",
        "Who, when, on what", "2026-11-24 14:03:00 UTC", "ana (authenticated)", "Better on October's leads",
        "7e" * 32, decision().evidence_digest, decision().policy_digest, ID, HASH,
        "policies/bank_leads.yaml", "ab" * 32, "What counts is the record", "hotpass audit verify bank_leads",
    ]  # fmt: skip
    at = -1
    for part in parts:
        found = text.find(part, at + 1)
        assert found > at, part
        at = found
    blocks = text[text.index("What blocks") : text.index("Every verdict")]
    assert "drift" not in blocks  # advisory
    assert "staging_dwell" not in blocks  # waived


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (Outcome.ALLOWED, "✔ Allowed"),
        (Outcome.DENIED, "✘ Denied"),
        (Outcome.PENDING, "… Not yet"),
        (Outcome.INCONCLUSIVE, "? Inconclusive"),
    ],
)
def test_the_outcome_is_said_in_words_beside_its_colour(outcome: Outcome, said: str) -> None:
    made = replace(decision(), outcome=outcome)

    assert said in page(made).text
    assert ("Nothing blocks" in page(made).text) is (outcome is Outcome.ALLOWED)


def test_it_says_what_came_of_the_move() -> None:
    made = replace(decision(), outcome=Outcome.ALLOWED)
    moving = replace(record(made), record=replace(record(made).record, moves=True))

    for state, said in (
        (State.CLOSED, "It was moved to Production at 2026-11-24 14:03:00 UTC"),
        (State.ABANDONED, "It was not moved after all"),
        (State.OPEN, "It was being moved when this page was written"),
    ):
        ended = replace(moving, state=state, ended_at_ms=1795528980000)
        assert said in Read(page_of(made, ended)).text, state
    assert "nothing of it is on record" in Read(page_of(replace(made, id=""))).text


def test_it_needs_nothing_but_itself() -> None:
    html = page_of(decision(), record(decision()))
    read = Read(html)

    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert {"http-equiv": "Content-Security-Policy", "content": policy} in [one for _, one in read.elements]
    tags = {tag for tag, _ in read.elements}
    assert not tags & {"script", "link", "iframe", "object", "embed", "img", "form", "base", "image"}
    for tag, attributes in read.elements:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name in ("href", "src", "xlink:href"):
                assert value is not None
                assert value.startswith("#"), (tag, value)
    style = html[html.index("<style>") : html.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def test_the_same_decision_gives_the_same_page() -> None:
    assert page_of(decision(), record(decision())) == page_of(decision(), record(decision()))


def test_its_ids_are_unique_and_its_links_lead_somewhere() -> None:
    read = page()
    ids = [one["id"] for _, one in read.elements if one.get("id")]

    assert len(ids) == len(set(ids))
    linked = {str(one["href"])[1:] for _, one in read.elements if one.get("href")}
    labelled = {str(one["aria-labelledby"]) for _, one in read.elements if one.get("aria-labelledby")}
    assert linked | labelled <= set(ids)


def test_it_can_be_read_without_eyes() -> None:
    read = page()

    headings = [int(tag[1]) for tag, _ in read.elements if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == 1
    assert headings.count(1) == 1
    assert all(next_ - before <= 2 for before, next_ in itertools.pairwise(headings))
    assert all("scope" in attributes for tag, attributes in read.elements if tag == "th")
    drawings = [attributes for tag, attributes in read.elements if tag == "svg"]
    assert all(one.get("aria-label") or one.get("aria-hidden") for one in drawings)
    labels = [str(one["aria-label"]) for one in drawings if one.get("aria-label")]
    assert (
        "Curves of challenger, version 7, champion, version 6: true positive rate by false positive rate."
        in labels
    )
    assert "roc_auc, gain on the champion: 0.0021, -0.0013 to 0.0055, held against 0, inconclusive" in labels


# --- from outside -------------------------------------------------------------------------------------------

HOSTILE = (
    "<script>alert(1)</script>\"'&{{7*7}}$\\frac{1}{0}$</style></svg><img src=x onerror=alert(1)>"
    "\x00\x1b[31m\u202egnp"
)
#: As it is to be read.
HARMLESS = HOSTILE.replace("\x00", "\\x00").replace("\x1b", "\\x1b").replace("\u202e", "\\u202e")


def hostile() -> Decision:
    made = decision()
    series = [{"name": HOSTILE, "x": [0, 1], "y": [0, 1], "edges": [0, 1, 2], "heights": [0.5, 0.5]}]
    shown = [
        {"kind": "intervals", "title": HOSTILE, "about": HOSTILE,
         "rows": [{"label": HOSTILE, "value": 1, "low": 0, "high": 2, "margin": 1, "verdict": HOSTILE}]},
        {"kind": "lines", "title": HOSTILE, "x": HOSTILE[:40], "y": HOSTILE[:40], "series": series},
        {"kind": "histograms", "title": HOSTILE, "x": HOSTILE[:40], "series": series},
        {"kind": "table", "title": HOSTILE, "columns": [HOSTILE], "rows": [[HOSTILE]]},
        {"kind": HOSTILE, "title": HOSTILE},
    ]  # fmt: skip
    said = entry(HOSTILE, 1, hint=HOSTILE, policy=HOSTILE, where=HOSTILE, by=(HOSTILE,))
    result = GateResult(
        Verdict.FAILED, HOSTILE, {HOSTILE: HOSTILE, "deep": {HOSTILE: [HOSTILE]}}, exhibits=shown
    )
    return replace(
        made, identity=made.identity._replace(model=HOSTILE, workspace=HOSTILE, artifact_digest=HOSTILE),
        from_stage=HOSTILE, to_stage=HOSTILE, judgements=(Judgement(said, result),), notes=(HOSTILE,),
        evidence={HOSTILE: HOSTILE}, reason=HOSTILE,
        policies=(made.policies[0]._replace(name=HOSTILE, path=HOSTILE),),
    )  # fmt: skip


def test_what_comes_from_outside_stays_text() -> None:
    html = page_of(hostile(), record(hostile()), remark=HOSTILE)
    read = Read(html)

    tags = {tag for tag, _ in read.elements}
    assert not tags & {"script", "img"}
    assert not [one for _, attributes in read.elements for one in attributes if one.startswith("on")]
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", html)
    assert "49" not in read.text  # no template was made of it
    assert read.text.count(HARMLESS) >= 20
    drawn = html[html.index('<div class="plot">') :]
    assert "&lt;script&gt;" in drawn[: drawn.index("</svg>")]  # the axis' label, inside of the drawing


def test_what_utf8_cannot_hold_is_shown_escaped() -> None:
    made = replace(decision(), reason="a\ud800b")

    assert "a\\ud800b" in page_of(made).encode().decode()


@pytest.mark.parametrize(
    "exhibit",
    [
        {"kind": "hologram", "title": "T"},
        {"title": "T"},
        "text",
        None,
        {"kind": "lines", "title": "T", "x": "x", "y": "y", "series": [{"name": "a", "x": [1, 2], "y": [1]}]},
        {"kind": "lines", "title": "T", "series": [{"name": "a", "x": ["1"], "y": [1]}]},
        {"kind": "lines", "title": "T", "series": [{"name": "a", "x": [float("nan")], "y": [1]}]},
        {"kind": "lines", "title": "T", "series": []},
        {"kind": "lines", "title": "T", "series": [{"name": str(n), "x": [0], "y": [0]} for n in range(30)]},
        {"kind": "histograms", "title": "T", "series": [{"name": "a", "edges": [0, 1], "heights": [1, 2]}]},
        {"kind": "intervals", "title": "T", "rows": [{"label": "a", "value": "high"}]},
        {"kind": "intervals", "title": "T", "rows": 3},
        {"kind": "table", "title": "T", "columns": ["a", "b"], "rows": [["only one"]]},
    ],
)
def test_an_exhibit_that_cannot_be_shown_is_a_note(exhibit: Any) -> None:
    assert "This exhibit cannot be shown: " in page(drawing(exhibit)).text


def test_values_that_are_not_known_leave_their_place_empty() -> None:
    rows = [
        {"label": "no bounds", "value": 0.5},
        {"label": "only low", "value": 0.5, "low": 0.4},
        {"label": "none"},
    ]

    text = page(drawing({"kind": "intervals", "title": "T", "rows": rows})).text

    assert "cannot be shown" not in text
    assert "from 0.4" in text


def test_a_huge_exhibit_is_cut_and_says_so() -> None:
    table = {"kind": "table", "title": "T", "columns": ["a"], "rows": [[at] for at in range(1000)]}

    assert "800 more rows are left out here" in page(drawing(table)).text
    assert "10 more exhibits are left out here" in page(drawing(*[table] * 50)).text


def test_rows_share_an_axis_unless_it_would_hide_what_they_say() -> None:
    of_a_kind, of_all_kinds = reported.slices()[0], reported.evaluation()[0]

    assert "each on a scale of its own" not in page(drawing(of_a_kind)).text
    assert "each on a scale of its own" in page(drawing(of_all_kinds)).text


def test_a_decision_that_cannot_be_read_raises() -> None:
    from hotpass.pages.keeping import decision_of

    damaged = record(decision())
    body = {**damaged.record.body, "evidence_digest": "0" * 64}
    with pytest.raises(RegistryError, match="evidence_digest"):
        decision_of(replace(damaged, record=replace(damaged.record, body=body)))
