"""The policies in force, and what becomes of edits."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from hotpass.errors import CallError, PolicyError
from hotpass.guard.in_force import PoliciesInForce
from support.guarded import POLICY


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOTPASS_POLICIES", str(tmp_path / "policies"))
    (tmp_path / "policies").mkdir()
    found = tmp_path / "policies" / "lead.yaml"
    found.write_text(POLICY)
    return found


def test_a_guard_without_policies_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CallError, match="a guard needs policies"):
        PoliciesInForce()


def test_one_with_broken_policies_does_not_either(file: Path) -> None:
    file.write_text("policy: x")
    with pytest.raises(PolicyError, match="needs the key 'models'"):
        PoliciesInForce()


def test_unchanged_files_are_not_read_again(file: Path) -> None:
    in_force = PoliciesInForce()
    assert in_force.current() is in_force.current()


def test_a_file_that_appears_disappears_or_changes_is_heeded(file: Path) -> None:
    in_force = PoliciesInForce()
    other = file.with_name("other.yml")

    other.write_text(POLICY.replace("policy: guarded", "policy: other"))
    assert [policy.name for policy in in_force.current().policies] == ["guarded", "other"]
    other.unlink()
    assert [policy.name for policy in in_force.current().policies] == ["guarded"]
    file.write_text(POLICY.replace("guarded_*", "only_this"))
    assert in_force.current().policies[0].models == ("only_this",)


def test_waivers_are_in_force_from_the_next_look_on(file: Path) -> None:
    in_force = PoliciesInForce()
    waiver = file.parent / "waivers" / "w.yaml"
    waiver.parent.mkdir()

    waiver.write_text(
        "waiver: w\npolicy: guarded\ngate: metric_threshold\nmodel: guarded_a\nversions: [1]\nto: Staging\n"
        "reason: r\ngranted_by: cleo\ngranted: 2026-01-01\nexpires: 2026-01-02\n"
    )
    assert [one.granted_by for one in in_force.current().waivers] == ["cleo"]
    waiver.write_text(waiver.read_text().replace("cleo", "dora"))
    assert [one.granted_by for one in in_force.current().waivers] == ["dora"]
    waiver.write_text("waiver: w")
    assert [one.granted_by for one in in_force.current().waivers] == ["dora"], "the last good ones"
    assert "a waiver needs the key" in in_force.reading().problems
    waiver.unlink()
    assert in_force.current().waivers == ()


def test_an_edit_within_the_clock_of_the_file_system_is_not_missed(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same size, inode and times: as two edits within one tick, of which the first was read. The files
    are read once more when the tick is over.
    """
    in_force = PoliciesInForce()
    same = in_force._look()
    monkeypatch.setattr(PoliciesInForce, "_look", lambda self, extended=(): same)
    file.write_text(POLICY.replace("0.70", "0.80"))
    before = in_force.current().policies[0].digest

    monkeypatch.setattr("hotpass.guard.in_force.COARSE", 0.0)

    assert in_force.current().policies[0].digest != before


def test_a_worker_that_nobody_asks_sees_every_good_edit(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or its last good policies would be older than those of the others, once a broken edit comes."""
    monkeypatch.setattr("hotpass.guard.in_force.WATCH", 0.01)
    in_force = PoliciesInForce()
    in_force.watch()

    file.write_text(POLICY.replace("guarded_*", "only_this"))
    while in_force._reading.policies.policies[0].models != ("only_this",):
        time.sleep(0.01)
    file.write_text("policy: guarded\nmodels: [")

    assert in_force.current().policies[0].models == ("only_this",)


def test_a_broken_edit_keeps_the_last_good_policies_and_says_why(file: Path) -> None:
    in_force = PoliciesInForce()
    before = in_force.reading()

    file.write_text("policy: guarded\nmodels: [")
    broken = in_force.reading()
    file.write_text(POLICY)
    mended = in_force.reading()

    assert broken.policies is before.policies
    assert broken.since == before.since
    assert "lead.yaml:2:" in broken.problems
    assert mended.problems == ""


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_policies_that_may_not_be_read_any_more_stay_in_force(file: Path) -> None:
    in_force = PoliciesInForce()
    file.chmod(0)
    assert in_force.current().policies[0].name == "guarded"
    assert in_force.reading().problems


def test_a_link_in_a_circle_is_looked_at_once(file: Path) -> None:
    (file.parent / "again").symlink_to(file.parent)
    in_force = PoliciesInForce()
    assert [policy.name for policy in in_force.current().policies] == ["guarded"]


def test_a_folder_that_a_link_leads_to_may_be_exchanged(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Kubernetes does with a ConfigMap: `..data` leads to another folder, and nothing else changes."""
    for number in (1, 2):
        (tmp_path / f"v{number}").mkdir()
        (tmp_path / f"v{number}" / "lead.yaml").write_text(POLICY.replace("0.70", f"0.7{number}"))
    mount = tmp_path / "mount"
    mount.mkdir()
    (mount / "..data").symlink_to(tmp_path / "v1")
    (mount / "lead.yaml").symlink_to(mount / "..data" / "lead.yaml")
    monkeypatch.setenv("HOTPASS_POLICIES", str(mount))
    in_force = PoliciesInForce()
    before = in_force.current().policies[0].digest

    (mount / "new").symlink_to(tmp_path / "v2")
    os.replace(mount / "new", mount / "..data")

    assert in_force.current().policies[0].digest != before


def test_whoever_asks_while_they_are_read_gets_whole_policies(file: Path) -> None:
    """Eight threads ask while the file goes back and forth between two policies: each sees one of the two."""
    in_force = PoliciesInForce()
    seen: set[tuple[str, ...]] = set()
    failures: list[BaseException] = []
    done = threading.Event()

    def ask() -> None:
        try:
            while not done.is_set():
                seen.add(in_force.current().policies[0].models)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for number in range(40):
        new = file.with_suffix(".new")
        new.write_text(POLICY if number % 2 else POLICY.replace("guarded_*", "other_*"))
        os.replace(new, file)
    done.set()
    for thread in threads:
        thread.join()

    assert not failures
    assert seen <= {("guarded_*",), ("other_*",)}
    assert in_force.current().policies[0].models == ("guarded_*",)


def test_the_time_limit_on_gates_holds_in_a_guard_too(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTPASS_GATE_TIME_LIMIT", "7")
    in_force = PoliciesInForce()
    for _ in range(2):
        gates = {entry.gate.name for p in in_force.current().policies[0].promotions for entry in p.gates}
        assert gates == {"time_limited"}
        file.write_text(POLICY + "# changed\n")
