"""The bypass matrix: every way around the guard that we know, against real servers.

None changes what serves, and none changes a past decision or what it rests on, without an allowed decision on
record. The whole table: `uv run pytest -m slow tests/guard/test_bypass_matrix.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import hotpass
from hotpass.ledger.seal import Seal
from support.bypass import ATTACKS
from support.bypass.matrix import (
    ANA,
    WORKSPACE,
    Matrix,
    Outcome,
    Restored,
    auth_settings,
    engine_of,
    environment,
    find_ledgers,
    prepare_accounts,
)
from support.bypass.routes import known, mistaken, unknown, writing_routes
from support.bypass.setting import APPROVED_POLICY, POLICY, Setting, build
from support.guarded import ADMIN, Guarded, How, guarded_server, password_of
from support.servers import mlflow_server
from support.stores import Postgres, Store, forget_engines

#: Kind of database, auth, workspaces.
VARIANTS = [
    pytest.param(
        kind, auth, workspaces, id="-".join([kind, *["auth"] * auth, *["workspaces"] * workspaces]),
        marks=pytest.mark.ci if (kind, auth, workspaces) == ("sqlite", False, False) else (),
    )
    for kind in ("sqlite", "postgres")
    for auth in (False, True)
    for workspaces in (False, True)
]  # fmt: skip


@contextmanager
def guarded(
    folder: Path,
    template: Path,
    postgres: Postgres | None,
    auth: bool,
    workspaces: bool,
) -> Iterator[Matrix]:
    """A guarded server with the setting made, and, on PostgreSQL, a second one on the same database."""
    how = How(
        kind="postgres" if postgres else "sqlite", auth=auth, workspaces=workspaces, workers=2,
        policies=POLICY, env=auth_settings(folder) if auth else (),
    )  # fmt: skip
    workspace = WORKSPACE if workspaces else None
    setting = Setting(workspace=workspace, artifacts=str(folder / "artifacts"))
    with ExitStack() as stack:
        server = stack.enter_context(
            guarded_server(folder, how, template=template, postgres=postgres, started=False)
        )
        (server.policies / "approved.yaml").write_text(APPROVED_POLICY)
        server.start()
        second = _second(stack, server) if postgres else None
        prepare_accounts(server, workspace)
        mine = (
            {"MLFLOW_TRACKING_USERNAME": ADMIN, "MLFLOW_TRACKING_PASSWORD": password_of(ADMIN)}
            if auth
            else {}
        )
        mine |= {"MLFLOW_ENABLE_WORKSPACES": "true", "MLFLOW_WORKSPACE": WORKSPACE} if workspaces else {}
        with environment(mine):
            build(server, setting, server.client.transition_model_version_stage, _approver(server, workspace))
        engine = engine_of(server.database_uri)
        stack.callback(engine.dispose)
        find_ledgers(engine, setting)
        yield Matrix(
            server.uri, engine, server.artifacts, setting, key_file=server.key_file, auth=auth,
            second=second.uri if second else None,
        )  # fmt: skip


def _second(stack: ExitStack, first: Guarded) -> Guarded:
    second = Guarded(replace(first.how, workers=1), first.folder, first.database_uri)
    stack.callback(second.kill)
    second.start()
    return second


def _approver(server: Guarded, workspace: str | None) -> Any:
    def approve(model: str, version: int) -> None:
        headers = {"Hotpass-Actor": ANA} | ({"X-MLFLOW-WORKSPACE": workspace} if workspace else {})
        body = {"model": model, "version": version, "to": "Production", "reason": "seen"}
        answer = server.request(
            "POST", "/api/2.0/hotpass/approve", body, user=ANA if server.how.auth else None, headers=headers
        )
        assert answer.status == 200, answer.text

    return approve


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("kind", "auth", "workspaces"), VARIANTS)
def test_no_way_around(
    kind: str, auth: bool, workspaces: bool, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    postgres = request.getfixturevalue("postgres_server") if kind == "postgres" else None
    with guarded(tmp_path, request.getfixturevalue("_template"), postgres, auth, workspaces) as matrix:
        outcomes = list(matrix.run(ATTACKS))
        wrong = [found for found in outcomes if found.unexpected or found.breaches]
        assert not wrong, told(wrong, len(outcomes))
        assert_ledger_clean(matrix, tmp_path / "guard.key", workspaces)


def told(wrong: list[Outcome], of: int) -> str:
    return f"{len(wrong)} of {of} attacks:\n" + "\n".join(found.text for found in wrong)


def assert_ledger_clean(matrix: Matrix, key_file: Path, workspaces: bool) -> None:
    """Every model's records, proved with the guard's key, past the server."""
    uri = matrix.engine.url.render_as_string(hide_password=False)
    seal = Seal(key_file.read_bytes().strip())
    mine = {"MLFLOW_ENABLE_WORKSPACES": "true", "MLFLOW_WORKSPACE": WORKSPACE} if workspaces else {}
    with environment(mine), hotpass.connect(
        policies=hotpass.load_policies(key_file.parent / "policies"), registry_uri=uri, tracking_uri=uri
    ) as session:  # fmt: skip
        for model in session.ledgers(deleted_too=True):
            audit = session.audit(model, seal=seal)
            assert audit.clean, (model, audit.findings)
            assert audit.sealed == audit.records
    forget_engines(uri)


def test_every_route_that_writes_is_attacked_or_explained(tmp_path: Path) -> None:
    """A route of MLflow's that this table does not know may be a way around."""
    routes = writing_routes(tmp_path)
    attacked = {known(route) for attack in ATTACKS for route in attack.routes}
    assert unknown(routes, attacked) == []
    assert mistaken(routes, attacked) == []


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_without_a_guard_the_attacks_work(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The matrix bites: what it finds nothing of on a guarded server, it finds on MLflow's own."""
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "leads.yaml").write_text(POLICY)
    (tmp_path / "policies" / "approved.yaml").write_text(APPROVED_POLICY)
    with mlflow_server(tmp_path / "server", request.getfixturevalue("_template")) as server:
        setting = Setting(artifacts=str(server.artifacts))
        store = Store("http", server.uri, server.artifacts)
        with hotpass.connect(
            policies=tmp_path / "policies", registry_uri=server.uri, tracking_uri=server.uri, actor=ANA
        ) as session:
            build(
                store, setting, session.promote,
                lambda model, version: session.approve(model, version, "Production", reason="seen"),
            )  # fmt: skip
        engine = engine_of(f"sqlite:///{server.database}")
        find_ledgers(engine, setting)
        matrix = Matrix(server.uri, engine, server.artifacts, setting, key_file=None, auth=False)
        restored = Restored(server.folder)
        harmless = []
        attacks = [attack for attack in ATTACKS if attack.bites]
        for attack in attacks:
            [outcome] = matrix.run([attack])
            if not outcome.breaches:
                harmless.append(attack.name)
            else:
                restored.restore()
        engine.dispose()
    assert not harmless, harmless
    assert len(attacks) > len(ATTACKS) / 2
