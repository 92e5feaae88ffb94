"""What a rule demands, as facts that `hotpass policy lint` reasons about: the parts that `&&` joins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from hotpass.demands import Demand
from hotpass_gates.cel.fields import Use
from hotpass_gates.cel.tree import Node, Tree

_SUBJECTS = {
    "metrics": "metrics", "params": "params", "tags": "version.tags", "run_tags": "run.tags",
    "model_tags": "model.tags",
}  # fmt: skip
_TURNED = {"_>=_": "_<=_", "_<=_": "_>=_", "_>_": "_<_", "_<_": "_>_", "_==_": "_==_"}


class _Comparison(NamedTuple):
    use: Use
    operator: str
    constant: float | str


def demands_of(tree: Tree, required: Sequence[Use]) -> Iterator[Demand]:
    """A demand for each of the fields in `required` that other gates know, too: with the bounds that every
    candidate must keep, and none where the rule may do with less.
    """
    parts = list(_conjuncts(tree.root))
    compared = [found for part in parts if (found := _comparison(part)) is not None]
    whole = len(compared) == len(parts)
    for comparison in compared:
        use = comparison.use
        if use in required and use.field in _SUBJECTS:
            alone = whole and sum(other.use == use for other in compared) == 1
            yield _demand(comparison, exact=alone)
    bounded = {comparison.use for comparison in compared}
    for use in required:
        if use not in bounded and use.field in _SUBJECTS:
            yield Demand(f"{_SUBJECTS[use.field]}.{use.key}", name=use.text)


def _conjuncts(node: Node) -> Iterator[Node]:
    if node.kind == "call" and node.text == "_&&_":
        for child in node.children:
            yield from _conjuncts(child)
    else:
        yield node


def _demand(comparison: _Comparison, *, exact: bool) -> Demand:
    use, operator, constant = comparison
    subject = f"{_SUBJECTS[use.field]}.{use.key}"
    if isinstance(constant, str):
        return Demand(subject, one_of=frozenset([constant]), exact=exact, name=use.text)
    return Demand(
        subject,
        low=constant if operator in ("_>=_", "_>_", "_==_") else None,
        high=constant if operator in ("_<=_", "_<_", "_==_") else None,
        low_open=operator == "_>_", high_open=operator == "_<_", exact=exact, name=use.text,
    )  # fmt: skip


def _comparison(node: Node) -> _Comparison | None:
    """What `metrics.roc_auc >= 0.75` and `0.75 <= metrics.roc_auc` compare; None for anything else."""
    if node.kind != "call" or node.text not in _TURNED or len(node.children) != 2:
        return None
    for (left, right), operator in ((node.children, node.text), (node.children[::-1], _TURNED[node.text])):
        use, constant = _use(left), _constant(right)
        if use is None or constant is None or (isinstance(constant, str) and operator != "_==_"):
            continue
        return _Comparison(use, operator, constant)
    return None


def _use(node: Node) -> Use | None:
    if node.kind == "select" and node.children and node.children[0].kind == "name" and not node.tests:
        return Use(node.children[0].text, node.text) if node.children[0].text in _SUBJECTS else None
    if node.kind == "call" and node.text == "_[_]" and node.children[0].kind == "name":
        group, key = node.children
        if group.text in _SUBJECTS and isinstance(key.value, str):
            return Use(group.text, key.value)
    return None


def _constant(node: Node) -> float | str | None:
    if node.kind == "call" and node.text == "-_":
        inner = _constant(node.children[0])
        return -inner if isinstance(inner, float) else None
    return node.value if node.kind == "constant" and isinstance(node.value, float | str) else None
