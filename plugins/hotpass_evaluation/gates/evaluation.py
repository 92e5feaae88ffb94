"""`evaluation`: the model is measured on data, with the uncertainty that the data leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, NamedTuple

from hotpass.candidate import Candidate
from hotpass.gates import MeasuringGate, ParameterError
from hotpass.verdicts import GateResult, Json, Verdict, digest_of, failed, passed
from hotpass_evaluation.gates import first_champion
from hotpass_evaluation.gates.alpha_budget import (
    EVIDENCE,
    Look,
    Reign,
    budget_of,
    look_evidence,
    look_words,
    looks_again,
    looks_of,
    next_look,
    reign_of,
    seen_of,
)
from hotpass_evaluation.gates.common import DATA, DataSource, start
from hotpass_evaluation.gates.evaluation_exhibits import exhibits
from hotpass_evaluation.gates.metrics import COMPARING, CONFIDENCE, METRICS, requirements_of
from hotpass_evaluation.gates.requirements import finding_of, said, sentence, together
from hotpass_evaluation.gates.words import counted, percent
from hotpass_evaluation.unusable import Unusable

#: What is asked of whom. Nothing else begins a new budget: neither a seed nor another file, whose rows are
#: another look in the same one.
_THE_TEST = ("target", "positive", "weight", "group", "metrics", "confidence")
#: Shares of the rows that repeat another: from where on it is said, and nothing passes.
_MANY_REPEAT, _MOST_REPEAT = 0.2, 0.5


class _Looks(NamedTuple):
    """The looks that this candidate gets: `again` by what was seen, and `new` for anything else."""

    reign: Reign
    again: Mapping[str, Look]
    new: Look

    def on(self, seen: str) -> Look:
        return self.again.get(seen, self.new)


class Evaluation(MeasuringGate):
    """The candidate is measured on data, and passes where what the data leave uncertain cannot change that.

        - evaluation:
            data: holdout.csv
            target: y
            metrics:
              roc_auc: {at_least: 0.75, better_by: 0}
              lift_at_10: {at_least: 2}
              precision: {threshold: logged, may_lose_at_most: 0.01}
            confidence: 0.95
            alpha_budget: 0.05
            first_champion: allow

    Challenger and champion are loaded, each in a process without credentials that never sees the target, and
    asked about the same rows. `at_least: 0.75` with `confidence: 0.95` passes where the lower bound reaches
    0.75, a bound that is too high for one sample in twenty; it fails where the upper bound is below, and is
    inconclusive between. `better_by` and `may_lose_at_most` are the same for the difference from the
    champion, in the metric's own unit, paired row by row; `better_by: 0` asks for any gain at all.

    Whoever retrains until one of twenty passes by luck has passed. `alpha_budget: 0.05` keeps the chance that
    any challenger of one champion passes without being better below 5%, however many there are: the first
    gets half of it, the next a sixth, a twelfth (`{total: 0.05, challengers: 10}`: ten get a tenth each, and
    later ones nothing). The ledger says how many there were; versions that were registered and never judged
    count too. The same version on the same data is not a new look, unless it answers by chance.

    Fails, too: data that overlap what the candidate was trained on, and a metric that these rows do not have.
    Below `min_rows` different rows, or `min_positives` of either class, it is inconclusive; so is what passes
    only on rows most of which repeat another in every column, unless `group` says which belong together.

    `data: {artifact: …}` and `{dataset: …}` are rows that the run itself brings, so whoever trains a model
    chooses what it is judged by. Where that is not you, keep a file.

    To pass: train a better model; or judge on more rows, as many as the message says.
    """

    name = "evaluation"
    schema: ClassVar[Mapping[str, Any]] = {
        "description": "On which data the model is measured, and what it must show.",
        "type": "object",
        "properties": {
            **DATA,
            "metrics": METRICS,
            "confidence": {
                **CONFIDENCE, "default": 0.95,
                "description": "How sure each bound must be, each by itself: 0.95 errs in one sample of 20.",
            },
            "min_rows": {
                "description": "With fewer rows it is inconclusive.",
                "type": "integer", "minimum": 1, "default": 100, "examples": [500],
            },
            "min_positives": {
                "description": "With fewer rows of either class it is inconclusive.",
                "type": "integer", "minimum": 1, "default": 10, "examples": [50],
            },
            "alpha_budget": {
                "description": "The chance that any challenger of one champion passes without being better.",
                "oneOf": [
                    {"type": "number", "examples": [0.05]},
                    {
                        "type": "object",
                        "properties": {
                            "total": {
                                "description": "The chance for all of them together.", "type": "number",
                                "examples": [0.05],
                            },
                            "challengers": {
                                "description": "How many get an equal share; later ones get none.",
                                "type": "integer", "minimum": 1, "examples": [10],
                            },
                        },
                        "required": ["total"],
                        "additionalProperties": False,
                    },
                ],
            },
            **COMPARING,
        },
        "required": ["data", "target", "metrics"],
        "additionalProperties": False,
        "examples": [
            {"data": "holdout.csv", "target": "y", "metrics": {"roc_auc": {"at_least": 0.75, "better_by": 0}}}
        ],
    }  # fmt: skip

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        super().__init__(parameters)
        self._source = DataSource.of(parameters)
        self._requirements = requirements_of(parameters["metrics"], parameters.get("confidence", 0.95))
        self._relative = any(one.relative for one in self._requirements)
        self._allow_first = parameters.get("first_champion", "deny") == "allow"
        self._budget = budget_of(parameters.get("alpha_budget"))
        self._of = digest_of({key: parameters[key] for key in _THE_TEST if key in parameters})
        if self._budget and not self._relative:
            raise ParameterError(
                "alpha_budget is for comparisons with the champion, and no metric is compared",
                ("alpha_budget",),
                "Give a metric better_by or may_lose_at_most, or leave alpha_budget out.",
            )  # fmt: skip
        if self._budget and self._source.is_brought:
            raise ParameterError(
                "alpha_budget is for rows that stay the same from one challenger to the next, and "
                f"{self._source.in_words()} comes from whoever trained: each run could bring a test of "
                "its own",
                ("alpha_budget",),
                "Judge by rows that you keep (data: holdout.csv, or {uri: …}), or leave alpha_budget out.",
            )  # fmt: skip
        if "first_champion" in parameters and not self._relative:
            raise ParameterError(
                "first_champion is for comparisons with the champion, and no metric is compared",
                ("first_champion",), "Give a metric better_by or may_lose_at_most, or leave it out.",
            )  # fmt: skip

    def measure(self, candidate: Candidate, now: datetime) -> GateResult:
        stage = candidate.to_stage
        if self._relative and candidate.champion is None:
            if candidate.stage == stage:
                if all(one.relative for one in self._requirements):
                    return passed(f"this version holds {stage} itself, so there is nothing to compare it "
                                  "with", champion=None)  # fmt: skip
            elif refused := first_champion.refusal(candidate, self._allow_first):
                return failed(refused, champion=None)
        try:
            job = self._source.job(candidate, champion=self._relative)
            looks = self._looks(candidate, job)
            answer = start(self.name, {**job, **self._work(job, looks)}, candidate)
        except Unusable as error:
            return failed(str(error))
        return self._judge(candidate, job, answer, looks)

    def explain(self) -> Sequence[str]:
        words = [f"On {self._source.in_words()}: {sentence(one)}" for one in self._requirements]
        rows, positives = self._least()
        classes = any(one.needs == "classifier" for one in self._requirements)
        words.append(f"It is measured on {counted(rows, 'row')} or more"
                    + (f", with {positives:,} or more of each class." if classes else "."))  # fmt: skip
        if self._budget:
            several = self._budget.challengers
            words.append(
                "The chance that any challenger of one champion passes without being better is at most "
                f"{percent(self._budget.total)}" + (f", shared by {several} of them." if several else ".")
            )
        if self._source.is_brought:
            words.append("Whoever trains it chooses these rows: the run itself brings them.")
        if self._relative:
            words.append(
                "Where there is no champion yet, it is enough that what is compared can be measured."
                if self._allow_first
                else "Where there is no champion yet, nothing passes."
            )
        return words

    def _least(self) -> tuple[int, int]:
        return self.parameters.get("min_rows", 100), self.parameters.get("min_positives", 10)

    def _looks(self, candidate: Candidate, job: Mapping[str, Any]) -> _Looks | None:
        champion = candidate.champion if self._budget else None
        if self._budget is None or champion is None:
            return None
        reign = reign_of(champion.identity, candidate.to_stage, candidate.earlier())
        past = looks_of(reign, self.name, self._of)
        again = looks_again(self._budget, past, candidate.identity, job["challenger"]["digest"])
        return _Looks(reign, again, next_look(self._budget, past, reign, candidate.version))

    def _work(self, job: Mapping[str, Any], looks: _Looks | None) -> dict[str, Json]:
        """What the task is told beside the data. Raises Unusable."""
        for one in self._requirements:
            for role in ("challenger", "champion"):
                if one.logged and job[role] is not None and job[role]["threshold"] is None:
                    raise Unusable(
                        f"{one.metric} is asked for at the threshold that the run logged, and the run of "
                        f"{job[role]['name']} logged no number as parameter decision_threshold. Log it, or "
                        "write the threshold into the policy"
                    )
        return {
            "metrics": [
                {
                    "metric": one.metric, "parameters": dict(one.parameters), "needs": one.needs,
                    "logged": one.logged, "of_plugin": one.of_plugin, "higher": one.higher,
                    "confidence": one.confidence, "relative": one.relative,
                }
                for one in self._requirements
            ],
            "levels": {
                "again": {seen: _level(look) for seen, look in looks.again.items()} if looks else {},
                "new": _level(looks.new) if looks else 0.0,
            },
            "least": list(self._least()),
            "resamples": self.parameters.get("resamples", 2000),
            "seed": self.parameters.get("seed", 0),
        }  # fmt: skip

    def _judge(
        self, candidate: Candidate, job: Mapping[str, Any], answer: Mapping[str, Any], looks: _Looks | None
    ) -> GateResult:
        info = answer["info"]
        data = info["data"]["digest"]
        look = looks.on(seen_of(data, answer["scores"])) if looks else None
        findings = [
            finding_of(requirement, found, spent=look is not None and not look.alpha)
            for requirement, found in zip(self._requirements, answer["measured"], strict=True)
        ]
        evidence: dict[str, Json] = {
            "data": info["data"], "rows": info["rows"], "positives": info.get("positives"),
            "repeated": answer["different"]["repeated"],
            "groups": info.get("groups"), "overlap": info["overlap"],
            "challenger": {"version": candidate.version, "digest": job["challenger"]["digest"]},
            "champion": None if job["champion"] is None
            else {"version": job["champion"]["version"], "digest": job["champion"]["digest"]},
            "seed": self.parameters.get("seed", 0),
            "code": info["libraries"],
            "metrics": {finding.requirement.key: finding.as_json() for finding in findings},
        }  # fmt: skip
        drawn = exhibits(answer["kind"], answer["curves"], findings)
        short = self._short(info, answer["different"])
        if short:
            return GateResult(Verdict.INCONCLUSIVE, short, evidence, exhibits=drawn)
        message, verdict = said(findings), together(findings)
        repeated = answer["different"]["repeated"]
        if self._source.group is None and repeated > _MANY_REPEAT * info["rows"]:
            message += (
                f". {repeated:,} of {counted(info['rows'], 'row')} repeat another in every column: name "
                "group: …, or have a column that tells them apart (an id), or the intervals are narrower "
                "than they should be"
            )
            if repeated > _MOST_REPEAT * info["rows"] and verdict is Verdict.PASSED:
                verdict = Verdict.INCONCLUSIVE
        if looks and look and self._budget:
            evidence[EVIDENCE] = look_evidence(
                self._budget, look, looks.reign, of=self._of, files=job["challenger"]["digest"],
                data=data, scores=answer["scores"],
            )  # fmt: skip
            message += f". {look_words(look, self._budget.total)}"
        elif job["champion"] is None and self._relative and candidate.stage != candidate.to_stage:
            message = "; ".join(filter(None, [
                f"no version holds {candidate.to_stage} yet, and the policy allows a first champion", message
            ]))  # fmt: skip
        return GateResult(verdict, message, evidence, exhibits=drawn)

    def _short(self, info: Mapping[str, Any], different: Mapping[str, int]) -> str:
        """What there is too little of, in words; "" where there is enough."""
        rows, positives = self._least()
        lacking = []
        if different["rows"] < rows:
            has = counted(info["rows"], "row")
            if different["repeated"]:
                has = f"{counted(different['rows'], 'different row')} of {info['rows']:,}"
            lacking.append(f"{has}, and min_rows asks for {rows:,}")
        classes = {}
        if info.get("positives") is not None:
            found = different["positives"]
            classes = {"positive": found, "negative": different["rows"] - found}
        lacking += [
            f"{counted(number, what)}, and min_positives asks for {positives:,} of each class"
            for what, number in classes.items()
            if number < positives
        ]
        return f"{self._source.in_words()} has {'; '.join(lacking)}" if lacking else ""


def _level(look: Look) -> float:
    """The confidence that a look asks for; 0, which asks for nothing, where nothing is left to spend."""
    return 1 - look.alpha if look.alpha else 0.0
