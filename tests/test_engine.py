"""The engine: which gates a move calls for, what their verdicts come to, and what never allows anything."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone

import pluggy
import pytest

import hotpass
from hotpass.candidate import Candidate
from hotpass.engine import Move, evaluate, plan_for, vetoes
from hotpass.errors import CallError, RegistryError
from hotpass.gates import Gate
from hotpass.plugins import create_manager, register
from hotpass.policy.model import GateEntry, Policy, PolicySet, PromotionEntry
from hotpass.testing import NOW, candidate
from hotpass.verdicts import Enforcement, GateResult, Outcome, Verdict, failed, inconclusive, passed, pending


class Says(Gate):
    """Says what the test wants."""

    name = "says"
    schema = {"type": "object"}

    def __init__(self, answer) -> None:
        super().__init__({})
        self.answer = answer
        self.asked = 0

    def evaluate(self, candidate, now):
        self.asked += 1
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer(candidate, now) if callable(self.answer) else self.answer


YES = passed("it is so", value=1)
NO = failed("it is not so")


def entry(answer=YES, *, name="says", policy="p", enforcement=Enforcement.MANDATORY, hint=""):
    return GateEntry("says", Says(answer), name, policy, f"{policy}.yaml:3:7", enforcement, hint=hint)


def promotion(to="Production", origin=None, *gates):
    return PromotionEntry(to, origin, gates or (entry(),))


def policy(*promotions, name="p", models=("*",), rollback=None):
    return Policy(name, models, promotions, rollback, path=f"{name}.yaml", digest=name * 8)


def decide(policies, who=None, now=NOW, **options):
    return evaluate(policies, candidate() if who is None else who, now, **options)


# --- which policies and entries count -----------------------------------------------------------------------


def test_a_promotion_whose_gates_pass_is_allowed():
    decision = decide([policy(promotion("Production", "Staging"))])
    assert decision.outcome is Outcome.ALLOWED
    assert decision.notes == ()
    assert [ref.name for ref in decision.policies] == ["p"]
    assert (decision.from_stage, decision.to_stage) == ("Staging", "Production")


def test_entries_from_any_stage_and_from_this_one_all_count():
    anywhere, here, elsewhere = entry(), entry(NO), entry(NO)
    decision = decide([
        policy(
            promotion("Production", None, anywhere),
            promotion("Production", "Staging", here),
            promotion("Production", "Archived", elsewhere),
        )
    ])  # fmt: skip
    assert [judgement.entry for judgement in decision.judgements] == [anywhere, here]
    assert decision.outcome is Outcome.DENIED


def test_where_several_policies_cover_a_model_all_must_allow():
    kind, strict = (
        policy(promotion(), name="kind"),
        policy(promotion("Production", None, entry(NO)), name="strict"),
    )
    assert decide([kind]).allowed
    assert not decide([kind, strict]).allowed
    assert [ref.name for ref in decide([kind, strict]).policies] == ["kind", "strict"]


def test_a_policy_about_other_models_does_not_count():
    mine, other = (
        policy(promotion(), models=("lead_*",)),
        policy(promotion("Production", None, entry(NO)), name="other", models=("churn_*",)),
    )
    decision = decide([mine, other])
    assert decision.allowed
    assert [ref.name for ref in decision.policies] == ["p"]


def test_a_policy_without_the_promotion_denies_and_says_which_it_has():
    decision = decide([policy(promotion("Staging"), promotion("Canary", "Staging"))])
    assert decision.outcome is Outcome.DENIED
    (note,) = decision.notes
    assert "no promotion to Production" in note
    assert "any stage to Staging, Staging to Canary" in note
    assert "p.yaml" in note


def test_a_policy_with_no_promotion_at_all_denies():
    decision = decide([policy()])
    assert decision.outcome is Outcome.DENIED
    assert "none at all" in decision.notes[0]


def test_a_wrong_origin_is_denied_with_the_stage_that_it_must_come_from():
    decision = decide(
        [policy(promotion("Production", "Staging"), promotion("Production", "Canary"))],
        candidate(stage="None"),
    )
    assert decision.outcome is Outcome.DENIED
    assert decision.judgements == ()
    assert "only from Staging or Canary, and this one is in None" in decision.notes[0]


def test_one_policy_without_the_promotion_denies_whatever_the_others_say():
    decision = decide([policy(promotion(), name="kind"), policy(promotion("Staging"), name="narrow")])
    assert decision.outcome is Outcome.DENIED
    assert "policy narrow" in decision.notes[0]


def test_a_policy_under_which_no_gate_runs_never_allows():
    empty = PromotionEntry("Production", None, ())
    decision = decide([policy(empty)])
    assert decision.outcome is Outcome.DENIED
    assert "no gate" in decision.notes[0]
    assert decide([policy(empty, promotion())]).allowed  # there a gate did run


# --- putting away -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", ["None", "Staging", "Archived"])
@pytest.mark.parametrize("to", ["None", "Archived"])
def test_putting_away_what_does_not_serve_needs_no_entry(origin, to):
    decision = decide([policy(promotion())], candidate(stage=origin, to=to))
    assert decision.allowed
    assert "nothing that serves changes" in " ".join(decision.notes)


@pytest.mark.parametrize("origin", ["Production", "Canary"])
@pytest.mark.parametrize("to", ["None", "Archived"])
def test_taking_away_what_may_serve_needs_an_entry(origin, to):
    decision = decide([policy(promotion())], candidate(stage=origin, to=to))
    assert decision.outcome is Outcome.DENIED
    assert f"Add `to: {to}` with `from: {origin}`" in decision.notes[0]


def test_an_entry_for_archiving_is_judged_by_its_gates():
    archiving = candidate(stage="Production", to="Archived")
    assert decide([policy(promotion("Archived", "Production"))], archiving).allowed
    assert not decide([policy(promotion("Archived", "Production", entry(NO)))], archiving).allowed


def test_an_entry_for_archiving_counts_for_what_does_not_serve_too():
    who = candidate(stage="Staging", to="Archived")
    assert not decide([policy(promotion("Archived", None, entry(NO)))], who).allowed


def test_an_entry_for_archiving_from_elsewhere_leaves_what_does_not_serve_alone():
    who = candidate(stage="Staging", to="Archived")
    assert decide([policy(promotion("Archived", "Production", entry(NO)))], who).allowed


def test_every_policy_must_let_a_serving_version_be_archived():
    who = candidate(stage="Production", to="Archived")
    assert not decide([policy(promotion("Archived")), policy(promotion(), name="q")], who).allowed


# --- no policy ----------------------------------------------------------------------------------------------


def test_the_built_in_rule_lets_staging_into_production():
    decision = decide([])
    assert decision.allowed
    assert decision.policies == ()
    assert decision.notes == ("no policy covers lead_scoring_model; the built-in rule applied",)


@pytest.mark.parametrize("origin", ["None", "Archived", "Canary"])
def test_the_built_in_rule_lets_nothing_else_into_production(origin):
    decision = decide([], candidate(stage=origin))
    assert decision.outcome is Outcome.DENIED
    assert f"this one is in {origin}" in decision.notes[-1]


@pytest.mark.parametrize(
    ("origin", "to"), [("None", "Staging"), ("Production", "Archived"), ("Staging", "Canary")]
)
def test_the_built_in_rule_allows_other_moves(origin, to):
    assert decide([], candidate(stage=origin, to=to)).allowed


def test_the_built_in_rule_allows_what_is_already_there():
    decision = decide([], candidate(stage="Production"))
    assert decision.allowed
    assert decision.already_there


def test_unmatched_deny_denies():
    decision = decide([policy(promotion(), models=("churn",))], unmatched="deny")
    assert decision.outcome is Outcome.DENIED
    assert "no policy covers lead_scoring_model" in decision.notes[0]


def test_unmatched_deny_and_builtin_do_not_share_a_plan():
    known = PolicySet.of([])
    assert decide(known).allowed
    assert not decide(known, unmatched="deny").allowed
    assert decide(known).allowed


# --- already there, rollback --------------------------------------------------------------------------------


def test_already_there_runs_the_gates_whatever_they_are_from():
    gate = entry(NO)
    decision = decide([policy(promotion("Production", "Staging", gate))], candidate(stage="Production"))
    assert decision.already_there
    assert decision.notes == ("already in Production",)
    assert [judgement.entry for judgement in decision.judgements] == [gate]
    assert decision.outcome is Outcome.DENIED
    assert decide([policy(promotion("Production", "Staging"))], candidate(stage="Production")).allowed


def test_a_rollback_matches_only_rollback_gates():
    forward, back = entry(NO), entry()
    rules = policy(promotion("Production", None, forward), rollback=(back,))
    decision = decide([rules], candidate(stage="Archived", rollback=True), reason="v2 scores nothing")
    assert [judgement.entry for judgement in decision.judgements] == [back]
    assert decision.allowed
    assert decision.rollback
    assert decision.reason == "v2 scores nothing"


def test_a_failed_rollback_gate_denies():
    rules = policy(promotion(), rollback=(entry(NO),))
    assert not decide([rules], candidate(stage="Archived", rollback=True)).allowed


def test_no_rollback_gates_alone_do_not_deny_a_rollback():
    decision = decide(
        [policy(promotion("Production", None, entry(NO)))], candidate(stage="Archived", rollback=True)
    )
    assert decision.allowed
    assert decision.judgements == ()
    assert "has no `rollback:` gates" in decision.notes[0]


def test_an_empty_rollback_list_denies():
    assert not decide([policy(promotion(), rollback=())], candidate(stage="Archived", rollback=True)).allowed


def test_the_built_in_rule_allows_a_rollback_and_unmatched_deny_does_not():
    who = candidate(stage="Archived", rollback=True)
    assert decide([], who).allowed
    assert not decide([], who, unmatched="deny").allowed


def test_promotion_and_rollback_do_not_share_a_plan():
    known = PolicySet.of([policy(promotion("Production", None, entry(NO)))])
    assert not decide(known, candidate(stage="Archived")).allowed
    assert decide(known, candidate(stage="Archived", rollback=True)).allowed


# --- what verdicts come to ----------------------------------------------------------------------------------

WAIT = pending("a while yet", passes_at=NOW + timedelta(hours=2))
LONGER = pending("a while longer", passes_at=NOW + timedelta(hours=5))
UNSURE = inconclusive("too few rows")


@pytest.mark.parametrize(
    ("answers", "outcome", "exit_code"),
    [
        ([YES, YES], Outcome.ALLOWED, 0),
        ([YES, NO], Outcome.DENIED, 1),
        ([YES, WAIT], Outcome.PENDING, 3),
        ([WAIT, UNSURE], Outcome.INCONCLUSIVE, 3),
        ([WAIT, UNSURE, NO], Outcome.DENIED, 1),
        ([WAIT, ValueError("broken")], Outcome.DENIED, 1),
    ],
)
def test_outcomes(answers, outcome, exit_code):
    decision = decide([policy(promotion("Production", None, *map(entry, answers)))])
    assert decision.outcome is outcome
    assert decision.exit_code == exit_code


def test_all_gates_run_after_one_failed():
    gates = [entry(NO), entry(ValueError("broken")), entry(YES), entry(NO)]
    decision = decide([policy(promotion("Production", None, *gates))])
    assert [gate.gate.asked for gate in gates] == [1, 1, 1, 1]
    assert [j.result.verdict for j in decision.judgements] == ["failed", "error", "passed", "failed"]
    assert len(decision.blocking) == 3


def test_a_pending_decision_says_when_all_of_it_passes():
    assert (
        decide([policy(promotion("Production", None, entry(WAIT), entry(LONGER)))]).passes_at
        == LONGER.passes_at
    )
    unknown = pending("an approval is missing")
    assert decide([policy(promotion("Production", None, entry(WAIT), entry(unknown)))]).passes_at is None


@pytest.mark.parametrize("answer", [NO, WAIT, UNSURE, RuntimeError("broken")])
def test_advisory_gates_are_shown_and_never_block(answer):
    decision = decide(
        [policy(promotion("Production", None, entry(), entry(answer, enforcement=Enforcement.ADVISORY)))]
    )
    assert decision.allowed
    assert len(decision.judgements) == 2
    assert decision.judgements[1].result.verdict is not Verdict.PASSED
    assert decision.blocking == ()


def test_an_overridable_gate_blocks_until_somebody_overrides_it():
    assert not decide(
        [policy(promotion("Production", None, entry(NO, enforcement=Enforcement.OVERRIDABLE)))]
    ).allowed


# --- gates that break ---------------------------------------------------------------------------------------


class Rude(BaseException):
    pass


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
        (KeyError("open_incidents"), "KeyError: 'open_incidents'"),
        (AssertionError(), "AssertionError"),
        (Rude("not even an Exception"), "Rude: not even an Exception"),
        (Unspeakable(), "Unspeakable: (its text cannot be shown)"),
        (SystemExit(0), "SystemExit: 0"),
        (SystemExit(None), "SystemExit: None"),
        (SystemExit(256), "SystemExit: 256"),  # the operating system keeps the low byte: 0
        (SystemExit("stop"), "SystemExit: stop"),
        (RecursionError("too deep"), "RecursionError: too deep"),
        (MemoryError(), "MemoryError"),
        (CallError("no stage 'x'"), "CallError: no stage 'x'"),
        (OSError("postgresql://me:secret@db/x is away"), "OSError: postgresql://me:***@db/x is away"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_a_gate_that_raises_is_an_error_that_blocks(answer, said):
    decision = decide([policy(promotion("Production", None, entry(answer)))])
    (judgement,) = decision.judgements
    assert judgement.result.verdict is Verdict.ERROR
    assert judgement.result.message == said
    assert decision.outcome is Outcome.DENIED
    assert decision.as_json()["evidence_digest"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RegistryError("away")])
def test_what_is_no_verdict_propagates(error):
    with pytest.raises(type(error)):
        decide([policy(promotion("Production", None, entry(error)))])


naive = datetime(2026, 1, 15)  # noqa: DTZ001
cycle: list = []
cycle.append(cycle)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "returned None"),
        (True, "returned True"),
        ("passed", "returned 'passed'"),
        ((Verdict.PASSED, "yes", {}, None), "returned"),
        (GateResult("passed", "a plain text as verdict"), "returned"),
        (GateResult(Verdict.PASSED, None), "returned"),
        (pending("soon", passes_at=naive), "without time zone"),
        (GateResult(Verdict.PASSED, "yes", {}, naive), "without time zone"),
        (GateResult(Verdict.PASSED, "yes", {}, "tomorrow"), "AttributeError"),
        (GateResult(Verdict.PASSED, "yes", None), "AttributeError"),
        (GateResult(Verdict.PASSED, "yes", {1: "a"}), "evidence 1 is not JSON"),
        (passed("yes", value=math.nan), "evidence 'value' is not JSON"),
        (passed("yes", value=math.inf), "evidence 'value' is not JSON"),
        (passed("yes", at=NOW), "evidence 'at' is not JSON"),
        (passed("yes", names={"a", "b"}), "evidence 'names' is not JSON"),
        (passed("yes", deep=[{"a": [1, math.nan]}]), "evidence 'deep' is not JSON"),
        (passed("yes", deep={1: 2}), "evidence 'deep' is not JSON"),
        (passed("yes", data=b"x"), "evidence 'data' is not JSON"),
        (passed("yes", cycle=cycle), "RecursionError"),
    ],
)
def test_a_gate_that_breaks_its_contract_is_an_error_that_blocks(answer, said):
    decision = decide([policy(promotion("Production", None, entry(answer)))])
    (judgement,) = decision.judgements
    assert judgement.result.verdict is Verdict.ERROR
    assert said in judgement.result.message
    assert decision.outcome is Outcome.DENIED
    assert len(decision.evidence_digest) == 64


def test_sound_evidence_of_every_json_type_is_kept():
    evidence = {
        "a": "x",
        "b": 1,
        "c": 0.5,
        "d": None,
        "e": True,
        "f": [1, "a", [None]],
        "g": {"h": {"i": 2.5}},
    }
    decision = decide(
        [policy(promotion("Production", None, entry(GateResult(Verdict.PASSED, "yes", evidence))))]
    )
    assert decision.allowed
    assert decision.as_json()["judgements"][0]["evidence"] == evidence


def test_a_very_long_error_is_cut():
    decision = decide([policy(promotion("Production", None, entry(ValueError("x" * 100_000))))])
    assert len(decision.judgements[0].result.message) < 1100


# --- vetoes -------------------------------------------------------------------------------------------------


def test_a_veto_denies_what_all_gates_passed():
    decision = decide([policy(promotion())], veto=lambda who, now: [("calendar", "not on a Friday")])
    assert decision.outcome is Outcome.DENIED
    assert decision.notes == ("vetoed by calendar: not on a Friday",)
    assert [j.result.verdict for j in decision.judgements] == [Verdict.PASSED]


def test_no_veto_changes_nothing():
    assert decide([policy(promotion())], veto=lambda who, now: []).allowed


def test_a_veto_that_raises_is_a_veto():
    def broken(who, now):
        raise ValueError("the calendar is empty")

    decision = decide([policy(promotion())], veto=broken)
    assert decision.outcome is Outcome.DENIED
    assert "ValueError: the calendar is empty" in decision.notes[0]


def test_a_veto_is_asked_after_all_gates_and_for_rollbacks_and_without_policy_too():
    seen = []

    def ask(who: Candidate, now):
        seen.append((who.rollback, gate.gate.asked))
        return []

    gate = entry()
    decide([policy(promotion("Production", None, gate))], veto=ask)
    decide([policy(promotion(), rollback=(gate,))], candidate(rollback=True), veto=ask)
    decide([], veto=ask)
    assert seen == [(False, 1), (True, 2), (False, 2)]


def manager_with(**hooks):
    manager = create_manager(entry_points=False)
    for name, hook in hooks.items():
        plugin = type(name, (), {})()
        hook.__name__ = "hotpass_veto"
        plugin.hotpass_veto = hotpass.hookimpl(hook)
        register(manager, plugin, name)
    return manager


def test_vetoes_ask_every_plugin_by_itself():
    def no_objection(candidate, now):
        return None

    def friday(now):
        return "nothing goes out on a Thursday" if now.weekday() == 3 else None

    def broken(candidate):
        raise LookupError("mysql://u:pw@h/db")

    manager = manager_with(fine=no_objection, friday=friday, broken=broken)
    said = dict(vetoes(manager)(candidate(), NOW))
    assert said == {
        "friday": "nothing goes out on a Thursday",
        "broken": "its hotpass_veto raised LookupError: mysql://u:***@h/db",
    }


@pytest.mark.parametrize("answer", [True, False, "", "  ", 0, []])
def test_a_veto_hook_that_answers_neither_none_nor_in_words_vetoes(answer):
    manager = manager_with(odd=lambda candidate: answer)
    ((plugin, why),) = vetoes(manager)(candidate(), NOW)
    assert plugin == "odd"
    assert "where None or a reason in words was due" in why


def test_vetoes_let_a_registry_that_is_away_through():
    def away(candidate):
        raise RegistryError("away")

    with pytest.raises(RegistryError):
        vetoes(manager_with(away=away))(candidate(), NOW)
    with pytest.raises(RegistryError):
        decide([policy(promotion())], veto=vetoes(manager_with(away=away)))


def test_without_veto_plugins_nobody_vetoes():
    assert isinstance(create_manager(entry_points=False), pluggy.PluginManager)
    assert vetoes(create_manager(entry_points=False))(candidate(), NOW) == []


# --- what the decision holds --------------------------------------------------------------------------------


def reads_metrics(who, now):
    ours, theirs = who.metric("roc_auc"), who.champion.metric("roc_auc")
    return passed("read", ours=ours.value, theirs=theirs.value)


def test_the_decision_holds_what_was_read_and_no_more():
    who = candidate(
        version=7,
        metrics={"roc_auc": 0.8, "recall": 0.3},
        champion={"version": 4, "metrics": {"roc_auc": 0.7}},
    )
    decision = decide([policy(promotion("Production", None, entry(reads_metrics)))], who)
    assert decision.evidence == {
        "metrics.roc_auc": {"value": 0.8, "source": "run"},
        "champion": 4,
        "champion.metrics.roc_auc": {"value": 0.7, "source": "run"},
    }
    assert decision.champion == 4
    assert decision.identity == who.identity
    who.metric("recall")
    assert "metrics.recall" not in decision.evidence


def test_the_champion_is_on_record_and_not_read_where_no_gate_asks():
    who = candidate(champion={"version": 4})
    decision = decide([policy(promotion())], who)
    assert decision.champion == 4
    assert decision.evidence == {}
    assert not who.read_champion


def test_plugin_evidence_that_is_not_json_breaks_the_gate_and_not_the_record():
    who = candidate(evidence={"incidents": {1, 2}})
    decision = decide(
        [policy(promotion("Production", None, entry(lambda c, now: passed(str(c.evidence("incidents"))))))],
        who,
    )
    assert decision.judgements[0].result.verdict is Verdict.ERROR
    assert "incidents" in decision.judgements[0].result.message
    assert len(decision.evidence_digest) == 64


def test_times_are_utc_and_a_naive_now_is_refused():
    cape_town = timezone(timedelta(hours=2))
    seen = []
    gate = entry(lambda who, now: seen.append(now) or YES)
    decision = decide([policy(promotion("Production", None, gate))], now=NOW.astimezone(cape_town))
    assert decision.decided_at == NOW
    assert decision.decided_at.tzinfo is UTC
    assert seen[0].tzinfo is UTC
    with pytest.raises(CallError, match="time zone"):
        decide([policy(promotion())], now=NOW.replace(tzinfo=None))


def test_a_decision_is_the_same_with_a_policy_set_used_before():
    known = PolicySet.of(
        [policy(promotion("Production", "Staging"), promotion("Staging", "None", entry(NO)))]
    )
    first = decide(known)
    assert decide(known) == first == decide(list(known.policies))
    assert not decide(known, candidate(stage="None", to="Staging")).allowed
    assert decide(known) == first


def test_remembered_plans_are_bounded():
    known = PolicySet.of([policy(promotion("Production", "Staging"))])
    for number in range(10_050):
        known.plans[("made up", number)] = None
    decide(known)
    assert len(known.plans) == 1


def test_a_plan_can_be_asked_for_without_a_candidate():
    gate = entry()
    known = PolicySet.of([policy(promotion("Production", "Staging", gate))])
    assert plan_for(known, Move("m", "Staging", "Production")).entries == (gate,)
    assert plan_for(known, Move("m", "None", "Production")).denied


def test_a_message_that_cannot_be_written_is_an_error():
    decision = decide([policy(promotion("Production", None, entry(GateResult(Verdict.PASSED, "x \udc80"))))])
    assert decision.judgements[0].result.verdict is Verdict.ERROR
