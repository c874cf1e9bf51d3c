"""The pages of the notifications: the search, and one of them with its attempts."""

from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.responses import Response
from starlette.routing import Route

from console.doorway import act, look
from console.visit import MOST_CODE, Visit
from feishu.codes import Rule
from ledger.errors import BadInput, NotFound
from ledger.ids import announcement_of, is_announcement, is_notification, is_row, row_number
from ledger.ledger import Ledger
from ledger.messages.content import Message
from ledger.messages.json_fields import shortened
from ledger.models import Attempt, Record
from ledger.search import Cursor, Search
from ledger.states import FINAL, Outcome, State

__all__ = ["routes"]

#: Matches on a page.
PAGE = 50
_RESOLUTIONS = ("delivered", "failed", "resend")


def routes() -> list[Route]:
    return [
        look("/notifications", _search),
        look("/notifications/{id}", _page),
        act("/notifications/{id}/retry", _retry),
        act("/notifications/{id}/cancel", _cancel),
        act("/notifications/{id}/resolve", _resolve),
    ]


def _search(visit: Visit) -> Response:
    id = visit.query("id")
    if is_announcement(id):
        return visit.to(f"/announcements/{id}")
    if id:
        return visit.to(f"/notifications/{id}")
    page = _wanted(visit).page(visit.site.ledger, PAGE, _cursor(visit))
    given = {name: visit.query(name) for name in ("receiver", "key", "state", "code", "desk", "until")}
    desks = [name for name in visit.site.ledger.settings.all_desks if visit.who.sees(name)]
    return visit.page("notifications.html", page=page, given=given, all_states=list(State), desks=desks)


def _wanted(visit: Visit) -> Search:
    state, desk = visit.query("state"), visit.query("desk")
    if state and state not in set(State):
        raise BadInput("state", f"must be one of {', '.join(State)}")
    return Search(
        state=State(state) if state else None,
        desks=frozenset({desk}) if desk and visit.who.sees(desk) else visit.who.desks,
        receiver_id=visit.query("receiver") or None,
        key=visit.query("key") or None,
        code=visit.number("code", MOST_CODE, least=-MOST_CODE),
    )


def _cursor(visit: Visit) -> Cursor | None:
    """From the page before, or from the time until which events are wanted (the reader's, turned into UTC)."""
    if visit.query("cursor"):
        return Cursor.of(visit.query("cursor"))
    if not visit.query("until"):
        return None
    try:
        until = datetime.fromisoformat(visit.query("until"))
    except ValueError:
        raise BadInput("until", visit.say("search.until_is_a_time")) from None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    # No event has this id: it stands behind all those of the same millisecond.
    return Cursor(round(until.timestamp() * 1000), "~")


@dataclass(frozen=True, slots=True)
class Step:
    """One attempt, with what its answer means."""

    attempt: Attempt
    rule: Rule | None  #: None for a success, and where there was no answer


def _page(visit: Visit) -> Response:
    record = _record(visit)
    message = _message_of(visit.site.ledger, record) if visit.who.may_operate else None
    steps = [Step(attempt, _rule(visit, attempt)) for attempt in record.progress.attempts]
    is_final = record.progress.state in FINAL
    may = {
        "retry": record.progress.state in (State.FAILED, State.UNKNOWN),
        "cancel": not is_final and record.progress.state is not State.SENDING,
        "resolve": record.progress.state is State.UNKNOWN,
    }
    return visit.page("notification.html", it=record, steps=steps, message=message, may=may, is_final=is_final)


def _rule(visit: Visit, attempt: Attempt) -> Rule | None:
    if attempt.outcome is Outcome.DELIVERED or attempt.http_status is None:
        return None
    return visit.site.codes.rule(attempt.code, attempt.http_status, attempt.msg or "")


def _message_of(ledger: Ledger, record: Record) -> Message | None:
    """None where the record is damaged, and the message with it."""
    if not is_row(record.id):
        return record.notification.message
    id = announcement_of(record.id)
    [row] = ledger.announcements.some_rows(id, [row_number(record.id)])
    try:
        return row.row.message(ledger.announcements.get(id).spec)
    except BadInput:
        if record.damage is None:
            raise
        return None


def _record(visit: Visit) -> Record:
    """The one of the path. Raises NotFound, also for one of a desk that is not the viewer's."""
    id = visit.part("id")
    if not is_notification(id):
        raise NotFound(shortened(id))
    record = visit.site.ledger.get(id)
    visit.who.check_desk(record.notification.desk, id)
    return record


def _retry(visit: Visit) -> Response:
    record = _record(visit)
    visit.site.ledger.retry([record.id], visit.who.by, [record.progress.state])
    return _done(visit, record.id, "retry", "retried_one")


def _cancel(visit: Visit) -> Response:
    record = _record(visit)
    visit.site.ledger.cancel([record.id], visit.who.by)
    return _done(visit, record.id, "cancel", "cancelled")


def _resolve(visit: Visit) -> Response:
    record, outcome = _record(visit), visit.choice("as", _RESOLUTIONS)
    visit.site.ledger.resolve([record.id], visit.who.by, outcome)
    return _done(visit, record.id, f"resolve as {outcome}", "resolved_one")


def _done(visit: Visit, id: str, did: str, told: str) -> Response:
    visit.note(did, id)
    visit.site.live.forget(announcement_of(id) if is_row(id) else "")
    return visit.to("/needs" if visit.field("back") == "needs" else f"/notifications/{id}", told=told, id=id)
