"""The port's adapter for MLflow: SQLite, PostgreSQL, MySQL, and any tracking server over HTTP.

It talks to MLflow's stores and not to MlflowClient, which doubles some calls (`update_run` reads the run
first, `set_terminated` looks up its experiment to print an address).
"""

from __future__ import annotations

import contextlib
import copy
import difflib
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hotpass.artifacts import DIGEST_TAG
from hotpass.candidate import LoggedModelFacts, ModelFile, RunFacts, VersionFacts
from hotpass.errors import CallError, NotFound, RegistryError
from hotpass.registry import convert, run_files
from hotpass.registry.calls import call, check_reachable, masked, require_mlflow
from hotpass.registry.files import VersionFiles
from hotpass.registry.filters import name_is
from hotpass.registry.port import ModelFacts, Moved
from hotpass.registry.representation import Representation, TaggedStages, representation_of
from hotpass.sources import NotAtHand
from hotpass.stages import is_native
from hotpass.verdicts import Json

PAGE = 1000
#: Seconds for which an answer that somebody else got is as good as one's own.
TOLD = 2.0


class MlflowRegistry:
    """A model registry in MLflow, and the tracking store that holds the runs behind its versions."""

    def __init__(
        self,
        registry_uri: str,
        tracking_uri: str | None = None,
        *,
        create: bool = False,
        trust_tags: bool = True,
    ) -> None:
        """Raises MissingDependency without MLflow, RegistryError or NotFound where the store cannot be
        opened.

        `create` lets MLflow create a SQLite database that does not exist yet. Without `trust_tags`, files are
        read in the place of what whoever trained the model says of them in tags.
        """
        require_mlflow()
        from mlflow.tracking import MlflowClient

        self._uri = registry_uri
        self.tracking_uri = tracking_uri or registry_uri
        for uri in {self._uri, self.tracking_uri}:
            check_reachable(uri, create=create)
        with _quiet_alembic():
            client = call(
                f"use {self._uri}", MlflowClient, tracking_uri=self.tracking_uri, registry_uri=self._uri
            )
            self.tracking: Any = call("open the tracking store", lambda: client._tracking_client.store)
            self.store: Any = call("open the model registry", lambda: client._get_registry_client().store)
        self._representation: Representation | None = (
            TaggedStages(self.store) if registry_uri.startswith("databricks-uc") else None
        )
        self._trust_tags = trust_tags
        self._experiments: set[str] = set()
        self._model_files: dict[str, ModelFile | None] = {}
        self._logged: dict[str, LoggedModelFacts] = {}  # as last read
        self._told: dict[str, tuple[Any, float]] = {}  # answers that nobody has used yet, and when they came

    def fresh(self) -> MlflowRegistry:
        """The same stores, opened as they are, with nothing remembered of what they hold. For a server, where
        what was read for one request must not decide the next.
        """
        twin = copy.copy(self)
        twin._experiments, twin._model_files, twin._logged, twin._told = set(), {}, {}, {}
        return twin

    @property
    def uri(self) -> str:
        return self._uri

    # --- reading --------------------------------------------------------------------------------------------

    def model(self, name: str) -> ModelFacts:
        _check_name(name)
        try:
            found = self._just_told(name)
            if found is None:
                found = call(f"read model {name!r}", self.store.get_registered_model, name)
        except NotFound:
            raise self._unknown_model(name) from None
        aliases = {alias: int(version) for alias, version in (found.aliases or {}).items()}
        newest = tuple(
            convert.version_facts(
                version, tuple(sorted(a for a, number in aliases.items() if number == int(version.version)))
            )
            for version in found.latest_versions or ()
        )
        if self._representation is None and found.latest_versions:
            self._representation = representation_of(self.store, found.latest_versions[0])
        workspace = getattr(found, "workspace", None) or "default"
        return ModelFacts(name, dict(found.tags or {}), aliases, newest, workspace, found._is_prompt())

    def was_told(self, name: str, answer: Json) -> None:
        """Takes a server's answer to the question for model `name` that somebody else asked just now; the
        next question for it is answered by that.
        """
        from mlflow.entities.model_registry import RegisteredModel
        from mlflow.protos.model_registry_pb2 import GetRegisteredModel
        from mlflow.utils.proto_json_utils import parse_dict

        said = GetRegisteredModel.Response()
        parse_dict(answer, said)
        self._told[name] = RegisteredModel.from_proto(said.registered_model), time.monotonic()

    def _just_told(self, name: str) -> Any:
        found, at = self._told.pop(name, (None, 0.0))
        return found if time.monotonic() - at < TOLD else None

    def model_names(self) -> Iterator[str]:
        token = None
        while True:
            page = call(
                "list the models", self.store.search_registered_models, max_results=PAGE, page_token=token
            )
            yield from (model.name for model in page)
            token = page.token
            if not token:
                return

    def version(self, model: str, version: int) -> VersionFacts:
        try:
            found = call(f"read {model} version {version}", self.store.get_model_version, model, str(version))
        except NotFound:
            self.model(model)  # raises, with the names that exist
            known = [str(facts.version) for facts in self.versions(model)]
            if not known:
                raise NotFound(f"model {model!r} has no versions. Register one first.") from None
            raise NotFound(
                f"model {model!r} has no version {version}. It has: {', '.join(known[:20])}"
                + (" …" if len(known) > 20 else "")
            ) from None
        return convert.version_facts(found)

    def versions(self, model: str) -> Iterator[VersionFacts]:
        if isinstance(self._representation, TaggedStages):
            # Unity Catalog takes no order_by.
            return iter(sorted(self._pages(model, None), key=lambda facts: facts.version, reverse=True))
        return self._pages(model, ["version_number DESC"])

    def hidden_versions(self, model: str, wanted: Iterable[int]) -> list[VersionFacts]:
        """Versions that MLflow lists no more, since a tag says that they are prompts; of the others those
        that are `wanted`.

        One such version hides all of its model (`_update_query_to_exclude_prompts` in MLflow's SQL store
        compares names alone), and a filter finds only those that have the tag themselves.
        """
        if isinstance(self._representation, TaggedStages):
            return []  # Unity Catalog filters by name alone
        hiding = f"{name_is(model)} AND tags.`mlflow.prompt.is_prompt` = 'true'"
        found = {facts.version: facts for facts in self._pages(model, None, hiding)}
        for version in sorted(set(wanted) - set(found)) if found else ():
            with contextlib.suppress(NotFound):
                found[version] = self.version(model, version)
        return list(found.values())

    def _pages(self, model: str, order_by: list[str] | None, where: str = "") -> Iterator[VersionFacts]:
        token = None
        while True:
            page = call(
                f"list the versions of {model!r}",
                self.store.search_model_versions,
                where or name_is(model),
                max_results=PAGE,
                order_by=order_by,
                page_token=token,
            )
            yield from (convert.version_facts(version) for version in page if version.name == model)
            token = page.token
            if not token:
                return

    def holder(self, facts: ModelFacts, stage: str) -> VersionFacts | None:
        pointed = facts.alias(stage.lower())
        if pointed is not None:
            return facts.find(pointed) or self.version(facts.name, pointed)
        if is_native(stage) and not isinstance(self._representation, TaggedStages):
            in_stage = [version for version in facts.newest if version.stage == stage]
        else:  # the newest of each stage that MLflow names are those of its own stages
            in_stage = [version for version in self.versions(facts.name) if version.stage == stage]
        return max(in_stage, key=lambda version: version.version, default=None)

    def runs(self, run_ids: Sequence[str]) -> Mapping[str, RunFacts]:
        wanted = list(dict.fromkeys(run_id for run_id in run_ids if run_id))
        found: dict[str, RunFacts] = {}
        if self._experiments and len(wanted) > 0:
            quoted = ", ".join(f"'{run_id}'" for run_id in wanted)
            page = call(
                "read runs", self.tracking.search_runs, sorted(self._experiments),
                f"attributes.run_id IN ({quoted})", _all_runs(), max_results=len(wanted),
            )  # fmt: skip
            found = {run.info.run_id: convert.run_facts(run) for run in page}
        for run_id in wanted:
            if run_id in found:
                continue
            with contextlib.suppress(NotFound):
                found[run_id] = convert.run_facts(call(f"read run {run_id}", self.tracking.get_run, run_id))
        self._experiments.update(run.experiment_id for run in found.values())
        return found

    def logged_models(self, model_ids: Sequence[str]) -> Mapping[str, LoggedModelFacts]:
        wanted = list(dict.fromkeys(model_id for model_id in model_ids if model_id))
        read: list[Any] = []
        if self._experiments and len(wanted) > 1:
            quoted = ", ".join(f"'{model_id}'" for model_id in wanted)
            read = list(call(
                "read logged models", self.tracking.search_logged_models, sorted(self._experiments),
                f"model_id IN ({quoted})", max_results=len(wanted),
            ))  # fmt: skip
        for model_id in set(wanted) - {model.model_id for model in read}:
            with contextlib.suppress(NotFound):
                read.append(call(f"read logged model {model_id}", self.tracking.get_logged_model, model_id))
        zeros = [metric.run_id for model in read for metric in model.metrics or () if metric.value == 0]
        behind = self.runs(zeros) if zeros else {}
        found = {model.model_id: convert.with_nans(model, lambda ids: behind) for model in read}
        self._experiments.update(model.experiment_id for model in found.values())
        self._logged.update(found)
        return found

    def knows_experiments(self, experiment_ids: Sequence[str]) -> None:
        """A hint where runs may be found, so that several can be read in one request."""
        self._experiments.update(experiment_id for experiment_id in experiment_ids if experiment_id)

    # --- the files of a version -----------------------------------------------------------------------------

    def model_file(self, facts: VersionFacts) -> ModelFile | None:
        """From the LoggedModel's tag where it has one that counts, else from the file; remembered by
        LoggedModel, whose files MLflow does not change once it is ready.
        """
        if facts.model_id and facts.model_id in self._model_files:
            return self._model_files[facts.model_id]
        said = None
        if facts.model_id and self._trust_tags:
            said = self._logged_model(facts).tags.get(convert.MODEL_FILE_TAG)
        if said is not None:
            try:
                found: ModelFile | None = convert.model_file_of_tag(said)
            except ValueError as error:
                raise RegistryError(f"{facts.model} version {facts.version}: {error}") from None
        else:
            found = self._files_of(facts).model_file()
        if facts.model_id:
            self._model_files[facts.model_id] = found
        return found

    def artifact_digest(self, facts: VersionFacts) -> str:
        return self._files_of(facts).digest()

    def tagged_digest(self, facts: VersionFacts) -> str:
        said = facts.tags.get(DIGEST_TAG, "")
        # A guard takes the tags of its own away from whatever is registered, so it has tagged what has moved.
        return said if self._trust_tags or convert.DECISION_TAG in facts.tags else ""

    def digest_at_hand(self, facts: VersionFacts) -> str | None:
        files = self._files_of(facts)
        return files.digest() if files.are_local else None

    def download(self, facts: VersionFacts, to: Path) -> Path:
        return self._files_of(facts).download(to)

    def run_artifact(self, run_id: str, path: str, to: Path) -> Path | None:
        return run_files.run_artifact(self.tracking, run_id, path, to, uris=self._uris)

    def dataset_file(self, run_id: str, name: str | None, context: str | None, to: Path) -> Path | None:
        if not self._trust_tags:  # a server must not open whatever place a client's run names
            raise NotAtHand("the source of a data set, which a guarded server does not open")
        return run_files.dataset_file(self.tracking, run_id, name, context, to)

    def fetch(self, uri: str, to: Path) -> Path:
        return run_files.fetch(uri, to, uris=self._uris)

    @property
    def _uris(self) -> dict[str, str]:
        return {"tracking_uri": self.tracking_uri, "registry_uri": self._uri}

    def _files_of(self, facts: VersionFacts) -> VersionFiles:
        source = self._logged_model(facts).artifact_location if facts.model_id else facts.source
        name = f"{facts.model} version {facts.version}"
        return VersionFiles(name, source, **self._uris)

    def _logged_model(self, facts: VersionFacts) -> LoggedModelFacts:
        found = self._logged.get(facts.model_id) or self.logged_models([facts.model_id]).get(facts.model_id)
        if found is None:
            raise RegistryError(
                f"{facts.model} version {facts.version} rests on logged model {facts.model_id}, which is gone"
            )
        return found

    # --- writing --------------------------------------------------------------------------------------------

    def set_alias(self, model: str, alias: str, version: int) -> None:
        call(
            f"set alias {alias} of {model}", self.store.set_registered_model_alias, model, alias, str(version)
        )

    def delete_alias(self, model: str, alias: str) -> None:
        with contextlib.suppress(NotFound):
            call(f"delete alias {alias} of {model}", self.store.delete_registered_model_alias, model, alias)

    def set_stage(self, facts: VersionFacts, stage: str, *, archive_existing: bool) -> Moved:
        if self._representation is None:
            self._representation = representation_of(
                self.store, call("read", self.store.get_model_version, facts.model, str(facts.version))
            )
        return self._representation.set_stage(facts, stage, archive_existing=archive_existing)

    def tag_version(self, model: str, version: int, key: str, value: str) -> None:
        from mlflow.entities.model_registry import ModelVersionTag

        call(
            f"tag {model} version {version}", self.store.set_model_version_tag, model, str(version),
            ModelVersionTag(key, value),
        )  # fmt: skip

    def _unknown_model(self, name: str) -> NotFound:
        names = list(self.model_names())
        if not names:
            return NotFound(
                f"there is no model {name!r}; the registry at {masked(self._uri)} is empty. Train one first."
            )
        close = difflib.get_close_matches(name, names, n=3)
        listed = [*close, *(other for other in names if other not in close)]
        return NotFound(
            f"there is no model {name!r}." + (f" Did you mean {close[0]!r}?" if close else "")
            + f" The registry has: {', '.join(listed[:20])}" + (" …" if len(listed) > 20 else "")
        )  # fmt: skip


def _check_name(name: str) -> None:
    """Raises CallError, in MLflow's words, for a name that no model can have."""
    from mlflow.exceptions import MlflowException
    from mlflow.utils.validation import _validate_model_name

    try:
        _validate_model_name(name)
    except MlflowException as error:
        raise CallError(masked(str(error.message))) from None


def _all_runs() -> Any:
    from mlflow.entities import ViewType

    return ViewType.ALL


@contextlib.contextmanager
def _quiet_alembic() -> Iterator[None]:
    """Opening a SQLite store makes alembic print a line for every migration of MLflow's; nobody asked for
    those.
    """
    loggers = [
        logging.getLogger(name) for name in ("alembic", "alembic.runtime.migration", "mlflow.store.db.utils")
    ]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
