"""How many rows would settle what these leave open."""

from __future__ import annotations

import math

from hotpass_evaluation.statistics.figures import Interval

#: More than anybody has: the estimate is on the margin, but for the rounding of a float.
_TOO_MANY = 10**12


def rows_to_settle(interval: Interval, margin: float, rows: int) -> int | None:
    """The rows at which the nearer bound would reach `margin`, if the estimate stays where it is.

    A bound draws nearer to the estimate with the square root of the rows. Rounded up to two significant
    digits; `rows` itself where they settle it already; None where no number would, since the estimate is the
    margin.
    """
    distance = abs(interval.value - margin)
    reach = interval.value - interval.low if interval.value > margin else interval.high - interval.value
    if not (math.isfinite(distance) and math.isfinite(reach)) or distance == 0 or rows <= 0:
        return None
    if reach <= distance:
        return rows
    needed = rows * (reach / distance) ** 2
    return None if needed > _TOO_MANY else _rounded_up(needed)


def _rounded_up(number: float) -> int:
    whole = math.ceil(number)
    unit = int(10 ** max(0, len(str(whole)) - 2))
    return -(-whole // unit) * unit
