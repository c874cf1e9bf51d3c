"""One HTTP exchange: under one deadline, and knowing whether the request left whole.

Four things that `requests` does not give, and that "maybe sent" rests on:

- *Left whole or not.* The connection itself notes when the last byte of a request was handed to the kernel. Before
  that the other side, which waits for `Content-Length` bytes of body, cannot have acted on it.
- *A deadline.* The timeouts of `requests` count per read, so an answer that drips never ends. Here connecting (TCP,
  proxy and TLS together) has one deadline, and so has everything from the first written byte to the last one read.
- *Fresh connections.* urllib3 drops a pooled connection that the server has closed, if its FIN is here already. A FIN
  still on its way, or a silent drop by a NAT, would cost an `unknown`; so a connection is used only while young.
- *Given up is given up.* The kernel goes on sending what was written before a connection was closed, for minutes if the
  way is dead; calls would arrive in a heap when it is healed. So a connection is reset until the whole answer is here.
"""

import socket
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError
from urllib3.util.ssltransport import SSLTransport

from http_client.deadline import Deadline, current, under
from http_client.errors import FOREIGN, MaybeSent, translated
from http_client.timed_response import TimedResponse

__all__ = [
    "FOREVER_SECONDS",
    "IDLE_SECONDS",
    "Deadline",
    "Response",
    "TrackedAdapter",
    "TrackedConnection",
    "answered",
    "exchange",
    "on_the_wire",
]

#: A connection unused for longer is not trusted with a send. Servers keep idle ones for 60 s and more as a rule; a
#: new one costs some 50 ms, while slots come every 600 ms.
IDLE_SECONDS = 15.0

#: So long after a look a connection is taken to be as it was.
_LOOK_AGAIN_SECONDS = 0.1

_CHUNK_BYTES = 64 * 1024

#: SO_LINGER, switched on with no time at all: closing takes back what has not left, and resets the connection.
_RESET_WHEN_CLOSED = struct.pack("ii", 1, 0)
_CLOSED_IN_PEACE = struct.pack("ii", 0, 0)


@dataclass(frozen=True, slots=True)
class Response:
    """A whole HTTP answer. Header names are matched in any case."""

    http_status: int
    headers: Mapping[str, str]
    body: bytes


if TYPE_CHECKING:
    _Base = HTTPConnection
else:
    _Base = object


class TrackedConnection(_Base):
    """What both kinds of connection add to urllib3's."""

    response_class = TimedResponse
    _used_at = _looked_at = 0.0
    _in_flight = False

    @property
    def is_connected(self) -> bool:
        return super().is_connected and time.monotonic() - self._used_at < IDLE_SECONDS

    def connect(self) -> None:
        self.timeout = current.deadline.seconds_left()
        super().connect()
        self._used_at = self._looked_at = time.monotonic()

    def be_connected(self) -> None:
        """Looks whether the server has closed it, and connects if need be."""
        if not self.is_connected:
            self.close()
            self.connect()
        self._looked_at = time.monotonic()

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is None:
            self.connect()
        self._start_request()
        self.timeout = current.deadline.seconds_left()
        super().request(*args, **kwargs)
        # Not reached when writing failed. urllib3 goes on to read an answer after some of those failures.
        current.deadline.whole_request_left = True

    def _start_request(self) -> None:
        try:
            current.deadline.start_request()
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "connected too late") from error
        self._used_at = time.monotonic()
        # Now, not when it is given up: who closes it then is not always we, and a killed process closes it too.
        _carrier(self.sock).setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_WHEN_CLOSED)
        self._in_flight, current.connection = True, self

    def end_request(self) -> None:
        """The whole answer is here."""
        if self._in_flight and self.sock is not None:
            # macOS refuses it where the server has closed the connection: then nothing is left to be taken back.
            with suppress(OSError):
                _carrier(self.sock).setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _CLOSED_IN_PEACE)
        self._in_flight = False

    def write(self, request: bytes) -> None:
        """Writes a whole request at once."""
        # Not looked at twice: to ask the kernel lets other threads in, and a call is to leave right after its slot.
        if self.sock is None or time.monotonic() - self._looked_at > _LOOK_AGAIN_SECONDS:
            self.be_connected()
        self._looked_at = 0.0
        self._start_request()
        self.sock.settimeout(current.deadline.seconds_left())
        try:
            self.sock.sendall(request)
        except BrokenPipeError:
            return  # the server may have answered before it stopped reading, such as that it is too much
        current.deadline.whole_request_left = True

    def receive(self, size: int) -> bytes:
        """Up to so many bytes; none at the end."""
        self.sock.settimeout(current.deadline.seconds_left())
        return self.sock.recv(size)

    def read_on(self, method: str, received: bytes) -> HTTPResponse:
        """The general reader, for an answer that begins with what was received already."""
        response = TimedResponse(self.sock, received=received, method=method)
        response.begin()
        return response


def _carrier(sock: Any) -> socket.socket:
    """The socket below TLS within the TLS of a proxy, which has no options of its own."""
    carrier: socket.socket = sock.socket if isinstance(sock, SSLTransport) else sock
    return carrier


class _TrackedHTTPConnection(TrackedConnection, HTTPConnection):
    pass


class _TrackedHTTPSConnection(TrackedConnection, HTTPSConnection):
    pass


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _TrackedHTTPConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _TrackedHTTPSConnection


_POOLS: dict[str, type[HTTPConnectionPool]] = {"http": _HTTPPool, "https": _HTTPSPool}


class TrackedAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        if proxy.lower().startswith("socks"):
            # Its pools make connections of their own, on which nobody would see whether a request left.
            raise requests.exceptions.InvalidSchema("SOCKS proxies are not supported")
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Nothing is ever redirected. Without this, requests reads and parses a target even if told not to follow."""


def exchange(
    session: requests.Session,
    deadline: Deadline,
    method: str,
    url: str,
    *,
    max_bytes: int,
    **request: Any,
) -> Response:
    """Makes one request and reads its answer; `request` as for `requests`. Redirects are answers like any other.

    Raises:
        NeverSent, MaybeSent, Unsendable: no whole answer of at most `max_bytes` came by the deadline.
    """
    options: dict[str, Any] = {"stream": True, "allow_redirects": False, "timeout": FOREVER_SECONDS}
    return answered(partial(session.request, method, url, **options, **request), deadline, max_bytes)


def answered(ask: Callable[[], requests.Response], deadline: Deadline, max_bytes: int) -> Response:
    """Asks, and reads the answer; for who makes the request in another way. Raises as `exchange`."""
    with on_the_wire(deadline), ask() as answer:
        whole_answer = Response(answer.status_code, answer.headers, _body(answer, max_bytes))
        if current.connection is not None:
            current.connection.end_request()
        return whole_answer


@contextmanager
def on_the_wire(deadline: Deadline) -> Iterator[None]:
    """Around whatever uses a connection. Raises as `exchange`."""
    with under(deadline):
        try:
            yield
        except BaseException as error:
            if current.connection is not None:
                current.connection.close()  # what is left of the answer would be taken for the next one
            if isinstance(error, FOREIGN):
                raise translated(error, whole_request_left=deadline.whole_request_left) from error
            raise


#: The deadline of the exchange always comes first.
FOREVER_SECONDS = 3600


def _body(answer: requests.Response, max_bytes: int) -> bytes:
    body = bytearray()
    for chunk in answer.iter_content(_CHUNK_BYTES):
        body += chunk
        if len(body) > max_bytes:
            raise MaybeSent("too long")
    return bytes(body)
