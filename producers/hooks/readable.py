"""Numbers and times as people read them: filters of hooks, `number` and `time`."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

__all__ = ["moment", "number", "time"]

#: Digits that a fraction keeps at most: 44.24, 0.0123.
_DIGITS = 4
#: Below and above these a number is written with an exponent.
_SMALLEST, _LARGEST = 1e-9, 1e15
#: Seconds since 1970 up to this, in the year 5138; larger numbers are milliseconds.
_MOST_SECONDS = 1e11


def number(value: Any) -> Any:
    """`44.24` for 44.23943737541908, and `0.0000001` for 1e-07. Anything but a fraction stays as it is."""
    if not isinstance(value, float):
        return value
    if value and not _SMALLEST <= abs(value) < _LARGEST:
        return f"{value:.3g}"
    digits = max(_DIGITS, len(str(int(abs(value)))))
    return f"{Decimal(f'{value:.{digits}g}'):f}"


def time(value: Any) -> Any:
    """`2026-11-22 06:41:12 UTC` for an ISO time, or a number of seconds or milliseconds since 1970.

    An offset that was given is kept: it is the clock of whoever wrote it. What is no time stays as it is.
    """
    found = moment(value)
    if found is None:
        return value
    zone = "UTC" if not found.utcoffset() else f"{found:%z}"[:3] + ":" + f"{found:%z}"[3:5]
    return f"{found:%Y-%m-%d %H:%M:%S} {zone}"


def moment(value: Any) -> datetime | None:
    """An ISO time with an offset, or a number of seconds or milliseconds since 1970; None for anything else."""
    try:
        if isinstance(value, str):
            found = datetime.fromisoformat(value.strip())
            return found if found.tzinfo else None
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value if abs(value) <= _MOST_SECONDS else value / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None
