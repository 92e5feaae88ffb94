"""Who a candidate is, and which policy files a decision rests on: frozen values."""

from __future__ import annotations

from typing import NamedTuple

from hotpass.json_values import as_number, as_text


class PolicyRef(NamedTuple):
    """A policy that took part in a decision: its name, its file and the SHA-256 of that file."""

    name: str
    path: str
    digest: str


class Identity(NamedTuple):
    """Who a candidate is. A model deleted and created again starts at version 1 and must not inherit a
    history.

    `created_at` is the version's creation timestamp in milliseconds since the epoch, as MLflow gives it;
    `artifact_digest` is the SHA-256 over the sorted pairs of path and file hash, or "" where it was not asked
    for.
    """

    workspace: str
    model: str
    version: int
    created_at: int
    artifact_digest: str = ""

    def same_version(self, other: Identity) -> bool:
        """Whether both are the same registered version (its artifacts apart)."""
        return self[:4] == other[:4]


def identity_from_json(
    workspace: str, model: str, version: int, created_at: int, artifact_digest: str
) -> Identity:
    """The identity that `_asdict` gave. Raises TypeError for anything else."""
    return Identity(
        as_text(workspace),
        as_text(model),
        as_number(version),
        as_number(created_at),
        as_text(artifact_digest),
    )
