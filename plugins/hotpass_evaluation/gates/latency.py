"""`latency`: how long the model takes to answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, NamedTuple

from hotpass import exhibits
from hotpass.candidate import Candidate
from hotpass.gates import MeasuringGate, ParameterError
from hotpass.verdicts import GateResult, Json, Verdict, failed
from hotpass_evaluation.gates.common import Unusable, start
from hotpass_evaluation.gates.serving import ROWS, RUNNING, Serving, fewest
from hotpass_evaluation.gates.spans import PERCENT, SPAN, parse_percent, parse_span, span_text

_SHARES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
_LIMIT = {
    "type": "object", "properties": {"at_most": SPAN}, "required": ["at_most"], "additionalProperties": False,
    "examples": [{"at_most": "50ms"}],
}  # fmt: skip
_LIMITS = {
    "p50": {"description": "The time that half of the requests do not exceed.", **_LIMIT},
    "p95": {"description": "The time that 95 of 100 requests do not exceed.", **_LIMIT},
    "p99": {"description": "The time that 99 of 100 requests do not exceed.", **_LIMIT},
}


class _Kind(NamedTuple):
    name: str
    rows: int
    limits: Mapping[str, float]  # milliseconds by percentile


class Latency(MeasuringGate):
    """The model answers fast enough: single rows, batches, or both.

        - latency:
            single: {p95: {at_most: 50ms}}
            batch: {rows: 1000, p95: {at_most: 200ms}}
            than_champion: {slower_by_at_most: 20 percent}

    The model is loaded in a process of its own, without credentials, within limits of time and memory, its
    libraries with one thread (`threads`). After `warm_up` requests each request is timed from outside that
    process: from the moment at which its rows are handed over until its scores have arrived. So the model has
    no say in the clock, and a part of a millisecond for the handing over is in the figures. There is no web
    server and no network in between: a service is slower than this, and never faster. Every answer
    must be what another process of the model, asked before, gave to the same rows in batches, or the gate
    fails: a model that answers fast and wrong is not fast.

    The rows are those of `data`, or else the run's artifact `validation/validation.parquet`, or else the
    model's input example. Take more than a few: a model could remember its answers.

    Each percentile has an interval that the requests leave open (order statistics, which assume nothing about
    the distribution), with `confidence` on each side: above the limit fails, below it passes, and on both
    sides of it is `inconclusive`, with about as many requests as would settle it. Bursts of other work on the
    machine are in the times and not in the intervals, so measure where it is quiet, or compare:
    `than_champion` asks both models in turn with the same rows, and judges the median of the ratios of each
    two times, from which what disturbs both at the same moment is gone. The model that is not asked stands
    still meanwhile (on Linux with all that it started, on Windows not). Without a champion it asks nothing.

    To pass: the message says by how much. Fewer trees, fewer columns, a simpler encoding of categories are
    what usually helps.
    """

    name = "latency"
    schema: ClassVar[Mapping[str, Any]] = {
        "description": "How long the model may take to answer.",
        "type": "object",
        "properties": {
            "single": {
                "description": "Requests of one row.",
                "type": "object", "properties": _LIMITS, "additionalProperties": False,
                "examples": [{"p95": {"at_most": "50ms"}}],
            },
            "batch": {
                "description": "Requests of many rows.",
                "type": "object",
                "properties": {
                    "rows": {
                        "description": "How many rows a request has.",
                        "type": "integer", "minimum": 2, "maximum": 1_000_000, "default": 1000,
                    },
                    **_LIMITS,
                },
                "additionalProperties": False,
                "examples": [{"rows": 1000, "p95": {"at_most": "200ms"}}],
            },
            "than_champion": {
                "description": "Compared with the champion, asked in turn with the same rows.",
                "type": "object",
                "properties": {
                    "slower_by_at_most": {"description": "The share of the champion's time.", **PERCENT}
                },
                "required": ["slower_by_at_most"],
                "additionalProperties": False,
            },
            "requests": {
                "description": "How many requests of each kind are timed.",
                "type": "integer", "minimum": 5, "maximum": 100_000, "default": 300,
            },
            "warm_up": {
                "description": "How many requests go before, untimed.",
                "type": "integer", "minimum": 0, "maximum": 10_000, "default": 20,
            },
            **ROWS,
            **RUNNING,
        },
        "additionalProperties": False,
        "minProperties": 1,
        "examples": [{"single": {"p95": {"at_most": "50ms"}}}],
    }  # fmt: skip

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        super().__init__(parameters)
        self._serving = Serving(parameters)
        self._requests: int = parameters.get("requests", 300)
        self._warm_up: int = parameters.get("warm_up", 20)
        compared = parameters.get("than_champion")
        self._percent = parse_percent(compared["slower_by_at_most"]) if compared is not None else None
        self._kinds = [
            _Kind(kind, parameters[kind].get("rows", 1000) if kind == "batch" else 1, self._limits(kind))
            for kind in ("single", "batch")
            if kind in parameters
        ]
        if self._percent is not None and not self._kinds:
            self._kinds = [_Kind("single", 1, {})]
        if self._percent is None and not any(kind.limits for kind in self._kinds):
            raise ParameterError(
                "latency has no limit", (), "Write one, such as `single: {p95: {at_most: 50ms}}`."
            )

    def _limits(self, kind: str) -> dict[str, float]:
        limits = {}
        for share in _SHARES:
            said = self.parameters[kind].get(share)
            if said is None:
                continue
            try:
                limits[share] = parse_span(said["at_most"])
            except ValueError as error:
                raise ParameterError(str(error), (kind, share, "at_most")) from None
            least = fewest(_SHARES[share], self._serving.confidence)
            if self._requests < least:
                raise ParameterError(
                    f"{self._requests} requests leave no upper bound for {share} with "
                    f"{self._serving.confidence:g} "
                    f"confidence, so nothing could pass",
                    ("requests",) if "requests" in self.parameters else (kind, share),
                    f"Write `requests: {least}` or more.",
                )  # fmt: skip
        return limits

    def measure(self, candidate: Candidate, now: datetime) -> GateResult:
        try:
            job = self._serving.job(candidate, champion=self._percent is not None)
            job |= {
                "requests": self._requests, "warm_up": self._warm_up,
                "kinds": {
                    kind.name: {"rows": kind.rows, "limits": dict(kind.limits)} for kind in self._kinds
                },
            }  # fmt: skip
            found = start("latency", job, candidate)
        except Unusable as error:
            return failed(str(error))
        data = job["data"]
        rows_of = data["name"] if isinstance(data, dict) else "the model's input example"
        said: list[tuple[Verdict, str]] = []
        shown: list[exhibits.Exhibit] = []
        for kind in self._kinds:
            measured = found["kinds"][kind.name]
            what = "a single row" if kind.rows == 1 else f"{kind.rows:,} rows"
            said += [_limited(what, share, limit, measured) for share, limit in kind.limits.items()]
            if self._percent is not None:
                said.append(_compared(what, self._percent, measured["ratio"]))
            shown.append(_curves(what, measured))
        worst = [verdict for verdict in (Verdict.FAILED, Verdict.INCONCLUSIVE) if verdict in dict(said)]
        verdict = worst[0] if worst else Verdict.PASSED
        counts = [text for one, text in said if one is verdict]
        evidence: dict[str, Json] = {
            "milliseconds": {
                name: {who: measured[who] for who in ("challenger", "champion") if measured[who]}
                for name, measured in found["kinds"].items()
            },
            "ratios": {
                name: measured["ratio"] for name, measured in found["kinds"].items() if measured["ratio"]
            },
            "requests": self._requests, "warm_up": self._warm_up, "threads": self._serving.threads,
            "rows_of": rows_of, "distinct_rows": found["distinct_rows"],
        }  # fmt: skip
        threads = "one thread" if self._serving.threads == 1 else f"{self._serving.threads} threads"
        how = f"{self._requests:,} requests on {threads}"
        return GateResult(verdict, f"{'; '.join(counts)} ({how})", evidence, exhibits=tuple(shown))

    def explain(self) -> Sequence[str]:
        said = []
        for kind in self._kinds:
            what = "A request of one row" if kind.rows == 1 else f"A request of {kind.rows:,} rows"
            said += [
                f"{what} is answered within {span_text(limit)} in {_SHARES[share] * 100:g} of 100 cases."
                for share, limit in kind.limits.items()
            ]
        if self._percent is not None:
            said.append(
                f"It takes at most {self._percent:g} percent longer than the champion does, asked in "
                "turn with "
                "the same rows."
            )
        return said


def _limited(what: str, share: str, limit: float, measured: Mapping[str, Any]) -> tuple[Verdict, str]:
    value, low, high = measured["challenger"][share]
    between = (
        f"{span_text(low) if low is not None else '0'} to {span_text(high) if high is not None else '?'}"
    )
    text = f"{share} for {what} is {span_text(value)} ({between}), wanted at most {span_text(limit)}"
    if high is not None and high <= limit:
        return Verdict.PASSED, text
    if low is not None and low > limit:
        return Verdict.FAILED, text
    more = measured["settled_by"].get(share)
    return Verdict.INCONCLUSIVE, text + (
        f"; about {more:,} requests would settle it" if more else "; too close to say"
    )


def _compared(what: str, percent: float, ratio: Sequence[float] | None) -> tuple[Verdict, str]:
    if ratio is None:
        return Verdict.PASSED, "there is no champion to compare with"
    value, low, high = ratio
    text = (
        f"{what} takes {value:.3g} times as long as the champion's ({low:.3g} to {high:.3g}), wanted at most "
        f"{1 + percent / 100:g}"
    )
    if high <= 1 + percent / 100:
        return Verdict.PASSED, text
    return (Verdict.FAILED if low > 1 + percent / 100 else Verdict.INCONCLUSIVE), text


def _curves(what: str, measured: Mapping[str, Any]) -> exhibits.Exhibit:
    return exhibits.lines(
        f"Time to answer: {what}", "milliseconds", "share of requests answered",
        [{"name": who, "x": x, "y": y} for who, (x, y) in measured["curves"].items()],
        about="One request after the other, timed from outside the model's process.",
    )  # fmt: skip
