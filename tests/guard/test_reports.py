"""The page of a decision behind a guarded server: the server writes it, everybody reads it, nobody else may
lay one there.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import hotpass
from hotpass.errors import PromotionDenied
from hotpass.wire import PATH
from support.guarded import Guarded
from support.versions import make_version


def test_the_server_keeps_it_and_clients_read_it(guarded_sqlite: Guarded, tmp_path: Path) -> None:
    server = guarded_sqlite
    model = server.name()
    make_version(server, model, metrics={"roc_auc": 0.61})
    make_version(server, model, metrics={"roc_auc": 0.9})
    with pytest.raises(PromotionDenied) as denied:
        hotpass.promote(model, 1, "Staging")
    allowed = hotpass.promote(model, 2, "Staging")
    # As MLflow's own client moves a version.
    server.client.set_registered_model_alias(model, "staging", "2")

    for decision, words in ((denied.value.decision, "Denied"), (allowed, "It was moved to Staging at ")):
        page = hotpass.report(decision, tmp_path / "page.html").read_text()
        assert decision.id in page
        assert words in page
        assert "Made again" not in page
    for entry in hotpass.history(model):
        names = [file.path for file in server.client.list_artifacts(entry.id)]
        assert names == ["report.html"], entry.record.body


def test_nobody_else_lays_one_there(guarded_sqlite: Guarded, tmp_path: Path) -> None:
    server = guarded_sqlite
    model = server.name()
    make_version(server, model, metrics={"roc_auc": 0.9})
    decision = hotpass.promote(model, 1, "Staging")
    before = hotpass.report(decision, tmp_path / "before.html").read_text()
    forged = tmp_path / "report.html"
    forged.write_text("All is well.")

    with pytest.raises(Exception, match=r"403|PERMISSION_DENIED"):
        server.client.log_artifact(decision.id, str(forged))

    assert hotpass.report(decision, tmp_path / "after.html").read_text() == before


def test_a_check_brings_what_the_gates_drew(guarded_sqlite: Guarded) -> None:
    from hotpass.remote import _drawn

    model = guarded_sqlite.name()
    make_version(guarded_sqlite, model, metrics={"roc_auc": 0.9})
    answer = guarded_sqlite.post(f"{PATH}/check", {"model": model, "version": 1, "to": "Staging"})
    decision = hotpass.check(model, 1, "Staging")

    assert len(answer.json["exhibits"]) == len(decision.judgements) > 0
    curve = [{"kind": "table", "title": "T", "columns": ["a"], "rows": []}]
    brought = _drawn(decision, [curve, *[[]] * (len(decision.judgements) - 1)])
    assert brought.judgements[0].result.exhibits == curve
    assert _drawn(decision, [curve] * 99) == decision
