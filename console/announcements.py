"""The pages about announcements: the list, one announcement, its rows, and its actions."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from jinja2 import Environment
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from console.attention import unsettled_rows
from console.drafts import draft_page, draft_version
from console.failures import KnownFailures
from console.live import Drawing, LivePart, drawn, part, version_of
from console.page_request import PageRequest, one_of
from console.pickers import picked_new_time
from console.routing import View, action, live, page, stream
from ledger.allowance import sent_again
from ledger.announcement import Announcement
from ledger.announcements import Announcements
from ledger.errors import BadInput
from ledger.full_search import Sought
from ledger.ledger import Ledger
from ledger.overview import Snapshot
from ledger.rescheduling import reschedule
from ledger.row_search import found_rows
from ledger.settling import Settlement
from ledger.states import AnnouncementState, Retried, State

__all__ = ["routes"]

#: Announcements on a page of the list, and the last page.
PAGE, MOST_PAGES = 50, 1_000_000
#: The highest row number: no announcement has more rows.
MOST_ROWS = 100_000_000
#: Parts of the progress bar, in order. The rest is still waiting.
BAR = ("delivered", "rerouted", "failed", "unknown", "expired", "cancelled")


def routes() -> list[Route]:
    return [
        page("/announcements", _list),
        live("/live/announcements", _draw_list),
        page("/announcements/{id}", _page),
        stream("/live/announcements/{id}", _stream),
        page("/announcements/{id}/failures", _failures),
        page("/announcements/{id}/rows", _rows),
        page("/announcements/{id}/export.{format}", _export),
        action("/announcements/{id}/pause", _switched(Announcements.pause, "paused")),
        action("/announcements/{id}/resume", _switched(Announcements.resume, "resumed")),
        action("/announcements/{id}/cancel", _switched(Announcements.cancel, "cancelled")),
        action("/announcements/{id}/reschedule", _reschedule),
        action("/announcements/{id}/retry", _retry),
    ]


# -- the list


def _list(request: PageRequest) -> Response:
    snapshot = request.context.live.snapshot()
    seen = request.who.seen(snapshot.announcements.values())
    number = request.number("page", MOST_PAGES, least=1) or 1
    shown = seen[(number - 1) * PAGE : number * PAGE]
    lines = [line_of(each) for each in shown]
    drafts = request.who.seen(snapshot.drafts) if number == 1 else []
    version, has_more = version_of(_order([*drafts, *shown])), len(seen) > number * PAGE
    listed = {"lines": lines, "drafts": drafts, "number": number, "has_more": has_more}
    return request.page("announcements.html", **listed, version=version)


def _draw_list(templates: Environment, snapshot: Snapshot, view: LivePart) -> Drawing:
    """One event per announcement: most do not change, and unchanged ones are not sent."""
    seen = [each for each in snapshot.announcements.values() if view.sees(each.spec.desk)][:PAGE]
    lines = {each.id: part(templates, view, "parts/announcement_line.html", line=line_of(each)) for each in seen}
    drafts = [each for each in snapshot.drafts if view.sees(each.spec.desk)]
    return {**drawn(templates, snapshot, view, {}), **lines, "list-changed": _order([*drafts, *seen])}


def _order(shown: Iterable[Announcement]) -> str:
    return " ".join(f"{each.id} {draft_version(each)}" if each.draft else each.id for each in shown)


def line_of(announcement: Announcement) -> dict[str, Any]:
    """An announcement for the templates."""
    return {"it": announcement, "done": done_of(announcement), "bar": bar_of(announcement)}


def done_of(announcement: Announcement) -> int:
    return announcement.total - announcement.left


def bar_of(announcement: Announcement) -> list[tuple[str, int, float, float]]:
    """Name and count of each part of the bar, with its start and width in percent."""
    parts, begins = [], 0.0
    for name, count in counts_of(announcement).items():
        if name in BAR and count:
            width = 100 * count / announcement.total
            parts.append((name, count, round(begins, 3), round(width, 3)))
            begins += width
    return parts


def counts_of(announcement: Announcement) -> dict[str, int]:
    """Rows by result. Rerouted rows do not count as delivered here."""
    counts = {str(state): count for state, count in announcement.counts.items()}
    delivered = counts.pop("delivered") - announcement.rerouted
    return {"delivered": delivered, "rerouted": announcement.rerouted, **{name: counts[name] for name in _ORDER}}


_ORDER = ("failed", "unknown", "expired", "cancelled", "deferred", "sending", "queued", "scheduled")


# -- one announcement


def _page(request: PageRequest) -> Response:
    announcement = request.announcement()
    if announcement.draft:
        return draft_page(request, announcement)
    known = _known_failures(request, announcement)
    sample = _message_of(request.context.ledger, announcement) if request.who.may_operate else None
    context = {**_context(announcement, request.attention.settling), "version": version_of(str(known.failed))}
    return request.page("announcement.html", **context, failures=known.failures, sample=sample)


def _stream(request: PageRequest) -> Response:
    return request.stream(_draw, request.announcement().id)


def _draw(templates: Environment, snapshot: Snapshot, view: LivePart) -> Drawing:
    announcement = snapshot.announcements.get(view.announcement)
    if announcement is None:  # a draft; or its record has expired meanwhile
        drafts = [draft_version(each) for each in snapshot.drafts if each.id == view.announcement]
        return {**drawn(templates, snapshot, view, {}), "draft-changed": "".join(drafts)}
    parts = {"standing": "parts/standing.html", "actions": "parts/actions.html", "more": "parts/more_actions.html"}
    drawing = drawn(templates, snapshot, view, parts, **_context(announcement, snapshot.settling))
    return {**drawing, "failures-changed": _failed_count(announcement), "draft-changed": draft_version(announcement)}


def _failed_count(announcement: Announcement) -> str:
    return str(announcement.counts[State.FAILED])


def _context(announcement: Announcement, settling: Sequence[Settlement]) -> dict[str, Any]:
    return {
        **line_of(announcement),
        "counts": counts_of(announcement),
        "states": AnnouncementState,
        "unsettled": unsettled_rows(announcement, settling),
    }


def _message_of(ledger: Ledger, announcement: Announcement) -> Any:
    """The message, rendered for the first row."""
    [first] = ledger.announcements.some_rows(announcement.id, [0])
    try:
        return first.row.message(announcement.spec)
    except BadInput:
        if announcement.damage is None and first.damage is None:
            raise
        return None


def _failures(request: PageRequest) -> Response:
    announcement = request.announcement()
    failures = _known_failures(request, announcement).failures
    return request.page("parts/failures.html", it=announcement, failures=failures)


def _known_failures(request: PageRequest, announcement: Announcement) -> KnownFailures:
    return request.context.failures.of_announcement(announcement.id, announcement.counts[State.FAILED])


def _rows(request: PageRequest) -> Response:
    announcement, state = request.announcement(), request.state()
    found = found_rows(
        request.context.ledger,
        announcement,
        state=state,
        receiver=request.query("receiver"),
        sought=_sought(request),
        start=request.number("from", MOST_ROWS),
    )
    return request.page("rows.html", it=announcement, found=found, state=state or "", all_states=list(State))


def _sought(request: PageRequest) -> Sought | None:
    text = request.query("find")
    return Sought.of(text, among_people=request.who.may_see_people) if text else None


def _export(request: PageRequest) -> Response:
    announcement = request.announcement()
    written_as = one_of("format", request.part("format"), ("csv", "jsonl"))
    pieces: Iterator[bytes] = request.context.exports(announcement.id, written_as, request.who.may_see_people)
    types = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}
    disposition = f'attachment; filename="{announcement.id}.{written_as}"'
    return StreamingResponse(pieces, media_type=types[written_as], headers={"content-disposition": disposition})


# -- actions


def _switched(verb: Callable[[Announcements, str, str], object], flash: str) -> View:
    """An action whose verb in the ledger needs only the id and the operator."""

    def act(request: PageRequest) -> Response:
        id = request.announcement().id
        verb(request.context.ledger.announcements, id, request.who.by)
        return _done(request, id, flash)

    return act


def _reschedule(request: PageRequest) -> Response:
    id, at = request.announcement().id, picked_new_time(request)
    reschedule(request.context.ledger, id, at, request.who.by)
    return _done(request, id, "rescheduled")


def _retry(request: PageRequest) -> Response:
    found, state = request.announcement(), State(request.choice("state", tuple(Retried)))
    act = partial(request.context.ledger.announcements.retry, found.id, request.who.by, [state])
    count = sent_again(request.context.ledger, request.who.key, found.counts[state], act)
    return _done(request, found.id, "retried", count)


def _done(request: PageRequest, id: str, flash: str, count: int | None = None) -> Response:
    request.context.live.forget(id)
    return request.to(f"/announcements/{id}", flash=flash, n=count)
