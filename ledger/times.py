"""Times: as people and JSON write them, and as the ledger keeps them, in Unix ms."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import WithJsonSchema

from ledger.errors import BadInput
from ledger.messages.json_fields import kind_of
from ledger.phrases import Phrase

__all__ = [
    "MACHINE",
    "IsoTime",
    "NoSuchTime",
    "Zone",
    "check_expiry",
    "duration",
    "given_time",
    "in_zone",
    "iso",
    "moment",
    "new_time",
    "past_problem",
    "unix_ms",
    "zone_of",
]

#: A time as `iso` writes it, in the JSON of an answer.
IsoTime = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
#: What a time without an offset means: the clocks of a zone, those of this machine, or nothing: then it is refused.
MACHINE: Literal["machine"] = "machine"
Zone = ZoneInfo | Literal["machine"] | None
#: A time of sending may be past by so much: a queue, or a clock that is behind.
MOST_PAST = timedelta(days=1)
#: Of a zone's name, in an error.
_ZONE_CHARACTERS = 40

_DURATION = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*$")
_DURATION_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


class NoSuchTime(ValueError):
    """Written as a time is, and yet none: without an offset or a zone, or left out by the clocks of its zone."""


def duration(text: str) -> timedelta:
    """Reads `90s`, `15m`, `24h` or `30d`. Raises ValueError."""
    match = _DURATION.match(text)
    if match is None:
        raise ValueError(Phrase("{text} is not a valid duration: use 90s, 15m, 24h or 30d", text=repr(text)))
    return timedelta(seconds=float(match[1]) * _DURATION_UNITS[match[2]])


def zone_of(name: Any) -> ZoneInfo:
    """The time zone of this name. Raises BadInput under `timezone`."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError, AttributeError):
        pass
    problem = Phrase(
        "{name} is not a time zone: use a name such as Asia/Shanghai", name=repr(str(name)[:_ZONE_CHARACTERS])
    )
    raise BadInput("timezone", problem)


def in_zone(time: datetime, zone: ZoneInfo | None) -> datetime:
    """A time without an offset, as the clocks of a zone show it; None is this machine's.

    Of a time that they show twice it is the first. Raises NoSuchTime for one that they leave out.
    """
    aware = time.replace(tzinfo=zone) if zone else time.astimezone()
    if aware.astimezone(UTC).astimezone(zone).replace(tzinfo=None, fold=0) != time.replace(fold=0):
        shown = time.isoformat(timespec="minutes")
        raise NoSuchTime(Phrase("{time} does not exist: the clocks are put forward over it that day", time=shown))
    return aware


def moment(text: str, now: datetime, zone: Zone = MACHINE) -> datetime:
    """Reads an ISO 8601 time, or a duration from now such as `1h`. Raises ValueError."""
    try:
        return now + duration(text)
    except ValueError:
        pass
    except OverflowError:
        raise ValueError(Phrase("{text} is too far in the future", text=repr(text))) from None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            Phrase(
                "{text} is not a valid time: use 2026-11-30T09:00+08:00, or 90s, 15m, 1h, 2d from now", text=repr(text)
            )
        ) from None
    return _with_offset(time, zone)


def _with_offset(time: datetime, zone: Zone) -> datetime:
    try:
        if time.tzinfo is not None:
            return time.astimezone()
        if zone is None:
            raise NoSuchTime(
                Phrase(
                    "{time} has no offset: write it as {time}+08:00, or give a timezone such as Asia/Shanghai",
                    time=time.isoformat(timespec="minutes"),
                )
            )
        return in_zone(time, zone if isinstance(zone, ZoneInfo) else None)
    except OverflowError:
        raise ValueError(Phrase("{text} is too far in the future", text=time.isoformat())) from None


def given_time(field: str, value: Any, now: datetime, zone: Zone = None) -> datetime | None:
    """A time as a caller gives it: text, or a datetime. Without an offset it is one of `zone`. Raises BadInput."""
    try:
        match value:
            case None:
                return None
            case str():
                return moment(value, now, zone)
            case datetime():
                return _with_offset(value, zone)
    except ValueError as error:
        raise BadInput(field, error.args[0]) from None
    raise BadInput(field, Phrase("must be a time such as 2026-11-30T09:00+08:00, not {kind}", kind=kind_of(value)))


def past_problem(at: datetime | None, now: datetime) -> BadInput | None:
    """What is wrong with a time of sending of more than a day ago: nearly always another year is meant."""
    if at is None or now - at <= MOST_PAST:
        return None
    days = (now - at).days
    when = at.isoformat(timespec="minutes")
    return BadInput(
        "at",
        Phrase(
            "{time} is {n:,} day ago: check the year, or leave it out for now"
            " | {time} is {n:,} days ago: check the year, or leave it out for now",
            time=when,
            n=days,
        ),
    )


def new_time(at: Any, timezone: Any = None, *, now: datetime | None = None, zone: Zone = None) -> datetime:
    """The time that a caller gives: without an offset it is one of `timezone`, or else of `zone`.

    Raises BadInput, also for one of more than a day ago.
    """
    now = now or datetime.now(UTC)
    time = given_time("at", at, now, zone if timezone is None else zone_of(timezone))
    if time is None:
        raise BadInput("at", Phrase("give the new time, such as 2026-11-30T09:00+08:00"))
    if past_problem(time, now):
        raise BadInput(
            "at", Phrase("{time} is more than a day ago: check the date", time=time.isoformat(timespec="minutes"))
        )
    return time


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
