"""The web process: uvicorn, with a bound on how slowly and how much a client may say before its request is there."""

import asyncio
import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ledger.settings import Settings
from producers.web.app import create_app

__all__ = ["BoundedHttp", "serve", "server_of"]

#: For all header lines of a request to be here, from its first byte; and for the first byte, on a new connection.
HEADER_SECONDS = 10
#: Of a request's line and header lines together.
HEADER_BYTES = 32 * 1024
#: An idle connection is kept so long: longer than most clients keep theirs, so that they, not we, close first.
KEEP_ALIVE_SECONDS = 75
#: For requests under way when it is told to stop. Then they are cut; what was not answered may be repeated.
STOP_SECONDS = 15
#: For a thread that waits for its turn of the interpreter, seconds. By default it is 5 ms, and an acceptance would wait
#: for several of these while the loop is busy.
_SWITCH_SECONDS = 0.0005
_FIELDS = ("request_id", "client", "caller", "ms")


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's protocol, which by itself waits for header lines for ever and takes any number of them."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._header_bytes = 0
        self._header_timer: asyncio.TimerHandle | None = None
        self._wait_for_headers()

    def data_received(self, data: bytes) -> None:
        if self._header_timer:
            self._header_bytes += len(data)
        super().data_received(data)
        # Again: the end of the header lines may have come with it, and a body of any length behind it.
        if self._header_timer and self._header_bytes > HEADER_BYTES:
            self.send_400_response("The header lines are too long.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._wait_for_headers()

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """As a problem, and without uvicorn's log line, which anybody could fill a disk with."""
        self._stop_waiting()
        problem = {"type": "urn:deskbell:problem:bad-request", "title": "Bad Request", "status": 400, "detail": msg}
        body = orjson.dumps(problem)
        head = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\n"
        self.transport.write(f"{head}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body)
        self.transport.close()

    def _wait_for_headers(self) -> None:
        if self._header_timer is None:
            self._header_bytes = 0
            self._header_timer = self.loop.call_later(HEADER_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._header_timer:
            self._header_timer.cancel()
            self._header_timer = None

    def _give_up(self) -> None:
        self._header_timer = None
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
        # What is loaded by now stays. The collector need not look through it again for each few batches.
        gc.collect()
        gc.freeze()
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
    _log_lines(access_log)
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


def _log_lines(access_log: bool) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_LineFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # a line for each malformed request, else
    logging.getLogger("producers.web.access_log").setLevel(logging.INFO if access_log else logging.WARNING)
