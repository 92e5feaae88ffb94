"""What `hotpass policy lint` asks the registry, where it is asked to."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hotpass.cli.sessions import open_to_look
from hotpass.errors import Problem
from hotpass.logged_metrics import metric_warnings
from hotpass.policy.model import Policy


def looking(
    registry_uri: str | None, tracking_uri: str | None
) -> Callable[[Sequence[Policy]], Sequence[Problem]]:
    """What finds metrics that policies ask for and that no recent version in the registry has. It raises what
    `hotpass.api.connect` raises.
    """

    def look(policies: Sequence[Policy]) -> Sequence[Problem]:
        return metric_warnings(policies, open_to_look(registry_uri, tracking_uri).registry)

    return look
