"""What speaks against a call on a model in reach that is no promotion: reasons in words, none where nothing
does.

Pure: the store reads what they need under the model's lock. *In reach* is a model that a policy covers,
*guarded* an alias that only a decision may move, *frozen* a version that may not change any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from hotpass.candidate import VersionFacts
from hotpass.guard.spelling import folded
from hotpass.ledger.reading import current_stay
from hotpass.ledger.record import Entry
from hotpass.policy.model import PolicySet
from hotpass.stages import RESTING, ModelStage

OURS = "hotpass."
PROMPT_TAG = "mlflow.prompt.is_prompt"
#: Versions that a refusal names; the others are counted.
NAMED = 5


class VersionState(NamedTuple):
    """A version as the guard sees it. `frozen` says why it may not change; None where it may."""

    facts: VersionFacts
    frozen: str | None


def is_ours(key: str) -> bool:
    """Whether only Hotpass may write the tag `key`."""
    return folded(key).startswith(OURS)


def marks_prompts(key: str) -> bool:
    return folded(key) == PROMPT_TAG


def is_prompt(tags: Mapping[str, str]) -> bool:
    """As MLflow's `_is_prompt` says of a model and of a version."""
    return (tags.get(PROMPT_TAG) or "").lower() == "true"


def against_tag(key: str) -> list[str]:
    """Against setting or deleting the tag `key` on anything in reach."""
    if is_ours(key):
        return [f"tags that begin with {OURS} are written by Hotpass alone"]
    if marks_prompts(key):
        return [
            f"the tag {PROMPT_TAG} hides a model and breaks loading it by its alias; only `create_prompt` "
            "makes a prompt"
        ]
    return []


def against_changing_tag(state: VersionState, key: str, value: str | None) -> list[str]:
    """Against giving the tag `key` of a version the `value`, or deleting it (None).

    A frozen version takes new tags, such as a reviewer's for its next promotion, and keeps those it has.
    """
    if state.frozen is None:
        return []
    has = {folded(known): (known, there) for known, there in state.facts.tags.items()}
    known, there = has.get(folded(key), (key, None))
    if there is None or (known == key and there == value):
        return []
    what = "taken away" if value is None else "changed"
    return [f"{state.frozen}, so its tag {known} may not be {what}; a new tag may be added"]


def against_deleting_version(state: VersionState, history: Iterable[Entry]) -> list[str]:
    """Against deleting a version: it stands somewhere, or the ledger tells of it."""
    reasons = [] if state.frozen is None else [state.frozen]
    about = [entry for entry in history if is_about(entry, state.facts)]
    if about:
        reasons.append(
            f"the ledger has {len(about)} record{'s' * (len(about) > 1)} about it, and they would be about "
            "nothing"
        )
    return reasons


def against_deleting_model(states: Sequence[VersionState], history: Sequence[Entry]) -> list[str]:
    """Against deleting a model: what speaks against deleting one of its versions, or a ledger."""
    return [*_frozen_ones(states), *_ledger_of("the model", history)]


def against_rename(
    states: Sequence[VersionState],
    histories: Mapping[str, Sequence[Entry]],
    guarded: Iterable[str],
    foreign: Mapping[str, str] | None,
) -> list[str]:
    """Against renaming a model into, within or out of reach: it would leave its history behind, or come with
    what no decision gave it.

    `histories` are those of the old and the new name, `guarded` the guarded aliases of both. `foreign` are
    the tags of a model that comes from out of reach, where anybody may write any tag; None for one in reach.
    """
    aliases = frozenset(map(folded, guarded))
    reasons = _frozen_ones(states)
    for state in states:
        facts, who = state.facts, f"version {state.facts.version}"
        if state.frozen is None:
            if facts.stage != ModelStage.NONE:
                reasons.append(f"{who} stands in {facts.stage}")
            reasons += [f"{who} has the alias {a}" for a in facts.aliases if folded(a) in aliases]
        if foreign is not None:
            reasons += _foreign_tags(who, facts.tags)
    reasons += _foreign_tags("the model", foreign or {})
    for name, history in histories.items():
        reasons += _ledger_of(name, history)
    return _shortened(reasons)


def against_spelling(alias: str, guarded: Iterable[str]) -> list[str]:
    """Against a guarded alias that is not written as it is guarded."""
    right = next((known for known in guarded if folded(known) == folded(alias)), None)
    if right is None or right == alias:
        return []
    return [f"the alias {right} is guarded, and whoever reads it reads it in lower case. Write: {right}"]


def against_deleting_alias(alias: str, facts: VersionFacts) -> list[str]:
    """Against deleting a guarded alias that points at a version."""
    return [
        f"{facts.model} version {facts.version} is read by it. It moves with a promotion of another "
        "version, or "
        f"with: hotpass rollback {facts.model}"
    ]


def without_ours(tags: Iterable[Any] | None, *, prompt: bool) -> list[Any]:
    """MLflow's tag entities without those that only Hotpass may write, and without the mark of prompts where
    this is none.
    """
    return [
        tag
        for tag in tags or ()
        if not is_ours(tag.key) and not (marks_prompts(tag.key) and not (prompt and tag.key == PROMPT_TAG))
    ]


def against_own_alias(
    alias: str, facts: VersionFacts, policies: PolicySet, history: Sequence[Entry]
) -> list[str]:
    """Against pointing an alias of a policy's own `aliases:` at a version.

    No stage goes with it, so no promotion leads to it; it may only follow one: to the version that holds
    Production by a decision or an adoption on record. Where no policy of the model leads to Production, any
    stage they lead to but Staging will do.
    """
    targets = {entry.to_stage for policy in policies.covering(facts.model) for entry in policy.promotions}
    serving = {ModelStage.PRODUCTION.value} & targets or targets - {*RESTING, ModelStage.STAGING}
    wanted = " or ".join(sorted(serving)) or ModelStage.PRODUCTION.value
    if facts.stage not in serving:
        return [
            f"the alias {alias} may point only at the version that is in {wanted}, and version "
            f"{facts.version} is in {facts.stage}. Promote it first"
        ]
    if facts.stage.lower() not in facts.aliases or current_stay(history, facts) is None:
        return [
            f"version {facts.version} came to {facts.stage} past Hotpass. Record what is there now: "
            f"hotpass adopt {facts.model}"
        ]
    return []


def is_about(entry: Entry, facts: VersionFacts) -> bool:
    """Whether a record of the ledger is about this very version, not one before it of the same number."""
    identity = entry.identity()
    if identity is not None:
        return identity.same_version(facts.identity())
    body = entry.record.body
    seen = [*body.get("versions", ()), *([body] if "created_at" in body else [])]
    return any((one["version"], one["created_at"]) == (facts.version, facts.created_at_ms) for one in seen)


def _frozen_ones(states: Sequence[VersionState]) -> list[str]:
    return _shortened(
        [f"version {state.facts.version}: {state.frozen}" for state in states if state.frozen is not None]
    )


def _foreign_tags(who: str, tags: Mapping[str, str]) -> list[str]:
    return [
        f"{who} has the tag {key}, which only Hotpass may give it. Delete the tag first"
        if is_ours(key)
        else f"{who} has the tag {key}, which hides the model"
        for key in tags
        if is_ours(key) or marks_prompts(key)
    ]


def _ledger_of(name: str, history: Sequence[Entry]) -> list[str]:
    if not history:
        return []
    return [
        f"the ledger of {name} has {len(history)} record{'s' * (len(history) > 1)}, which would be "
        "about nothing"
    ]


def _shortened(reasons: list[str]) -> list[str]:
    left = len(reasons) - NAMED
    return reasons if left <= 0 else [*reasons[:NAMED], f"and {left} more reasons of the kind"]
