"""Times: as people and JSON write them, and as the ledger keeps them, in Unix ms."""

import re
from datetime import UTC, datetime, timedelta

__all__ = ["duration", "iso", "moment", "unix_ms"]

_DURATION = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*$")
_DURATION_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


def duration(text: str) -> timedelta:
    """Reads `90s`, `15m`, `24h` or `30d`. Raises ValueError."""
    match = _DURATION.match(text)
    if match is None:
        raise ValueError(f"{text!r} is no duration: write a number and a unit, such as 90s, 15m, 24h or 30d")
    return timedelta(seconds=float(match[1]) * _DURATION_UNITS[match[2]])


def moment(text: str, now: datetime) -> datetime:
    """Reads an ISO 8601 time (local without an offset), or a duration from now such as `1h`. Raises ValueError."""
    try:
        return now + duration(text)
    except ValueError:
        pass
    except OverflowError:
        raise ValueError(f"{text!r} is further away than the calendar reaches") from None
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no time: write 2026-11-30T09:00+08:00, or 90s, 15m, 1h, 2d from now") from None


def unix_ms(time: datetime | None) -> int:
    return round(time.timestamp() * 1000) if time else 0


def iso(ms: int | None) -> str | None:
    """Unix ms as people and JSON have it: UTC, with milliseconds."""
    if not ms:
        return None
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
