"""Looks at everything inside the trees of a model from a file that scikit-learn follows without looking.

scikit-learn's compiled code takes node indices, column indices, the depth and the number of outputs of its
trees as they are: a crafted file passes the type check and then reads or writes outside of memory, or never
ends. Covered, wherever in the model they are:

- decision trees: the nodes form one tree built from the root down, the stated depth is the real one, and
  columns, outputs and classes are those of the estimator that holds it;
- forests, and both kinds of gradient boosting: each tree is of the kind, and made for the columns, outputs
  and classes, of the ensemble;
- gradient boosting: as many trees a stage as classes, and as many first guesses as trees (the model is asked
  for those of two rows, after everything else was found sound);
- histogram gradient boosting: sets of categories are there, whole, and of columns that its bins know as such;
  what comes before the trees keeps every column;
- trees outside of such an estimator are refused.

Not covered: compiled code without trees (nearest neighbours' search structures, which the reviewed list
leaves out, support vector machines, …), what scikit-learn reads while skops builds the tree, and whether the
numbers in a sound tree make sense.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hotpass.errors import CallError, HotpassError, RegistryError

#: Words of 32 bits in a set of categories: scikit-learn bins up to 256.
_WORDS = 8


class _Fault(Exception):
    """What is wrong with a tree, in words."""


def check_trees(model: Any) -> None:
    """Raises RegistryError where a tree inside `model` could be followed outside of memory (see above), and
    CallError where it is not made of what scikit-learn makes trees of.
    """
    try:
        _check(model)
    except _Fault as fault:
        raise RegistryError(
            f"the model's file holds a damaged or crafted tree: {fault}. It was not used; train the model "
            "again, or put its files back as they were."
        ) from None
    except HotpassError:
        raise
    except Exception as error:
        raise CallError(
            "the model's file holds a tree that is not made as scikit-learn makes them: "
            f"{type(error).__name__}: {error}. It was not used; train the model again."
        ) from error


def _check(model: Any) -> None:
    from sklearn.ensemble._forest import BaseForest
    from sklearn.ensemble._gb import BaseGradientBoosting
    from sklearn.ensemble._hist_gradient_boosting.gradient_boosting import BaseHistGradientBoosting
    from sklearn.tree import BaseDecisionTree

    boosted = []
    for thing in _below(model):
        if isinstance(thing, BaseDecisionTree):
            _check_decision_tree(thing)
        elif isinstance(thing, BaseForest):
            _check_forest(thing)
        elif isinstance(thing, BaseGradientBoosting):
            _check_gradient_boosting(thing)
            boosted.append(thing)
        elif isinstance(thing, BaseHistGradientBoosting):
            _check_hist_gradient_boosting(thing)
        elif _is_bare_tree(thing):
            raise _Fault("it is not inside of an estimator that guards it")
    asked: dict[int, bool] = {}
    for thing in boosted:
        _check_first_guesses(thing, asked)


def _is_bare_tree(thing: Any) -> bool:
    return type(thing).__module__ == "sklearn.tree._tree" or type(thing).__name__ == "TreePredictor"


def _below(model: Any) -> Iterator[Any]:
    """Everything below `model`, itself included, once; but not the trees that a tree estimator checks as its
    own.
    """
    import numpy as np
    from sklearn.ensemble._hist_gradient_boosting.gradient_boosting import BaseHistGradientBoosting
    from sklearn.tree import BaseDecisionTree

    seen: set[int] = set()
    waiting = [model]
    while waiting:
        thing = waiting.pop()
        if isinstance(thing, str | bytes | int | float | type(None)) or id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, np.ndarray) and thing.dtype.hasobject:
            waiting.extend(thing.ravel().tolist())
        elif isinstance(thing, list | tuple | set | frozenset):
            waiting.extend(thing)
        elif isinstance(thing, dict):
            waiting.extend(thing.values())
        yield thing
        own = {
            "tree_": isinstance(thing, BaseDecisionTree),
            "_predictors": isinstance(thing, BaseHistGradientBoosting),
        }
        waiting.extend(value for name, value in getattr(thing, "__dict__", {}).items() if not own.get(name))


def _columns_of(estimator: Any) -> int:
    """How many columns the estimator lets through; without this number scikit-learn looks at none."""
    count = getattr(estimator, "n_features_in_", None)
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise _Fault(f"a {type(estimator).__name__} does not say how many columns it takes")
    return count


def _whole(count: Any, what: str) -> int:
    import numpy as np

    if isinstance(count, bool) or not isinstance(count, int | np.integer):
        raise _Fault(f"{what} is not a whole number")
    return int(count)


def _check_decision_tree(estimator: Any) -> None:
    from sklearn.tree._tree import Tree

    columns = _columns_of_fitted(estimator, "tree_")
    if columns is None:
        return
    tree = estimator.tree_
    if type(tree) is not Tree:
        raise _Fault("it is not one of scikit-learn's")
    if tree.n_features != columns:
        raise _Fault("it is made for other columns than its estimator")
    if tree.n_outputs != _whole(estimator.n_outputs_, "its number of outputs"):
        raise _Fault("it has other outputs than its estimator")
    if hasattr(estimator, "classes_") and tree.n_classes.tolist() != _classes_of(estimator):
        raise _Fault("it has other classes than its estimator")
    if tree.node_count < 1:
        raise _Fault("it has no node")
    left, right = tree.children_left, tree.children_right
    inner = left != -1
    depth = _depth(inner, left[inner], right[inner], tree.feature[inner], columns)
    if tree.max_depth != depth:
        raise _Fault(f"its depth is {depth}, and it says {tree.max_depth}")


def _classes_of(estimator: Any) -> list[int]:
    """How many classes each output has; they must be there."""
    import numpy as np

    counts = [_whole(count, "a number of classes") for count in np.atleast_1d(estimator.n_classes_).tolist()]
    listed = estimator.classes_ if isinstance(estimator.classes_, list) else [estimator.classes_]
    if [len(classes) for classes in listed] != counts:
        raise _Fault("the classes are not as many as it says")
    return counts


def _check_forest(forest: Any) -> None:
    from sklearn.tree import BaseDecisionTree

    columns = _columns_of_fitted(forest, "estimators_")
    if columns is None:
        return
    outputs = _whole(forest.n_outputs_, "the number of outputs")
    classes = _classes_of(forest) if hasattr(forest, "classes_") else None
    for tree in forest.estimators_:
        if not isinstance(tree, BaseDecisionTree):
            raise _Fault(f"a forest holds a {type(tree).__name__}")
        _same_columns(tree, columns)
        if _whole(tree.n_outputs_, "a number of outputs") != outputs:
            raise _Fault("it has other outputs than its ensemble")
        if hasattr(tree, "classes_") != (classes is not None) or (classes and _classes_of(tree) != classes):
            raise _Fault("it has other classes than its ensemble")


def _columns_of_fitted(estimator: Any, fitted: str) -> int | None:
    """None for an estimator that was not fitted, as those that wait inside others to be copied."""
    if not hasattr(estimator, fitted) and not hasattr(estimator, "n_features_in_"):
        return None
    return _columns_of(estimator)


def _same_columns(tree: Any, columns: int) -> None:
    if _columns_of(tree) != columns:
        raise _Fault("it is made for other columns than its ensemble")


def _trees_a_stage(ensemble: Any) -> int:
    """One for a number or for two classes, else one for each class; the ensemble must say the same."""
    classes = len(ensemble.classes_) if hasattr(ensemble, "classes_") else 1
    expected = 1 if classes <= 2 else classes
    if _whole(ensemble.n_trees_per_iteration_, "the number of trees a stage") != expected:
        raise _Fault("the trees of a stage are not as many as the classes take")
    return expected


def _check_gradient_boosting(ensemble: Any) -> None:
    import numpy as np
    from sklearn.tree import DecisionTreeRegressor

    columns = _columns_of_fitted(ensemble, "estimators_")
    if columns is None:
        return
    stages, wide = ensemble.estimators_, _trees_a_stage(ensemble)
    if not isinstance(stages, np.ndarray) or stages.ndim != 2 or not stages.size or stages.shape[1] != wide:
        raise _Fault(f"the stages of gradient boosting do not hold {wide} each")
    for tree in stages.ravel().tolist():
        if type(tree) is not DecisionTreeRegressor:
            raise _Fault(f"gradient boosting holds a {type(tree).__name__}")
        _same_columns(tree, columns)
        if tree.tree_.n_outputs != 1 or tree.tree_.max_n_classes != 1:
            raise _Fault("a tree of gradient boosting has several values a node")


def _check_first_guesses(ensemble: Any, asked: dict[int, bool]) -> None:
    """The trees add to the first guesses, so there must be one for each tree of a stage.

    `asked` says of those that were come by whether they are done: what the guesses come from is asked first.
    """
    import numpy as np
    from sklearn.ensemble._gb import BaseGradientBoosting

    if asked.get(id(ensemble)):
        return
    if id(ensemble) in asked:
        raise _Fault("gradient boosting starts from itself")
    asked[id(ensemble)] = False
    if "estimators_" in vars(ensemble):
        for inner in _below(vars(ensemble).get("init_")):
            if isinstance(inner, BaseGradientBoosting):
                _check_first_guesses(inner, asked)
        guesses = ensemble._raw_predict_init(np.zeros((2, ensemble.n_features_in_), dtype=np.float32))
        if guesses.shape != (2, ensemble.estimators_.shape[1]):
            raise _Fault("the first guesses are not as many as the trees of a stage")
    asked[id(ensemble)] = True


def _check_hist_gradient_boosting(ensemble: Any) -> None:
    import numpy as np
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

    columns = _columns_of_fitted(ensemble, "_predictors")
    if columns is None:
        return
    wide = _trees_a_stage(ensemble)
    _check_preprocessor(getattr(ensemble, "_preprocessor", None), columns)
    categorical = np.asarray(ensemble._bin_mapper.is_categorical_)
    if categorical.shape != (columns,) or categorical.dtype.kind not in "bu":
        raise _Fault("its bins are of other columns than its ensemble")
    for stage in ensemble._predictors:
        if len(stage) != wide:
            raise _Fault(f"the stages of gradient boosting do not hold {wide} each")
        for predictor in stage:
            if type(predictor) is not TreePredictor:
                raise _Fault(f"gradient boosting holds a {type(predictor).__name__}")
            _check_predictor(predictor, columns, categorical.astype(bool))


def _check_preprocessor(preprocessor: Any, columns: int) -> None:
    """What scikit-learn puts in front of the trees where there are categories: it reorders the columns, and
    must not lose one.
    """
    import numpy as np
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder

    if preprocessor is None:
        return
    steps = preprocessor.transformers_ if type(preprocessor) is ColumnTransformer else []
    if [type(step) for _, step, _ in steps] != [OrdinalEncoder, FunctionTransformer]:
        raise _Fault("what comes before the trees is not scikit-learn's")
    taken = [np.arange(columns)[np.asarray(which)] for _, _, which in steps]
    if sorted(np.concatenate(taken).tolist()) != list(range(columns)):
        raise _Fault("what comes before the trees loses columns")


def _check_predictor(predictor: Any, columns: int, categorical: Any) -> None:
    import numpy as np

    nodes = predictor.nodes
    inner = nodes["is_leaf"] == 0
    left, right = (nodes[name][inner].astype(np.int64) for name in ("left", "right"))
    _depth(inner, left, right, nodes["feature_idx"][inner].astype(np.int64), columns)
    by_category = nodes[inner & (nodes["is_categorical"] != 0)]
    if not categorical[by_category["feature_idx"]].all():
        raise _Fault("it splits by category on a column of numbers")
    for sets in (predictor.raw_left_cat_bitsets, predictor.binned_left_cat_bitsets):
        if sets.ndim != 2 or sets.shape[1] != _WORDS:
            raise _Fault("a set of categories is not whole")
        if (by_category["bitset_idx"].astype(np.int64) >= len(sets)).any():
            raise _Fault("a set of categories is not there")


def _depth(inner: Any, left: Any, right: Any, feature: Any, columns: int) -> int:
    """How deep a sound tree is: `inner` says of each node whether it is one that splits; the others, of those
    that do, where they lead and on what. Raises _Fault for a tree that is not sound.
    """
    import numpy as np

    if inner.ndim != 1 or not len(inner):
        raise _Fault("it has no node")
    here = np.flatnonzero(inner)
    if any(((child <= here) | (child >= len(inner))).any() for child in (left, right)):
        raise _Fault("a child is not below its parent")
    if not np.array_equal(np.sort(np.concatenate((left, right))), np.arange(1, len(inner))):
        raise _Fault("a node has not one parent")
    if ((feature < 0) | (feature >= columns)).any():
        raise _Fault("it splits on a column that there is not")
    depths = [0] * len(inner)
    for parent, one, other in zip(here.tolist(), left.tolist(), right.tolist(), strict=True):
        depths[one] = depths[other] = depths[parent] + 1
    return max(depths)
