"""A registry, its ledger and the policies in force, opened once: everything that Hotpass does with a model.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from hotpass import adoption, approving, observing
from hotpass.backtest.reading import Library
from hotpass.drift.findings import Scan
from hotpass.drift.scanning import scan
from hotpass.errors import CallError, NotFound
from hotpass.ledger.audit import Audit, Finding, verify
from hotpass.ledger.chain import LEASE, Chain
from hotpass.ledger.home import Home, models_with_ledger
from hotpass.ledger.record import Actor, Entry
from hotpass.ledger.seal import Seal
from hotpass.observing import Observation
from hotpass.pages.keeping import Report, Reports
from hotpass.policy.model import PolicySet
from hotpass.promotion import Promoter
from hotpass.registry.convert import DECISION_TAG
from hotpass.registry.database import Database
from hotpass.registry.mlflow_registry import MlflowRegistry
from hotpass.rejudging import Rejudging, rejudge
from hotpass.remote import Remote
from hotpass.resolving import Request
from hotpass.settings import (
    Version,
    claimed_name,
    keeps_reports,
    ledger_at,
    ledger_store,
    override_names,
    version_of,
)
from hotpass.stages import canonical, is_native
from hotpass.transaction import Transactions
from hotpass.verdicts import Decision, Json

if TYPE_CHECKING:
    import pluggy


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
        keep_files: bool = True,
        remote: Remote | None = None,
        notify: Callable[[str], None] = lambda text: None,
    ) -> None:
        """`actor` is a name that is only claimed, or an Actor. `seal` marks the records as a guard's own.
        With `remote` the guard there decides, if there is one.

        `policies_on_disk` has every promotion check that the policy files are still those that were read; a
        guard, which reads them again by itself, needs no such check. Without `keep_files`, what gates fetched
        and measured goes after each decision instead of with the session.
        """
        self.registry = registry
        self.policies = policies
        self.manager = manager
        self.actor = actor if isinstance(actor, Actor) else Actor(actor or claimed_name())
        self._ledger_store = ledger_store(registry, ledger_uri)
        self._reports = Reports(ledger_at(registry, ledger_uri), on=keeps_reports())
        self._database = Database.shared_by(registry.store, self._ledger_store)
        self._keep_files = keep_files
        self._lease = lease
        self._seal = seal
        self._remote = remote
        self._notify = notify
        self._chains: dict[str, Chain] = {}
        self._closing = contextlib.ExitStack()
        self._promoter = Promoter(
            registry,
            self._chain,
            policies,
            manager,
            actor=self.actor,
            unmatched=unmatched,
            policies_on_disk=policies_on_disk,
            transactions=Transactions(self._database, registry) if self._database is not None else None,
            reports=self._reports,
            notify=notify,
        )

    @property
    def guarded(self) -> bool:
        """Whether a guard on the server decides, as far as that is known yet."""
        return self._remote is not None and bool(self._remote.found)

    def look_for_guard(self) -> bool:
        """Whether a guard on the server decides, with a request where that is not known yet."""
        return self._remote is not None and self._remote.look()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exc: object) -> None:
        self._chains.clear()
        self._promoter.shelf.close()
        self._closing.close()

    def at_exit(self, close: Callable[[], None]) -> None:
        """Has `close` called when the session ends, for what its policies and plugins need as long."""
        # One that nobody closes ends with the process at the latest.
        self._closing.callback(weakref.finalize(self, close))

    def _chain(self, model: str) -> Chain:
        if model not in self._chains:
            self._chains[model] = Chain(
                self._home(model), lease=self._lease, seal=self._seal, database=self._database
            )
        return self._chains[model]

    def _home(self, model: str) -> Home:
        return Home(self._ledger_store, model)

    def check(
        self,
        model: str,
        version: Version,
        to: str,
        *,
        archive_existing: bool | None = None,
        overrides: str | Sequence[str] = (),
    ) -> Decision:
        """What `promote` would decide now. Writes nothing, raises nothing for a refusal."""
        names = override_names(overrides)
        request = Request(model, version_of(version), to, archive_existing, overrides=names)
        return self._decide(request, check=True)

    def promote(
        self,
        model: str,
        version: Version,
        to: str,
        *,
        archive_existing: bool | None = None,
        reason: str = "",
        overrides: str | Sequence[str] = (),
        request_id: str = "",
        announced: str = "",
    ) -> Decision:
        """Moves `version` (a number or `"latest"`) of `model` to stage `to`, if the policies allow it.

        The decision is on record before anything moves, and also where nothing does. `overrides` names gates
        that the actor overrides, for which it takes a reason and that the policy allows it. Where one is on
        record under `request_id`, that one is the answer again. MLflow's webhooks are not told of the alias
        `announced`, since the caller tells them itself. Raises PromotionDenied (exit 1), its kinds
        PromotionPending and PromotionOvertaken (exit 3), each with `.decision`; CallError, NotFound and
        PolicyError (exit 2) for a wrong call or policy; RegistryError (exit 4).
        """
        request = Request(
            model,
            version_of(version),
            to,
            archive_existing,
            reason,
            request_id=request_id,
            announced=announced,
            overrides=override_names(overrides),
        )
        if request.overrides and not reason.strip():
            raise CallError("an override needs a reason: --reason on the command line, reason= in a call")
        return self._decide(request)

    def rollback(
        self,
        model: str,
        *,
        reason: str,
        to_version: Version | None = None,
        stage: str = "Production",
        dry_run: bool = False,
        overrides: str | Sequence[str] = (),
        request_id: str = "",
    ) -> Decision:
        """Puts the version that held `stage` before (or `to_version`) back. Only a policy's `rollback:` gates
        apply.

        It must have been there by an allowed decision, with the same files; no dwell, no approvals. Raises as
        `promote`. With `dry_run`, only says what would be decided.
        """
        version = None if to_version is None else version_of(to_version)
        if not reason.strip():
            raise CallError("a rollback needs a reason: --reason on the command line, reason= in a call")
        request = Request(
            model, version, stage, reason=reason, rollback=True, request_id=request_id,
            overrides=override_names(overrides),
        )  # fmt: skip
        return self._decide(request, check=dry_run)

    def _decide(self, request: Request, *, check: bool = False) -> Decision:
        """By the guard, where there is one, else here."""
        decision = self._remote.decide(request, check=check) if self._remote is not None else None
        if decision is not None:
            return decision
        try:
            return self._promoter.check(request) if check else self._promoter.promote(request)
        finally:
            if not self._keep_files:
                self._promoter.shelf.close()

    def approve(self, model: str, version: Version, to: str, *, reason: str, request_id: str = "") -> Entry:
        """Records that the session's actor approves of `version` of `model`, with the files it has now, going
        to stage `to`.

        Returns the record; where the actor's approval stands already, the one of then, or with a `request_id`
        one that names it as `stood`. A `request_id` that was recorded before gives the record of then. Raises
        CallError without a reason or a name, where the version is in the stage already and where its files
        have changed since it was registered; NotFound, RegistryError, LedgerError.
        """
        word = approving.Word(model, version_of(version), canonical(to), self.actor, reason, request_id)
        found = self._remote.say("approve", word) if self._remote is not None else None
        return found or approving.approve(self.registry, self._chain(model), self._spelt(word), self._notify)

    def withdraw(self, model: str, version: Version, to: str, *, reason: str, request_id: str = "") -> Entry:
        """Takes the actor's own approval back. Returns the record of that; raises CallError where there is
        none, and as `approve`.
        """
        word = approving.Word(model, version_of(version), canonical(to), self.actor, reason, request_id)
        found = self._remote.say("withdraw", word) if self._remote is not None else None
        return found or approving.withdraw(self.registry, self._chain(model), self._spelt(word), self._notify)

    def _spelt(self, word: approving.Word) -> approving.Word:
        """`word` with the stage as the policies spell it. Raises CallError for one that is a slip of the pen.
        """
        stage = self.policies.spelling_of(word.model, word.stage)
        covering = self.policies.covering(word.model)
        known = {entry.to_stage for policy in covering for entry in policy.promotions}
        if known and stage not in known and not is_native(stage):
            raise CallError(
                f"no policy takes {word.model} to a stage {stage!r}; they name {', '.join(sorted(known))}"
            )
        return replace(word, stage=stage)

    def history(self, model: str, version: int | None = None) -> list[Entry]:
        """Every record about `model` (or one version of it), oldest first. Raises NotFound for an unknown
        model.
        """
        found = self._remote.history(model, version) if self._remote is not None else None
        if found is not None:
            return found
        chain = self._chain(model)
        chain.refresh()
        entries = chain.entries(whole=True)
        if not entries:
            self.registry.model(model)
        if version is None:
            return entries
        return [entry for entry in entries if version in _versions_of(entry)]

    def report(
        self, decision: Decision | str, model: str | None = None, *, from_record: bool = False
    ) -> Report:
        """The report of a decision as HTML: as it was kept with the record, else made again.

        `decision` may be the id of a record, or its beginning (of `model`, if that is given). One that is not
        on record, from `check`, is shown as it is. With `from_record` the kept file is passed over: whoever
        can write files beside the record could have changed it. Raises NotFound, CallError, RegistryError.
        """
        models = [model] if model else [] if isinstance(decision, Decision) else self.ledgers()
        return self._reports.find(decision, models, self.history, self._home, from_record=from_record)

    def answered(self, model: str, request_id: str) -> Entry | None:
        """The record that a request of this id came to, if there is one."""
        return self._chain(model).answered(request_id)

    def recent(self, model: str) -> list[Entry]:
        """The newest records about `model`, oldest first: some 25 of them, in one request."""
        chain = self._chain(model)
        chain.refresh()
        return chain.entries()

    def ledgers(self, *, deleted_too: bool = False) -> list[str]:
        """Names of the models that have a ledger, also of those that the registry has no longer."""
        return models_with_ledger(self._ledger_store, deleted_too=deleted_too)

    def adopt(self, model: str, *, dry_run: bool = False) -> dict[str, Json]:
        """Records which versions of `model` are in stages or under aliases now, so that dwell and rollback
        have a start.

        Returns what was (or, with `dry_run`, would be) recorded: `versions` is empty where the ledger knows
        it all.
        """
        found = self._remote.adopt(model, dry_run=dry_run) if self._remote is not None else None
        if found is not None:
            return found
        if not dry_run:
            written = adoption.adopt(self.registry, self._chain(model), model, self.actor, self._notify)
            if written:
                versions = [seen for entry in written for seen in entry.record.body["versions"]]
                return {**written[-1].record.body, "versions": versions, "id": written[-1].id}
        else:
            self._chain(model).refresh()
        found = adoption.plan(self.registry, self._chain(model), model)
        return found if found["versions"] or dry_run else {**found, "outcome": "nothing to adopt"}

    def observe(self, observation: Observation) -> Entry:
        """Records what a guard would have refused and let pass. Raises NotFound, LedgerError."""
        chain = self._chain(observation.model)
        return observing.observe(self.registry, chain, observation, self._notify)

    def audit(self, model: str, *, seal: Seal | None = None) -> Audit:
        """Proves the ledger of `model`: every record that was edited, removed or inserted is named; with the
        guard's `seal`, also one that it did not write.

        So is every version that carries the id of a decision that the ledger does not have.
        """
        tags = self._tags(model)
        while True:
            audit = verify(self._home(model), seal=seal or self._seal, model_tags=tags)
            before, tags = tags, self._tags(model) if not audit.clean else tags
            if tags == before:  # else something was promoted in between
                break
        if tags is None:
            return audit
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

    def _tags(self, model: str) -> Mapping[str, str] | None:
        """The registered model's tags; None where there is no such model."""
        try:
            return self.registry.model(model).tags
        except NotFound:
            return None

    def library(self) -> Library:
        """Where a backtest reads: the registry, its runs and its ledger, in pages."""
        return Library(self.registry, self._ledger_store)

    def drift(
        self, model: str | None = None, *, seal: Seal | None = None, files: bool = True
    ) -> Iterator[Scan]:
        """Compares registry, artifacts and ledger with the record, model by model: of `model`, else of every
        one that has a ledger or that a policy covers. Changes nothing.

        With the guard's `seal`, records have to be its own; without `files`, those are left out. Raises
        NotFound for a model that neither registry nor ledger knows; RegistryError, LedgerError.
        """
        names = self.ledgers(deleted_too=True)
        if model is None:
            covered = [name for name in self.registry.model_names() if self.policies.covering(name)]
            names = sorted({*names, *covered})
        else:
            if model not in names:
                self.registry.model(model)
            names = [model]
        for name in names:
            yield scan(
                self.registry, self._home(name), self.policies, seal=seal or self._seal, files=files,
                tell=self._notify,
            )  # fmt: skip

    def rejudge(
        self, model: str | None = None, *, stages: Sequence[str] = (), seal: Seal | None = None
    ) -> Rejudging:
        """Judges what serves now of `model`, else of every model that a policy covers, by the policies of
        today; with `stages`, what is in those. Changes nothing.

        With the guard's `seal`, only what it proves is more than a claim. Raises NotFound for a model that
        neither registry nor ledger knows; RegistryError, LedgerError.
        """
        found = rejudge(
            self.library(), self.registry, self.policies, self.manager,
            model=model, stages=stages, seal=seal or self._seal, tell=self._notify,
        )  # fmt: skip
        if self.look_for_guard():
            found.notes.append(
                "a guard on the server decides by policies of its own; what serves was judged by those of "
                f"{self.policies.source or 'the call'}"
            )
        return found


def _versions_of(entry: Entry) -> set[int]:
    body = entry.record.body
    found = {int(seen["version"]) for seen in body.get("versions", ())}
    return found | ({int(body["version"])} if body.get("version") is not None else set())
