"""`deskbell list`: what is on record."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from itertools import islice
from typing import Annotated, Any, NamedTuple, TypeVar

import typer

from ledger.announcement import Announcement
from ledger.errors import BadInput
from ledger.full_search import Finding, Sought
from ledger.phrases import Phrase
from ledger.record import Record
from ledger.states import DRAFTED, AnnouncementState, PausedBy, State
from producers.announcements.drafts import Drafts
from producers.cli.access import open_ledger
from producers.cli.completion import desk_names
from producers.cli.language import word
from producers.cli.output import answer, is_interactive, note
from producers.cli.spoken_times import ago, state_and_time, zone_now
from producers.cli.tables import show_list, spoken

__all__ = ["register"]

_EXAMPLES = """\b
Examples:
  deskbell list --state running
  deskbell list --drafts
  deskbell list --notifications --state failed
  deskbell list --notifications --find ada@example.com
  deskbell retry $(deskbell list --notifications --state failed --ids)"""

_EVENT_COLUMNS = ("id", "state", "receiver", "via", "attempts", "code", "created")
_FOUND_COLUMNS = ("id", "who", "receiver", "line", "state", "code", "created")
_DRAFT_COLUMNS = ("id", "name", "state", "rows", "author", "edited")
_ANNOUNCEMENT_COLUMNS = ("id", "name", "state", "progress", "left")

EnumT = TypeVar("EnumT", bound=StrEnum)
ListedT = TypeVar("ListedT", Record, Announcement)


Find = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        help="With --notifications: events and rows with it in the receiver, key, message id or any column.",
    ),
]
Receiver = Annotated[
    str | None, typer.Option(metavar="WHO", help="With --notifications: this id, e-mail address or mobile number.")
]
Key = Annotated[str | None, typer.Option(metavar="K", help="With --notifications: this idempotency key.")]
Code = Annotated[int | None, typer.Option(metavar="N", help="With --notifications: this code of Feishu's.")]
OfDesk = Annotated[str | None, typer.Option(metavar="D", help="Only those of this desk.", autocompletion=desk_names)]
OfDrafts = Annotated[bool, typer.Option("--drafts", help="Drafts, with their authors, the last edited first.")]
IdsAlone = Annotated[bool, typer.Option("--ids", help="Print the ids alone, for another command.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print a list of JSON objects, as `show --json` does.")]


def register(app: typer.Typer) -> None:
    app.command("list", epilog=_EXAMPLES)(list_all)


def list_all(
    notifications: Annotated[bool, typer.Option("--notifications", help="Events instead of announcements.")] = False,
    drafts: OfDrafts = False,
    state: Annotated[str | None, typer.Option(metavar="S", help="Only those in this state.")] = None,
    find: Find = None,
    receiver: Receiver = None,
    key: Key = None,
    code: Code = None,
    desk: OfDesk = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="At most this many.")] = 100,
    ids: IdsAlone = False,
    as_json: AsJson = False,
) -> None:
    """List what is on record, newest first: announcements, or with --notifications the events.

    In a pipe, the columns are divided by tabs, without a header.
    """
    sought = _Sought(receiver, key, code, desk)
    told = _Told(limit, ids, as_json)
    if drafts and notifications:
        raise BadInput("drafts", Phrase("are announcements: leave out --notifications"))
    if not notifications:
        _refuse_without_notifications({"find": find, **sought._asdict()})
        known = _state(state, AnnouncementState, without=AnnouncementState.LOADING)
        _tell_announcements(told, known, desk, drafts or known in DRAFTED)
    elif find is not None:
        told.tell(_found(find, _state(state, State), sought, limit + 1), _FOUND_COLUMNS, _found_cells)
    else:
        told.tell(_events(_state(state, State), sought, limit + 1), _EVENT_COLUMNS, _event_cells)


def _tell_announcements(told: "_Told", state: AnnouncementState | None, desk: str | None, are_drafts: bool) -> None:
    if are_drafts:
        told.tell(_drafts(state, desk, told.limit + 1), _DRAFT_COLUMNS, _draft_cells)
    else:
        told.tell(_announcements(state, desk, told.limit + 1), _ANNOUNCEMENT_COLUMNS, _announcement_cells)


class _Sought(NamedTuple):
    """What a notification must have; None is anything."""

    receiver: str | None
    key: str | None
    code: int | None
    desk: str | None

    def is_in(self, record: Record) -> bool:
        fields = record.as_json()
        code = fields["error"]["code"] if fields["error"] else None
        pairs = (
            (self.receiver, (fields["receiver_id"], fields["email"], fields["mobile"])),
            (self.key, (fields["key"],)),
            (self.code, (code,)),
            (self.desk, (fields["desk"],)),
        )
        return all(wanted is None or wanted in given for wanted, given in pairs)


def _refuse_without_notifications(given: Mapping[str, Any]) -> None:
    for name, value in given.items():
        if value is not None and name != "desk":
            raise BadInput(name, Phrase("goes with --notifications"))


def _state(given: str | None, states: type[EnumT], without: EnumT | None = None) -> EnumT | None:
    known = [state for state in states if state is not without]
    if given is None or given in known:
        return states(given) if given else None
    kind = Phrase("a notification") if states is State else Phrase("an announcement (without --notifications)")
    raise BadInput(
        "state",
        Phrase(
            "{given} is not a state of {kind}: use one of {names}", given=repr(given), kind=kind, names=", ".join(known)
        ),
    )


def _events(state: State | None, sought: _Sought, limit: int) -> list[Record]:
    with open_ledger(is_screen=True) as ledger:
        return list(islice(filter(sought.is_in, ledger.events(state)), limit))


def _found(text: str, state: State | None, sought: _Sought, limit: int) -> list[Record]:
    """Page by page, until there are enough or all was looked at."""
    found: dict[str, Record] = {}
    with open_ledger(is_screen=True) as ledger:
        place = None
        while len(found) < limit:
            page = Finding(ledger, Sought.of(text), state=state, limit=limit).page(place)
            found |= {record.id: record for record in page.records if sought.is_in(record)}
            place = page.next
            if place is None:
                break
        reach = page.reach()
    note(Phrase("looked at {rows:,} of {of_rows:,} rows and {events:,} of {of_events:,} events", **reach))
    return list(found.values())


def _announcements(state: AnnouncementState | None, desk: str | None, limit: int) -> list[Announcement]:
    with open_ledger(is_screen=True) as ledger:
        found = ledger.announcements.newest()
        meant = (each for each in found if state in (None, each.state) and desk in (None, each.spec.desk))
        return list(islice(meant, limit))


def _drafts(state: AnnouncementState | None, desk: str | None, limit: int) -> list[Announcement]:
    with open_ledger(is_screen=True) as ledger:
        found = Drafts(ledger).listed(None if desk is None else frozenset({desk}))
        return list(islice((each for each in found if state in (None, each.state)), limit))


class _Told(NamedTuple):
    """How the result is shown."""

    limit: int
    ids_alone: bool
    as_json: bool

    def tell(self, found: Sequence[ListedT], columns: Sequence[str], cells: Callable[[ListedT], list[Any]]) -> None:
        shown = found[: self.limit]
        if self.ids_alone:
            for each in shown:
                answer(each.id)
        else:
            title = Phrase("Times: {zone}", zone=zone_now())
            show_list(self.as_json, [each.as_json() for each in shown], columns, map(cells, shown), title=title)
        if len(found) > self.limit:
            note(Phrase("there are more than {most}: raise --limit to see them", most=self.limit))


def _event_cells(record: Record) -> list[Any]:
    fields = record.as_json()
    code = fields["error"]["code"] if fields["error"] else None
    attempts = len(fields["attempts"])
    state = _state_cell(fields)
    receiver = " ".join(filter(None, (fields["receiver_id"], fields["email"] or fields["mobile"])))
    if record.notification.test:
        receiver = (
            Phrase("{found} ({note})", found=receiver, note=word("test")) if is_interactive() else f"{receiver} (test)"
        )
    return [record.id, state, receiver, fields["via"], attempts, code, ago(record.created_ms)]


def _state_cell(fields: Mapping[str, Any]) -> Any:
    """For a script the state alone."""
    if not is_interactive():
        return fields["state"]
    cell, stopped = state_and_time(fields, is_long=False), fields.get("paused_by") not in (None, PausedBy.OPERATOR)
    return cell.append(f" ({word(fields['paused_by'])})", style="default") if stopped else cell


def _found_cells(record: Record) -> list[Any]:
    id, state, receiver, _, _, code, created = _event_cells(record)
    return [id, ", ".join(record.person.values()), receiver, record.line, state, code, created]


def _draft_cells(announcement: Announcement) -> list[Any]:
    draft = announcement.draft
    author = draft.author.name if draft else None
    return [
        announcement.id,
        announcement.spec.name,
        _state_cell(announcement.as_json()),
        announcement.total,
        author,
        ago(draft.edited_ms) if draft else None,
    ]


def _announcement_cells(announcement: Announcement) -> list[Any]:
    done, total = announcement.total - announcement.left, announcement.total
    eta = announcement.eta_seconds
    return [
        announcement.id,
        announcement.spec.name,
        _state_cell(announcement.as_json()),
        Phrase("{done:,} of {total:,} ({percent} %)", done=done, total=total, percent=100 * done // total),
        spoken(eta) if eta is not None and announcement.left else None,
    ]
