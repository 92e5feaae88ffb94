"""What the challengers of one champion may err together, in any order, on record or not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hotpass.candidate import PastDecision
from hotpass.facts import PastVerdict
from hotpass.gates import ParameterError
from hotpass.testing import NOW
from hotpass.verdicts import Identity, Verdict
from hotpass_evaluation.gates.alpha_budget import (
    EVIDENCE,
    Budget,
    PastLook,
    budget_of,
    look_evidence,
    looks_again,
    looks_of,
    next_look,
    reign_of,
    seen_of,
)
from hotpass_evaluation.gates.metrics import requirements_of
from hotpass_evaluation.gates.requirements import settle
from hotpass_evaluation.statistics import Metric, Sample, measure

GATE, OF = "evaluation", "digest of the parameters"
BUDGETS = [Budget(0.05), Budget(0.05, 10), Budget(0.2, 1)]


def who(version: int, created: int = 1) -> Identity:
    return Identity("default", "leads", version, created)


def decided(version: int, *, moved: bool = False, to: str = "Production", number: int = 0, **evidence):
    said = {EVIDENCE: evidence} if evidence else {}
    return PastDecision(
        f"record-{number}-{version}-{to}", NOW + timedelta(hours=number), who(version), to,
        "allowed" if moved else "denied", moved, 1, False,
        (PastVerdict(GATE, "", "lead", "failed", said),),
    )  # fmt: skip


def looked(version: int, look: int, *, data: str = "data", files: str | None = None, **others):
    return decided(version, of=OF, look=look, data=data, files=files or f"files of {version}", **others)


SCORES = {"challenger": "its scores", "champion": "the champion's"}


@dataclass
class Court:
    """Judges and keeps a record, the way the gate and the ledger do together."""

    budget: Budget
    champion: int

    def __post_init__(self):
        self.decisions = [decided(self.champion, moved=True)]

    def judge(
        self, version: int, data: str = "data", *, recorded: bool = True, scores: dict[str, str] = SCORES
    ) -> tuple[float, bool]:
        """Which alpha it gets, and whether it is a new look."""
        reign = reign_of(who(self.champion), "Production", self.decisions)
        past = looks_of(reign, GATE, OF)
        files = f"files of {version}"
        again = looks_again(self.budget, past, who(version), files)
        look = again.get(seen_of(data, scores)) or next_look(self.budget, past, reign, version)
        if recorded:
            number = len(self.decisions)
            evidence = look_evidence(self.budget, look, reign, of=OF, files=files, data=data, scores=scores)
            self.decisions.append(decided(version, number=number, **evidence))
        return look.alpha, not look.again


visits = st.lists(st.tuples(st.integers(1, 30), st.sampled_from("abc"), st.booleans()), max_size=40)


@given(st.sampled_from(BUDGETS), st.integers(1, 20), visits)
def test_whatever_comes_in_whatever_order_no_more_than_the_total_is_spent(budget, champion, visits):
    court, spent = Court(budget, champion), 0.0
    for version, data, recorded in visits:
        if version != champion:
            alpha, new = court.judge(version, data, recorded=recorded)
            spent += alpha if new and recorded else 0
    assert spent <= budget.total * (1 + 1e-9)


@given(st.sampled_from(BUDGETS), st.integers(1, 5), st.permutations(range(6, 16)), st.integers(0, 10))
def test_who_peeks_at_all_before_one_is_promoted_has_spent_no_more(budget, champion, order, recorded):
    court = Court(budget, champion)
    for version in order[:recorded]:
        court.judge(version)
    peeked = sum(court.judge(version, recorded=False)[0] for version in order)
    assert peeked <= budget.total * (1 + 1e-9)


def test_the_sequence():
    court = Court(Budget(0.05), 3)
    alphas = [court.judge(version)[0] for version in (4, 5, 6)]
    assert alphas == pytest.approx([0.05 / 2, 0.05 / 6, 0.05 / 12])
    assert sum(alphas) == pytest.approx(Budget(0.05).spent_before(4))


def test_equal_shares_for_so_many_and_nothing_after():
    court = Court(Budget(0.05, 2), 3)
    assert [court.judge(version)[0] for version in (4, 5, 6, 7)] == [0.025, 0.025, 0, 0]


def test_the_same_version_on_the_same_data_is_the_same_look_and_on_others_a_new_one():
    court = Court(Budget(0.05), 3)
    assert court.judge(4) == (0.025, True)
    assert court.judge(4) == (0.025, False)
    assert court.judge(4, "other data") == (pytest.approx(0.05 / 6), True)
    assert court.judge(4) == (0.025, False)
    assert looks_again(court.budget, [PastLook(who(4), "a", "data", 1)], who(4), "changed files") == {}
    assert looks_again(court.budget, [PastLook(who(4), "a", "data", 1)], who(4, created=2), "a") == {}


@pytest.mark.parametrize("role", ["challenger", "champion"])
def test_who_answers_by_chance_is_looked_at_again_for_what_a_new_look_costs(role):
    court = Court(Budget(0.05), 3)
    assert court.judge(4) == (0.025, True)
    other = {**SCORES, role: "by chance"}
    assert court.judge(4, scores=other) == (pytest.approx(0.05 / 6), True)
    assert court.judge(4, scores=other) == (pytest.approx(0.05 / 6), False)
    assert court.judge(4) == (0.025, False)


def test_versions_that_nobody_recorded_count_before_later_ones():
    court = Court(Budget(0.05), 3)
    assert court.judge(13)[0] == pytest.approx(0.05 / (10 * 11))
    assert court.judge(4)[0] == pytest.approx(0.05 / (11 * 12)), (
        "after what is on record, whatever its number"
    )


def test_a_new_champion_begins_a_new_reign():
    decisions = [
        decided(3, moved=True), looked(4, 1, number=1), looked(5, 2, number=2),
        decided(5, moved=True, number=3),
    ]  # fmt: skip
    before = reign_of(who(3), "Production", decisions)
    assert [look.number for look in looks_of(before, GATE, OF)] == [1, 2]
    after = reign_of(who(5), "Production", decisions)
    assert (after.since, after.newest, looks_of(after, GATE, OF)) == ("record-3-5-Production", 5, [])


def test_a_champion_that_left_and_came_back_reigns_on():
    decisions = [
        decided(3, moved=True), looked(4, 1, number=1), decided(3, moved=True, number=2, to="Archived"),
        looked(5, 2, number=3), decided(3, moved=True, number=4),
    ]  # fmt: skip
    reign = reign_of(who(3), "Production", decisions)
    assert (reign.since, reign.newest) == ("record-0-3-Production", 3)
    assert [look.number for look in looks_of(reign, GATE, OF)] == [1, 2]
    after_another = [*decisions, decided(6, moved=True, number=5), decided(3, moved=True, number=6)]
    again = reign_of(who(3), "Production", after_another)
    assert (again.since, again.newest, again.decisions) == ("record-6-3-Production", 6, ())


def test_another_model_under_the_champions_number_does_not_begin_a_reign():
    decisions = [decided(3, moved=True), looked(4, 1, number=1)]
    reign = reign_of(who(3, created=2), "Production", decisions)
    assert reign.since is None
    assert len(looks_of(reign, GATE, OF)) == 1, "all decisions count where the beginning is unknown"


def test_what_is_of_another_stage_or_gate_or_policy_does_not_count():
    decisions = [
        decided(3, moved=True), looked(4, 1, number=1, to="Staging"), looked(5, 1, number=2),
        decided(6, number=3, of="another entry", look=7), decided(7, number=4, of=OF, look="many"),
    ]  # fmt: skip
    reign = reign_of(who(3), "Production", decisions)
    assert [look.identity.version for look in looks_of(reign, GATE, OF)] == [5]
    assert looks_of(reign, "slices", OF) == []
    assert reign.newest == 3


@pytest.mark.parametrize("total", [0, 0.5, 5, -0.1, float("nan")])
def test_what_is_no_budget(total):
    with pytest.raises(ParameterError, match=r"alpha_budget of .* is none") as caught:
        budget_of({"total": total})
    assert caught.value.path == ("alpha_budget", "total")
    assert "0.05" in caught.value.remedy


def test_budgets():
    assert budget_of(None) is None
    assert budget_of(0.05) == Budget(0.05)
    assert budget_of({"total": 0.1, "challengers": 4}) == Budget(0.1, 4)


# --- ten retrains of a model that is no better --------------------------------------------------------------


ALWAYS = "better on this split"


def promoted(reigns: int, retrains: int, rows: int) -> dict[str, int]:
    """In how many reigns each rule promotes any of so many challengers that are as good as the champion. All
    of a reign are judged on the same rows.
    """
    alone, shared = Court(Budget(0.05), 1), Court(Budget(0.05, retrains), 1)
    rules = {
        "95% each time": [0.95] * retrains,
        "alpha_budget: 0.05": [1 - alone.judge(2 + n)[0] for n in range(retrains)],
        "shared by all": [1 - shared.judge(2 + n)[0] for n in range(retrains)],
    }
    (asked,) = requirements_of({"roc_auc": {"better_by": 0}}, 0.95)
    random = np.random.default_rng(0)
    found = dict.fromkeys([ALWAYS, *rules], 0)
    for _ in range(reigns):
        target = (random.random(rows) < 0.3).astype(float)
        signal = target + random.normal(0, 1, rows)
        champion = signal + random.normal(0, 0.4, rows)
        any_of = dict.fromkeys(found, False)
        for retrain in range(retrains):
            sample = Sample(target, signal + random.normal(0, 0.4, rows), champion)
            levels = [levels[retrain] for levels in rules.values()]
            measured = measure(sample, [Metric("roc_auc")] * len(rules), confidence=levels)
            any_of[ALWAYS] |= measured[0].gain.value > 0
            for rule, one in zip(rules, measured, strict=True):
                any_of[rule] |= settle(asked, one.gain) is Verdict.PASSED
        for rule, any_promoted in any_of.items():
            found[rule] += any_promoted
    return found


def at_most_one_in_twenty(found: int, reigns: int) -> bool:
    return stats.binomtest(found, reigns, 0.05, alternative="greater").pvalue > 0.001


def test_ten_retrains_of_an_equal_model():
    reigns = 150
    found = promoted(reigns, 10, 300)
    assert at_most_one_in_twenty(found["alpha_budget: 0.05"], reigns), found
    assert at_most_one_in_twenty(found["shared by all"], reigns), found
    assert not at_most_one_in_twenty(found["95% each time"], reigns), found
    assert found[ALWAYS] > 0.9 * reigns, found


@pytest.mark.slow
def test_ten_retrains_of_an_equal_model_often(capsys):
    reigns, rows = 1000, 2000
    found = promoted(reigns, 10, rows)
    with capsys.disabled():
        print(f"\n{reigns:,} reigns of ten challengers as good as their champion, {rows:,} rows each:")
        for rule, number in found.items():
            print(f"  {rule:24} any promoted in {number / reigns:6.1%}")
    assert at_most_one_in_twenty(found["alpha_budget: 0.05"], reigns), found
    assert at_most_one_in_twenty(found["shared by all"], reigns), found
    assert found["95% each time"] > 0.15 * reigns, found
    assert found[ALWAYS] > 0.9 * reigns, found
