"""What a call, the environment and MLflow's own settings say: which stores, who acts, which rules without a
policy.
"""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from hotpass.errors import CallError, NotFound
from hotpass.registry.calls import call, check_reachable, require_mlflow

if TYPE_CHECKING:
    from hotpass.registry.mlflow_registry import MlflowRegistry

#: Where runs and models are if nobody says.
DEFAULT_TRACKING_URI = "sqlite:///mlflow.db"

Version = int | str


def uris(registry_uri: str | None = None, tracking_uri: str | None = None) -> tuple[str, str]:
    """The registry's URI and the tracking store's, from the arguments, else from MLflow's own settings."""
    require_mlflow()
    import mlflow

    def found(uri: str) -> str:
        # MLflow's own default can be a folder of files, and training never goes there (`MLflowConfig`).
        return DEFAULT_TRACKING_URI if uri.startswith("file:") and not mlflow.is_tracking_uri_set() else uri

    tracking = tracking_uri or found(mlflow.get_tracking_uri())
    registry = registry_uri or (tracking if tracking_uri else found(mlflow.get_registry_uri()))
    return registry, tracking_uri or (
        registry_uri if registry_uri and not mlflow.is_tracking_uri_set() else tracking
    )


def ledger_at(registry: MlflowRegistry, ledger_uri: str | None) -> str:
    """The URI of the store that keeps the ledger."""
    uri = ledger_uri or os.environ.get("HOTPASS_LEDGER_URI") or registry.uri.removeprefix("hotpass+")
    return registry.tracking_uri if uri.startswith("databricks-uc") else uri


def ledger_store(registry: MlflowRegistry, ledger_uri: str | None) -> object:
    uri = ledger_at(registry, ledger_uri)
    if uri == registry.tracking_uri:
        return registry.tracking
    try:
        check_reachable(uri)
    except NotFound:
        raise NotFound(
            f"there is no MLflow database at {uri}, where the ledger is to be (HOTPASS_LEDGER_URI). "
            "Name the store that keeps it, or leave the variable out to keep it with the runs."
        ) from None
    from mlflow.tracking import MlflowClient

    return call("open the ledger", lambda: MlflowClient(tracking_uri=uri)._tracking_client.store)


def version_of(version: Version) -> int | Literal["latest"]:
    """`version` as a number or "latest". Raises CallError for anything else."""
    text = str(version).strip()
    if text.lower() == "latest":
        return "latest"
    if not re.fullmatch("[0-9]{1,9}", text) or int(text) < 1:
        raise CallError(f"{version!r} is not a version: give its number, or 'latest'")
    return int(text)


def override_names(gates: str | Sequence[str]) -> tuple[str, ...]:
    """The names of gates to override, each once. Raises CallError for an empty one."""
    names = dict.fromkeys([gates] if isinstance(gates, str) else gates)
    if not all(isinstance(name, str) and name.strip() for name in names):
        raise CallError("a gate to override has an empty name. Give the name that the decision shows.")
    return tuple(names)


def unmatched_rule() -> Literal["builtin", "deny"] | None:
    value = os.environ.get("HOTPASS_UNMATCHED")
    if value is None:
        return None
    if value == "deny":
        return "deny"
    if value == "builtin":
        return "builtin"
    raise CallError(f"HOTPASS_UNMATCHED is {value!r}; it can be 'builtin' or 'deny'")


def keeps_reports() -> bool:
    """Whether the report of each decision is kept beside its record."""
    value = os.environ.get("HOTPASS_REPORTS", "on")
    if value not in ("on", "off"):
        raise CallError(f"HOTPASS_REPORTS is {value!r}; it can be 'on' or 'off'")
    return value == "on"


def env_gate_time_limit() -> float | None:
    text = os.environ.get("HOTPASS_GATE_TIME_LIMIT")
    if text is None:
        return None
    try:
        limit = float(text)
    except ValueError:
        limit = -1.0
    if not 0 < limit < 86_400:
        raise CallError(f"HOTPASS_GATE_TIME_LIMIT is {text!r}; give seconds, for example 30")
    return limit


def claimed_name() -> str:
    """Who says to be acting. Without a guard nobody checks it."""
    for variable in ("HOTPASS_ACTOR", "MLFLOW_TRACKING_USERNAME", "GITHUB_ACTOR", "GITLAB_USER_LOGIN"):
        if name := os.environ.get(variable):
            return name
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
