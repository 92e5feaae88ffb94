"""Calls to MLflow: bounded retries with backoff, and MLflow's errors as ours, passwords masked.

stamina does the retrying: it is kept, small, and its waits are jittered and bounded in number and in time.
MLflow itself retries HTTP requests (MLFLOW_HTTP_REQUEST_MAX_RETRIES); what is left for us is a locked SQLite
database, a database that is briefly away, and a server that restarts.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, quote_plus, unquote, urlsplit

from hotpass.errors import (
    CallError,
    LedgerDamaged,
    LedgerError,
    MissingDependency,
    NotFound,
    RegistryError,
    mask,
)

T = TypeVar("T")

#: By when calls must be over, by time.monotonic(); None: each has TIMEOUT.
_DEADLINE: ContextVar[float | None] = ContextVar("hotpass_deadline", default=None)

#: In all, a call is tried this often, within so many seconds.
ATTEMPTS = 5
TIMEOUT = 30.0
#: Seconds within which a server must take a connection.
CONNECT_TIMEOUT = 5.0

_TRANSIENT_CODES = {"TEMPORARILY_UNAVAILABLE", "RESOURCE_EXHAUSTED"}
_TRANSIENT_TEXTS = (
    "database is locked",
    "failed with exception",
    "Connection refused",
    "Connection aborted",
    "Read timed out",
    "server closed the connection",
    "could not serialize",
    "deadlock detected",
)
_BUSY_GATEWAY = re.compile(r"\b(?:error code|HTTP|status) 50[234]\b", re.IGNORECASE)
#: What another try cannot mend, whatever names or ids in the text look like.
_FINAL_CODES = {
    "RESOURCE_DOES_NOT_EXIST",
    "RESOURCE_ALREADY_EXISTS",
    "INVALID_PARAMETER_VALUE",
    "PERMISSION_DENIED",
}
_HOPELESS = ("authentication failed", "does not exist", "no password supplied", "no such table")


#: What must not be shown of the URIs that this process opened, longest first.
_secrets: list[str] = []


def secrets_of(uri: str) -> set[str]:
    """The password of `uri`, or the token in the place of a user name (http and https), as written and as
    decoded and encoded: libraries put each of these into their errors.
    """
    scheme, separator, rest = uri.partition("://")
    if not separator or scheme.startswith(("sqlite", "file")):
        return set()
    # SQLAlchemy and urllib differ on where a password with an @ or a / ends; both are hidden.
    written = set()
    with contextlib.suppress(ValueError):  # urlsplit refuses some; what the other way finds stays
        written.add(urlsplit(uri).netloc.rpartition("@")[0])
    written.add(rest.rpartition("@")[0])
    found = set()
    for who in written:
        user, colon, password = who.partition(":")
        if password:
            found.add(password)
        if not password or password == "x-oauth-basic":  # noqa: S105 - a constant of GitHub, no secret
            found |= {user} if scheme in ("http", "https") or colon else set()
    return {
        form
        for secret in found
        if secret
        for form in (secret, unquote(secret), quote(secret, safe=""), quote_plus(secret))
    }


def masked(text: str) -> str:
    """`text` without the secrets of the URIs that this process opened, whatever characters they have, and
    without those that `hotpass.errors.mask` knows by their place.
    """
    for secret in _secrets:
        # Where it stands before an @, whatever its length; elsewhere a short one is a part of other words.
        text = text.replace(f"{secret}@", "***@")
        if len(secret) >= _LONG_SECRET:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "***", text)
    return mask(text)


_LONG_SECRET = 6


def _remember_secrets(uri: str) -> None:
    new = secrets_of(uri) - set(_secrets)
    if new:
        _secrets[:] = sorted([*_secrets, *new], key=len, reverse=True)


def require_mlflow() -> None:
    """Raises MissingDependency, naming the commands that install it, where MLflow is not installed."""
    if "mlflow" in sys.modules:
        return
    # MLflow asks for telemetry and prints hints on import; neither belongs into a command's output.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    try:
        import mlflow
    except ImportError as error:
        raise MissingDependency(
            "MLflow is not installed. Install it with: uv sync --extra ml_scoring\n"
            "or: pip install 'hotpass[ml_scoring]'"
        ) from error
    del mlflow


def is_transient(error: Exception) -> bool:
    """Whether trying again can help."""
    from mlflow.exceptions import MlflowException

    if not isinstance(error, MlflowException):
        return False
    text = str(error.message)
    if error.error_code in _FINAL_CODES or any(hopeless in text for hopeless in _HOPELESS):
        return False
    if error.error_code in _TRANSIENT_CODES or any(part in text for part in _TRANSIENT_TEXTS):
        return True
    return _BUSY_GATEWAY.search(text) is not None


def call(what: str, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """`function(*args, **kwargs)`, tried again while the fault is a passing one.

    `what` says in a few words what is being done: "read model lead_scoring". Raises NotFound for what MLflow
    says does not exist, RegistryError for everything else; both with passwords masked.
    """
    from mlflow.exceptions import MlflowException

    try:
        return function(*args, **kwargs)
    except MlflowException as first:
        if not is_transient(first):
            raise _translated(what, first) from None
    import stamina

    deadline = _DEADLINE.get()
    left = TIMEOUT if deadline is None else deadline - time.monotonic()
    try:
        for attempt in stamina.retry_context(
            on=is_transient, attempts=ATTEMPTS, timeout=max(left, 0.001), wait_initial=0.1, wait_max=5.0
        ):
            with attempt:
                return function(*args, **kwargs)
    except MlflowException as error:
        raise _translated(what, error) from None
    raise AssertionError("stamina either returns or raises")  # pragma: no cover


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Inside, no call goes on for longer than `seconds` in all, and no HTTP request for longer than a fifth
    of that.

    For moves under a lease: MLflow's own patience (two minutes a request, seven retries) would outlive it.
    """
    token = _DEADLINE.set(time.monotonic() + seconds)
    _SHORT_REQUESTS.enter(max(1, int(seconds / 5)))
    try:
        yield
    finally:
        _SHORT_REQUESTS.leave()
        _DEADLINE.reset(token)


class _ShortRequests:
    """MLflow takes the limits of its HTTP requests from the environment alone, so it is changed while anybody
    in this process moves something, and put back by the last.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before: dict[str, str | None] = {}

    def enter(self, seconds: int) -> None:
        wanted = {"MLFLOW_HTTP_REQUEST_TIMEOUT": str(seconds), "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
        with self._lock:
            if self._inside == 0:
                self._before = {name: os.environ.get(name) for name in wanted}
            self._inside += 1
            os.environ.update(wanted)

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                for name, value in self._before.items():
                    if value is None:
                        os.environ.pop(name, None)
                    else:
                        os.environ[name] = value


_SHORT_REQUESTS = _ShortRequests()


def _translated(what: str, error: Any) -> RegistryError | NotFound:
    what, text = masked(what), masked(str(error.message)).strip()
    if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"):
        return NotFound(f"cannot {what}: {text}")
    if is_transient(error):
        return RegistryError(
            f"cannot {what}: tried {ATTEMPTS} times, then gave up: {_first_lines(text)}\n"
            "Is the server up and the URI right? Nothing was changed by this call; it can be sent again."
        )
    return RegistryError(f"cannot {what}: {_first_lines(text)}{_remedy(text)}")


def _remedy(text: str) -> str:
    """What to do about an answer of a server, where it is plain."""
    if "error code 401" in text or "error code 403" in text:
        return (
            "\nSet MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, to "
            "credentials that may do this."
        )
    if "error code 404" in text or "not in a valid JSON format" in text:
        return "\nIs that an MLflow server, and is the URI its root?"
    return ""


def _first_lines(text: str, lines: int = 4) -> str:
    said = [line for line in text.splitlines() if line.strip() and "sqlalche.me" not in line]
    return "\n".join(said[:lines])


def check_reachable(uri: str, *, create: bool = False) -> None:
    """Raises RegistryError (or NotFound) at once where MLflow would retry for minutes or quietly create a
    database.

    With a wrong path, MLflow's SQLite store creates an empty database there; with a wrong host, its engine
    tries ten times with growing waits, and prints the URI with its password. So both are looked at first.
    """
    uri = uri.removeprefix("hotpass+")
    _remember_secrets(uri)
    try:
        scheme = urlsplit(uri).scheme
    except ValueError as error:
        raise CallError(f"{masked(uri)} is not a URI: {masked(str(error))}. Mend it.") from None
    if scheme.startswith("sqlite"):
        path = uri.split("///", 1)[-1].split("?", 1)[0]
        if not path:
            raise CallError(f"{uri} names no database file. Write sqlite:///FILE.")
        if not create and path != ":memory:" and not Path(path).exists():
            raise NotFound(
                f"there is no MLflow database at {uri}{_absolute(path)}. Train a model first, or name "
                "another with "
                "--registry-uri, MLFLOW_REGISTRY_URI or MLFLOW_TRACKING_URI."
            )
        if path != ":memory:" and Path(path).exists() and not _is_sqlite(Path(path)):
            raise CallError(f"{path}{_absolute(path)} is not a SQLite database. Name another file in {uri}.")
    elif scheme.split("+")[0] in ("postgresql", "mysql", "mssql"):
        import sqlalchemy

        try:
            engine = sqlalchemy.create_engine(uri, poolclass=sqlalchemy.pool.NullPool)
            with engine.connect():
                pass
        except ModuleNotFoundError as error:
            raise MissingDependency(_missing_driver(uri, error.name or "")) from None
        except Exception as error:
            said = _first_lines(masked(str(error)))
            raise RegistryError(f"cannot connect to {masked(uri)}: {said}") from None
    elif scheme in ("http", "https"):
        _check_server(uri)


def _absolute(path: str) -> str:
    """Where a relative path leads, for messages: it depends on the folder that one is in."""
    return "" if Path(path).is_absolute() else f" (that is {Path(path).absolute()})"


def _is_sqlite(file: Path) -> bool:
    """Whether `file` is a SQLite database, or empty and so may become one. Raises RegistryError."""
    try:
        with file.open("rb") as stream:
            head = stream.read(16)
    except IsADirectoryError:
        return False
    except OSError as error:
        raise RegistryError(f"cannot open {file}: {error.strerror}") from None
    return not head or head == b"SQLite format 3\0"


def _missing_driver(uri: str, driver: str) -> str:
    if urlsplit(uri).scheme == "postgresql" and driver != "psycopg2":
        # SQLAlchemy 2.1 takes another driver for a plain `postgresql://` than 2.0 did.
        return (
            f"the database driver {driver} is not installed. Install it (pip install {driver}), or "
            "take the one "
            "that pip install 'hotpass[postgresql]' brings: write postgresql+psycopg2:// in the URI."
        )
    return f"the database driver {driver} is not installed. For PostgreSQL: pip install 'hotpass[postgresql]'"


def _check_server(uri: str) -> None:
    """Whether something listens at `uri`; some seconds of patience for a server that restarts."""
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(uri)
    host = parts.hostname or ""
    if parts.scheme in getproxies() and not proxy_bypass(host):
        return  # only the proxy may connect to it
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise CallError(f"{masked(uri)} is not a server's address: {masked(str(error))}") from None
    for pause in (0.3, 0.7, 1.5, None):
        try:
            socket.create_connection((host, port), timeout=CONNECT_TIMEOUT).close()
            return
        except (OSError, UnicodeError) as error:
            if pause is None or isinstance(error, socket.gaierror | UnicodeError | TimeoutError):
                why = getattr(error, "strerror", None) or str(error) or type(error).__name__
                raise RegistryError(
                    f"cannot connect to {masked(uri)}: {masked(why)}. Is the server up and the URI right? "
                    "Nothing was changed."
                ) from None
            time.sleep(pause)


def as_ledger_error(error: RegistryError | NotFound) -> LedgerError:
    """The same fault, said of the ledger; what is not there any more was there once."""
    return (LedgerDamaged if isinstance(error, NotFound) else LedgerError)(f"the ledger: {error}")
