"""A guarded server that only observes."""

from __future__ import annotations

import hotpass
from support.commands import Hotpass
from support.guarded import Guarded
from support.versions import make_version


def test_observing_denies_nothing_and_records_what_it_would_have(guarded_by, capsys) -> None:
    server: Guarded = guarded_by(observe=True)
    name = server.name()
    make_version(server, name, metrics={"roc_auc": 0.1})

    moved = server.client.transition_model_version_stage(name, "1", "Production")
    server.client.set_registered_model_alias(name, "live", "1")

    assert moved.current_stage == "Production"
    first = hotpass.history(name)[0].record
    assert (str(first.kind), first.body["outcome"], first.body["version"]) == ("observation", "observed", 1)
    assert any("None" in reason or "roc_auc" in reason for reason in first.body["reasons"])
    ran = Hotpass(capsys)("history", name)
    assert "transition_model_version_stage was let past" in ran.out
    health = server.get("/api/2.0/hotpass/health").json
    assert (health["status"], health["observe"]) == ("green", True)
