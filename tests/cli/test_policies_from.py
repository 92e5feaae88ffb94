"""`--policies-from`: a pull request is judged by its base branch and not by itself; and shared policies on
the way to a promotion.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import hotpass as library
from hotpass.errors import PromotionOvertaken
from hotpass.guard.in_force import PoliciesInForce
from support.commands import Hotpass
from support.repositories import Repo
from support.stores import Store
from support.versions import make_version

MODEL = "lead_scoring"
GATE = '''\
from hotpass import Gate, failed, hookimpl, passed

class Strict(Gate):
    """Strict."""
    name = "strict"
    schema = {"type": "object"}

    def evaluate(self, candidate, now):
        return failed("no, says the base branch")

@hookimpl
def hotpass_gates():
    return [Strict]
'''
POLICY = """\
policy: leads
models: ["lead_*"]
promotions:
  - to: Staging
    gates:
      - metric_threshold:
          roc_auc: {at_least: 0.90}
      - strict
"""
SETTINGS = '[tool.hotpass]\npolicies = "rules"\nplugins = "gates"\n'
PASSES = GATE.replace('failed("no, says the base branch")', 'passed("yes, says the request")')


@pytest.fixture
def request_(sqlite_store: Store) -> Repo:
    """A pull request that would let anything past: its policy, its gate, its settings. The base branch is
    origin/main.
    """
    repo = Repo(Path.cwd() / "team")
    repo.write("pyproject.toml", SETTINGS)
    repo.write("rules/leads.yaml", POLICY)
    repo.write("gates/strict.py", GATE)
    repo.git("update-ref", "refs/remotes/origin/main", repo.commit())
    repo.git("checkout", "-q", "-b", "request")
    repo.write("gates/strict.py", PASSES)
    repo.write("rules/leads.yaml", POLICY.replace("0.90", "0.10"))
    repo.commit()
    make_version(sqlite_store, MODEL, metrics={"roc_auc": 0.5})
    return repo


@pytest.fixture(autouse=True)
def _there(request_: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(request_.root)


def test_a_request_does_not_judge_itself(hotpass: Hotpass) -> None:
    assert hotpass("check", MODEL, 1, "--to", "Staging").code == 0
    ran = hotpass("check", MODEL, 1, "--to", "Staging", "--policies-from", "origin/main")
    assert ran.code == 1
    assert "roc_auc is 0.5, wanted at least 0.9" in ran.out
    assert "no, says the base branch" in ran.out
    assert "Policies and plugin folders are those of origin/main (commit " in ran.err
    assert "--to Staging --policies-from origin/main" in ran.out  # the command to type next


def test_nothing_in_the_request_unsets_the_variable(
    hotpass: Hotpass, request_: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOTPASS_POLICIES_FROM", "origin/main")
    request_.write("pyproject.toml", '[tool.hotpass]\npolicies = "mine"\nplugins = []\n')
    request_.write(".env", "HOTPASS_POLICIES_FROM=\n")
    request_.write(".gitattributes", "* export-ignore\n")
    for words in ((), ("--policies", "rules"), ("--policies", "rules", "--plugins", "gates")):
        assert hotpass("check", MODEL, 1, "--to", "Staging", *words).code == 1
    ran = hotpass("check", MODEL, 1, "--to", "Staging", "--policies-from", "request")
    assert (ran.code, "which is another commit" in ran.err) == (2, True)
    assert hotpass("check", MODEL, 1, "--to", "Staging", "--policies", "..").code == 2
    assert not library.check(MODEL, 1, "Staging", policies="rules").allowed
    assert not library.check(MODEL, 1, "Staging").allowed


def test_every_command_that_judges_takes_it(
    hotpass: Hotpass, request_: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    option = ("--policies-from", "origin/main")
    assert hotpass("promote", MODEL, 1, "--to", "Staging", *option).code == 1
    assert hotpass("promote", MODEL, 1, "--to", "Staging").code == 0
    for words in (
        ("scan",),
        ("rollback", MODEL, "--reason", "why", "--stage", "Staging"),
        ("approve", MODEL, 1, "--to", "Staging", "--reason", "why"),
        ("withdraw", MODEL, 1, "--to", "Staging", "--reason", "why"),
    ):
        assert "are those of origin/main (commit " in hotpass(*words, *option).err, words
    monkeypatch.setenv("HOTPASS_POLICIES_FROM", "nowhere")
    for words in (("check", MODEL, 1, "--to", "Staging"), ("scan", "--rejudge")):
        ran = hotpass(*words)
        assert (ran.code, "there is no revision 'nowhere'" in ran.err) == (2, True), words


def test_commands_about_the_files_heed_the_option_alone(
    hotpass: Hotpass, request_: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_.write("rules/leads.yaml", "policy: 1\n")
    monkeypatch.setenv("HOTPASS_POLICIES_FROM", "origin/main")
    for words in (("lint",), ("explain",)):
        assert hotpass("policy", *words).code == 2
        ran = hotpass("policy", *words, "--policies-from", "origin/main")
        assert (ran.code, "rules/leads.yaml@" in ran.out) == (0, True), words


def test_what_a_commit_says_is_recorded_and_cannot_change_during_a_promotion(
    hotpass: Hotpass, request_: Repo, sqlite_store: Store
) -> None:
    commit = request_.git("rev-parse", "request")
    (request_.root / "rules" / "leads.yaml").unlink()
    assert hotpass("promote", MODEL, 1, "--to", "Staging", "--policies-from", "request").code == 0
    [record] = hotpass("history", MODEL, "--json").json["records"]
    assert [policy["path"] for policy in record["policies"]] == [f"rules/leads.yaml@{commit[:12]}"]


def test_a_shared_file_that_changes_during_a_promotion_stops_it(request_: Repo, sqlite_store: Store) -> None:
    shared = request_.write(
        "shared/base.yaml", POLICY.replace("      - strict\n", "").replace("0.90", "0.10")
    )
    extends = 'policy: mine\nmodels: ["lead_*"]\nextends:\n  - {folder: ., path: base.yaml}\n'
    request_.write("shared/mine.yaml", extends)
    with library.connect(policies="shared/mine.yaml") as session:
        shared.write_text(shared.read_text().replace("0.10", "0.95"))
        with pytest.raises(PromotionOvertaken, match=r"base\.yaml, which policy .* extends, changed on disk"):
            session.promote(MODEL, 1, "Staging")
    assert not library.check(MODEL, 1, "Staging", policies="shared/mine.yaml").allowed


def test_a_guard_sees_that_a_shared_file_changes_wherever_it_lies(
    request_: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    easy = POLICY.replace("      - strict\n", "")
    deep = request_.write("deep/er.yaml", easy)
    link = 'policy: {}\nmodels: ["lead_*"]\nextends:\n  - {{folder: ../{}, path: {}}}\n'
    request_.write("shared/mid.yaml", link.format("mid", "deep", "er.yaml"))
    request_.write("guarded/mine.yaml", link.format("mine", "shared", "mid.yaml"))
    monkeypatch.setenv("HOTPASS_POLICIES", "guarded")
    in_force = PoliciesInForce()
    before = in_force.current()
    assert in_force.current() is before
    deep.write_text(easy.replace("0.90", "0.95"))
    after = in_force.current()
    assert after.policies[0].digest != before.policies[0].digest
    deep.write_text("policy: broken\n")
    assert in_force.current() is after
    assert "deep/er.yaml" in in_force.reading().problems
    deep.write_text(easy)
    assert in_force.current().policies[0].digest == before.policies[0].digest
    assert not in_force.reading().problems


def test_a_guard_by_a_revision_stays_with_its_commit(request_: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTPASS_POLICIES_FROM", "origin/main")
    in_force = PoliciesInForce()
    request_.git("update-ref", "refs/remotes/origin/main", request_.head)
    request_.write("rules/leads.yaml", "policy: broken\n")
    gates = in_force.current().policies[0].promotions[0].gates
    assert gates[0].parameters == {"roc_auc": {"at_least": 0.90}}
    assert not in_force.reading().problems


WORKER = """\
import multiprocessing, pathlib, tempfile
from hotpass.guard.in_force import PoliciesInForce

def serve():
    global in_force
    in_force = PoliciesInForce()
    print(len(list(pathlib.Path(tempfile.gettempdir()).glob("hotpass-revision-*"))))

if __name__ == "__main__":
    worker = multiprocessing.get_context("fork").Process(target=serve)
    worker.start()
    worker.join()
"""


def test_a_worker_of_a_guard_leaves_no_copy(
    request_: Repo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "copies").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "copies"))
    monkeypatch.setenv("HOTPASS_POLICIES_FROM", "origin/main")
    file = request_.write("worker.py", WORKER)
    ran = subprocess.run([sys.executable, str(file)], capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("1\n", "")
    assert list((tmp_path / "copies").glob("hotpass-revision-*")) == []


def test_serve_tells_its_workers_the_commit(request_: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    from hotpass.guard.serving import Serving

    (request_.root / "rules" / "leads.yaml").unlink()
    serving = Serving(
        policies=None, plugins=None, backend_store_uri="sqlite:///x.db", registry_store_uri=None,
        host="127.0.0.1", port=5000, workers=1, auth=False, observe=False, key_file=None,
        policies_from="origin/main",
    )  # fmt: skip
    told = serving.environment()
    assert told["HOTPASS_POLICIES_FROM"] == request_.git("rev-parse", "origin/main")
    assert told["HOTPASS_POLICIES"] == str(request_.root / "rules")
    for name in ("HOTPASS_POLICIES_FROM", "HOTPASS_POLICIES", "HOTPASS_PLUGINS"):
        monkeypatch.setenv(name, told[name])
    assert PoliciesInForce().current().policies[0].name == "leads"


def test_lint_counts_what_is_shared_and_names_it(hotpass: Hotpass, request_: Repo) -> None:
    text = "policy: base\nshared: true\npromotions:\n  - {to: Staging, gates: [signature]}\n"
    request_.write("rules/base.yaml", text)
    entry = "extends:\n  - {folder: ., path: base.yaml}\npromotions:\n"
    request_.write("rules/leads.yaml", POLICY.replace("promotions:\n", entry))
    ran = hotpass("policy", "lint")
    assert (ran.code, ran.out) == (
        0,
        "rules/leads.yaml: ok: policy leads, 1 promotion, 3 gates, extends base\n"
        "rules/base.yaml: ok: shared policy base, 1 promotion, 1 gate\n",
    )
    told = hotpass("policy", "lint", "--json").json
    assert [policy["name"] for policy in told["shared"]] == ["base"]
    [policy] = told["policies"]
    assert [ref["path"] for ref in policy["extends"]] == ["rules/base.yaml"]
    assert hotpass("check", MODEL, 1, "--to", "Staging").out.count("[rules/base.yaml:4:") == 1


def test_no_copy_is_left(hotpass: Hotpass, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "copies").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "copies"))
    option = ("--policies-from", "origin/main")
    hotpass("check", MODEL, 1, "--to", "Staging", *option)
    hotpass("check", MODEL, 1, "--to", "Stagging", *option)
    hotpass("check", MODEL, 7, "--to", "Staging", *option)
    hotpass("check", MODEL, 1, "--to", "Staging", *option, "--registry-uri", "sqlite:///nowhere/x.db")
    hotpass("policy", "lint", *option)
    hotpass("scan", *option)
    assert list((tmp_path / "copies").glob("hotpass-revision-*")) == []
