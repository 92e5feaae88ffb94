"""What is imported when, and what the repository holds: rules that no import contract can state."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("matplotlib", "mlflow", "numpy", "pandas", "pyarrow", "scipy", "skops", "sklearn")

POLICY = """\
policy: lead-scoring
models: ["lead_scoring_*"]
promotions:
  - to: Production
    from: Staging
    gates:
      - metric_threshold:
          roc_auc: {at_least: 0.75}
      - staging_dwell: {at_least: 24h}
      - signature
"""


def heavy_after(code: str, cwd: Path) -> tuple[list[str], str]:
    """The heavy libraries that a new process has loaded after running `code`, and what it wrote."""
    report = f"import sys; print('loaded', sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    *said, last = done.stdout.splitlines()
    assert last.startswith("loaded ")
    return ast.literal_eval(last.removeprefix("loaded ")), "\n".join(said)


def cli(*arguments: str) -> str:
    """Code that runs the command line, expects exit code 0, and goes on."""
    return f"from hotpass.cli.app import main\nassert main({list(arguments)!r}) == 0"


def test_a_heavy_library_would_be_noticed(tmp_path):
    assert "numpy" in heavy_after("import numpy", tmp_path)[0]


@pytest.mark.parametrize(
    "code",
    [
        "import hotpass",
        "import hotpass.engine, hotpass.policy.loader, hotpass.plugins, hotpass.ledger.record",
        "import hotpass.testing",
        "from hotpass.plugins import create_manager, gate_classes; gate_classes(create_manager())",
    ],
)
def test_light_imports(code, tmp_path):
    assert heavy_after(code, tmp_path)[0] == []


def test_linting_a_policy_stays_light(tmp_path):
    (tmp_path / "lead.yaml").write_text(POLICY)
    loaded, said = heavy_after(cli("policy", "lint", "lead.yaml"), tmp_path)
    assert loaded == []
    assert "lead.yaml" in said


def test_every_public_name_exists():
    import hotpass

    assert [name for name in hotpass.__all__ if not hasattr(hotpass, name)] == []


@pytest.mark.parametrize(
    "file", sorted((ROOT / "plugins").rglob("*.py")), ids=lambda file: str(file.relative_to(ROOT))
)
def test_default_plugins_use_no_private_names(file):
    private = []
    hotpass_modules = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "hotpass":
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            private += [f"line {node.lineno}: {name}" for name in names if name.startswith("_")]
            hotpass_modules |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            hotpass_modules |= {
                a.asname or "hotpass" for a in node.names if a.name.split(".")[0] == "hotpass"
            }
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Attribute) and re.match(r"_[^_]", node.attr):
            base = node.value
            while isinstance(base, ast.Attribute):
                base = base.value
            if isinstance(base, ast.Name) and base.id in hotpass_modules:
                private.append(f"line {node.lineno}: {node.attr}")
    assert private == []


def tracked_files() -> list[str]:
    """The files that git tracks, relative to the repository."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in done.stdout.split("\0") if name]


def test_the_top_level_is_exactly_what_the_design_says():
    top = {name.split("/")[0] for name in tracked_files()}
    assert {name for name in top if not name.startswith(".")} == {
        "README.md",
        "plugins",
        "policies",
        "pyproject.toml",
        "src",
        "tests",
    }
    assert {name for name in top if name.startswith(".")} == {".ci", ".gitignore", ".pre-commit-hooks.yaml"}


def test_no_file_says_where_packages_come_from():
    # Written in parts, or this file would be one that does.
    hosts = [
        "pypi" + ".org",
        "python" + "hosted.org",
        "pypi." + "python.org",
        "ana" + "conda.org",
        "conda-" + "forge",
    ]
    options = [
        "index" + "-url",
        "extra-" + "index",
        "find" + "-links",
        "PIP_" + "INDEX",
        "UV_" + "INDEX",
        "tool.uv." + "index",
    ]
    pattern = re.compile("|".join(map(re.escape, hosts + options)), re.IGNORECASE)
    named = {}
    for name in tracked_files():
        path = ROOT / name
        text = path.read_bytes().decode(errors="replace") if path.is_file() else ""
        if found := pattern.search(text):
            named[name] = found.group()
    assert named == {}
