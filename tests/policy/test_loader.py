"""Files and folders of policies."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

import hotpass
from hotpass.errors import PluginError, PolicyError
from hotpass.policy.compose import MAX_BYTES
from hotpass.policy.loader import load_policies

POLICY = """\
policy: {name}
models: ["*"]
promotions:
  - to: Staging
    gates: [signature]
"""


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "rules").mkdir()


def write(path: str, name: str | None = None) -> Path:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(POLICY.format(name=name or file.name.split(".")[0]))
    return file


def names(place: object = "rules") -> list[str]:
    return [policy.name for policy in load_policies(place).policies]  # type: ignore[arg-type]


def problems(place: object = "rules") -> list[str]:
    with pytest.raises(PolicyError) as caught:
        load_policies(place)  # type: ignore[arg-type]
    return [f"{p.path}: {p.message}" for p in caught.value.problems]


def test_nothing_is_configured() -> None:
    write("policies/a.yaml")
    found = load_policies()
    assert found.policies == ()
    assert not found.configured
    assert load_policies(cli=True).configured


def test_a_file_and_its_digest() -> None:
    file = write("rules/a.yaml")
    found = hotpass.load_policies(file)
    (policy,) = found.policies
    assert found.configured
    assert found.source == "the call"
    assert policy.path == "rules/a.yaml"
    assert policy.digest == hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_folder_with_all_below_it_in_order() -> None:
    for path in [
        "rules/b.yml",
        "rules/a.yaml",
        "rules/UPPER.YAML",
        "rules/team/c.yaml",
        "rules/team/deep/d.yaml",
    ]:
        write(path)
    assert names() == ["UPPER", "a", "b", "c", "d"]


def test_what_is_not_a_policy_is_left_out() -> None:
    write("rules/a.yaml")
    for path in [
        "a.cases.yaml", "b.cases.yml", ".hidden.yaml", ".git/x.yaml",
        "notes.txt", "policy.schema.json",
    ]:  # fmt: skip
        write(f"rules/{path}")
    assert names() == ["a"]


def test_several_places_and_a_file_named_twice() -> None:
    write("rules/a.yaml")
    write("more/b.yaml")
    assert names(["rules", "more", "rules/a.yaml", "./rules"]) == ["a", "b"]


def test_linked_files_and_folders_are_followed_once() -> None:
    write("elsewhere/a.yaml")
    os.symlink(Path("elsewhere").absolute(), "rules/linked")
    os.symlink(Path("rules").absolute(), "rules/circle")
    os.symlink(Path("elsewhere/a.yaml").absolute(), "rules/again.yaml")
    assert names() == ["a"]


def test_a_broken_link_is_an_error() -> None:
    write("rules/a.yaml")
    os.symlink("nowhere", "rules/b.yaml")
    os.symlink("nowhere", "gone")
    assert problems() == ["rules/b.yaml: a link to nothing"]
    assert problems("gone") == ["gone: a link to nothing"]


def test_a_circle_of_links_is_an_error() -> None:
    write("rules/a.yaml")
    os.symlink("round.yaml", "rules/round.yaml")
    assert problems() == ["rules/round.yaml: it cannot be opened: Too many levels of symbolic links"]
    assert problems("rules/round.yaml") == [
        "rules/round.yaml: it cannot be opened: Too many levels of symbolic links"
    ]


def test_a_missing_place_is_an_error() -> None:
    write("rules/a.yaml")
    assert problems(["rules", "ruels"]) == ["ruels: it does not exist"]


def test_an_empty_folder_is_an_error() -> None:
    write("rules/a.cases.yaml")
    assert problems() == ["rules: the folder holds no policy file (*.yaml or *.yml)"]


def test_one_empty_folder_of_several_is_an_error() -> None:
    write("more/b.yaml")
    empty = "rules: the folder holds no policy file (*.yaml or *.yml)"
    assert problems(["rules", "more"]) == [empty]
    assert problems(["gone", "rules", "more"]) == ["gone: it does not exist", empty]


def test_one_name_in_two_files_is_an_error() -> None:
    write("rules/a.yaml", "same")
    write("rules/b.yaml", "same")
    with pytest.raises(PolicyError) as caught:
        load_policies("rules")
    (problem,) = caught.value.problems
    assert str(problem).splitlines()[0] == "rules/b.yaml:1:9: the policy 'same' is also in rules/a.yaml"


def test_the_problems_of_all_files_come_at_once_in_order() -> None:
    for name in "abc":
        Path(f"rules/{name}.yaml").write_text("policy: 1\nmodels: 2\npromotions: 3\n")
    write("rules/good.yaml")
    with pytest.raises(PolicyError) as caught:
        load_policies("rules")
    places = [(p.path, p.line) for p in caught.value.problems]
    assert places == [(f"rules/{name}.yaml", line) for name in "abc" for line in (1, 2, 3)]


def test_many_problems_of_one_file_are_counted() -> None:
    Path("rules/a.yaml").write_text("".join(f"unknown{n}: x\n" for n in range(200)))
    with pytest.raises(PolicyError) as caught:
        load_policies("rules")
    assert len(caught.value.problems) == 51
    assert caught.value.problems[-1].message == "and 153 more problems"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_is_an_error_and_not_waited_for() -> None:
    os.mkfifo("rules/pipe.yaml")
    assert problems() == ["rules/pipe.yaml: it is not a regular file"]
    assert problems("rules/pipe.yaml") == ["rules/pipe.yaml: it is not a regular file"]


def test_a_huge_file_is_not_read_whole() -> None:
    with open("rules/huge.yaml", "wb") as stream:
        stream.truncate(10 * 1024**3)  # sparse: it takes no room
    assert problems() == [f"rules/huge.yaml: the file is larger than {MAX_BYTES // 1024} KiB"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_an_error() -> None:
    write("rules/a.yaml").chmod(0)
    assert problems() == ["rules/a.yaml: it cannot be read: Permission denied"]


def test_a_file_where_a_folder_should_be_is_an_error() -> None:
    write("rules/a.yaml")
    assert problems("rules/a.yaml/b.yaml") == ["rules/a.yaml/b.yaml: it cannot be opened: Not a directory"]


def test_too_many_files_are_an_error() -> None:
    for number in range(1_001):
        Path(f"rules/{number}.yaml").touch()
    assert "rules: it holds more than 1,000 policy files" in problems()


def test_gates_from_a_plugin_folder() -> None:
    gates = Path("gates")
    gates.mkdir()
    (gates / "rows.py").write_text(
        "import hotpass\n"
        "class Rows(hotpass.Gate):\n"
        "    '''Enough rows.'''\n"
        "    name = 'rows'\n"
        "    schema = {'type': 'object'}\n"
        "    def evaluate(self, candidate, now):\n"
        "        return hotpass.failed('never')\n"
        "@hotpass.hookimpl\n"
        "def hotpass_gates():\n"
        "    return [Rows]\n"
    )
    Path("rules/a.yaml").write_text(POLICY.format(name="a").replace("signature", "rows"))
    assert problems() == ["rules/a.yaml: unknown gate 'rows'"]
    (policy,) = load_policies("rules", plugins=[gates]).policies
    assert policy.promotions[0].gates[0].gate_name == "rows"


def test_a_broken_plugin_is_an_error_though_no_policy_names_its_gate() -> None:
    write("rules/a.yaml")
    Path("gates").mkdir()
    Path("gates/broken.py").write_text("raise RuntimeError('no')\n")
    with pytest.raises(PluginError, match="broken"):
        load_policies("rules", plugins="gates")


def test_a_file_with_cases_is_no_policy(tmp_path: Path) -> None:
    (tmp_path / "leads.cases.yaml").write_text("cases: []")
    with pytest.raises(PolicyError, match="it holds the cases of a policy, and no policy"):
        load_policies(tmp_path / "leads.cases.yaml")
