"""The pages of the announcements: the list, one of them, its rows, and what can be done to it."""

from collections.abc import Iterator
from typing import Any

from jinja2 import Environment
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from console.doorway import act, look
from console.live import Drawing, Scene
from console.row_search import found_rows
from console.scenes import drawn, part, scene_of, streamed
from console.visit import Visit
from ledger.announcement import Announcement, AnnouncementState
from ledger.errors import BadInput, NotFound
from ledger.ids import is_announcement
from ledger.ledger import Ledger
from ledger.messages.json_fields import shortened
from ledger.overview import Snapshot
from ledger.states import State

__all__ = ["routes"]

#: On one page of the list, and pages that may be asked for.
PAGE, MOST_PAGES = 50, 1_000_000
#: Where a look for rows may begin: no announcement has more.
MOST_ROWS = 100_000_000
#: Parts of the progress bar, in its order. What is not among them is still to come.
BAR = ("delivered", "rerouted", "failed", "unknown", "expired", "cancelled")
_RETRIED = (State.FAILED, State.UNKNOWN)
_RESOLUTIONS = ("delivered", "failed", "resend")


def routes() -> list[Route]:
    return [
        look("/announcements", _list),
        look("/live/announcements", _list_stream),
        look("/announcements/{id}", _page),
        look("/live/announcements/{id}", _stream),
        look("/announcements/{id}/failures", _failures),
        look("/announcements/{id}/rows", _rows),
        look("/announcements/{id}/export.{format}", _export),
        act("/announcements/{id}/pause", _pause),
        act("/announcements/{id}/resume", _resume),
        act("/announcements/{id}/cancel", _cancel),
        act("/announcements/{id}/retry", _retry),
        act("/announcements/{id}/resolve", _resolve),
    ]


# -- the list


def _list(visit: Visit) -> Response:
    seen = visit.who.seen(visit.site.live.snapshot().announcements.values())
    number = visit.number("page", MOST_PAGES, least=1) or 1
    shown = seen[(number - 1) * PAGE : number * PAGE]
    lines = [line_of(each) for each in shown]
    return visit.page("announcements.html", lines=lines, number=number, has_more=len(seen) > number * PAGE)


def _list_stream(visit: Visit) -> Response:
    return streamed(visit, scene_of(visit, _draw_list))


def _draw_list(templates: Environment, snapshot: Snapshot, scene: Scene) -> Drawing:
    """An event for each of them: most stand still, and what stands still is not sent."""
    seen = [each for each in snapshot.announcements.values() if scene.sees(each.spec.desk)][:PAGE]
    lines = {each.id: part(templates, scene, "parts/announcement_line.html", line=line_of(each)) for each in seen}
    return {**drawn(templates, snapshot, scene, {}), **lines, "list-changed": " ".join(each.id for each in seen)}


def line_of(announcement: Announcement) -> dict[str, Any]:
    """What the templates show of one."""
    return {"it": announcement, "done": done_of(announcement), "bar": bar_of(announcement)}


def done_of(announcement: Announcement) -> int:
    return announcement.total - announcement.left


def bar_of(announcement: Announcement) -> list[tuple[str, int, float, float]]:
    """Name, count, and in percent of all rows where each part of the bar begins and how wide it is."""
    parts, begins = [], 0.0
    for name, count in counts_of(announcement).items():
        if name in BAR and count:
            width = 100 * count / announcement.total
            parts.append((name, count, round(begins, 3), round(width, 3)))
            begins += width
    return parts


def counts_of(announcement: Announcement) -> dict[str, int]:
    """Rows by what people ask for: rerouted ones are not among the delivered here."""
    counts = {str(state): count for state, count in announcement.counts.items()}
    delivered = counts.pop("delivered") - announcement.rerouted
    return {"delivered": delivered, "rerouted": announcement.rerouted, **{name: counts[name] for name in _ORDER}}


_ORDER = ("failed", "unknown", "expired", "cancelled", "deferred", "sending", "queued", "scheduled")


# -- one of them


def _page(visit: Visit) -> Response:
    announcement = _announcement(visit)
    failures = visit.site.failures.of_announcement(announcement.id)
    sample = _message_of(visit.site.ledger, announcement) if visit.who.may_operate else None
    return visit.page("announcement.html", **_context(announcement), failures=failures, sample=sample)


def _stream(visit: Visit) -> Response:
    return streamed(visit, scene_of(visit, _draw, _announcement(visit).id))


def _draw(templates: Environment, snapshot: Snapshot, scene: Scene) -> Drawing:
    announcement = snapshot.announcements.get(scene.announcement)
    if announcement is None:  # its record has gone meanwhile
        return drawn(templates, snapshot, scene, {})
    parts = {"standing": "parts/standing.html", "actions": "parts/actions.html"}
    drawing = drawn(templates, snapshot, scene, parts, **_context(announcement))
    return {**drawing, "failures-changed": str(announcement.counts[State.FAILED])}


def _context(announcement: Announcement) -> dict[str, Any]:
    return {**line_of(announcement), "counts": counts_of(announcement), "states": AnnouncementState}


def _message_of(ledger: Ledger, announcement: Announcement) -> Any:
    """The message as the first row has it."""
    [first] = ledger.announcements.some_rows(announcement.id, [0])
    try:
        return first.row.message(announcement.spec)
    except BadInput:
        if announcement.damage is None and first.damage is None:
            raise
        return None


def _failures(visit: Visit) -> Response:
    announcement = _announcement(visit)
    failures = visit.site.failures.of_announcement(announcement.id)
    return visit.page("parts/failures.html", it=announcement, failures=failures)


def _rows(visit: Visit) -> Response:
    announcement = _announcement(visit)
    state = visit.query("state")
    if state and state not in set(State):
        raise BadInput("state", f"must be one of {', '.join(State)}")
    found = found_rows(
        visit.site.ledger,
        announcement,
        state=State(state) if state else None,
        receiver=visit.query("receiver"),
        start=visit.number("from", MOST_ROWS),
    )
    return visit.page("rows.html", it=announcement, found=found, state=state, all_states=list(State))


def _export(visit: Visit) -> Response:
    announcement, written_as = _announcement(visit), visit.part("format")
    if written_as not in ("csv", "jsonl"):
        raise BadInput("format", "must be csv or jsonl")
    pieces: Iterator[bytes] = visit.site.exports.pieces(announcement.id, written_as)
    types = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}
    disposition = f'attachment; filename="{announcement.id}.{written_as}"'
    return StreamingResponse(pieces, media_type=types[written_as], headers={"content-disposition": disposition})


def _announcement(visit: Visit) -> Announcement:
    """The one of the path. Raises NotFound, also for one of a desk that is not the viewer's."""
    id = visit.part("id")
    if not is_announcement(id):
        raise NotFound(shortened(id))
    announcement = visit.site.ledger.announcements.get(id)
    visit.who.check_desk(announcement.spec.desk, announcement.id)
    return announcement


# -- what people do


def _pause(visit: Visit) -> Response:
    id = _announcement(visit).id
    visit.site.ledger.announcements.pause(id, visit.who.by)
    return _done(visit, id, "pause", "paused")


def _resume(visit: Visit) -> Response:
    id = _announcement(visit).id
    visit.site.ledger.announcements.resume(id, visit.who.by)
    return _done(visit, id, "resume", "resumed")


def _cancel(visit: Visit) -> Response:
    id = _announcement(visit).id
    visit.site.ledger.announcements.cancel(id, visit.who.by)
    return _done(visit, id, "cancel", "cancelled")


def _retry(visit: Visit) -> Response:
    id, state = _announcement(visit).id, State(visit.choice("state", tuple(map(str, _RETRIED))))
    count = visit.site.ledger.announcements.retry(id, visit.who.by, [state])
    return _done(visit, id, f"retry {state}", "retried", count)


def _resolve(visit: Visit) -> Response:
    id, outcome = _announcement(visit).id, visit.choice("as", _RESOLUTIONS)
    count = visit.site.ledger.announcements.resolve(id, visit.who.by, outcome)
    return _done(visit, id, f"resolve as {outcome}", "resolved", count)


def _done(visit: Visit, id: str, did: str, told: str, count: int | None = None) -> Response:
    visit.note(did, id)
    visit.site.live.forget(id)
    back = "/needs" if visit.field("back") == "needs" else f"/announcements/{id}"
    return visit.to(back, told=told, n=count)
