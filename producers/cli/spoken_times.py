"""Times as a person at this machine reads them: each with its zone, and how far away it is."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rich.text import Text

from producers.cli.tables import in_colour, spoken

__all__ = ["distance", "local", "state_and_time", "told", "zone_now"]

#: What stands between a state and the time that it waits for.
_UNTIL = {
    "scheduled": " for",
    "deferred": " until",
    **dict.fromkeys(("draft", "awaiting_approval", "approved"), ", for"),
}


def local(at: datetime) -> str:
    """`2026-12-01 09:00`, by the clocks of this machine."""
    return f"{at.astimezone():%Y-%m-%d %H:%M}"


def told(at: datetime, now: datetime | None = None) -> str:
    """`2026-12-01 09:00 CST (+08:00), in 5 d 2 h`; in the zone that the time has."""
    return f"{at:%Y-%m-%d %H:%M} {at.tzname()} ({at.isoformat()[-6:]}), {distance(at, now)}"


def distance(at: datetime, now: datetime | None = None) -> str:
    seconds = (at - (now or datetime.now(UTC))).total_seconds()
    return f"in {spoken(seconds)}" if seconds >= 0 else f"{spoken(-seconds)} ago"


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
    until = _UNTIL.get(state, ", from")
    return cell.append(f"{until} {told(at)}" if is_long else f"{until}\n{local(at)}", style="default")
