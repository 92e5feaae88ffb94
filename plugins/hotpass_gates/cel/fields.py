"""The fields of a candidate that a rule may read: their types, and how each is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from hotpass.candidate import Candidate, Subject
from hotpass.decimals import as_read
from hotpass.durations import duration_text
from hotpass.verdicts import Json
from hotpass_gates.logged import usable


@dataclass(frozen=True, slots=True)
class Absent:
    """Why there is no value. `unusable` where there is one that nothing can be compared with, such as NaN:
    `has()` is no help against that.
    """

    why: str
    unusable: bool = False


class Field(NamedTuple):
    """`type` in CEL's words. `read` gets the candidate, the moment, and the name after the dot where `keyed`;
    it returns the value, or what is missing.
    """

    type: str
    read: Callable[[Candidate, datetime, str], Any]
    keyed: bool = False
    of_champion: bool = False


class Use(NamedTuple):
    """A field that a rule reads: `metrics` and the key `roc_auc`. `tested` where it stands in `has()`."""

    field: str
    key: str = ""
    tested: bool = False

    @property
    def text(self) -> str:
        if not self.key:
            return self.field
        return f"{self.field}.{self.key}" if self.key.isidentifier() else f"{self.field}[{self.key!r}]"


def rounded(value: float) -> float:
    """`value` to the 14 significant digits that a person reads. Raises ValueError for NaN and infinity."""
    return float(as_read(value))


def as_evidence(value: Any) -> Json:
    """A field's value as the record holds it."""
    if isinstance(value, timedelta):
        return duration_text(value)
    return value.isoformat() if isinstance(value, datetime) else value


def _metric(subject: Subject, name: str, who: str) -> float | Absent:
    found = usable(subject, name, None)
    if isinstance(found, str):
        return Absent(f"{who} {found}", unusable=subject.metric(name) is not None)
    return rounded(found.value)


def _text(value: str | None, why: str) -> str | Absent:
    return value or Absent(why)  # an empty text is not set


def _tag(on: str) -> Callable[[Candidate, datetime, str], str | Absent]:
    def read(candidate: Candidate, now: datetime, name: str) -> str | Absent:
        return _text(candidate.tag(name, on), f"the tag {name} is not set on the {on}")

    return read


def _param(subject: Subject, name: str, whose: str) -> str | Absent:
    return _text(subject.param(name), f"{whose} run logged no parameter {name}")


def _since(moment: datetime | None, now: datetime, what: str) -> timedelta | Absent:
    if moment is None:
        return Absent(f"nobody recorded when {what}")
    if moment > now:
        return Absent(f"{what} at {moment.isoformat()}, which is still to come", unusable=True)
    return now - moment


def _age(candidate: Candidate, now: datetime, _: str) -> timedelta | Absent:
    registered = datetime.fromtimestamp(candidate.facts.created_at_ms / 1000, UTC)
    return _since(registered, now, "the version was registered")


def _in_stage_for(candidate: Candidate, now: datetime, _: str) -> timedelta | Absent:
    return _since(candidate.in_stage_since(candidate.stage), now, f"it came to the stage {candidate.stage}")


def _datasets(candidate: Candidate, now: datetime, _: str) -> list[str] | Absent:
    if candidate.run() is None:
        return Absent("the version names no run, so nobody knows on what data it was trained")
    return [dataset.name for dataset in candidate.datasets()]


def _has_signature(candidate: Candidate, now: datetime, _: str) -> bool:
    file = candidate.model_file()
    return file is not None and bool(file.inputs and file.outputs)


def _has_input_example(candidate: Candidate, now: datetime, _: str) -> bool:
    file = candidate.model_file()
    return file is not None and file.has_input_example


def _evidence(candidate: Candidate, now: datetime, name: str) -> Json | Absent:
    try:
        return _readable(candidate.evidence(name))
    except KeyError:
        return Absent(f"no plugin supplies the evidence {name}")


def _readable(value: Json) -> Json:
    """`value` with its numbers as a person reads them."""
    if isinstance(value, float):
        return rounded(value)
    if isinstance(value, Mapping):
        return {key: _readable(item) for key, item in value.items()}
    return [_readable(item) for item in value] if isinstance(value, list | tuple) else value


def _of_champion(read: Callable[[Subject, str], Any]) -> Callable[[Candidate, datetime, str], Any]:
    def of_champion(candidate: Candidate, now: datetime, name: str) -> Any:
        champion = candidate.champion
        if champion is None:
            return Absent(f"no other version is in {candidate.to_stage}, so there is no champion")
        return read(champion, name)

    return of_champion


_NUMBERS, _TEXTS = "map<string,double>", "map<string,string>"

#: By their names; the table in the docstring of `expression` says what each is.
FIELDS: Mapping[str, Field] = {
    "metrics": Field(_NUMBERS, lambda c, now, name: _metric(c, name, "the candidate"), keyed=True),
    "tags": Field(_TEXTS, _tag("version"), keyed=True),
    "run_tags": Field(_TEXTS, _tag("run"), keyed=True),
    "model_tags": Field(_TEXTS, _tag("model"), keyed=True),
    "params": Field(_TEXTS, lambda c, now, name: _param(c, name, "the"), keyed=True),
    "evidence": Field("map<string,dyn>", _evidence, keyed=True),
    "model": Field("string", lambda c, now, _: c.model),
    "version": Field("int", lambda c, now, _: c.version),
    "stage": Field("string", lambda c, now, _: c.stage),
    "to": Field("string", lambda c, now, _: c.to_stage),
    "now": Field("timestamp", lambda c, now, _: now),
    "age": Field("duration", _age),
    "run_age": Field("duration", lambda c, now, _: _since(c.started_at(), now, "its run started")),
    "in_stage_for": Field("duration", _in_stage_for),
    "datasets": Field("list<string>", _datasets),
    "has_signature": Field("bool", _has_signature),
    "has_input_example": Field("bool", _has_input_example),
    "has_champion": Field("bool", lambda c, now, _: c.champion is not None),
    "champion.version": Field("int", _of_champion(lambda c, _: c.version), of_champion=True),
    "champion.metrics": Field(
        _NUMBERS, _of_champion(lambda c, name: _metric(c, name, "the champion")), True, True
    ),
    "champion.tags": Field(
        _TEXTS,
        _of_champion(lambda c, name: _text(c.tag(name), f"the tag {name} is not set on the champion")),
        True, True,
    ),
    "champion.params": Field(
        _TEXTS, _of_champion(lambda c, name: _param(c, name, "the champion's")), True, True
    ),
}  # fmt: skip
