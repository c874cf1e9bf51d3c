"""What is known of a desk, as JSON has it: `deskbell desks --json`, `GET /v1/desks`."""

from typing import Annotated, Any, cast

from pydantic import Field, with_config
from typing_extensions import TypedDict

from ledger.desk_status import desk_status
from ledger.ledger import Ledger
from ledger.rate import rate_text
from ledger.settings import Desk
from ledger.states import Outcome, State
from ledger.ticket_codes import learnt_ticket_codes
from ledger.times import IsoTime

__all__ = ["DeskJson", "desk_facts"]


@with_config(title="DeskWindow")
class WindowJson(TypedDict):
    """One limit of the quota."""

    limit: Annotated[int, Field(description="Calls that the desk may make in this time.")]
    seconds: Annotated[int, Field(description="How long the window is.")]
    used: Annotated[int, Field(description="Calls that it has made in the last so many seconds.")]


@with_config(title="DeskCalls")
class CallsJson(TypedDict):
    """Calls to Feishu since the desk began."""

    used: Annotated[int, Field(description="All calls.")]
    wasted: Annotated[dict[Outcome, int], Field(description="Those that delivered nothing, by outcome.")]


@with_config(title="Lane")
class LaneJson(TypedDict):
    """Where notifications wait their turn: one lane for the events of the desk, one for each announcement."""

    lane: Annotated[str, Field(description="`events`, or the announcement: `a_…`.")]
    waiting: Annotated[int, Field(description="How many wait in it.")]
    oldest_seconds: Annotated[float | None, Field(description="Since the oldest of them was accepted.")]


@with_config(title="OpenTickets")
class TicketsJson(TypedDict):
    """The open tickets of the helpdesk."""

    open: Annotated[int, Field(description="How many are known to be open.")]
    age_seconds: Annotated[float | None, Field(description="Since they were asked for; null if they never were.")]


@with_config(title="Hold")
class HoldJson(TypedDict):
    """Why a desk is stopped for everybody."""

    kind: Annotated[str, Field(description="`throttled`, `credentials`, `quota` or `outage`.")]
    reason: Annotated[str, Field(description="In words.")]
    since: Annotated[IsoTime | None, Field(description="When it began.")]
    until: Annotated[IsoTime | None, Field(description="When it is tried again.")]


@with_config(title="AddressLookup")
class AddressesJson(TypedDict):
    """Whose e-mail addresses and mobile numbers are being asked about."""

    unresolved: Annotated[int, Field(description="Events whose address has not led to anybody yet.")]
    hold: Annotated[HoldJson | None, Field(description="Why Feishu does not say; null while it does.")]


@with_config(title="Desk")
class DeskJson(TypedDict):
    """A helpdesk: how much it sends, and why it does not."""

    name: Annotated[str, Field(description="As other requests name it.")]
    windows: Annotated[list[WindowJson], Field(description="The limits of its quota; none without a quota.")]
    lowered_to: Annotated[float | None, Field(description="The share of the quota that it uses, after throttles.")]
    in_flight: Annotated[int, Field(description="Notifications that a worker has.")]
    calls: Annotated[CallsJson, Field(description="How many it made, and how many of them in vain.")]
    lanes: Annotated[list[LaneJson], Field(description="What waits: its events first.")]
    eta_seconds: Annotated[int | None, Field(description="Until nothing waits; null where that cannot be told.")]
    tickets: Annotated[TicketsJson, Field(description="How many are open, and how old that knowledge is.")]
    hold: Annotated[HoldJson | None, Field(description="Why it is stopped for everybody; null while it is not.")]
    addresses: Annotated[AddressesJson, Field(description="What waits for a receiver to be found.")]
    feishu_url: Annotated[str, Field(description="Where it calls.")]
    rate: Annotated[str, Field(description="Its quota, such as `100/60second`.")]
    missing: Annotated[list[str], Field(description="Settings that it lacks where this is answered.")]
    ticket_codes: Annotated[list[int], Field(description="Codes of Feishu's that mean an open ticket.")]
    counts: Annotated[dict[State, int], Field(description="Its events by state.")]


def desk_facts(ledger: Ledger, desk: Desk) -> DeskJson:
    """Raises redis-py's errors."""
    ledger = ledger.at(desk.name)
    facts: dict[str, Any] = {
        **desk_status(ledger, desk).as_json(),
        "feishu_url": desk.feishu_url,
        "rate": rate_text(desk.rate),
        "missing": list(desk.missing),
        "ticket_codes": sorted(desk.ticket_codes | learnt_ticket_codes(ledger.redis, ledger.keys, desk.name)),
        "counts": {state: count for state, count in ledger.counts(desk.name).items() if count},
    }
    return cast(DeskJson, facts)
