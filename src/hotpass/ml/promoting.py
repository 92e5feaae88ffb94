"""Promoting from a notebook or a training script: the same engine as `hotpass.promote`, under the guide's
names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hotpass.verdicts import Decision


def promote_model(
    model_name: str,
    version: int | str,
    stage: str,
    archive_existing: bool | None = None,
    reason: str = "",
    *,
    overrides: str | Sequence[str] = (),
    policies: Any = None,
    registry_uri: str | None = None,
    tracking_uri: str | None = None,
    actor: str | None = None,
) -> Decision:
    """Judges the promotion, records the decision and, if it is allowed, moves the version; see
    `hotpass.promote`.

    `version` is a number or "latest". Raises PromotionDenied (its subclass PromotionPending: not yet) where
    the policies do not allow it.
    """
    from hotpass.api import promote

    return promote(
        model_name, version, stage, policies=policies, archive_existing=archive_existing, reason=reason,
        overrides=overrides, registry_uri=registry_uri, tracking_uri=tracking_uri, actor=actor,
    )  # fmt: skip
