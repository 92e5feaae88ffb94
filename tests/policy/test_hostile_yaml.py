"""No file, however random or hostile, gives anything but problems with places or a sound policy; and no
policy that came of one lets a version without evidence through.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from hotpass.candidate import Candidate, Stay, VersionFacts
from hotpass.engine import evaluate
from hotpass.policy.compose import parse
from hotpass.policy.entries import GateReader
from hotpass.policy.loader import gates_of
from hotpass.policy.model import Policy, PolicySet
from hotpass.policy.nodes import value_of
from hotpass.policy.reader import read_policy
from hotpass.policy.schema import compose_schema
from hotpass.verdicts import Enforcement
from support.hostile_yaml import BOMBS, TOKENS, VALID, hostile

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


class NoEvidence:
    """Sources that know nothing."""

    def run(self) -> None:
        return None

    def logged_model(self) -> None:
        return None

    def model_file(self) -> None:
        return None

    def model_tags(self) -> Mapping[str, str]:
        return {}

    def stays(self) -> Sequence[Stay]:
        return ()

    def evidence(self, name: str) -> None:
        raise KeyError(name)


@cache
def reader() -> GateReader:
    return GateReader(gates_of())


@cache
def schema() -> Draft202012Validator:
    return Draft202012Validator(compose_schema(gates_of()))


def check(content: bytes) -> Policy | None:
    """Reads `content` and checks all that must hold whatever it is; returns the policy in it, if it holds
    one.
    """
    read = read_policy(content, "hostile.yaml", reader())
    if read.policy is None:
        assert read.problems
        for problem in read.problems:
            assert problem.line >= 1
            assert problem.column >= 1
            assert problem.message
            assert len(str(problem)) < 2000
            assert "\n" not in problem.message
        return None
    assert not read.problems
    root, problems = parse(content, "hostile.yaml")
    assert root is not None
    assert not problems
    # What Hotpass reads, an editor with the schema does not mark as wrong.
    assert [error.message for error in schema().iter_errors(value_of(root))] == []
    refuse_without_evidence(read.policy)
    return read.policy


def refuse_without_evidence(policy: Policy) -> None:
    names = ["lead_scoring_model", *(pattern.replace("*", "x") for pattern in policy.models)]
    model = next((name for name in names if policy.covers(name)), None)
    if model is None:
        return
    for entry in policy.promotions:
        version = VersionFacts(model, 1, 1_700_000_000_000, entry.from_stage or "None")
        decision = evaluate(PolicySet.of([policy]), Candidate(version, NoEvidence(), entry.to_stage), NOW)
        if decision.allowed:
            assert decision.judgements
            enforcements = {judgement.entry.enforcement for judgement in decision.judgements}
            assert enforcements == {Enforcement.ADVISORY}


def run(seeds: range) -> tuple[int, int]:
    """How many of the files with these numbers hold a policy, and how many do not."""
    sound = 0
    for seed in seeds:
        try:
            sound += check(hostile(seed)) is not None
        except BaseException as error:
            error.add_note(f"the file is support.hostile_yaml.hostile({seed})")
            raise
    return sound, len(seeds) - sound


def test_two_thousand_files() -> None:
    sound, refused = run(range(2_000))
    # Both kinds are met often, or this would prove little.
    assert sound > 100
    assert refused > 1_000


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_a_hundred_thousand_files() -> None:
    sound, refused = run(range(1_000_000, 1_100_000))
    assert sound > 5_000
    assert refused > 50_000


def test_the_valid_policy_is_refused_for_want_of_evidence_and_not_for_its_form() -> None:
    policy = check(VALID)
    assert policy is not None
    version = VersionFacts("lead_scoring_model", 1, 1_700_000_000_000, "Staging")
    decision = evaluate(PolicySet.of([policy]), Candidate(version, NoEvidence(), "Production"), NOW)
    assert not decision.allowed
    assert {judgement.result.verdict for judgement in decision.judgements} != set()


@pytest.mark.parametrize("number", range(len(BOMBS)))
def test_bombs(number: int) -> None:
    # Only the one with a long pattern of stars is a policy, and matching by it must not take for ever.
    policy = check(BOMBS[number])
    assert (policy is not None) == (b"*a*a*a" in BOMBS[number])
    if policy is not None:
        assert not policy.covers("a" * 250 + "b")


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_bytes(content: bytes) -> None:
    check(content)


@given(st.lists(st.sampled_from(TOKENS), max_size=40).map("".join))
@settings(max_examples=200, deadline=None)
def test_any_row_of_fragments(text: str) -> None:
    check(text.encode())


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
KEYS = st.sampled_from([token for token in TOKENS if token.isidentifier()]) | st.text(max_size=10)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.integers(), inner, max_size=5),
    max_leaves=30,
)


@given(
    TREES,
    st.sampled_from(["policy", "promotions", "entry", "parameters"]),
    st.sampled_from(sorted(gates_of())),
)
@settings(max_examples=400, deadline=None)
def test_any_tree_in_the_place_of_a_part(tree: object, place: str, gate: str) -> None:
    policy: object = {
        "policy": "a",
        "models": ["*"],
        "promotions": [{"to": "Staging", "gates": [{gate: tree}]}],
    }
    if place == "policy":
        policy = tree
    elif place == "promotions":
        policy = {"policy": "a", "models": ["*"], "promotions": tree}
    elif place == "entry":
        policy = {"policy": "a", "models": ["*"], "promotions": [{"to": "Staging", "gates": [tree]}]}
    check(yaml.safe_dump(policy).encode())
