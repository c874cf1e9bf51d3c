"""The pickers of dates, times and hours in forms: a date, a time of day and the zone that both are of."""

from datetime import datetime

from console.page_request import PageRequest
from ledger.errors import BadInput
from ledger.phrases import Phrase
from ledger.times import new_time

__all__ = ["ZONE", "picked_hours", "picked_new_time", "picked_time"]

#: The field with the zone. console.js puts the browser's there; without it, UTC stands there to be seen and changed.
ZONE = "timezone"


def picked_time(request: PageRequest, name: str) -> str | None:
    """The fields `name_date` and `name_time` as text, of the zone beside them; None if both are empty.

    Raises BadInput if one is.
    """
    date, time = request.field(f"{name}_date"), request.field(f"{name}_time")
    if not date and not time:
        return None
    if not (date and time):
        raise BadInput(name, Phrase("choose a date, too") if time else Phrase("choose a time of day, too"))
    return f"{date}T{time}"


def picked_hours(request: PageRequest) -> str | None:
    """The fields `hours_from` and `hours_to` as `09:00-18:00`; None if both are empty. Raises BadInput if one is."""
    opens, closes = request.field("hours_from"), request.field("hours_to")
    if bool(opens) != bool(closes):
        lacks_end, lacks_beginning = (
            Phrase("choose when the hours end, too"),
            Phrase("choose when the hours begin, too"),
        )
        raise BadInput("between", lacks_end if opens else lacks_beginning)
    return f"{opens}-{closes}" if opens else None


def picked_new_time(request: PageRequest) -> datetime:
    """What the form of *Reschedule* says. Raises BadInput."""
    return new_time(picked_time(request, "at"), request.field(ZONE) or "UTC")
