"""Live pages: one poller per web process, and a stream of server-sent events to each page.

While pages are open, the poller reads the ledger once a second and renders each part once for everyone with the same
view. So any number of open pages costs Redis as much as one.
"""

import asyncio
import hashlib
import logging
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from jinja2 import Environment

from console.attention import Attention, attention_of
from console.i18n import language
from console.past import Past
from console.sessions import Sessions, Viewer
from console.spans import Span
from ledger.connection import reachable
from ledger.draft import Person
from ledger.errors import LedgerUnreachable
from ledger.ledger import Ledger
from ledger.overview import Snapshot
from ledger.settling import Settling
from ledger.spread_overview import overview_of

__all__ = ["Draw", "Drawing", "Live", "LivePart", "away", "badge", "drawn", "part", "version_of"]

log = logging.getLogger(__name__)

#: Seconds between two polls.
LOOK_SECONDS = 1.0
#: The greatest age of the data on a newly opened page, seconds.
FRESH_SECONDS = 2.0
#: After this many polls each stream's session and key are checked again; a stream ends with its session.
LOGIN_CHECK_EVERY = 5
#: After this long without news a comment keeps the connection alive, and reveals a client that is gone, seconds.
QUIET_SECONDS = 15.0
#: A stream ends after this many seconds, and the browser reopens it.
STREAM_SECONDS = 300.0

#: The event of every poll that succeeded: console.js greys a page that has had none for some seconds.
TICK = "tick"
#: The event for a session that ended: console.js reloads the page, and is redirected to sign in.
ENDED = "ended"
#: The suffix of events without content: something on the page is outdated.
CHANGED = "-changed"

#: The HTML of a page's live parts, by the name of their event.
Drawing = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LivePart:
    """The view of a stream. Streams with equal views share one drawing."""

    draw: "Draw"
    language: str
    desks: frozenset[str] | None
    announcement: str = ""  #: the announcement of its page
    approver: Person | None = None  #: the viewer, if that is somebody who may approve drafts
    span: Span = Span.HOUR  #: of its charts

    def sees(self, desk: str) -> bool:
        return self.desks is None or desk in self.desks


Draw = Callable[[Environment, Snapshot, LivePart], Drawing]


class Live:
    """One per web process. Streams run on the event loop; everything else is thread-safe."""

    def __init__(self, ledger: Ledger, templates: Environment, sessions: Sessions) -> None:
        self._ledger, self._templates, self._sessions = ledger, templates, sessions
        self._overview, self._past = overview_of(ledger), Past(ledger)
        self._turn = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._seen_at = 0.0
        self._views: Counter[LivePart] = Counter()
        self._logins: Counter[tuple[str, str]] = Counter()
        self._drawings: dict[LivePart, Drawing] = {}
        self._ended: frozenset[tuple[str, str]] = frozenset()
        self._glances = 0
        self._actions = 0
        self._is_away = False
        self._task: asyncio.Task[None] | None = None
        self._ticked = asyncio.Event()
        self._stopped = False

    def snapshot(self, span: Span = Span.HOUR) -> Snapshot:
        """The state of everything, at most two seconds old, with what charts of this span need. Raises redis-py's
        errors."""
        with self._turn:
            if self._snapshot is None or time.monotonic() - self._seen_at > FRESH_SECONDS:
                self._remember(self._overview.survey())
            if self._snapshot and self._carry_out(self._snapshot):
                self._remember(self._overview.survey())
            if self._snapshot is None:
                raise RuntimeError("a survey has no result")
            return self._with_past(self._snapshot) if span is not Span.HOUR else self._snapshot

    def forget(self, announcement: str = "") -> None:
        """After an action: the next page must show its effect, and no stream may begin with a drawing from before: it
        would tell the page that it has changed."""
        with self._turn:
            self._overview.forget(announcement)
            self._seen_at = 0.0
            self._drawings = {}
            self._actions += 1

    def check_logins(self) -> None:
        """After a sign-out, checks sessions at the next poll. Other processes notice a few polls later."""
        self._glances = 0

    def stop(self) -> None:
        """Ends all present and future streams, before the process ends. For the event loop."""
        self._stopped = True
        self._tick()

    async def stream(self, view: LivePart, viewer: Viewer, shown: str = "") -> AsyncIterator[bytes]:
        """Events with the changed parts of the page, until the reader leaves or the session ends. `shown`: the version
        that the page was rendered with, or empty for the first drawing's."""
        self._join(view, viewer)
        sent: dict[str, str] = {}
        ends_at = time.monotonic() + STREAM_SECONDS
        try:
            yield b"retry: 2000\n\n"
            if self._is_away:  # as the last poll found, which may be long ago
                await self._next_glance()
            while not self._stopped and time.monotonic() < ends_at and viewer.login not in self._ended:
                if self._is_away:
                    yield away(self._templates, view.language)
                    return
                drawing = self._drawings.get(view, {})
                changed = {event: html for event, html in drawing.items() if sent.get(event) != html}
                if not sent:  # the page has these already, unless they changed after it was rendered
                    sent = {event: html for event, html in drawing.items() if _is_shown(event, html, shown)}
                    changed = {event: html for event, html in drawing.items() if event not in sent}
                sent |= changed
                yield b"".join(_event(event, html) for event, html in changed.items()) + self._tick_event()
                if not await self._next_glance():
                    yield b": nothing new\n\n"
            if viewer.login in self._ended:
                yield _event(ENDED, "")
        finally:
            self._leave(view, viewer)

    def _tick_event(self) -> bytes:
        """Nothing before the first poll: the page was rendered by itself."""
        return _event(TICK, str(self._snapshot.at_ms)) if self._snapshot else b""

    async def _next_glance(self) -> bool:
        """Waits for the next poll. Returns whether it came in time."""
        try:
            await asyncio.wait_for(self._ticked.wait(), QUIET_SECONDS)
        except TimeoutError:
            return False
        return True

    def _join(self, view: LivePart, viewer: Viewer) -> None:
        self._views[view] += 1
        if viewer.login:
            self._logins[viewer.login] += 1
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._poll())

    def _leave(self, view: LivePart, viewer: Viewer) -> None:
        self._views[view] -= 1
        if viewer.login:
            self._logins[viewer.login] -= 1
        self._views, self._logins = +self._views, +self._logins

    async def _poll(self) -> None:
        """Polls while streams are open. A poll that fails ends them all: the browsers come back, and then it is tried
        again."""
        try:
            while self._views and not self._stopped:
                begins = time.monotonic()
                await asyncio.to_thread(self._glance, tuple(self._views), tuple(self._logins))
                self._tick()
                await asyncio.sleep(max(0.0, LOOK_SECONDS - (time.monotonic() - begins)))
        finally:
            self._task = None
            self._drawings = {}

    def _tick(self) -> None:
        """Wakes all current waiters; later ones wait for the next tick."""
        self._ticked.set()
        self._ticked = asyncio.Event()

    def _glance(self, views: tuple[LivePart, ...], logins: tuple[tuple[str, str], ...]) -> None:
        watched = list(dict.fromkeys(view.announcement for view in views if view.announcement))
        try:
            with self._turn, reachable(self._ledger.settings):
                self._remember(self._overview.glance(watched))
                if self._glances % LOGIN_CHECK_EVERY == 0:
                    self._ended = self._sessions.ended(logins)
                self._glances += 1
                snapshot, actions = self._snapshot, self._actions
                if snapshot:
                    self._carry_out(snapshot)
                    snapshot = self._for_views(snapshot, views)
            if snapshot:
                self._show({view: view.draw(self._templates, snapshot, view) for view in views}, actions)
        except LedgerUnreachable as error:
            self._is_away = True
            log.warning("the console gets no data: %s", error)  # one line for the whole outage: ledger.outage_log
        except Exception:  # a page must not show old numbers as if they were new
            self._is_away = True
            log.exception("a poll of the console failed")
        else:
            self._is_away = False

    def _for_views(self, snapshot: Snapshot, views: tuple[LivePart, ...]) -> Snapshot:
        if any(view.span is not Span.HOUR for view in views):
            return self._with_past(snapshot)
        self._past.forget()
        return snapshot

    def _with_past(self, snapshot: Snapshot) -> Snapshot:
        return replace(snapshot, past=self._past.of(snapshot.desks.keys()))

    def _carry_out(self, snapshot: Snapshot) -> bool:
        """The settlements that are due, since no worker may live to do it. Returns whether there were any."""
        desks = {each.desk for each in snapshot.settling if each.due_ms <= snapshot.at_ms}
        for desk in desks:
            Settling(self._ledger).carry_out(desk)
        return bool(desks)

    def _show(self, drawings: Mapping[LivePart, Drawing], actions: int) -> None:
        """Unless somebody has acted since they were read."""
        with self._turn:
            if actions == self._actions:
                self._drawings = dict(drawings)

    def _remember(self, snapshot: Snapshot) -> None:
        self._snapshot, self._seen_at = snapshot, time.monotonic()


def version_of(content: str) -> str:
    """The version of a part without content, short enough for the address of a stream."""
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _is_shown(event: str, content: str, shown: str) -> bool:
    return event.endswith(CHANGED) and shown in ("", version_of(content))


def _event(name: str, html: str) -> bytes:
    lines = "".join(f"data: {line}\n" for line in html.splitlines() or [""])
    return f"event: {name}\n{lines}\n".encode()


def away(templates: Environment, language_name: str) -> bytes:
    """What a stream says before it ends because Redis does not answer. It names nothing that only some may see."""
    condition = Attention.when_away()
    health = templates.get_template("parts/health.html").render(say=language(language_name), attention=condition)
    return b"retry: 2000\n\n" + _event("health", health)


def drawn(
    templates: Environment, snapshot: Snapshot, view: LivePart, parts: Mapping[str, str], **context: Any
) -> dict[str, str]:
    """The parts, and what every page has. `parts` are templates by their event."""
    attention = attention_of(snapshot, view.sees, view.approver)
    every = {"badge": "parts/badge.html", "health": "parts/health.html", "settling": "parts/settling.html", **parts}
    return {event: part(templates, view, name, attention=attention, **context) for event, name in every.items()}


def part(templates: Environment, view: LivePart, name: str, **context: Any) -> str:
    """One template, rendered for a view."""
    return templates.get_template(name).render(say=language(view.language), **context)


def badge(templates: Environment, snapshot: Snapshot, view: LivePart) -> Drawing:
    """The live part of every page."""
    return drawn(templates, snapshot, view, {})
