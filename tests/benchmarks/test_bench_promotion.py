"""What a gated promotion costs beside the bare call of MLflow, and how many HTTP requests it makes."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from hotpass import api
from hotpass.artifacts import DIGEST_TAG
from hotpass.candidate import ModelFile
from hotpass.registry.convert import MODEL_FILE_TAG, model_file_tag
from hotpass.registry.mlflow_registry import MlflowRegistry
from support.policies import EIGHT_GATES, policy_set
from support.proxy import Proxy
from support.stores import Store
from support.versions import make_version

pytestmark = pytest.mark.benchmark
GOOD = {"roc_auc": 0.8, "precision": 0.6}
COMMIT = {"mlflow.source.git.commit": "0" * 40}


FILE = ModelFile((("age", "double"),), (("0", "tensor int64[-1]"),), True, ("sklearn",), {"sklearn": "skops"})


def _version(store: Store) -> int:
    """A version as `log_training_run` leaves it: with its digest and what its MLmodel file says as tags."""
    version = make_version(store, "leads", metrics=GOOD, tags={"owner": "ana"}, run_tags=COMMIT)
    registry = MlflowRegistry(store.uri, store.uri)
    facts = registry.version("leads", version)
    registry.tag_version("leads", version, DIGEST_TAG, registry.artifact_digest(facts))
    store.client.set_logged_model_tags(facts.model_id, {MODEL_FILE_TAG: str(model_file_tag(FILE))})
    return version


def _say(capsys: pytest.CaptureFixture[str], *lines: str) -> None:
    with capsys.disabled():
        print()
        for line in lines:
            print(line)


def test_gated_promotion_beside_the_bare_call(
    sqlite_store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    rounds = 30
    gates = {name: gate for name, gate in EIGHT_GATES.items() if name != "staging_dwell"}
    gates["staging_dwell"] = {"at_least": "1s"}
    policies = policy_set(production=gates)
    versions = [_version(sqlite_store) for _ in range(rounds + 1)]
    client = sqlite_store.client
    bare, gated = [], []
    with api.connect(policies=policies, registry_uri=sqlite_store.uri) as session:
        for version in versions:
            session.promote("leads", version, "Staging")
        time.sleep(1.1)
        session.promote("leads", versions[0], "Production")
        for version in versions[1:]:
            start = time.perf_counter()
            decision = session.promote("leads", version, "Production")
            gated.append(time.perf_counter() - start)
            assert len(decision.judgements) == 8
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                client.transition_model_version_stage("leads", str(version), "Staging")
                start = time.perf_counter()
                client.transition_model_version_stage(
                    "leads", str(version), "Production", archive_existing_versions=True
                )
                bare.append(time.perf_counter() - start)
    ratio = statistics.median(gated) / statistics.median(bare)
    _say(
        capsys,
        f"SQLite, {rounds} promotions with eight gates, median:",
        f"  bare transition_model_version_stage  {statistics.median(bare) * 1e3:7.2f} ms",
        f"  hotpass promote, same session        {statistics.median(gated) * 1e3:7.2f} ms  "
        f"({ratio:.1f}x; target: at most 4x"
        f" - {'met' if ratio <= 4 else 'MISSED'})",
    )


def test_requests_of_a_gated_promotion(
    http_store: Store,
    through_proxy: Callable[[Store], AbstractContextManager[tuple[Store, Proxy]]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    policies = policy_set(production=EIGHT_GATES)
    found: dict[str, list[Any]] = {}
    with through_proxy(http_store) as (store, proxy):
        with api.connect(policies=policies, registry_uri=store.uri, tracking_uri=store.uri) as session:
            session.promote("leads", _version(http_store), "Staging")
            time.sleep(1.1)
            session.promote("leads", 1, "Production")
            session.promote("leads", _version(http_store), "Staging")
            time.sleep(1.1)
            proxy.clear()
            session.promote("leads", 2, "Production")
            found["warm"] = list(proxy.requests)
            session.promote("leads", _version(http_store), "Staging")
            time.sleep(1.1)
            proxy.clear()
        # Cold: a process of its own, so that nothing at all is remembered.
        code = (
            "import sys; sys.path.insert(0, sys.argv[3])\n"
            "from support.policies import EIGHT_GATES, policy_set\n"
            "import hotpass\n"
            "hotpass.promote('leads', int(sys.argv[2]), 'Production', "
            "policies=policy_set(production=EIGHT_GATES),"
            " registry_uri=sys.argv[1], tracking_uri=sys.argv[1])"
        )
        tests = __file__.rsplit("/benchmarks/", 1)[0]
        subprocess.run([sys.executable, "-c", code, store.uri, "3", tests], check=True)
        found["cold"] = list(proxy.requests)
    lines = ["HTTP requests of a promotion to Production with eight gates and a champion:"]
    for name, target in (("cold", 15), ("warm", 12)):
        # The report beside the record is one more, after everything is done; HOTPASS_REPORTS=off keeps none.
        reports = [request for request in found[name] if request.path.endswith("/report.html")]
        count = len(found[name]) - len(reports)
        lines.append(
            f"  {name}: {count} (target: at most {target} - {'met' if count <= target else 'MISSED'}), and "
            f"{len(reports)} for the report"
        )
        counted = Counter(f"{r.method} {r.path.replace('/api/2.0/mlflow', '')}" for r in found[name])
        lines.extend(f"      {times} x {what}" for what, times in counted.most_common())
    _say(capsys, *lines)
