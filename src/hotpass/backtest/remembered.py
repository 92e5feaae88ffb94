"""A candidate as it was when it was decided on: what the decision's record says it read is read again so.

Metrics, tags and stays may be others by now. Where a gate of today reads what no gate of then did, it gets
what is there today.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from hotpass.candidate import Candidate, Subject
from hotpass.facts import Approval, Dataset, Metric, ModelFile, Person, RunFacts, Stay
from hotpass.verdicts import Json

#: What a decision read, by its dotted name, as `Subject.read` has it.
Snapshot = Mapping[str, Json]


class _Remembers(Subject):
    """Reads the snapshot first, then the sources."""

    __slots__ = ()
    snapshot: Snapshot

    def _recorded(self, name: str) -> tuple[Any] | None:
        """The value of `name` in the snapshot; None where nobody read it then."""
        key = f"{self._prefix}{name}"
        if key not in self.snapshot:
            return None
        self.read[key] = self.snapshot[key]
        return (self.snapshot[key],)

    def metric(self, name: str, dataset: str | None = None) -> Metric | None:
        found = self._recorded(f"metrics.{name}" + ("" if dataset is None else f"@{dataset}"))
        if found is None:
            return super().metric(name, dataset)
        said = found[0]
        if said is None:
            return None
        return Metric(
            name,
            float(said["value"]),
            said["source"],
            said.get("dataset", ""),
            said.get("dataset_digest", ""),
        )

    def tag(self, name: str, on: str = "version") -> str | None:
        found = self._recorded(f"{on}.tags.{name}")
        return super().tag(name, on) if found is None else found[0]

    def param(self, name: str) -> str | None:
        found = self._recorded(f"params.{name}")
        return super().param(name) if found is None else found[0]

    def run(self) -> RunFacts | None:
        found = self._recorded("run")
        if found is None:
            return super().run()
        if found[0] is None:
            return None
        return self._sources.run() or RunFacts(found[0])

    def started_at(self) -> datetime | None:
        found = self._recorded("run.started_at")
        if found is None:
            return super().started_at()
        return _time(found[0])

    def datasets(self) -> tuple[Dataset, ...]:
        found = self._recorded("datasets")
        return super().datasets() if found is None else tuple(Dataset(**one) for one in found[0])

    def model_file(self) -> ModelFile | None:
        found = self._recorded("model_file")
        if found is None:
            return super().model_file()
        said = found[0]
        if said is None:
            return None
        return ModelFile(
            _columns(said["inputs"]), _columns(said["outputs"]), bool(said["input_example"]),
            source=said.get("source", "file"),
        )  # fmt: skip

    def stays(self) -> Sequence[Stay]:
        found = self._recorded("stays")
        if found is None:
            return super().stays()
        return [
            Stay(stage, datetime.fromisoformat(since), _time(until), "") for stage, since, until in found[0]
        ]

    def evidence(self, name: str) -> Json:
        found = self._recorded(f"evidence.{name}")
        return super().evidence(name) if found is None else found[0]


class RememberedChampion(_Remembers):
    """The champion of then."""

    __slots__ = ("snapshot",)

    def __init__(self, *args: Any, snapshot: Snapshot, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.snapshot = snapshot


class RememberedCandidate(_Remembers, Candidate):
    """The candidate of then."""

    __slots__ = ("snapshot",)

    def __init__(self, *args: Any, snapshot: Snapshot, **kwargs: Any) -> None:
        Candidate.__init__(self, *args, **kwargs)
        self.snapshot = snapshot

    @property
    def requester(self) -> Person:
        found = self._recorded("requester")
        return super().requester if found is None else Person(**found[0])

    def trainer(self) -> Person | None:
        found = self._recorded("trainer")
        return super().trainer() if found is None else _person(found[0])

    def registrant(self) -> Person | None:
        found = self._recorded("registrant")
        return super().registrant() if found is None else _person(found[0])

    def approvals(self) -> Sequence[Approval]:
        found = self._recorded("approvals")
        if found is None:
            return super().approvals()
        return [
            Approval(
                one["name"], one["authenticated"], datetime.fromisoformat(one["at"]),
                record_id=one.get("record", ""),
            )
            for one in found[0]
        ]  # fmt: skip


def _person(said: Mapping[str, Any] | None) -> Person | None:
    return None if said is None else Person(**said)


def _time(said: str | None) -> datetime | None:
    return None if said is None else datetime.fromisoformat(said)


def _columns(said: Sequence[Sequence[str]] | None) -> tuple[tuple[str, str], ...] | None:
    return None if said is None else tuple((name, kind) for name, kind in said)
