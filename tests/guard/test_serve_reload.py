"""Policies that are edited while the server runs."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from typing import Any

from support.guarded import POLICY, Guarded
from support.versions import make_version

HEALTH = "/api/2.0/hotpass/health"


def test_edits_are_heeded_at_once_and_broken_ones_never(own_guarded: Callable[..., Guarded]) -> None:
    server = own_guarded(workers=2)
    name = server.name()
    make_version(server, name, metrics={"roc_auc": 0.72})
    policy = server.policies / "guarded.yaml"
    digest = _healthy(server)["policies"][0]["digest"]

    policy.write_text(POLICY.replace("0.70", "0.80"))
    assert "roc_auc is 0.72" in _to_staging(server, name)
    assert _healthy(server)["policies"][0]["digest"] != digest

    _seen_by_all(server, "policies read again: guarded", 2)
    policy.write_text("policy: guarded\nmodels: [")
    assert "roc_auc is 0.72" in _to_staging(server, name)
    red = server.get(HEALTH)
    assert red.status == 503
    assert red.json["status"] == "red"
    assert "guarded.yaml:2:" in red.json["problems"][0]

    shutil.rmtree(server.policies)
    assert "roc_auc is 0.72" in _to_staging(server, name), "the last good ones stay in force"
    assert "does not exist" in server.get(HEALTH).json["problems"][0]

    server.policies.mkdir()
    policy.write_text(POLICY)
    assert _healthy(server)["policies"][0]["digest"] == digest

    before = policy.stat()
    policy.write_text(POLICY.replace("0.70", "0.80"))
    os.utime(policy, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (policy.stat().st_size, policy.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert "roc_auc is 0.72" in _to_staging(server, name), "an edit that keeps size and time is seen"

    policy.write_text(POLICY)
    assert _to_staging(server, name) == "moved"


def _seen_by_all(server: Guarded, words: str, workers: int) -> None:
    """Waits until every worker has said so in the log. A worker that is not asked looks once a second."""
    while server.log.read_text().count(words) < workers:
        time.sleep(0.1)


def _healthy(server: Guarded) -> Any:
    answer = server.get(HEALTH)
    assert answer.status == 200, answer.text
    assert answer.json["status"] == "green"
    return answer.json


def _to_staging(server: Guarded, name: str) -> str:
    """Why not, or "moved". As curl sends it."""
    answer = server.post(
        "/api/2.0/mlflow/model-versions/transition-stage", {"name": name, "version": "1", "stage": "Staging"}
    )
    if answer.status == 200:
        return "moved"
    assert answer.json["error_code"] == "PERMISSION_DENIED"
    return str(answer.json["message"])
