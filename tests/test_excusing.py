"""Waivers and overrides in the engine: what they excuse, and what nothing excuses."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from hotpass.candidate import Candidate
from hotpass.engine import evaluate
from hotpass.errors import CallError
from hotpass.excusing import Override
from hotpass.facts import Person
from hotpass.gates import Gate
from hotpass.policy.model import GateEntry, Policy, PolicySet, PromotionEntry
from hotpass.policy.waivers import Waiver
from hotpass.testing import NOW, candidate
from hotpass.verdicts import (
    Decision,
    Enforcement,
    ExcuseKind,
    GateResult,
    Outcome,
    Verdict,
    failed,
    inconclusive,
    passed,
    pending,
)

DAY = timedelta(days=1)
NO, WAIT, UNSURE, BROKE = (
    failed("no"), pending("wait", passes_at=NOW + DAY), inconclusive("unsure"),
    GateResult(Verdict.ERROR, "it broke"),
)  # fmt: skip


class Says(Gate):
    """Says what the test wants."""

    name = "says"
    schema = {"type": "object"}

    def __init__(self, answer: GateResult) -> None:
        super().__init__({})
        self.answer = answer

    def evaluate(self, candidate: Candidate, now: datetime) -> GateResult:
        return self.answer


def gate(
    answer: GateResult = NO, *by: str, name: str = "says", policy: str = "p", advisory: bool = False
) -> GateEntry:
    enforcement = (
        Enforcement.OVERRIDABLE if by else Enforcement.ADVISORY if advisory else Enforcement.MANDATORY
    )
    return GateEntry("says", Says(answer), name, policy, f"{policy}.yaml:3:7", enforcement, by)


def policy(*gates: GateEntry, name: str = "p", rollback: tuple[GateEntry, ...] | None = None) -> Policy:
    return Policy(
        name, ("*",), (PromotionEntry("Production", "Staging", gates),), rollback, path=f"{name}.yaml"
    )


def waiver(**other: Any) -> Waiver:
    return Waiver(**{
        "name": "w", "policy": "p", "gate": "says", "model": "lead_scoring_model",
        "versions": frozenset({2}), "to_stage": "Production", "reason": "the fair", "granted_by": "cleo",
        "granted_from": NOW - 2 * DAY, "granted_until": NOW - DAY, "expires": NOW + DAY,
        "path": "w.yaml", "where": "w.yaml:1:1", "digest": "d" * 64, **other,
    })  # fmt: skip


def decide(
    policies: list[Policy],
    *waivers: Waiver,
    now: datetime = NOW,
    override: Override | None = None,
    **who: Any,
) -> Decision:
    set_ = PolicySet(tuple(policies), "the test", True, waivers)
    options: dict[str, Any] = {} if override is None else {"override": override}
    return evaluate(set_, candidate(**who), now, **options)


def by(name: str, *gates: str, authenticated: bool = False) -> Override:
    return Override(gates or ("says",), Person(name, authenticated), "because")


# --- waivers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [NO, WAIT, UNSURE])
def test_a_waiver_excuses_its_gate_and_the_decision_says_so(answer: GateResult) -> None:
    decision = decide([policy(gate(answer), gate(passed("fine"), name="other"))], waiver())

    assert decision.allowed
    assert decision.blocking == ()
    assert decision.passes_at is None
    (judgement,) = decision.excused
    assert judgement.result == answer
    assert judgement.excuse is not None
    assert (judgement.excuse.kind, judgement.excuse.by, judgement.excuse.reason) == (
        ExcuseKind.WAIVER, "cleo", "the fair",
    )  # fmt: skip
    assert judgement.as_json()["excuse"] == {
        "kind": "waiver", "by": "cleo", "reason": "the fair", "waiver": "w", "where": "w.yaml:1:1",
        "digest": "d" * 64, "expires": (NOW + DAY).isoformat(),
    }  # fmt: skip
    assert (
        f"  - says {answer.verdict}: {answer.message}; waived by cleo until 2026-01-16" in decision.summary()
    )
    assert Decision.from_json(decision.as_json()).as_json() == decision.as_json()


@pytest.mark.parametrize(
    "other",
    [
        {"model": "another"},
        {"model": "Lead_scoring_model"},
        {"workspace": "team-b"},
        {"versions": frozenset({1, 3, 22})},
        {"to_stage": "Staging"},
        {"policy": "q"},
        {"policy": "P"},
        {"gate": "other"},
        {"gate": "Says"},
    ],
    ids=str,
)
def test_a_waiver_for_something_else_has_no_effect_and_is_not_mentioned(other: dict[str, Any]) -> None:
    decision = decide([policy(gate())], waiver(**other))

    assert decision.outcome is Outcome.DENIED
    assert decision.notes == ()


def test_the_stage_of_a_waiver_has_no_letter_case() -> None:
    assert decide([policy(gate())], waiver(to_stage="production")).allowed


@pytest.mark.parametrize(
    ("now", "allowed"),
    [
        (NOW, True),
        (NOW + DAY - timedelta(microseconds=1), True),
        (NOW + DAY, False),  # at the same moment it is over
        (NOW + 2 * DAY, False),
        (NOW - 2 * DAY, True),  # from the first moment on
        (NOW - 2 * DAY - timedelta(microseconds=1), False),
    ],
)
def test_a_waiver_holds_from_its_granting_to_its_end(now: datetime, allowed: bool) -> None:
    decision = decide([policy(gate())], waiver(), now=now)

    assert decision.allowed is allowed
    if not allowed:
        (note,) = decision.notes
        word = (
            "expired at 2026-01-16 12:00:00 UTC" if now > NOW else "granted only from 2026-01-13 12:00:00 UTC"
        )
        assert note.startswith("the waiver w (w.yaml:1:1) has no effect: it ")
        assert word in note


def test_a_model_made_again_does_not_inherit_a_waiver() -> None:
    granted_until = NOW - DAY
    before, after = (round(granted_until.timestamp() * 1000) + ms for ms in (-1, 0))

    assert decide([policy(gate())], waiver(), created_at_ms=before).allowed
    decision = decide([policy(gate())], waiver(), created_at_ms=after)
    assert decision.outcome is Outcome.DENIED
    assert "version 2 was registered after it was granted" in decision.notes[0]


def test_of_two_waivers_any_valid_one_works_and_the_first_is_recorded() -> None:
    over, first, second = waiver(name="over", expires=NOW), waiver(name="first"), waiver(name="second")

    decision = decide([policy(gate())], over, first, second)

    assert decision.allowed
    assert decision.notes == ()
    assert [j.excuse.waiver for j in decision.excused if j.excuse] == ["first"]


@pytest.mark.parametrize(
    "excuse", [{"waivers": (waiver(),)}, {"override": by("ana")}], ids=["waiver", "override"]
)
def test_a_gate_that_broke_is_excused_by_nothing(excuse: dict[str, Any]) -> None:
    decision = decide(
        [policy(gate(BROKE, "ana"))], *excuse.get("waivers", ()), override=excuse.get("override")
    )

    assert decision.outcome is Outcome.DENIED
    assert [judgement.excuse for judgement in decision.judgements] == [None]


def test_what_passed_or_is_advisory_needs_no_waiver_and_gets_none() -> None:
    decision = decide(
        [policy(gate(passed("fine")), gate(NO, name="shown", advisory=True))],
        waiver(),
        waiver(name="v", gate="shown"),
    )

    assert decision.allowed
    assert decision.excused == ()


def test_two_gates_of_one_name_are_not_both_waived() -> None:
    decision = decide([policy(gate(), gate())], waiver())

    assert decision.outcome is Outcome.DENIED
    assert decision.excused == ()
    assert decision.notes == (
        "the waiver w (w.yaml:1:1) has no effect: several gates here have the name 'says', and a "
        "waiver is for one",
    )  # fmt: skip


def test_a_waiver_is_for_the_gate_of_one_policy() -> None:
    decision = decide([policy(gate()), policy(gate(policy="q"), name="q")], waiver())

    assert [j.entry.policy for j in decision.blocking] == ["q"]


def test_neither_the_wrong_stage_nor_a_veto_is_waived() -> None:
    astray = decide([policy(gate())], waiver(), stage="None")
    assert astray.outcome is Outcome.DENIED
    assert "only from Staging" in astray.notes[0]

    set_ = PolicySet((policy(gate()),), "the test", True, (waiver(),))
    vetoed = evaluate(set_, candidate(), NOW, veto=lambda candidate, now: [("corp", "it is frozen")])
    assert vetoed.outcome is Outcome.DENIED
    assert vetoed.blocking == ()


def test_no_waiver_is_for_a_rollback() -> None:
    by_rollback = policy(gate(), rollback=(gate(),))

    assert decide([by_rollback], waiver(), rollback=True).outcome is Outcome.DENIED


# --- overrides ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [NO, WAIT, UNSURE])
@pytest.mark.parametrize("authenticated", [True, False])
def test_who_may_overrides_with_a_reason(answer: GateResult, authenticated: bool) -> None:
    decision = decide([policy(gate(answer, "ben", "ana"))], override=by("ana", authenticated=authenticated))

    assert decision.allowed
    (judgement,) = decision.excused
    assert judgement.as_json()["excuse"] == {
        "kind": "override", "by": "ana", "reason": "because", "authenticated": authenticated,
    }  # fmt: skip
    assert judgement.as_json()["by"] == ["ben", "ana"]
    assert f"overridden by ana{'' if authenticated else ' (claimed)'}: because" in decision.summary()
    assert Decision.from_json(decision.as_json()).as_json() == decision.as_json()


@pytest.mark.parametrize("name", ["eve", "Ana", "ana ", "an", "", "аna"])  # noqa: RUF001 - the last has a Cyrillic letter
@pytest.mark.parametrize("answer", [NO, WAIT])
def test_who_may_not_is_denied_and_told_who_may(name: str, answer: GateResult) -> None:
    decision = decide([policy(gate(answer, "ana", "ben"))], override=by(name))

    assert decision.outcome is Outcome.DENIED
    assert decision.excused == ()
    assert decision.notes == (f"{name} may not override says; ana or ben may (p.yaml:3:7)",)


def test_an_override_of_what_passes_or_is_waived_has_no_effect() -> None:
    passes = decide([policy(gate(passed("fine"), "ana"))], override=by("eve"))
    assert passes.allowed
    assert passes.excused == ()
    assert passes.notes == ()

    waived = decide([policy(gate(NO, "ana"))], waiver(), override=by("ana"))
    assert [j.excuse.kind for j in waived.excused if j.excuse] == [ExcuseKind.WAIVER]


def test_one_override_leaves_the_other_gates_in_the_way() -> None:
    gates = gate(NO, "ana", name="a"), gate(NO, "ana", name="b"), gate(WAIT, name="c")

    assert [j.entry.name for j in decide([policy(*gates)], override=by("ana", "a")).blocking] == ["b", "c"]
    assert decide([policy(*gates)], override=by("ana", "a", "b")).outcome is Outcome.PENDING


def test_a_name_that_two_policies_use_is_overridden_only_where_it_can_be() -> None:
    mine, theirs = policy(gate(NO, "ana")), policy(gate(NO, policy="q"), name="q")

    decision = decide([mine, theirs], override=by("ana"))

    assert [j.entry.policy for j in decision.blocking] == ["q"]
    assert decision.outcome is Outcome.DENIED


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["sayss"], ["no gate here is called 'sayss' (did you mean 'says'?).", "says by ana or ben"]),
        (["strict"], ["strict is mandatory and cannot be overridden (p.yaml:3:7)", "says by ana or ben"]),
        (["shown"], ["shown is advisory and keeps nobody out"]),
        (["says", "strict", "zzz"], ["strict is mandatory", "no gate here is called 'zzz'."]),
    ],
)
def test_what_cannot_be_overridden_is_the_callers_mistake(names: list[str], said: list[str]) -> None:
    gates = gate(NO, "ana", "ben"), gate(NO, name="strict"), gate(NO, name="shown", advisory=True)

    with pytest.raises(CallError) as caught:
        decide([policy(*gates)], override=by("ana", *names))

    for words in said:
        assert words in str(caught.value)


def test_where_nothing_can_be_overridden_the_error_says_so() -> None:
    with pytest.raises(CallError, match="None of the gates can be overridden"):
        decide([policy(gate())], override=by("ana"))


def test_on_a_way_that_is_closed_the_reason_for_that_comes_first() -> None:
    decision = decide([policy(gate(NO, "ana"))], override=by("ana"), stage="None")

    assert decision.outcome is Outcome.DENIED
    assert "only from Staging" in decision.notes[0]


def test_the_gates_of_a_rollback_are_overridden_where_they_can_be() -> None:
    open_, closed = (policy(gate(NO, "ana"), rollback=gates) for gates in ((gate(NO, "ana"),), (gate(NO),)))

    assert decide([open_], override=by("ana"), rollback=True).allowed
    with pytest.raises(CallError, match="says is mandatory"):
        decide([closed], override=by("ana"), rollback=True)


def test_records_from_before_read_as_they_were_written() -> None:
    body = decide([policy(gate(NO, "ana"))]).as_json()
    del body["judgements"][0]["by"]

    assert Decision.from_json(body).as_json() == body


def test_an_excuse_that_somebody_wrote_by_hand_excuses_no_error() -> None:
    body = decide([policy(gate(BROKE))]).as_json()
    body["judgements"][0]["excuse"] = {"kind": "override", "by": "eve", "reason": "", "authenticated": True}

    decision = Decision.from_json(body)

    assert decision.excused == ()
    assert len(decision.blocking) == 1
