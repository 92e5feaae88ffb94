"""A rule in CEL: checked as a whole before any candidate is seen, then judged with the values that it reads.

CEL itself does the parsing, the types and the evaluation, with limits on depth, on the steps of loops and
(RE2) on regular expressions. Here is what a gate needs on top: which fields a rule reads, and numbers that
behave as a person reads them, which doubles do not: 0.80 + 0.05 is more than 0.85. So arithmetic on doubles
is sent to decimals, by another name for the operator in the checked rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

from cel_expr_python import cel

from hotpass.decimals import as_read, minus, times
from hotpass.durations import parse_duration
from hotpass_gates.cel.fields import FIELDS, Use, rounded
from hotpass_gates.cel.mistakes import Mistake, RuleError, Unsettled, mistakes_in, place, type_words
from hotpass_gates.cel.tree import Node, Tree, read_tree


@dataclass(frozen=True, slots=True)
class Rule:
    """A sound rule, ready to be asked."""

    text: str
    #: In the order in which the rule reads them, each once.
    uses: tuple[Use, ...]
    tree: Tree
    _program: cel.Expression

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether the rule is so, with these values of its fields. Raises Unsettled where it has no answer.
        """
        try:
            result = self._program.eval(data=values)
            kind, value = result.type(), result.value()
        except RuntimeError as error:  # a value that CEL cannot hold, or a loop over too much
            raise Unsettled(str(error).splitlines()[0]) from error
        if kind == cel.Type.BOOL:
            return bool(value)
        if kind == cel.Type.ERROR:
            raise Unsettled(str(value).partition(": ")[2] or str(value))
        raise Unsettled(f"it comes to {type_words(kind.name().lower())}, not to true or false")


def compile_rule(text: str) -> Rule:
    """The rule in `text`. Raises RuleError with everything that is wrong with it."""
    try:
        expression = _environment().compile(text)
    except RuntimeError as error:
        raise RuleError(mistakes_in(text, str(error), FIELDS)) from error
    data = expression.serialize()
    checker = _Checker(text, read_tree(data))
    mistakes = list(dict.fromkeys(checker.check(expression.return_type())))
    if mistakes:
        raise RuleError(mistakes)
    if checker.renamed:
        changed = bytearray(data)
        for start, end, name in checker.renamed:
            assert end - start == len(name)
            changed[start:end] = name
        expression = _environment().deserialize(bytes(changed))
    return Rule(text, tuple(dict.fromkeys(checker.uses)), checker.tree, expression)


_DIVIDE_BY_ZERO = "a division by zero"


def _divided(left: float, right: float) -> float:
    if not right:
        raise ValueError(_DIVIDE_BY_ZERO)
    return rounded(float(as_read(left) / as_read(right)))


def _as_number(value: float | str) -> float:
    return rounded(float(value))


#: The overload that is replaced, by what, and the name of the same length that the function then has.
_ARITHMETIC: Mapping[str, tuple[bytes, Callable[[float, float], float]]] = {
    "add_double": (b"@+@", lambda left, right: rounded(float(minus(as_read(left), -as_read(right))))),
    "subtract_double": (b"@-@", lambda left, right: rounded(float(minus(as_read(left), as_read(right))))),
    "multiply_double": (b"@*@", lambda left, right: rounded(float(times(as_read(left), as_read(right))))),
    "divide_double": (b"@/@", _divided),
}
_OPERATORS = ("_+_", "_-_", "_*_", "_/_", "_%_")
_TO_DOUBLE = b"@doubl"


@cache
def _environment() -> cel.Env:
    double, whole = cel.Type.DOUBLE, cel.Type.INT
    # Evidence that the checker takes for a double, since a double stands beside it, may be a whole number.
    functions = [
        _declared(name, function, product((double, whole), repeat=2))
        for name, function in _ARITHMETIC.values()
    ]
    kinds = ((kind,) for kind in (cel.Type.STRING, whole, cel.Type.UINT, double))
    functions.append(_declared(_TO_DOUBLE, _as_number, kinds))
    variables = {name: cel.Type(field.type) for name, field in FIELDS.items()}
    return cel.NewEnv(variables=variables, functions=functions)


def _declared(
    name: bytes, function: Callable[..., float], parameters: Iterable[tuple[cel.Type, ...]]
) -> cel.FunctionDecl:
    return cel.FunctionDecl(name.decode(), [
        cel.Overload(id=f"hotpass_{number}_of_{name.decode()}", return_type=cel.Type.DOUBLE,
                     parameters=list(kinds), is_member=False, impl=function)
        for number, kinds in enumerate(parameters)
    ])  # fmt: skip


@cache
def _probe() -> cel.Env:
    return cel.NewEnv(variables={"text": cel.Type.STRING})


#: Functions of which a constant text can be tried out at once, and the rule that tries it.
_TRIALS = {
    "duration": "duration(text)", "timestamp": "timestamp(text)", "matches": "''.matches(text)",
    **{
        name: f"timestamp('2026-01-31T00:00:00Z').{name}(text)"
        for name in ("getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getFullYear", "getHours",
                     "getMinutes", "getMonth")
    },
}  # fmt: skip


class _Checker:
    """Goes through a rule that has the right types, for all that CEL would let pass."""

    def __init__(self, text: str, tree: Tree) -> None:
        self.text, self.tree = text, tree
        self.uses: list[Use] = []
        self.renamed: list[tuple[int, int, bytes]] = []

    def check(self, result: cel.Type) -> Iterator[Mistake]:
        mistakes = list(self._check(self.tree.root, in_loop=False))
        yield from mistakes
        kind = result.name().lower()
        if kind not in ("bool", "dyn"):
            yield Mistake(f"the rule comes to {type_words(kind)}, and must come to true or false",
                          "Compare it with something: metrics.roc_auc >= 0.75.")  # fmt: skip
        elif not self.uses and not mistakes:
            yield Mistake("the rule reads nothing of the candidate, so it says the same of every one",
                          f"The fields are {', '.join(FIELDS)}.")  # fmt: skip

    def _check(self, node: Node, *, in_loop: bool) -> Iterator[Mistake]:
        field = self._field(node)
        if field is not None:
            yield from self._bare(field, node)
            return
        if node.kind == "select" and node.children:
            field = self._field(node.children[0])
            if field is not None and FIELDS[field].keyed:
                self.uses.append(Use(field, node.text, node.tests))
                return
        if node.kind == "call":
            key = self._keyed(node)
            if isinstance(key, Use):
                self.uses.append(key)
                return
            if isinstance(key, Mistake):
                yield key
                return
            yield from self._call(node)
        if node.kind == "loop":
            yield from self._loop(node, in_loop=in_loop)
        for child in node.children:
            yield from self._check(child, in_loop=in_loop or node.kind == "loop")

    def _field(self, node: Node) -> str | None:
        """The field that `node` itself stands for."""
        meaning = self.tree.meanings.get(node.id)
        if node.kind not in ("name", "select") or meaning is None or meaning.overloads:
            return None
        return meaning.name if meaning.name in FIELDS else None

    def _bare(self, name: str, node: Node) -> Iterator[Mistake]:
        if FIELDS[name].keyed:
            yield Mistake(f"{self._at(node)}: {name} needs a name after it, since only what a rule names is "
                          "read", f"For example: {name}.{_example(name)}")  # fmt: skip
        elif node.tests:
            yield Mistake(f"{self._at(node)}: {name} is always there, so has() says nothing of it")
        else:
            self.uses.append(Use(name))

    def _keyed(self, node: Node) -> Use | Mistake | None:
        """What `metrics["roc_auc"]` and `"roc_auc" in metrics` read."""
        if node.text not in ("_[_]", "@in") or len(node.children) != 2:
            return None
        group, key = node.children if node.text == "_[_]" else reversed(node.children)
        field = self._field(group)
        if field is None or not FIELDS[field].keyed:
            return None
        if key.kind == "constant" and isinstance(key.value, str):
            return Use(field, key.value, tested=node.text == "@in")
        return Mistake(
            f"{self._at(node)}: the name of one of the {field} must stand in the rule itself, in quotes",
            f'For example: {field}["{_example(field)}"]',
        )  # fmt: skip

    def _call(self, node: Node) -> Iterator[Mistake]:
        meaning = self.tree.meanings.get(node.id)
        overloads = meaning.overloads if meaning else ()
        if node.text in _OPERATORS:
            if len(overloads) > 1:
                yield Mistake(
                    f"{self._at(node)}: {node.text.strip('_')} needs to know what the evidence is",
                    "Write double(evidence.NAME), int(evidence.NAME) or string(evidence.NAME).",
                )  # fmt: skip
            elif overloads and overloads[0] in _ARITHMETIC:
                self.renamed.append((*node.span, _ARITHMETIC[overloads[0]][0]))
        elif node.text == "double":
            self.renamed.append((*node.span, _TO_DOUBLE))
        elif node.text in _TRIALS and node.children:
            yield from self._try_out(node, node.children[-1])

    def _try_out(self, node: Node, argument: Node) -> Iterator[Mistake]:
        if argument.kind != "constant" or not isinstance(argument.value, str):
            return
        result = _probe().compile(_TRIALS[node.text]).eval(data={"text": argument.value})
        if result.type() == cel.Type.ERROR:
            why = str(result.value()).partition(": ")[2]
            message = f"{self._at(argument)}: {node.text}({argument.value!r}) cannot be worked out: {why}"
            yield Mistake(message, _in_hours(argument.value) if node.text == "duration" else "")

    def _loop(self, node: Node, *, in_loop: bool) -> Iterator[Mistake]:
        start = node.children[1]
        if start.kind != "constant":
            yield Mistake(f"{self._at(node)}: map() and filter() are not available here",
                          "Use exists(), all() or exists_one().")  # fmt: skip
        if in_loop:
            yield Mistake(f"{self._at(node)}: a loop within a loop is not available here",
                          "Break the rule into several gates: all of them must pass.")  # fmt: skip
        for variable in node.text.split(","):
            if variable in FIELDS:
                yield Mistake(
                    f"{self._at(node)}: the loop's variable {variable} has the name of a field",
                    "Give it another name.",
                )  # fmt: skip

    def _at(self, node: Node) -> str:
        return place(self.text, self.tree.places.get(node.id, 0))


def _example(field: str) -> str:
    return {"metrics": "roc_auc", "params": "rows", "evidence": "open_incidents"}.get(
        field.rpartition(".")[2], "owner"
    )


def _in_hours(text: str) -> str:
    """How CEL has a duration that was written as policies do."""
    try:
        seconds = int(parse_duration(text).total_seconds())
    except ValueError:
        return 'Write hours, minutes and seconds: duration("36h"), duration("90m").'
    return f'CEL has no days: write duration("{seconds // 3600}h").'
