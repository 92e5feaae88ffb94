"""Two people approve on a guarded server that knows who they are."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import hotpass
from hotpass.verdicts import Decision
from hotpass.wire import ACTOR_HEADER, KEY_HEADER, PATH
from support.commands import Hotpass
from support.guarded import ADMIN, Answer, Guarded
from support.versions import make_version

POLICY = """\
policy: guarded
models: ["guarded_*"]
promotions:
  - to: Production
    gates:
      - approvals: {at_least: 2, by: [ana, ben, tom, rita], not_by: [trainer, requester]}
  - to: Staging
    gates:
      - metric_threshold:
          roc_auc: {at_least: 0.9}
        enforcement: overridable
        by: [ana, ben]
"""

WAIVER = """\
waiver: small-market
policy: guarded
gate: metric_threshold
model: {model}
versions: [1]
to: Staging
reason: The market is small.
granted_by: dora
granted: {today}
expires: {today}
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


def test_only_who_logs_in_as_somebody_that_may_overrides_a_gate(server: Guarded) -> None:
    model, gate = server.name(), "metric_threshold"
    for name in ("ana", "rita"):
        server.add_user(name)
    with server.as_user(ADMIN):
        make_version(server, model, metrics={"roc_auc": 0.8})
        make_version(server, model, metrics={"roc_auc": 0.8})
    for name in ("ana", "rita"):
        server.grant(name, model, "EDIT")

    def ask(user: str, key: str = "", **more: Any) -> Answer:
        wish = {
            "model": model,
            "version": 1,
            "to": "Staging",
            "reason": "the board",
            "overrides": [gate],
            **more,
        }
        headers = {ACTOR_HEADER: "ana"} | ({KEY_HEADER: key} if key else {})
        return server.request("POST", f"{PATH}/promote", wish, user=user, headers=headers)

    # Whoever may promote need not be one that may override, whatever their client says of itself.
    denied = ask("rita")
    assert (denied.status, denied.json["kind"]) == (403, "PromotionDenied")
    assert denied.json["decision"]["notes"][0].startswith(f"rita may not override {gate}; ana or ben may")
    for wrong in ({"reason": " "}, {"overrides": ["metric_treshold"]}, {"overrides": [gate, gate]},
                  {"overrides": gate}, {"overrides": ["a\u0000"]}, {"overrides": [""]}):  # fmt: skip
        assert (ask("ana", **wrong).status, wrong) == (400, wrong)

    done = ask("ana", "k1")
    assert done.status == 200, done.text
    excuse = Decision.from_json(done.json["decision"]).judgements[0].excuse
    assert excuse is not None
    assert (excuse.by, excuse.authenticated, excuse.reason) == ("ana", True, "the board")
    # The answer is given again to who asked, and to nobody else and for nothing else.
    assert ask("ana", "k1").json["decision"]["id"] == done.json["decision"]["id"]
    assert [ask("rita", "k1").status, ask("ana", "k1", overrides=[]).status] == [422, 422]

    with server.as_user("ana"):
        assert not hotpass.check(model, 2, "Staging").allowed
        assert hotpass.check(model, 2, "Staging", overrides=[gate]).allowed
        decision = hotpass.promote(model, 2, "Staging", overrides=[gate], reason="as well")
        assert [j.excuse.by for j in decision.excused if j.excuse] == ["ana"]
        actors = [(e.record.actor.name, e.record.body["outcome"]) for e in hotpass.history(model)]
    assert actors == [("rita", "denied"), ("ana", "allowed"), ("ana", "allowed")]


def test_the_guards_own_waivers_count_and_no_others(
    server: Guarded, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, command = server.name(), Hotpass(capsys)
    text = WAIVER.format(model=model, today=datetime.now(UTC).date())
    local = tmp_path / "local"
    for folder in (local / "waivers", server.policies / "waivers"):
        folder.mkdir(parents=True, exist_ok=True)
    (local / "guarded.yaml").write_text(POLICY)
    (local / "waivers" / "mine.yaml").write_text(text)
    with server.as_user(ADMIN):
        make_version(server, model, metrics={"roc_auc": 0.8})

        ran = command("check", model, 1, "--to", "Staging", "--policies", local)
        assert ran.code == 1, ran
        assert "decides by its own waivers; of those here it did not use small-market" in ran.err

        theirs = server.policies / "waivers" / f"{model}.yaml"
        theirs.write_text(text.replace("small-market", model))
        try:
            ran = command("promote", model, 1, "--to", "Staging", "--policies", local)
            assert ran.code == 0, ran
            assert f"waived by dora until {datetime.now(UTC).date() + timedelta(1)}" in ran.out
            said = server.get(f"{PATH}/policies?model={model}", user=ADMIN).json["waivers"]
            assert [(one["name"], one["versions"]) for one in said] == [(model, [1])]
        finally:
            theirs.unlink()
        assert hotpass.history(model)[-1].record.body["judgements"][0]["excuse"]["waiver"] == model
