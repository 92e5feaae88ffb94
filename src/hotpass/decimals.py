"""Numbers the way a person reads them.

A computer adds 0.80 and 0.05 to 0.8500000000000001 and eight times 0.1 to 0.7999999999999999. Whoever
writes `at_least: 0.80` means the decimal. So a float stands for its shortest decimal (the one that Python
prints), rounded half to even to 14 significant digits: that drops the noise, which sits in the last two or
three of a double's 16 to 17 digits, and keeps every digit that anybody would write, milliseconds since the
epoch included. Rounding never turns round the order of two numbers, so a better metric never fares worse
than a poorer one.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Context, Decimal

#: Significant digits of a number as read.
DIGITS = 14
_BRIEF = 6

# Contexts of our own: the ambient one may have been set to three digits by anybody.
_READ = Context(prec=DIGITS, rounding=ROUND_HALF_EVEN)
_EXACT = Context(prec=60)
_SHORTER = [Context(prec=digits, rounding=ROUND_HALF_EVEN) for digits in range(_BRIEF, DIGITS)]


def as_read(value: float) -> Decimal:
    """`value` as a decimal of at most 14 significant digits.

    Raises ValueError for NaN, infinity and an integer too large for a float.
    """
    try:
        number = _READ.create_decimal(repr(float(value)))
    except OverflowError as error:
        raise ValueError(
            "an integer of more than 308 digits is not a number that a metric can have"
        ) from error
    if not number.is_finite():
        raise ValueError(f"{value} is not a finite number")
    return number


def is_finite(value: float) -> bool:
    """Whether `value` is a number that a float can hold; False for NaN and the infinities."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def minus(left: Decimal, right: Decimal) -> Decimal:
    """`left` less `right`, exact to 60 significant digits."""
    return _EXACT.subtract(left, right)


def times(left: Decimal, right: Decimal) -> Decimal:
    """`left` times `right`, exact to 60 significant digits."""
    return _EXACT.multiply(left, right)


def at_least(value: float, threshold: float) -> bool:
    """Whether `value`, as read, is `threshold`, as read, or more. Both must be finite."""
    # Rounding keeps the order, so a float that is not smaller cannot become a smaller decimal.
    return value >= threshold or as_read(value) >= as_read(threshold)


def at_most(value: float, threshold: float) -> bool:
    """Whether `value`, as read, is `threshold`, as read, or less. Both must be finite."""
    return value <= threshold or as_read(value) <= as_read(threshold)


def number_text(value: float | Decimal) -> str:
    """`value` in at most 14 significant digits and without trailing zeros, as a person would write it."""
    number = _READ.plus(value) if isinstance(value, Decimal) else as_read(value)
    if not number:
        return "0"
    text = str(number)
    if "E" in text:
        return _plain(text)
    return text.rstrip("0").rstrip(".") if "." in text else text


def brief_text(value: float | Decimal, *others: float | Decimal | None) -> str:
    """`value` in six significant digits, or in as many more as it takes to compare with `others` alike."""
    number = value if isinstance(value, Decimal) else as_read(value)
    against = [
        other if isinstance(other, Decimal) else as_read(other) for other in others if other is not None
    ]
    for context in _SHORTER:
        short = context.plus(number)
        for other in against:
            if short.compare(other) != number.compare(other):
                break
        else:
            return number_text(short)
    return number_text(number)


def _plain(text: str) -> str:
    """What Python writes with an exponent: in full up to 15 digits, else with the exponent still."""
    number = Decimal(text).normalize(_READ)
    return f"{number:f}" if -7 < number.adjusted() < 15 else str(number)
