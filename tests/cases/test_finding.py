"""Which cases files belong to which policy, and what is wrong where none does."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotpass.cases.finding import Found, find_cases
from hotpass.policy.loader import gates_of

GATES = gates_of()
CASES = "cases: [{case: a, to: Staging, expect: {outcome: denied}}]"


def policy(name: str) -> str:
    return f"policy: {name}\nmodels: [m]\npromotions: [{{to: Staging, gates: [signature]}}]\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two", "team/three"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(f"{name}.yaml").write_text(policy(Path(name).name))
        Path(f"{name}.cases.yaml").write_text(CASES)
    Path("four.yml").write_text(policy("four"))
    Path("four.cases.yml").write_text(CASES)
    return tmp_path


def find(*places: str) -> Found:
    return find_cases([Path(place) for place in places], GATES)


def pairs(found: Found) -> list[tuple[str, str]]:
    assert found.problems == ()
    return [(file.path, file.policy.name) for file in found.files]


def test_in_a_folder_and_below() -> None:
    assert pairs(find(".")) == [
        ("four.cases.yml", "four"), ("one.cases.yaml", "one"), ("two.cases.yaml", "two"),
        ("team/three.cases.yaml", "three"),
    ]  # fmt: skip


@pytest.mark.parametrize("place", ["one.yaml", "one.cases.yaml"])
def test_a_policy_or_its_cases_stand_for_both(place: str) -> None:
    found = find(place)
    assert pairs(found) == [("one.cases.yaml", "one")]
    assert [policy.name for policy in found.policies] == ["one"]


def test_nothing_is_read_twice() -> None:
    found = find(".", "one.yaml", "one.cases.yaml", "team")
    assert len(pairs(found)) == 4
    assert len(found.policies) == 4


def test_a_policy_may_have_none() -> None:
    Path("one.cases.yaml").unlink()
    found = find("one.yaml")
    assert (pairs(found), [policy.name for policy in found.policies]) == ([], ["one"])


@pytest.mark.parametrize("place", [".", "lost.cases.yaml"])
def test_cases_without_a_policy_are_an_error(place: str) -> None:
    Path("lost.cases.yaml").write_text(CASES)
    (problem,) = find(place).problems
    assert str(problem) == (
        "lost.cases.yaml: there is no policy lost.yaml beside it, so nothing could judge its cases\n"
        "    Rename it after its policy, or delete it."
    )


def test_cases_of_two_policies_are_an_error() -> None:
    Path("one.yml").write_text(policy("another"))
    (problem,) = find(".").problems
    assert str(problem).startswith("one.cases.yaml: several policies are beside it: one.yaml and one.yml")


def test_all_that_is_wrong_is_told_at_once() -> None:
    Path("one.yaml").write_text(policy("one").replace("signature", "signatur"))
    Path("one.cases.yaml").write_text(CASES.replace("denied", "denid"))
    Path("two.cases.yaml").write_text(CASES.replace("Staging", "Stagin"))
    found = find(".")
    assert [f"{problem.path}:{problem.line}" for problem in found.problems] == [
        "one.yaml:3", "one.cases.yaml:1", "two.cases.yaml:1",
    ]  # fmt: skip
    assert [file.path for file in found.files if file.cases] == ["four.cases.yml", "team/three.cases.yaml"]


def test_a_place_that_is_missing() -> None:
    for place in ("nowhere", "nowhere.yaml", "nowhere.cases.yaml"):
        (problem,) = find(place).problems
        assert (problem.path, problem.message) == (place, "it does not exist")


def test_a_policy_that_others_extend_may_have_cases() -> None:
    Path("base.yaml").write_text(
        "policy: base\nshared: true\npromotions: [{to: Staging, gates: [signature]}]\n"
    )
    assert [policy.name for policy in find("base.yaml", "one.yaml").policies] == ["one"]
    Path("base.cases.yaml").write_text(CASES)
    found = find("base.yaml", "one.yaml")
    assert pairs(found) == [("base.cases.yaml", "base"), ("one.cases.yaml", "one")]
    assert [policy.name for policy in found.policies] == ["one", "base"]
    assert found.files[0].cases[0].model == "model"


def test_the_gates_of_a_policy_that_is_extended_are_asked_too() -> None:
    Path("shared").mkdir()
    Path("shared/base.yaml").write_text(
        "policy: base\nshared: true\npromotions: [{to: Staging, gates: [input_example]}]\n"
    )
    Path("one.yaml").write_text(policy("one") + "extends: [{folder: shared, path: base.yaml}]\n")
    (case,) = find("one.yaml").files[0].cases
    assert [entry.name for entry in case.entries] == ["input_example", "signature"]
