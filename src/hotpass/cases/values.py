"""The values in a case, from nodes of the file to what `hotpass.testing.candidate` takes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from hotpass.cases import keys
from hotpass.cases.keys import Key
from hotpass.cases.model import OUTCOMES
from hotpass.cases.times import moment
from hotpass.facts import Approval, Dataset, Metric, Person, Stay
from hotpass.policy.desk import Desk, Field
from hotpass.policy.nodes import List, Map, Node, Scalar, is_sound, value_of
from hotpass.policy.words import closest, flow, kind_of, listed, shorten
from hotpass.verdicts import Verdict

_NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_VERDICTS = tuple(verdict.value for verdict in Verdict)


def _is_empty(node: Node) -> bool:
    return isinstance(node, Scalar) and node.sound and node.value is None


class Values:
    """Reads values of cases, judged at `now`. What is wrong goes to `desk`, and None stands for it.

    What the cases of a file have in common, by its defaults and anchors, is read once.
    """

    def __init__(self, desk: Desk, now: datetime) -> None:
        self.desk = desk
        self.now = now
        self._read: dict[tuple[int, str, datetime], tuple[Node, Any]] = {}
        self._readers: Mapping[str, Callable[[str, Node], Any]] = {
            "approvals": self._approvals, "datasets": self._datasets, "flag": self._flag, "json": self._json,
            "messages": self._messages, "metrics": self._metrics, "moment": self.moment,
            "outcome": self._outcome, "person": self.person, "signature": self._signature,
            "stage": self._stage, "stays": self._stays, "text": self._text, "texts": self._texts,
            "values": self._values, "verdicts": self._verdicts, "version": self._version,
        }  # fmt: skip

    def read(self, table: Mapping[str, Key], fields: Mapping[str, Field]) -> dict[str, Any]:
        """The values of `fields` by key, without those that are wrong. Keys whose kind is read elsewhere are
        passed over.
        """
        found = {}
        for name, (_, node) in fields.items():
            reader = self._readers.get(table[name].kind)
            if reader is None:
                continue
            key = (id(node), name, self.now)
            known = self._read.get(key)
            if known is not None:
                found[name] = known[1]
                continue
            before = len(self.desk.problems)
            value = reader(name, node)
            if value is not None:
                found[name] = value
                # What is wrong is told of every case that has it, or one would run without it.
                if len(self.desk.problems) == before:
                    self._read[key] = (node, value)  # with the node, so that its id stays its own
        return found

    def moment(self, what: str, node: Node) -> datetime | None:
        text = self.desk.text_of(node, repr(what), f"{what}: 25h ago", one_of_few=True)
        if text is None:
            return None
        try:
            return moment(text.strip(), self.now)
        except ValueError as error:
            message, _, remedy = str(error).partition(". ")
            self.desk.note(node, f"{what!r}: {shorten(message, 200)}", remedy)
            return None

    def person(self, what: str, node: Node) -> Person | None:
        """A name alone is that of somebody who has authenticated, as in `hotpass.testing.candidate`."""
        fields = self._named(repr(what), node, keys.PERSON, "a person")
        return None if fields is None else self._person(fields)

    # --- plain values ---------------------------------------------------------------------------------------

    def _text(self, what: str, node: Node) -> str | None:
        return self.desk.text_of(node, repr(what))

    def _string(self, what: str, node: Node) -> str | None:
        """As `_text`; an empty one is a value as well."""
        if isinstance(node, Scalar) and node.value == "":
            return ""
        return self.desk.text_of(node, what)

    def _flag(self, what: str, node: Node) -> bool | None:
        if not is_sound(node):
            return None
        value = value_of(node)
        if isinstance(value, bool):
            return value
        meant = str(value).strip().lower() in ("yes", "on", "true", "1")
        remedy = f"Write {'true' if meant else 'false'}."
        self.desk.note(node, f"{what!r} must be true or false, and this is {kind_of(value)}", remedy)
        return None

    def _version(self, what: str, node: Node) -> int | None:
        value = value_of(node) if is_sound(node) else 1
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
        self.desk.note(
            node, f"{what!r} must be a whole number from 1, and this is {kind_of(value)}", f"{what}: 3"
        )
        return None

    def _json(self, what: str, node: Node) -> Any:
        found = self.desk.mapping(node, repr(what), f"For example: {what}: {{fairness: {{gap: 0.02}}}}")
        return None if found is None or not is_sound(found) else value_of(found)

    def _stage(self, what: str, node: Node) -> str | None:
        return self.desk.stage((Scalar(node.line, node.column), node), what)

    def _texts(self, what: str, node: Node) -> tuple[str, ...]:
        return self.desk.texts((Scalar(node.line, node.column), node), repr(what), f"{what}: [canary]")

    def _messages(self, what: str, node: Node) -> tuple[str, ...] | None:
        if isinstance(node, List):
            return self._texts(what, node)
        text = self._text(what, node)
        return None if text is None else (text,)

    def _choice(self, what: str, node: Node, choices: Sequence[str]) -> str | None:
        text = self.desk.text_of(node, repr(what), f"{what}: {choices[0]}", one_of_few=True)
        if text is None or text in choices:
            return text
        meant = closest(text, choices)
        remedy = f"Did you mean {meant!r}?" if meant else f"Use {listed(choices, 'or')}."
        self.desk.note(node, f"{what!r} cannot be {shorten(text)!r}", remedy)
        return None

    def _outcome(self, what: str, node: Node) -> str | None:
        return self._choice(what, node, OUTCOMES)

    def _verdicts(self, what: str, node: Node) -> dict[str, Verdict] | None:
        found = self.desk.mapping(node, repr(what), f"For example: {what}: {{metric_threshold: failed}}")
        if found is None:
            return None
        verdicts = {name: self._choice(name, below, _VERDICTS) for name, (_, below) in found.entries.items()}
        return {name: Verdict(verdict) for name, verdict in verdicts.items() if verdict is not None}

    def _values(self, what: str, node: Node) -> dict[str, str] | None:
        found = self.desk.mapping(node, repr(what), f"For example: {what}: {{owner: ana}}")
        if found is None:
            return None
        texts = {
            name: self._string(f"{name!r} under {what!r}", below)
            for name, (_, below) in found.entries.items()
        }
        return {name: text for name, text in texts.items() if text is not None}

    # --- records --------------------------------------------------------------------------------------------

    def _named(self, what: str, node: Node, known: Sequence[str], kind: str) -> Mapping[str, Field] | None:
        """The fields of a mapping with a name, or of a name that stands for one."""
        if isinstance(node, Map):
            return self._fields(node, known, ("name",), kind)
        name = self.desk.text_of(node, what, "ana, or {name: ana, authenticated: false}")
        return None if name is None else {"name": (Scalar(node.line, node.column), node)}

    def _fields(
        self, node: Map, known: Sequence[str], required: Sequence[str], kind: str
    ) -> Mapping[str, Field]:
        """As `Desk.fields`; a key with nothing behind it is one that is not there."""
        fields = self.desk.fields(node, known, (), kind, node)
        given = {name: field for name, field in fields.items() if not _is_empty(field[1])}
        for name in required:
            if name not in given:
                self.desk.note(node, f"{kind} needs the key {name!r}", f"Add `{name}:`.")
        return given

    def _items(self, what: str, node: Node, example: str) -> Sequence[Node]:
        if isinstance(node, List):
            return node.items
        if is_sound(node):
            remedy = f"For example: {what}: {example}"
            self.desk.note(node, f"{what!r} must be a list, and this is {kind_of(value_of(node))}", remedy)
        return ()

    def _person(self, fields: Mapping[str, Field]) -> Person | None:
        name = self._text("name", fields["name"][1]) if "name" in fields else None
        checked = (
            self._flag("authenticated", fields["authenticated"][1]) if "authenticated" in fields else True
        )
        return None if name is None or checked is None else Person(name, checked)

    def _approvals(self, what: str, node: Node) -> tuple[Approval, ...]:
        given = []
        for number, item in enumerate(self._items(what, node, "[ana, ben]"), 1):
            fields = self._named("an approval", item, keys.APPROVAL, "an approval")
            person = None if fields is None else self._person(fields)
            if fields is None or person is None:
                continue
            at = self.moment("at", fields["at"][1]) if "at" in fields else self.now
            reason = self._text("reason", fields["reason"][1]) if "reason" in fields else ""
            if at is not None and reason is not None:
                given.append(Approval(*person, at, reason, f"approval-{number}"))
        return tuple(given)

    def _datasets(self, what: str, node: Node) -> tuple[Dataset, ...]:
        found = []
        for item in self._items(what, node, "[{name: contacts_2025, digest: 1a2b}]"):
            below = self.desk.mapping(item, "a data set", "For example: {name: contacts_2025, digest: 1a2b}")
            if below is None:
                continue
            fields = self._fields(below, keys.DATASET, ("name",), "a data set")
            texts = {name: self._string(repr(name), value) for name, (_, value) in fields.items()}
            found.append(
                Dataset(texts.get("name") or "", texts.get("digest") or "", texts.get("context") or "")
            )
        return tuple(found)

    def _stays(self, what: str, node: Node) -> tuple[Stay, ...]:
        found = []
        for number, item in enumerate(self._items(what, node, "[{stage: Staging, since: 9d ago}]"), 1):
            below = self.desk.mapping(item, "a stay", "For example: {stage: Staging, since: 9d ago}")
            if below is None:
                continue
            fields = self._fields(below, keys.STAY, ("stage", "since"), "a stay")
            stage = self.desk.stage(fields.get("stage"), "stage")
            since = self.moment("since", fields["since"][1]) if "since" in fields else None
            until = self.moment("until", fields["until"][1]) if "until" in fields else None
            if stage is not None and since is not None:
                found.append(Stay(stage, since, until, f"record-{number}"))
        return tuple(found)

    def _signature(self, what: str, node: Node) -> dict[str, Any] | None:
        found = self.desk.mapping(
            node, repr(what), "For example: signature: {inputs: [age], outputs: [score]}"
        )
        if found is None:
            return None
        sides: dict[str, Any] = {}
        for side, (_, below) in self._fields(found, keys.SIGNATURE, (), "a signature").items():
            if isinstance(below, Map):
                sides[side] = self._values(side, below)
            else:
                items = self._items(side, below, "[age, income]")
                sides[side] = [self._string(f"each of {side!r}", item) or "" for item in items]
        return sides

    # --- metrics --------------------------------------------------------------------------------------------

    def _metrics(self, what: str, node: Node) -> dict[str, float | Metric] | None:
        found = self.desk.mapping(node, repr(what), f"For example: {what}: {{roc_auc: 0.81}}")
        if found is None:
            return None
        metrics: dict[str, float | Metric] = {}
        for name, (_, below) in found.entries.items():
            if not isinstance(below, Map):
                number = self._number(name, below)
                if number is not None:
                    metrics[name] = number
                continue
            fields = self._fields(below, keys.METRIC, ("value",), "a metric")
            value = self._number(name, fields["value"][1]) if "value" in fields else None
            texts = {
                key: self._string(repr(key), field[1]) for key, field in fields.items() if key != "value"
            }
            if value is not None:
                metrics[name] = Metric(
                    name, value, "logged model", texts.get("dataset") or "", texts.get("dataset_digest") or ""
                )
        return metrics

    def _number(self, name: str, node: Node) -> float | None:
        if not is_sound(node):
            return None
        value = value_of(node)
        if isinstance(value, str) and value.lower() in _NOT_FINITE:
            return _NOT_FINITE[value.lower()]
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        remedy = "Take the quotes away." if isinstance(value, str) and _is_number(value) else (
            f"For example: {flow(name)}: 0.81, or nan, inf, -inf"
        )  # fmt: skip
        self.desk.note(node, f"the metric {name!r} must be a number, and this is {kind_of(value)}", remedy)
        return None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
