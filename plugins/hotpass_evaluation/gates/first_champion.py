"""Whether a stage that nobody holds may get a version that was compared with none."""

from __future__ import annotations

from hotpass.candidate import Candidate


def refusal(candidate: Candidate, allowed: bool) -> str:
    """Why the candidate may not be the first in its target stage, which nobody holds; "" where it may.

    A stage that was held before and was emptied does not count as new: whoever archives the champion would
    get the next one in without a comparison. The version that held it last may come back.
    """
    stage = candidate.to_stage
    if not allowed:
        return (
            f"no version holds {stage} yet, so there is nothing to compare with; `first_champion: allow` in "
            "the policy lets a first one in"
        )
    held = [one.identity for one in candidate.earlier() if one.moved and one.to_stage == stage]
    if not held or held[-1].same_version(candidate.identity):
        return ""
    last, model = held[-1].version, candidate.model
    return (
        f"no version holds {stage} now, but it was held before, by version {last} last, so this one is no "
        "first champion (`first_champion: allow`). Bring that one back, so that this one is compared with it "
        f"(hotpass rollback {model} --to-version {last} --stage {stage} --reason …); or, where {stage} was "
        "emptied on purpose, let this one in with --override and a --reason, if the policy lets you"
    )
