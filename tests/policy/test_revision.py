"""`materialized`: policies and plugin folders as they are at a git revision, whatever lies in the work tree.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from hotpass.errors import CallError, PluginError, PolicyError
from hotpass.policy import revision
from hotpass.policy.revision import VARIABLE, Rules, materialized
from support.repositories import Repo

POLICY = """\
policy: {name}
models: ["*"]
promotions:
  - to: Staging
    gates: [{gate}]
"""
GATE = '''\
from hotpass import Gate, hookimpl, passed

class Mine(Gate):
    """Mine."""
    name = "mine"
    schema = {"type": "object"}

    def evaluate(self, candidate, now):
        return passed("SAYS")

@hookimpl
def hotpass_gates():
    return [Mine]
'''


def policy(name: str, gate: str = "signature") -> str:
    return POLICY.format(name=name, gate=gate)


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repo:
    """One with a policy on the branch main, and the working directory in it."""
    made = Repo(tmp_path / "repo")
    monkeypatch.chdir(made.root)
    made.write("pyproject.toml", "")
    made.commit(policies__lead=policy("of-main"))
    return made


def names(rules: Rules) -> list[str]:
    return [found.name for found in rules.load(rules.manager()).policies]


def names_at(rev: str | None, *places: str, judging: bool = False) -> list[str]:
    with materialized(rev, list(places), judging=judging) as rules:
        return names(rules)


def refused(rev: str, *places: str, plugins: tuple[str, ...] = ()) -> str:
    with (
        pytest.raises((CallError, PolicyError)) as caught,
        materialized(rev, list(places), list(plugins)) as rules,
    ):
        rules.load(rules.manager())
    return str(caught.value)


class TestWhatIsRead:
    def test_the_commit_and_not_the_work_tree(self, repo: Repo) -> None:
        repo.write("policies/lead.yaml", policy("of-the-request"))
        repo.write("policies/further.yaml", policy("further"))
        assert names_at(None) == ["further", "of-the-request"]
        assert names_at("main") == ["of-main"]

    def test_messages_say_where_in_the_repository_and_at_which_commit(self, repo: Repo) -> None:
        repo.write("policies/lead.yaml", "policy: 1\n")
        commit = repo.commit()
        assert refused("main").startswith(
            f"policies/lead.yaml@{commit[:12]}:1:1: a policy needs the key 'models'"
        )
        with materialized("main~1") as rules:
            found = rules.load(rules.manager())
        assert found.source == f"./policies at main~1 (commit {repo.git('rev-parse', 'main~1')[:12]})"
        assert found.policies[0].promotions[0].gates[0].where.startswith("policies/lead.yaml@")

    def test_a_commit_cannot_change_under_a_policy(self, repo: Repo) -> None:
        with materialized("main") as rules:
            assert rules.load(rules.manager()).policies[0].files == ()
        with materialized(None) as rules:
            (file,) = rules.load(rules.manager()).policies[0].files
        assert file.path == str(repo.root / "policies" / "lead.yaml")

    def test_the_copy_is_there_for_the_block_and_gone_after_it(self, repo: Repo) -> None:
        repo.write("gates/mine.py", GATE)
        repo.write("gates/data.txt", "beside it")
        repo.commit()
        with materialized("main", plugins=["gates"]) as rules:
            (folder,) = rules.plugins
            assert (folder / "data.txt").read_text() == "beside it"
            assert not (folder / "data.txt").stat().st_mode & 0o277
            rules.manager()  # Python writes what it compiled beside it
        assert not folder.parent.parent.exists()

    def test_it_is_gone_after_an_error_too(
        self, repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "copies"))
        (tmp_path / "copies").mkdir()
        assert "there is no nowhere at main" in refused("main", "nowhere")
        assert list((tmp_path / "copies").iterdir()) == []

    def test_gates_of_a_plugin_folder_are_those_of_the_commit(self, repo: Repo) -> None:
        repo.write("pyproject.toml", '[tool.hotpass]\nplugins = "gates"\n')
        repo.write("gates/mine.py", GATE)
        repo.commit(policies__lead=policy("of-main", "mine"))
        repo.write("gates/mine.py", GATE.replace("SAYS", "the request's"))
        with materialized("main") as rules:
            gate = rules.load(rules.manager()).policies[0].promotions[0].gates[0].gate
            assert gate.evaluate(None, None).message == "SAYS"  # type: ignore[arg-type]

    def test_a_broken_plugin_is_named_as_in_the_repository(self, repo: Repo) -> None:
        repo.write("gates/mine.py", "1/0\n")
        repo.commit()
        with materialized("main", plugins=["gates"], only="plugins") as rules:
            assert not rules.policies.configured
            with pytest.raises(PluginError, match=f"plugin gates/mine.py@{repo.head[:12]} failed to load"):
                rules.manager()

    def test_waivers_and_cases_come_along(self, repo: Repo) -> None:
        repo.write("policies/lead.cases.yaml", "cases: []\n")
        repo.write("policies/waivers/one.yaml", "waiver: broken\n")
        repo.commit()
        assert "policies/waivers/one.yaml@" in refused("main")
        with materialized("main") as rules:
            assert (rules.policies.paths[0] / "lead.cases.yaml").exists()

    def test_what_is_extended_from_a_folder_comes_along(self, repo: Repo) -> None:
        extends = "policy: {}\nmodels: ['*']\nextends:\n  - {{folder: {}, path: {}}}\n"
        repo.write("base/first.yaml", extends.format("first", "../deep/er", "second.yaml"))
        repo.write("deep/er/second.yaml", policy("second"))
        repo.commit(policies__lead=extends.format("lead", "../base", "first.yaml"))
        repo.write("deep/er/second.yaml", policy("second", "input_example"))
        with materialized("main") as rules:
            (found,) = rules.load(rules.manager()).policies
        assert [gate.gate_name for gate in found.promotions[0].gates] == ["signature"]
        assert [ref.path.partition("@")[0] for ref in found.extends] == [
            "base/first.yaml",
            "deep/er/second.yaml",
        ]

    def test_what_is_extended_from_outside_the_repository_is_an_error(
        self, repo: Repo, tmp_path: Path
    ) -> None:
        (tmp_path / "mine.yaml").write_text(policy("mine"))
        for folder in ("../..", str(tmp_path)):
            text = f"policy: lead\nmodels: ['*']\nextends:\n  - {{folder: '{folder}', path: mine.yaml}}\n"
            repo.commit(policies__lead=text)
            assert names_at(None) == ["lead"]
            assert "mine.yaml is outside the repository, and cannot be read at commit" in refused("main")


class TestWhereItIsLookedFor:
    def test_the_pyproject_of_the_commit_says_and_not_that_of_the_request(self, repo: Repo) -> None:
        repo.write("pyproject.toml", '[tool.hotpass]\npolicies = "rules"\n')
        repo.commit(rules__lead=policy("of-the-rules"))
        repo.write("pyproject.toml", '[tool.hotpass]\npolicies = "mine"\nplugins = "mine"\n')
        repo.write("mine/lead.yaml", policy("mine"))
        with materialized("main") as rules:
            assert names(rules) == ["of-the-rules"]
            assert rules.plugins == ()

    def test_the_nearest_pyproject_in_the_repository(
        self, repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "pyproject.toml").write_text('[tool.hotpass]\npolicies = "beyond"\n')
        repo.write("team/pyproject.toml", '[tool.hotpass]\npolicies = "rules"\n')
        repo.write("team/src/x", "")
        repo.commit(team__rules__a=policy("of-the-team"))
        monkeypatch.chdir(repo.root / "team" / "src")
        assert names_at("main") == ["of-the-team"]
        repo.git("rm", "-q", "--cached", "team/pyproject.toml", "pyproject.toml")
        repo.git("commit", "-q", "-m", "without")
        assert "nothing else names one" in refused("main")

    def test_places_of_the_call_and_the_environment(
        self, repo: Repo, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        repo.commit(rules__b=policy("b"), rules__a=policy("a"))
        (repo.root / "rules" / "a.yaml").unlink()
        (repo.root / "sub").mkdir()
        monkeypatch.chdir(repo.root / "sub")
        assert names_at("main", "../rules") == ["a", "b"]
        assert names_at("main", str(repo.root / "rules" / "a.yaml")) == ["a"]
        monkeypatch.setenv("HOTPASS_POLICIES", "../rules/b.yaml")
        assert names_at("main") == ["b"]

    def test_by_a_link_to_the_repository(
        self, repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "link").symlink_to(repo.root)
        monkeypatch.chdir(tmp_path / "link")
        assert names_at("main", str(tmp_path / "link" / "policies")) == ["of-main"]

    def test_outside_the_repository_is_an_error(self, repo: Repo, tmp_path: Path) -> None:
        (tmp_path / "rules").mkdir()
        for place in ("../rules", str(tmp_path / "rules"), "policies/../../rules"):
            assert "is not in the repository" in refused("main", place)
            assert "is not in the repository" in refused("main", plugins=(place,))
        repo.write("pyproject.toml", '[tool.hotpass]\npolicies = "../rules"\n')
        repo.commit()
        assert "names a place outside the repository" in refused("main")

    def test_a_place_that_the_commit_does_not_have(self, repo: Repo) -> None:
        repo.write("rules/lead.yaml", policy("mine"))
        assert "there is no rules at main (commit " in refused("main", "rules")
        assert "there is no gates at main" in refused("main", plugins=("gates",))
        repo.git("rm", "-q", "-r", "policies")
        repo.commit()
        assert "there is no such folder at main (commit " in refused("main")

    def test_outside_of_any_repository(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        assert "is in no git repository" in refused("main")


class TestWhatNobodyCanSlipIn:
    def test_attributes_hide_nothing_and_change_nothing(self, repo: Repo) -> None:
        attributes = "*.yaml export-ignore export-subst filter=mine ident working-tree-encoding=UTF-16\n"
        repo.write(".gitattributes", attributes)
        repo.git("config", "filter.mine.smudge", "sed s/of-main/smudged/")
        repo.write(".git/info/attributes", attributes)
        assert names_at("HEAD") == ["of-main"]

    def test_a_folder_that_is_named_like_a_copy_is_none(self, repo: Repo) -> None:
        """Or nobody would look whether the policy in it changed."""
        repo.write("hotpass-revision-x/main/lead.yaml", policy("mine"))
        with materialized(None, "hotpass-revision-x") as rules:
            (found,) = rules.load(rules.manager()).policies
        assert found.path == "hotpass-revision-x/main/lead.yaml"
        assert len(found.files) == 1

    def test_a_replacement_changes_nothing(self, repo: Repo) -> None:
        base = repo.head
        repo.git("replace", base, repo.commit(policies__lead=policy("replaced")))
        assert names_at(base) == ["of-main"]

    def test_a_link_in_the_work_tree_leads_nowhere(self, repo: Repo, tmp_path: Path) -> None:
        (tmp_path / "mine").mkdir()
        repo.git("mv", "policies", "elsewhere")
        (repo.root / "policies").symlink_to(tmp_path / "mine")
        assert names_at("HEAD") == ["of-main"]
        (repo.root / "again").symlink_to(repo.root)
        assert "there is no again/policies at HEAD" in refused("HEAD", "again/policies")

    @pytest.mark.parametrize("target", ["../mine", "/etc/passwd", "lead.yaml"])
    def test_a_link_in_the_commit_is_an_error(self, repo: Repo, target: str) -> None:
        (repo.root / "policies" / "linked.yaml").symlink_to(target)
        repo.commit()
        assert "policies/linked.yaml is a link at main" in refused("main")
        assert "policies/linked.yaml is a link at main" in refused("main", "policies/linked.yaml")

    def test_a_place_behind_a_link_is_an_error(self, repo: Repo) -> None:
        (repo.root / "rules").symlink_to("policies")
        repo.commit()
        assert names_at(None, "rules") == ["of-main"]
        assert "rules is a link at main" in refused("main", "rules")
        assert "rules is a link at main" in refused("main", "rules/lead.yaml")

    def test_a_submodule_is_an_error(self, repo: Repo) -> None:
        repo.git("update-index", "--add", "--cacheinfo", f"160000,{repo.head},policies/theirs")
        repo.git("commit", "-q", "-m", "a submodule")
        assert "policies/theirs is a submodule at main" in refused("main")

    @pytest.mark.parametrize("name", ["..", "a/../../mine.yaml", ".git"])
    def test_a_name_that_leads_out_of_the_copy(self, repo: Repo, name: str) -> None:
        folder = repo.tree(("100644", repo.blob(policy("mine")), name))
        repo.git("branch", "bad", repo.commit_tree(repo.tree(("40000", folder, "policies"))))
        assert "a name that no file may have" in refused("bad")

    def test_limits(self, repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
        repo.write("policies/notes.txt", "x" * 1000)
        repo.commit()
        monkeypatch.setattr(revision, "LARGEST", 999)
        assert "has 1,000 bytes; the limit is 999" in refused("main")
        monkeypatch.setattr(revision, "LARGEST", 2000)
        monkeypatch.setattr(revision, "MOST_BYTES", 1001)
        assert "the limit is" in refused("main")
        monkeypatch.setattr(revision, "MOST_FILES", 2)
        monkeypatch.setattr(revision, "MOST_BYTES", 10_000)
        assert "hold over 2 files" in refused("main")


class TestTheVariable:
    def test_it_counts_for_what_judges_alone(self, repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(VARIABLE, "main")
        repo.write("policies/lead.yaml", policy("mine"))
        assert names_at(None, judging=True) == ["of-main"]
        assert names_at(None) == ["mine"]

    def test_an_option_cannot_say_another_commit(self, repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
        repo.git("branch", "same")
        repo.git("checkout", "-q", "-b", "request")
        repo.commit(policies__lead=policy("mine"))
        monkeypatch.setenv(VARIABLE, "main")
        assert names_at("same", judging=True) == ["of-main"]
        with pytest.raises(CallError, match="which is another commit"):
            names_at("request", judging=True)
        assert names_at("request") == ["mine"]

    def test_an_empty_one_is_an_error(self, repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(VARIABLE, "")
        with pytest.raises(CallError, match="the revision is empty"):
            names_at(None, judging=True)

    def test_it_is_no_setting(self, repo: Repo) -> None:
        repo.write("pyproject.toml", '[tool.hotpass]\npolicies-from = "HEAD"\n')
        with pytest.raises(PolicyError, match="unknown key 'policies-from'"):
            names_at(None)
