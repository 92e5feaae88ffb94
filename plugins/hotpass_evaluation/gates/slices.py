"""`slices`: what is asked holds in each part of the data, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from hotpass.candidate import Candidate
from hotpass.decimals import number_text
from hotpass.gates import MeasuringGate, ParameterError
from hotpass.verdicts import GateResult, Json, Verdict, failed, passed
from hotpass_evaluation.gates import first_champion
from hotpass_evaluation.gates.common import DATA, DataSource, Unusable, start
from hotpass_evaluation.gates.metrics import COMPARING, CONFIDENCE, METRICS, requirements_of
from hotpass_evaluation.gates.requirements import sentence
from hotpass_evaluation.gates.slice_findings import KEPT, ORDER, Judged, between, by_slice, drawings, listed
from hotpass_evaluation.gates.slicing import BY, DISPARITY, MEASURES, Slicing, disparities_of
from hotpass_evaluation.gates.words import counted

_NAMED = 3


class Slices(MeasuringGate):
    """What is asked of the model holds in each slice of the data: each kind of job, each age group.

        - slices:
            data: holdout.csv
            target: y
            by: [job, {age: {bins: [30, 60]}}, [job, age]]
            metrics:
              roc_auc: {at_least: 0.6, may_lose_at_most: 0.05}
            min_rows: 200
            min_positives: 30
            disparity:
              between: [marital]
              threshold: logged
              demographic_parity_difference: {at_most: 0.1}

    The rows, the models and the metrics are those of the gate `evaluation`, and where both stand in a policy
    each model is asked once. A slice is a value of a column, a bin, or a combination (`[job, age]`); what is
    missing makes one, too. Slices with fewer than `min_rows` rows, or `min_positives` of either class, are
    listed and not judged; where all are that small it is inconclusive.

    A slice that is shown to miss a requirement fails the gate, and the three worst are named. Of twelve
    slices one looks bad by chance, so misses count after Holm's correction over all slices and requirements:
    the chance of any false alarm stays below 1 - `confidence`. A slice passes where its own bound reaches
    the requirement. Between the two it is unsettled, as small slices mostly are: `unsettled: inconclusive`
    (the default) holds the model back until there are more rows, `unsettled: pass` fails only what is shown
    to be bad. How to choose, with twelve jobs of unequal size: set floors well below what the whole reaches
    (of 600 rows with 60 positives a ROC AUC is known to about 0.06 on either side); let `min_rows` and
    `min_positives` leave out what can show nothing; take `pass` where any slice stays small, and
    `inconclusive` where each of them matters by itself. Cross columns only where there are rows for it.

    `disparity` compares the decisions of the candidate at a threshold between groups, by fairlearn's
    definitions and with fairlearn itself. Its bounds are the bootstrap's, less what chance adds to a largest
    difference, and are held against the limit as above, without a correction for several.

    To pass: the message names the slices. Train on more rows like those, or give the model what it needs to
    tell them apart; or judge on more rows.
    """

    name = "slices"
    schema: ClassVar[Mapping[str, Any]] = {
        "description": "What the model must show in each part of the data.",
        "type": "object",
        "properties": {
            **DATA,
            "by": BY,
            "metrics": METRICS,
            "disparity": DISPARITY,
            "confidence": {
                **CONFIDENCE, "default": 0.95,
                "description": "How sure it must be that a slice misses, over all slices; and that it does "
                "not, each by itself.",
            },
            "min_rows": {
                "description": "Slices with fewer rows are not judged.",
                "type": "integer", "minimum": 2, "default": 100,
            },
            "min_positives": {
                "description": "Nor are those with fewer rows of either class.",
                "type": "integer", "minimum": 1, "default": 20,
            },
            "unsettled": {
                "description": "What to say of slices that are shown neither to miss nor to reach it.",
                "enum": ["inconclusive", "pass"], "default": "inconclusive",
            },
            **COMPARING,
        },
        "required": ["data", "target"],
        "additionalProperties": False,
        "examples": [{
            "data": "holdout.csv", "target": "y", "by": ["job"], "metrics": {"roc_auc": {"at_least": 0.6}},
        }],
    }  # fmt: skip

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        super().__init__(parameters)
        self._source = DataSource.of(parameters)
        self._confidence = float(parameters.get("confidence", 0.95))
        self._requirements = requirements_of(parameters.get("metrics", {}), self._confidence)
        said = parameters.get("disparity")
        self._disparities = disparities_of(said)
        self._threshold: float | str = said["threshold"] if said else 0.5
        if not self._requirements and not self._disparities:
            raise ParameterError("nothing is asked of the slices", (), "Add metrics: or disparity:.")
        if bool(self._requirements) is not bool(parameters.get("by")):
            raise ParameterError(
                "by: and metrics: belong together: what makes a slice, and what is asked of it", (),
                f"Add {'by: [job]' if self._requirements else 'metrics: {roc_auc: {at_least: 0.6}}'}.",
            )  # fmt: skip
        self._slicing = Slicing.of(parameters.get("by", []), said["between"] if said else [])
        self._relative = any(one.relative for one in self._requirements)
        self._lenient = parameters.get("unsettled") == "pass"

    def measure(self, candidate: Candidate, now: datetime) -> GateResult:
        stage = candidate.to_stage
        if self._relative and candidate.champion is None:
            if candidate.stage == stage:
                if all(one.relative for one in self._requirements) and not self._disparities:
                    return passed(
                        f"this version holds {stage} itself, so there is nothing to compare it with"
                    )
            else:
                allowed = self.parameters.get("first_champion", "deny") == "allow"
                if refused := first_champion.refusal(candidate, allowed):
                    return failed(refused)
        try:
            job = self._source.job(candidate, champion=self._relative)
            return self._judged(start(self.name, {**job, **self._work(job)}, candidate), candidate, job)
        except Unusable as error:
            return failed(str(error))

    def _work(self, job: Mapping[str, Any]) -> dict[str, Json]:
        for role in ("challenger", "champion"):
            wanted = any(one.logged for one in self._requirements) or (
                role == "challenger" and self._threshold == "logged")  # fmt: skip
            if wanted and job[role] is not None and job[role]["threshold"] is None:
                raise Unusable(
                    f"the threshold is what the run logged, and the run of {job[role]['name']} logged "
                    "no number as "
                    "parameter decision_threshold. Log it, or write the threshold into the policy"
                )
        threshold = job["challenger"]["threshold"] if self._threshold == "logged" else self._threshold
        measures = {one.measure: self._confidence for one in self._disparities}
        return {
            "metrics": [
                {
                    "metric": one.metric, "parameters": dict(one.parameters), "needs": one.needs,
                    "logged": one.logged, "of_plugin": one.of_plugin, "higher": one.higher, "kind": one.kind,
                    "confidence": one.confidence, "relative": one.relative, "margin": one.margin,
                }
                for one in self._requirements
            ],
            "columns": dict(self._slicing.columns), "by": [list(names) for names in self._slicing.by],
            "disparity": {
                "between": list(dict.fromkeys(one.between for one in self._disparities)),
                "threshold": threshold, "measures": measures,
            } if self._disparities else None,
            "min_rows": self.parameters.get("min_rows", 100),
            "min_positives": self.parameters.get("min_positives", 20),
            "resamples": self.parameters.get("resamples", 2000), "seed": self.parameters.get("seed", 0),
        }  # fmt: skip

    def _judged(self, found: Mapping[str, Any], candidate: Candidate, job: Mapping[str, Any]) -> GateResult:
        segments = found["segments"]
        judged = by_slice(segments, self._requirements)
        judged += [between(one, found["disparity"][one.between]) for one in self._disparities]
        judged.sort(key=lambda one: (ORDER.index(one.verdict), -one.short))
        small = [one["name"] for one in segments if one["measured"] is None]
        info = found["info"]
        evidence: dict[str, Json] = {
            "data": info["data"], "rows": info["rows"], "overlap": info["overlap"],
            "challenger": {"version": candidate.version, "digest": job["challenger"]["digest"]},
            "champion": None if job["champion"] is None
            else {"version": job["champion"]["version"], "digest": job["champion"]["digest"]},
            "seed": self.parameters.get("seed", 0), "code": info["libraries"],
            "slices": len(segments), "too_small": small[:KEPT],
            "judged": [
                {
                    "name": one.name, "rows": one.rows, "what": one.what, "verdict": str(one.verdict),
                    **one.said,
                }
                for one in judged[:KEPT]
            ],
        }  # fmt: skip
        verdict, message = self._said(judged, segments, small)
        return GateResult(verdict, message, evidence, None, drawings(found, judged, small))

    def _said(
        self, judged: Sequence[Judged], segments: Sequence[Mapping[str, Any]], small: Sequence[str]
    ) -> tuple[Verdict, str]:
        said = f"; not judged, too few rows: {listed(small)}" if small else ""
        bad = [one for one in judged if one.verdict is Verdict.FAILED]
        unsettled = [one for one in judged if one.verdict is Verdict.INCONCLUSIVE]
        if bad:
            more = f"; and {len(bad) - _NAMED} more" if len(bad) > _NAMED else ""
            return Verdict.FAILED, "; ".join(one.message for one in bad[:_NAMED]) + more + said
        if segments and len(small) == len(segments):
            least = self.parameters.get("min_rows", 100), self.parameters.get("min_positives", 20)
            return Verdict.INCONCLUSIVE, (
                f"each of the {counted(len(segments), 'slice')} has fewer than {least[0]} rows or "
                f"{least[1]} of "
                f"either class: {listed(small)}")  # fmt: skip
        if unsettled and not self._lenient:
            more = f"; and {len(unsettled) - _NAMED} more" if len(unsettled) > _NAMED else ""
            return Verdict.INCONCLUSIVE, (
                f"not settled in {len(unsettled)} of {len(judged)}: "
                f"{'; '.join(one.message for one in unsettled[:_NAMED])}{more}{said}")  # fmt: skip
        worst = max(judged, key=lambda one: one.short)
        beside = (
            f"; {len(unsettled)} of {len(judged)} not settled, which the policy lets pass"
            if unsettled
            else ""
        )
        return (
            Verdict.PASSED,
            f"no slice is shown to miss what is asked; the worst: {worst.message}{beside}{said}",
        )

    def explain(self) -> Sequence[str]:
        data = self._source.in_words()
        said = [
            f"In each slice of {data} by {self._slicing.in_words()}: {sentence(one)}"
            for one in self._requirements
        ]
        for one in self._disparities:
            how = f"at {'least' if one.ratio else 'most'} {number_text(one.limit)}"
            said.append(f"Between the groups of {one.between}, {MEASURES[one.measure]} is {how}.")
        if self._lenient:
            said.append("What the rows do not settle passes.")
        return said
