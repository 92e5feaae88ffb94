"""Loads registered models: the alias first, the recorded digest checked, each version kept once it is loaded.

After the first load of a version a call costs one registry request, which says whether another version has
taken its place. What is returned is shared by all callers: do not fit or change it.
"""

from __future__ import annotations

import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hotpass.artifacts import DIGEST_TAG, digest_of_folder
from hotpass.candidate import VersionFacts
from hotpass.errors import ArtifactsChanged, CallError, NotFound
from hotpass.ml.config import connect
from hotpass.ml.serialization import load_folder
from hotpass.registry.calls import call
from hotpass.stages import ModelStage, alias_of, canonical

if TYPE_CHECKING:
    from hotpass.registry.mlflow_registry import MlflowRegistry

#: So many versions are kept loaded in a process; those used least recently go first.
MOST_LOADED = 16


class LoadedModel(NamedTuple):
    """A model and which version it is."""

    model: Any
    name: str
    version: int


def load_production_model(
    model_name: str,
    *,
    stage: str = ModelStage.PRODUCTION,
    tracking_uri: str | None = None,
    registry_uri: str | None = None,
    trusted_types: Iterable[str] = (),
    allow_cloudpickle: bool = False,
) -> Any:
    """The scikit-learn model that holds `stage`: the version its alias points at, else the highest one in the
    stage.

    Only the caller can allow what is not safe: `trusted_types` names types beyond the reviewed list, and
    `allow_cloudpickle` lets the model's file run what it says. What is recorded with a version does not
    count: whoever registers one writes that too.

    Raises NotFound, naming the versions and their stages, where none holds it; ArtifactsChanged where the
    files are not those on record; CallError for a model that is not safe to load or not scikit-learn's;
    RegistryError.
    """
    registry = connect(tracking_uri, registry_uri)
    return _load(
        registry, _holder(registry, model_name, canonical(stage)), trusted_types, allow_cloudpickle
    ).model


def load_model(
    model_name: str,
    *,
    version: int | str | None = None,
    stage: str = ModelStage.PRODUCTION,
    tracking_uri: str | None = None,
    registry_uri: str | None = None,
    trusted_types: Iterable[str] = (),
    allow_cloudpickle: bool = False,
) -> LoadedModel:
    """As `load_production_model`, for `version` (a number, or "latest") where given, and says which version
    it is.
    """
    registry = connect(tracking_uri, registry_uri)
    if version is None:
        facts = _holder(registry, model_name, canonical(stage))
    else:
        facts = _numbered(registry, model_name, version)
    return _load(registry, facts, trusted_types, allow_cloudpickle)


def _holder(registry: MlflowRegistry, name: str, stage: str) -> VersionFacts:
    alias = alias_of(stage)
    if alias is not None:
        found = call(f"read {alias} of model {name!r}", _by_alias, registry.store, name, alias)
        if found is not None:
            return found
    versions = []
    for facts in registry.versions(name):
        if facts.stage == stage:
            return facts
        versions.append(facts)
    if not versions:
        registry.model(name)  # raises, with the names that exist
        raise NotFound(f"model {name!r} has no version yet. Train one first.")
    listed = ", ".join(f"{facts.version} ({facts.stage})" for facts in versions[:20])
    raise NotFound(
        f"model {name!r} has no version in {stage}. It has: {listed}{' …' if len(versions) > 20 else ''}.\n"
        f"What it takes to promote one: hotpass check {name} {versions[0].version} --to {stage}"
    )


def _by_alias(store: Any, name: str, alias: str) -> VersionFacts | None:
    """One request. None where there is no such alias, or no such model; which of them, the caller finds
    out.
    """
    from mlflow.exceptions import MlflowException

    from hotpass.registry.convert import version_facts

    try:
        return version_facts(store.get_model_version_by_alias(name, alias))
    except MlflowException as error:
        if "not found" in str(error.message).lower():
            return None
        raise


def _numbered(registry: MlflowRegistry, name: str, version: int | str) -> VersionFacts:
    if str(version) == "latest":
        latest = next(registry.versions(name), None)
        if latest is None:
            registry.model(name)
            raise NotFound(f"model {name!r} has no version yet. Train one first.")
        return latest
    if not str(version).isdecimal():
        raise CallError(f"version {version!r} is neither a number nor 'latest'.")
    return registry.version(name, int(version))


def _load(
    registry: MlflowRegistry, facts: VersionFacts, trusted_types: Iterable[str], allow_cloudpickle: bool
) -> LoadedModel:
    trusted = frozenset(trusted_types)
    key = (
        registry.uri, facts.workspace, facts.model, facts.version, facts.created_at_ms,
        facts.tags.get(DIGEST_TAG),
        trusted, allow_cloudpickle,
    )  # fmt: skip
    model = _LOADED.get(key, lambda: _from_files(registry, facts, trusted, allow_cloudpickle))
    return LoadedModel(model, facts.model, facts.version)


def _from_files(
    registry: MlflowRegistry, facts: VersionFacts, trusted: frozenset[str], allow_cloudpickle: bool
) -> Any:
    recorded = facts.tags.get(DIGEST_TAG)
    name = f"{facts.model} version {facts.version}"
    with tempfile.TemporaryDirectory(prefix="hotpass-") as folder:
        # A copy of our own: what is checked is what is loaded, whatever happens to the store meanwhile.
        files = registry.download(facts, Path(folder))
        if recorded:
            found = digest_of_folder(files)
            if found != recorded:
                raise ArtifactsChanged(
                    f"the files of {name} have changed: their digest is {found[:12]}…, and {recorded[:12]}… "
                    "is on record. It was not loaded. Put the files back, or roll back: hotpass rollback "
                    f"{facts.model}"
                )
        return load_folder(files, name, trusted, allow_cloudpickle=allow_cloudpickle)


class _Loaded:
    """Loaded models by key. Two threads that want the same one wait for one load; others do not wait for
    it.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._models: OrderedDict[Hashable, Any] = OrderedDict()
        self._loading: dict[Hashable, threading.Lock] = {}

    def get(self, key: Hashable, load: Callable[[], Any]) -> Any:
        with self._lock:
            if key in self._models:
                self._models.move_to_end(key)
                return self._models[key]
            turn = self._loading.setdefault(key, threading.Lock())
        with turn:
            with self._lock:
                if key in self._models:
                    return self._models[key]
            try:
                model = load()
                with self._lock:
                    self._models[key] = model
                    while len(self._models) > self._most:
                        self._models.popitem(last=False)
            finally:
                with self._lock:
                    self._loading.pop(key, None)
        return model

    def clear(self) -> None:
        with self._lock:
            self._models.clear()


_LOADED = _Loaded(MOST_LOADED)


def forget_loaded_models() -> None:
    """Frees every model that was kept; the next call loads again."""
    _LOADED.clear()
