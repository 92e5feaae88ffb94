"""What must hold after every attack.

None changes what serves, and none changes a past decision or what it rests on, without an allowed decision on
record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hotpass.ledger.record import (
    PARAM_NEXT,
    TAG_FROM,
    TAG_HASH,
    TAG_KIND,
    TAG_MODEL,
    TAG_OUTCOME,
    TAG_TO,
    TAG_VERSION,
    join,
)
from hotpass.ledger.seal import TAG_SEAL, Seal
from support.bypass.view import PROMPT, Rows, View, marks

#: Where MLflow says a prompt's version comes from; it takes nothing else for a prompt.
PROMPT_SOURCES = frozenset({"dummy-source", "prompt-template"})


@dataclass(frozen=True)
class Moved:
    """An allowed decision that moved a version."""

    workspace: str
    model: str
    version: int
    to: str


class Watch:
    """Compares two views. `seal` proves who wrote a record; None where no guard writes any."""

    def __init__(self, seal: Seal | None) -> None:
        self._seal = seal

    def breaches(self, before: View, after: View) -> list[str]:
        """What happened between two looks that must not; none where all is well."""
        new = {run: tags for run, tags in after.records.items() if run not in before.records}
        found = [*self._strangers(new)]
        moved = [move for tags in new.values() if (move := _moved(tags)) is not None]
        after = _without_prompts(before, after)
        found += _different(*_as_decided(before.serves, after.serves, moved))
        found += _different(before.evidence, after.evidence)
        found += _different(before.files, after.files)
        found += _different(
            before.ledger,
            {
                k: v
                for k, v in after.ledger.items()
                if k in before.ledger or not self._appended(k, v, new, after)
            },
        )
        decided = {(move.model, move.version) for move in moved}
        found += _different(*(
            {k: v for k, v in marks.items() if k[0] != "version tag" or (k[2], k[3]) not in decided}
            for marks in (
                before.marks,
                {k: v for k, v in after.marks.items() if k in before.marks or not _harmless_mark(k)},
            )
        ))  # fmt: skip
        return found

    def _strangers(self, new: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
        """Records that the guard did not write."""
        for run, tags in new.items():
            if self._seal is None:
                yield f"a record was written past Hotpass: {run}"
            elif tags.get(TAG_KIND) != "genesis":
                digest = join(dict(tags))[1] if TAG_HASH in tags else ""
                if digest != tags.get(TAG_HASH) or not self._seal.proves(digest, tags.get(TAG_SEAL)):
                    yield f"a record has no seal of the guard's: {run} {dict(tags)}"

    def _appended(
        self, key: tuple[Any, ...], row: tuple[Any, ...], new: Mapping[str, Mapping[str, str]], after: View
    ) -> bool:
        """Whether this row of the ledger came with a new record: it is that record's, the link to it, or its
        model's new ledger.
        """
        if key[0] == "record param" and key[2] == PARAM_NEXT:
            return row[0] in new
        if key[0] in ("experiment", "experiment tag"):
            name = str(after.ledger["experiment", key[1]][0])
            models = {tags.get(TAG_MODEL) for tags in new.values()}
            return self._seal is not None and (name == "hotpass-ledger" or name.partition("/")[2] in models)
        return key[1] in new


def _without_prompts(before: View, after: View) -> View:
    """`after` without prompts that are new: a prompt is no model, and passes."""
    known = {key[2] for key in before.serves} | {key[2] for key in before.marks if key[0] == "model tag"}
    marked = {
        key[2]
        for key, row in after.marks.items()
        if key[0] == "model tag" and key[3] == PROMPT and row == ("true",)
    }
    models = {
        key[2] for key, row in after.serves.items() if key[0] == "version" and row[1] not in PROMPT_SOURCES
    }
    prompts = marked - models - known
    return replace(
        after,
        serves={key: row for key, row in after.serves.items() if key[2] not in prompts},
        marks={key: row for key, row in after.marks.items() if key[2] not in prompts},
    )


def _harmless_mark(key: tuple[Any, ...]) -> bool:
    """A new tag on a frozen version is a reviewer's, unless it is one of Hotpass' or hides the version."""
    return key[0] == "version tag" and not marks(key[4])


def _moved(tags: Mapping[str, str]) -> Moved | None:
    if (
        tags.get(TAG_KIND) != "decision"
        or tags.get(TAG_OUTCOME) != "allowed"
        or tags[TAG_FROM] == tags[TAG_TO]
    ):
        return None
    return Moved(join(dict(tags))[0].workspace, tags[TAG_MODEL], int(tags[TAG_VERSION]), tags[TAG_TO])


def _as_decided(before: Rows, after: Rows, moved: list[Moved]) -> tuple[Rows, Rows]:
    """`before` as the decisions changed it, and of `after` what may be compared with it: a new version in no
    stage changes nothing.
    """
    wanted = dict(before)
    for move in moved:
        for key, row in before.items():
            if key[:3] == ("version", move.workspace, move.model):
                stage = wanted[key][0]
                if key[3] == move.version:
                    wanted[key] = (move.to, *row[1:])
                elif stage == move.to == "Production":
                    wanted[key] = ("Archived", *row[1:])
        for alias in ("production", "staging"):
            key = ("alias", move.workspace, move.model, alias)
            if alias == move.to.lower():
                wanted[key] = (move.version,)
            elif wanted.get(key) == (move.version,):
                del wanted[key]
    seen = {
        key: row for key, row in after.items()
        if key in wanted or key[0] != "version" or row[0] not in ("None", "Deleted_Internal")
    }  # fmt: skip
    return wanted, seen


def _different(before: Rows, after: Rows) -> Iterator[str]:
    for key in sorted({*before, *after}, key=str):
        was, now = before.get(key), after.get(key)
        if was != now:
            yield f"{' '.join(map(str, key))}: {_told(was)} became {_told(now)}"


def _told(row: tuple[Any, ...] | None) -> str:
    return "nothing" if row is None else str(row)[:300]
