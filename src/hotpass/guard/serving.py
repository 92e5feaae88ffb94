"""Starts `mlflow server` with the guard in it, after everything that could keep it from guarding was tried
here: what fails in a worker fails in each of them, and again in those that replace them.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

from hotpass.copies import in_copy
from hotpass.errors import CallError, RegistryError
from hotpass.guard.basic_auth import bootstrap
from hotpass.guard.core import Guard
from hotpass.guard.guard_settings import AUTH, KEY_FILE, OBSERVE, PREFIX, GuardSettings, check_guardable
from hotpass.guard.jobs import check_jobs
from hotpass.guard.key_file import default_key_file, make_key_file
from hotpass.policy.revision import VARIABLE as POLICIES_FROM
from hotpass.policy.revision import materialized
from hotpass.registry.calls import check_reachable, masked, require_mlflow
from hotpass.texts import shown

#: Options of `mlflow server` that stand before the `--`, or that leave nothing to guard.
TAKEN = {
    **dict.fromkeys(["--backend-store-uri", "--registry-store-uri"], "write it before the --"),
    **dict.fromkeys(["--host", "-h", "--port", "-p", "--workers", "-w"], "write it in full before the --"),
    "--app-name": "the app is what guards",
    "--artifacts-only": "it leaves out what is to be guarded",
    "--dev": "MLflow does not take it together with an app",
}

#: Settings of MLflow's for a guarded server, where the user has not chosen.
DEFAULTS = {"MLFLOW_DISABLE_TELEMETRY": "true"}


@dataclass(frozen=True, slots=True)
class Serving:
    """What `hotpass serve` was asked for."""

    policies: Sequence[Path] | None
    plugins: Sequence[Path] | None
    backend_store_uri: str
    registry_store_uri: str | None
    host: str
    port: int
    workers: int
    auth: bool
    observe: bool
    key_file: Path | None
    further: tuple[str, ...] = ()
    policies_from: str | None = None

    @property
    def tracking_uri(self) -> str:
        return self.backend_store_uri.removeprefix(PREFIX)

    @property
    def registry_uri(self) -> str:
        return (self.registry_store_uri or self.backend_store_uri).removeprefix(PREFIX)

    @property
    def address(self) -> str:
        """Where the UI is."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def command(self) -> list[str]:
        return [
            sys.executable, "-m", "mlflow", "server", "--app-name", "hotpass", "--host", self.host,
            "--port", str(self.port), "--workers", str(self.workers), *self.further,
        ]  # fmt: skip

    def environment(self) -> dict[str, str]:
        """What the server's environment needs. The databases' URIs are there and not in the command, which
        every user of the machine can read.

        Raises PolicyError and CallError for places that cannot be.
        """
        settings = {
            "MLFLOW_BACKEND_STORE_URI": self.tracking_uri,
            "MLFLOW_REGISTRY_STORE_URI": self.registry_uri,
            AUTH: str(self.auth).lower(),
            OBSERVE: str(self.observe).lower(),
            KEY_FILE: str((self.key_file or default_key_file()).absolute()),
        }
        with materialized(self.policies_from, self.policies, self.plugins, judging=True) as rules:
            revision, policies, plugins = rules.revision, rules.policies.paths, rules.plugins
        if revision is not None:
            # The id, so that all workers have the same, and where it is in the repository.
            settings[POLICIES_FROM] = revision.commit
            policies, plugins = (
                tuple(revision.root / copied.path for copied in map(in_copy, paths) if copied)
                for paths in (policies, plugins)
            )
        for name, paths in (("HOTPASS_POLICIES", policies), ("HOTPASS_PLUGINS", plugins)):
            if paths:
                settings[name] = os.pathsep.join(str(path.absolute()) for path in paths)
            wrong = next((path for path in paths if os.pathsep in str(path.absolute())), None)
            if wrong is not None:
                raise CallError(
                    f"{wrong.absolute()} has a {os.pathsep!r} in it; a server cannot be told of it"
                )
        return settings


def serve(serving: Serving, given: Mapping[str, str], say: Callable[[str], None]) -> int:
    """Serves until this process is told to stop; returns the server's exit code.

    `given` is the environment that the server gets, with what the guard needs added. Raises what keeps it
    from guarding: PolicyError, PluginError, CallError, RegistryError; and RegistryError for a server that
    ended by itself.
    """
    if importlib.util.find_spec("mlflow") is None:
        require_mlflow()  # says how to install it; to import it takes seconds, and nothing here needs it
    settings = serving.environment()
    os.environ.update(settings)
    guard, key_is_new = preflight(serving)
    if serving.auth:
        settings |= bootstrap()
    for line in _about(serving, guard, key_is_new):
        say(line)
    with contextlib.ExitStack() as stack:
        if POLICIES_FROM in settings:
            # A worker that a signal ends clears nothing away. What it copied lies where this process does.
            folder = TemporaryDirectory(prefix="hotpass-serve-", ignore_cleanup_errors=True)
            settings["TMPDIR"] = stack.enter_context(folder)
        return _run(serving.command(), {**DEFAULTS, **given, **settings})


def preflight(serving: Serving) -> tuple[Guard, bool]:
    """The guard as the server's workers will make it, and whether its key was made just now."""
    for word in serving.further:
        option = word.partition("=")[0]
        if option in TAKEN:
            raise CallError(f"{option} cannot be among the options of mlflow server: {TAKEN[option]}")
    for uri in {serving.registry_uri: None, serving.tracking_uri: None}:
        check_guardable(uri)
        check_reachable(uri, create=True)
    check_jobs()
    settings = GuardSettings.from_environment(serving.registry_uri, serving.tracking_uri)
    assert settings.key_file is not None  # Serving.environment sees to it
    key_is_new = make_key_file(settings.key_file)
    guard = Guard(settings)
    check_address(serving.host, serving.port)
    return guard, key_is_new


def check_address(host: str, port: int) -> None:
    """Raises CallError where nobody can listen there."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            if os.name == "posix":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise CallError(
            f"nobody can listen on {host} port {port}: {why}. Name others: --host, --port"
        ) from None


def _about(serving: Serving, guard: Guard, key_is_new: bool) -> Iterator[str]:
    same = serving.registry_uri == serving.tracking_uri
    yield f"Hotpass guards {masked(serving.registry_uri)}" + (
        "" if same else f", with the runs of {masked(serving.tracking_uri)}"
    )
    for policy in guard.policies.policies:
        yield shown(f"  policy    {policy.name}: {', '.join(policy.models)}  ({policy.path})")
    if guard.settings.unmatched == "deny":
        yield "            a model that no policy covers moves nowhere (HOTPASS_UNMATCHED=deny)"
    new = "made just now; " if key_is_new else ""
    yield f"  key       {guard.settings.key_file}  ({new}every server on this database needs the same)"
    yield "  auth      " + (
        "MLflow's basic auth" if serving.auth else "none: the record says who somebody claims to be (--auth)"
    )
    if serving.observe:
        yield "  observe   nothing is refused; the record says what would have been"
    yield f"  UI        {serving.address}"


def _run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    told: list[int] = []
    server: subprocess.Popen[bytes] | None = None

    def pass_on(number: int, frame: FrameType | None) -> None:
        told.append(number)
        if server is not None:
            server.send_signal(signal.SIGTERM)

    stopping = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP"):
        stopping.append(signal.SIGHUP)
    before = {number: signal.signal(number, pass_on) for number in stopping}
    try:
        sys.stdout.flush()
        server = subprocess.Popen(command, env=environment)  # noqa: S603 - only the words of this module
        if told:
            server.send_signal(signal.SIGTERM)
        code = server.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if not told:
        # `mlflow server` exits 0 also when its uvicorn failed.
        raise RegistryError(f"the server ended by itself (exit code {code}); what it wrote is above")
    return max(code, 0)
