"""One HTTP exchange: under one deadline, and knowing whether the request left whole.

Three things that `requests` does not give, and that "maybe sent" rests on:

- *Left whole or not.* The connection itself notes when the last byte of a request was handed to the kernel. Before
  that the other side, which waits for `Content-Length` bytes of body, cannot have acted on it.
- *A deadline.* The timeouts of `requests` count per read, so an answer that drips never ends. Here connecting (TCP,
  proxy and TLS together) has one deadline, and so has everything from the first written byte to the last one read.
- *Fresh connections.* urllib3 drops a pooled connection that the server has closed, if its FIN is here already. A FIN
  still on its way, or a silent drop by a NAT, would cost an `unknown`; so a connection is used only while young.
"""

import io
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError

from worker.feishu.errors import FOREIGN, MaybeSent, translated

__all__ = [
    "FOREVER_SECONDS",
    "IDLE_SECONDS",
    "Answer",
    "Deadline",
    "Watched",
    "WatchedAdapter",
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


class Deadline:
    """Until when one exchange may take, and how far it has come. Times are those of `clock`, in seconds."""

    def __init__(
        self, connect_seconds: float, answer_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._answer_seconds = answer_seconds
        self._until = clock() + connect_seconds
        self.whole_request_left = False

    def start_request(self) -> None:
        """From here on the time to answer runs. Raises TimeoutError if connecting took too long: DNS knows no limit."""
        self.seconds_left()
        self._until = self._clock() + self._answer_seconds

    def seconds_left(self) -> float:
        """More than 0. Raises TimeoutError when nothing is left."""
        left = self._until - self._clock()
        if left <= 0:
            raise TimeoutError("the deadline of the exchange has passed")
        return left


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole HTTP answer. Header names are matched in any case."""

    http_status: int
    headers: Mapping[str, str]
    body: bytes


class _Current(threading.local):
    """The exchange that this thread is in. urllib3's pools leave no other way to hand a connection its deadline."""

    deadline: Deadline


_current = _Current()


@contextmanager
def _under(deadline: Deadline) -> Iterator[None]:
    _current.deadline = deadline
    try:
        yield
    finally:
        del _current.deadline


class _TimedReader(io.RawIOBase):
    """Reads a socket with a timeout that shrinks towards the deadline, for headers and body alike."""

    def __init__(self, sock: socket.socket, received: bytes = b"") -> None:
        self._sock = sock
        self._received = received
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._received:
            portion, self._received = self._received[: len(buffer)], self._received[len(buffer) :]
            buffer[: len(portion)] = portion
            return len(portion)
        self._sock.settimeout(_current.deadline.seconds_left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _TimedResponse(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, received: bytes = b"", **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_TimedReader(sock, received))


if TYPE_CHECKING:
    _Base = HTTPConnection
else:
    _Base = object


class Watched(_Base):
    """What both kinds of connection add to urllib3's."""

    response_class = _TimedResponse
    _used_at = _looked_at = 0.0

    @property
    def is_connected(self) -> bool:
        return super().is_connected and time.monotonic() - self._used_at < IDLE_SECONDS

    def connect(self) -> None:
        self.timeout = _current.deadline.seconds_left()
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
        self.timeout = _current.deadline.seconds_left()
        super().request(*args, **kwargs)
        # Not reached when writing failed. urllib3 goes on to read an answer after some of those failures.
        _current.deadline.whole_request_left = True

    def _start_request(self) -> None:
        try:
            _current.deadline.start_request()
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "connected too late") from error
        self._used_at = time.monotonic()

    def write(self, request: bytes) -> None:
        """Writes a whole request at once."""
        # Not looked at twice: to ask the kernel lets other threads in, and a call is to leave right after its slot.
        if self.sock is None or time.monotonic() - self._looked_at > _LOOK_AGAIN_SECONDS:
            self.be_connected()
        self._looked_at = 0.0
        self._start_request()
        self.sock.settimeout(_current.deadline.seconds_left())
        try:
            self.sock.sendall(request)
        except BrokenPipeError:
            return  # the server may have answered before it stopped reading, such as that it is too much
        _current.deadline.whole_request_left = True

    def receive(self, size: int) -> bytes:
        """Up to so many bytes; none at the end."""
        self.sock.settimeout(_current.deadline.seconds_left())
        return self.sock.recv(size)

    def read_on(self, method: str, received: bytes) -> HTTPResponse:
        """The general reader, for an answer that begins with what was received already."""
        response = _TimedResponse(self.sock, received=received, method=method)
        response.begin()
        return response


class _WatchedHTTPConnection(Watched, HTTPConnection):
    pass


class _WatchedHTTPSConnection(Watched, HTTPSConnection):
    pass


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _WatchedHTTPConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedHTTPSConnection


_POOLS: dict[str, type[HTTPConnectionPool]] = {"http": _HTTPPool, "https": _HTTPSPool}


class WatchedAdapter(HTTPAdapter):
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
    whole: bool = True,
    **request: Any,
) -> Answer:
    """Makes one request and reads its answer; `request` as for `requests`. Redirects are answers like any other.

    `whole`: an answer of more than `max_bytes` is none. Without it, what is beyond is left unread.

    Raises:
        NeverSent, MaybeSent, Unsendable: no whole answer of at most `max_bytes` came by the deadline.
    """
    options: dict[str, Any] = {"stream": True, "allow_redirects": False, "timeout": FOREVER_SECONDS}
    return answered(partial(session.request, method, url, **options, **request), deadline, max_bytes, whole)


def answered(ask: Callable[[], requests.Response], deadline: Deadline, max_bytes: int, whole: bool = True) -> Answer:
    """Asks, and reads the answer; for who makes the request in another way. Raises as `exchange`."""
    with on_the_wire(deadline), ask() as answer:
        return Answer(answer.status_code, answer.headers, _body(answer, max_bytes, whole))


@contextmanager
def on_the_wire(deadline: Deadline) -> Iterator[None]:
    """Around whatever uses a connection. Raises as `exchange`."""
    with _under(deadline):
        try:
            yield
        except FOREIGN as error:
            raise translated(error, whole_request_left=deadline.whole_request_left) from error


#: The deadline of the exchange always comes first.
FOREVER_SECONDS = 3600


def _body(answer: requests.Response, max_bytes: int, whole: bool) -> bytes:
    body = bytearray()
    for chunk in answer.iter_content(_CHUNK_BYTES):
        body += chunk
        if len(body) > max_bytes and whole:
            raise MaybeSent("too long")
        if len(body) >= max_bytes and not whole:
            break
    return bytes(body[:max_bytes])
