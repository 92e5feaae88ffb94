"""Policies in plain sentences, for people who decide about them and do not read YAML.

`explain` says what a policy comes to; `policy/explained.py` writes that as text or as Markdown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hotpass.gates import Gate, first_sentence
from hotpass.policy.model import GateEntry, Policy, PolicySet, PromotionEntry
from hotpass.policy.waivers import Waiver, in_words
from hotpass.spoken import all_of, any_of
from hotpass.stages import ModelStage
from hotpass.texts import shown
from hotpass.verdicts import Enforcement


@dataclass(frozen=True, slots=True)
class Rule:
    """What one gate asks for, as sentences, and what else is to be said of it, as sentences too."""

    gate: str
    name: str
    says: tuple[str, ...]
    notes: tuple[str, ...]
    enforcement: Enforcement
    where: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "gate": self.gate, "name": self.name, "says": list(self.says), "notes": list(self.notes),
            "enforcement": self.enforcement.value, "where": self.where,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Section:
    """One promotion, or rolling back: what goes before, the rules that block, those that do not, and what
    goes after.
    """

    heading: str
    before: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    only_shown: tuple[Rule, ...] = ()
    after: tuple[str, ...] = ()
    to_stage: str | None = None
    from_stage: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "heading": self.heading, "to": self.to_stage, "from": self.from_stage,
            "before": list(self.before), "rules": [rule.as_json() for rule in self.rules],
            "only_shown": [rule.as_json() for rule in self.only_shown], "after": list(self.after),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Explanation:
    """One policy in words."""

    policy: str
    path: str
    description: str
    about: tuple[str, ...]
    sections: tuple[Section, ...]
    #: The waivers in force, a sentence or two each.
    exceptions: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "policy": self.policy, "path": self.path, "description": self.description,
            "about": list(self.about), "sections": [section.as_json() for section in self.sections],
            "exceptions": list(self.exceptions),
        }  # fmt: skip


def explain(policies: PolicySet, now: datetime) -> tuple[Explanation, ...]:
    """Each of `policies` in words, in their order; of the waivers those that are in force at `now`
    (timezone-aware).
    """
    return tuple(_policy(policy, policies.waivers, now) for policy in policies.policies)


def _policy(policy: Policy, waivers: Iterable[Waiver], now: datetime) -> Explanation:
    about = [f"It is about {_models(policy.models)}."]
    if policy.extends:
        shared = all_of([f"{shown(ref.name)} ({shown(ref.path)})" for ref in policy.extends])
        about.append(f"It holds all rules of the shared policy {shared}, and adds to them.")
    about.append("Their versions move only as said here; any other way is denied.")
    aliases = sorted(policy.guarded_aliases())
    if aliases:
        many = len(aliases) > 1
        about.append(f"The alias{'es' if many else ''} {all_of(aliases)}, by which others find a version, "
                     f"move{'' if many else 's'} only with such a decision.")  # fmt: skip
    in_force = [
        waiver for waiver in waivers
        if waiver.policy == policy.name and waiver.granted_from <= now < waiver.expires
    ]  # fmt: skip
    return Explanation(
        policy=shown(policy.name),
        path=shown(policy.path),
        description=" ".join(shown(policy.description.replace("\n", " ")).split()),
        about=tuple(about),
        sections=(*(_promotion(entry, policy) for entry in policy.promotions), _rollback(policy),
                  *_putting_away(policy)),
        exceptions=tuple(map(_exception, in_force)),
    )  # fmt: skip


def _promotion(entry: PromotionEntry, policy: Policy) -> Section:
    to, origin = entry.to_stage, entry.from_stage
    if origin is None:
        whence = "from any stage"
        before = ["A version that serves elsewhere now cannot take this way."]
    else:
        whence = (
            "for new versions, which are in no stage yet" if origin == ModelStage.NONE else f"from {origin}"
        )
        before = []
    return Section(
        f"To {to}, {whence}", tuple(before), *_rules(entry.gates, policy),
        after=(*_champion(entry.gates, to), *_others(entry)), to_stage=to, from_stage=origin,
    )  # fmt: skip


def _others(entry: PromotionEntry) -> list[str]:
    """What becomes of the versions that are in the stage."""
    to = entry.to_stage
    archived = entry.archive_existing
    if archived is None:
        archived = to == ModelStage.PRODUCTION
    if archived:
        return [f"Whatever other version is in {to} then is archived."]
    return [f"Other versions may stay in {to}."] if to == ModelStage.PRODUCTION else []


def _champion(gates: Iterable[GateEntry], to: str) -> list[str]:
    if any("champion" in sentence for gate in gates for sentence in sentences(gate)):
        return [f"The champion is the version that is in {to} at that time."]
    return []


def _rollback(policy: Policy) -> Section:
    before = (
        "A version may be put back where it was before if an allowed decision once put it there, its "
        "files are "
        "still the same, it does not serve elsewhere, and a reason is given.",
    )
    gates = policy.rollback or ()
    after = () if gates else ("Nothing else is asked for: no waiting and no approval.",)
    return Section(
        "Rolling back", before, *_rules(gates, policy), after=(*after, *_champion(gates, "the stage"))
    )


def _putting_away(policy: Policy) -> list[Section]:
    if any(entry.to_stage == ModelStage.ARCHIVED and entry.from_stage is None for entry in policy.promotions):
        return []
    named = [entry for entry in policy.promotions if entry.to_stage == ModelStage.ARCHIVED]
    words = "A version by which nobody is served, new or in Staging, may be archived at any time."
    return [
        Section("Putting away", (words if not named else words.replace("A version", "Any other version"),))
    ]


def _rules(gates: Sequence[GateEntry], policy: Policy) -> tuple[tuple[Rule, ...], tuple[Rule, ...]]:
    rules = [_rule(gate, policy) for gate in gates]
    advisory = Enforcement.ADVISORY
    return (
        tuple(rule for rule in rules if rule.enforcement is not advisory),
        tuple(rule for rule in rules if rule.enforcement is advisory),
    )


def _rule(entry: GateEntry, policy: Policy) -> Rule:
    notes = []
    if entry.name != entry.gate_name:
        notes.append(f"This rule is called {shown(entry.name)}.")
    if entry.enforcement is Enforcement.OVERRIDABLE:
        who = any_of([shown(name) for name in entry.by]) or "Nobody"
        notes.append(f"{who} may let a version through without it, with a reason.")
    if entry.hint:
        notes.append(f"Whoever waits for it is told: {shown(entry.hint).rstrip('.')}.")
    origin = entry.where.rsplit(":", 2)[0]
    if policy.extends and origin != policy.path:
        notes.append(f"This comes from the shared policy {shown(origin)}.")
    return Rule(
        entry.gate_name, shown(entry.name), sentences(entry), tuple(notes), entry.enforcement, entry.where
    )


def sentences(entry: GateEntry) -> tuple[str, ...]:
    """What the gate says of itself; the beginning of its docstring where it says nothing, or breaks."""
    plain = (_sentence(first_sentence(entry.gate, entry.parameters)),)
    if type(entry.gate).explain is Gate.explain:
        return plain
    try:
        said = entry.gate.explain()
        found = [said] if isinstance(said, str) else [str(one) for one in said]
    except (Exception, SystemExit):
        # A plugin's code ran. What the gate asks for is still said, if not as well.
        return plain
    return tuple(_sentence(one) for one in found if one.strip()) or plain


def _sentence(text: str) -> str:
    """`text` on one line, with a capital and a full stop."""
    line = shown(" ".join(text.split()))
    line = line[:1].upper() + line[1:]
    return line if line.endswith((".", "!", "?", ")")) else f"{line}."


def _models(patterns: Sequence[str]) -> str:
    """Which models the patterns are about."""
    if "*" in patterns:
        return "every model"
    return any_of_models([_model(pattern) for pattern in patterns])


def any_of_models(said: Sequence[str]) -> str:
    names = [text for text in said if not text.startswith("every")]
    kinds = [text for text in said if text.startswith("every")]
    if names:
        kinds.insert(0, f"the model{'s' if len(names) > 1 else ''} {all_of(names)}")
    return all_of(kinds)


def _model(pattern: str) -> str:
    inner = pattern.strip("*")
    if "*" in inner or "?" in inner:
        return f"every model whose name has the form {pattern} (* is any text, ? any one character)"
    if inner == pattern:
        return pattern
    if pattern == f"{inner}*":
        return f"every model whose name begins with {inner}"
    if pattern == f"*{inner}":
        return f"every model whose name ends with {inner}"
    return f"every model whose name has {inner} in it"


def _exception(waiver: Waiver) -> str:
    many = len(waiver.versions) > 1
    versions = all_of([str(version) for version in sorted(waiver.versions)])
    return (
        f"Until {in_words(waiver.expires)}, version{'s' if many else ''} {versions} of {shown(waiver.model)} "
        f"may go to {waiver.to_stage} without the rule {shown(waiver.gate)}. "
        f"{shown(waiver.granted_by)} granted "
        f"this: {shown(waiver.reason).rstrip('.')}."
    )
