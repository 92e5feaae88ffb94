"""What a gated promotion costs through a guarded server, beside the script that teams write today.

The script asks nobody: it searches the versions, reads the run, moves the stage, sets the alias and a tag.
Both talk HTTP to a real server on SQLite; the script's is a plain `mlflow server`.
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from hotpass import api
from support.guarded import Guarded
from support.policies import EIGHT_GATES
from support.proxy import proxied
from support.stores import Store
from support.versions import make_version

pytestmark = pytest.mark.benchmark
GOOD = {"roc_auc": 0.8, "precision": 0.6}
COMMIT = {"mlflow.source.git.commit": "0" * 40}
ROUNDS = 30

POLICY = yaml.safe_dump(
    {
        "policy": "guarded",
        "models": ["guarded_*"],
        "promotions": [
            {"to": "Staging", "gates": [{"metric_threshold": {"roc_auc": {"at_least": 0.5}}}]},
            {
                "to": "Production",
                "from": "Staging",
                "gates": [
                    {name: parameters} if parameters else name for name, parameters in EIGHT_GATES.items()
                ],
            },
        ],
    }
)


def _ungated(client: Any, name: str, version: int) -> None:
    """What a team's promotion script does without Hotpass: no gate, no lock, no record."""
    found = client.search_model_versions(f"name = '{name}'")
    mine = next(candidate for candidate in found if int(candidate.version) == version)
    assert client.get_run(mine.run_id).data.metrics["roc_auc"] > 0.7
    client.transition_model_version_stage(name, str(version), "Production", archive_existing_versions=True)
    client.set_registered_model_alias(name, "production", str(version))
    client.set_model_version_tag(name, str(version), "promoted_by", "ana")


def test_guarded_promotion_beside_the_ungated_script(
    own_guarded: Callable[..., Guarded], http_store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    server = own_guarded(policies=POLICY)
    name = server.name("bench")
    made: dict[str, list[int]] = {"gated": [], "ungated": []}
    for store, kind in ((server, "gated"), (http_store, "ungated")):
        made[kind] = [
            make_version(store, name, metrics=GOOD, tags={"owner": "ana"}, run_tags=COMMIT)  # type: ignore[arg-type]
            for _ in range(ROUNDS)
        ]
    took: dict[str, list[float]] = {"gated": [], "ungated": []}
    plain = http_store.client
    warnings.simplefilter("ignore")  # MLflow warns that stages are deprecated
    with api.connect(registry_uri=server.uri, tracking_uri=server.uri) as session:
        for version in made["gated"]:
            session.promote(name, version, "Staging")
        for version in made["ungated"]:
            plain.transition_model_version_stage(name, str(version), "Staging")
        time.sleep(1.1)  # the dwell
        for gated, ungated in zip(made["gated"], made["ungated"], strict=True):
            start = time.perf_counter()
            decision = session.promote(name, gated, "Production")
            took["gated"].append(time.perf_counter() - start)
            assert len(decision.judgements) == 8
            start = time.perf_counter()
            _ungated(plain, name, ungated)
            took["ungated"].append(time.perf_counter() - start)
    medians = {kind: statistics.median(times) * 1e3 for kind, times in took.items()}
    ratio = medians["gated"] / medians["ungated"]
    with capsys.disabled():
        print(
            f"\nHTTP, {ROUNDS} promotions, median:\n"
            f"  the ungated script, 5 requests       {medians['ungated']:7.1f} ms\n"
            f"  hotpass promote through the guard    {medians['gated']:7.1f} ms  ({ratio:.2f}x; "
            f"target: at most 1x - {'met' if ratio <= 1 else 'MISSED'})"
        )


def test_requests_through_a_guard(
    own_guarded: Callable[..., Guarded], capsys: pytest.CaptureFixture[str]
) -> None:
    server = own_guarded()
    name = server.name("counted")
    version = make_version(server, name, metrics=GOOD)  # type: ignore[arg-type]
    counts: dict[str, int] = {}
    with (
        proxied(server.uri) as proxy,
        api.connect(registry_uri=proxy.uri, tracking_uri=proxy.uri) as session,
    ):
        session.check(name, version, "Staging")
        doings: dict[str, Callable[[], Any]] = {
            "check": lambda: session.check(name, version, "Staging"),
            "promote": lambda: session.promote(name, version, "Staging"),
            "history": lambda: session.history(name),
        }
        for what, do in doings.items():
            proxy.clear()
            do()
            counts[what] = len(proxy.requests)
    with capsys.disabled():
        print("\nHTTP requests through a guard: " + ", ".join(f"{k} {v}" for k, v in counts.items()))
        print(f"  (target: one each - {'met' if set(counts.values()) == {1} else 'MISSED'})")
