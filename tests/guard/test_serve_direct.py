"""`mlflow server --app-name hotpass` on its own, told by the environment alone."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Callable

import pytest
from mlflow.exceptions import MlflowException

from support.guarded import Guarded
from support.versions import make_version


@pytest.mark.parametrize(
    "server_options",
    [
        pytest.param((), id="uvicorn"),
        pytest.param(("--gunicorn-opts", "--timeout 120"), id="gunicorn", marks=pytest.mark.slow),
    ],
)
def test_it_guards(own_guarded: Callable[..., Guarded], server_options: tuple[str, ...]) -> None:
    server = own_guarded(direct=True, started=False, workers=2, options=server_options)
    server.key_file.write_text(secrets.token_hex(32))
    server.key_file.chmod(0o600)
    server.start()
    name = server.name()
    make_version(server, name, metrics={"roc_auc": 0.1})

    with pytest.raises(MlflowException, match=r"roc_auc is 0\.1"):
        server.client.transition_model_version_stage(name, "1", "Staging")

    health = server.get("/api/2.0/hotpass/health").json
    assert (health["status"], health["sealed"]) == ("green", True)
    assert server.get("/").status == 200


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.ci)])
def test_what_keeps_it_from_guarding_stops_it_with_a_word(
    own_guarded: Callable[..., Guarded], workers: int
) -> None:
    """uvicorn starts a worker that died anew, but for one that says by its exit code that it cannot start."""
    server = own_guarded(direct=True, started=False, workers=workers)
    (server.policies / "guarded.yaml").write_text("policy: guarded\nmodels: [")

    ran = subprocess.run(
        server.command(), env=server.environment(), cwd=server.folder, capture_output=True, text=True,
        timeout=240, check=False,
    )  # fmt: skip

    said = [line for line in ran.stderr.splitlines() if line.startswith("hotpass: ")]
    assert 1 <= len(said) <= workers
    assert "the server cannot start" in said[0]
    assert "guarded.yaml:2:" in ran.stderr
    assert "Traceback" not in ran.stderr
