"""`expression`: a rule in CEL over what is known of the candidate, where no gate of its own is worth it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import combinations
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from hotpass.candidate import Candidate
from hotpass.demands import Demand, disjoint
from hotpass.gates import Gate, ParameterError
from hotpass.verdicts import GateResult, Json, Verdict
from hotpass_gates.cel.demanding import demands_of
from hotpass_gates.cel.fields import FIELDS, Absent, Field, Use, as_evidence
from hotpass_gates.cel.mistakes import RuleError, Unsettled

if TYPE_CHECKING:
    from hotpass_gates.cel.rule import Rule

_LONGEST = 2000
_MOST_SHOWN = 200

_RULE = {
    "description": "What must be so, in CEL.",
    "type": "string", "minLength": 1, "maxLength": _LONGEST,
    "examples": ["metrics.roc_auc >= 0.75 && tags.owner != 'nobody'"],
}  # fmt: skip


class Expression(Gate):
    """A rule is so, which is written in CEL (the Common Expression Language) over the candidate's fields.

        - expression: metrics.roc_auc >= 0.75 && metrics.rows >= 1000.0

    or, with a message of your own for those who fail it:

        - expression:
            rule: metrics.recall >= champion.metrics.recall + 0.01 || tags.reason == "new market"
            message: It must find one lead in a hundred more than what serves now.

    Needs `pip install 'hotpass[cel]'`. The fields:

    | field | type | what it is |
    | --- | --- | --- |
    | `metrics.NAME` | number | a logged metric: of the logged model first, then of the run |
    | `tags.NAME`, `run_tags.NAME`, `model_tags.NAME` | text | of the version, its run, the registered model |
    | `params.NAME` | text | a parameter of the run; `double(params.NAME)` and `int(params.NAME)` read it |
    | `model`, `version`, `stage`, `to` | text, whole number, text, text | who it is, where it is, where to |
    | `age`, `run_age` | duration | since the version was registered; since its run started |
    | `in_stage_for` | duration | since it came to the stage that it is in, by the ledger |
    | `now` | time | the moment at which it is judged, in UTC |
    | `datasets` | list of texts | the names of the data sets logged as inputs of the run |
    | `has_signature`, `has_input_example` | true or false | whether the model was logged with one |
    | `champion.metrics.NAME`, `.tags.NAME`, `.params.NAME` | as above | of the version in the target stage |
    | `champion.version` | whole number | which one that is |
    | `has_champion` | true or false | whether there is one |
    | `evidence.NAME` | anything | what a plugin supplies under that name |

    A name that is no identifier stands in brackets: `metrics["val-auc"]`. There are `&&`, `||`, `!`, `==`,
    `!=`, `<`, `<=`, `>`, `>=`, `+`, `-`, `*`, `/`, `in`, `? :`, `has()`, `size()`, `double()`, `int()`,
    `string()`, `duration("36h")`, `timestamp("2026-01-31T00:00:00Z")`, and on texts `startsWith`, `endsWith`,
    `contains` and `matches`; on lists `exists`, `all` and `exists_one`; on times
    `getDayOfWeek("Europe/Paris")` and the like.

    Every field that a rule names must be there, also where `||` or `!` would pass over it: what is missing,
    NaN, infinite or an empty text fails. A rule that can do without asks first: `!has(metrics.gini) ||
    metrics.gini > 0.4`, and `!has_champion || …` for all fields of the champion. Numbers, and what they add
    up to, are decimals of 14 digits, the way a person reads them: 0.85 is at least 0.80 + 0.05. A rule that
    comes to no answer, as by a division by zero, fails. Types are checked when the policy is read. YAML wants
    a rule in single quotes that begins with `!` or has ` : ` in it.

    To pass: make the rule true; the message has the values that it read. For approvals and for waiting there
    are gates of their own, which know whose approval counts and when to come back.
    """

    name = "expression"
    schema: ClassVar[Mapping[str, Any]] = {
        "description": "A rule in CEL over the fields of the candidate.",
        "oneOf": [
            _RULE,
            {
                "type": "object",
                "properties": {
                    "rule": _RULE,
                    "message": {
                        "description": "What to tell whoever meets the rule and fails it.",
                        "type": "string", "minLength": 1, "maxLength": 500,
                        "examples": ["Recall must not fall below that of last year's model."],
                    },
                },
                "required": ["rule"],
                "additionalProperties": False,
            },
        ],
        "examples": [
            "metrics.roc_auc >= 0.75",
            {"rule": "metrics.recall >= champion.metrics.recall", "message": "Recall must not fall."},
        ],
    }  # fmt: skip

    def __init__(self, parameters: str | Mapping[str, Any]) -> None:
        super().__init__(parameters)
        given = {"rule": parameters} if isinstance(parameters, str) else parameters
        path = () if isinstance(parameters, str) else ("rule",)
        self._rule = _compiled(given["rule"], path)
        self._message = str(given.get("message", "")).strip().rstrip(".")
        text = " ".join(self._rule.text.split())
        self._shown = text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 1] + "…"
        self._reads = tuple(_reads(self._rule.uses))
        for one, other in combinations(self.demands(), 2):
            if one.subject == other.subject and disjoint(one, other):
                raise ParameterError(f"the rule can never be so: it wants {one}, and {other}", path)

    def evaluate(self, candidate: Candidate, now: datetime) -> GateResult:
        values: dict[str, Any] = {}
        evidence: dict[str, Json] = {}
        said: dict[str, None] = {}
        missing: dict[str, None] = {}
        for use, text, field, optional in self._reads:
            value = field.read(candidate, now, use.key)
            if field.keyed and use.field not in values:
                values[use.field] = {}
            if type(value) is Absent:
                (said if optional and not value.unusable else missing)[value.why] = None
                continue
            if field.keyed:
                values[use.field][use.key] = value
            else:
                values[use.field] = value
            evidence[text] = recorded = as_evidence(value)
            said[f"{text} is {_in_words(recorded)}"] = None
        if missing:
            return GateResult(Verdict.FAILED, "; ".join(missing), evidence)
        try:
            holds, answer = self._rule.holds(values), ""
        except Unsettled as error:
            holds, answer = False, f"has no answer ({error})"
        told = f"`{self._shown}` {answer or ('is so' if holds else 'is not so')}"
        if not (holds or answer) and self._message:
            told = self._message
        return GateResult(Verdict.PASSED if holds else Verdict.FAILED, f"{told}: {'; '.join(said)}", evidence)

    def explain(self) -> Sequence[str]:
        rule = f"The rule `{self._shown}` is so."
        return [rule, f"Those who fail it are told: {self._message}."] if self._message else [rule]

    def demands(self) -> Iterator[Demand]:
        yield from demands_of(self._rule.tree, [read.use for read in self._reads if not read.optional])


class _Read(NamedTuple):
    """A field that the rule reads. `optional` where the rule itself asks first whether it is there."""

    use: Use
    text: str
    field: Field
    optional: bool


def _reads(uses: Sequence[Use]) -> Iterator[_Read]:
    asked = {use._replace(tested=False) for use in uses if use.tested}
    champion_asked = any(use.field == "has_champion" for use in uses)
    for use in dict.fromkeys(use._replace(tested=False) for use in uses):
        field = FIELDS[use.field]
        yield _Read(use, use.text, field, use in asked or (champion_asked and field.of_champion))


def _in_words(value: Json) -> str:
    text = str(value) if isinstance(value, int | float) else repr(value)
    return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 1] + "…"


def _compiled(text: str, path: tuple[str, ...]) -> Rule:
    # Only a policy that has such a rule waits for CEL, or needs it at all.
    try:
        from hotpass_gates.cel.rule import compile_rule
    except ImportError as error:
        raise ParameterError(
            f"the gate expression needs CEL, which cannot be imported: {error}", path,
            "Install it with `pip install 'hotpass[cel]'`, wherever this policy is read.",
        ) from error  # fmt: skip
    try:
        return compile_rule(text)
    except RuleError as error:
        remedies = dict.fromkeys(mistake.remedy for mistake in error.mistakes if mistake.remedy)
        raise ParameterError(str(error), path, " ".join(remedies)) from error
