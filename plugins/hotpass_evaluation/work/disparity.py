"""How differently the decisions treat groups, by fairlearn's definitions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import stats

from hotpass_evaluation.statistics.arrays import Codes, Floats
from hotpass_evaluation.unusable import Unusable
from hotpass_evaluation.work.segments import Coded

_RESAMPLES = 2000


def fairlearn_measures() -> dict[str, Callable[..., float]]:
    """fairlearn's own functions by name. Raises Unusable where it is not installed."""
    try:
        from fairlearn import metrics
    except ImportError:
        raise Unusable("disparity needs fairlearn: pip install 'hotpass[evaluate]'") from None
    return {
        name: getattr(metrics, name)
        for name in (f"{what}_{how}" for what in _RATES for how in ("difference", "ratio"))
    }


def disparities(
    groups: Coded,
    target: Floats,
    called: Codes,
    weight: Floats | None,
    units: int,
    measures: Mapping[str, float],
    least: tuple[int, int],
) -> dict[str, Any]:
    """Each of `measures` (by name, with the confidence of its bounds) between the groups with `least` rows,
    and positives where it looks at those: value, low and high; what is known of each group; and `small`.

    The value is fairlearn's. The bounds are the bootstrap's standard deviations about the value less what
    the bootstrap adds to it, since the largest of several differences is too large by chance: cells of group,
    outcome and decision are drawn anew, as if of so many rows as there are independent `units`.
    """
    known = fairlearn_measures()
    width = len(groups.names)
    cell = (groups.codes * 2 + target.astype(np.int64)) * 2 + called
    rows = np.bincount(groups.codes, minlength=width)
    plain = np.bincount(cell, minlength=width * 4).reshape(width, 2, 2)
    counts = np.bincount(cell, weight, minlength=width * 4).reshape(width, 2, 2).astype(float)
    enough = rows >= least[0]
    both = enough & (plain.sum(axis=2).min(axis=1) >= least[1])
    rng = np.random.default_rng(0)
    found: dict[str, Any] = {"measures": {}, "small": [], "groups": {}}
    for name, confidence in measures.items():
        kept = enough if name.startswith("demographic") else both
        found["small"] = sorted({*found["small"], *(groups.names[place] for place in np.flatnonzero(~kept))})
        if kept.sum() < 2:
            found["measures"][name] = None
            continue
        mine = kept[groups.codes]
        value = float(known[name](
            target[mine], called[mine], sensitive_features=groups.codes[mine],
            sample_weight=None if weight is None else weight[mine],
        ))  # fmt: skip
        if not np.isfinite(value):  # a ratio of nothing to nothing
            found["measures"][name] = None
            continue
        draws = max(2, round(units * float(rows[kept].sum() / rows.sum())))
        # Half a row more in each cell: decisions that no row of a group shows would be taken as impossible.
        shares = counts[kept] / counts[kept].sum() + 0.5 / draws
        shares /= shares.sum()
        drawn = rng.multinomial(draws, shares.reshape(-1), _RESAMPLES).reshape(_RESAMPLES, -1, 2, 2)
        resampled = _measure(name, drawn.astype(float))
        resampled = resampled[np.isfinite(resampled)]
        middle = value - (float(resampled.mean()) - float(_measure(name, shares[None])[0]))
        middle = min(max(middle, 0.0), 1.0)
        away = float(stats.norm.ppf(confidence) * resampled.std())
        found["measures"][name] = {
            "value": value, "low": max(0.0, middle - away), "high": min(1.0, middle + away)
        }  # fmt: skip
    for place, name in enumerate(groups.names):
        one = counts[place]
        with np.errstate(divide="ignore", invalid="ignore"):
            rates = {
                "selection_rate": one[:, 1].sum() / one.sum(),
                "true_positive_rate": one[1, 1] / one[1].sum(),
                "false_positive_rate": one[0, 1] / one[0].sum(),
            }
        found["groups"][name] = {
            "rows": int(rows[place]),
            **{key: round(float(rate), 6) if np.isfinite(rate) else None for key, rate in rates.items()},
        }
    return found


#: Which rates of the cells (…, groups, outcome, decision) a measure compares.
_RATES: Mapping[str, Callable[[Floats], list[Floats]]] = {
    "demographic_parity": lambda cells: [cells[..., 1].sum(axis=-1) / cells.sum(axis=(-1, -2))],
    "equal_opportunity": lambda cells: [cells[..., 1, 1] / cells[..., 1, :].sum(axis=-1)],
    "equalized_odds": lambda cells: [cells[..., y, 1] / cells[..., y, :].sum(axis=-1) for y in (0, 1)],
}


def _measure(name: str, cells: Floats) -> Floats:
    """As fairlearn's functions, from counts of shape (resamples, groups, 2, 2)."""
    what, _, how = name.rpartition("_")
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = _RATES[what](cells)
        if how == "difference":
            return np.asarray(np.max([np.ptp(rate, axis=-1) for rate in rates], axis=0))
        return np.asarray(np.min([rate.min(axis=-1) / rate.max(axis=-1) for rate in rates], axis=0))
