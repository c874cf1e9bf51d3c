"""One TCP connection: HTTP/1.1 in with keep-alive and pipelining, answers out in the order of the calls."""

import asyncio
import socket
import struct
from collections import deque
from dataclasses import dataclass, field
from functools import lru_cache
from typing import cast

import httptools

from sandbox.answers import Answer, Manner, json_answer
from sandbox.calls import Call
from sandbox.control import PREFIX, sent_by_a_page
from sandbox.faults import Rule
from sandbox.gateway import Gateway

__all__ = ["Connection"]

#: A body beyond this is read and discarded; the largest call that Feishu accepts is a 10 MB image.
_MAX_BODY_BYTES = 16 * 1024 * 1024
#: The size of an unfinished head at which the request is refused.
_MAX_HEAD_BYTES = 64 * 1024
#: Calls that may wait behind the current one before reading pauses.
_MAX_WAITING = 64
#: The answer to web pages that use the control API, or reach the sandbox by a name of their own.
_NOT_FOR_PAGES = json_answer(
    {"error": "a web page has sent this: call the sandbox from a program, by its address or as localhost"}, status=403
)
#: SO_LINGER on, with no time to linger: closing then resets the connection.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class _Request:
    """A request that is being read; `call` is None for the control API, which is not logged."""

    method: str
    path: str
    query: str
    call: Call | None
    is_foreign: bool  #: a web page uses the control API
    chunks: list[bytes] = field(default_factory=list)
    body_bytes: int = 0
    keep_alive: bool = True


class Connection(asyncio.Protocol):
    """Answers one request at a time. A caller that leaves ends its call, but does not undo it.

    Half-closed callers count as gone: the end of the stream is the only sign of a caller that stopped waiting.
    """

    def __init__(self, gateway: Gateway, open_connections: set["Connection"]) -> None:
        self._gateway = gateway
        self._open_connections = open_connections
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        self._waiting: deque[_Request] = deque()
        self._incoming: _Request | None = None
        self._current: _Request | None = None
        self._drip: asyncio.TimerHandle | None = None
        self._broken = False
        self._url = b""
        self._headers: list[tuple[str, str]] = []
        self._head_bytes = 0

    # Callbacks of the transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._open_connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio names it
        self._open_connections.discard(self)
        if self._drip is not None:
            self._drip.cancel()
        for request in (self._current, *self._waiting, self._incoming):
            if request is not None and request.call is not None:
                self._gateway.end(request.call, answered=False)
        self._waiting.clear()

    def data_received(self, data: bytes) -> None:
        if self._broken:
            return
        if self._incoming is None:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError:
            raise
        except httptools.HttpParserUpgrade:
            # No other protocol is supported: the request is answered as it is, then the connection ends.
            self._waiting[-1].keep_alive = False
        except httptools.HttpParserError:
            self._break()
        if self._head_bytes > _MAX_HEAD_BYTES and not self._broken:
            self._break()
        self._serve_waiting()

    def abort(self) -> None:
        self._transport.abort()

    def _break(self) -> None:
        self._broken = True
        self._gateway.log.malformed += 1

    # Callbacks of the parser.

    def on_message_begin(self) -> None:
        self._url, self._headers = b"", []

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append(_header(name, value))

    def on_headers_complete(self) -> None:
        method = self._parser.get_method().decode("latin-1")
        path, query = _target(self._url)
        is_control = path.startswith(PREFIX)
        call = None if is_control else self._gateway.arrive(method, path, query, tuple(self._headers))
        is_foreign = is_control and sent_by_a_page(self._headers)
        self._incoming = _Request(method, path, query, call, is_foreign)
        self._head_bytes = 0
        if (
            any(name == "expect" and value.lower() == "100-continue" for name, value in self._headers)
            and self._current is None
        ):
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, chunk: bytes) -> None:
        request = cast(_Request, self._incoming)
        request.body_bytes += len(chunk)
        if request.body_bytes <= _MAX_BODY_BYTES:
            request.chunks.append(chunk)

    def on_message_complete(self) -> None:
        request = cast(_Request, self._incoming)
        self._incoming = None
        request.keep_alive = self._parser.should_keep_alive()
        self._waiting.append(request)
        if len(self._waiting) > _MAX_WAITING:
            self._transport.pause_reading()

    # Answering.

    def _serve_waiting(self) -> None:
        while self._waiting and self._current is None and not self._transport.is_closing():
            if len(self._waiting) <= _MAX_WAITING:
                self._transport.resume_reading()
            self._start(self._waiting.popleft())
        if self._broken and self._current is None and not self._transport.is_closing():
            answer = json_answer({"code": 9499, "msg": "malformed HTTP"}, status=400)
            self._transport.write(answer.head(self._gateway.log_id(), keep_alive=False) + answer.body)
            self._transport.close()

    def _start(self, request: _Request) -> None:
        body = b"".join(request.chunks)
        request.chunks.clear()
        self._current = request
        if request.call is None:
            answer = (
                _NOT_FOR_PAGES
                if request.is_foreign
                else self._gateway.control.answer(request.method, request.path, request.query, body)
            )
            self._write(request, answer, self._gateway.log_id())
            return
        too_large = request.body_bytes > _MAX_BODY_BYTES
        rule, delay_seconds = self._gateway.start(request.call, body, too_large=too_large)
        if delay_seconds > 0:
            asyncio.get_running_loop().call_later(delay_seconds, self._finish_late, request, request.call, rule)
        else:
            self._finish(request, request.call, rule)

    def _finish_late(self, request: _Request, call: Call, rule: Rule | None) -> None:
        self._finish(request, call, rule)
        self._serve_waiting()

    def _finish(self, request: _Request, call: Call, rule: Rule | None) -> None:
        log_id = self._gateway.log_id()
        answer = self._gateway.answer(call, rule, log_id)
        # The caller may have left during the delay: the request is carried out all the same.
        if not self._transport.is_closing():
            self._gateway.sent(call, answer)
            self._write(request, answer, log_id)

    def _write(self, request: _Request, answer: Answer, log_id: str) -> None:
        head = answer.head(log_id, request.keep_alive and answer.manner is Manner.WHOLE)
        match answer.manner:
            case Manner.WHOLE:
                self._transport.write(head + answer.body)
                self._end(request, answered=True, close=not request.keep_alive)
            case Manner.DRIP:
                self._transport.write(head)
                self._drip_on(request, answer, 0)
            case Manner.HALF:
                self._transport.write(head + answer.body[: len(answer.body) // 2])
                self._end(request, answered=False, close=True)
            case Manner.HEAD_ONLY:
                self._transport.write(head)
                self._end(request, answered=False, close=True)
            case Manner.CLOSE:
                self._end(request, answered=False, close=True)
            case Manner.RESET:
                self._reset()

    def _drip_on(self, request: _Request, answer: Answer, written: int) -> None:
        self._transport.write(answer.body[written : written + 1])
        # The caller may leave with the last byte: the call must have ended by then.
        if written + 1 >= len(answer.body):
            self._end(request, answered=True, close=True)
            return
        loop = asyncio.get_running_loop()
        self._drip = loop.call_later(answer.drip_seconds, self._drip_on, request, answer, written + 1)

    def _end(self, request: _Request, *, answered: bool, close: bool) -> None:
        if request.call is not None:
            self._gateway.end(request.call, answered=answered)
        self._current = None
        if close:
            self._transport.close()

    def _reset(self) -> None:
        connection: socket.socket = self._transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._transport.abort()


@lru_cache(4096)
def _header(name: bytes, value: bytes) -> tuple[str, str]:
    """The pair with its name in lower case. Callers repeat their headers, so pairs are cached and shared."""
    return name.decode("latin-1").lower(), value.decode("latin-1")


@lru_cache(1024)
def _target(url: bytes) -> tuple[str, str]:
    path, _, query = url.decode("latin-1").partition("?")
    return path, query
