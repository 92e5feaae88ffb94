"""Rows of the data that a model was trained on, told from rows that are naturally alike.

Rows are compared by what the model takes of them: not by ids, row numbers or times, nor by the target, which
would make two of one row. Numbers agree to 6 significant digits, which single precision and a printed number
keep; a column that is coded otherwise in the two is left out. Each row is 64 bits (8 bytes a row in memory;
two different rows of 10 million are taken for the same with probability 3e-6).

Real data has twins. How many is asked twice, for whoever trained the model could have repeated rows:

- s, the share of the data's rows with a twin in training, is held against p: the share of training rows with
  another one alike, or, where that is less, as many as the twins among the data's own rows explain. Among n
  times as many rows a row has a twin at most n times as often. Beyond p, (s - p) / (1 - p) of the rows were
  trained on.
- Of as many training rows as there are rows of data, drawn at random, the data must not have more than twice
  the twins that it has among itself. Twice, since a model may be trained on a part of the people, who are
  more alike than all of them.

Where nearly all rows have a twin in training and few among themselves, that is never natural enough to pass,
but for training data of few combinations, each of which comes many times.

What this cannot see: a trainer whose training rows are not those that the model was trained on, or are
changed beyond 6 digits. It also takes training data without its twins for data that has none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hotpass_evaluation.unusable import Unusable
from hotpass_evaluation.work.hashing import hashes, readings
from hotpass_evaluation.work.table import Table

#: Standard errors beyond chance.
Z = 3.0
#: Nearly all rows; few of them; few combinations, by how often each comes; rows enough to say so.
_NEARLY_ALL, _FEW, _OFTEN, _ENOUGH = 0.98, 0.5, 20, 100
_CHUNK = 1 << 20


class Overlap(NamedTuple):
    """`alike` of `rows` rows have a twin among `training` rows, `own` among themselves; `twins` of the
    training rows have one among themselves, where `distinct` are different. Among as many training rows as
    there are other rows of data the expected shares are `thinned` and, in the data itself, `own_thinned`.
    `shared` are the columns compared. `by_key`: a key says which row is which.
    """

    rows: int
    alike: int
    own: int
    training: int
    twins: int
    distinct: int
    thinned: float
    own_thinned: float
    shared: tuple[str, ...]
    by_key: bool

    @property
    def share(self) -> float:
        """Of the rows, those with a twin in training."""
        return self.alike / self.rows

    @property
    def natural(self) -> float:
        """The share of rows that has a twin in training by nature, at most."""
        # Twins come in pairs at least, which makes their number twice as uncertain; of none seen, some are.
        most = self.own + Z * math.sqrt(2 * (self.own + 2)) + Z**2
        explained = most / self.rows * max(1.0, self.training / max(1, self.rows - 1))
        return min(self.twins / self.training, explained)

    @property
    def _own_at_most(self) -> float:
        """The expected share of twins among as many training rows as there are rows of data, at most."""
        return min(1.0, 2 * self.own_thinned)

    @property
    def excess(self) -> float:
        """The share of rows trained on, beyond what twins explain; not below 0."""
        if self.by_key:
            return self.share
        pairs = ((self.share, self.natural), (self.thinned, self._own_at_most))
        return max(0.0, *((seen - twins) / (1 - twins) for seen, twins in pairs if twins < 1), 0.0)

    @property
    def is_unexplained(self) -> bool:
        """Whether nearly all rows are in training, and the data's own twins do not tell why."""
        return (
            not self.by_key and self.rows >= _ENOUGH and self.share > _NEARLY_ALL
            and self.own / self.rows < _FEW and self.training < _OFTEN * self.distinct
        )  # fmt: skip

    def is_above(self, at_most: float) -> bool:
        """Whether more than that share were trained on, beyond chance (one-sided, z = 3)."""
        if self.by_key:
            return self.share > at_most
        if self.is_unexplained and at_most < _NEARLY_ALL:
            return True
        expected = self.natural + at_most * (1 - self.natural)
        # Agresti's: what was seen of few is not certain.
        guess = (expected * self.training + 2) / (self.training + 4)
        error = math.sqrt(guess * (1 - guess) * (1 / self.rows + 1 / self.training))
        if self.share > expected + Z * error:
            return True
        expected = self._own_at_most + at_most * (1 - self._own_at_most)
        guess = (max(expected, self.thinned) * self.rows + 2) / (self.rows + 4)
        # Of both shares, and of twins that come in pairs.
        return self.thinned > expected + Z * math.sqrt(4 * guess * (1 - guess) / self.rows) + Z**2 / self.rows

    def as_json(self) -> dict[str, Any]:
        """For the record and for messages."""
        return {
            "rows": self.rows, "alike": self.alike, "training_rows": self.training, "twins": self.twins,
            "own_twins": self.own, "share": self.share, "natural": self.natural, "excess": self.excess,
            "columns": len(self.shared), "by_key": self.by_key,
        }  # fmt: skip


def between(
    data: Table, training: Table, key: Sequence[str] = (), columns: Sequence[str] | None = None
) -> Overlap:
    """Compares two tables by `key`, or else by those of the `columns` (None: all) that both have and code
    alike. Raises Unusable.
    """
    if key:
        data.require(key, "key column")
        training.require(key, "key column")
        read = readings(data, training, key, exact=True)
    else:
        shared = [
            one for one in data.columns if one in training.columns and (columns is None or one in columns)
        ]
        read = readings(data, training, shared)
        if not read:
            raise Unusable(
                f"{data.name} and {training.name} have no column in common"
                f"{'' if columns is None else ' that the model takes'}, or each is coded in two ways, so "
                "that nobody can tell whether the model was trained on these rows"
            )
    theirs = hashes(training, read, exact=bool(key))
    ours = hashes(data, read, exact=bool(key))
    if not len(theirs) or not len(ours):
        raise Unusable(f"{(data if len(theirs) else training).name} has no row")
    theirs.sort()
    ours.sort()
    # A draw without replacement, so nearly that the difference is nothing beside the error.
    many = min(len(theirs), len(ours) - 1)
    alike, thinned = _twins(ours, theirs, many / len(theirs))
    own, own_thinned = _twins(ours, ours, many / max(1, len(ours) - 1), itself=True)
    same = theirs[1:] == theirs[:-1]
    twins = int((np.r_[False, same] | np.r_[same, False]).sum())
    return Overlap(
        len(ours), alike, own, len(theirs), twins, len(theirs) - int(same.sum()), thinned, own_thinned,
        tuple(read), bool(key),
    )  # fmt: skip


def _twins(ours: np.ndarray, theirs: np.ndarray, drawn: float, *, itself: bool = False) -> tuple[int, float]:
    """How many of `ours` have a twin in `theirs` (both sorted), and the share that is expected to have one
    where only that share of `theirs` is `drawn`. Compared with `itself`, a row is not its own twin.
    """
    found, thinned = 0, 0.0
    for start in range(0, len(ours), _CHUNK):
        some = ours[start : start + _CHUNK]
        counts = np.searchsorted(theirs, some, "right") - np.searchsorted(theirs, some) - itself
        found += int((counts > 0).sum())
        thinned += float((1 - (1 - drawn) ** counts).sum())
    return found, thinned / len(ours)


def require_training(job: Mapping[str, Any]) -> None:
    """Raises Unusable where the job asks about overlap and nobody knows the training rows."""
    if job.get("overlap", "unchecked") != "unchecked" and not job.get("training"):
        raise Unusable(
            "nobody knows which rows the challenger was trained on, so that nobody can tell whether "
            "it is judged "
            "by them. Log them with the run, at training/training.parquet (hotpass train does), or as a data "
            "set with the context training; or say overlap: unchecked"
        )


def checked(
    job: Mapping[str, Any], data: Table, columns: Mapping[str, Sequence[str]] | None = None
) -> dict[str, Any]:
    """What the job asks about overlap, for the challenger and the champion, by the `columns` that each takes.
    Raises Unusable where the challenger's is refused.
    """
    asked = job.get("overlap", "unchecked")
    if asked == "unchecked":
        return {}
    require_training(job)
    taken = columns or {}
    key, at_most = asked.get("key") or (), asked.get("at_most", 0.0)
    found = between(data, Table(Path(job["training"]), name="the training rows"), key,
                    taken.get("challenger"))  # fmt: skip
    if found.is_above(at_most):
        raise Unusable(refusal(found, data.name, at_most))
    seen = {"challenger": found.as_json()}
    if job.get("champion_training"):
        try:
            other = Table(Path(job["champion_training"]), name="the champion's training rows")
            seen["champion"] = between(data, other, key, taken.get("champion")).as_json()
        except Unusable as error:
            seen["champion"] = {"unknown": str(error)}
    return seen


def refusal(found: Overlap, name: str, at_most: float) -> str:
    """Why the data is refused, with the figures."""
    share = f"{found.alike:,} of the {found.rows:,} rows of {name}"
    rest = f"{at_most:.2%} are tolerated. Judge by rows that were kept apart"
    if found.by_key:
        return f"the challenger was trained on {share} ({found.share:.2%}); {rest}"
    among = (
        f"{found.twins / found.training:.2%} of the training rows equal another, and "
        f"{found.own / found.rows:.2%} of these rows one another"
    )
    if found.excess > at_most:
        rest = f"so about {found.excess:.2%} were trained on, and {rest}"
    else:
        rest = f"which rows kept apart hardly do, and {rest}; or name the column that tells rows apart: key"
    columns = f"all {len(found.shared)} columns" if len(found.shared) > 1 else "the one column"
    return (
        f"the challenger was trained on rows that it is judged by: {share} ({found.share:.2%}) equal a "
        f"training row in {columns} compared; {among}; {rest}"
    )
