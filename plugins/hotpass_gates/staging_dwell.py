"""`staging_dwell`: the version has proved itself in Staging for long enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from hotpass.candidate import Candidate
from hotpass.demands import Demand
from hotpass.durations import duration_text
from hotpass.errors import CallError
from hotpass.gates import Gate, ParameterError
from hotpass.spoken import duration_words
from hotpass.stages import ModelStage, canonical
from hotpass.verdicts import GateResult, Verdict, failed, pending
from hotpass_gates.times import duration_parameter

_DURATION = {
    "description": "How long, in w, d, h, m (minutes) or s, the largest first.",
    "type": "string", "minLength": 2, "examples": ["24h", "7d", "1d12h"],
}  # fmt: skip


_SECOND = timedelta(seconds=1)


class StagingDwell(Gate):
    """The version has been in Staging, without a break, for long enough.

        - staging_dwell: 24h

    or, for a stage of your own:

        - staging_dwell: {at_least: 7d, stage: Canary}

    Only the present stay counts: a version that left and came back starts again. Arrivals are read from the
    ledger, since MLflow does not keep them. Until the time is up the verdict is `pending`, with the time at
    which it passes.

    To pass: wait. If nobody recorded the arrival (the version came there before Hotpass, or past it), run
    `hotpass adopt`; its stay counts from then.
    """

    name = "staging_dwell"
    schema: ClassVar[Mapping[str, Any]] = {
        "description": "How long the version must have been in Staging without a break.",
        "oneOf": [
            _DURATION,
            {
                "type": "object",
                "properties": {
                    "at_least": _DURATION,
                    "stage": {
                        "description": "The stage it must have been in.",
                        "type": "string", "minLength": 1, "default": "Staging", "examples": ["Staging"],
                    },
                },
                "required": ["at_least"],
                "additionalProperties": False,
            },
        ],
        "examples": ["24h", {"at_least": "24h"}],
    }  # fmt: skip

    def __init__(self, parameters: str | Mapping[str, Any]) -> None:
        super().__init__(parameters)
        self._stage: str = ModelStage.STAGING.value
        if isinstance(parameters, str):
            self._written, self._at_least = parameters, duration_parameter(parameters)
        else:
            self._written = parameters["at_least"]
            self._at_least = duration_parameter(self._written, "at_least")
            try:
                self._stage = canonical(parameters.get("stage", self._stage))
            except CallError as error:
                raise ParameterError(str(error), ("stage",)) from error
        self._wanted = duration_text(self._at_least)

    def evaluate(self, candidate: Candidate, now: datetime) -> GateResult:
        stage = self._stage
        if candidate.stage != stage:
            return self._elsewhere(candidate)
        since = candidate.in_stage_since(stage)
        if since is None:
            return failed(f"the version is in {stage}, but nobody recorded when it came there; run "
                          f"`hotpass adopt {candidate.model}`, and its stay counts from then")  # fmt: skip
        stayed = now - since
        evidence = {"stage": stage, "stayed_seconds": stayed // _SECOND}
        if stayed >= self._at_least:
            return GateResult(
                Verdict.PASSED, f"in {stage} for {duration_text(stayed)}, {self._wanted} wanted", evidence
            )
        passes_at = since + self._at_least
        if since > now:
            return pending(f"the ledger has it in {stage} since {since.isoformat()}, which is still to come: "
                           f"the clocks disagree by {duration_text(-stayed)}",
                           passes_at=passes_at, **evidence)  # fmt: skip
        return pending(
            f"in {stage} for {duration_text(stayed)} of {self._wanted}", passes_at=passes_at, **evidence
        )

    def explain(self) -> Sequence[str]:
        return [f"It has been in {self._stage} for at least {duration_words(self._written)} without a break."]

    def demands(self) -> Sequence[Demand]:
        stage, seconds = self._stage, self._at_least.total_seconds()
        return [
            Demand("stage", one_of=frozenset({stage})),
            Demand(f"stay.{stage}", low=seconds, unit="seconds", exact=True, name=f"the stay in {stage}"),
        ]

    def _elsewhere(self, candidate: Candidate) -> GateResult:
        """The verdict on a version that is not in the stage now."""
        stage = self._stage
        if candidate.stage == candidate.to_stage:
            # It has arrived and is judged again: what it did before it came here is what there is to judge.
            stays = [stay for stay in candidate.stays() if stay.stage == stage and stay.until is not None]
            if stays and stays[-1].until is not None:
                stayed = stays[-1].until - stays[-1].since
                verdict = Verdict.PASSED if stayed >= self._at_least else Verdict.FAILED
                words = f"it was in {stage} for {duration_text(stayed)} before, {self._wanted} wanted"
                return GateResult(verdict, words, {"stage": stage, "stayed_seconds": stayed // _SECOND})
        return failed(f"the version is in {candidate.stage}, and only time in {stage} counts; "
                      f"promote it to {stage} first",
                      stage=candidate.stage)  # fmt: skip
