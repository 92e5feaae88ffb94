"""Whether what a decision rests on is still as it was when the decision was made."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from hotpass.gather import Batch
from hotpass.policy.model import PolicySet
from hotpass.registry.port import Reader
from hotpass.resolving import Resolved
from hotpass.verdicts import Decision


class PolicyFiles:
    """The files of the policies and waivers that this process has read."""

    def __init__(self, policies: PolicySet) -> None:
        self._files = {policy.path: policy.files for policy in policies.policies}
        self._waivers = {waiver.where: waiver.disk for waiver in policies.waivers}

    def changed(self, decision: Decision) -> str:
        """Which policy of the decision, or waiver that it used, changed on disk, in words; "" where none did.

        A waiver that it did not use can only let pass, so what became of that is no matter.
        """
        for judgement in decision.excused:
            excuse = judgement.excuse
            disk = self._waivers.get(excuse.where, "") if excuse else ""
            if excuse and disk and _digest(disk) != excuse.digest:
                return f"the waiver {excuse.waiver} ({excuse.where}) changed on disk"
        for ref in decision.policies:
            for number, file in enumerate(self._files.get(ref.path, ())):
                if _digest(file.path) == file.digest:
                    continue
                if number:
                    return f"{file.path}, which policy {ref.path} extends, changed on disk"
                return f"policy {ref.path} changed on disk"
        return ""

    def unless_changed(self, decision: Decision) -> Decision:
        """By a policy or a waiver that changed since it was read nothing is carried out: this process has
        only the old one.
        """
        changed = self.changed(decision) if decision.allowed else ""
        if not changed:
            return decision
        return decision.as_overtaken(f"{changed} since it was read. Nothing was moved; promote again.")


def _digest(path: str) -> str:
    """SHA-256 of the file as it is now; "" where it is gone."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return ""


def changed_since(reader: Reader, resolved: Resolved, batch: Batch) -> str:
    """Whether the registry, or the evidence in `batch`, is not what it was, in words; "" where it is."""
    stage, before = resolved.request.to_stage, resolved.facts
    model = reader.model(before.model)
    champion = reader.holder(model, stage) if resolved.alias else None
    if champion is not None and champion.version == before.version:
        champion = None
    if (champion and champion.version) != (resolved.champion and resolved.champion.version):
        return f"the holder of {stage} changed"
    now = model.find(before.version) or reader.version(before.model, before.version)
    if (now.stage, now.created_at_ms, now.tags) != (before.stage, before.created_at_ms, before.tags):
        return f"version {now.version} itself changed"
    if replace(resolved, model=model).aliases_to_delete() != resolved.aliases_to_delete():
        return f"the aliases of version {now.version} changed"
    if _not_ours(model.tags) != _not_ours(resolved.model.tags):
        return "the model's tags changed"
    return "the evidence changed" if batch.changed(reader) else ""


def _not_ours(tags: Mapping[str, str]) -> dict[str, str]:
    """`tags` without those that Hotpass writes on models, which say how far the ledger reaches."""
    return {key: value for key, value in tags.items() if not key.startswith("hotpass.")}


def unless_overtaken(decision: Decision, first: Resolved, now: Resolved) -> Decision:
    """A champion that changed while this promotion waited is not the one that the caller asked to replace."""
    before = first.champion.version if first.champion else None
    after = now.champion.version if now.champion else None
    if before == after or now.in_place or not (now.archive or "champion" in (decision.evidence or {})):
        return decision
    was, by = (f"version {version}" if version is not None else "nobody" for version in (before, after))
    note = (
        f"overtaken: {now.request.to_stage} was held by {was} when this began and is held by {by} now. "
        f"Nothing was moved; promote again to be judged against {by}."
    )
    return decision.as_overtaken(note)
