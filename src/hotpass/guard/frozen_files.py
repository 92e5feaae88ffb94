"""Which files are frozen: those of guarded versions, and those of the runs and LoggedModels behind them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from hotpass.guard.places import Place, begins, join, overlap, places_of
from hotpass.guard.standing import FrozenVersion, Standing, batches
from hotpass.ledger.home import ROOT

if TYPE_CHECKING:
    from hotpass.guard.core import Guard

_OF_A_RUN = re.compile(r"runs:/+([^/]+)/?(.*)")


class FrozenFiles:
    """Of one server; safe to use from several threads.

    A version's files stay where they are, so they are looked up once; which versions are frozen is asked
    anew each time.
    """

    def __init__(self, guard: Guard, destination: str = "") -> None:
        """`destination` is what the artifact proxy serves; "" where there is none."""
        self._guard = guard
        self._standing = Standing(guard)
        self.destination = destination
        self._known: dict[FrozenVersion, frozenset[Place]] = {}

    def behind(self, uri: str, *, deletes: bool = False, workspace: str = "default") -> FrozenVersion | None:
        """The first frozen version with files at `uri`, below it or above it; None where there is none."""
        targets = places_of(uri, self.destination, workspace)
        for version, places in self.places():
            for place in places:
                if any(overlap(target, place) or (deletes and begins(target, place)) for target in targets):
                    return version
        return None

    def ledger_at(self, uri: str, *, workspace: str = "default") -> str | None:
        """The experiment of the ledger whose files would be at `uri` or below; None where there is none.

        Its records have no files but their reports. One that a client lays beside a record would look like a
        part of it.
        """
        from mlflow.store.tracking.dbmodels.models import SqlExperiment as Experiment
        from sqlalchemy import or_, select

        query = select(Experiment.name, Experiment.artifact_location, Experiment.workspace).where(
            or_(Experiment.name == ROOT, Experiment.name.startswith(f"{ROOT}/"))
        )
        targets = places_of(uri, self.destination, workspace)
        with self._guard.registry.tracking.engine.connect() as connection:
            for name, location, its_workspace in connection.execute(query):
                places = places_of(location or "", self.destination, its_workspace)
                if any(target[: len(place)] == place for target in targets for place in places):
                    return str(name)
        return None

    def places(self) -> Iterator[tuple[FrozenVersion, frozenset[Place]]]:
        """All frozen versions, and where their files and those behind them are."""
        versions = self._standing.frozen_versions()
        # Where it stands changes, and its files do not.
        keys = {version: version._replace(where="") for version in versions}
        missing = [key for key in keys.values() if key not in self._known]
        if missing:
            self._known = {key: self._known[key] for key in keys.values() if key in self._known}
            self._known |= self._look_up(missing)
        known = self._known
        for version, key in keys.items():
            yield version, known[key]

    def _look_up(self, versions: Sequence[FrozenVersion]) -> dict[FrozenVersion, frozenset[Place]]:
        from mlflow.store.tracking.dbmodels.models import SqlLoggedModel as LoggedModel
        from mlflow.store.tracking.dbmodels.models import SqlRun as Run

        models = self._rows(
            LoggedModel.model_id,
            (LoggedModel.artifact_location, LoggedModel.source_run_id),
            [version.model_id for version in versions],
        )
        named = [match[1] for version in versions for match in _runs_named(version)]
        logged_by = [row.source_run_id for row in models.values() if row.source_run_id]
        runs = self._rows(
            Run.run_uuid, (Run.artifact_uri,), [*(v.run_id for v in versions), *named, *logged_by]
        )
        found = {}
        for version in versions:
            uris = [version.source, version.storage_location]
            uris += [join(runs[m[1]].artifact_uri, m[2]) for m in _runs_named(version) if m[1] in runs]
            behind = [version.run_id]
            if version.model_id in models:
                uris.append(models[version.model_id].artifact_location)
                behind.append(models[version.model_id].source_run_id)
            uris += [runs[run_id].artifact_uri for run_id in behind if run_id in runs]
            places = [places_of(uri or "", self.destination, version.workspace) for uri in uris]
            found[version] = frozenset[Place]().union(*places)
        return found

    def _rows(self, key: Any, columns: Iterable[Any], ids: Sequence[str]) -> dict[str, Any]:
        from sqlalchemy import select

        found: dict[str, Any] = {}
        with self._guard.registry.tracking.engine.connect() as connection:
            for batch in batches([one for one in dict.fromkeys(ids) if one]):
                rows = connection.execute(select(key.label("id"), *columns).where(key.in_(batch)))
                found |= {row.id: row for row in rows}
        return found


def _runs_named(version: FrozenVersion) -> Iterator[re.Match[str]]:
    for uri in (version.source, version.storage_location):
        match = _OF_A_RUN.fullmatch(uri)
        if match:
            yield match
