"""What a decision comes to in a line, and the command to type next, with the options given to this one."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hotpass.cli.sessions import open_to_judge
from hotpass.cli.show_decision import when_it_passes, why_not
from hotpass.policy.words import listed
from hotpass.registry.calls import masked
from hotpass.stages import RESTING, ModelStage
from hotpass.verdicts import EXCUSABLE, Decision, Outcome, outcome_of

if TYPE_CHECKING:
    from hotpass.api import Session


#: Stands for a reason that nobody has given yet.
WHY_OVERRIDDEN = "why it may pass all the same"


@dataclass(frozen=True, slots=True)
class Given:
    """The options that a command was given: to open the registry with, and to repeat."""

    policies: Sequence[Path] | None = None
    plugins: Sequence[Path] | None = None
    registry_uri: str | None = None
    tracking_uri: str | None = None
    reason: str = ""
    policies_from: str | None = None

    def open(self, stage: str, version: str | None) -> tuple[Session, str]:
        """A session with the policies in force, and `stage` as it is spelt."""
        return open_to_judge(
            self.policies, self.plugins, self.registry_uri, self.tracking_uri, stage=stage, version=version,
            policies_from=self.policies_from,
        )  # fmt: skip

    @contextlib.contextmanager
    def opened(self, stage: str, version: str | None) -> Iterator[tuple[Session, str]]:
        """As `open`, closed at the end."""
        session, to_stage = self.open(stage, version)
        with session:
            yield session, to_stage

    def command(self, *words: str) -> str:
        """`hotpass` with `words` and these options, quoted for a shell, passwords masked.

        With the reason, where `words` are for a command that takes one.
        """
        parts = ["hotpass", *words]
        for option, values in (("--policies", self.policies), ("--plugins", self.plugins)):
            for value in values or ():
                parts += [option, os.fspath(value)]
        if self.policies_from is not None:
            parts += ["--policies-from", self.policies_from]
        for option, uri in (("--registry-uri", self.registry_uri), ("--tracking-uri", self.tracking_uri)):
            if uri:
                parts += [option, masked(uri)]
        reason = self.reason or (WHY_OVERRIDDEN if "--override" in words else "")
        if reason and words[0] in ("approve", "promote", "rollback", "withdraw"):
            parts += ["--reason", reason]
        return shlex.join(parts)


def after_check(
    session: Session, decision: Decision, given: Given, words: Sequence[str]
) -> tuple[str, list[str]]:
    """For a decision that was only asked for; `words` are those of the command that would carry it out."""
    drawn = any(judgement.result.exhibits for judgement in decision.judgements)
    identity = decision.identity
    page = given.command("report", identity.model, str(identity.version), "--to", decision.to_stage)
    report = [f"Report: {page}"] if drawn and not decision.rollback else []
    if decision.allowed:
        steps = [] if decision.already_there else [f"Next: {given.command(*words)}"]
        return f"Would be allowed{_excused(decision)}. Nothing was written.", [*report, *steps]
    result, steps = _refusal(session, decision, given, words, "Nothing was written.")
    return result, [*report, *steps]


def after_promotion(
    session: Session, decision: Decision, given: Given, words: Sequence[str]
) -> tuple[str, list[str]]:
    """For a decision that is on record; `words` are those of the command that asked for it."""
    recorded = f"Recorded as {decision.id[:8]}." if decision.id else ""
    result, steps = _what_came(session, decision, given, words, recorded)
    if decision.id:
        # No policy has a say in what is on record.
        plain = replace(given, policies=None, plugins=None, policies_from=None)
        page = plain.command("report", decision.identity.model, "--decision", decision.id[:8])
        steps = [f"Report: {page}", *steps]
    return result, steps


def _what_came(
    session: Session, decision: Decision, given: Given, words: Sequence[str], recorded: str
) -> tuple[str, list[str]]:
    model, version = decision.identity.model, str(decision.identity.version)
    if not decision.allowed:
        # One that was overtaken after its move has moved; its message says so.
        unmoved = "" if decision.overtaken else "Nothing was moved. "
        return _refusal(session, decision, given, words, unmoved + recorded)
    if decision.already_there:
        said = f"Allowed: {model} version {version} is in {decision.to_stage}, as it was"
        return f"{said}{_excused(decision)}. {recorded}", []
    verb = "Rolled back" if decision.rollback else "Promoted"
    steps = []
    if decision.to_stage == ModelStage.STAGING:
        steps = [f"Next: {given.command('check', model, version, '--to', ModelStage.PRODUCTION)}"]
    return (
        f"{verb}: {model} version {version} is in {decision.to_stage} now{_excused(decision)}. {recorded}",
        steps,
    )


def _refusal(
    session: Session, decision: Decision, given: Given, words: Sequence[str], then: str
) -> tuple[str, list[str]]:
    again, override = given.command(*words), _override(decision, given, words)
    if decision.outcome is Outcome.PENDING:
        return f"Not yet: {when_it_passes(decision)}. {then}", [f"Then: {again}", *override]
    if decision.outcome is Outcome.INCONCLUSIVE:
        return f"Inconclusive: {why_not(decision)}. {then}", [f"Next: {again}", *override]
    result, model = f"Denied: {why_not(decision)}. {then}", decision.identity.model
    judged = decision.rollback or decision.judgements
    stop = None if judged or decision.to_stage in RESTING else _stage_on_the_way(session, decision)
    if stop is not None:
        step = given.command("promote", model, str(decision.identity.version), "--to", stop)
        return result, [f"Next: {step}"]
    if decision.rollback:
        return result, [f"Next: choose another version from: hotpass history {model}", *override]
    return result, [f"Next: mend what is said above, or train a better version; then: {again}", *override]


def _excused(decision: Decision) -> str:
    """`, with 1 waived and 2 overridden`; "" where nothing was excused."""
    counts: dict[str, int] = {}
    for judgement in decision.excused:
        verb = judgement.excuse.verb if judgement.excuse else ""
        counts[verb] = counts.get(verb, 0) + 1
    said = " and ".join(f"{count} {verb}" for verb, count in counts.items())
    return f", with {said}" if counts else ""


def _override(decision: Decision, given: Given, words: Sequence[str]) -> list[str]:
    """Who may override what is in the way, and how, where that is all that is in the way."""
    blocking = decision.blocking
    if not blocking or decision.overtaken or outcome_of(decision.judgements) is not decision.outcome:
        return []
    if any(not j.entry.by or j.result.verdict not in EXCUSABLE for j in blocking):
        return []
    who = [name for name in blocking[0].entry.by if all(name in j.entry.by for j in blocking)]
    gates = list(dict.fromkeys(j.entry.name for j in blocking))
    if not who:
        return []
    asked = [gate for gate in gates if gate not in words]
    command = given.command(*words, *(word for gate in asked for word in ("--override", gate)))
    return [f"Or: {listed(who, 'or')} may override {listed(gates)}: {command}"]


def _stage_on_the_way(session: Session, decision: Decision) -> str | None:
    """The one stage from which the version could go where it was to go, if it is in another."""
    if session.guarded:
        return None  # the guard's policies say which, and they are not here
    covering = session.policies.covering(decision.identity.model)
    leading = {entry.from_stage for policy in covering for entry in policy.entries_to(decision.to_stage)}
    if not covering and decision.to_stage == ModelStage.PRODUCTION:
        leading = {ModelStage.STAGING.value}
    if len(leading) != 1:
        return None
    stop = leading.pop()
    return stop if stop != decision.from_stage else None
