"""Where policies and plugin folders are looked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hotpass.errors import PolicyError
from hotpass.policy.discovery import nearest_pyproject, plugin_folders, policy_places, shown


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text("")


def pyproject(text: str, folder: Path = Path()) -> None:
    (folder / "pyproject.toml").write_text(text)


def test_nobody_names_a_place() -> None:
    places = policy_places()
    assert places.paths == ()
    assert not places.configured
    assert plugin_folders() == ()


def test_the_argument_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTPASS_POLICIES", "environment")
    pyproject('[tool.hotpass]\npolicies = "toml"\n')
    assert policy_places("argument").paths == (Path("argument"),)
    assert policy_places(Path("argument")).paths == (Path("argument"),)
    assert policy_places(["one", Path("two")]).paths == (Path("one"), Path("two"))
    assert policy_places("argument").source == "the call"


def test_the_environment_comes_before_pyproject(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTPASS_POLICIES", os.pathsep.join(["one", "two"]))
    monkeypatch.setenv("HOTPASS_PLUGINS", "gates")
    pyproject('[tool.hotpass]\npolicies = "toml"\nplugins = "toml"\n')
    assert policy_places().paths == (Path("one"), Path("two"))
    assert policy_places().source == "HOTPASS_POLICIES"
    assert plugin_folders() == (Path("gates"),)


@pytest.mark.parametrize("value", ['"rules"', '["rules"]'])
def test_pyproject_is_relative_to_itself(value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pyproject(f"[tool.hotpass]\npolicies = {value}\nplugins = {value}\n")
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert policy_places().paths == (tmp_path / "rules",)
    assert policy_places().configured
    assert plugin_folders() == (tmp_path / "rules",)


def test_only_the_nearest_pyproject_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pyproject('[tool.hotpass]\npolicies = "rules"\n')
    below = tmp_path / "below"
    below.mkdir()
    pyproject("[tool.other]\n", below)
    monkeypatch.chdir(below)
    assert nearest_pyproject() == below / "pyproject.toml"
    assert not policy_places().configured


def test_an_empty_list_of_plugins_is_no_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTPASS_PLUGINS", "gates")
    assert plugin_folders(()) == (Path("gates"),)
    assert plugin_folders(["mine"]) == (Path("mine"),)


def test_only_the_command_line_looks_beside_itself(tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    assert not policy_places().configured
    assert policy_places(cli=True).paths == (Path("policies"),)
    assert policy_places(cli=True).source == "./policies"


def test_the_command_line_prefers_what_is_named(tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    pyproject('[tool.hotpass]\npolicies = "rules"\n')
    assert policy_places(cli=True).paths == (tmp_path / "rules",)


@pytest.mark.parametrize("value", ["", "  ", os.pathsep, f"one{os.pathsep}"])
def test_an_empty_variable_is_an_error_and_not_a_reason_to_look_further(
    value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "policies").mkdir()
    monkeypatch.setenv("HOTPASS_POLICIES", value)
    with pytest.raises(
        PolicyError, match=r"HOTPASS_POLICIES: it names an empty place\n +Unset HOTPASS_POLICIES"
    ):
        policy_places(cli=True)


@pytest.mark.parametrize("argument", ["", " ", [], ["one", ""], "a\0b"])
def test_an_empty_argument_is_an_error(argument: str | list[str]) -> None:
    with pytest.raises(PolicyError, match="the call: it names a"):
        policy_places(argument)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.hotpass\n", "pyproject.toml: it cannot be read"),
        ("[tool]\nhotpass = 1\n", "[tool.hotpass] is not a table"),
        ("[tool.hotpass]\npolicies = 7\n", "[tool.hotpass] policies is neither a text nor a list of texts"),
        ("[tool.hotpass]\npolicies = ['a', 7]\n", "[tool.hotpass] policies is neither a text nor a list"),
        (
            "[tool.hotpass]\npolicies = []\n",
            "[tool.hotpass] policies in pyproject.toml: it names an empty place",
        ),
        (
            "[tool.hotpass]\npolicies = ''\n",
            "[tool.hotpass] policies in pyproject.toml: it names an empty place",
        ),
        ("[tool.hotpass]\npolices = 'a'\n", "unknown key 'polices'\n    Did you mean 'policies'?"),
        ("[tool.hotpass]\nx = 'a'\ny = 'b'\n", "unknown key 'y'\n    It may hold policies and plugins."),
    ],
)
def test_a_wrong_pyproject_is_an_error(text: str, message: str) -> None:
    pyproject(text)
    with pytest.raises(PolicyError) as caught:
        policy_places()
    assert message in str(caught.value)
    with pytest.raises(PolicyError):
        policy_places(cli=True)


def test_a_pyproject_that_is_not_utf8_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(PolicyError, match="it cannot be read"):
        policy_places()


def test_a_home_that_nobody_has_is_an_error() -> None:
    with pytest.raises(PolicyError, match="the call: "):
        policy_places("~nobody-by-this-name/policies")


def test_a_working_directory_that_is_gone_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(PolicyError, match=r"pyproject\.toml: it cannot be looked for"):
        policy_places()


def test_paths_are_shown_from_the_working_directory(tmp_path: Path) -> None:
    assert shown(tmp_path / "a" / "b.yaml") == os.path.join("a", "b.yaml")
    assert shown(Path("a.yaml")) == "a.yaml"
    assert shown(Path("/somewhere/else.yaml")) == "/somewhere/else.yaml"
