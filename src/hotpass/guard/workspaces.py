"""Deleting a workspace takes all of its models and ledgers away, or into another workspace, past every store
that guards them.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from hotpass.guard.refusals import refusal

if TYPE_CHECKING:
    from hotpass.guard.core import Guard

log = logging.getLogger("hotpass")


class GuardedWorkspaces:
    """MLflow's workspace store, of which nothing is deleted that holds anything."""

    def __init__(self, guard: Guard, store: Any) -> None:
        self._guard = guard
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def delete_workspace(self, workspace_name: str, mode: Any = None) -> Any:
        """MLflow's mode RESTRICT refuses a workspace that holds anything; the others are refused here."""
        from mlflow.entities.workspace import WorkspaceDeletionMode

        mode = mode or WorkspaceDeletionMode.RESTRICT
        if mode is not WorkspaceDeletionMode.RESTRICT:
            what = f"workspace {workspace_name} may not be deleted with all that it holds ({mode.value})"
            if not self._guard.settings.observe:
                raise refusal(
                    what,
                    [
                        "its models and their ledgers would go past the policies. Delete first what may be "
                        "deleted, then the empty workspace"
                    ],
                )
            log.warning("observed: %s", what)
        return self._store.delete_workspace(workspace_name, mode=mode)


def guard_workspaces(guard: Guard) -> None:
    """Has this process' MLflow server use a guarded workspace store, where it has workspaces."""
    from mlflow.environment_variables import MLFLOW_ENABLE_WORKSPACES
    from mlflow.server import workspace_helpers

    if MLFLOW_ENABLE_WORKSPACES.get():
        store = workspace_helpers._get_workspace_store()
        workspace_helpers._workspace_store = GuardedWorkspaces(guard, store)
