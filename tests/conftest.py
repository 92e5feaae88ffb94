"""Fixtures for all tests; tests/README.md says which there are and what each costs."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings

from support.guarded import ADMIN, Guarded, How, guarded_server, password_of
from support.proxy import Proxy, proxied
from support.servers import Server, alias_only_server, mlflow_server
from support.stores import Postgres, Store, forget_engines, forget_stores, sqlite_copy, sqlite_template

#: The environment as it was given, for the few tests that run uv or pip.
GIVEN_ENVIRONMENT: Mapping[str, str] = dict(os.environ)

#: MLflow keeps stores by URI, and this one means another database in every working directory.
RELATIVE = "sqlite:///mlflow.db"

FOREIGN = ("HOTPASS_", "MLFLOW_", "_MLFLOW_", "DATABRICKS_")
#: Variables that make Typer and Rich write colours into a pipe.
COLOURFUL = (
    "CLICOLOR_FORCE",
    "FORCE_COLOR",
    "GITHUB_ACTIONS",
    "PY_COLORS",
    "TTY_COMPATIBLE",
    "TTY_INTERACTIVE",
)
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MPLBACKEND": "agg",
    "NO_COLOR": "1",
    "COLUMNS": "200",
}

for _name in [name for name in os.environ if name.startswith(FOREIGN) or name in COLOURFUL]:
    del os.environ[_name]
os.environ.update(QUIET)
# A shell's background job ignores it, and so would every command that a test interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# One for the whole run: matplotlib's font cache takes seconds to build.
_matplotlib = Path(tempfile.gettempdir()) / f"hotpass-tests-matplotlib-{os.getuid()}"
os.environ.setdefault("MPLCONFIGDIR", str(_matplotlib))


# How long an example takes depends on what else the machine does.
settings.register_profile("untimed", settings.get_profile(settings.get_current_profile_name()), deadline=None)
settings.load_profile("untimed")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Several processes for the whole suite alone: what is measured or raced would suffer from company."""
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS and "not slow" in config.option.markexpr
    return min(4, os.cpu_count() or 1) if whole else 0


@pytest.fixture(scope="session")
def session_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this test run share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def given_environment() -> dict[str, str]:
    """The environment as it was before these fixtures cut it down; a copy."""
    return dict(GIVEN_ENVIRONMENT)


@pytest.fixture(scope="session")
def _home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def _isolated(_home: Path) -> Iterator[None]:
    """An empty home, and afterwards the environment and MLflow's globals as they were."""
    before = dict(os.environ)
    os.environ["HOME"] = str(_home)
    yield
    os.environ.clear()
    os.environ.update(before)
    _reset_mlflow()


def _reset_mlflow() -> None:
    if "mlflow.tracking.fluent" not in sys.modules:
        return
    import mlflow
    from mlflow.tracking import fluent
    from mlflow.tracking._model_registry import utils as registry
    from mlflow.tracking._tracking_service import utils as tracking
    from mlflow.utils import workspace_context

    workspace_context._WORKSPACE.set(None)
    try:
        while mlflow.active_run() is not None:
            mlflow.end_run()
    finally:
        fluent._active_experiment_id = None
        tracking._tracking_uri = None
        registry._registry_uri = None
        os.environ.pop("MLFLOW_TRACKING_URI", None)
        os.environ.pop("MLFLOW_REGISTRY_URI", None)
        forget_stores(RELATIVE)


S = TypeVar("S", Store, Guarded)


def _use(store: S, monkeypatch: pytest.MonkeyPatch, folder: Path) -> S:
    """Makes `store` the one that MLflow uses, here and in processes started from here."""
    import mlflow

    monkeypatch.chdir(folder)
    mlflow.set_tracking_uri(store.uri)
    mlflow.set_registry_uri(store.uri)
    os.environ["MLFLOW_TRACKING_URI"] = os.environ["MLFLOW_REGISTRY_URI"] = store.uri
    if isinstance(store, Guarded) and store.how.auth:
        os.environ["MLFLOW_TRACKING_USERNAME"] = ADMIN
        os.environ["MLFLOW_TRACKING_PASSWORD"] = password_of(ADMIN)
    return store


@pytest.fixture(scope="session")
def _template(session_root: Path) -> Path:
    return sqlite_template(session_root)


@pytest.fixture
def sqlite_store(_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A fresh SQLite store."""
    store = sqlite_copy(_template, tmp_path)
    yield _use(store, monkeypatch, tmp_path)
    forget_engines(store.uri)


@pytest.fixture(scope="session")
def postgres_server(session_root: Path) -> Iterator[Postgres]:
    """A real PostgreSQL server."""
    server = Postgres(session_root)
    yield server
    server.stop()


@pytest.fixture
def postgres_store(
    postgres_server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Store]:
    """A fresh PostgreSQL database of a real server."""
    with postgres_server.database(tmp_path) as store:
        yield _use(store, monkeypatch, tmp_path)


@pytest.fixture(scope="session")
def _http_server(_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with mlflow_server(tmp_path_factory.mktemp("mlflow-server"), _template) as server:
        yield server


@pytest.fixture
def http_store(_http_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A real `mlflow server` with two workers; cleared before each test, so model names may repeat."""
    _http_server.clear()
    store = Store("http", _http_server.uri, _http_server.artifacts, log=_http_server.log)
    return _use(store, monkeypatch, tmp_path)


@pytest.fixture(scope="session")
def _alias_only_server(_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with alias_only_server(tmp_path_factory.mktemp("alias-only-server"), _template) as server:
        yield server


@pytest.fixture
def alias_only_store(_alias_only_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A server that has aliases but no stages; cleared before each test."""
    server = _alias_only_server
    server.clear()
    store = Store("alias-only", server.uri, server.artifacts, has_stages=False, log=server.log)
    return _use(store, monkeypatch, tmp_path)


#: Guarded servers that one test process keeps running; beyond that the one unused for longest is stopped.
MOST_GUARDED = 6


class GuardedServers:
    """Starts a guarded server for each way to start one, and keeps it for the next test that wants the same.
    """

    def __init__(
        self, folders: pytest.TempPathFactory, template: Path, postgres: Postgres | None = None
    ) -> None:
        self._folders, self._template, self._postgres = folders, template, postgres
        self._running: dict[How, tuple[Guarded, ExitStack]] = {}

    def get(self, how: How) -> Guarded:
        if how not in self._running:
            while len(self._running) >= MOST_GUARDED:
                self._running.pop(next(iter(self._running)))[1].close()
            stack = ExitStack()
            folder = self._folders.mktemp("guarded")
            server = stack.enter_context(
                guarded_server(folder, how, template=self._template, postgres=self._postgres)
            )
            self._running[how] = server, stack
        self._running[how] = self._running.pop(how)  # the last one is the latest used
        return self._running[how][0]

    def close(self) -> None:
        for _, stack in self._running.values():
            stack.close()


@pytest.fixture(scope="session")
def _guarded_on_sqlite(
    _home: Path, _template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GuardedServers]:
    servers = GuardedServers(tmp_path_factory, _template)
    yield servers
    servers.close()


@pytest.fixture(scope="session")
def _guarded_on_postgres(
    _home: Path, _template: Path, postgres_server: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GuardedServers]:
    servers = GuardedServers(tmp_path_factory, _template, postgres_server)
    yield servers
    servers.close()


@pytest.fixture
def guarded_by(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Guarded]:
    """`guarded_by(auth=True, workers=2)` is a running guarded server; the arguments are those of `How`.

    Every test that asks for the same gets the same server, so take model names from its `name()`, and leave
    its policies and its process alone: tests that change those take `own_guarded`.
    """

    def get(**how: Any) -> Guarded:
        wanted = How(**how)
        servers: GuardedServers = request.getfixturevalue(f"_guarded_on_{wanted.kind}")
        return _use(servers.get(wanted), monkeypatch, tmp_path)

    return get


@pytest.fixture
def own_guarded(
    request: pytest.FixtureRequest, _template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Guarded]]:
    """`own_guarded(workers=4)` is a guarded server of the test's own, stopped at its end: 8 s. Its policies
    may be edited, and it may be killed and started again. With `started=False` the test starts it.
    """
    with ExitStack() as stack:

        def start(*, started: bool = True, **how: Any) -> Guarded:
            folder = tmp_path / f"guarded-{uuid.uuid4().hex[:6]}"
            postgres = request.getfixturevalue("postgres_server") if how.get("kind") == "postgres" else None
            server = stack.enter_context(
                guarded_server(folder, How(**how), template=_template, postgres=postgres, started=started)
            )
            return _use(server, monkeypatch, tmp_path)

        yield start


@pytest.fixture
def guarded_sqlite(guarded_by: Callable[..., Guarded]) -> Guarded:
    """A guarded server on SQLite with one worker, shared by all tests: take model names from `name()`."""
    return guarded_by()


@pytest.fixture
def guarded_postgres(guarded_by: Callable[..., Guarded]) -> Guarded:
    """A guarded server on PostgreSQL with two workers, shared by all tests: take model names from `name()`.
    """
    return guarded_by(kind="postgres", workers=2)


@pytest.fixture
def guarded_auth(guarded_by: Callable[..., Guarded]) -> Guarded:
    """A guarded server on SQLite with MLflow's auth, shared by all tests; the process' user is its admin."""
    return guarded_by(auth=True)


@pytest.fixture(params=["sqlite", "postgres"])
def guarded(request: pytest.FixtureRequest) -> Guarded:
    """A guarded server on SQLite and on PostgreSQL in turn."""
    return request.getfixturevalue(f"guarded_{request.param}")


STORES = {
    "sqlite": "sqlite_store",
    "postgres": "postgres_store",
    "http": "http_store",
    "alias-only": "alias_only_store",
}


@pytest.fixture(params=["sqlite", "postgres", "http"])
def store(request: pytest.FixtureRequest) -> Store:
    """SQLite, PostgreSQL and a real server in turn."""
    return request.getfixturevalue(STORES[request.param])


@pytest.fixture(params=["sqlite", "postgres", "http", "alias-only"])
def any_store(request: pytest.FixtureRequest) -> Store:
    """Like `store`, and a server without stages."""
    return request.getfixturevalue(STORES[request.param])


@pytest.fixture
def through_proxy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[Store], AbstractContextManager[tuple[Store, Proxy]]]:
    """`with through_proxy(http_store) as (store, proxy):` the same store, through a proxy that counts."""

    @contextmanager
    def start(store: Store) -> Iterator[tuple[Store, Proxy]]:
        with proxied(store.uri) as proxy:
            yield _use(replace(store, uri=proxy.uri), monkeypatch, tmp_path), proxy
            _use(store, monkeypatch, tmp_path)

    return start


@pytest.hookimpl(tryfirst=True)  # before pytest selects by marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where the server adds much time and little that other tests over HTTP do not show, it has its turn in
    the slow run.
    """
    for item in items:
        turn = getattr(item, "callspec", None) and item.callspec.params
        stores = {(turn or {}).get(name) for name in ("store", "any_store")}
        if item.get_closest_marker("long_over_http") and stores & {"http", "alias-only"}:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.ci)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[Any]:
    """A failure shows the end of the log of the server that the test used."""
    report = yield
    if report.failed and report.when == "call":
        for value in getattr(item, "funcargs", {}).values():
            if isinstance(value, Store | Guarded) and value.log is not None and value.log.exists():
                tail = value.log.read_text(errors="replace")[-4000:]
                report.sections.append((f"log of the {value.kind} server", tail))
    return report
