"""The candidates that every gate and veto must be able to judge, and those that no gate may pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Generic, NamedTuple, TypeVar

from hotpass.candidate import Candidate, ModelFile, Person, RunFacts, Subject, VersionFacts
from hotpass.testing import NOW, PlainSources, candidate
from hotpass.verdicts import Json

T = TypeVar("T")

#: The name under which every mapping of `Everything` says that it has something.
_A_NAME = "anything"
_LONG = "x" * 100_000


class Everything(Mapping[str, T], Generic[T]):
    """A mapping that has the same value under every name, since nobody knows what a gate will ask for."""

    def __init__(self, value: T) -> None:
        self._value = value

    def __getitem__(self, key: str) -> T:
        return self._value

    def __contains__(self, key: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter((_A_NAME,))

    def __len__(self) -> int:
        return 1


class Trial(NamedTuple):
    """A candidate to judge. `about` follows "a candidate". `may_pass` is False where what a gate could rest
    its verdict on is missing or is not a value.
    """

    about: str
    make: Callable[[], Candidate]
    may_pass: bool


def _full(
    number: float | None = None, text: str | None = None, evidence: Json = None, champion: bool = True
) -> Candidate:
    """One that has this number as every metric, and this text as every tag and parameter."""
    metrics: Mapping[str, float] = {} if number is None else Everything(number)
    texts: Mapping[str, str] = {} if text is None else Everything(text)
    sources = PlainSources(
        run_facts=RunFacts("run-2", metrics=metrics, params=texts, tags=texts),
        file=ModelFile(),
        tags_of_model=texts,
        supplied={} if evidence is None else Everything(evidence),
    )
    facts = VersionFacts("lead_scoring_model", 2, 1_767_225_600_000, "Staging", run_id="run-2", tags=texts)
    former = VersionFacts(
        "lead_scoring_model", 1, 1_764_547_200_000, "Production", run_id="run-1", tags=texts
    )
    return Candidate(
        facts, sources, "Production", champion=Subject(former, sources) if champion else None,
        approvals=lambda: (), requester=Person("somebody"),
    )  # fmt: skip


def _strange() -> Candidate:
    """One whose clock is ahead, whose people are nobody, and whose names are not ASCII."""
    later = NOW + timedelta(days=400)
    return candidate(
        model="模型 \u202e/../x", version=2**31, stage="Archived", to="Staging", started_at=later,
        in_stage_since=later, approvals=[Person(""), Person("\x1b[31mana")], requester=Person(""),
        signature={"inputs": [], "outputs": []}, datasets=[("", ""), (_LONG, "?", "\n")], description="\x00",
    )  # fmt: skip


TRIALS: tuple[Trial, ...] = (
    Trial("of which nothing is known", candidate, may_pass=False),
    Trial("without a run and without files", lambda: candidate(run=False, model_file=False), may_pass=False),
    Trial("of which as little is known as of its champion", lambda: candidate(champion={}), may_pass=False),
    Trial("of which nothing is known, on its way to Staging",
          lambda: candidate(stage="None", to="Staging"), may_pass=False),
    Trial("with NaN as every metric", lambda: _full(float("nan")), may_pass=False),
    Trial("with infinity as every metric", lambda: _full(float("inf")), may_pass=False),
    Trial("with minus infinity as every metric", lambda: _full(float("-inf")), may_pass=False),
    Trial("with an empty text as every tag and parameter", lambda: _full(text=""), may_pass=False),
    Trial("with 0 as every metric", lambda: _full(0.0, "0", 0), may_pass=True),
    Trial("with 1e308 as every metric", lambda: _full(1e308, "1e308", 1e308, champion=False), may_pass=True),
    Trial("with -1e308 as every metric", lambda: _full(-1e308, "-1", -1), may_pass=True),
    Trial("with a text of 100,000 characters as every tag and parameter",
          lambda: _full(0.5, _LONG, _LONG), may_pass=True),
    Trial("with control characters in every tag and parameter",
          lambda: _full(0.5, "\x00\x1b[31m\r\n\u202e", {"\x00": [None]}), may_pass=True),
    Trial("from another time and of strange names", _strange, may_pass=True),
)  # fmt: skip
