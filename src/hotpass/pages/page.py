"""The page itself: what the report says of a decision, and in which order."""

from __future__ import annotations

import functools
import json
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from hotpass.ledger.record import Entry, State
from hotpass.pages.drawing import DASHES, Drawer
from hotpass.pages.figures import Figure, Plot, figures_of
from hotpass.pages.numbers import moment
from hotpass.texts import printable
from hotpass.verdicts import Decision, Enforcement, Judgement, Outcome, Verdict

if TYPE_CHECKING:
    import jinja2

#: Of each outcome the sign, the word and the class of its colour; the word always stands beside the sign.
_OUTCOMES = {
    Outcome.ALLOWED: ("✔", "Allowed", "good"),
    Outcome.DENIED: ("✘", "Denied", "bad"),
    Outcome.PENDING: ("…", "Not yet", "wait"),
    Outcome.INCONCLUSIVE: ("?", "Inconclusive", "open"),
}
_VERDICTS = {
    Verdict.PASSED: ("✔", "passed", "good"),
    Verdict.FAILED: ("✘", "failed", "bad"),
    Verdict.PENDING: ("…", "pending", "wait"),
    Verdict.INCONCLUSIVE: ("?", "inconclusive", "open"),
    Verdict.ERROR: ("!", "error", "bad"),
}
#: Words that an exhibit may use for how a row stands, and their colours.
_OF_ROWS = {str(verdict): (sign, colour) for verdict, (sign, _, colour) in _VERDICTS.items()}

#: The name of the artifact that holds a report.
FILE = "report.html"


class Said(NamedTuple):
    """A verdict as the page shows it."""

    sign: str
    word: str
    colour: str
    name: str
    message: str
    hint: str
    excuse: str
    enforcement: str
    policy: str
    where: str
    passes_at: str
    evidence: Sequence[tuple[str, str]]
    figures: Sequence[Figure]
    anchor: str


def page_of(decision: Decision, entry: Entry | None = None, *, remark: str = "") -> str:
    """The report of `decision` as HTML that needs nothing but itself.

    `entry` is its record; without one the page says that nothing is on record. `remark` is said on top: that
    the page was made later, for example. What the gates gave to be drawn (`GateResult.exhibits`) is shown
    where the decision has it. Raises MissingDependency where Jinja2 is not installed.
    """
    draw = Drawer()
    said = [_said(judgement, at, draw) for at, judgement in enumerate(decision.judgements, 1)]
    sign, word, colour = _OUTCOMES[decision.outcome]
    by_anchor = {f"gate-{at}": judgement for at, judgement in enumerate(decision.judgements, 1)}
    return _template().render(
        decision=decision, identity=decision.identity, entry=entry, remark=remark,
        sign=sign, word=word, colour=colour, title=_title(decision), kind=_kind(decision),
        shell_model=shlex.quote(decision.identity.model),
        said=said, blocking=[one for one in said if by_anchor[one.anchor].blocks],
        let_pass=[one for one in said if by_anchor[one.anchor].excused],
        drawn=[one for one in said if one.figures],
        counts=_counts(said), moved=_moved(decision, entry),
        decided=moment(decision.decided_at),
        passes_at=moment(decision.passes_at) if decision.passes_at else "",
        created=_created(decision), evidence=_pairs(decision.evidence or {}), of_rows=_OF_ROWS, dashes=DASHES,
    )  # fmt: skip


def _said(judgement: Judgement, at: int, draw: Callable[[Plot, str], str]) -> Said:
    entry, result = judgement.entry, judgement.result
    sign, word, colour = _VERDICTS[result.verdict]
    excuse = judgement.excuse if judgement.excused else None
    if excuse is not None:
        sign, colour = "~", "wait"
        word = f"{excuse.verb}, {word}"
    elif entry.enforcement is Enforcement.ADVISORY and colour != "good":
        colour = "quiet"
    enforcement = str(entry.enforcement)
    if entry.by:
        enforcement += f" by {', '.join(entry.by)}"
    place = f" ({excuse.where})" if excuse is not None and excuse.where else ""
    return Said(
        sign, word, colour, entry.name, result.message, entry.hint,
        f"{excuse.in_words()}{place}" if excuse else "", enforcement, entry.policy, entry.where,
        moment(result.passes_at) if result.passes_at else "", _pairs(result.evidence),
        figures_of(result.exhibits, draw), f"gate-{at}",
    )  # fmt: skip


def _title(decision: Decision) -> str:
    identity = decision.identity
    return f"{identity.model} version {identity.version}: {decision.from_stage} → {decision.to_stage}"


def _kind(decision: Decision) -> str:
    if decision.rollback:
        return "Rollback"
    return "Already there" if decision.already_there else "Promotion"


def _counts(said: Sequence[Said]) -> str:
    """`2 failed, 1 pending, 5 passed`, the worst first."""
    words = [one.word for one in said]
    order = sorted(dict.fromkeys(words), key=lambda word: (word == "passed", -words.count(word)))
    return ", ".join(f"{words.count(word)} {word}" for word in order)


def _moved(decision: Decision, entry: Entry | None) -> str:
    if entry is None:
        return "This was only asked for: nothing is on record, and nothing was moved."
    if not entry.record.moves:
        there = decision.allowed and decision.already_there
        return f"It was in {decision.to_stage} already." if there else "Nothing was moved."
    if entry.moved:
        return f"It was moved to {decision.to_stage} at {moment(entry.moved_at)}."
    if entry.state is State.ABANDONED:
        return "It was not moved after all; see the ledger."
    return "It was being moved when this page was written; the ledger says how that ended."


def _created(decision: Decision) -> str:
    from datetime import UTC, datetime

    try:
        return moment(datetime.fromtimestamp(decision.identity.created_at / 1000, UTC))
    except (OverflowError, OSError, ValueError):
        return str(decision.identity.created_at)


def _pairs(evidence: Mapping[str, object]) -> list[tuple[str, str]]:
    return [(key, "\n".join(_lines(value))) for key, value in evidence.items()]


def _lines(value: object) -> Iterator[str]:
    """`value` to be read by people: an object of plain values a line each, anything deeper as JSON."""
    if isinstance(value, Mapping) and value:
        for key, one in value.items():
            yield f"{key}: {_plain(one)}"
    else:
        yield _plain(value)


def _plain(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


# --- Jinja --------------------------------------------------------------------------------------------------


@functools.cache
def _template() -> jinja2.Template:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("hotpass.pages"),
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined,
        finalize=_safe,
    )  # fmt: skip
    return environment.get_template("report.html")


def _safe(value: object) -> object:
    """Text from outside without control characters, and without what UTF-8 cannot hold.

    What Jinja has marked as safe is its own, or a drawing.
    """
    if type(value) is not str:
        return value
    return printable(value).encode("utf-8", "backslashreplace").decode()
