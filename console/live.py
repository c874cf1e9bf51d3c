"""What keeps pages up to date: one poller for a whole web process, and a stream of server-sent events to each page.

While somebody looks, the poller takes one glance a second and draws what the open pages show, each drawing once for all
who see the same. However many look, Redis is asked as if one did.
"""

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

from jinja2 import Environment

from console.sessions import Sessions
from console.viewer import Viewer
from ledger.connection import reachable
from ledger.ledger import Ledger
from ledger.overview import Overview, Snapshot

__all__ = ["Drawing", "Live", "LivePart"]

log = logging.getLogger(__name__)

#: Between two glances.
LOOK_SECONDS = 1.0
#: A page that is opened while nobody looks shows at most such old facts.
FRESH_SECONDS = 2.0
#: After so many glances each stream's session and key are looked up again: where one is over, so is the stream.
LOGIN_CHECK_EVERY = 5
#: Nothing new for so long: a comment keeps the connection alive, and tells when the other end is gone.
QUIET_SECONDS = 15.0
#: A stream ends after this, and the browser opens it anew.
STREAM_SECONDS = 300.0

#: The event after which a page is for its viewer no longer: console.js asks for it anew, and is led to sign in.
ENDED = "ended"
#: An event whose name ends so shows nothing: it says that something on the page is old now.
CHANGED = "-changed"

#: What a page shows of a snapshot: the HTML of each of its live parts, by the name of their event.
Drawing = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LivePart:
    """What a stream shows. Streams with equal views share one drawing."""

    draw: Callable[[Environment, Snapshot, "LivePart"], Drawing]
    language: str
    desks: frozenset[str] | None
    announcement: str = ""  #: the one that its page is about

    def sees(self, desk: str) -> bool:
        return self.desks is None or desk in self.desks


class Live:
    """One for each web process. Streams are for the event loop, everything else is for any thread."""

    def __init__(self, ledger: Ledger, templates: Environment, sessions: Sessions) -> None:
        self._ledger, self._templates, self._sessions = ledger, templates, sessions
        self._overview = Overview(ledger)
        self._turn = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._seen_at = 0.0
        self._views: Counter[LivePart] = Counter()
        self._logins: Counter[tuple[str, str]] = Counter()
        self._drawings: dict[LivePart, Drawing] = {}
        self._ended: frozenset[tuple[str, str]] = frozenset()
        self._glances = 0
        self._task: asyncio.Task[None] | None = None
        self._ticked = asyncio.Event()
        self._stopped = False

    def snapshot(self) -> Snapshot:
        """How everything stands, at most two seconds ago. Raises redis-py's errors."""
        with self._turn:
            if self._snapshot is None or time.monotonic() - self._seen_at > FRESH_SECONDS:
                self._remember(self._overview.survey())
            if self._snapshot is None:
                raise RuntimeError("a survey has no result")
            return self._snapshot

    def forget(self, announcement: str = "") -> None:
        """What somebody has just changed must be seen in the next page."""
        with self._turn:
            self._overview.forget(announcement)
            self._seen_at = 0.0

    def check_logins(self) -> None:
        """At the next glance: somebody has just signed out. Another process learns of it a few glances later."""
        self._glances = 0

    def stop(self) -> None:
        """Ends all streams, and those to come: the process is about to end. For the event loop."""
        self._stopped = True
        self._tick()

    async def stream(self, view: LivePart, viewer: Viewer) -> AsyncIterator[bytes]:
        """Events with the parts of the page that have changed, until the reader is gone or no longer signed in."""
        self._join(view, viewer)
        sent: dict[str, str] = {}
        ends_at = time.monotonic() + STREAM_SECONDS
        try:
            yield b"retry: 2000\n\n"
            while not self._stopped and time.monotonic() < ends_at and viewer.login not in self._ended:
                drawing = self._drawings.get(view, {})
                changed = {event: html for event, html in drawing.items() if sent.get(event) != html}
                if not sent:  # the page has just been drawn, so nothing has changed yet
                    sent = {event: html for event, html in drawing.items() if event.endswith(CHANGED)}
                    changed = {event: html for event, html in drawing.items() if event not in sent}
                sent |= changed
                if changed:
                    yield b"".join(_event(event, html) for event, html in changed.items())
                if not await self._next_glance():
                    yield b": nothing new\n\n"
            if viewer.login in self._ended:
                yield _event(ENDED, "")
        finally:
            self._leave(view, viewer)

    async def _next_glance(self) -> bool:
        """Whether there was one soon."""
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
        """Glances while somebody looks. A Redis that does not answer now is asked again a second later."""
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
        """Wakes all who wait now; who waits from here on is woken by the next one."""
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
            snapshot = self._snapshot
            if snapshot:
                self._drawings = {view: view.draw(self._templates, snapshot, view) for view in views}
        except Exception:  # the pages stay as they are, and the next glance tries again
            log.warning("a glance of the console failed", exc_info=True)

    def _remember(self, snapshot: Snapshot) -> None:
        self._snapshot, self._seen_at = snapshot, time.monotonic()


def _event(name: str, html: str) -> bytes:
    lines = "".join(f"data: {line}\n" for line in html.splitlines() or [""])
    return f"event: {name}\n{lines}\n".encode()
