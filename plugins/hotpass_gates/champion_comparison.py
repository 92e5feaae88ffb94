"""`champion_comparison`: the challenger's logged metrics against the champion's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, NamedTuple

from hotpass.candidate import Candidate, Metric
from hotpass.decimals import as_read, brief_text, is_finite, minus, number_text, times
from hotpass.demands import Demand
from hotpass.directions import higher_is_better
from hotpass.gates import Gate, ParameterError
from hotpass.spoken import all_of, metric_words
from hotpass.verdicts import GateResult, Json, Verdict, failed, passed
from hotpass_gates.logged import fact, measured_on, usable

_HUNDREDTH = Decimal("0.01")
_PERCENT = "percent_of_champion"


class _Comparison(NamedTuple):
    metric: str
    margin: Decimal  # by how much it must be better, or, where `loses`, may be worse
    loses: bool
    higher: bool
    relative: bool
    dataset: str | None
    wanted: str  # the margin in words, where it is absolute


class ChampionComparison(Gate):
    """The candidate holds its own against the champion, the version that is in the target stage now.

        - champion_comparison:
            first_champion: allow
            roc_auc: {may_lose_at_most: 0.005}
            log_loss: {better_than_champion_by: 0.01}
            lift_at_10: {may_lose_at_most: 2, unit: percent_of_champion, direction: higher}

    `may_lose_at_most: 0` allows a tie; `better_than_champion_by: 0` does not: it asks for any gain at all.
    A margin is in the metric's own unit, so 0.005 of a ROC AUC of 0.80 leaves 0.795. With
    `unit: percent_of_champion` it is a percentage of the champion's value without its sign, so 2 of a
    champion at 50 (or at -50) is 1; of a champion at 0 there is no percentage, and the gate fails. Which
    direction is better is known for scikit-learn's metrics; for any other, write `direction: higher` or
    `direction: lower`. Numbers are compared as decimals of 14 digits.

    A metric that is missing, NaN or infinite on either side fails. Where nobody holds the target stage yet,
    the gate fails unless the policy says `first_champion: allow`; then the candidate only needs the metrics,
    so that its challengers can be compared with it.

    To pass: train a better model; or log for the champion what the policy compares.
    """

    name = "champion_comparison"
    schema: ClassVar[Mapping[str, Any]] = {
        "description": "Logged metrics against the champion's. Keys: metric names and `first_champion`.",
        "type": "object",
        "minProperties": 1,
        "properties": {
            "first_champion": {
                "description": "What to say where no version holds the target stage yet.",
                "enum": ["allow", "deny"], "default": "deny",
            },
        },
        "additionalProperties": {
            "description": "How it must compare: `may_lose_at_most` or `better_than_champion_by`.",
            "type": "object",
            "minProperties": 1,
            "properties": {
                "may_lose_at_most": {
                    "description": "How much worse than the champion it may be. 0 allows a tie.",
                    "type": "number", "minimum": 0, "examples": [0.005],
                },
                "better_than_champion_by": {
                    "description": "How much better than the champion it must be. 0 asks for any gain.",
                    "type": "number", "minimum": 0, "examples": [0.01],
                },
                "unit": {
                    "description": "What the margin is in: the metric's unit, or percent of the champion.",
                    "enum": ["absolute", _PERCENT], "default": "absolute",
                },
                "direction": {
                    "description": "Which direction is better; needed for metrics that scikit-learn lacks.",
                    "enum": ["higher", "lower"],
                },
                "dataset": {
                    "description": "Only values measured on the data set of this name count, on both sides.",
                    "type": "string", "minLength": 1, "examples": ["validation"],
                },
            },
            "additionalProperties": False,
            "examples": [{"may_lose_at_most": 0.005}, {"better_than_champion_by": 0.01}],
        },
        "examples": [{"roc_auc": {"may_lose_at_most": 0.005}}],
    }  # fmt: skip

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        super().__init__(parameters)
        self._allow_first = parameters.get("first_champion", "deny") == "allow"
        self._comparisons = tuple(
            _comparison(metric, how) for metric, how in parameters.items() if metric != "first_champion"
        )
        if not self._comparisons:
            raise ParameterError(
                "no metric is compared", (), "Name one: `roc_auc: {may_lose_at_most: 0.005}`."
            )

    def evaluate(self, candidate: Candidate, now: datetime) -> GateResult:
        champion = candidate.champion
        if champion is None:
            return self._without_champion(candidate)
        reasons: list[str] = []
        remarks: list[str] = []
        evidence: dict[str, Json] = {"champion": champion.version}
        for comparison in self._comparisons:
            metric, dataset = comparison.metric, comparison.dataset
            ours, theirs = usable(candidate, metric, dataset), usable(champion, metric, dataset)
            if isinstance(ours, str):
                reasons.append(f"the candidate {ours}")
            if isinstance(theirs, str):
                reasons.append(f"the champion, version {champion.version}, {theirs}")
            if isinstance(ours, str) or isinstance(theirs, str):
                continue
            evidence[metric] = [ours.value, theirs.value]
            good, words = _compare(comparison, ours.value, theirs.value)
            (remarks if good else reasons).append(words + _different_data(ours, theirs))
        if reasons:
            return GateResult(Verdict.FAILED, "; ".join(reasons), evidence)
        return GateResult(Verdict.PASSED, "; ".join(remarks), evidence)

    def explain(self) -> Sequence[str]:
        metrics = list(dict.fromkeys(metric_words(one.metric) for one in self._comparisons))
        are = "are" if len(metrics) > 1 else "is"
        first = (
            f"Where there is no champion yet, it is enough that {all_of(metrics)} {are} logged."
            if self._allow_first
            else "Where there is no champion yet, nothing passes."
        )
        return [*map(_sentence, self._comparisons), first]

    def demands(self) -> Iterator[Demand]:
        for metric, margin, loses, _, relative, dataset, _ in self._comparisons:
            # The candidate's own value must be there even where it is not compared with anything.
            yield Demand(fact("metrics", metric, dataset))
            yield Demand(
                fact("gain_percent" if relative else "gain", metric, dataset),
                low=float(-margin if loses else margin), low_open=not loses and not margin,
                exact=True, name=f"the gain in {metric} over the champion",
                words=f"{metric} {_margin(loses, margin)}{' percent' if relative else ''}",
            )  # fmt: skip

    def _without_champion(self, candidate: Candidate) -> GateResult:
        stage = candidate.to_stage
        if candidate.stage == stage:
            return passed(
                f"this version holds {stage} itself, so there is nothing to compare it with", champion=None
            )
        if self._allow_first:
            # What it cannot be compared by now, its challengers could not be compared by later.
            found = [usable(candidate, wanted.metric, wanted.dataset) for wanted in self._comparisons]
            reasons = [f"the candidate {missing}" for missing in found if isinstance(missing, str)]
            if reasons:
                return failed("; ".join(reasons), champion=None)
            return passed(
                f"no version holds {stage} yet, and the policy allows a first champion", champion=None
            )
        return failed(f"no version holds {stage} yet, so there is nothing to compare with; "
                      "`first_champion: allow` in the policy lets a first one in", champion=None)  # fmt: skip


def _compare(comparison: _Comparison, ours: float, theirs: float) -> tuple[bool, str]:
    """Whether the comparison is met, and how it came out in words."""
    challenger, champion = as_read(ours), as_read(theirs)
    gain = minus(challenger, champion) if comparison.higher else minus(champion, challenger)
    margin, wanted = comparison.margin, comparison.wanted
    if comparison.relative:
        if not champion:
            return False, (f"{comparison.metric} of the champion is 0, and of 0 there is no percentage; "
                           "use `unit: absolute`")  # fmt: skip
        margin = times(times(margin, _HUNDREDTH), abs(champion))
        wanted = _wanted(comparison.loses, margin) + (
            f" ({number_text(comparison.margin)} percent of the champion's value)"
        )
    if comparison.loses:
        good = gain >= -margin
    elif margin:
        good = gain >= margin
    else:
        good = gain > 0
    word = "better" if gain > 0 else "worse"
    difference = f"{word} by {brief_text(abs(gain), margin)}" if gain else "the same"
    return good, (f"{comparison.metric} is {brief_text(challenger, champion)} against the champion's "
                  f"{brief_text(champion, challenger)}, {difference}; {wanted}")  # fmt: skip


def _sentence(comparison: _Comparison) -> str:
    margin = number_text(comparison.margin) + (" percent" if comparison.relative else "")
    better, worse = ("higher", "lower") if comparison.higher else ("lower", "higher")
    if not comparison.margin:
        how = f"not {worse}" if comparison.loses else better
    elif comparison.loses:
        how = f"no more than {margin} {worse}"
    else:
        how = f"at least {margin} {better}"
    return f"{metric_words(comparison.metric)} is {how} than the champion's{measured_on(comparison.dataset)}."


def _margin(loses: bool, margin: Decimal) -> str:
    if loses:
        return f"worse than the champion's by at most {number_text(margin)}"
    return f"better than the champion's by {number_text(margin)}"


def _wanted(loses: bool, margin: Decimal) -> str:
    if loses:
        return f"it may lose at most {number_text(margin)}"
    return f"it must be better by {number_text(margin)}" if margin else "it must be better"


def _different_data(ours: Metric, theirs: Metric) -> str:
    if ours.dataset_digest and theirs.dataset_digest and ours.dataset_digest != theirs.dataset_digest:
        return (f" (mind: they were measured on different data, {ours.dataset} {ours.dataset_digest} "
                f"and {theirs.dataset} {theirs.dataset_digest})")  # fmt: skip
    return ""


def _comparison(metric: str, how: Mapping[str, Any]) -> _Comparison:
    given = [key for key in ("may_lose_at_most", "better_than_champion_by") if key in how]
    if len(given) != 1:
        raise ParameterError(
            f"{metric} says {'both' if given else 'neither'} may_lose_at_most {'and' if given else 'nor'} "
            "better_than_champion_by", (metric,), "Give it one of the two.",
        )  # fmt: skip
    margin = how[given[0]]
    if not is_finite(margin) or margin < 0:
        raise ParameterError(f"{given[0]} of {metric} is {margin}", (metric, given[0]),
                             "Write a finite number, 0 or more.")  # fmt: skip
    known, said = higher_is_better(metric), how.get("direction")
    if known is None and said is None:
        raise ParameterError(
            f"{metric} is not a metric of scikit-learn, so the policy must say which direction is better",
            (metric,), "Add `direction: higher` or `direction: lower`.",
        )  # fmt: skip
    higher = said == "higher" if said is not None else bool(known)
    if known is not None and higher is not known:
        right = "higher" if known else "lower"
        raise ParameterError(
            f"a {right} {metric} is the better one, and the policy says {said}",
            (metric, "direction"), f"Write `direction: {right}`, or leave it out.",
        )  # fmt: skip
    loses, read = given[0] == "may_lose_at_most", as_read(margin)
    relative = how.get("unit", "absolute") == _PERCENT
    return _Comparison(metric, read, loses, higher, relative, how.get("dataset"), _wanted(loses, read))
