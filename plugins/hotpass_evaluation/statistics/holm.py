"""Many tests at once."""

from __future__ import annotations

from collections.abc import Sequence


def adjusted(p_values: Sequence[float]) -> list[float]:
    """P-values that keep the chance of any false alarm among all of them under the level that each is then
    held against, however they depend on each other.

    S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6/2,
    1979: the smallest of m is multiplied by m, the next by m - 1, and so on, none being smaller than the one
    before it.
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    found = [1.0] * len(p_values)
    least = 0.0
    for rank, position in enumerate(order):
        least = max(least, min(1.0, p_values[position] * (len(p_values) - rank)))
        found[position] = least
    return found
