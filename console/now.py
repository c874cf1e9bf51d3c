"""The page *Now*: is it sending, how far is the big announcement, what holds it up."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment
from starlette.responses import Response
from starlette.routing import Route

from console.chart import Chart, chart_of
from console.doorway import look
from console.live import Drawing, Scene
from console.scenes import badge, drawn, scene_of, streamed
from console.visit import Visit
from ledger.announcement import Announcement
from ledger.desk_status import DeskStatus, Lane
from ledger.overview import DeskOverview, Snapshot

__all__ = ["draw", "routes"]

_PARTS = {"summary": "parts/summary.html", "desks": "parts/desks.html"}


def routes() -> list[Route]:
    return [look("/", _page), look("/live/now", _stream), look("/live/badge", _badge_stream)]


@dataclass(frozen=True, slots=True)
class DeskPanel:
    """One desk, ready to be drawn."""

    status: DeskStatus
    chart: Chart
    last_minute: int
    lanes: tuple[tuple[Lane, Announcement | None], ...]  #: with the announcement whose lane it is

    @classmethod
    def of(cls, sight: DeskOverview, announcements: Mapping[str, Announcement]) -> "DeskPanel":
        # The events' lane is told even when it is empty; a paused announcement waits too.
        lanes = [(lane, announcements.get(lane.name)) for lane in sight.status.lanes]
        return cls(sight.status, chart_of(sight.hour), sight.last_minute, tuple(lanes))

    @property
    def waiting(self) -> int:
        return sum(lane.waiting for lane, _ in self.lanes)


def _page(visit: Visit) -> Response:
    scene = scene_of(visit, draw)
    context = _context(visit.site.live.snapshot(), scene)
    return visit.page("now.html", **context)


def _stream(visit: Visit) -> Response:
    return streamed(visit, scene_of(visit, draw))


def _badge_stream(visit: Visit) -> Response:
    return streamed(visit, scene_of(visit, badge))


def draw(templates: Environment, snapshot: Snapshot, scene: Scene) -> Drawing:
    return drawn(templates, snapshot, scene, _PARTS, **_context(snapshot, scene))


def _context(snapshot: Snapshot, scene: Scene) -> dict[str, Any]:
    desks = [desk for name, desk in snapshot.desks.items() if scene.sees(name)]
    panels = [DeskPanel.of(desk, snapshot.announcements) for desk in desks]
    return {
        "panels": panels,
        "workers": snapshot.workers,
        "under_way": [each for each in snapshot.under_way() if scene.sees(each.spec.desk)],
        "at_ms": snapshot.at_ms,
    }
