"""Looks at every index inside the trees of a model that came from a file.

scikit-learn follows the node indices of its trees without bounds checks (skops says so of
`sklearn.tree._tree.Tree` and `TreePredictor`): a crafted file passes the type check and then reads outside of
memory, or never ends. A real tree is built from the root down, so a child always comes after its parent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hotpass.errors import RegistryError

#: Estimators in these modules hand their trees the rows as they are, so all trees below one see its columns.
_TREE_MODULES = (
    "sklearn.tree.",
    "sklearn.ensemble._forest",
    "sklearn.ensemble._gb",
    "sklearn.ensemble._hist_gradient_boosting.",
)


def check_trees(model: Any) -> None:
    """Raises RegistryError where a tree inside `model` points outside of itself, back, or at a column that is
    not there.
    """
    for tree, columns in _trees(model):
        is_predictor = type(tree).__name__ == "TreePredictor"
        wrong = _fault_of_predictor(tree, columns) if is_predictor else _fault_of_tree(tree, columns)
        if wrong:
            raise RegistryError(
                f"the model's file holds a damaged or crafted tree: {wrong}. It was not used; train the "
                "model again, or put its files back as they were."
            )


def _trees(model: Any) -> Iterator[tuple[Any, int]]:
    """Every tree below `model`, wherever it hangs, and how many columns it will be shown."""
    import numpy as np

    seen: set[tuple[int, int]] = set()
    waiting: list[tuple[Any, int]] = [(model, 0)]
    while waiting:
        thing, columns = waiting.pop()
        if isinstance(thing, str | bytes | int | float | type(None)) or (id(thing), columns) in seen:
            continue
        seen.add((id(thing), columns))
        kind = type(thing)
        if kind.__module__ == "sklearn.tree._tree" or kind.__name__ == "TreePredictor":
            yield thing, columns
        elif isinstance(thing, dict):
            waiting.extend((value, columns) for value in thing.values())
        elif isinstance(thing, list | tuple | set | frozenset):
            waiting.extend((value, columns) for value in thing)
        elif isinstance(thing, np.ndarray):
            if thing.dtype == object:
                waiting.extend((value, columns) for value in thing.ravel().tolist())
        else:
            own = _columns_of(thing)
            inside_trees = kind.__module__.startswith(_TREE_MODULES)
            below = min(own, columns) if own and columns and inside_trees else own if inside_trees else 0
            waiting.extend((value, below) for value in getattr(thing, "__dict__", {}).values())


def _columns_of(estimator: Any) -> int:
    count = getattr(estimator, "__dict__", {}).get("n_features_in_", 0)
    return int(count) if isinstance(count, int) else 0


def _fault_of_tree(tree: Any, columns: int) -> str:
    import numpy as np

    left, right, feature = tree.children_left, tree.children_right, tree.feature
    inner = left != -1
    return _fault(inner, (left[inner], right[inner]), feature[inner].astype(np.int64), columns)


def _fault_of_predictor(predictor: Any, columns: int) -> str:
    import numpy as np

    nodes = predictor.nodes
    inner = nodes["is_leaf"] == 0
    children = [nodes[name][inner].astype(np.int64) for name in ("left", "right")]
    categorical = inner & (nodes["is_categorical"] != 0)
    bitsets = min(len(predictor.raw_left_cat_bitsets), len(predictor.binned_left_cat_bitsets))
    if (nodes["bitset_idx"][categorical].astype(np.int64) >= bitsets).any():
        return "a set of categories is not there"
    return _fault(inner, children, nodes["feature_idx"][inner].astype(np.int64), columns)


def _fault(inner: Any, children: Any, feature: Any, columns: int) -> str:
    """What is wrong with the inner nodes of a tree: `inner` says of each node whether it is one."""
    import numpy as np

    if not len(inner):
        return "it has no node"
    here = np.flatnonzero(inner)
    if any(((child <= here) | (child >= len(inner))).any() for child in children):
        return "a child is not below its parent"
    if ((feature < 0) | (feature >= columns)).any():
        return "it splits on a column that there is not"
    return ""
