"""`extends:`: what an extending policy comes to, and that it only ever adds."""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from hotpass.engine import Move, plan_for
from hotpass.errors import PolicyError, Problem
from hotpass.gates import Gate
from hotpass.policy import cache
from hotpass.policy.extends import DEEPEST
from hotpass.policy.loader import gates_of, load_policies, read_places
from hotpass.policy.merging import Layer, merged
from hotpass.policy.model import GateEntry, Policy, PolicySet, PromotionEntry

BASELINE = """\
policy: baseline
shared: true
aliases: [champion]
promotions:
  - to: Production
    from: Staging
    gates:
      - signature
      - staging_dwell: 24h
rollback:
  gates: [signature]
"""
COMMIT = "3f2c1ab9d0e14b7f86a5c2d8e9f0a1b2c3d4e5f6"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOTPASS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "pyproject.toml").write_text("")
    write("shared/baseline.yaml", BASELINE)


def write(path: str, text: str) -> Path:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def extending(promotions: str = "", *shared: str, further: str = "") -> str:
    """A policy that extends the files `shared`, beside its folder."""
    entries = "".join(
        f"  - {{folder: ../{os.path.dirname(path)}, path: {os.path.basename(path)}}}\n"
        for path in shared or ("shared/baseline.yaml",)
    )
    lines = f"promotions:\n{promotions}" if promotions else ""
    return f'policy: lead\nmodels: ["lead*"]\nextends:\n{entries}{further}{lines}'


def promotion(to: str, from_stage: str | None, gate: str, further: str = "") -> str:
    origin = f"    from: {from_stage}\n" if from_stage else ""
    return f"  - to: {to}\n{origin}{further}    gates: [{gate}]\n"


def loaded(text: str) -> Policy:
    write("policies/lead.yaml", text)
    (policy,) = load_policies("policies").policies
    return policy


def problems(text: str) -> list[str]:
    write("policies/lead.yaml", text)
    with pytest.raises(PolicyError) as caught:
        load_policies("policies")
    return [str(problem) for problem in caught.value.problems]


def ways(policy: Policy) -> dict[tuple[str, str | None], list[str]]:
    return {
        (entry.to_stage, entry.from_stage): [gate.gate_name for gate in entry.gates]
        for entry in policy.promotions
    }


class TestWhatItComesTo:
    def test_shared_gates_come_first_and_missing_promotions_are_taken_over(self) -> None:
        write("shared/more.yaml", BASELINE.replace("baseline", "more").replace("Production", "Pilot"))
        policy = loaded(extending(
            promotion("Staging", None, "freshness: 7d") + promotion("Production", "Staging", "input_example"),
            "shared/baseline.yaml", "shared/more.yaml",
        ))  # fmt: skip
        assert ways(policy) == {
            ("Staging", None): ["freshness"],
            ("Production", "Staging"): ["signature", "staging_dwell", "input_example"],
            ("Pilot", "Staging"): ["signature", "staging_dwell"],
        }

    def test_gates_keep_their_place_and_belong_to_the_policy(self) -> None:
        gates = loaded(extending(promotion("Production", "Staging", "input_example"))).promotions[0].gates
        assert [gate.where for gate in gates] == [
            "shared/baseline.yaml:8:9", "shared/baseline.yaml:9:9", "policies/lead.yaml:8:13",
        ]  # fmt: skip
        assert {gate.policy for gate in gates} == {"lead"}
        taken_over = loaded(extending()).promotions[0]
        assert taken_over.where == "policies/lead.yaml:4:5"  # where it is extended
        assert taken_over.gates[0].where == "shared/baseline.yaml:8:9"

    def test_promotions_of_its_own_may_be_left_out(self) -> None:
        assert ways(loaded(extending())) == {("Production", "Staging"): ["signature", "staging_dwell"]}

    def test_aliases_and_rollback_are_added_up(self) -> None:
        policy = loaded(extending(further="aliases: [Champion, best]\nrollback:\n  gates: [input_example]\n"))
        assert policy.guarded_aliases() == {"champion", "best", "production"}
        assert [gate.gate_name for gate in policy.rollback or ()] == ["signature", "input_example"]
        assert [gate.gate_name for gate in loaded(extending()).rollback or ()] == ["signature"]

    def test_a_chain_and_two_ways_to_one_file_give_each_gate_once(self) -> None:
        for name in ("left", "right"):
            text = extending(promotion("Production", "Staging", "input_example"))
            write(f"mid/{name}.yaml", text.replace("policy: lead", f"policy: {name}"))
        policy = loaded(extending("", "mid/left.yaml", "mid/right.yaml"))
        assert ways(policy) == {
            ("Production", "Staging"): ["signature", "staging_dwell", "input_example", "input_example"]
        }
        assert [ref.name for ref in policy.extends] == ["left", "baseline", "right"]

    def test_the_digest_covers_all_of_it_and_the_files_are_known(self) -> None:
        text = extending()
        before = loaded(text)
        assert before.digest != hashlib.sha256(text.encode()).hexdigest()
        assert loaded(text).digest == before.digest
        assert [os.path.relpath(file.path) for file in before.files] == [
            "policies/lead.yaml", "shared/baseline.yaml",
        ]  # fmt: skip
        file = write("shared/baseline.yaml", BASELINE + "# another\n")
        after = loaded(text)
        assert after.digest != before.digest
        assert after.files[1].digest == hashlib.sha256(file.read_bytes()).hexdigest()

    def test_a_policy_that_extends_nothing_has_the_digest_of_its_file(self) -> None:
        text = 'policy: lead\nmodels: ["lead*"]\npromotions:\n' + promotion("Staging", None, "signature")
        assert loaded(text).digest == hashlib.sha256(text.encode()).hexdigest()

    def test_two_policies_may_extend_the_same(self) -> None:
        write("policies/other.yaml", extending().replace("policy: lead", "policy: other"))
        write("policies/lead.yaml", extending())
        found = load_policies("policies").policies
        assert [{gate.policy for gate in one.promotions[0].gates} for one in found] == [{"lead"}, {"other"}]

    def test_any_policy_can_be_extended(self) -> None:
        write("shared/baseline.yaml", BASELINE.replace("shared: true", 'models: ["other"]'))
        policy = loaded(extending())
        assert (policy.models, ways(policy)[("Production", "Staging")][0]) == (("lead*",), "signature")


class TestItOnlyAdds:
    @pytest.mark.parametrize("origin", [None, "None", "Archived", "Production"])
    def test_no_other_way_into_a_stage_that_a_shared_policy_speaks_of(self, origin: str | None) -> None:
        to = "Production" if origin != "Production" else "Staging"
        write(
            "shared/baseline.yaml",
            BASELINE.replace("to: Production\n    from: Staging", f"to: {to}\n    from: QA"),
        )
        (problem,) = problems(extending(promotion(to, origin, "signature")))
        assert problem.startswith("policies/lead.yaml:6:5: the promotion to ")
        assert "a way in that the shared policy baseline does not have" in problem
        assert "write `from: QA`" in problem

    def test_where_the_shared_policy_takes_any_stage_a_narrower_way_is_one_too(self) -> None:
        """From Production, `from` must name it, so a way from there would not have the shared gates."""
        write("shared/baseline.yaml", BASELINE.replace("    from: Staging\n", ""))
        (problem,) = problems(extending(promotion("Production", "Staging", "signature")))
        assert "write it without `from`" in problem

    def test_two_shared_policies_that_have_different_ways(self) -> None:
        write(
            "shared/other.yaml", BASELINE.replace("from: Staging", "from: Pilot").replace("baseline", "other")
        )
        found = problems(extending("", "shared/baseline.yaml", "shared/other.yaml"))
        assert len(found) == 2
        assert all("the other can be a policy beside this one" in problem for problem in found)

    def test_archive_existing_cannot_be_turned(self) -> None:
        write(
            "shared/baseline.yaml",
            BASELINE.replace("    gates:", "    archive_existing: true\n    gates:", 1),
        )
        (problem,) = problems(
            extending(promotion("Production", "Staging", "signature", "    archive_existing: false\n"))
        )
        assert "archive_existing is false here and true at shared/baseline.yaml:5:5" in problem
        assert loaded(extending()).promotions[0].archive_existing is True

    def test_a_stage_is_spelt_as_the_shared_policy_spells_it(self) -> None:
        write("shared/baseline.yaml", BASELINE.replace("Production", "QA"))
        (problem,) = problems(extending(promotion("qa", "Staging", "signature")))
        assert "the stage 'qa' is spelt 'QA' at shared/baseline.yaml:5:5" in problem
        write("shared/baseline.yaml", BASELINE.replace("Staging", "QA"))
        (problem,) = problems(extending(promotion("Production", "qa", "signature")))
        assert "the stage 'qa' is spelt 'QA'" in problem

    def test_gates_of_shared_policies_cannot_be_replaced_by_name(self) -> None:
        own = promotion("Production", "Staging", "{staging_dwell: 1s, name: staging_dwell}")
        gates = loaded(extending(own)).promotions[0].gates
        assert [gate.parameters for gate in gates if gate.name == "staging_dwell"] == ["24h", "1s"]


STAGES = ("None", "Staging", "Production", "Archived", "QA")
#: Promotions by target and origin; each with a gate of its own.
_WAYS = st.sets(
    st.tuples(st.sampled_from(STAGES[1:]), st.sampled_from([*STAGES, None])).filter(lambda w: w[0] != w[1]),
    min_size=1, max_size=4,
)  # fmt: skip


@functools.cache
def _gates() -> Mapping[str, type[Gate]]:
    return gates_of()


def _signature() -> Gate:
    return _gates()["signature"]({})


def _policy(name: str, pairs: set[tuple[str, str | None]]) -> Policy:
    gate = _signature()
    return Policy(name, ("*",), tuple(
        PromotionEntry(to, origin, (GateEntry("signature", gate, "signature", name, f"{name}.yaml:{n}:9"),),
                       where=f"{name}.yaml:{n}:5")
        for n, (to, origin) in enumerate(sorted(pairs, key=str), 1)
    ), path=f"{name}.yaml", digest=name)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(own=_WAYS, first=_WAYS, second=_WAYS)
def test_whatever_is_let_past_has_passed_every_gate_that_the_shared_policies_ask_for(
    own: set[tuple[str, str | None]], first: set[tuple[str, str | None]], second: set[tuple[str, str | None]]
) -> None:
    """To a stage that a shared policy promotes to: there the result is at least as strict as that policy
    beside the extending one would be.
    """
    shared = [_policy("first", first), _policy("second", second)]
    result, _ = merged(_policy("own", own), [Layer(one, Problem("own.yaml", 1, 1, "")) for one in shared])
    assume(result is not None)
    for origin, to, serves in itertools.product(STAGES, STAGES, (False, True)):
        move = Move("a", origin, to, serves=serves)
        plan = plan_for(PolicySet.of([result]), move)
        for one in shared:
            if plan.denied or to not in {entry.to_stage for entry in one.promotions}:
                continue
            alone = plan_for(PolicySet.of([one]), move)
            assert not alone.denied, (move, one)
            assert {gate.where for gate in alone.entries} <= {gate.where for gate in plan.entries}, move


class TestWhatIsWrong:
    def test_a_circle_is_named(self) -> None:
        write("shared/a.yaml", extending("", "shared/b.yaml").replace("policy: lead", "policy: a"))
        write("shared/b.yaml", extending("", "shared/a.yaml").replace("policy: lead", "policy: b"))
        found = problems(extending("", "shared/a.yaml"))
        assert any(
            "it extends itself: shared/a.yaml extends shared/b.yaml extends shared/a.yaml" in problem
            for problem in found
        )

    def test_a_circle_through_a_link(self) -> None:
        Path("shared/link").symlink_to("../policies")
        assert (
            "it extends itself: policies/lead.yaml extends shared/link/lead.yaml"
            in problems(extending("", "shared/link/lead.yaml"))[0]
        )

    def test_a_clique_is_read_once_each(self) -> None:
        """Each of 15 extends all others: there are more chains than anybody could follow."""
        names = [f"shared/n{number}.yaml" for number in range(15)]
        for name in names:
            others = [other for other in names if other != name]
            write(name, extending("", *others).replace("policy: lead", f"policy: {Path(name).stem}"))
        assert any("it extends itself" in problem for problem in problems(extending("", names[0])))

    def test_too_deep(self) -> None:
        for number in range(DEEPEST + 3):
            text = extending("", f"shared/n{number + 1}.yaml").replace("policy: lead", f"policy: n{number}")
            write(f"shared/n{number}.yaml", text)
        write(f"shared/n{DEEPEST + 3}.yaml", BASELINE)
        assert any("more than 10 policies extend one another" in problem for problem in problems(
            extending("", "shared/n0.yaml")))  # fmt: skip
        assert loaded(extending("", f"shared/n{4}.yaml")).promotions

    def test_what_is_wrong_in_a_shared_file_is_told_once_with_its_place(self) -> None:
        write("shared/baseline.yaml", BASELINE.replace("signature", "signatur"))
        write("policies/other.yaml", extending().replace("policy: lead", "policy: other"))
        write("policies/lead.yaml", extending())
        report = read_places([Path("policies"), Path("shared")], gates_of())
        places = [problem.path for problem in report.problems]
        assert places.count("shared/baseline.yaml") == 2  # at two lines
        assert places.count("policies/lead.yaml") == places.count("policies/other.yaml") == 1
        assert not report.policies

    @pytest.mark.parametrize("kind", ["folder", "fifo", "huge", "link to nothing", "not text"])
    def test_what_is_no_policy_file(self, kind: str) -> None:
        file = Path("shared/baseline.yaml")
        file.unlink()
        if kind == "folder":
            file.mkdir()
        elif kind == "fifo":
            os.mkfifo(file)
        elif kind == "huge":
            file.write_bytes(b"#" * 2_000_000)
        elif kind == "link to nothing":
            file.symlink_to("nowhere")
        else:
            file.write_bytes(b"\xff\xfe\x00")
        assert problems(extending())

    def test_a_digest_for_a_folder_is_checked(self) -> None:
        digest = hashlib.sha256(BASELINE.encode()).hexdigest()
        entry = "  - {folder: ../shared, path: baseline.yaml, digest: 'sha256:%s'}\n"
        text = 'policy: lead\nmodels: ["lead*"]\nextends:\n' + entry
        assert loaded(text % digest).promotions
        (problem,) = problems(text % ("0" * 64))
        assert f"has the digest sha256:{digest}, and sha256:{'0' * 64} is wanted" in problem
        assert f"to accept it, write `digest: sha256:{digest}`" in problem

    def test_a_folder_of_shared_policies_alone_judges_nothing(self) -> None:
        with pytest.raises(PolicyError, match="it holds only policies that are `shared`"):
            load_policies("shared")
        report = read_places([Path("shared")], gates_of())
        assert [policy.name for policy in report.shared] == ["baseline"]


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8)
    | st.sampled_from(["../shared", "baseline.yaml", "git", "main", COMMIT, "sha256:" + "0" * 64, "ext::x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["folder", "git", "path", "revision", "digest", "paht"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=_ANYTHING)
def test_whatever_stands_there_is_read_or_refused_with_its_place(value: object) -> None:
    Path("lead.yaml").write_text(f'policy: a\nmodels: ["a"]\nextends: {json.dumps(value)}\n')
    report = read_places([Path("lead.yaml")], _gates())
    assert bool(report.policies) is not bool(report.problems)
    assert all(problem.line for problem in report.problems)


class TestFromTheCache:
    def text(self, content: bytes, digest: str | None = None) -> str:
        digest = digest or hashlib.sha256(content).hexdigest()
        return (
            'policy: lead\nmodels: ["lead*"]\nextends:\n'
            f"  - git: https://me:secret@example.org/p.git\n    revision: {COMMIT}\n"
            f"    path: policies/baseline.yaml\n    digest: sha256:{digest}\n"
        )

    def test_what_was_fetched_is_read_without_git(self, monkeypatch: pytest.MonkeyPatch) -> None:
        content = BASELINE.encode()
        cache.keep(f"sha256:{hashlib.sha256(content).hexdigest()}", content)
        monkeypatch.setenv("PATH", "")
        policy = loaded(self.text(content))
        assert policy.promotions[0].gates[0].where == f"policies/baseline.yaml@{COMMIT[:12]}:8:9"
        assert [os.path.basename(file.path) for file in policy.files] == ["lead.yaml"]

    def test_what_was_not_fetched_says_how(self) -> None:
        (problem,) = problems(self.text(b"x"))
        assert (
            f"policies/baseline.yaml of https://me:***@example.org/p.git at {COMMIT[:12]} is not in"
            in problem
        )
        assert "Run `hotpass policy fetch`" in problem

    def test_a_copy_that_somebody_changed(self) -> None:
        content = BASELINE.encode()
        file = cache.keep(f"sha256:{hashlib.sha256(content).hexdigest()}", content)
        file.write_bytes(content.replace(b"24h", b"1s"))
        (problem,) = problems(self.text(content))
        assert "in the cache has the digest sha256:" in problem
        assert "secret" not in problem

    @pytest.mark.parametrize("kind", ["folder", "fifo", "huge"])
    def test_something_else_in_its_place(self, kind: str) -> None:
        file = cache.file_of(f"sha256:{hashlib.sha256(b'x').hexdigest()}")
        file.parent.mkdir(parents=True)
        file.mkdir() if kind == "folder" else os.mkfifo(file) if kind == "fifo" else file.write_bytes(
            b"#" * 10**6
        )
        assert problems(self.text(b"x"))

    def test_it_cannot_extend_a_folder(self) -> None:
        content = extending().encode()
        cache.keep(f"sha256:{hashlib.sha256(content).hexdigest()}", content)
        assert any(
            "cannot extend the folder '../shared'" in problem for problem in problems(self.text(content))
        )

    def test_where_the_cache_is(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        assert cache.cache_folder() == tmp_path / "cache"
        monkeypatch.delenv("HOTPASS_CACHE")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
        assert cache.cache_folder() == tmp_path / "xdg" / "hotpass"
        monkeypatch.setenv("XDG_CACHE_HOME", "relative")
        assert cache.cache_folder().is_absolute()
        monkeypatch.setenv("HOTPASS_CACHE", " ")
        assert "HOTPASS_CACHE names an empty place" in problems(self.text(b"x"))[0]
