"""One policy file, from bytes to a Policy: DESIGN's format, all problems at once, each with its place."""

from __future__ import annotations

import hashlib
import re
from fnmatch import fnmatchcase
from typing import NamedTuple

from hotpass.errors import Problem
from hotpass.policy.compose import parse
from hotpass.policy.desk import Desk, Field
from hotpass.policy.entries import GateReader
from hotpass.policy.extensions import Extension, read_extensions
from hotpass.policy.model import GateEntry, Policy, PromotionEntry
from hotpass.policy.nodes import List, Node, Scalar, is_sound, value_of
from hotpass.policy.waivers import FOLDER
from hotpass.policy.words import kind_of, shorten
from hotpass.stages import RESTING, ModelStage

POLICY_KEYS = ("policy", "description", "shared", "models", "aliases", "extends", "promotions", "rollback")
PROMOTION_KEYS = ("to", "from", "gates", "archive_existing")
ROLLBACK_KEYS = ("gates",)

#: What a policy's name may be; it is in every record.
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
#: What MLflow takes as an alias, except `latest` and `v1`.
ALIAS = r"[A-Za-z0-9_-]{1,255}"

_LONGEST_PATTERN = 255
_MOST_PROBLEMS = 50
_EXAMPLE = 'models: ["lead_scoring_*"]'


class Read(NamedTuple):
    """What came of a file. `policy` is None where there are problems, and lacks what it extends; `name_at`
    is the place of the policy's name. One that is `shared` covers no model and is only there to be extended.
    """

    policy: Policy | None
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    name_at: tuple[int, int] = (1, 1)
    extends: tuple[Extension, ...] = ()
    shared: bool = False


def read_policy(content: bytes, path: str, gates: GateReader) -> Read:
    """The policy in `content`, a file's bytes. `path` is what messages call it. Raises PluginError for a gate
    whose schema cannot be used; everything that is wrong with the file itself is in the result.
    """
    root, problems = parse(content, path)
    desk = Desk(path, problems)
    read = Read(None, (), ()) if root is None else _policy(root, content, gates, desk)
    found = sorted(set(desk.problems))
    if len(found) > _MOST_PROBLEMS:
        more = len(found) - _MOST_PROBLEMS
        last = found[_MOST_PROBLEMS - 1]
        found[_MOST_PROBLEMS:] = [Problem(path, last.line, last.column, f"and {more} more problems")]
    return read._replace(
        policy=None if found else read.policy,
        problems=tuple(found),
        warnings=tuple(sorted(set(desk.warnings))),
    )


def _policy(root: Node, content: bytes, gates: GateReader, desk: Desk) -> Read:
    node = desk.mapping(root, "a policy", "Begin with `policy: a-name`.")
    if node is None:
        return Read(None, (), ())
    if "waiver" in node.entries and "promotions" not in node.entries:
        desk.note(node, "this is a waiver, and those are in a folder of their own",
                  f"Move it to {FOLDER}/ in the folder of the policies.")  # fmt: skip
        return Read(None, (), ())
    shared = "shared" in node.entries and _boolean(node.entries["shared"], "'shared'", desk) is not False
    required = ["policy"] if shared else ["policy", "models"]
    required += [] if "extends" in node.entries else ["promotions"]
    fields = desk.fields(node, POLICY_KEYS, required, "a policy", node)
    if shared and "models" in fields:
        desk.note(
            fields["models"][0], "a shared policy is only there to be extended, and covers no model",
            "Take `models` out, or `shared`.",
        )  # fmt: skip
    name = desk.text(fields.get("policy"), "a policy's name", "policy: lead-scoring")
    if name is not None and not re.fullmatch(NAME, name):
        desk.note(fields["policy"][1], f"a policy cannot be named {shorten(name)!r}",
                  "Use letters, digits, '.', '_' and '-', at most 100.")  # fmt: skip
    policy = Policy(
        name=name or "",
        models=_models(fields.get("models"), desk),
        promotions=_promotions(fields.get("promotions"), name or "", gates, desk),
        rollback=_rollback(fields.get("rollback"), name or "", gates, desk),
        description=desk.text(fields.get("description"), "'description'") or "",
        aliases=_aliases(fields.get("aliases"), desk),
        path=desk.path,
        digest=hashlib.sha256(content).hexdigest(),
    )
    at = fields["policy"][1] if "policy" in fields else node
    extends = read_extensions(fields.get("extends"), desk)
    return Read(policy, (), (), (at.line, at.column), extends, shared)


def _models(field: Field | None, desk: Desk) -> tuple[str, ...]:
    patterns = desk.texts(field, "'models'", _EXAMPLE)
    if field is None or not isinstance(field[1], List):
        return patterns
    for item in field[1].items:
        if not isinstance(item, Scalar) or item.value not in patterns:
            continue
        pattern = str(item.value)
        if len(pattern) > _LONGEST_PATTERN or pattern != pattern.strip() or not _is_pattern(pattern):
            desk.note(item, f"no model can be named {shorten(pattern)!r}",
                      f"At most {_LONGEST_PATTERN} characters, none of / : [ ], no blanks around: "
                      f"{_EXAMPLE}")  # fmt: skip
    return patterns


def _is_pattern(pattern: str) -> bool:
    """Whether a model could be named so: MLflow allows neither / nor :, and [ would open a set of characters.
    """
    if any(character in pattern for character in "/:[]"):
        return False
    try:
        fnmatchcase("", pattern)
    except (re.error, OverflowError, RecursionError):
        return False
    return True


def _aliases(field: Field | None, desk: Desk) -> tuple[str, ...]:
    aliases = desk.texts(field, "'aliases'", "aliases: [champion]")
    if field is None or not isinstance(field[1], List):
        return aliases
    seen: dict[str, Node] = {}
    for item in field[1].items:
        if not isinstance(item, Scalar) or item.value not in aliases:
            continue
        alias = str(item.value)
        if not re.fullmatch(ALIAS, alias) or re.fullmatch(r"latest|v\d+", alias, re.IGNORECASE):
            desk.note(item, f"MLflow has no alias named {shorten(alias)!r}",
                      "Use letters, digits, '_' and '-' (not 'latest', not 'v1').")  # fmt: skip
        elif alias.lower() in (stage.lower() for stage in RESTING):
            desk.note(
                item,
                f"{alias!r} is a stage in which nothing serves, so no alias points there",
                "Take it out.",
            )
        elif alias.lower() in seen:
            desk.note(
                item, f"the alias {alias!r} is given twice; case does not matter", "Keep one of the two."
            )
        seen[alias.lower()] = item
    return aliases


def _promotions(
    field: Field | None, policy: str, gates: GateReader, desk: Desk
) -> tuple[PromotionEntry, ...]:
    if field is None:
        return ()
    node = field[1]
    if not isinstance(node, List) or not node.items:
        if is_sound(node):
            value = value_of(node)
            kind = "an empty list" if value == [] else kind_of(value)
            remedy = "Begin each promotion with '- to: Production'."
            desk.note(node, f"'promotions' must be a list of promotions, and this is {kind}", remedy)
        return ()
    found: list[PromotionEntry] = []
    seen: dict[tuple[str, str], PromotionEntry] = {}
    spelt: dict[str, PromotionEntry] = {}
    for item in node.items:
        entry = _promotion(item, policy, gates, desk)
        if entry is None:
            continue
        found.append(entry)
        first = seen.setdefault((entry.to_stage.lower(), (entry.from_stage or "").lower()), entry)
        other = spelt.setdefault(entry.to_stage.lower(), entry)
        if first is not entry:
            origin = f"from {entry.from_stage}" if entry.from_stage else "without `from`"
            desk.note(item, f"a second promotion to {entry.to_stage} {origin}; the first is at {first.where}",
                      "Put the gates of both into one.")  # fmt: skip
        elif other.to_stage != entry.to_stage:
            desk.note(item, f"the stages {other.to_stage!r} and {entry.to_stage!r} differ only in case",
                      "Spell a stage the same everywhere: its alias has no case.")  # fmt: skip
    return tuple(found)


def _promotion(item: Node, policy: str, gates: GateReader, desk: Desk) -> PromotionEntry | None:
    node = desk.mapping(item, "a promotion", "Write `- to: Production` and its gates below it.")
    if node is None:
        return None
    fields = desk.fields(node, PROMOTION_KEYS, ("to", "gates"), "a promotion", node)
    to_stage, from_stage = desk.stage(fields.get("to"), "to"), desk.stage(fields.get("from"), "from")
    if to_stage == ModelStage.NONE:
        desk.note(fields["to"][1], "None is where a version begins, and nothing is promoted to it",
                  "Use `to: Archived` for putting a version away.")  # fmt: skip
    if to_stage is not None and from_stage is not None and to_stage.lower() == from_stage.lower():
        desk.note(fields["from"][1], f"a promotion from {from_stage} to itself", "Name another stage.")
    archive = None
    if "archive_existing" in fields:
        archive = _boolean(fields["archive_existing"], "'archive_existing'", desk)
    entries = gates.read(fields.get("gates"), policy, desk)
    if to_stage is None:
        return None
    return PromotionEntry(to_stage, from_stage, entries, archive, desk.where(node))


def _rollback(
    field: Field | None, policy: str, gates: GateReader, desk: Desk
) -> tuple[GateEntry, ...] | None:
    if field is None:
        return None
    node = desk.mapping(field[1], "'rollback'", "Write `rollback:` and `gates:` below it, or leave it out.")
    if node is None:
        return None
    fields = desk.fields(node, ROLLBACK_KEYS, ROLLBACK_KEYS, "a rollback", field[0])
    return gates.read(fields.get("gates"), policy, desk)


def _boolean(field: Field, what: str, desk: Desk) -> bool | None:
    node = field[1]
    if not is_sound(node):
        return None
    value = value_of(node)
    if isinstance(value, bool):
        return value
    remedy = f"Write {'true' if str(value).lower() in ('yes', 'on', 'true', '1') else 'false'}."
    desk.note(node, f"{what} must be true or false, and this is {kind_of(value)}", remedy)
    return None
