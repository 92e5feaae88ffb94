"""Judges one candidate by all policies: which gates must run, what they say, and what that comes to.

`evaluate` does no I/O of its own and knows no MLflow. It works in two steps. A plan says which gates a move
calls for and what speaks against the move before any gate is asked; it depends only on the policies and the
move, so it is made once and kept on the PolicySet. Then every gate runs, even after one has failed: a person
wants the whole list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, NamedTuple

from hotpass.candidate import Candidate
from hotpass.errors import CallError, RegistryError, mask
from hotpass.excusing import NO_OVERRIDE, Override, check_override, excuse
from hotpass.policy.model import GateEntry, Policy, PolicySet
from hotpass.stages import RESTING, ModelStage
from hotpass.verdicts import Decision, GateResult, Judgement, PolicyRef, Verdict, is_json, outcome_of

if TYPE_CHECKING:
    import pluggy

#: The name of a plugin and the reason for which it vetoes.
Veto = tuple[str, str]

_NO_EVIDENCE: Mapping[str, object] = {}
_LONGEST_ERROR = 1000
_MOST_PLANS = 10_000


class Plan(NamedTuple):
    """What a move calls for: the gates to run, and what is settled before any of them is asked."""

    policies: tuple[PolicyRef, ...]
    entries: tuple[GateEntry, ...]
    #: Reasons against the move, and remarks; the first kind where `denied`.
    notes: tuple[str, ...]
    denied: bool


class Move(NamedTuple):
    """Which model goes from which stage to which, and whether that is a rollback."""

    model: str
    from_stage: str
    to_stage: str
    rollback: bool = False
    #: Whether it serves, by an alias of a stage other than the target.
    serves: bool = False

    @property
    def already_there(self) -> bool:
        return self.from_stage == self.to_stage

    @property
    def touches_nothing_that_serves(self) -> bool:
        """Whether it only puts away a version that nobody is served by."""
        return (
            self.to_stage in RESTING and self.from_stage in (*RESTING, ModelStage.STAGING) and not self.serves
        )

    @property
    def takes_out_of_service(self) -> bool:
        """Whether it leaves a stage that serves; a promotion must name that stage under `from:`."""
        return not self.already_there and (self.serves or self.from_stage == ModelStage.PRODUCTION)


def evaluate(
    policies: Iterable[Policy] | PolicySet,
    candidate: Candidate,
    now: datetime,
    *,
    unmatched: Literal["builtin", "deny"] = "builtin",
    veto: Callable[[Candidate, datetime], Sequence[Veto]] | None = None,
    reason: str = "",
    override: Override = NO_OVERRIDE,
) -> Decision:
    """The decision on `candidate` at `now` (timezone-aware) under all policies that cover its model.

    Where no policy covers the model, `unmatched` says whether the built-in rule applies or the move is
    denied. `veto` is asked after all gates; see `vetoes`. Pass the same PolicySet for many decisions, since
    it remembers their plans. Its waivers, and `override`, excuse what they can: see `excusing`.

    A gate or a veto that raises never allows anything. What does propagate: RegistryError, since evidence
    that could not be loaded is not a verdict; and KeyboardInterrupt. SystemExit does not: a gate that ends
    the process would choose its exit code, and 0 means "allowed". Raises CallError for a `now` without time
    zone, and for an override of what cannot be overridden.
    """
    if now.tzinfo is None:
        raise CallError(f"now must have a time zone, and {now.isoformat()} has none. Use datetime.now(UTC).")
    if now.tzinfo is not UTC:
        now = now.astimezone(UTC)
    known = policies if isinstance(policies, PolicySet) else PolicySet.of(policies)
    plan = plan_of(known, candidate, unmatched)
    from_stage, to_stage = candidate.facts.stage, candidate.to_stage

    if override.gates and (plan.entries or not plan.denied):
        check_override(plan.entries, override)
    judgements = tuple([_judge(entry, candidate, now) for entry in plan.entries])
    excused = excuse(known, judgements, candidate, now, override)
    judgements = excused.judgements
    notes, denied = (*plan.notes, *excused.notes, *excused.against), plan.denied or bool(excused.against)
    if veto is not None:
        against = _ask(veto, candidate, now)
        if against:
            notes = (*notes, *(f"vetoed by {plugin}: {why}" for plugin, why in against))
            denied = True
    return Decision(
        identity=candidate.identity,
        from_stage=from_stage,
        to_stage=to_stage,
        outcome=outcome_of(judgements, vetoed=denied),
        judgements=judgements,
        policies=plan.policies,
        decided_at=now,
        notes=notes,
        evidence=dict(candidate.read),
        rollback=candidate.rollback,
        reason=reason,
        champion=candidate.champion_version,
        already_there=from_stage == to_stage,
    )


def plan_of(
    policies: PolicySet, candidate: Candidate, unmatched: Literal["builtin", "deny"] = "builtin"
) -> Plan:
    """`plan_for` the move of `candidate`; `policies` remembers it."""
    facts, to_stage = candidate.facts, candidate.to_stage
    serves = bool(facts.aliases) and _serves(policies, facts.model, facts.aliases, to_stage)
    key = (facts.model, facts.stage, to_stage, candidate.rollback, serves, unmatched)
    plan: Plan | None = policies.plans.get(key)
    if plan is None:
        move = Move(facts.model, facts.stage, to_stage, candidate.rollback, serves)
        plan = plan_for(policies, move, unmatched)
        if len(policies.plans) >= _MOST_PLANS:
            # a server that is asked about ever new names must not grow for ever
            policies.plans.clear()
        policies.plans[key] = plan
    return plan


def _serves(policies: PolicySet, model: str, aliases: Sequence[str], to_stage: str) -> bool:
    of_stages = policies.stage_aliases(model) - {ModelStage.STAGING.lower(), to_stage.lower()}
    return any(alias.lower() in of_stages for alias in aliases)


def plan_for(policies: PolicySet, move: Move, unmatched: Literal["builtin", "deny"] = "builtin") -> Plan:
    """Which gates `move` calls for, and what speaks against it whatever they say."""
    remarks = [f"already in {move.to_stage}"] if move.already_there else []
    covering = policies.covering(move.model)
    if not covering:
        against = _unmatched(move, unmatched, remarks)
        return Plan((), (), (*remarks, *against), bool(against))
    entries: list[GateEntry] = []
    against = []
    for policy in covering:
        asked = _rollback_gates(policy, remarks) if move.rollback else _gates(policy, move, remarks)
        if isinstance(asked, str):
            against.append(asked)
        else:
            entries.extend(asked)
    refs = tuple(policy.ref for policy in covering)
    return Plan(refs, tuple(entries), (*remarks, *against), bool(against))


def vetoes(manager: pluggy.PluginManager) -> Callable[[Candidate, datetime], Sequence[Veto]]:
    """What `evaluate` takes as `veto`: asks the `hotpass_veto` hook of each plugin of `manager` by itself.

    An exception in a hook is a veto, and so is an answer that is neither None nor a sentence.
    """
    # pluggy calls the last registered first; the same order here
    hooks = tuple(reversed(manager.hook.hotpass_veto.get_hookimpls()))

    def ask(candidate: Candidate, now: datetime) -> Sequence[Veto]:
        against: list[Veto] = []
        arguments = {"candidate": candidate, "now": now}
        for hook in hooks:
            try:
                answer = hook.function(*(arguments[name] for name in hook.argnames))
            except BaseException as error:
                answer = f"its hotpass_veto raised {_survived(error)}"
            if answer is None:
                continue
            if not isinstance(answer, str) or not answer.strip():
                answer = f"its hotpass_veto returned {answer!r} where None or a reason in words was due"
            against.append((hook.plugin_name, mask(answer)))
        return against

    return ask


def _gates(policy: Policy, move: Move, remarks: list[str]) -> Sequence[GateEntry] | str:
    """The gates of `policy` for the move, or the reason against it."""
    leading = policy.entries_to(move.to_stage)
    matching = [
        entry for entry in leading
        if move.already_there
        or entry.from_stage == move.from_stage
        or (entry.from_stage is None and not move.takes_out_of_service)
    ]  # fmt: skip
    if matching:
        gates = [gate for entry in matching for gate in entry.gates]
        return gates or (f"policy {policy.name} names no gate for {move.to_stage}, "
                         "and nothing passes without a gate")  # fmt: skip
    if move.touches_nothing_that_serves:
        remarks.append(f"policy {policy.name} asks for nothing here: nothing that serves changes")
        return ()
    place = f" in {policy.path}" if policy.path else ""
    if move.to_stage in RESTING:
        return (f"policy {policy.name} has no promotion from {move.from_stage} to {move.to_stage}, and "
                f"taking away a version that may serve needs one. Add `to: {move.to_stage}` with "
                f"`from: {move.from_stage}` under `promotions:`{place}.")  # fmt: skip
    if move.takes_out_of_service and any(entry.from_stage is None for entry in leading):
        return (
            f"this version serves, and policy {policy.name} does not say that it may be taken away from "
            f"{move.from_stage}. Add a promotion to {move.to_stage} with `from: {move.from_stage}`{place}."
        )
    if leading:
        origins = " or ".join(dict.fromkeys(str(entry.from_stage) for entry in leading))
        return (f"policy {policy.name} lets a version into {move.to_stage} only from {origins}, and this one "
                f"is in {move.from_stage}. Promote it to {origins} first.")  # fmt: skip
    has = ", ".join(f"{entry.from_stage or 'any stage'} to {entry.to_stage}" for entry in policy.promotions)
    return (f"policy {policy.name} covers {move.model} but has no promotion to {move.to_stage}; it has "
            f"{has or 'none at all'}. Add `to: {move.to_stage}` under `promotions:`{place}.")  # fmt: skip


def _rollback_gates(policy: Policy, remarks: list[str]) -> Sequence[GateEntry] | str:
    if policy.rollback is None:
        remarks.append(f"policy {policy.name} has no `rollback:` gates; what every rollback needs is enough")
        return ()
    return policy.rollback or (f"policy {policy.name} names no gate under `rollback:`, "
                               "and nothing passes without a gate")  # fmt: skip


def _unmatched(move: Move, unmatched: str, remarks: list[str]) -> Sequence[str]:
    """The reasons against a move of a model that no policy covers."""
    if unmatched == "deny":
        return [f"no policy covers {move.model}, and without one it may not move. "
                "Add it to the `models:` of a policy."]  # fmt: skip
    remarks.append(f"no policy covers {move.model}; the built-in rule applied")
    if (
        move.to_stage == ModelStage.PRODUCTION
        and move.from_stage not in (ModelStage.STAGING, ModelStage.PRODUCTION)
        and not move.rollback
    ):
        return [f"Production takes a version only from Staging, and this one is in {move.from_stage}. "
                "Promote it to Staging first."]  # fmt: skip
    return ()


def breach_of_contract(result: object) -> str | None:
    """How `result` breaks the contract of a gate, in words; None for a sound one."""
    if (
        type(result) is not GateResult
        or type(result.verdict) is not Verdict
        or type(result.message) is not str
    ):
        return f"the gate returned {result!r} where passed(…), failed(…) or pending(…) was due"
    if not result.message.isascii() and not _can_be_written(result.message):
        return f"the gate's message cannot be written as UTF-8: {result.message!r}"
    passes_at = result.passes_at
    if passes_at is not None and passes_at.utcoffset() is None:
        return f"the gate gave a passes_at without time zone: {passes_at!r}"
    for key, value in result.evidence.items():
        if type(key) is not str or not is_json(value):
            return f"the gate's evidence {key!r} is not JSON: {value!r}"
    if not is_json(list(result.exhibits)):
        return "the gate's exhibits are not JSON"
    return None


def _judge(entry: GateEntry, candidate: Candidate, now: datetime) -> Judgement:
    """What the gate says; verdict `error` where it breaks or breaks its contract."""
    try:
        result = entry.gate.evaluate(candidate, now)
        breach = breach_of_contract(result)
    except BaseException as error:
        return Judgement(entry, _broke(_survived(error)))
    return Judgement(entry, result if breach is None else _broke(breach))


def _can_be_written(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _ask(
    veto: Callable[[Candidate, datetime], Sequence[Veto]], candidate: Candidate, now: datetime
) -> Sequence[Veto]:
    try:
        return veto(candidate, now)
    except BaseException as error:
        return [("the veto hooks", _survived(error))]


def _survived(error: BaseException) -> str:
    """`error` in words; raises it again where it must not be taken for a verdict."""
    if isinstance(error, KeyboardInterrupt | RegistryError):
        raise error
    try:
        text = str(error)
    except Exception:
        text = "(its text cannot be shown)"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _broke(message: str) -> GateResult:
    shown = mask(message)
    if len(shown) > _LONGEST_ERROR:
        shown = shown[:_LONGEST_ERROR] + "…"
    return GateResult(Verdict.ERROR, shown, _NO_EVIDENCE)
