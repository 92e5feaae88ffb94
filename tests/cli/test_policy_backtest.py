"""`hotpass policy backtest` and `hotpass policy diff` on the command line, in a real git repository."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from hotpass.cli.backtest_text import ROWS
from support.commands import Hotpass
from support.large_registry import POLICY, Size, fill, write_policy
from support.stores import Store

SIZE = Size(3, 40, 4)


def git(*words: str) -> None:
    who = ("-c", "user.name=ana", "-c", "user.email=ana@example.org")
    subprocess.run(["git", *who, *words], check=True, capture_output=True)


@pytest.fixture
def changed(sqlite_store: Store, tmp_path: Path) -> Path:
    """The working directory is a repository with a registry beside it; its policy is stricter and quicker
    than what was committed, by which all decisions were made.
    """
    fill(sqlite_store.uri, tmp_path, SIZE)
    place = write_policy(tmp_path)
    git("init", "-q", "-b", "main")
    git("add", "policies")
    git("commit", "-q", "-m", "one")
    text = POLICY.replace("at_least: 0.75", "at_least: 0.80").replace(
        "staging_dwell: 24h", "staging_dwell: 1h"
    )
    (place / "large.yaml").write_text(text)
    return place


def test_text_json_and_markdown_say_the_same(hotpass: Hotpass, changed: Path) -> None:
    said = hotpass("policy", "backtest", "--json").json
    changes = {(one["of"], one["before"], one["now"]): one["count"] for one in said["changes"]}
    assert set(changes) == {("decision", "pending", "allowed"), ("decision", "allowed", "denied")}
    moved = [case for case in said["cases"] if case["changed"]]
    assert len(moved) == sum(changes.values())
    assert all(case["now"]["stopped_by"] or case["now"]["outcome"] == "allowed" for case in moved)
    assert said["judged"]["decisions"] + said["judged"]["versions"] == len(said["cases"])
    ran = hotpass("policy", "backtest")
    assert ran.code == 0
    assert f"{len(moved)} would go another way" in ran.out
    for (_, before, now), count in changes.items():
        assert re.search(rf"^  {count} decisions?: {before} -> {now}$", ran.out, re.MULTILINE)
    assert "Each is judged by itself" in ran.out
    markdown = hotpass("policy", "backtest", "--format", "markdown").out
    assert markdown.startswith(f"### hotpass policy backtest: {len(moved)} of")
    assert markdown.count("| `large_00") == len(moved)


def test_against_a_revision_both_are_shown(hotpass: Hotpass, changed: Path) -> None:
    said = hotpass("policy", "backtest", "--against", "main", "--json").json
    assert "main (commit " in said["against"]
    by = {(one["of"], one["by"]): one["allowed"] for one in said["outcomes"]}
    assert by["decision", "base"] == by["decision", "then"] != by["decision", "now"]
    assert {gate["name"]: gate["alone_before"] for gate in said["gates"]}["staging_dwell"] > 0
    ran = hotpass("policy", "backtest", "--against", "main")
    assert "decisions, by main" in ran.out
    assert "alone before" in ran.out
    # The other way round: what is committed, against what is committed, changes nothing.
    same = hotpass("policy", "backtest", "--policies-from", "main", "--against", "main")
    assert "Nothing would go another way." in same.out


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--since", "soon"), "--since: 'soon' is not a duration"),
        (("--since", "2999-01-01"), "--since: 2999-01-01 is in the future"),
        (("--since", ""), "--since: '' is not a duration"),
        (("--against", "nowhere"), "nowhere"),
        (("--against", ""), "revision"),
        (("--against", "--help"), "--help"),
        (("--model", "nobody"), "neither the registry nor the ledger knows a model 'nobody'"),
        (("--model", " "), "the name of the model is empty"),
        (("--policies", "elsewhere"), "elsewhere"),
        (("--json", "--format", "markdown"), "contradict each other"),
        (("--registry-uri", ""), "--registry-uri is empty"),
        (("--registry-uri", "sqlite:///other.db"), "there is no MLflow database"),
        (("--registry-uri", "http://127.0.0.1:9"), "cannot connect"),
    ],
)
def test_mistakes_in_the_call(hotpass: Hotpass, changed: Path, words: tuple[str, ...], problem: str) -> None:
    ran = hotpass("policy", "backtest", *words)
    assert ran.code in (2, 4)
    assert problem in ran.err + ran.out
    assert "Traceback" not in ran.err


def test_long_lists_are_cut_and_json_has_all(hotpass: Hotpass, changed: Path) -> None:
    (changed / "large.yaml").write_text(POLICY.replace("at_least: 0.70", "at_least: 0.99"))
    ran = hotpass("policy", "backtest", "--against", "main")
    said = hotpass("policy", "backtest", "--against", "main", "--json").json
    moved = sum(case["changed"] for case in said["cases"])
    assert moved > ROWS
    assert f"and {moved - ROWS} more; --json has all" in ran.out
    assert len(re.findall(r"^ large_00\d \d+ +None -> Staging", ran.out, re.MULTILINE)) == ROWS
    markdown = hotpass("policy", "backtest", "--against", "main", "--format", "markdown").out
    assert f"… and {moved - ROWS:,} more" in markdown


def test_text_from_elsewhere_is_shown_safely(hotpass: Hotpass, changed: Path) -> None:
    named = "- required_tags: {nobody: present}\n        name: '[red]x | <b> @ops'"
    (changed / "large.yaml").write_text(POLICY.replace("- lineage", named))
    ran = hotpass("policy", "backtest")
    assert "[red]x | <b> @ops failed: " in ran.out
    for command in (("backtest",), ("diff", "main")):
        markdown = hotpass("policy", *command, "--format", "markdown").out
        rows = [row for row in markdown.splitlines() if row.startswith("| ")]
        widths = {row.replace("\\|", "").count("|") for row in rows}
        assert widths <= {4, 5, 6, 8}  # the tables' own
        outside = "".join(markdown.split("`")[::2])
        assert "<b>" not in outside.replace("\\<b", "")
        assert "@ops" not in outside


def test_diff_with_its_effect(hotpass: Hotpass, changed: Path) -> None:
    ran = hotpass("policy", "diff", "main")
    assert ran.code == 0
    assert ran.out.startswith("### hotpass policy diff: 2 changes, 1 stricter, 1 looser\n")
    assert "`roc_auc.at_least`: `0.75` → `0.8` " in ran.out.replace("<br>", " ")
    assert "#### Effect: " in ran.out
    assert "decisions, by main" in ran.out
    said = hotpass("policy", "diff", "main", "--json").json
    assert [(one["name"], one["effect"]) for one in said["differences"]] == [
        ("metric_threshold", "stricter"),
        ("staging_dwell", "looser"),
    ]
    moved = [case for case in said["backtest"]["cases"] if case["changed"]]
    assert f"Effect: {len(moved)} of " in ran.out
    text = hotpass("policy", "diff", "main", "--format", "text").out
    assert "staging_dwell: 24h -> 1h" in text
    assert "metric_threshold changed (stricter)  policies/large.yaml:13:9" in text


def test_diff_between_two_revisions(hotpass: Hotpass, changed: Path) -> None:
    git("commit", "-q", "-a", "-m", "two")
    assert "nothing that the policies ask for" in hotpass("policy", "diff", "main").out
    ran = hotpass("policy", "diff", "main~1..main", "--no-backtest")
    assert "2 changes" in ran.out
    assert "(--no-backtest)" in ran.out.replace("\\", "")
    back = hotpass("policy", "diff", "main..main~1", "--no-backtest", "--json").json
    assert [one["effect"] for one in back["differences"]] == ["looser", "stricter"]


def test_the_first_policies_of_a_repository(hotpass: Hotpass, changed: Path) -> None:
    """A pull request that brings the first policies, and one that takes the last away."""
    git("rm", "-q", "-r", "--cached", "policies")
    git("commit", "-q", "-m", "none")
    said = hotpass("policy", "diff", "main", "--json").json
    assert [(one["name"], one["kind"], one["effect"]) for one in said["differences"]] == [
        ("policy", "added", "stricter")
    ]
    assert said["before"] == "no policy of main"
    # Without a policy the built-in rule applies, which asks for no metric.
    moves = {(one["before"], one["now"]) for one in said["backtest"]["changes"]}
    assert ("allowed", "denied") in moves
    (changed / "large.yaml").unlink()
    changed.rmdir()
    gone = hotpass("policy", "diff", "main")
    assert gone.code == 2
    assert "there are no policies to compare" in gone.err
    gone = hotpass("policy", "diff", "main~1", "--no-backtest")
    assert (gone.code, "**removed**" in gone.out) == (0, True)


def test_diff_without_registry_says_so(
    hotpass: Hotpass, changed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    monkeypatch.delenv("MLFLOW_REGISTRY_URI")
    ran = hotpass("policy", "diff", "main")
    assert ran.code == 0
    assert "no registry is named" in ran.out
    gone = hotpass("policy", "diff", "main", "--registry-uri", "http://127.0.0.1:9")
    assert gone.code == 4
    assert "2 changes" in gone.out
    assert "is not known: cannot connect" in gone.out.replace("\\", "")


@pytest.mark.parametrize(
    ("revision", "problem"),
    [("nowhere", "nowhere"), ("", "neither REV nor"), ("main..", "neither REV nor"),
     ("main...HEAD", "neither"),
     ("--output=x", "--output")],
)  # fmt: skip
def test_mistakes_in_a_diff(hotpass: Hotpass, changed: Path, revision: str, problem: str) -> None:
    ran = hotpass("policy", "diff", revision)
    assert ran.code == 2
    assert problem in ran.err + ran.out
    assert not Path("x").exists()


def test_a_broken_policy_of_the_revision_is_one_clear_error(hotpass: Hotpass, changed: Path) -> None:
    (changed / "large.yaml").write_text('policy: large\nmodels: ["*"]\npromotion: []\n')
    git("commit", "-q", "-a", "-m", "broken")
    (changed / "large.yaml").write_text(POLICY)
    ran = hotpass("policy", "diff", "main", "--json")
    assert ran.code == 2
    [problem] = [one for one in json.loads(ran.out)["error"]["problems"] if "unknown key" in one["message"]]
    assert "large.yaml" in problem["path"]


def test_gates_of_both_plugin_folders_at_once(
    hotpass: Hotpass, changed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The revision's gate judges by the revision's code, and that on disk by its own."""
    gate = (
        "from hotpass import Gate, failed, hookimpl, passed\n\n\n"
        "class Depth(Gate):\n    '''The trees are not too deep.'''\n\n    name = 'depth'\n"
        "    schema = {'type': 'object', 'additionalProperties': False}\n\n"
        "    def evaluate(self, candidate, now):\n"
        "        depth = int(candidate.param('max_depth') or 99)\n"
        "        return passed('flat') if depth <= LIMIT else failed(f'depth {depth} is over {LIMIT}')\n\n\n"
        "@hookimpl\ndef hotpass_gates():\n    return [Depth]\n"
    )
    folder = Path("gates")
    folder.mkdir()
    (folder / "depth.py").write_text(f"LIMIT = 20\n{gate}")
    monkeypatch.setenv("HOTPASS_PLUGINS", "gates")
    text = POLICY.replace("      - required_tags:", "      - depth\n      - required_tags:", 1)
    (changed / "large.yaml").write_text(text)
    git("add", ".")
    git("commit", "-q", "-m", "a gate")
    (folder / "depth.py").write_text(f"LIMIT = 3\n{gate}")
    said = hotpass("policy", "backtest", "--against", "main", "--json").json
    stops = {
        stop["message"]
        for case in said["cases"]
        for stop in case["now"]["stopped_by"]
        if stop["gate"] == "depth"
    }
    assert stops
    assert all(message.endswith("over 3") for message in stops)
    before = [stop for case in said["cases"] for stop in case["before"]["stopped_by"]]
    assert not [stop for stop in before if stop["gate"] == "depth"]
