"""`hotpass policy` and `hotpass plugins`, as processes: exit codes, streams, and what they load."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOTPASS = Path(sys.executable).with_name("hotpass")

GOOD = """\
policy: good
models: ["*"]
promotions:
  - to: Production
    gates: [signature]
"""
BAD = "policy: bad\nmodels: []\npromotion:\n  - to: Staging\n    gates: [signatur]\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text("")
    return tmp_path


def hotpass(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HOTPASS, *words],
        capture_output=True,
        text=True,
        env={**os.environ, **variables},
        timeout=60,
        check=False,
    )


def write(path: str, text: str) -> None:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_lint_says_what_is_right_and_warns() -> None:
    write("policies/good.yaml", GOOD)
    done = hotpass("policy", "lint")
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "policies/good.yaml: ok: policy good, 1 promotion, 1 gate",
        "policies/good.yaml:4:5: warning: this lets a version into Production from any stage, Archived too",
        "    Add `from: Staging`.",
    ]


def test_lint_says_everything_that_is_wrong_in_all_files_at_once() -> None:
    write("policies/a.yaml", BAD)
    write("policies/b.yaml", BAD.replace("bad", "worse"))
    write("policies/good.yaml", GOOD)
    done = hotpass("policy", "lint", "policies")
    assert done.returncode == 2
    assert "policies/good.yaml: ok" in done.stdout
    places = [line.split(" ")[0] for line in done.stderr.splitlines() if not line.startswith(" ")]
    assert places == [f"policies/{n}.yaml:{p}:" for n in "ab" for p in ("2:9", "3:1", "5:13")] + ["6"]
    assert done.stderr.splitlines()[-1] == "6 problems found"


@pytest.mark.parametrize("extra", [(), ("--plugins", "gates")])
def test_lint_is_the_same_with_and_without_typer(extra: tuple[str, ...]) -> None:
    write("gates/empty.py", "")
    write("a.yaml", BAD)
    done = hotpass("policy", "lint", *extra, "a.yaml")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("a.yaml:2:9: 'models' must be a list of texts, and this is an empty list\n")


def test_lint_as_json() -> None:
    write("a.yaml", BAD)
    write("good.yaml", GOOD)
    done = hotpass("policy", "lint", "--json", "a.yaml", "good.yaml")
    assert done.returncode == 2
    found = json.loads(done.stdout)
    assert found["ok"] is False
    assert [policy["name"] for policy in found["policies"]] == ["good"]
    assert found["policies"][0]["promotions"] == [{"to": "Production", "from": None, "gates": ["signature"]}]
    assert found["problems"][0] == {
        "path": "a.yaml",
        "line": 2,
        "column": 9,
        "rule": "wrong-type",
        "message": "'models' must be a list of texts, and this is an empty list",
        "remedy": 'For example: models: ["lead_scoring_*"]',
    }
    assert found["error"]["type"] == "PolicyError"
    assert found["error"]["problems"] == found["problems"]
    assert [warning["line"] for warning in found["warnings"]] == [4]
    right = json.loads(hotpass("policy", "lint", "good.yaml", "--json").stdout)
    assert right["ok"] is True
    assert "error" not in right


@pytest.mark.parametrize("words", [(), ("nowhere",), ("--json", "nowhere"), ("--", "-x.yaml")])
def test_lint_of_nothing_is_an_error(words: tuple[str, ...]) -> None:
    done = hotpass("policy", "lint", *words)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("policy", "lint", ""),
        ("policy", "lint", "--plugins", ""),
        ("policy", "schema", "--write", "--policies", ""),
        ("plugins", "list", "--plugins", " "),
    ],
)
def test_an_empty_place_is_an_error_and_not_the_working_directory(words: tuple[str, ...]) -> None:
    write("policies/good.yaml", GOOD)
    done = hotpass(*words)
    assert done.returncode == 2
    assert "it names an empty place" in done.stderr


def test_an_error_before_reading_is_json_too() -> None:
    done = hotpass("policy", "lint", "--json", HOTPASS_POLICIES="")
    assert done.returncode == 2
    error = json.loads(done.stdout)["error"]
    assert error["type"] == "PolicyError"
    assert error["problems"][0]["path"] == "HOTPASS_POLICIES"
    assert "HOTPASS_POLICIES: it names an empty place" in done.stderr


def test_a_broken_plugin_is_an_error() -> None:
    write("good.yaml", GOOD)
    write("gates/broken.py", "1 / 0\n")
    done = hotpass("policy", "lint", "good.yaml", HOTPASS_PLUGINS="gates")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("Error: plugin gates/broken.py failed to load: ZeroDivisionError")


def test_a_file_name_that_is_no_text_is_shown_escaped() -> None:
    with open(b"bad-\xff.yaml", "w") as stream:
        stream.write(BAD)
    done = subprocess.run(
        [HOTPASS, "policy", "lint", b"bad-\xff.yaml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("bad-\\udcff.yaml:2:9:")


def test_lint_loads_neither_mlflow_nor_typer_nor_rich() -> None:
    write("good.yaml", GOOD)
    code = (
        "import sys; from hotpass.cli.app import main; code = main(['policy', 'lint', 'good.yaml']);"
        "print(code, sorted({'mlflow', 'sklearn', 'pandas', 'numpy', 'typer', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"


def test_the_schema_is_printed_as_committed() -> None:
    done = hotpass("policy", "schema")
    assert done.returncode == 0
    assert done.stdout == (ROOT / "policies" / "policy.schema.json").read_text()


def test_schema_and_reference_are_written_beside_the_policies() -> None:
    write("rules/good.yaml", GOOD)
    write("gates/rows.py", (
        "import hotpass\n"
        "class Rows(hotpass.Gate):\n"
        "    '''Enough rows stood behind the evaluation.'''\n"
        "    name = 'rows'\n"
        "    schema = {'type': 'integer'}\n"
        "    def evaluate(self, candidate, now): return hotpass.failed('never')\n"
        "@hotpass.hookimpl\n"
        "def hotpass_gates(): return [Rows]\n"
    ))  # fmt: skip
    for command in ("schema", "reference"):
        done = hotpass("policy", command, "--write", "--policies", "rules/good.yaml", "--plugins", "gates")
        assert done.returncode == 0, done.stderr
    assert "gate_rows" in json.loads(Path("rules/policy.schema.json").read_text())["$defs"]
    assert "Enough rows stood behind the evaluation." in Path("rules/README.md").read_text()
    assert hotpass("policy", "reference", "--write", "--policies", "rules").returncode == 0
    assert "## rows" not in Path("rules/README.md").read_text()


def test_a_readme_written_by_hand_is_left_alone() -> None:
    write("rules/README.md", "Ours.\n")
    done = hotpass("policy", "reference", "--write", "--policies", "rules")
    assert done.returncode == 2
    assert "rules/README.md was not written by this command" in done.stderr
    assert Path("rules/README.md").read_text() == "Ours.\n"


def test_a_folder_that_does_not_exist_is_not_made() -> None:
    done = hotpass("policy", "schema", "--write", "--policies", "rulse")
    assert done.returncode == 2
    assert "No such file or directory" in done.stderr
    assert not Path("rulse").exists()


def test_the_plugins_are_listed() -> None:
    write("gates/shop.py", "import hotpass\n@hotpass.hookimpl\ndef hotpass_veto(candidate): return None\n")
    found = json.loads(hotpass("plugins", "list", "--json", "--plugins", "gates").stdout)["plugins"]
    by_name = {plugin["name"]: plugin for plugin in found}
    assert by_name["gates"]["from"].startswith("hotpass ")
    assert by_name["gates"]["hooks"] == ["hotpass_gates"]
    assert "metric_threshold" in by_name["gates"]["gates"]
    shop = by_name["gates/shop.py"]
    assert (shop["hooks"], shop["gates"]) == (["hotpass_veto"], [])
    assert shop["from"].endswith("gates/shop.py")
    table = hotpass("plugins", "list", "--plugins", "gates")
    assert table.returncode == 0
    assert "gates/shop.py" in table.stdout
    assert "\x1b" not in table.stdout
