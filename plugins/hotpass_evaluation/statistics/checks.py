"""What the rows must be before anything is computed from them."""

from __future__ import annotations

import numpy as np

from hotpass_evaluation.statistics.arrays import Floats
from hotpass_evaluation.statistics.figures import Sample, Undefined

#: Fewer groups than this say little of how groups differ, and their bootstrap is known to promise too much:
#: Cameron, Gelbach & Miller (2008), Review of Economics and Statistics 90, 414-427.
MIN_GROUPS = 10


def usable(sample: Sample) -> Sample:
    """The rows with a weight above 0, weights with a mean of 1 (only their proportions count), and groups
    numbered from 0 without gaps.

    Raises ValueError for arrays that do not fit, NaN, infinite values and negative weights.
    """
    names = ("target", "challenger", "champion", "weight", "group")
    rows = len(np.asarray(sample.target))
    for name in names:
        _check(name, getattr(sample, name), rows)
    kept = sample
    if sample.weight is not None:
        weighed = np.asarray(sample.weight) > 0
        if not weighed.all():
            kept = Sample(*(None if a is None else np.asarray(a)[weighed] for a in sample))  # type: ignore[arg-type]
    floats = [None if a is None else np.asarray(a, dtype=np.float64) for a in kept[:4]]
    if floats[3] is not None and len(floats[3]):
        # By the greatest first: the sum of very large or very small numbers is not one to divide by.
        floats[3] = floats[3] / floats[3].max()
        floats[3] = floats[3] / floats[3].mean()
    group = None if kept.group is None else np.unique(kept.group, return_inverse=True)[1].astype(np.int64)
    return Sample(floats[0], floats[1], floats[2], floats[3], group)  # type: ignore[arg-type]


def _check(name: str, given: object, rows: int) -> None:
    if given is None:
        return
    values = np.asarray(given)
    if values.ndim != 1 or len(values) != rows:
        raise ValueError(f"{name} has the shape {values.shape}, where ({rows},) is needed")
    if values.dtype.kind not in "biuf":
        raise ValueError(f"{name} holds {values.dtype}, not numbers")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        bad = int(rows - np.isfinite(values).sum())
        raise ValueError(f"{name} is NaN or infinite in {bad:,} of {rows:,} rows")
    if name == "weight" and (values < 0).any():
        raise ValueError(f"weight is negative in {int((values < 0).sum()):,} of {rows:,} rows")


def enough(sample: Sample) -> None:
    """Raises Undefined where so few rows, or groups, have no spread to judge by."""
    rows = len(sample.target)
    if rows < 2:
        raise Undefined(
            "there are no rows" if rows == 0 else "one row by itself has no uncertainty to judge by"
        )
    if sample.group is not None:
        groups = int(sample.group.max()) + 1
        if groups < MIN_GROUPS:
            raise Undefined(f"there are {groups} groups; an interval over groups needs {MIN_GROUPS} or more")


def binary(target: Floats) -> None:
    """Raises ValueError unless `target` is 0 or 1 throughout."""
    other = (target != 0) & (target != 1)
    if other.any():
        raise ValueError(f"the target must be 0 or 1 where a classifier is judged, not {target[other][0]:g}")


def both_classes(target: Floats) -> None:
    positives = int(target.sum())
    if positives in (0, len(target)):
        which = "positive" if positives else "negative"
        raise Undefined(f"all {len(target):,} rows are {which}: there is nothing to tell apart")


def probabilities(whose: str, scores: Floats) -> None:
    if scores.min() < 0 or scores.max() > 1:
        raise Undefined(
            f"it needs probabilities, and the {whose}'s scores go from {scores.min():g} to {scores.max():g}"
        )
