"""A number in the format General: eleven characters, as Excel shows it in a column that is wide enough."""

from decimal import ROUND_HALF_UP, Context, Decimal

__all__ = ["general", "rounded", "scientific"]

#: A format has at most 255 characters, and so many decimals at most.
_ALL_DIGITS = Context(prec=1_000)
#: Characters of a number with a point, without its sign.
_WIDTH = 11
#: Decimals of a number below ten.
_DECIMALS = 9
#: Below it, and from 1E+11, it is written with an exponent unless it is short.
_SMALLEST_EXPONENT = -4
#: Whole numbers are written out so far, where Excel has 1.23457E+11: they are ids and numbers of phones.
_WHOLE_DIGITS = 15


def general(number: Decimal) -> str:
    """The number has at most 15 digits."""
    magnitude = abs(number)
    exponent = magnitude.adjusted()
    if exponent < _WHOLE_DIGITS and magnitude == magnitude.to_integral_value():
        return f"{number:.0f}" if number else "0"
    if exponent < _SMALLEST_EXPONENT:
        plain = f"{magnitude.normalize():f}"
        return _signed(number, plain if len(plain) <= _WIDTH else scientific(magnitude))
    shown = rounded(magnitude, max(0, min(_DECIMALS, _DECIMALS - exponent)))
    if shown.adjusted() >= _WIDTH:
        return _signed(number, scientific(magnitude))
    return _signed(number, f"{shown.normalize():f}")


def rounded(number: Decimal, decimals: int) -> Decimal:
    """Halves away from zero, as Excel does."""
    return number.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP, _ALL_DIGITS)


def scientific(number: Decimal) -> str:
    """Six digits at most: 1.23457E+11."""
    mantissa = rounded(number.scaleb(-number.adjusted()), 5)
    exponent = number.adjusted()
    if mantissa.adjusted():  # 9.999999 became 10
        mantissa, exponent = mantissa.scaleb(-1), exponent + 1
    return f"{mantissa.normalize():f}E{exponent:+03d}"


def _signed(number: Decimal, text: str) -> str:
    return f"-{text}" if number < 0 else text
