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
from http.client import HTTPResponse
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError

from worker.feishu.errors import FOREIGN, MaybeSent, translated

__all__ = ["IDLE_SECONDS", "Answer", "Deadline", "exchange", "open_session"]

#: A connection unused for longer is not trusted with a send. Servers keep idle ones for 60 s and more as a rule; a
#: new one costs some 50 ms, while slots come every 600 ms.
IDLE_SECONDS = 15.0

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

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(_current.deadline.seconds_left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _TimedResponse(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_TimedReader(sock))


if TYPE_CHECKING:
    _Base = HTTPConnection
else:
    _Base = object


class _Watched(_Base):
    """What both kinds of connection add to urllib3's."""

    response_class = _TimedResponse
    _used_at = 0.0

    @property
    def is_connected(self) -> bool:
        return super().is_connected and time.monotonic() - self._used_at < IDLE_SECONDS

    def connect(self) -> None:
        self.timeout = _current.deadline.seconds_left()
        super().connect()

    def request(self, *args: Any, **kwargs: Any) -> None:
        deadline = _current.deadline
        if self.sock is None:
            self.connect()
        try:
            deadline.start_request()
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "connected too late") from error
        self._used_at = time.monotonic()
        self.timeout = deadline.seconds_left()
        super().request(*args, **kwargs)
        # Not reached when writing failed. urllib3 goes on to read an answer after some of those failures.
        deadline.whole_request_left = True


class _WatchedHTTPConnection(_Watched, HTTPConnection):
    pass


class _WatchedHTTPSConnection(_Watched, HTTPSConnection):
    pass


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _WatchedHTTPConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedHTTPSConnection


_POOLS: dict[str, type[HTTPConnectionPool]] = {"http": _HTTPPool, "https": _HTTPSPool}


class _WatchedAdapter(HTTPAdapter):
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


def open_session(url: str) -> requests.Session:
    """A session for one thread. It obeys the proxy and CA variables of the environment, except towards this machine."""
    session = _Session()
    session.trust_env = not _is_loopback(urlsplit(url).hostname or "")
    for scheme in ("http://", "https://"):
        session.mount(scheme, _WatchedAdapter(pool_connections=1, pool_maxsize=1, max_retries=0))
    return session


def exchange(
    session: requests.Session, deadline: Deadline, method: str, url: str, *, max_bytes: int, **request: Any
) -> Answer:
    """Makes one request and reads its whole answer; `request` as for `requests`. Redirects are answers like any other.

    Raises:
        NeverSent, MaybeSent, Unsendable: no whole answer of at most `max_bytes` came by the deadline.
    """
    with _under(deadline):
        try:
            with session.request(
                method, url, stream=True, allow_redirects=False, timeout=_FOREVER, **request
            ) as answer:
                return Answer(answer.status_code, answer.headers, _body(answer, max_bytes))
        except FOREIGN as error:
            raise translated(error, whole_request_left=deadline.whole_request_left) from error


#: Seconds; the deadline of the exchange always comes first.
_FOREVER = 3600


def _body(answer: requests.Response, max_bytes: int) -> bytes:
    body = bytearray()
    for chunk in answer.iter_content(_CHUNK_BYTES):
        body += chunk
        if len(body) > max_bytes:
            raise MaybeSent("too long")
    return bytes(body)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
