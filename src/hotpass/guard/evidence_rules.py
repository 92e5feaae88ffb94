"""What the guard closes in the tracking store, by name: the ledger's experiments, and tags of Hotpass' own.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

from hotpass.guard.registry_rules import OURS, is_ours
from hotpass.guard.spelling import folded
from hotpass.ledger.home import ROOT

#: Tags on runs and LoggedModels that `hotpass.ml` writes in the name of whoever trains a model. They are
#: claims, like a metric, and the guard rests nothing on them.
CLAIMS = frozenset(
    {
        "hotpass.model_file",
        "hotpass.rejected",
        "hotpass.serialization",
        "hotpass.versions",
    }
)


def is_ledger(name: str) -> bool:
    """Whether an experiment of this name is part of the ledger, for any database."""
    name = folded(name)
    return name == ROOT or name.startswith(f"{ROOT}/")


def may_be_claimed(key: str) -> bool:
    """Whether a client may write the tag `key` on a run or a LoggedModel."""
    return key in CLAIMS or not is_ours(key)


def against_tags(keys: Iterable[str]) -> list[str]:
    """Against setting or deleting these tags on a run or a LoggedModel."""
    return [
        f"the tag {key} is written by Hotpass alone, as are all that begin with {OURS} but "
        f"{', '.join(sorted(CLAIMS))}"
        for key in keys
        if not may_be_claimed(key)
    ]
