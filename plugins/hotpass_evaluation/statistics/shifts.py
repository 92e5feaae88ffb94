"""How far a column has moved from one sample to another, less what chance alone moves it.

The population stability index is sum((q - p) * ln(q / p)) over bins, p and q being the shares of the first
and the second sample. Without any change it is (1/n + 1/m) times a chi-square of (bins - 1) degrees of
freedom (B. Yurdakul, J. Naranjo, Statistical properties of the population stability index, Journal of Risk
Model Validation 14/4, 2020), so with few rows it is large by chance; the two-sample statistics of Kolmogorov
and Smirnov, Wasserstein and the total variation are, too. So every figure here is corrected by what a
bootstrap of the bins' counts adds to it on average (B. Efron, R. Tibshirani, An Introduction to the
Bootstrap, 1993, chapter 10), and has bounds as many of the bootstrap's standard deviations away as asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hotpass_evaluation.statistics.bins import codes, cuts

if TYPE_CHECKING:
    from hotpass_evaluation.statistics.arrays import Floats

#: Bins for the index, as is usual, and for the spread of the figures that look at the whole distribution.
BINS, FINE = 10, 200


class Shift(NamedTuple):
    """`value` is corrected for chance, `raw` is not. `low` and `high` are one-sided bounds each. None is
    negative.
    """

    value: float
    low: float
    high: float
    raw: float


def of_numbers(
    training: Floats,
    recent: Floats,
    z: float,
    resamples: int = 500,
    seed: int = 0,
    *,
    missing: tuple[int, int] = (0, 0),
) -> dict[str, Shift]:
    """`psi`, `ks` and `wasserstein` (in standard deviations of `training`; left out where that is 0).

    Values are finite; `missing` is how many rows of either have none, which are a bin of the index. Where
    either has no values at all, there is the index alone. Bounds lie `z` standard deviations away.
    """
    from scipy import stats

    rng = np.random.default_rng(seed)
    before, after = _counts(training, recent, _coarse(training))
    before, after = np.append(before, missing[0]), np.append(after, missing[1])
    found = {"psi": _psi(before, after, z, resamples, rng)}
    if not len(training) or not len(recent):
        return found
    # Cut by both, or all that lies beyond the training data would look like one value.
    begins = np.union1d(cuts(training, FINE), cuts(recent, FINE))
    before, after = _counts(training, recent, begins)
    every = codes(np.concatenate([training, recent]), begins)
    total = np.bincount(every, minlength=len(before))
    sums = np.bincount(every, np.concatenate([training, recent]), minlength=len(before))
    places = sums[total > 0] / total[total > 0]
    before, after = before[total > 0], after[total > 0]

    def largest_gap(p: Floats, q: Floats) -> Floats:
        return np.asarray(np.abs(np.cumsum(q - p, axis=-1)).max(axis=-1))

    with np.errstate(divide="ignore"):  # in its p-value for a single row, which is not asked for
        gap = float(stats.ks_2samp(training, recent, method="asymp").statistic)
    ks = _corrected(gap, largest_gap, before, after, z, resamples, rng)
    # The largest of many gaps is too large even when it is corrected; Kolmogorov's own bound holds.
    by_chance = float(stats.kstwobign.isf(stats.norm.sf(z))) * (1 / len(training) + 1 / len(recent)) ** 0.5
    found["ks"] = ks._replace(low=max(0.0, min(ks.low, gap - by_chance)))
    spread = float(training.std())
    if spread > 0 and np.isfinite(spread):
        widths = np.diff(places) / spread

        def area(p: Floats, q: Floats) -> Floats:
            return np.abs(np.cumsum(q - p, axis=-1))[..., :-1] @ widths

        moved = float(stats.wasserstein_distance(training, recent)) / spread
        found["wasserstein"] = _corrected(moved, area, before, after, z, resamples, rng)
    return found


def of_categories(
    training: Mapping[str, int],
    recent: Mapping[str, int],
    z: float,
    resamples: int = 500,
    seed: int = 0,
    *,
    missing: tuple[int, int] = (0, 0),
    least_share: float = 0.005,
    most: int = 50,
) -> tuple[dict[str, Shift], dict[str, int]]:
    """`psi`, `total_variation` and `new_categories` (the share of recent rows with one that training has
    not), and the new ones with their rows, most frequent first.

    Counts of rows by category, and of those without one (`missing`), which count as a category too; neither
    is all empty. Categories that few training rows have (`least_share`),
    those beyond the `most` frequent, and new ones are counted together.
    """
    rng = np.random.default_rng(seed)
    n, m = sum(training.values()), sum(recent.values())
    by_size = sorted(training, key=lambda name: (-training[name], name))
    kept = [name for name in by_size[:most] if training[name] >= least_share * n]
    new = {
        name: recent[name]
        for name in sorted(recent, key=lambda name: (-recent[name], name))
        if not training.get(name)
    }
    before = np.array([*(training[name] for name in kept), 0])
    after = np.array([*(recent.get(name, 0) for name in kept), 0])
    before[-1], after[-1] = n - before.sum(), m - after.sum()
    before, after = np.append(before, missing[0]), np.append(after, missing[1])
    n, m = n + missing[0], m + missing[1]

    def half(p: Floats, q: Floats) -> Floats:
        return np.asarray(np.abs(q - p).sum(axis=-1) / 2)

    raw = float(half(before / n, after / m))
    return {
        "psi": _psi(before, after, z, resamples, rng),
        "total_variation": _corrected(raw, half, before, after, z, resamples, rng),
        "new_categories": share_shift(0, 0, sum(new.values()), m, z),
    }, new


def share_shift(before: int, rows_before: int, after: int, rows_after: int, z: float) -> Shift:
    """By how much a share differs, either way: `before` of `rows_before` rows and `after` of `rows_after`.

    With no `rows_before`, the share was 0 and is known to be. Bounds as A. Agresti and B. Caffo have them
    (The American Statistician 54/4, 2000): one more row of each kind on both sides.
    """
    p, s = (before / rows_before, 0.0) if rows_before else (0.0, 0.0)
    if rows_before:
        q = (before + 1) / (rows_before + 2)
        s = q * (1 - q) / (rows_before + 2)
    r = (after + 1) / (rows_after + 2)
    away = z * (s + r * (1 - r) / (rows_after + 2)) ** 0.5
    value = abs(after / rows_after - p)
    return Shift(value, max(0.0, value - away), value + away, value)


# --- what they share ----------------------------------------------------------------------------------------


def _coarse(training: Floats) -> Floats:
    """Bins for the index: where they begin. Beyond an end where many are (a flag that was always 0) is a bin
    of its own.
    """
    if not len(training):
        return training
    begins, least, greatest = cuts(training, BINS), training.min(), training.max()
    many = len(training) / BINS
    below = [least] if (training == least).sum() >= many else []
    above = [np.nextafter(greatest, np.inf)] if (training == greatest).sum() >= many else []
    return np.concatenate([below, begins, above])


def _counts(training: Floats, recent: Floats, begins: Floats) -> tuple[Floats, Floats]:
    bins = len(begins) + 1
    return (
        np.bincount(codes(training, begins), minlength=bins).astype(float),
        np.bincount(codes(recent, begins), minlength=bins).astype(float),
    )


def _psi(before: Floats, after: Floats, z: float, resamples: int, rng: np.random.Generator) -> Shift:
    filled = before + after > 0
    before, after = before[filled], after[filled]
    n, m, bins = before.sum(), after.sum(), len(before)

    def index(p: Floats, q: Floats) -> Floats:
        # Half a row in each bin, or an empty one would make it infinite.
        p, q = (p * n + 0.5) / (n + bins / 2), (q * m + 0.5) / (m + bins / 2)
        return np.asarray(((q - p) * np.log(q / p)).sum(axis=-1))

    return _corrected(float(index(before / n, after / m)), index, before, after, z, resamples, rng)


def _corrected(
    raw: float,
    statistic: Callable[[Floats, Floats], Floats],
    before: Floats,
    after: Floats,
    z: float,
    resamples: int,
    rng: np.random.Generator,
) -> Shift:
    """`raw` less what the bootstrap adds. `statistic` takes shares of shape (…, bins)."""
    n, m = int(before.sum()), int(after.sum())
    p, q = before / n, after / m
    drawn = statistic(rng.multinomial(n, p, resamples) / n, rng.multinomial(m, q, resamples) / m)
    value = max(0.0, raw - max(0.0, float(drawn.mean() - statistic(p, q))))
    away = z * float(drawn.std())
    return Shift(value, max(0.0, value - away), value + away, raw)
