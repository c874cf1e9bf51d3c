"""The web process: uvicorn, with a bound on how slowly and how much a client may say before its request is there."""

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ledger.gc_tuning import tune_gc
from ledger.outage_log import OutageLog
from ledger.phrases import Phrase, said
from ledger.settings import Settings
from producers.web.app import create_app
from producers.web.problems import Problem

__all__ = ["serve", "server_of"]

#: At once, of one process. A process may have 1,024 files open as a rule: Redis and uploads need some of them.
MOST_CONNECTIONS = 800
#: For all header lines of a request to be here, from its first byte; and for the first byte, on a new connection.
HEADER_SECONDS = 10
#: Of a request's line and header lines together.
HEADER_BYTES = 32 * 1024
#: An idle connection is kept so long: longer than most clients keep theirs, so that they, not we, close first.
KEEP_ALIVE_SECONDS = 75
#: For a client to take some of what waits to be written to it.
WRITE_SECONDS = 60
#: For requests under way when it is told to stop. Then they are cut; what was not answered may be repeated.
STOP_SECONDS = 15
#: For a thread that waits for its turn of the interpreter, seconds. By default it is 5 ms, and an acceptance would wait
#: for several of these while the loop is busy.
_SWITCH_SECONDS = 0.0005
_FIELDS = ("request_id", "client", "caller", "ms")


class _Timer:
    """One call that is due later, unless it is stopped."""

    def __init__(self, loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
        self._loop, self._call = loop, call
        self._handle: asyncio.TimerHandle | None = None

    def __bool__(self) -> bool:
        return self._handle is not None

    def start(self, seconds: float) -> None:
        """One that runs goes on as it is: nobody may put off its end."""
        if self._handle is None:
            self._handle = self._loop.call_later(seconds, self._call)

    def stop(self) -> None:
        if self._handle:
            self._handle.cancel()
            self._handle = None


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's protocol, which by itself waits for ever: for header lines, for what comes behind an answer, and for
    who does not read; and it takes any number of header lines, and of connections."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._header_bytes = 0
        # Aborted, not closed: to close a connection is to wait until the client has read everything.
        self._for_headers, self._for_rest, self._for_reader = (_Timer(self.loop, transport.abort) for _ in range(3))
        if len(self.connections) > MOST_CONNECTIONS:
            self._refuse(
                HTTPStatus.SERVICE_UNAVAILABLE,
                Phrase("This process takes {most} connections at once.", most=MOST_CONNECTIONS),
            )
        else:
            self._for_headers.start(HEADER_SECONDS)

    def data_received(self, data: bytes) -> None:
        if self._for_headers:
            self._header_bytes += len(data)
        super().data_received(data)
        # Again: the end of the header lines may have come with it, and a body of any length behind it.
        if self._for_headers and self._header_bytes > HEADER_BYTES:
            self.send_400_response("The header lines are too long.")
        elif not self._for_headers and self.cycle and self.cycle.response_complete:
            # It ended uvicorn's wait for a next request, but may begin none: the rest of a body that nobody reads, or
            # empty lines.
            self._for_rest.start(HEADER_SECONDS)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._for_rest.stop()
        if not self._for_headers:
            self._header_bytes = 0
            self._for_headers.start(HEADER_SECONDS)

    def on_headers_complete(self) -> None:
        self._for_headers.stop()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():  # which it does once all is written
            self._for_reader.start(WRITE_SECONDS)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._for_reader.start(WRITE_SECONDS)

    def resume_writing(self) -> None:
        if not self.transport.is_closing():
            self._for_reader.stop()
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._for_headers, self._for_rest, self._for_reader):
            timer.stop()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """As a problem, and without uvicorn's log line, which anybody could fill a disk with."""
        self._refuse(HTTPStatus.BAD_REQUEST, said(msg))

    def _refuse(self, status: HTTPStatus, detail: Phrase) -> None:
        self._for_headers.stop()
        problem = Problem(status, said(status.phrase), detail, headers={"connection": "close"})
        body = orjson.dumps(problem.as_json())
        headers = {"content-type": "application/problem+json", "content-length": len(body), **problem.headers}
        fields = (f"{name.lower()}: {value}" for name, value in headers.items())
        lines = [f"HTTP/1.1 {status:d} {status.phrase}", *fields]
        self.transport.write("\r\n".join([*lines, "", ""]).encode() + body)
        self.transport.close()


class _Announcing(uvicorn.Server):
    """Says when it serves, and ends the streams of the console before it waits for requests under way."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None], stop_streams: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready, self._stop_streams = ready, stop_streams

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stop_streams()
        await super().shutdown(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        tune_gc()
        self._ready()


class _LineFormatter(logging.Formatter):
    """Appends `key=value` for each field of ours that a line carries."""

    def format(self, record: logging.LogRecord) -> str:
        given = ((name, getattr(record, name, None)) for name in _FIELDS)
        return super().format(record) + "".join(f" {name}={value}" for name, value in given if value is not None)


def serve(
    settings: Settings, listening: socket.socket, *, access_log: bool = False, ready: Callable[[], None] = lambda: None
) -> None:
    """Serves until SIGINT or SIGTERM; requests under way are answered first. Raises BadInput for wrong settings."""
    _log_lines(settings, access_log)
    sys.setswitchinterval(_SWITCH_SECONDS)
    server = server_of(create_app(settings), ready)
    # uvicorn stops for them, and then raises them again for whoever had asked for them before.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    server.run(sockets=[listening])


def server_of(app: ASGIApp, ready: Callable[[], None] = lambda: None) -> uvicorn.Server:
    """The server, not running yet. `ready` is called when it serves."""
    options: dict[str, Any] = {"loop": "uvloop" if sys.platform != "win32" else "asyncio", "http": BoundedHttp}
    config = uvicorn.Config(
        app,
        **options,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # who is local is decided by the connection: see access.py
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    # Whatever handlers somebody adds: it would tell the query, where a hook's key may stand.
    logging.getLogger("uvicorn.access").disabled = True
    stop_streams = app.state.stop_streams if isinstance(app, Starlette) else lambda: None
    return _Announcing(config, ready, stop_streams)


def _log_lines(settings: Settings, access_log: bool) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_LineFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    for server in settings.servers:
        handler.addFilter(OutageLog.of(server))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # a line for each malformed request, else
    logging.getLogger("producers.web.access_log").setLevel(logging.INFO if access_log else logging.WARNING)
