"""Every way to write that MLflow's server has, and why those that no attack takes cannot do harm."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})

#: Starts of routes, below the API's prefix: how many there are, and why nobody gets past the guard by them.
#: They write to tables of their own, which neither the registry, the evidence nor the ledger reads, unless it
#: says otherwise.
HARMLESS: dict[str, tuple[int, str]] = {
    "mlflow/traces": (
        16,
        "traces, their tags and assessments; no gate reads them and none is a run's evidence",
    ),
    "mlflow/datasets": (9, "evaluation data sets, which are not the inputs of a run"),
    "mlflow/experiments/search": (1, "reads"),
    "mlflow/experiments/search-datasets": (1, "reads"),
    "mlflow/runs/search": (1, "reads"),
    "mlflow/logged-models/search": (1, "reads"),
    "mlflow/registered-models/get-latest-versions": (1, "reads"),
    "mlflow/artifacts/presigned-download-url": (1, "reads"),
    "mlflow/gateway": (23, "the AI gateway's endpoints, keys, budgets and guardrails"),
    "mlflow/gateway-proxy": (1, "passes a request on to the AI gateway that the server's operator named"),
    "gateway": (11, "calls to language models"),
    "mlflow/issues": (4, "issues found in traces; `invoke` starts a job that writes issues"),
    "mlflow/label-schemas": (3, "how traces are labelled"),
    "mlflow/review-queues": (7, "who looks at which trace"),
    "mlflow/scorers": (
        3,
        "scorers of traces, kept as text; a guard does not start where the server would run them",
    ),
    "mlflow/scorer/invoke": (1, "starts a job that scores traces"),
    "mlflow/genai/evaluate/invoke": (1, "starts a job that evaluates traces"),
    "mlflow/prompt-optimization/jobs": (4, "starts a job that writes a prompt, through the guarded registry"),
    "mlflow/jobs/cancel/<job_id>": (1, "ends a job"),
    "jobs": (3, "starts and ends jobs of a fixed list, none of which moves a model"),
    "mlflow/demo": (2, "makes and deletes an experiment of examples, by its own name"),
    "mlflow/ui-telemetry": (1, "counts clicks"),
    "mlflow/mcp-servers": (15, "a registry of MCP servers, of its own tables and aliases"),
    "mlflow/assistant": (
        6,
        "answers callers on the server's own machine alone, who have the database anyway",
    ),
    "mlflow/webhooks": (4, "tells others of what happened; what they send back is not read"),
    "mlflow/workspaces": (1, "a new workspace is empty"),
    "mlflow/users": (7, "who may do what in MLflow; a policy binds the admin too"),
    "mlflow/roles": (8, "who may do what in MLflow; a policy binds the admin too"),
    "v1/traces": (1, "traces, as OpenTelemetry sends them"),
}

_PREFIX = re.compile(r"^/(?:ajax-)?api/\d\.\d/?")
_CONVERTER = re.compile(r"\{([a-z_]+)(?::path)?\}")

_LIST = """
import json, sys
from mlflow.server import app
from mlflow.server import auth

served = auth.create_app(app)
found = [(str(rule), sorted(rule.methods)) for rule in app.url_map.iter_rules()]

def walk(routes, prefix=""):
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            walk(inner.routes, prefix + (route.include_context.prefix or ""))
        elif hasattr(route, "methods"):
            found.append((prefix + route.path, sorted(route.methods)))
        elif route.path:
            sys.exit(f"a mount that this test does not know: {route.path}")

walk(served.routes)
print(json.dumps(found))
"""


def writing_routes(folder: Path) -> set[str]:
    """Every route of the installed MLflow, its auth included, that takes a writing verb: `POST
    mlflow/runs/create` without the API's prefix.
    """
    environment = {
        **os.environ,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "for-forms",
        "MLFLOW_AUTH_ADMIN_PASSWORD": "the-password-of-admin",
        "_MLFLOW_SGI_NAME": "uvicorn",
        "MLFLOW_ENABLE_WORKSPACES": "true",
        "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{folder / 'mlflow.db'}",
        "_MLFLOW_SERVER_FILE_STORE": f"sqlite:///{folder / 'mlflow.db'}",
    }
    done = subprocess.run(
        [sys.executable, "-c", _LIST],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    return {f"{verb} {known(path)}" for path, verbs in found for verb in verbs if verb in WRITES}


def known(path: str) -> str:
    """A route as the tables here write it."""
    return _PREFIX.sub("", _CONVERTER.sub(lambda found: f"<{found[1]}>", path)).lstrip("/")


def unknown(routes: Iterable[str], attacked: Iterable[str]) -> list[str]:
    """Routes that no attack takes and of which nobody has said why that does no harm; and groups of those
    that have grown or shrunk since somebody has.
    """
    taken = {_ids_away(route) for route in attacked}
    left = [route for route in sorted(routes) if _ids_away(route) not in taken]
    grouped = {route: _group(route.partition(" ")[2]) for route in left}
    found = [route for route, group in grouped.items() if group is None]
    for group, (count, _) in HARMLESS.items():
        members = [route for route in left if grouped[route] == group]
        if len(members) != count:
            found.append(
                f"{len(members)} routes of {group}, and {count} were looked at: {', '.join(members)}"
            )
    return found


def _group(path: str) -> str | None:
    """The longest start of it that HARMLESS has."""
    parts = path.split("/")
    starts = ["/".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return next((start for start in starts if start in HARMLESS), None)


def _ids_away(route: str) -> str:
    return re.sub(r"<[^>]*>", "<>", route)


def mistaken(routes: Iterable[str], attacked: Iterable[str]) -> list[str]:
    """Routes that an attack says it takes, and that are not there."""
    there = {_ids_away(route) for route in routes}
    return sorted(route for route in attacked if _ids_away(route) not in there)
