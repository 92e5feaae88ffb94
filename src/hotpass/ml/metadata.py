"""What the registry says of the versions of a model."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hotpass.candidate import VersionFacts
from hotpass.ml.config import connect
from hotpass.stages import canonical


def get_model_metadata(
    model_name: str,
    stage: str | None = None,
    *,
    tracking_uri: str | None = None,
    registry_uri: str | None = None,
) -> list[dict[str, Any]]:
    """One dict for each version, highest first; with `stage`, only those in it.

    Keys: `name`, `version` (int), `stage`, `run_id`, `model_id`, `aliases` (list), `tags` (dict),
    `description`, `source`, `created_at` and `updated_at` (UTC). Costs one request for a thousand versions
    and one for the model's aliases.

    Raises NotFound, naming the models that exist, and RegistryError.
    """
    registry = connect(tracking_uri, registry_uri)
    model = registry.model(
        model_name
    )  # a search leaves out the aliases, and is content with a name that there is not
    wanted = None if stage is None else canonical(stage)
    aliases: dict[int, list[str]] = {}
    for alias, version in sorted(model.aliases.items()):
        aliases.setdefault(version, []).append(alias)
    return [
        _as_dict(facts, aliases.get(facts.version, []))
        for facts in registry.versions(model_name)
        if wanted is None or facts.stage == wanted
    ]


def _as_dict(facts: VersionFacts, aliases: list[str]) -> dict[str, Any]:
    return {
        "name": facts.model, "version": facts.version, "stage": facts.stage, "run_id": facts.run_id,
        "model_id": facts.model_id, "aliases": aliases, "tags": dict(facts.tags),
        "description": facts.description,
        "source": facts.source, "created_at": _time(facts.created_at_ms),
        "updated_at": _time(facts.updated_at_ms),
    }  # fmt: skip


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
