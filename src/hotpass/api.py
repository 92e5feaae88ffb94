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
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

from hotpass import adoption
from hotpass.errors import CallError, NotFound
from hotpass.ledger.audit import Audit, Finding, verify
from hotpass.ledger.chain import LEASE, Chain
from hotpass.ledger.home import Home, models_with_ledger
from hotpass.ledger.record import Actor, Entry
from hotpass.ledger.seal import Seal
from hotpass.limits import with_time_limit
from hotpass.plugins import create_manager
from hotpass.policy.discovery import plugin_folders
from hotpass.policy.loader import load_policies
from hotpass.policy.model import PolicySet
from hotpass.promotion import Promoter
from hotpass.recovery import DECISION_TAG
from hotpass.registry.mlflow_registry import MlflowRegistry
from hotpass.resolving import Request
from hotpass.settings import (
    Version,
    claimed_name,
    env_gate_time_limit,
    ledger_store,
    unmatched_rule,
    uris,
    version_of,
)
from hotpass.verdicts import Decision, Json

if TYPE_CHECKING:
    import pluggy

Policies = PolicySet | str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None


class Session:
    """A registry, its ledger and the policies in force, opened once. Not for several threads at a time."""

    def __init__(
        self,
        registry: MlflowRegistry,
        policies: PolicySet,
        manager: pluggy.PluginManager,
        *,
        ledger_uri: str | None = None,
        actor: str | Actor | None = None,
        unmatched: Literal["builtin", "deny"] | None = None,
        lease: float = LEASE,
        seal: Seal | None = None,
        policies_on_disk: bool = True,
        notify: Callable[[str], None] = lambda text: None,
    ) -> None:
        """`actor` is a name that is only claimed, or an Actor. `seal` marks the records as a guard's own.

        `policies_on_disk` has every promotion check that the policy files are still those that were read; a
        guard, which reads them again by itself, needs no such check.
        """
        self.registry = registry
        self.policies = policies
        self.manager = manager
        self.actor = actor if isinstance(actor, Actor) else Actor(actor or claimed_name())
        self._ledger_store = ledger_store(registry, ledger_uri)
        self._lease = lease
        self._seal = seal
        self._notify = notify
        self._chains: dict[str, Chain] = {}
        self._promoter = Promoter(
            registry,
            self._chain,
            policies,
            manager,
            actor=self.actor,
            unmatched=unmatched,
            policies_on_disk=policies_on_disk,
            notify=notify,
        )

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exc: object) -> None:
        self._chains.clear()

    def _chain(self, model: str) -> Chain:
        if model not in self._chains:
            self._chains[model] = Chain(self._home(model), lease=self._lease, seal=self._seal)
        return self._chains[model]

    def _home(self, model: str) -> Home:
        return Home(self._ledger_store, model)

    def check(
        self, model: str, version: Version, to: str, *, archive_existing: bool | None = None
    ) -> Decision:
        """What `promote` would decide now. Writes nothing, raises nothing for a refusal."""
        return self._promoter.check(Request(model, version_of(version), to, archive_existing))

    def promote(
        self, model: str, version: Version, to: str, *, archive_existing: bool | None = None, reason: str = ""
    ) -> Decision:
        """Moves `version` (a number or `"latest"`) of `model` to stage `to`, if the policies allow it.

        The decision is on record before anything moves, and also where nothing does. Raises PromotionDenied
        (exit 1), its kinds PromotionPending and PromotionOvertaken (exit 3), each with `.decision`;
        CallError, NotFound and PolicyError (exit 2) for a wrong call or policy; RegistryError (exit 4).
        """
        return self._promoter.promote(Request(model, version_of(version), to, archive_existing, reason))

    def rollback(
        self,
        model: str,
        *,
        reason: str,
        to_version: Version | None = None,
        stage: str = "Production",
        dry_run: bool = False,
    ) -> Decision:
        """Puts the version that held `stage` before (or `to_version`) back. Only a policy's `rollback:` gates
        apply.

        It must have been there by an allowed decision, with the same files; no dwell, no approvals. Raises as
        `promote`. With `dry_run`, only says what would be decided.
        """
        version = None if to_version is None else version_of(to_version)
        if not reason.strip():
            raise CallError("a rollback needs a reason: --reason on the command line, reason= in a call")
        request = Request(model, version, stage, reason=reason, rollback=True)
        return self._promoter.check(request) if dry_run else self._promoter.promote(request)

    def history(self, model: str, version: int | None = None) -> list[Entry]:
        """Every record about `model` (or one version of it), oldest first. Raises NotFound for an unknown
        model.
        """
        chain = self._chain(model)
        chain.refresh()
        entries = chain.entries(whole=True)
        if not entries:
            self.registry.model(model)
        if version is None:
            return entries
        return [entry for entry in entries if version in _versions_of(entry)]

    def recent(self, model: str) -> list[Entry]:
        """The newest records about `model`, oldest first: some 25 of them, in one request."""
        chain = self._chain(model)
        chain.refresh()
        return chain.entries()

    def ledgers(self) -> list[str]:
        """Names of the models that have a ledger, also of those that the registry has no longer."""
        return models_with_ledger(self._ledger_store)

    def adopt(self, model: str, *, dry_run: bool = False) -> dict[str, Json]:
        """Records which versions of `model` are in stages or under aliases now, so that dwell and rollback
        have a start.

        Returns what was (or, with `dry_run`, would be) recorded: `versions` is empty where the ledger knows
        it all.
        """
        if not dry_run:
            written = adoption.adopt(self.registry, self._chain(model), model, self.actor, self._notify)
            if written:
                versions = [seen for entry in written for seen in entry.record.body["versions"]]
                return {**written[-1].record.body, "versions": versions, "id": written[-1].id}
        else:
            self._chain(model).refresh()
        found = adoption.plan(self.registry, self._chain(model), model)
        return found if found["versions"] or dry_run else {**found, "outcome": "nothing to adopt"}

    def audit(self, model: str) -> Audit:
        """Proves the ledger of `model`: every record that was edited, removed or inserted is named.

        So is every version that carries the id of a decision that the ledger does not have.
        """
        audit = verify(self._home(model))
        with contextlib.suppress(NotFound):
            for facts in self.registry.versions(model):
                decision = facts.tags.get(DECISION_TAG)
                if decision and decision not in audit.ids:
                    audit.findings.append(
                        Finding(
                            decision,
                            f"removed: version {facts.version} was moved by this decision, and there is none",
                        )
                    )
        return audit


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
    notify: Callable[[str], None] = lambda text: None,
    manager: pluggy.PluginManager | None = None,
    create: bool = False,
) -> Session:
    """Opens a registry with the policies and plugins that judge it.

    `policies` is a folder, a file, several of them, or a loaded PolicySet; None looks in HOTPASS_POLICIES and
    in the nearest pyproject.toml. URIs default to MLflow's own settings; `ledger_uri` to HOTPASS_LEDGER_URI,
    then the registry's tracking store. `gate_time_limit` (seconds, or HOTPASS_GATE_TIME_LIMIT) makes a gate
    that runs longer an error. `lease` is how many seconds others leave an open promotion alone. Raises
    PolicyError, PluginError, CallError, RegistryError.
    """
    manager = manager or create_manager(plugin_folders(plugins))
    found = policies if isinstance(policies, PolicySet) else load_policies(policies, manager=manager)
    limit = gate_time_limit if gate_time_limit is not None else env_gate_time_limit()
    if limit is not None:
        found = with_time_limit(found, limit)
    registry = MlflowRegistry(*uris(registry_uri, tracking_uri), create=create)
    return Session(
        registry,
        found,
        manager,
        ledger_uri=ledger_uri,
        actor=actor,
        unmatched=unmatched_rule(),
        lease=lease,
        notify=notify,
    )


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
) -> Decision:
    """Session.check, in one call."""
    with connect(
        policies=policies, plugins=plugins, registry_uri=registry_uri, tracking_uri=tracking_uri
    ) as session:
        return session.check(model, version, to, archive_existing=archive_existing)


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
    actor: str | None = None,
) -> Decision:
    """Session.promote, in one call."""
    with connect(
        policies=policies, plugins=plugins, registry_uri=registry_uri, tracking_uri=tracking_uri, actor=actor
    ) as session:
        return session.promote(model, version, to, archive_existing=archive_existing, reason=reason)


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
    actor: str | None = None,
) -> Decision:
    """Session.rollback, in one call."""
    with connect(
        policies=policies, plugins=plugins, registry_uri=registry_uri, tracking_uri=tracking_uri, actor=actor
    ) as session:
        return session.rollback(model, reason=reason, to_version=to_version, stage=stage)


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


def _versions_of(entry: Entry) -> set[int]:
    body = entry.record.body
    found = {int(seen["version"]) for seen in body.get("versions", ())}
    return found | ({int(body["version"])} if "version" in body else set())
