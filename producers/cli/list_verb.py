"""`deskbell list`: what is on record."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from typing import Annotated, Any, TypeVar

import typer

from ledger.announcement import Announcement
from ledger.errors import BadInput
from ledger.full_search import Finding, Sought
from ledger.record import Record
from ledger.states import AnnouncementState, State
from producers.cli.access import open_ledger
from producers.cli.output import note
from producers.cli.spoken_times import local, state_and_time, zone_now
from producers.cli.tables import show_list, spoken

__all__ = ["register"]

_EXAMPLES = """\b
Examples:
  deskbell list --state running
  deskbell list --notifications --state failed
  deskbell list --notifications --find ada@example.com
  deskbell retry $(deskbell list --notifications --state failed)"""

_EVENT_COLUMNS = ("id", "state", "receiver", "via", "attempts", "code", "created")
_FOUND_COLUMNS = ("id", "who", "receiver", "line", "state", "code", "created")
_ANNOUNCEMENT_COLUMNS = ("id", "name", "state", "progress", "left")

EnumT = TypeVar("EnumT", bound=StrEnum)
ListedT = TypeVar("ListedT", Record, Announcement)


def register(app: typer.Typer) -> None:
    app.command("list", epilog=_EXAMPLES)(list_all)


def list_all(
    notifications: Annotated[bool, typer.Option("--notifications", help="Events instead of announcements.")] = False,
    state: Annotated[str | None, typer.Option(metavar="S", help="Only those in this state.")] = None,
    find: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="With --notifications: events and rows with it in the receiver, key, message id or any column.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="At most this many.")] = 100,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a list of JSON objects, as `show --json` does.")
    ] = False,
) -> None:
    """List what is on record, newest first: announcements, or with --notifications the events."""
    if find is not None:
        if not notifications:
            raise BadInput("find", "goes with --notifications")
        _tell(_found(find, _state(state, State), limit + 1), limit, as_json, _FOUND_COLUMNS, _found_cells)
    elif notifications:
        _tell(_events(_state(state, State), limit + 1), limit, as_json, _EVENT_COLUMNS, _event_cells)
    else:
        known = _state(state, AnnouncementState, without=AnnouncementState.LOADING)
        _tell(_announcements(known, limit + 1), limit, as_json, _ANNOUNCEMENT_COLUMNS, _announcement_cells)


def _state(given: str | None, states: type[EnumT], without: EnumT | None = None) -> EnumT | None:
    known = [state for state in states if state is not without]
    if given is None or given in known:
        return states(given) if given else None
    kind = "a notification" if states is State else "an announcement (without --notifications)"
    raise BadInput("state", f"{given!r} is not a state of {kind}: use one of {', '.join(known)}")


def _events(state: State | None, limit: int) -> list[Record]:
    with open_ledger() as ledger:
        return list(islice(ledger.events(state), limit))


def _found(text: str, state: State | None, limit: int) -> list[Record]:
    """Page by page, until there are enough or all was looked at."""
    found: dict[str, Record] = {}
    with open_ledger() as ledger:
        place = None
        while len(found) < limit:
            page = Finding(ledger, Sought.of(text), state=state, limit=limit).page(place)
            found |= {record.id: record for record in page.records}
            place = page.next
            if place is None:
                break
        reach = page.reach()
    note("looked at {rows:,} of {of_rows:,} rows and {events:,} of {of_events:,} events".format(**reach))
    return list(found.values())


def _announcements(state: AnnouncementState | None, limit: int) -> list[Announcement]:
    with open_ledger() as ledger:
        found = ledger.announcements.newest()
        return list(islice((each for each in found if state in (None, each.state)), limit))


def _tell(
    found: Sequence[ListedT], limit: int, as_json: bool, columns: Sequence[str], cells: Callable[[ListedT], list[Any]]
) -> None:
    shown = found[:limit]
    told = [each.as_json() for each in shown]
    title = f"Times: {zone_now()}"
    show_list(as_json, told, columns, map(cells, shown), (each.id for each in shown), title=title)
    if len(found) > limit:
        note(f"there are more than {limit}: raise --limit to see them")


def _event_cells(record: Record) -> list[Any]:
    fields = record.as_json()
    code = fields["error"]["code"] if fields["error"] else None
    attempts = len(fields["attempts"])
    created = local(datetime.fromtimestamp(record.created_ms / 1000, UTC))
    state = state_and_time(fields, is_long=False)
    receiver = " ".join(filter(None, (fields["receiver_id"], fields["email"] or fields["mobile"])))
    if record.notification.test:
        receiver += " (test)"
    return [record.id, state, receiver, fields["via"], attempts, code, created]


def _state_cell(announcement: Announcement) -> Any:
    cell = state_and_time(announcement.as_json(), is_long=False)
    return cell.append(f" ({announcement.paused_by})", style="default") if announcement.stopped_itself else cell


def _found_cells(record: Record) -> list[Any]:
    id, state, receiver, _, _, code, created = _event_cells(record)
    return [id, ", ".join(record.person.values()), receiver, record.line, state, code, created]


def _announcement_cells(announcement: Announcement) -> list[Any]:
    done, total = announcement.total - announcement.left, announcement.total
    eta = announcement.eta_seconds
    return [
        announcement.id,
        announcement.spec.name,
        _state_cell(announcement),
        f"{done:,} of {total:,} ({100 * done // total} %)",
        spoken(eta) if eta is not None and announcement.left else None,
    ]
