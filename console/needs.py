"""The page *Needs you*: what no machine can settle, what failed and why, and keys that nobody uses."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import redis
from jinja2 import Environment
from starlette.responses import Response
from starlette.routing import Route

from console.attention import attention_of
from console.doorway import act, look
from console.failures import Failure, grouped
from console.live import Drawing, Scene
from console.scenes import drawn, scene_of, streamed
from console.visit import MOST_CODE, Visit
from ledger.api_keys import ApiKey
from ledger.dead_letters import DeadLetters
from ledger.errors import BadInput, NotFound
from ledger.ids import row_number
from ledger.memory import NEARLY_FULL, Fullness
from ledger.models import Record
from ledger.overview import Snapshot
from ledger.search import Search
from ledger.states import State

__all__ = ["routes"]

#: Unknown events, and unknown rows of each announcement, that are shown one by one.
SHOWN = 20
#: Failed events that are looked at for their codes.
LOOKED_AT = 500
#: A key that was made longer ago than this and never used is worth a question.
UNUSED_FOR = timedelta(hours=1)


def routes() -> list[Route]:
    return [
        look("/needs", _page),
        look("/live/needs", _stream),
        act("/desks/{desk}/resume", _resume_desk),
        act("/events/retry", _retry_events),
    ]


def _page(visit: Visit) -> Response:
    attention = attention_of(visit.site.live.snapshot(), visit.who.sees)
    return visit.page(
        "needs.html",
        attention=attention,
        unknown_events=_events(visit, State.UNKNOWN, SHOWN),
        unknown_rows={each.id: _unknown_rows(visit, each.id) for each in attention.unknown},
        failed_codes=_failed_codes(visit),
        looked_at=LOOKED_AT,
        unused_keys=_unused_keys(visit),
        full=_nearly_full(visit),
    )


def _nearly_full(visit: Visit) -> Fullness | None:
    try:
        info: Any = visit.site.ledger.redis.info("memory")
    except redis.ResponseError:  # INFO is forbidden to this user: `doctor` says so
        return None
    full = Fullness.of(info)
    return full if full and full.share >= NEARLY_FULL else None


def _stream(visit: Visit) -> Response:
    return streamed(visit, scene_of(visit, _draw))


def _draw(templates: Environment, snapshot: Snapshot, scene: Scene) -> Drawing:
    """The list itself holds forms, so it is not replaced under somebody's hands: a line says that it has changed."""
    attention = attention_of(snapshot, scene.sees)
    facts: list[Any] = [desk.status.name for desk in attention.held]
    facts += [attention.unknown_events, *((each.id, each.counts[State.UNKNOWN]) for each in attention.unknown)]
    return {**drawn(templates, snapshot, scene, {}), "needs-changed": repr(facts)}


def _events(visit: Visit, state: State, count: int) -> list[Record]:
    return list(Search(state=state, desks=visit.who.desks).page(visit.site.ledger, count).records)


def _unknown_rows(visit: Visit, id: str) -> list[Any]:
    announcements = visit.site.ledger.announcements
    ids = announcements.numbers_in(id, State.UNKNOWN, SHOWN)
    return announcements.some_rows(id, [row_number(each) for each in ids])


def _failed_codes(visit: Visit) -> list[Failure]:
    records = _events(visit, State.FAILED, LOOKED_AT)
    return grouped((record.last for record in records if record.last), visit.site.codes)


def _unused_keys(visit: Visit) -> list[ApiKey]:
    before = datetime.now(UTC) - UNUSED_FOR
    keys = (key for key in visit.site.keys.list() if key.revoked_at is None and key.last_used_at is None)
    return list(islice((key for key in keys if key.created_at and key.created_at < before), SHOWN))


def _resume_desk(visit: Visit) -> Response:
    desk = visit.part("desk")
    if desk not in visit.site.ledger.settings.all_desks or not visit.who.sees(desk):
        raise NotFound(desk)
    visit.site.ledger.resume_desk(desk)
    visit.note("resume desk", desk)
    visit.site.live.forget()
    return visit.to("/needs", told="desk_resumed", id=desk)


def _retry_events(visit: Visit) -> Response:
    """All failed events with one code, of the desks that the person sees."""
    code = visit.number("code", MOST_CODE, least=-MOST_CODE)
    if code is None:
        raise BadInput("code", visit.say("search.code_is_a_number"))
    count = sum(
        len(DeadLetters(code=code, desk=desk).retry(visit.site.ledger, visit.who.by))
        for desk in visit.site.ledger.settings.all_desks
        if visit.who.sees(desk)
    )
    visit.note(f"retry code {code}")
    visit.site.live.forget()
    return visit.to("/needs", told="retried", n=count)
