"""Keeps what a tracking store writes away from the ledger and from frozen evidence."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import event, select

from hotpass.guard.engine_calls import EngineCalls
from hotpass.guard.evidence_rules import is_ledger
from hotpass.guard.refusals import refusal, told_to_mlflow
from hotpass.guard.standing import FrozenVersion, Standing
from hotpass.ledger.home import ROOT

if TYPE_CHECKING:
    from mlflow.exceptions import MlflowException
    from sqlalchemy import Connection
    from sqlalchemy.orm import Session

    from hotpass.guard.core import Guard

T = TypeVar("T")
Sessions = Callable[..., contextlib.AbstractContextManager["Session"]]

#: Observations are recorded once for each kind of call on each thing, up to so many; a training loop would
#: fill the ledger otherwise.
_OBSERVED = 10_000

#: What the call that is under way asks again right before it commits.
_ask_again: ContextVar[Callable[[Session], None] | None] = ContextVar("hotpass_ask_again", default=None)


@dataclass(frozen=True, slots=True)
class Touched:
    """What a call writes to, by id."""

    #: Refused where they are of the ledger.
    experiments: Sequence[Any] = ()
    #: Refused where they are of the ledger or frozen.
    runs: Sequence[str] = ()
    #: Refused where they are frozen.
    logged_models: Sequence[str] = ()
    #: Metrics of `runs` that are 0 now. Refused where that would make a number of a frozen NaN.
    zeros: Sequence[str] = ()
    #: Runs that are refused only where they are of the ledger.
    bystanders: Sequence[str] = ()
    #: Refused where something in them is frozen.
    hidden_experiments: Sequence[Any] = ()


class Observations:
    """What a guard that only observes would have refused, on record in the ledger of the version's model."""

    def __init__(self, guard: Guard) -> None:
        self._engine_calls = EngineCalls(guard)
        self._seen: set[tuple[str, str]] = set()

    def observe(self, call: str, what: str, version: FrozenVersion) -> None:
        """Raises nothing."""
        if (call, what) not in self._seen and len(self._seen) < _OBSERVED:
            self._seen.add((call, what))
            self._engine_calls.observe(version.name, call, [f"{what} is frozen: {version.backed}"])


class Evidence:
    """Of one tracking store; safe to use from several threads."""

    def __init__(self, guard: Guard, store: Any) -> None:
        self._guard = guard
        self._store = store
        self._standing = Standing(guard)
        self._observations = Observations(guard)

    def unless(self, touched: Touched, call: str, plainly: Callable[[], T]) -> T:
        """Does what MLflow does, unless it writes to the ledger or to what is frozen.

        Looked at before the call, so that nothing is done by half, and again in each of its transactions, so
        that no promotion comes between. Raises MlflowException for a refusal. The ledger is closed also where
        the guard only observes, since its records are the guard's own.
        """
        with told_to_mlflow():
            self._refuse_ledger(touched)
            found = self._frozen(touched)
        if found is not None:
            if not self._guard.settings.observe:
                raise refused(*found)
            self._observations.observe(call, *found)
            return plainly()
        writes_evidence = touched.runs or touched.logged_models or touched.hidden_experiments
        if self._guard.settings.observe or not writes_evidence:
            return plainly()
        token = _ask_again.set(lambda session: self._refuse_late(session, touched))
        try:
            return plainly()
        finally:
            _ask_again.reset(token)

    def name_of_run(self, run_id: Any) -> str | None:
        """The name of a run; None where there is no such run."""
        from mlflow.store.tracking.dbmodels.models import SqlRun

        with self._store.engine.connect() as connection:
            name = connection.execute(select(SqlRun.name).where(SqlRun.run_uuid == str(run_id))).scalar()
            return None if name is None else str(name)

    def sessions(self, maker: Sessions) -> Sessions:
        """`maker`, whose sessions ask again before they commit."""
        routed = "read_only" in inspect.signature(maker).parameters

        @contextlib.contextmanager
        def managed(**kwargs: Any) -> Iterator[Session]:
            with maker(**kwargs) as session:
                ask = _ask_again.get()
                if ask is not None and not (routed and kwargs.get("read_only", True)):
                    _ask_before_commit(session, ask)
                yield session

        return managed

    # --- the ledger -----------------------------------------------------------------------------------------

    def _refuse_ledger(self, touched: Touched) -> None:
        from mlflow.store.tracking.dbmodels.models import SqlExperiment as Experiment
        from mlflow.store.tracking.dbmodels.models import SqlRun as Run

        experiments = [int(one) for one in touched.experiments if str(one).isdecimal()]
        runs = [str(one) for one in (*touched.runs, *touched.bystanders)]
        if not experiments and not runs:
            return
        with self._store.engine.connect() as connection:
            names: list[str] = []
            if experiments:
                query = select(Experiment.name).where(Experiment.experiment_id.in_(experiments))
                names += connection.execute(query).scalars()
            if runs:
                query = select(Experiment.name).join(Run, Run.experiment_id == Experiment.experiment_id)
                names += connection.execute(query.where(Run.run_uuid.in_(runs))).scalars()
        closed = next((name for name in names if is_ledger(name)), None)
        if closed is not None:
            model = closed.removeprefix(f"{ROOT}/")
            read = f" Read it with: hotpass history {model}" if model != closed else ""
            raise refusal(f"nothing may be written to experiment {closed}", [
                f"it is the ledger, which Hotpass alone writes.{read}"
            ])  # fmt: skip

    # --- what is frozen -------------------------------------------------------------------------------------

    def _frozen(
        self, touched: Touched, connection: Connection | None = None
    ) -> tuple[str, FrozenVersion] | None:
        """What of it is frozen first, in words, and behind which version."""
        for run_id in touched.runs:
            found = self._standing.behind_run(str(run_id), connection)
            if found is not None:
                return f"run {run_id}", found
        for model_id in touched.logged_models:
            found = self._standing.behind_logged_model(str(model_id), connection)
            if found is not None:
                return f"LoggedModel {model_id}", found
        for run_id in touched.runs if touched.zeros else ():
            found = self._standing.behind_zero(str(run_id), touched.zeros)
            if found is not None:
                return f"a metric of run {run_id}", found
        for experiment_id in touched.hidden_experiments:
            if str(experiment_id).isdecimal():
                found = self._standing.behind_experiment(int(experiment_id), connection)
                if found is not None:
                    return f"a run in experiment {experiment_id}", found
        return None

    def _refuse_late(self, session: Session, touched: Touched) -> None:
        session.flush()
        connection = session.connection() if self._standing.in_one_database else None
        with told_to_mlflow():
            if connection is not None:
                self._standing.hold(touched.runs, touched.logged_models, connection)
            found = self._frozen(touched, connection)
        if found is not None:
            raise refused(*found)


def refused(what: str, version: FrozenVersion) -> MlflowException:
    """The refusal of a write to `what`, which stands behind `version`."""
    return refusal(
        f"{what} is frozen",
        [f"{version.backed}. Log to a new run, and register what comes of it as a new version"],
    )


def _ask_before_commit(session: Session, ask: Callable[[Session], None]) -> None:
    """MLflow commits some sessions twice, the second time with nothing in them."""
    begun = session.in_transaction()  # with SQLite, MLflow's PRAGMAs began one

    def on_begin(*_: Any) -> None:
        nonlocal begun
        begun = True

    def on_commit(session: Session) -> None:
        nonlocal begun
        if begun:
            ask(session)
            begun = False

    event.listen(session, "after_begin", on_begin)
    event.listen(session, "before_commit", on_commit)
