"""Where the records live in MLflow: a run for each, in an experiment for each model.

How all writers come to agree on one chain, with nothing but what any MLflow server can do:

- `hotpass-ledger/MODEL` is the model's experiment. An experiment's name has exactly one creator, and the tags
  it is created with appear in the same transaction; one of them names the genesis run, made beforehand in the
  experiment `hotpass-ledger`. So all agree on where the chain starts.
- A run's params cannot be changed: of all who log `hotpass.next` on the last record, exactly one succeeds.

Both were read in MLflow 3.17's SQL store (`create_experiment`, `log_param`) and are tested against every
store.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any

from hotpass.errors import LedgerDamaged, LedgerError, NotFound, RegistryError
from hotpass.ledger.record import (
    PARAM_END,
    PARAM_NEXT,
    PARAM_SETTLER,
    TAG_REQUEST,
    State,
)
from hotpass.registry.calls import as_ledger_error, call

ROOT = "hotpass-ledger"
_ABOUT_ROOT = (
    "Where the ledger of each model starts. The decisions are in the experiments hotpass-ledger/MODEL. "
    "Kept by Hotpass; do not edit."
)
TAG_GENESIS = "hotpass.genesis"


class Home:
    """One model's chain in a tracking store. Methods raise LedgerError."""

    def __init__(self, store: Any, model: str) -> None:
        self._store = store
        self.model = model
        self._experiment: str | None = None
        self._genesis: str | None = None
        self._files = ""

    @property
    def name(self) -> str:
        return f"{ROOT}/{self.model}"

    def find(self) -> bool:
        """Whether the chain exists; remembers where."""
        if self._experiment is not None:
            return True
        found = self._call("find it", self._store.get_experiment_by_name, self.name)
        if found is None:
            return False
        self._active(found)
        genesis = dict(found.tags or {}).get(TAG_GENESIS)
        if not genesis:
            raise LedgerDamaged(
                f"experiment {self.name!r} has no tag {TAG_GENESIS}: it is not a ledger, or was tampered with"
            )
        self._experiment, self._genesis = found.experiment_id, genesis
        self._files = found.artifact_location
        return True

    @property
    def experiment(self) -> str:
        if self._experiment is None:
            raise LedgerError(f"there is no ledger for {self.model} yet")
        return self._experiment

    @property
    def genesis(self) -> str:
        if self._genesis is None:
            raise LedgerError(f"there is no ledger for {self.model} yet")
        return self._genesis

    def files_of(self, run_id: str) -> str:
        """Where a record's files are. MLflow gives every run of an experiment its place like this."""
        from mlflow.utils.uri import append_to_uri_path

        self.find()
        return str(append_to_uri_path(self._files, run_id, "artifacts"))

    def create(self) -> None:
        """Makes the chain, or finds the one that somebody else made at the same time."""
        if self.find():
            return
        from mlflow.entities import ExperimentTag

        root = self._experiment_named(ROOT, [ExperimentTag("mlflow.note.content", _ABOUT_ROOT)])
        genesis = self._create_run(root, f"start of the ledger of {self.model}", {"hotpass.kind": "genesis"})
        self._finish(genesis, "FINISHED", None)
        tags = [
            ExperimentTag(TAG_GENESIS, genesis),
            ExperimentTag("hotpass.model", self.model),
            ExperimentTag(
                "mlflow.note.content",
                f"Every promotion decision about {self.model}. Kept by Hotpass; do not edit.",
            ),
        ]
        self._experiment_named(self.name, tags)
        if not self.find():
            raise LedgerError(f"experiment {self.name!r} was created and cannot be found")
        if self._genesis != genesis:  # somebody was faster
            with contextlib.suppress(LedgerError):
                self.delete(genesis)

    def _experiment_named(self, name: str, tags: list[Any]) -> str:
        found = self._call("find it", self._store.get_experiment_by_name, name)
        if found is not None:
            return self._active(found)
        try:
            return str(self._call("create it", self._store.create_experiment, name, None, tags))
        except LedgerError:
            found = self._call("find it", self._store.get_experiment_by_name, name)
            if found is None:
                raise
            return self._active(found)

    def _active(self, found: Any) -> str:
        if found.lifecycle_stage != "active":
            raise LedgerDamaged(
                f"experiment {found.name!r} of the ledger was deleted. Restore it: "
                f"mlflow experiments restore --experiment-id {found.experiment_id}"
            )
        return str(found.experiment_id)

    # --- reading --------------------------------------------------------------------------------------------

    def newest(self, count: int, *, deleted_too: bool = False) -> tuple[list[Any], str | None]:
        """Runs of the experiment, the highest numbers first, and the token of the next page."""
        return self._page(count, None, deleted_too)

    def all(self, *, deleted_too: bool = False) -> Iterable[Any]:
        """All runs of the experiment, the highest numbers first."""
        token = None
        while True:
            page, token = self._page(1000, token, deleted_too)
            yield from page
            if not token:
                return

    def _page(self, count: int, token: str | None, deleted_too: bool) -> tuple[list[Any], str | None]:
        from mlflow.entities import ViewType

        page = self._call(
            "read it", self._store.search_runs, [self.experiment], "",
            ViewType.ALL if deleted_too else ViewType.ACTIVE_ONLY, max_results=count,
            order_by=["tags.`hotpass.seq` DESC", "attributes.start_time DESC"], page_token=token,
        )  # fmt: skip
        return list(page), page.token

    def run(self, run_id: str) -> Any:
        return self._call(f"read record {run_id}", self._store.get_run, run_id)

    def has_request(self, tag: str) -> bool:
        """Whether a record carries this value of the tag of requests; it need not be in the chain."""
        from mlflow.entities import ViewType

        where = f"tags.`{TAG_REQUEST}` = '{tag}'"
        page = self._call(
            "look for a request", self._store.search_runs, [self.experiment], where, ViewType.ACTIVE_ONLY,
            max_results=1,
        )  # fmt: skip
        return bool(page)

    # --- writing --------------------------------------------------------------------------------------------

    def write(self, name: str, tags: Mapping[str, str], user: str, opened_at_ms: int) -> str:
        """A run with these tags; its id. Not linked yet, so without effect."""
        return self._create_run(self.experiment, name, tags, user=user, start=opened_at_ms)

    def link(self, previous: str, run_id: str) -> bool:
        """Logs `hotpass.next` on `previous`; False where another record got there first."""
        return self._claim(previous, PARAM_NEXT, run_id)

    def claim_settling(self, run_id: str, attempt: int, token: str) -> bool:
        """Whether this process is the one that settles the open record."""
        return self._claim(run_id, f"{PARAM_SETTLER}{attempt}", token)

    def _claim(self, run_id: str, key: str, value: str) -> bool:
        from mlflow.entities import Param
        from mlflow.exceptions import MlflowException

        def log() -> bool:
            try:
                self._store.log_param(run_id, Param(key, value))
                return True
            except MlflowException as error:
                # The SQL store answers a changed param INVALID_PARAMETER_VALUE; a lost answer that is sent
                # again has the same value and succeeds.
                if error.error_code == "INVALID_PARAMETER_VALUE" and "already logged" in str(
                    error.message
                ).replace("\n", " "):
                    return False
                raise

        return bool(self._call("append to it", log))

    def finish(self, run_id: str, at_ms: int | None) -> None:
        """Closes a record whose move took effect at `at_ms`."""
        self._finish(run_id, "FINISHED", at_ms)

    def end(self, run_id: str, *, moved: bool, at_ms: int) -> bool:
        """Says once and for all how a record ended that did not simply succeed; False where that is said
        already.
        """
        state = State.CLOSED if moved else State.ABANDONED
        if not self._claim(run_id, PARAM_END, f"{state}@{at_ms}"):
            return False
        self._finish(run_id, "FINISHED" if moved else "KILLED", at_ms)  # for people who look at it in MLflow
        return True

    def delete(self, run_id: str) -> None:
        """Takes away a record that never was linked."""
        self._call("take away an unlinked record", self._store.delete_run, run_id)

    def _create_run(
        self,
        experiment: str,
        name: str,
        tags: Mapping[str, str],
        *,
        user: str = "hotpass",
        start: int | None = None,
    ) -> str:
        from mlflow.entities import RunTag
        from mlflow.utils.time import get_current_time_millis

        pairs = [RunTag(key, value) for key, value in tags.items()]
        run = self._call(
            "write to it",
            self._store.create_run,
            experiment,
            user,
            start or get_current_time_millis(),
            pairs,
            name,
        )
        return str(run.info.run_id)

    def _finish(self, run_id: str, status: str, at_ms: int | None) -> None:
        from mlflow.entities import RunStatus
        from mlflow.utils.time import get_current_time_millis

        self._call(
            "close a record", self._store.update_run_info, run_id, RunStatus.from_string(status),
            at_ms or get_current_time_millis(), None,
        )  # fmt: skip

    def _call(self, what: str, function: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return call(f"{what} (ledger of {self.model})", function, *args, **kwargs)
        except (NotFound, RegistryError) as error:
            if isinstance(error, LedgerError):
                raise
            raise as_ledger_error(error) from None


def models_with_ledger(store: Any, *, deleted_too: bool = False) -> list[str]:
    """Names of all models that have a chain in the tracking store, sorted; with `deleted_too`, also of those
    whose chain somebody deleted. Raises LedgerError.
    """
    from mlflow.entities import ViewType

    view = ViewType.ALL if deleted_too else ViewType.ACTIVE_ONLY
    names: list[str] = []
    token = None
    while True:
        try:
            page = call(
                "list the ledgers", store.search_experiments, view, filter_string=f"name LIKE '{ROOT}/%'",
                page_token=token, max_results=1000,
            )  # fmt: skip
        except (NotFound, RegistryError) as error:
            raise as_ledger_error(error) from None
        names += [experiment.name.removeprefix(f"{ROOT}/") for experiment in page]
        token = page.token
        if not token:
            return sorted(names)
