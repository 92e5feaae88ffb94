"""Stage names: MLflow's four, or a team's own."""

from __future__ import annotations

import re
from enum import StrEnum

from hotpass.errors import CallError


class ModelStage(StrEnum):
    """MLflow's four stages. A `str`, so that it can be passed wherever MLflow wants a name."""

    NONE = "None"
    STAGING = "Staging"
    PRODUCTION = "Production"
    ARCHIVED = "Archived"


#: Stages in which nothing serves: leaving Production for one of them is a demotion.
RESTING = frozenset({ModelStage.NONE, ModelStage.ARCHIVED})

_BY_LOWER = {stage.value.lower(): stage.value for stage in ModelStage}
#: The pattern of a team's own stage names; each could be an alias too.
TEAM_STAGE = "[A-Za-z][A-Za-z0-9_-]{0,62}"


def canonical(stage: str) -> str:
    """`stage` as MLflow spells it (`production` becomes `Production`); a team's own name is kept as it is.

    Raises CallError for a name that could not be an alias either (letters, digits, `-`, `_`; at most 63).
    """
    name = str(stage).strip()
    known = _BY_LOWER.get(name.lower())
    if known is not None:
        return known
    if not re.fullmatch(TEAM_STAGE, name) or name.lower() == "latest" or re.fullmatch(r"[vV]\d+", name):
        names = ", ".join(stage.value for stage in ModelStage)
        raise CallError(
            f"{stage!r} is not a stage. Use one of {names}, or a name of your own: a letter, then "
            "letters, digits, '-' or '_' (not 'latest', not 'v1')."
        )
    return name


def is_native(stage: str) -> bool:
    """Whether MLflow itself knows the stage."""
    return stage.lower() in _BY_LOWER


def alias_of(stage: str) -> str | None:
    """The alias that points at the version holding `stage`; None for the stages in which nothing serves."""
    return None if stage in RESTING else stage.lower()
