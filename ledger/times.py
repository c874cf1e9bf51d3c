"""Times: as people and JSON write them, and as the ledger keeps them, in Unix ms."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from ledger.errors import BadInput
from ledger.phrases import Phrase

__all__ = ["check_expiry", "duration", "given_time", "iso", "moment", "unix_ms"]

_DURATION = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*$")
_DURATION_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


def duration(text: str) -> timedelta:
    """Reads `90s`, `15m`, `24h` or `30d`. Raises ValueError."""
    match = _DURATION.match(text)
    if match is None:
        raise ValueError(Phrase("{text} is not a valid duration: use 90s, 15m, 24h or 30d", text=repr(text)))
    return timedelta(seconds=float(match[1]) * _DURATION_UNITS[match[2]])


def moment(text: str, now: datetime) -> datetime:
    """Reads an ISO 8601 time (local without an offset), or a duration from now such as `1h`. Raises ValueError."""
    try:
        return now + duration(text)
    except ValueError:
        pass
    except OverflowError:
        raise ValueError(Phrase("{text} is too far in the future", text=repr(text))) from None
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        raise ValueError(
            Phrase(
                "{text} is not a valid time: use 2026-11-30T09:00+08:00, or 90s, 15m, 1h, 2d from now", text=repr(text)
            )
        ) from None


def given_time(field: str, value: Any, now: datetime) -> Any:
    """A time as a caller gives it: text, or a datetime. What is neither is left to the field's own check.

    Raises BadInput.
    """
    try:
        if isinstance(value, str):
            return moment(value, now)
    except ValueError as error:
        raise BadInput(field, error.args[0]) from None
    return value.astimezone() if isinstance(value, datetime) else value  # without an offset it is local


def check_expiry(expires_at: datetime | None, at: datetime | None, now: datetime) -> None:
    """Raises BadInput for what would expire before it can be sent."""
    if expires_at and expires_at <= now:
        raise BadInput("expires", Phrase("{time} is in the past", time=expires_at.isoformat()))
    if expires_at and at and expires_at <= at:
        raise BadInput("expires", Phrase("must be later than the time of sending (at)"))


def unix_ms(time: datetime | None) -> int:
    return round(time.timestamp() * 1000) if time else 0


def iso(ms: int | None) -> str | None:
    """Unix ms as people and JSON have it: UTC, with milliseconds."""
    if not ms:
        return None
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
