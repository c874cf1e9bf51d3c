"""The page *Needs you*: unknown notifications, failures by code, lost messages, and unused keys."""

from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any

from jinja2 import Environment
from starlette.responses import Response
from starlette.routing import Route

from console.attention import Attention, attention_of
from console.failures import Failure, grouped
from console.live import Drawing, LivePart, drawn, version_of
from console.page_request import MOST_CODE, PageRequest
from console.routing import action, live, page
from ledger.allowance import Allowance
from ledger.api_key import ApiKey
from ledger.dead_letters import DeadLetters
from ledger.dropped_messages import see_on, summary_of
from ledger.errors import BadInput, NotFound
from ledger.ids import row_number
from ledger.overview import Snapshot
from ledger.phrases import Phrase
from ledger.queues import intake_queue
from ledger.record import Record
from ledger.search import Search
from ledger.states import State
from ledger.unread_lists import unread_on

__all__ = ["routes"]

#: Unknown events, and unknown rows per announcement, shown one by one.
SHOWN = 20
#: Dropped messages that are listed.
DROPPED_SHOWN = 50
#: More than can ever be dropped.
MOST_TOTAL = 10**15
#: Failed events to read for their codes.
LOOKED_AT = 500
#: A key older than this and never used is listed as unused.
UNUSED_FOR = timedelta(hours=1)


def routes() -> list[Route]:
    return [
        page("/needs", _page),
        live("/live/needs", _draw),
        action("/desks/{desk}/resume", _resume_desk),
        action("/events/retry", _retry_events),
        action("/dropped/seen", _see_dropped),
    ]


def _page(request: PageRequest) -> Response:
    attention = attention_of(request.context.live.snapshot(), request.who.sees, request.who.approver)
    return request.page(
        "needs_you.html",
        attention=attention,
        shown=_facts(attention),
        version=version_of(_facts(attention)),
        unknown_events=_unsettled_events(request, attention),
        unknown_rows={each.id: _unsettled_rows(request, each.id, attention) for each in attention.unknown},
        failed_codes=_failed_codes(request),
        looked_at=LOOKED_AT,
        unused_keys=_unused_keys(request),
        **_lost_messages(request, told=bool(attention.lost_messages)),
    )


def _lost_messages(request: PageRequest, *, told: bool) -> dict[str, Any]:
    ledger = request.context.ledger
    servers = ledger.servers_of(request.desks)
    return {
        "dropped": summary_of(servers, DROPPED_SHOWN) if told else None,
        "unread_lists": [each for server in servers for each in unread_on(server)] if told else [],
        "intake": intake_queue(ledger.settings.prefix),
    }


def _see_dropped(request: PageRequest) -> Response:
    """Those that the page has shown: newer ones stay."""
    total = request.number("total", MOST_TOTAL)
    if total is None or not attention_of(request.context.live.snapshot(), request.who.sees).lost_messages:
        raise NotFound("dropped")
    ledger = request.context.ledger
    see_on(ledger.servers_of(request.desks), total)
    request.note("see dropped")
    request.context.live.forget()
    return request.to("/needs", flash="dropped_seen")


def _draw(templates: Environment, snapshot: Snapshot, view: LivePart) -> Drawing:
    """The list contains forms, so it is not replaced while in use: a line says that it has changed."""
    attention = attention_of(snapshot, view.sees, view.approver)
    return {**drawn(templates, snapshot, view, {}), "needs-changed": _facts(attention)}


def _facts(attention: Attention) -> str:
    """What the list consists of."""
    facts: list[Any] = [[desk.status.name for desk in desks] for desks in (attention.held, attention.addresses_held)]
    facts += [attention.lost_messages, attention.unknown_events, *(each.id for each in attention.stopped)]
    facts += [each.id for each in attention.to_approve]
    facts += [(each.id, attention.unsettled(each)) for each in attention.unknown]
    return version_of(repr(facts))


def _events(request: PageRequest, state: State, count: int) -> list[Record]:
    return list(Search(state=state, desks=request.desks).page(request.context.ledger, count).records)


def _unsettled_events(request: PageRequest, attention: Attention) -> list[Record]:
    hidden = sum(each.events for each in attention.settling)
    found = _events(request, State.UNKNOWN, SHOWN + hidden)
    return [each for each in found if not attention.settles(each.id)][:SHOWN]


def _unsettled_rows(request: PageRequest, id: str, attention: Attention) -> list[Any]:
    announcements = request.context.ledger.announcements
    hidden = sum(len(each.ids) for each in attention.settling)
    ids = [each for each in announcements.numbers_in(id, State.UNKNOWN, SHOWN + hidden) if not attention.settles(each)]
    return announcements.some_rows(id, [row_number(each) for each in ids[:SHOWN]])


def _failed_codes(request: PageRequest) -> list[Failure]:
    records = _events(request, State.FAILED, LOOKED_AT)
    return grouped((record.last for record in records if record.last), request.context.codes)


def _unused_keys(request: PageRequest) -> list[ApiKey]:
    before = datetime.now(UTC) - UNUSED_FOR
    keys = (key for key in request.context.keys.list() if key.revoked_at is None and key.last_used_at is None)
    return list(islice((key for key in keys if key.created_at and key.created_at < before), SHOWN))


def _resume_desk(request: PageRequest) -> Response:
    desk = request.part("desk")
    if desk not in request.context.ledger.settings.all_desks or not request.who.sees(desk):
        raise NotFound(desk)
    request.context.ledger.resume_desk(desk, request.who.by)
    request.context.live.forget()
    return request.to("/needs", flash="desk_resumed", id=desk)


def _retried(request: PageRequest, letters: DeadLetters) -> int:
    """Among what the key may have sent on a day. They are looked through twice only where that is limited."""
    ledger, key = request.context.ledger, request.who.key
    number = sum(1 for _ in letters.find(ledger)) if key and key.daily is not None else 0
    return len(Allowance(ledger, key).spend(number, partial(letters.retry, ledger, request.who.by), len))


def _retry_events(request: PageRequest) -> Response:
    """Retries all failed events with one code, of the person's desks."""
    code = request.number("code", MOST_CODE, least=-MOST_CODE)
    if code is None:
        raise BadInput("code", Phrase("must be a number, such as 154004"))
    desks = [desk for desk in request.context.ledger.settings.all_desks if request.who.sees(desk)]
    count = sum(_retried(request, DeadLetters(code=code, desk=desk)) for desk in desks)
    request.context.live.forget()
    return request.to("/needs", flash="retried", n=count)
