"""The pages about notifications: the search, and one notification with its attempts."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from starlette.responses import Response
from starlette.routing import Route

from console.maybe_sent import way_of
from console.page_request import MOST_CODE, PageRequest
from console.pickers import picked_new_time
from console.routing import action, page
from feishu.codes import Rule
from ledger.allowance import Allowance
from ledger.damage import UNREADABLE
from ledger.errors import BadInput, NotFound
from ledger.full_search import Finding, Place, Sought
from ledger.ids import announcement_of, is_announcement, is_notification, is_row, row_number
from ledger.joined import Joined, told_of_alert
from ledger.ledger import Ledger
from ledger.messages.content import Message
from ledger.messages.json_fields import shortened
from ledger.phrases import Phrase
from ledger.progress import Attempt
from ledger.record import Record
from ledger.redis_clock import time_ms
from ledger.rescheduling import can_reschedule, reschedule
from ledger.search import Cursor, Search
from ledger.states import FINAL, Outcome, State

__all__ = ["routes"]

#: Matches on a page.
PAGE = 50


def routes() -> list[Route]:
    return [
        page("/notifications", _search),
        page("/find", _find),
        page("/notifications/{id}", _page),
        action("/notifications/{id}/retry", _retry),
        action("/notifications/{id}/cancel", _cancel),
        action("/notifications/{id}/reschedule", _reschedule),
        action("/notifications/{id}/send_now", _send_now),
    ]


def _search(request: PageRequest) -> Response:
    id = request.query("id")
    if is_announcement(id):
        return request.to(f"/announcements/{id}")
    if id:
        return request.to(f"/notifications/{id}")
    page = _wanted(request).page(request.context.ledger, PAGE, _cursor(request))
    given = {name: request.query(name) for name in ("receiver", "key", "state", "code", "desk", "until")}
    desks = [name for name in request.context.ledger.settings.all_desks if request.who.sees(name)]
    return request.page("notifications.html", page=page, given=given, all_states=list(State), desks=desks)


def _find(request: PageRequest) -> Response:
    """Events and rows by what people know, in one box."""
    text = request.query("text")
    if is_announcement(text):
        return request.to(f"/announcements/{text}")
    cursor = Place.of(request.query("cursor")) if request.query("cursor") else None
    if not text:
        return request.page("find.html", text=text, found=None)
    sought = Sought.of(text, among_people=request.who.may_see_people)
    finding = Finding(request.context.ledger, sought, request.desks, limit=PAGE)
    return request.page("find.html", text=text, found=finding.page(cursor))


def _wanted(request: PageRequest) -> Search:
    desk = request.query("desk")
    return Search(
        state=request.state(),
        desks=frozenset({desk}) if desk and request.who.sees(desk) else request.desks,
        receiver_id=request.query("receiver") or None,
        key=request.query("key") or None,
        code=request.number("code", MOST_CODE, least=-MOST_CODE),
    )


def _cursor(request: PageRequest) -> Cursor | None:
    """From the previous page, or from the end of the requested time range (the reader's time, converted to UTC)."""
    if request.query("cursor"):
        return Cursor.of(request.query("cursor"))
    if not request.query("until"):
        return None
    try:
        until = datetime.fromisoformat(request.query("until"))
    except ValueError:
        raise BadInput(
            "until", Phrase("must be a time, such as 2026-12-01 09:00 (UTC unless an offset is given)")
        ) from None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    # Not an id of an event: it sorts after all events of the same millisecond.
    return Cursor(round(until.timestamp() * 1000), "~")


@dataclass(frozen=True, slots=True)
class Step:
    """One attempt, with the meaning of its answer."""

    attempt: Attempt
    rule: Rule | None  #: None for a success, and without an answer


def _page(request: PageRequest) -> Response:
    record = _record(request)
    message = _message_of(request.context.ledger, record) if request.who.may_operate else None
    steps = [Step(attempt, _rule(request, attempt)) for attempt in record.progress.attempts]
    is_final = record.progress.state in FINAL
    may = {
        "retry": record.progress.state in (State.FAILED, State.UNKNOWN),
        "cancel": not is_final and record.progress.state is not State.SENDING,
        "resolve": record.progress.state is State.UNKNOWN and not request.attention.settles(record.id),
        "reschedule": record.progress.state is State.SCHEDULED and can_reschedule(request.context.ledger, record),
    }
    shown = {"steps": steps, "message": message, "may": may, "is_final": is_final, "why": way_of(record)}
    return request.page("notification.html", it=record, **shown)


def _rule(request: PageRequest, attempt: Attempt) -> Rule | None:
    if attempt.outcome is Outcome.DELIVERED or attempt.http_status is None:
        return None
    return request.context.codes.rule(attempt.code, attempt.http_status, attempt.msg or "")


def _message_of(ledger: Ledger, record: Record) -> Message | None:
    """The message, or None if the record is damaged. Of one that still gathers events, as it would be now."""
    ledger = ledger.with_record(record.id)
    desk = ledger.settings.all_desks.get(record.notification.desk)
    language = desk.language if desk else ledger.settings.lang
    if record.progress.gathers:
        try:
            joined = Joined.read(ledger.redis, ledger.keys, record.id, record.progress.gathers, language)
            return joined.in_place_of(record.notification, time_ms(ledger.redis.time())).message
        except UNREADABLE:
            return None
    if not is_row(record.id):
        fired = None if record.damage else record.progress.fired
        return told_of_alert(record.notification, fired, record.created_ms, language).message
    id = announcement_of(record.id)
    [row] = ledger.announcements.some_rows(id, [row_number(record.id)])
    try:
        return row.row.message(ledger.announcements.get(id).spec)
    except BadInput:
        if record.damage is None:
            raise
        return None


def _record(request: PageRequest) -> Record:
    """The notification in the path. Raises NotFound, also if its desk is not the viewer's."""
    id = request.part("id")
    if not is_notification(id):
        raise NotFound(shortened(id))
    record = request.context.ledger.get(id)
    request.who.check_desk(record.notification.desk, id)
    return record


def _retry(request: PageRequest) -> Response:
    record = _record(request)
    _counted(request, partial(request.context.ledger.retry, [record.id], request.who.by, [record.progress.state]))
    return _done(request, record.id, "retried_one")


def _counted(request: PageRequest, act: Callable[[], list[State]]) -> None:
    """Among what the key may have sent on a day."""
    Allowance(request.context.ledger, request.who.key).spend(1, act, len)


def _cancel(request: PageRequest) -> Response:
    record = _record(request)
    request.context.ledger.cancel([record.id], request.who.by)
    return _done(request, record.id, "cancelled")


def _reschedule(request: PageRequest) -> Response:
    record, at = _record(request), picked_new_time(request)
    reschedule(request.context.ledger, record.id, at, request.who.by)
    return _done(request, record.id, "rescheduled")


def _send_now(request: PageRequest) -> Response:
    """Ends a window, or a quiet wait."""
    record = _record(request)
    reschedule(request.context.ledger, record.id, datetime.now(UTC), request.who.by)
    return _done(request, record.id, "sent_now")


def _done(request: PageRequest, id: str, flash: str) -> Response:
    request.context.live.forget(announcement_of(id) if is_row(id) else "")
    return request.to(f"/notifications/{id}", flash=flash, id=id)
