"""What lint says of rules is so: over random policies and candidates, what can never pass does not, what
contradicts does not pass together, what asks for nothing new passes wherever the other does, and what cannot
fail does not where the evidence is there.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from hotpass.candidate import Candidate, Stay
from hotpass.demands import Demand, disjoint, implies
from hotpass.directions import higher_is_better
from hotpass.engine import evaluate
from hotpass.errors import Problem
from hotpass.gates import Gate, ParameterError
from hotpass.plugins import create_manager, gate_classes
from hotpass.policy.model import GateEntry, Policy, PolicySet, PromotionEntry
from hotpass.policy.warnings import warnings_of
from hotpass.testing import NOW, candidate
from hotpass.verdicts import Enforcement, Verdict

GATES = gate_classes(create_manager())

#: Values that metrics really have, and bounds around them.
RANGES = {"roc_auc": (0.0, 1.0), "r2": (-2.0, 1.0), "log_loss": (0.0, 3.0), "lift": (-5.0, 5.0)}
TIERS = ["gold", "silver", "bronze"]
HOURS = [1, 2, 24, 48]

metrics = st.fixed_dictionaries(
    {}, optional={name: st.floats(*limits, allow_nan=False).map(lambda x: round(x, 2))
                  for name, limits in RANGES.items()}
)  # fmt: skip
bound = st.sampled_from([-5, -1, 0, 0.3, 0.5, 0.7, 1, 1.2, 2, 5, 90])


@st.composite
def thresholds(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.lists(st.sampled_from(list(RANGES)), min_size=1, max_size=2, unique=True))
    limits = st.one_of(
        *(
            st.fixed_dictionaries(dict.fromkeys(keys, bound))
            for keys in (["at_least"], ["at_most"], ["at_least", "at_most"])
        )
    )
    return {name: draw(limits) for name in names}


@st.composite
def comparisons(draw: st.DrawFn) -> dict[str, Any]:
    name = draw(st.sampled_from(list(RANGES)))
    how = draw(st.sampled_from(["may_lose_at_most", "better_than_champion_by"]))
    given = {how: draw(st.sampled_from([0, 0.1, 0.5, 1, 1.5])), "direction": "higher"}
    if higher_is_better(name) is not None:
        del given["direction"]
    if draw(st.booleans()):
        given["unit"] = "percent_of_champion"
    return {name: given, "first_champion": draw(st.sampled_from(["allow", "deny"]))}


tag_rule = st.one_of(
    st.just("present"),
    st.sampled_from(TIERS).map(lambda tier: {"equals": tier}),
    st.lists(st.sampled_from(TIERS), min_size=1, max_size=2, unique=True).map(lambda some: {"one_of": some}),
    st.sampled_from([".*", "g.*", "gold", "^$", "[a-z]+"]).map(lambda pattern: {"matches": pattern}),
)
hours = st.sampled_from(HOURS).map(lambda number: f"{number}h")
gates = st.one_of(
    st.tuples(st.just("metric_threshold"), thresholds()),
    st.tuples(st.just("champion_comparison"), comparisons()),
    st.tuples(
        st.just("required_tags"),
        st.fixed_dictionaries({"tier": tag_rule}, optional={"of": st.sampled_from(["version", "run"])}),
    ),
    st.tuples(st.just("freshness"), hours),
    st.tuples(
        st.just("staging_dwell"),
        st.fixed_dictionaries({"at_least": hours, "stage": st.sampled_from(["Staging", "QA"])}),
    ),
    st.tuples(
        st.just("approvals"),
        st.fixed_dictionaries(
            {"at_least": st.integers(1, 2), "claimed": st.booleans()},
            optional={
                "by": st.just(["ana", "ben"]),
                "not_by": st.sampled_from([["ana"], ["requester"]]),
            },
        ),
    ),
    st.tuples(st.just("signature"), st.sampled_from([{}, {"columns": ["x"]}, {"outputs": False}])),
    st.tuples(st.just("lineage"), st.sampled_from([{}, {"commit": False}, {"dataset": {"name": "d"}}])),
    st.tuples(st.just("input_example"), st.just({})),
)
enforcements = st.sampled_from([Enforcement.MANDATORY] * 4 + [Enforcement.ADVISORY, Enforcement.OVERRIDABLE])


@st.composite
def policies(draw: st.DrawFn, name: str, models: tuple[str, ...]) -> Policy:
    line = 0
    promotions = []
    for origin in draw(
        st.lists(st.sampled_from([None, "Staging", "QA"]), min_size=1, max_size=2, unique=True)
    ):
        entries = []
        for kind, parameters in draw(st.lists(gates, min_size=1, max_size=5)):
            line += 1
            try:
                gate: Gate = GATES[kind](parameters)
            except ParameterError:
                continue
            enforcement = draw(enforcements)
            by = ("ana",) if enforcement is Enforcement.OVERRIDABLE else ()
            where = f"{name}.yaml:{line}:9"
            entries.append(GateEntry(kind, gate, kind, name, where, enforcement, by, "", parameters))
        promotions.append(PromotionEntry("Production", origin, tuple(entries), None, f"{name}.yaml:{line}:5"))
    return Policy(name, models, tuple(promotions), path=f"{name}.yaml")


@st.composite
def candidates(draw: st.DrawFn) -> Candidate:
    stage = draw(st.sampled_from(["Staging", "QA", "None"]))
    age, stayed = sorted(draw(st.tuples(*[st.sampled_from([0, 1, 2, 24, 48, 72])] * 2)), reverse=True)
    champion = draw(st.none() | metrics.map(lambda logged: {"metrics": logged}))
    return candidate(
        model=draw(st.sampled_from(["lead_a", "lead_b_v2", "other"])),
        stage=stage,
        metrics=draw(metrics),
        tags=draw(st.sampled_from([{}, *({"tier": tier} for tier in [*TIERS, "x" * 300])])),
        started_at=draw(st.sampled_from([None, NOW - timedelta(hours=age)])) if stayed == 0 else (
            NOW - timedelta(hours=age)
        ),
        stays=[Stay(stage, NOW - timedelta(hours=stayed), None, "r")] if draw(st.booleans()) else [],
        signature=draw(st.sampled_from([None, {"inputs": ["x"]}, {"inputs": ["x", "y"], "outputs": ["z"]}])),
        input_example=draw(st.booleans()),
        datasets=draw(st.sampled_from([[], [("d", "1234")], [("e", "1234")]])),
        run_tags=draw(st.sampled_from([{}, {"commit": "0123abcd"}, {"tier": "gold"}, {"tier": "silver"}])),
        approvals=draw(st.lists(st.sampled_from(["ana", "ben", "cleo"]), unique=True)),
        requester=draw(st.sampled_from(["ana", "dan"])),
        champion=champion,
    )  # fmt: skip


def passing(known: PolicySet, asked: Candidate) -> dict[str, bool]:
    """Whether each gate passed, by its place."""
    decision = evaluate(known, asked, NOW)
    return {one.entry.where: one.result.verdict is Verdict.PASSED for one in decision.judgements}


def check(warning: Problem, passed: dict[str, bool], asked: Candidate, known: PolicySet) -> None:
    here = f"{warning.path}:{warning.line}:{warning.column}"
    if here not in passed:
        return
    others = re.findall(r"at (\w+\.yaml:\d+:9)", warning.message)
    if warning.rule == "never-passes" and not without_champion(here, known, asked):
        event("never passes")
        assert not passed[here], warning
    if warning.rule == "contradicts" and others[0] in passed:
        event("contradicts")
        assert not (passed[here] and passed[others[0]]), warning
    said = re.search(r"asks for nothing new with (.*): .* asks for |it wants (.*), and ", warning.message)
    demands = [one for one in entry_at(here, known).gate.demands() if said and str(one) in said.groups()]
    if warning.rule == "cannot-fail" and demands and PLAIN.match(demands[0].subject):
        event("cannot fail")
        assert met(demands[0], asked) is not False, warning
    if warning.rule == "shadowed" and others[0] in passed:
        event("shadowed")
        if said is None:
            assert passed[here] or not passed[others[0]], warning
        elif PLAIN.match(demands[0].subject):
            assert met(demands[0], asked) or not passed[others[0]], warning


def without_champion(where: str, known: PolicySet, asked: Candidate) -> bool:
    """Whether a gain over the champion is asked for where there is none."""
    entry = entry_at(where, known)
    return entry.gate_name == "champion_comparison" and asked.champion_version is None


def entry_at(where: str, known: PolicySet) -> GateEntry:
    return next(
        gate
        for policy in known.policies
        for promotion in policy.promotions
        for gate in promotion.gates
        if gate.where == where
    )


def what_is_said_of_one_policy_and_of_two_is_so(data: st.DataObject) -> None:
    known = PolicySet.of([
        data.draw(policies("one", ("lead_*",))),
        data.draw(policies("two", data.draw(st.sampled_from([("*",), ("*_v2",), ("other",), ("lead_?",)])))),
    ])  # fmt: skip
    warnings = [warning for warning in warnings_of(known.policies) if warning.column == 9]
    for _ in range(8):
        asked = data.draw(candidates())
        passed = passing(known, asked)
        for warning in warnings:
            check(warning, passed, asked, known)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_what_is_said_of_policies_is_so(data: st.DataObject) -> None:
    what_is_said_of_one_policy_and_of_two_is_so(data)


@pytest.mark.slow
@settings(max_examples=1500, deadline=None)
@given(st.data())
def test_what_is_said_of_many_policies_is_so(data: st.DataObject) -> None:
    what_is_said_of_one_policy_and_of_two_is_so(data)


def value_of(demand: Demand, asked: Candidate) -> float | str | None:
    """The fact that a demand is about, as far as it is one of the plain ones."""
    kind, _, name = demand.subject.partition(".")
    if kind == "metrics":
        found = asked.metric(name)
        return None if found is None else found.value
    if kind == "tags":
        return asked.tag(name) or asked.tag(name, "run") or asked.tag(name, "model")
    if kind in ("version", "run"):
        return asked.tag(name.partition(".")[2], kind)
    if kind == "age":
        started = asked.started_at()
        return None if started is None else (NOW - started).total_seconds()
    if kind == "stay":
        since = asked.in_stage_since(name)
        return None if since is None else (NOW - since).total_seconds()
    if kind == "stage":
        return asked.stage
    return None


PLAIN = re.compile(r"((version|run)\.tags|metrics|tags|stay)\.|age$|stage$")


def exactly(value: float | str) -> Demand:
    """The demand that only `value` meets."""
    if isinstance(value, str):
        return Demand("any", one_of=frozenset({value}))
    return Demand("any", low=value, high=value)


def met(demand: Demand, asked: Candidate) -> bool | None:
    """Whether the plain fact that `demand` is about is as it says; None where it is not there."""
    value = value_of(demand, asked)
    return None if value is None or value == "" else not disjoint(exactly(value), demand)


@settings(max_examples=200, deadline=None)
@given(gates, candidates())
def test_a_gate_passes_only_where_its_demands_are_met(gate: tuple[str, Any], asked: Candidate) -> None:
    kind, parameters = gate
    try:
        made = GATES[kind](parameters)
    except ParameterError:
        return
    demands = [demand for demand in made.demands() if PLAIN.match(demand.subject)]
    passed = made.evaluate(asked, NOW).verdict is Verdict.PASSED
    for demand in demands:
        fits = met(demand, asked)
        assert fits or not passed, demand
        if fits is not None:
            value = value_of(demand, asked)
            assert value is not None
            assert implies(exactly(value), demand) is fits, (demand, value)
    if kind == "metric_threshold" and all(met(demand, asked) for demand in demands):
        assert passed
