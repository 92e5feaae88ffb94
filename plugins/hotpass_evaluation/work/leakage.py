"""The task `leakage`: what each column of the training data tells of the target by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from scipy import stats

from hotpass_evaluation.statistics import alone
from hotpass_evaluation.statistics.arrays import Codes, Floats
from hotpass_evaluation.unusable import Unusable
from hotpass_evaluation.work.coding import Target, is_positive, looks_like_classes
from hotpass_evaluation.work.drawing import Column, Drawing, column, most_rows
from hotpass_evaluation.work.drift import INDEX
from hotpass_evaluation.work.table import Table

#: An id: so many rows, each with another value, and for whole numbers these among at most so many in a row.
_ID_ROWS, _ID_SPAN = 100, 3
#: Rows that all other columns together are tried on, and by how many folds.
_TOGETHER_ROWS, _TOGETHER_FOLDS = 50_000, 3
#: Columns that go up and down alike as nearly as this say the same, and are not `others`.
_ALIKE = 0.95


def run(job: Mapping[str, Any]) -> dict[str, Any]:
    """`columns`: of each column its `value`, `low`, `high`, `how`, `gives_away` and whether it is an `id`;
    `together`: for the column that tells the target best of those that are not over `at_most`, or best of all
    where every one is, what the others reach together (None for fewer than `fewest_others`).

    `columns` of the job are the names to look at; None for all but the target.
    """
    name = str(job["target"])
    table = Table(Path(job["data"]["path"]), delimiter=job["data"]["delimiter"], name=job["data"]["name"])
    table.require([name], "target")
    names = [
        one
        for one in job["columns"] or [one for one in table.columns if not one.startswith(INDEX)]
        if one != name
    ]
    if name in (job["columns"] or ()):
        raise Unusable(f"the model reads the target itself, {name}")
    if not names:
        raise Unusable(f"{table.name} has no column but the target {name}")
    table.require(names, "column that the model reads:")
    first = next(table.batches({name: "any"}), None)
    if first is None:
        raise Unusable(f"{table.name} has no row")
    is_text = pa.types.is_string(first.column(name).type) or pa.types.is_large_string(first.column(name).type)
    classes = job["positive"] is not None or is_text or looks_like_classes(first.column(name))
    rows, seen, counts = _drawn(table, names, name, job["positive"], classes)
    target = rows.column(name).to_numpy()
    fold = alone.folds(target, classes)
    alpha = (1 - job["confidence"]) / len(names)
    columns = {one: column(rows.column(one)) for one in names}
    found = {
        one: _measured(columns[one], target, fold, classes, alpha, rows.num_rows / seen) for one in names
    }
    return {
        "kind": "classifier" if classes else "regressor", "rows": seen, "drawn": rows.num_rows,
        "positives": counts, "digest": table.digest, "columns": found,
        "together": _together(columns, found, target, fold, classes, job),
    }  # fmt: skip


def _drawn(
    table: Table, names: Sequence[str], name: str, positive: Any, classes: bool
) -> tuple[pa.Table, int, int | None]:
    """The rows drawn, with the target as numbers; how many there are; and how many of them are positive. Of
    each class half are drawn, which no area under a ROC curve depends on.
    """
    target = Target(name, positive, numbers=not classes)
    most = most_rows(len(names) + 1)
    drawings = [Drawing(most // 2, seed) for seed in (0, 1)] if classes else [Drawing(most)]
    rows = 0
    for batch in table.batches([*names, name]):
        rows += batch.num_rows
        told = batch.column(name)
        target.add(told)
        part = pa.Table.from_batches([batch]).drop_columns([name])
        if classes:
            coded = told.dictionary_encode()
            yes = pa.array(
                [is_positive(value, positive) for value in coded.dictionary.to_pylist()], pa.bool_()
            )
            won = yes.take(coded.indices).fill_null(False)
            for drawing, value in zip(drawings, (0.0, 1.0), strict=True):
                mine = part.filter(won if value else pa.compute.invert(won))
                drawing.add(mine.append_column(name, pa.array(np.full(mine.num_rows, value))))
        else:
            drawings[0].add(part.append_column(name, told.cast(pa.float64(), safe=False)))
    values = target.values(rows)
    positives = int(values.sum()) if classes else None
    if positives is not None and min(positives, rows - positives) < 2:
        raise Unusable(f"{positives} of {rows} rows of {table.name} are positive: both classes are needed")
    kept = [found for found in (drawing.rows() for drawing in drawings) if found is not None]
    return pa.concat_tables(kept, promote_options="permissive"), rows, positives


def _measured(
    told: Column, target: Floats, fold: Codes, classes: bool, alpha: float, drawn: float
) -> dict[str, Any]:
    texts = told.texts is not None
    if classes:
        one = alone.of_classes(told.values, target, fold, texts=texts, alpha=alpha)
    else:
        z = float(stats.norm.isf(alpha))
        one = alone.of_numbers(told.values, target, fold, texts=texts, z=z)
    said: dict[str, Any] = {
        name: round(value, 6) if isinstance(value, float) else value for name, value in one._asdict().items()
    }
    return {**said, "id": _is_id(told, drawn)}


def _is_id(told: Column, drawn: float) -> bool:
    """Whether each row has a value of its own: a text without spaces, or whole numbers that are nearly all
    those between the first and the last. Amounts and times have values of their own, too, and are none.
    """
    there = told.there
    if len(there) < _ID_ROWS or len(there) < len(told.values) or len(np.unique(there)) < len(there):
        return False
    if told.texts is not None:
        return not any(" " in text.strip() for text in told.texts[:1000])
    span = float(there.max() - there.min() + 1)
    return bool((there == np.round(there)).all() and span * drawn <= _ID_SPAN * len(there))


# --- all others together ------------------------------------------------------------------------------------


def _together(
    columns: Mapping[str, Column],
    found: Mapping[str, Mapping[str, Any]],
    target: Floats,
    fold: Codes,
    classes: bool,
    job: Mapping[str, Any],
) -> dict[str, Any] | None:
    """A leak that is over the limit is none of the others, or two of them would hide each other; nor is a
    column that says the same as the one they are compared with.
    """
    ranked = sorted(found, key=lambda name: -found[name]["value"])
    under = [name for name in ranked if found[name]["value"] <= job["at_most"]]
    best = next((name for name in under if name not in job["allowed"]), ranked[0])
    mine = columns[best].values
    others = [name for name in under if name != best and not _say_the_same(mine, columns[name].values)]
    if len(others) < job["fewest_others"]:
        return None
    some = np.random.default_rng(0).permutation(len(target))[:_TOGETHER_ROWS]
    # Each fold needs rows, of each class, to be judged on.
    of_each = np.bincount(target[some] == 1, minlength=2) if classes else np.array([len(some)])
    if of_each.min() < _TOGETHER_FOLDS:
        return None
    matrix = np.column_stack([_encoded(columns[name], target, fold, classes)[some] for name in others])
    return {
        "column": best, "alone": found[best]["value"], "others": len(others), "rows": len(some),
        "value": round(_reached(matrix, target[some], classes), 6),
    }  # fmt: skip


def _encoded(told: Column, target: Floats, fold: Codes, classes: bool) -> Floats:
    if told.texts is None:
        return told.values
    return alone.out_of_fold(alone.cells(told.values, target, classes=classes, texts=True), target, fold)


def _say_the_same(left: Floats, right: Floats) -> bool:
    both = np.isfinite(left) & np.isfinite(right)
    if both.sum() < 10 or np.ptp(left[both]) == 0 or np.ptp(right[both]) == 0:
        return False
    ranks = stats.rankdata(left[both]), stats.rankdata(right[both])
    return bool(abs(np.corrcoef(*ranks)[0, 1]) >= _ALIKE)


def _reached(matrix: Floats, target: Floats, classes: bool) -> float:
    """The area under the ROC curve, or R squared, of boosted trees on rows that they were not fitted on."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.metrics import roc_auc_score
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped] # it has no stubs

    fold = alone.folds(target, classes, seed=1) % _TOGETHER_FOLDS
    told = np.zeros(len(target))
    options: dict[str, Any] = {
        "max_iter": 60,
        "max_leaf_nodes": 15,
        "early_stopping": False,
        "random_state": 0,
    }
    with threadpool_limits(1):  # more threads than free cores take many times as long
        for held_out in range(_TOGETHER_FOLDS):
            learn = fold != held_out
            if classes:
                model = HistGradientBoostingClassifier(**options).fit(matrix[learn], target[learn])
                told[~learn] = model.predict_proba(matrix[~learn])[:, 1]
            else:
                model = HistGradientBoostingRegressor(**options).fit(matrix[learn], target[learn])
                told[~learn] = model.predict(matrix[~learn])
    return float(roc_auc_score(target, told)) if classes else alone.r_squared(target, told)
