"""Times as a person at this machine reads them: each with its zone, and how far away it is."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rich.text import Text

from ledger.phrases import Phrase
from ledger.times import iso
from producers.cli.language import translated
from producers.cli.output import is_interactive
from producers.cli.tables import in_colour, spoken

__all__ = ["ago", "distance", "local", "moment", "short", "state_and_time", "told", "zone_now"]


def moment(ms: float) -> datetime:
    """Of Unix time in ms, in the zone of this machine."""
    return datetime.fromtimestamp(ms / 1000).astimezone()


def local(at: datetime) -> str:
    """`2026-12-01 09:00`, by the clocks of this machine."""
    return f"{at.astimezone():%Y-%m-%d %H:%M}"


def short(at: str) -> str:
    """An ISO 8601 time by the clocks of this machine, for a column: `2026-12-01 09:00:05`."""
    return f"{datetime.fromisoformat(at).astimezone():%Y-%m-%d %H:%M:%S}"


def ago(at: int | str | None) -> str | None:
    """How long it has been since ms of Unix time, or a time in ISO 8601. For a script it is that time."""
    written = iso(at) if isinstance(at, int) else at
    return distance(datetime.fromisoformat(written)) if written and is_interactive() else written


def told(at: datetime, now: datetime | None = None) -> Phrase:
    """`2026-12-01 09:00 CST (+08:00), in 5 d 2 h`; in the zone that the time has."""
    written = f"{at:%Y-%m-%d %H:%M} {at.tzname()} ({at.isoformat()[-6:]})"
    return Phrase("{moment}, {distance}", moment=written, distance=distance(at, now))


def distance(at: datetime, now: datetime | None = None) -> Phrase:
    seconds = (at - (now or datetime.now(UTC))).total_seconds()
    if seconds >= 0:
        return Phrase("in {span}", span=spoken(seconds))
    return Phrase("{span} ago", span=spoken(-seconds))


def zone_now() -> str:
    """The zone of this machine, for the head of a table."""
    now = datetime.now().astimezone()
    return f"{now.tzname()} ({now.isoformat()[-6:]})"


def state_and_time(fields: Mapping[str, Any], *, is_long: bool) -> Text:
    """The state of what JSON tells; what waits for a time has it behind its state, or in a narrow column below it."""
    state, due_at = fields.get("ended") or fields["state"], fields["due_at"]
    cell = in_colour(state)
    if due_at is None:
        return cell
    at = datetime.fromisoformat(due_at).astimezone()
    until = translated(_until(state, told(at) if is_long else f"\n{local(at)}"))
    return cell.append(" " + until.replace(" \n", "\n"), style="default")


def _until(state: str, time: str) -> Phrase:
    match state:
        case "scheduled" | "draft" | "awaiting_approval" | "approved":
            return Phrase("for {time}", time=time)
        case "deferred":
            return Phrase("until {time}", time=time)
    return Phrase("from {time}", time=time)
