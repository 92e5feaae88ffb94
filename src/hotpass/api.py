"""The library: check, promote, roll back, adopt, look up. One call each, or a Session that keeps what it has
learnt.

import hotpass

decision = hotpass.promote("lead_scoring", "latest", "Staging", policies="policies")

with hotpass.connect(policies="policies") as session:
    for version in (7, 8):
        print(session.check("lead_scoring", version, "Production").summary())
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hotpass.guard.core import guard_of
from hotpass.guard.guard_settings import PREFIX, GuardSettings
from hotpass.ledger.chain import LEASE
from hotpass.ledger.record import Actor, Entry
from hotpass.limits import with_time_limit
from hotpass.pages.keeping import fresh
from hotpass.plugins import create_manager
from hotpass.policy.discovery import plugin_folders
from hotpass.policy.model import PolicySet
from hotpass.policy.revision import materialized
from hotpass.registry.calls import check_reachable, masked
from hotpass.registry.mlflow_registry import MlflowRegistry
from hotpass.remote import remote_of
from hotpass.session import Session as Session
from hotpass.settings import Version, claimed_name, env_gate_time_limit, unmatched_rule, uris
from hotpass.verdicts import Decision, Json

if TYPE_CHECKING:
    import pluggy

log = logging.getLogger("hotpass")

Policies = PolicySet | str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None


def connect(
    *,
    policies: Policies = None,
    plugins: Sequence[str | os.PathLike[str]] | None = None,
    registry_uri: str | None = None,
    tracking_uri: str | None = None,
    ledger_uri: str | None = None,
    actor: str | None = None,
    gate_time_limit: float | None = None,
    lease: float = LEASE,
    notify: Callable[[str], None] | None = None,
    manager: pluggy.PluginManager | None = None,
    create: bool = False,
) -> Session:
    """Opens a registry with the policies and plugins that judge it.

    `policies` is a folder, a file, several of them, or a loaded PolicySet; None looks in HOTPASS_POLICIES and
    in the nearest pyproject.toml. With HOTPASS_POLICIES_FROM, all but a PolicySet is read from that git
    revision. URIs default to MLflow's own settings; `ledger_uri` to HOTPASS_LEDGER_URI,
    then the registry's tracking store. `gate_time_limit` (seconds, or HOTPASS_GATE_TIME_LIMIT) makes a gate
    that runs longer an error. `lease` is how many seconds others leave an open promotion alone. `notify` is
    told what goes on meanwhile; without it only that policies were ignored is said, as a warning in the log.

    Where the registry is a guard's, a server's or a `hotpass+...` URI, its policies decide and not those
    found here. Raises PolicyError, PluginError, CallError, RegistryError.
    """
    further = _Further(registry_uri, tracking_uri, ledger_uri, actor, gate_time_limit, lease, notify, create)
    if isinstance(policies, PolicySet):
        manager = manager or create_manager(plugin_folders(plugins))
        return _opened(policies, manager, further, looking=policies == PolicySet())
    with contextlib.ExitStack() as copy:
        rules = copy.enter_context(materialized(None, policies, plugins, judging=True, cli=False))
        manager = manager or rules.manager()
        session = _opened(rules.load(manager), manager, further)
        session.at_exit(copy.pop_all().close)
        return session


class _Further(NamedTuple):
    """What `connect` was asked for besides policies and plugins."""

    registry_uri: str | None
    tracking_uri: str | None
    ledger_uri: str | None
    actor: str | None
    gate_time_limit: float | None
    lease: float
    notify: Callable[[str], None] | None
    create: bool


def _opened(
    found: PolicySet, manager: pluggy.PluginManager, asked: _Further, *, looking: bool = False
) -> Session:
    limit = asked.gate_time_limit if asked.gate_time_limit is not None else env_gate_time_limit()
    if limit is not None:
        found = with_time_limit(found, limit)
    name = asked.actor or claimed_name()
    registry_uri, tracking_uri = uris(asked.registry_uri, asked.tracking_uri)
    if registry_uri.startswith(PREFIX):
        settings = GuardSettings.from_environment(registry_uri, tracking_uri)
        return _behind_a_guard(
            settings, found, manager, name, asked.notify, create=asked.create, looking=looking
        )
    registry = MlflowRegistry(registry_uri, tracking_uri, create=asked.create)
    return Session(
        registry,
        found,
        manager,
        ledger_uri=asked.ledger_uri,
        actor=name,
        unmatched=unmatched_rule(),
        lease=asked.lease,
        remote=remote_of(registry, actor=name, local=found, notify=asked.notify),
        notify=asked.notify or (lambda text: None),
    )


def _behind_a_guard(
    settings: GuardSettings,
    local: PolicySet,
    manager: pluggy.PluginManager,
    actor: str,
    notify: Callable[[str], None] | None,
    *,
    create: bool,
    looking: bool,
) -> Session:
    """The guard of a `hotpass+...` URI in this process. Its stores are guarded, so the engine works on the
    plain ones, with its policies and its seal.
    """
    for uri in {settings.registry_uri, settings.tracking_uri}:
        check_reachable(uri, create=create)
    if looking:  # whatever the state of the guard's policies; to promote here is refused
        registry = MlflowRegistry(settings.registry_uri, settings.tracking_uri, create=create)
        return Session(
            registry, local, manager, actor=actor, unmatched="deny", seal=settings.seal(),
            notify=notify or (lambda text: None),
        )  # fmt: skip
    guard = guard_of(settings)
    if local.policies and local.refs() != guard.policies.refs():
        names = ", ".join(policy.name for policy in guard.policies.policies)
        (notify or log.warning)(
            f"the guard of {masked(settings.registry_uri)} decides by its own policies ({names}); "
            f"those of {local.source or 'the call'} are ignored"
        )
    return guard.session(Actor(actor))


def check(
    model: str,
    version: Version,
    to: str,
    *,
    policies: Policies = None,
    plugins: Sequence[str | os.PathLike[str]] | None = None,
    registry_uri: str | None = None,
    tracking_uri: str | None = None,
    archive_existing: bool | None = None,
    overrides: str | Sequence[str] = (),
    actor: str | None = None,
) -> Decision:
    """Session.check, in one call."""
    with connect(
        policies=policies, plugins=plugins, registry_uri=registry_uri, tracking_uri=tracking_uri, actor=actor
    ) as session:
        return session.check(model, version, to, archive_existing=archive_existing, overrides=overrides)


def promote(
    model: str,
    version: Version,
    to: str,
    *,
    policies: Policies = None,
    plugins: Sequence[str | os.PathLike[str]] | None = None,
    registry_uri: str | None = None,
    tracking_uri: str | None = None,
    archive_existing: bool | None = None,
    reason: str = "",
    overrides: str | Sequence[str] = (),
    actor: str | None = None,
) -> Decision:
    """Session.promote, in one call."""
    with connect(
        policies=policies, plugins=plugins, registry_uri=registry_uri, tracking_uri=tracking_uri, actor=actor
    ) as session:
        return session.promote(
            model, version, to, archive_existing=archive_existing, reason=reason, overrides=overrides
        )


def rollback(
    model: str,
    *,
    reason: str,
    to_version: Version | None = None,
    stage: str = "Production",
    policies: Policies = None,
    plugins: Sequence[str | os.PathLike[str]] | None = None,
    registry_uri: str | None = None,
    tracking_uri: str | None = None,
    overrides: str | Sequence[str] = (),
    actor: str | None = None,
) -> Decision:
    """Session.rollback, in one call."""
    with connect(
        policies=policies, plugins=plugins, registry_uri=registry_uri, tracking_uri=tracking_uri, actor=actor
    ) as session:
        return session.rollback(model, reason=reason, to_version=to_version, stage=stage, overrides=overrides)


def approve(
    model: str,
    version: Version,
    to: str,
    *,
    reason: str,
    policies: Policies = None,
    registry_uri: str | None = None,
    tracking_uri: str | None = None,
    actor: str | None = None,
) -> Entry:
    """Session.approve, in one call."""
    with connect(
        policies=policies, registry_uri=registry_uri, tracking_uri=tracking_uri, actor=actor
    ) as session:
        return session.approve(model, version, to, reason=reason)


def withdraw(
    model: str,
    version: Version,
    to: str,
    *,
    reason: str,
    policies: Policies = None,
    registry_uri: str | None = None,
    tracking_uri: str | None = None,
    actor: str | None = None,
) -> Entry:
    """Session.withdraw, in one call."""
    with connect(
        policies=policies, registry_uri=registry_uri, tracking_uri=tracking_uri, actor=actor
    ) as session:
        return session.withdraw(model, version, to, reason=reason)


def history(
    model: str,
    version: int | None = None,
    *,
    registry_uri: str | None = None,
    tracking_uri: str | None = None,
) -> list[Entry]:
    """Session.history, in one call."""
    with _without_policies(registry_uri, tracking_uri) as session:
        return session.history(model, version)


def report(
    decision: Decision | str,
    path: str | os.PathLike[str] | None = None,
    *,
    model: str | None = None,
    registry_uri: str | None = None,
    tracking_uri: str | None = None,
) -> Path:
    """Writes the report of a decision, an HTML page that needs nothing but itself; returns where.

    `decision` is what `check` or `promote` returned (a refusal has it as `.decision`), or the id of a record
    or its beginning, of `model` if that is given. `path` is the file, which is written over; by default
    `MODEL-VERSION-ID.html` in the working directory. One that is on record is the file that was kept with it,
    else made again. Raises NotFound, CallError, RegistryError, OSError.

    denied.decision.id  # "00f15b1a…"
    hotpass.report(denied.decision, "why.html")
    """
    if isinstance(decision, Decision) and not decision.id:
        found = fresh(decision)
    else:
        with _without_policies(registry_uri, tracking_uri) as session:
            found = session.report(decision, model)
    file = Path(path) if path is not None else Path(found.file_name)
    file.write_text(found.html, encoding="utf-8")
    return file


def adopt(
    model: str, *, registry_uri: str | None = None, tracking_uri: str | None = None, dry_run: bool = False
) -> dict[str, Json]:
    """Session.adopt, in one call."""
    with _without_policies(registry_uri, tracking_uri) as session:
        return session.adopt(model, dry_run=dry_run)


def _without_policies(registry_uri: str | None, tracking_uri: str | None) -> Session:
    """A session for what no policy has a say in, so that a broken policy does not hide the history."""
    return connect(
        policies=PolicySet(),
        registry_uri=registry_uri,
        tracking_uri=tracking_uri,
        manager=create_manager(entry_points=False),
    )
