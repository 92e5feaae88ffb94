"""What `lint`, `test`, `check` and `scan` tell, in every form, is what stands in tests/reports/expected.

To write all of it anew (and then read the diff): WRITE_EXPECTED=1 uv run pytest
tests/reports/test_expected.py
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from support.commands import Hotpass, Ran
from support.report_readers import commands, junit, markdown, sarif
from support.stores import Store
from support.versions import make_version

FOLDER = Path(__file__).parent / "expected"
SUFFIXES = {
    "text": "txt",
    "json": "json",
    "junit": "xml",
    "sarif": "sarif",
    "github": "github",
    "markdown": "md",
}
READERS: dict[str, Callable[[str], object]] = {
    "junit": junit, "sarif": sarif, "github": commands, "markdown": markdown,
}  # fmt: skip
MODEL = "lead_scoring"

POLICY = """\
policy: leads
models: ["lead_*"]
promotions:
  - to: Staging
    gates:
      - metric_threshold: {roc_auc: {at_least: 0.70}}
  - to: Production
    from: Staging
    gates:
      - metric_threshold: {roc_auc: {at_least: 0.75}, precision: {at_least: 0.60}}
        hint: Ask in the risk channel | or on the phone.
      - required_tags: {owner: present}
      - approvals: {at_least: 1, claimed: true}
      - signature
      - metric_threshold: {f1: {at_least: 0.5}}
        name: f1, some day
        enforcement: advisory
"""
BROKEN = """\
policy: broken
modles: ["lead_*"]
promotions:
  - to: Production
    gates:
      - signatur
      - metric_threshold: {roc_auc: {at_least: "0.7"}}
  - to: Prodution
    gates: signature
"""
CASES = """\
cases:
  - case: good enough
    to: Staging
    candidate: {metrics: {roc_auc: 0.8}}
    expect: {outcome: allowed}
  - case: a coin would do as well
    to: Staging
    candidate: {metrics: {roc_auc: 0.5}}
    expect: {outcome: allowed, verdicts: {metric_threshold: passed}}
"""
#: What is another value at every run.
CHANGING = (
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:\+00:00| UTC)?", "TIME"),
    (r"\b(?:[0-9a-f]{64})\b", "DIGEST"),
    (r'("(?:run|id|record)": )"m?-?[0-9a-f]{32}"', r'\1"ID"'),
    (r'("created_at": )\d+', r"\1MILLISECONDS"),
    (r'("version": )"\d+\.\d+\.\d+"(,?\n +"rules")', r'\1"VERSION"\2'),
    (r"\brecord [0-9a-f]{8}\b", "record ID"),
    (r"\bfiles [0-9a-f]{12}\b", "files DIGEST"),
    (r'time="\d+\.\d+"', 'time="SECONDS"'),
    (r"(\"seconds\": |; )\d[\d.e-]*( s|,|\n)", r"\1SECONDS\2"),
)  # fmt: skip


def pinned(name: str, form: str, text: str) -> None:
    """`text` is what its reader takes, and what stands in the file."""
    if form in READERS:
        READERS[form](text)
    for pattern, instead in CHANGING:
        text = re.sub(pattern, instead, text)
    expected = FOLDER / f"{name}.{SUFFIXES[form]}"
    if os.environ.get("WRITE_EXPECTED"):
        expected.write_text(text, encoding="utf-8")
    assert text == expected.read_text(encoding="utf-8")


def told(form: str, ran: Ran) -> str:
    """What was told: on stdout, and for people on stderr too."""
    assert "Traceback" not in ran.err
    return ran.out + ran.err if form == "text" else ran.out


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with policies, and the working directory in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir(exist_ok=True)
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "leads.yaml").write_text(POLICY)
    return tmp_path


@pytest.mark.parametrize("form", SUFFIXES)
def test_lint(hotpass: Hotpass, folder: Path, form: str) -> None:
    (folder / "policies" / "broken.yaml").write_text(BROKEN)
    (folder / "policies" / "loose.yaml").write_text(
        POLICY.replace("leads", "loose").replace("    from: Staging\n", "")
    )
    ran = hotpass("policy", "lint", "--format", form)
    assert ran.code == 2
    pinned("lint", form, told(form, ran))


@pytest.mark.parametrize("form", SUFFIXES)
def test_policy_test(hotpass: Hotpass, folder: Path, form: str) -> None:
    (folder / "policies" / "leads.cases.yaml").write_text(CASES)
    ran = hotpass("policy", "test", "--format", form)
    assert ran.code == 1
    pinned("test", form, told(form, ran))


def test_check_and_scan(hotpass: Hotpass, sqlite_store: Store, folder: Path) -> None:
    """Version 1 serves as it should not; 2 asks for Production, where nothing but its metric is wrong."""
    make_version(sqlite_store, MODEL, metrics={"roc_auc": 0.8, "precision": 0.7}, tags={"owner": "ana"})
    make_version(sqlite_store, MODEL, metrics={"roc_auc": 0.72, "f1": 0.4})
    assert hotpass("approve", MODEL, 1, "--to", "Production", "--reason", "seen").code == 0
    for words in ((1, "--to", "Staging"), (1, "--to", "Production"), (2, "--to", "Staging")):
        assert hotpass("promote", MODEL, *words).code == 0, words
    for form in SUFFIXES:
        ran = hotpass("check", MODEL, 2, "--to", "Production", "--format", form)
        assert ran.code == 1
        pinned("check", form, told(form, ran))
    sqlite_store.client.set_registered_model_alias(MODEL, "production", "2")
    sqlite_store.client.delete_model_version_tag(MODEL, "1", "owner")
    for form in SUFFIXES:
        ran = hotpass("scan", "--format", form)
        assert ran.code == 1
        pinned("scan", form, told(form, ran))
    (folder / "policies" / "leads.yaml").write_text(BROKEN)
    for form in SUFFIXES:
        ran = hotpass("check", MODEL, 2, "--to", "Production", "--format", form)
        assert ran.code == 2
        pinned("check-broken", form, told(form, ran))
    for form in SUFFIXES:
        ran = hotpass("scan", "--plugins", "nowhere", "--format", form)
        assert ran.code == 2
        pinned("scan-broken", form, told(form, ran))
