"""What a change to policies means: policy by policy, promotion by promotion, gate by gate. Pure.

Policies are the same by name, promotions by where they lead from and to, gates by the name of their entry.
Whether something is stricter or looser is said only where it is certain: where a gate's demands (see
`Gate.demands`) tell, or the rules of the engine do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from hotpass.json_values import Json
from hotpass.policy.model import GateEntry, Policy, PolicySet, PromotionEntry
from hotpass.policy.stricter import Effect, effect_of
from hotpass.policy.waivers import Waiver, in_words
from hotpass.policy.words import flow
from hotpass.stages import ModelStage
from hotpass.verdicts import Enforcement

T = TypeVar("T")

_NOBODY = object()


class Kind(StrEnum):
    """What happened to a part of a policy."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Setting:
    """One parameter or key: its dotted name, and its value before and after as YAML; "" where it is not
    there.
    """

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One change. `part` is the promotion (`Staging -> Production`), `rollback`, `waivers`, or "" for the
    policy itself; `name` the gate's entry, the waiver or the key. `before` and `after` say in sentences what
    is asked for.
    """

    policy: str
    part: str
    name: str
    kind: Kind
    effect: Effect
    settings: tuple[Setting, ...] = ()
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    #: `file:line:column` after the change, or before it for what was removed.
    where: str = ""

    def as_json(self) -> dict[str, Json]:
        return {
            "policy": self.policy, "part": self.part, "name": self.name, "kind": str(self.kind),
            "effect": str(self.effect) or None,
            "settings": [
                {"name": one.name, "before": one.before, "after": one.after} for one in self.settings
            ],
            "before": list(self.before), "after": list(self.after), "where": self.where,
        }  # fmt: skip


def differences(before: PolicySet, after: PolicySet) -> list[Difference]:
    """All changes from `before` to `after`, in the order of the policies afterwards."""
    found: list[Difference] = []
    old, new = ({policy.name: policy for policy in of.policies} for of in (before, after))
    for name in [*new, *(name for name in old if name not in new)]:
        if name not in old:
            found.append(_policy(new[name], Kind.ADDED))
        elif name not in new:
            found.append(_policy(old[name], Kind.REMOVED))
        else:
            found += _changed_policy(old[name], new[name])
    found += _waivers(before.waivers, after.waivers)
    return found


def _policy(policy: Policy, kind: Kind) -> Difference:
    """A whole policy. All policies that cover a model must allow, so one more can only keep out more."""
    said = [f"It covers {', '.join(policy.models)}."]
    for promotion in policy.promotions:
        said += [f"{part_of(promotion)}: {sentence}" for gate in promotion.gates for sentence in _says(gate)]
    return Difference(
        policy.name, "", "policy", kind, Effect.STRICTER if kind is Kind.ADDED else Effect.LOOSER,
        before=tuple(said) if kind is Kind.REMOVED else (),
        after=tuple(said) if kind is Kind.ADDED else (), where=policy.path,
    )  # fmt: skip


def _changed_policy(old: Policy, new: Policy) -> Iterator[Difference]:
    yield from _texts(new, "models", old.models, new.models, more=Effect.STRICTER)
    yield from _texts(new, "aliases", old.aliases, new.aliases, more=Effect.STRICTER)
    if old.description != new.description:
        yield _key(new, "", "description", old.description, new.description, Effect.SAME, new.path)
    pairs = _paired(old.promotions, new.promotions, lambda one: (one.from_stage, one.to_stage))
    for before, after in pairs:
        if before is None and after is not None:
            yield _promotion(old, after, Kind.ADDED)
        elif after is None and before is not None:
            yield _promotion(new, before, Kind.REMOVED)
        elif before is not None and after is not None:
            part = part_of(after)
            if _archives(before) != _archives(after):
                yield _key(new, part, "archive_existing", _archives(before), _archives(after), Effect.UNSURE,
                           after.where)  # fmt: skip
            yield from _gates(new, part, before.gates, after.gates)
    if (old.rollback is None) != (new.rollback is None):
        added = old.rollback is None
        gates = (new.rollback if added else old.rollback) or ()
        said = tuple(sentence for gate in gates for sentence in _says(gate))
        yield Difference(
            new.name, "rollback", "rollback", Kind.ADDED if added else Kind.REMOVED,
            Effect.STRICTER if added else Effect.LOOSER, before=() if added else said,
            after=said if added else (), where=gates[0].where if gates else new.path,
        )  # fmt: skip
    else:
        yield from _gates(new, "rollback", old.rollback or (), new.rollback or ())


def _promotion(other: Policy, promotion: PromotionEntry, kind: Kind) -> Difference:
    """A whole promotion. Where the `other` policy has another way to the same stage for the same versions,
    the gates of both count, so one more is stricter; else it opens a way.
    """
    said = tuple(sentence for gate in promotion.gates for sentence in _says(gate)) or ("It has no gates.",)
    beside = [
        one for one in other.entries_to(promotion.to_stage)
        if one.from_stage is None or promotion.from_stage in (None, one.from_stage)
    ]  # fmt: skip
    opens = Effect.LOOSER if kind is Kind.ADDED else Effect.STRICTER
    return Difference(
        other.name, part_of(promotion), "promotion", kind, Effect.UNSURE if beside else opens,
        before=said if kind is Kind.REMOVED else (), after=said if kind is Kind.ADDED else (),
        where=promotion.where,
    )  # fmt: skip


def part_of(promotion: PromotionEntry) -> str:
    """`Staging -> Production`."""
    return f"{promotion.from_stage or 'any stage'} -> {promotion.to_stage}"


def _archives(promotion: PromotionEntry) -> bool:
    said = promotion.archive_existing
    return promotion.to_stage == ModelStage.PRODUCTION if said is None else said


def _gates(
    policy: Policy, part: str, old: Sequence[GateEntry], new: Sequence[GateEntry]
) -> Iterator[Difference]:
    for before, after in _paired(old, new, lambda entry: (entry.name, entry.gate_name)):
        entry = after or before
        assert entry is not None
        kind = Kind.CHANGED if before and after else Kind.ADDED if after else Kind.REMOVED
        if before is not None and after is not None:
            own, common = _parameters(before, after), _keys(before, after)
            settings = (*own, *common)
            if not settings:
                continue
            effect = effect_of(before, after, parameters=len(own))
        else:
            settings = ()
            counts = entry.enforcement is not Enforcement.ADVISORY
            stricter = Effect.STRICTER if kind is Kind.ADDED else Effect.LOOSER
            effect = stricter if counts else Effect.SAME
        yield Difference(
            policy.name, part, entry.name, kind, effect, settings,
            _says(before) if before else (), _says(after) if after else (), entry.where,
        )  # fmt: skip


def _says(entry: GateEntry) -> tuple[str, ...]:
    """What the gate asks for; what a plugin's gate says of itself is its own affair, and may break."""
    try:
        said = tuple(str(sentence) for sentence in entry.gate.explain())
    except Exception:
        said = (f"{entry.name}: {flow(entry.parameters)}",)
    how = "" if entry.enforcement is Enforcement.MANDATORY else f" ({entry.enforcement})"
    return tuple(f"{sentence}{how}" for sentence in said)


def _parameters(before: GateEntry, after: GateEntry) -> tuple[Setting, ...]:
    """Every parameter that differs."""
    old, new = _leaves(before.parameters, before.gate_name), _leaves(after.parameters, after.gate_name)
    return tuple(_different(old, new))


def _keys(before: GateEntry, after: GateEntry) -> tuple[Setting, ...]:
    """Every key of the entry beside the gate that differs."""
    return tuple(_different(_common(before), _common(after)))


def _common(entry: GateEntry) -> dict[str, Any]:
    said: dict[str, Any] = {"enforcement": str(entry.enforcement)}
    if entry.by:
        said["by"] = list(entry.by)
    if entry.hint:
        said["hint"] = entry.hint
    return said


def _different(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Setting]:
    for name in dict.fromkeys([*old, *new]):
        before, after = old.get(name, _NOBODY), new.get(name, _NOBODY)
        # 1 and True are equal, and not the same.
        if type(before) is not type(after) or before != after:
            yield Setting(name, _text(before), _text(after))


def _text(value: Any) -> str:
    return "" if value is _NOBODY else flow(value)


def _leaves(value: Any, otherwise: str, name: str = "") -> dict[str, Any]:
    """`{roc_auc: {at_least: 0.75}}` as `{"roc_auc.at_least": 0.75}`; what is no mapping has the name
    `otherwise`.
    """
    if value is None and not name:
        return {}
    if isinstance(value, Mapping):
        found: dict[str, Any] = {name: value} if name and not value else {}
        for key, item in value.items():
            found |= _leaves(item, otherwise, f"{name}.{key}" if name else str(key))
        return found
    return {name or otherwise: value}


def _texts(
    policy: Policy, name: str, old: Sequence[str], new: Sequence[str], *, more: Effect
) -> Iterator[Difference]:
    """A list of texts of the policy, where it differs; with more of them it is `more`."""
    if set(old) == set(new):
        return
    less = Effect.LOOSER if more is Effect.STRICTER else Effect.STRICTER
    effect = more if set(old) < set(new) else less if set(new) < set(old) else Effect.UNSURE
    yield _key(policy, "", name, list(old), list(new), effect, policy.path)


def _key(policy: Policy, part: str, name: str, old: Any, new: Any, effect: Effect, where: str) -> Difference:
    setting = Setting(name, flow(old), flow(new))
    return Difference(policy.name, part, name, Kind.CHANGED, effect, (setting,), where=where)


def _waivers(old: Sequence[Waiver], new: Sequence[Waiver]) -> Iterator[Difference]:
    for before, after in _paired(old, new, lambda waiver: waiver.name):
        waiver = after or before
        assert waiver is not None
        settings: tuple[Setting, ...] = ()
        if before is not None and after is not None:
            settings = tuple(_different(_of_waiver(before), _of_waiver(after)))
            if not settings:
                continue
            kind, effect = Kind.CHANGED, Effect.UNSURE
            if {one.name for one in settings} == {"expires"}:
                effect = Effect.LOOSER if after.expires > before.expires else Effect.STRICTER
        else:
            kind = Kind.ADDED if after else Kind.REMOVED
            effect = Effect.LOOSER if after else Effect.STRICTER
        yield Difference(
            waiver.policy, "waivers", waiver.name, kind, effect, settings,
            (_says_waiver(before),) if before else (), (_says_waiver(after),) if after else (), waiver.where,
        )  # fmt: skip


def _of_waiver(waiver: Waiver) -> dict[str, Any]:
    return {
        "policy": waiver.policy, "gate": waiver.gate, "model": waiver.model, "to": waiver.to_stage,
        "versions": sorted(waiver.versions), "reason": waiver.reason, "granted_by": waiver.granted_by,
        "granted": waiver.granted_from.isoformat(), "expires": waiver.expires.isoformat(),
    }  # fmt: skip


def _says_waiver(waiver: Waiver) -> str:
    versions = ", ".join(map(str, sorted(waiver.versions)))
    return (
        f"{waiver.gate} is waived for {waiver.model} version {versions} on the way to "
        f"{waiver.to_stage} until "
        f"{in_words(waiver.expires)}, granted by {waiver.granted_by}: {waiver.reason}"
    )


def _paired(old: Iterable[T], new: Iterable[T], key: Any) -> Iterator[tuple[T | None, T | None]]:
    """What is the same by `key`, in the order of `new`, then what is only in `old`. What has the same key
    several times is taken in order.
    """
    waiting: dict[Any, list[T]] = {}
    for one in old:
        waiting.setdefault(key(one), []).append(one)
    for one in new:
        same = waiting.get(key(one))
        yield (same.pop(0) if same else None), one
    for left in waiting.values():
        for one in left:
            yield one, None
