"""The page *Now*: desks, progress of announcements, holds."""

from dataclasses import dataclass
from typing import Any

from jinja2 import Environment
from starlette.responses import Response
from starlette.routing import Route

from console.chart import Chart, chart_of
from console.live import Drawing, LivePart, badge, drawn
from console.page_request import PageRequest
from console.routing import live, page, stream
from console.spans import Span, columns_of
from ledger.announcement import Announcement
from ledger.desk_status import DeskStatus, Lane
from ledger.overview import DeskOverview, Snapshot
from ledger.states import AnnouncementState

__all__ = ["routes"]

_PARTS = {"summary": "parts/summary.html", "desks": "parts/desks.html"}


def routes() -> list[Route]:
    return [page("/", _page), stream("/live/now", _stream), live("/live/badge", badge)]


@dataclass(frozen=True, slots=True)
class DeskPanel:
    """One desk, for the template."""

    status: DeskStatus
    chart: Chart
    last_minute: int
    lanes: tuple[tuple[Lane, Announcement | None], ...]  #: with the announcement whose lane it is
    is_stopped: bool  #: no worker serves it

    @classmethod
    def of(cls, sight: DeskOverview, snapshot: Snapshot, span: Span) -> "DeskPanel":
        # The events' lane is shown even if empty; a paused announcement waits too.
        lanes = [(lane, snapshot.announcements.get(lane.name)) for lane in sight.status.lanes]
        vitals = snapshot.vitals_of(sight.status.name)
        is_stopped = not vitals.workers or sight.status.name in vitals.unserved
        columns = columns_of(span, sight.hour, snapshot.past.get(sight.status.name, {}), sight.at_ms)
        return cls(sight.status, chart_of(columns), sight.last_minute, tuple(lanes), is_stopped)

    @property
    def standing(self) -> str:
        """A word for what the desk does, whose text is `now.` and that word. Never *sending* where nothing goes out."""
        if not self.waiting and not self.status.in_flight:
            return "idle"
        if self.is_stopped:
            return "stopped"
        if self.is_paused:
            return "paused"
        return "timed" if self.is_timed and not self.status.in_flight else "sending"

    @property
    def is_paused(self) -> bool:
        """Whether all that waits is paused."""
        waiting = [announcement for lane, announcement in self.lanes if lane.waiting]
        return bool(waiting) and all(each and each.state is AnnouncementState.PAUSED for each in waiting)

    @property
    def is_timed(self) -> bool:
        """Whether all that waits, and is not paused, waits for a time that has not come."""
        lanes = [lane for lane, each in self.lanes if not each or each.state is not AnnouncementState.PAUSED]
        return all(lane.waiting <= lane.timed for lane in lanes)

    @property
    def waiting(self) -> int:
        return sum(lane.waiting for lane, _ in self.lanes)


def _page(request: PageRequest) -> Response:
    view = request.view(_draw, span=request.span())
    context = _context(request.context.live.snapshot(view.span), view)
    return request.page("home.html", spans=tuple(Span), **context)


def _stream(request: PageRequest) -> Response:
    return request.stream(_draw, span=request.span())


def _draw(templates: Environment, snapshot: Snapshot, view: LivePart) -> Drawing:
    return drawn(templates, snapshot, view, _PARTS, **_context(snapshot, view))


def _context(snapshot: Snapshot, view: LivePart) -> dict[str, Any]:
    desks = [desk for name, desk in snapshot.desks.items() if view.sees(name)]
    panels = [DeskPanel.of(desk, snapshot, view.span) for desk in desks]
    return {
        "span": view.span,
        "panels": panels,
        "workers": snapshot.workers,
        "under_way": [each for each in snapshot.under_way() if view.sees(each.spec.desk)],
        "at_ms": snapshot.at_ms,
    }
