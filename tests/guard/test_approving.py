"""Two people approve on a guarded server that knows who they are."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

import pytest

import hotpass
from support.commands import Hotpass
from support.guarded import ADMIN, Guarded
from support.versions import make_version

POLICY = """\
policy: guarded
models: ["guarded_*"]
promotions:
  - to: Production
    gates:
      - approvals: {at_least: 2, by: [ana, ben, tom, rita], not_by: [trainer, requester]}
"""


@pytest.fixture
def server(guarded_by: Callable[..., Guarded], monkeypatch: pytest.MonkeyPatch) -> Guarded:
    found = guarded_by(auth=True, policies=POLICY)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", found.uri)
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", found.uri)
    return found


def test_who_trained_and_who_asks_is_proved_and_so_is_who_approves(
    server: Guarded, capsys: pytest.CaptureFixture[str]
) -> None:
    model, command = server.name(), Hotpass(capsys)
    for name in ("tom", "rita", "ana", "ben"):
        server.add_user(name)
    with server.as_user(ADMIN):
        server.client.create_registered_model(model)
    for name in ("tom", "rita", "ana", "ben"):
        server.grant(name, model, "EDIT")
    with server.as_user("tom"):
        version = make_version(server, model, experiment=f"of-{model}", run_tags={"mlflow.user": "ana"})

    with server.as_user("rita"):
        with pytest.raises(hotpass.PromotionPending, match="0 of 2 approvals; 2 more from ana or ben"):
            hotpass.promote(model, version, "Production")
        assert hotpass.approve(model, version, "Production", reason="mine").record.actor.authenticated
    with server.as_user("tom"):
        os.environ["HOTPASS_ACTOR"] = "ben"  # says nothing where the server knows better
        try:
            entry = hotpass.approve(model, version, "Production", reason="mine too")
        finally:
            del os.environ["HOTPASS_ACTOR"]
        assert entry.record.actor.name == "tom"
    with server.as_user("ana"):
        ran = command("approve", model, version, "--to", "Production", "--reason", "the curve is good")
        assert re.match(rf"Approved: {model} version 1 for Production, by ana\. Recorded as", ran.out), ran
        ran = command("approve", model, version, "--to", "Production", "--reason", "again")
        assert ran.out.startswith(f"ana had approved {model} version 1 for Production"), ran
    with server.as_user("ben"):
        hotpass.approve(model, version, "Production", reason="seen it")
        command("withdraw", model, version, "--to", "Production", "--reason", "wait")
    with server.as_user("rita"), pytest.raises(hotpass.PromotionPending) as caught:
        hotpass.promote(model, version, "Production")
    [judgement] = caught.value.decision.judgements
    assert judgement.result.evidence["approved_by"] == ["ana"]
    assert judgement.result.evidence["not_counted"] == {"rita": "the requester", "tom": "the trainer"}
    with server.as_user("ben"):
        hotpass.approve(model, version, "Production", reason="good after all")
    with server.as_user("rita"):
        assert hotpass.promote(model, version, "Production").allowed
        kinds = [str(entry.record.kind) for entry in hotpass.history(model)]
    assert [kinds.count(kind) for kind in ("approval", "withdrawal", "decision")] == [6, 1, 3]


def test_files_of_ones_own_beside_another_persons_run_are_not_approved_by_oneself(server: Guarded) -> None:
    """MLflow takes any run that whoever registers a version names."""
    model = server.name()
    for name in ("tom", "rita", "ana", "ben"):
        server.add_user(name)
    with server.as_user(ADMIN):
        server.client.create_registered_model(model)
    for name in ("tom", "rita", "ana", "ben"):
        server.grant(name, model, "EDIT")
    with server.as_user("tom"):
        toms = server.client.get_model_version(model, str(make_version(server, model, experiment="of-tom")))
    with server.as_user("ana"):
        make_version(server, server.free_name(), experiment="of-ana")
        anas = server.client.search_logged_models(
            [server.client.get_experiment_by_name("of-ana").experiment_id]
        )[0]
        made = server.client.create_model_version(
            model, anas.model_uri, toms.run_id, tags={"hotpass.registered_by": "tom"}, await_creation_for=0,
            model_id=anas.model_id,
        )  # fmt: skip
    assert (made.run_id, made.tags["hotpass.registered_by"]) == (toms.run_id, "ana")
    for name in ("ana", "ben"):
        with server.as_user(name):
            hotpass.approve(model, made.version, "Production", reason="seen it")
    with server.as_user("rita"), pytest.raises(hotpass.PromotionDenied) as caught:
        hotpass.promote(model, made.version, "Production")
    [judgement] = caught.value.decision.judgements
    assert "tom (the trainer), ana (who registered it) and rita (the requester) may not" in str(caught.value)
    assert judgement.result.evidence["approved_by"] == ["ben"]
    assert judgement.result.evidence["not_counted"] == {"ana": "who registered it"}
