from __future__ import annotations

import pytest

from hotpass.candidate import Person
from hotpass.gates import ParameterError
from hotpass.testing import candidate, judge
from hotpass.verdicts import Verdict
from hotpass_gates.approvals import Approvals

GATE = Approvals
COMMAND = "hotpass approve lead_scoring_model 2 --to Production --reason …"
FOUR_EYES = {"at_least": 2, "by": ["ana", "ben", "cleo"], "not_by": ["trainer", "requester"]}


def asked(*approvals, trainer="tom", registrant="tom", requester="rita", **more):
    return candidate(approvals=approvals, trainer=trainer, registrant=registrant, requester=requester, **more)


def test_enough_people():
    who = asked("ana", "cleo")
    result = judge(GATE, FOUR_EYES, who)
    assert result.verdict is Verdict.PASSED
    assert result.message == "approved by ana and cleo, 2 wanted"
    assert result.evidence == {"approved_by": ["ana", "cleo"], "wanted": 2, "not_counted": {}}
    assert who.read["trainer"] == {"name": "tom", "authenticated": True}
    assert who.read["registrant"] == {"name": "tom", "authenticated": True}
    assert who.read["requester"] == {"name": "rita", "authenticated": True}
    assert [(given["name"], given["record"]) for given in who.read["approvals"]] == [
        ("ana", "approval-1"),
        ("cleo", "approval-2"),
    ]


@pytest.mark.parametrize(
    ("approvals", "message"),
    [
        ([], f"0 of 2 approvals; 2 more from ana, ben or cleo: {COMMAND}"),
        (["ben"], f"1 of 2 approvals (ben); 1 more from ana or cleo: {COMMAND}"),
        (["ben", "ben"], f"1 of 2 approvals (ben); 1 more from ana or cleo: {COMMAND}"),
    ],
)
def test_too_few_are_pending_and_it_says_who_can_give_one_and_how(approvals, message):
    result = judge(GATE, FOUR_EYES, asked(*approvals))
    assert (result.verdict, result.message) == (Verdict.PENDING, message)
    assert result.passes_at is None


def test_without_by_anybody_may_but_those_of_not_by():
    result = judge(GATE, {"at_least": 1}, candidate())
    assert result.message == f"0 of 1 approvals; 1 more from anybody: {COMMAND}"
    result = judge(GATE, {"at_least": 1, "not_by": ["trainer", "requester", "dan"]}, asked("dan"))
    assert result.verdict is Verdict.PENDING
    assert "from anybody but tom (the trainer) and rita (the requester): " in result.message
    assert result.message.endswith("; not counted: dan (whom `not_by` names)")
    assert judge(GATE, {"at_least": 1, "not_by": ["dan"]}, candidate(approvals=["eve"])).verdict == "passed"


@pytest.mark.parametrize(
    ("who", "why"),
    [
        (asked("ana", trainer="ana"), "ana (the trainer)"),
        (asked("ana", requester="ana"), "ana (the requester)"),
        (asked("ana", trainer="ana", requester="ana"), "ana (the trainer)"),
        (asked("ana", registrant="ana"), "ana (who registered it)"),
        (asked("ana", trainer="ana", registrant="ana"), "ana (the trainer)"),
        (asked("Ana"), "Ana (not under `by`)"),
        (asked("ana "), "ana  (not under `by`)"),
        (asked(Person("ana")), "ana (only claimed)"),
    ],
)
def test_what_does_not_count(who, why):
    result = judge(GATE, FOUR_EYES | {"at_least": 1}, who)
    assert result.verdict is Verdict.PENDING
    assert result.message.endswith(f"; not counted: {why}")
    assert result.evidence["approved_by"] == []


def test_the_trainer_and_the_requester_count_where_the_policy_does_not_leave_them_out():
    result = judge(GATE, {"at_least": 2}, asked("tom", "rita"))
    assert result.verdict is Verdict.PASSED


def test_claimed_names_count_only_where_the_policy_says_so():
    people = [Person("ana"), Person("ben"), "cleo"]
    result = judge(GATE, {"at_least": 2}, candidate(approvals=people))
    assert result.verdict is Verdict.PENDING
    assert result.message.startswith("1 of 2 approvals (cleo)")
    assert result.evidence["not_counted"] == {"ana": "only claimed", "ben": "only claimed"}
    assert judge(GATE, {"at_least": 3, "claimed": True}, candidate(approvals=people)).verdict == "passed"
    # who has both is one person
    both = candidate(approvals=[Person("ana"), "ana"])
    assert judge(GATE, {"at_least": 2, "claimed": True}, both).verdict == "pending"
    assert judge(GATE, {"at_least": 1}, both).evidence["not_counted"] == {}


@pytest.mark.parametrize(
    ("who", "says"),
    [
        (asked("ana", "ben", trainer=None), "nobody knows who trained this version"),
        (asked("ana", "ben", run=False), "nobody knows who trained this version"),
        (asked("ana", "ben", trainer=Person("tom")), "tom is said to be who trained this version"),
        (asked("ana", "ben", registrant=None), "nobody knows who registered this version"),
        (asked("ana", "ben", registrant=Person("eve")), "eve is said to be who registered this version"),
        (asked("ana", "ben", requester=Person("rita")), "rita is said to be who asks for this promotion"),
    ],
)
def test_whom_nobody_has_verified_is_an_error_and_never_a_pass(who, says):
    result = judge(GATE, FOUR_EYES, who)
    assert result.verdict is Verdict.ERROR
    assert says in result.message


def test_with_claimed_a_claim_says_who_the_trainer_is_and_no_claim_is_still_an_error():
    rule = FOUR_EYES | {"claimed": True}
    claims = {"trainer": Person("ana"), "requester": Person("rita")}
    result = judge(GATE, rule, asked(Person("ana"), Person("ben"), **claims))
    assert result.verdict is Verdict.PENDING
    assert result.evidence["not_counted"] == {"ana": "the trainer"}
    assert judge(GATE, rule, asked(Person("cleo"), Person("ben"), **claims)).verdict == "passed"
    assert judge(GATE, rule, asked("cleo", "ben", trainer=None)).verdict == "error"


def test_with_claimed_who_registered_it_is_kept_out_where_that_is_known():
    rule = FOUR_EYES | {"claimed": True}
    people = (Person("ana"), Person("ben"))
    result = judge(GATE, rule, asked(*people, trainer=Person("tom"), registrant="ana"))
    assert result.verdict is Verdict.PENDING
    assert result.evidence["not_counted"] == {"ana": "who registered it"}
    assert judge(GATE, rule, asked(*people, trainer=Person("tom"), registrant=None)).verdict == "passed"


def test_who_registered_it_counts_where_the_policy_does_not_leave_the_trainer_out():
    rule = {"at_least": 1, "not_by": ["requester"]}
    assert judge(GATE, rule, asked("ana", registrant="ana")).verdict == "passed"
    assert judge(GATE, rule, asked("ana", trainer=None, registrant=None)).verdict == "passed"


def test_too_few_are_left_to_give_one():
    rule = {"at_least": 2, "by": ["ana", "ben"], "not_by": ["requester"]}
    result = judge(GATE, rule, asked("ana", requester="ben"))
    assert result.verdict is Verdict.FAILED
    assert "those under `by` cannot give 1 more, since ben (the requester) may not" in result.message
    assert judge(GATE, rule, asked("ana", "ben")).verdict == "passed"


def test_a_name_that_a_shell_would_take_apart_is_quoted():
    result = judge(GATE, {"at_least": 1}, candidate(model="a model; rm -rf ~"))
    assert "hotpass approve 'a model; rm -rf ~' 2 --to Production" in result.message


def test_many_names_are_cut():
    people = [f"p{number}" for number in range(30)]
    result = judge(GATE, {"at_least": 1, "by": people}, candidate())
    assert "p8, p9 or 20 more: " in result.message


@pytest.mark.parametrize(
    "parameters",
    [
        {}, {"at_least": 0}, {"at_least": "2"}, {"at_least": 1.5}, {"at_least": True},
        {"at_least": 1, "by": []}, {"at_least": 1, "by": "ana"}, {"at_least": 1, "by": [""]},
        {"at_least": 2, "by": ["ana"]}, {"at_least": 2, "by": ["ana", "ana"]},
        {"at_least": 2, "by": ["ana", "ben"], "not_by": ["ben"]}, {"at_least": 1, "by": ["trainer"]},
        {"at_least": 1, "claimed": "true"}, {"at_least": 1, "unknown": 1},
    ],
)  # fmt: skip
def test_parameters_that_are_refused(parameters):
    with pytest.raises(ParameterError):
        judge(GATE, parameters, candidate())
