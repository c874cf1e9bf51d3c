"""A connection that knows the deadline of its exchange, and whether the request has left whole.

Four things that `requests` does not give, and that "maybe sent" rests on:

- *Left whole or not.* The connection itself notes when the last byte of a request was handed to the kernel. Before
  that the other side, which waits for `Content-Length` bytes of body, cannot have acted on it.
- *A deadline.* The timeouts of `requests` count per read, so an answer that drips never ends. Here connecting (TCP,
  proxy and TLS together) has one deadline, and so has everything from the first written byte to the last one read.
- *Fresh connections.* urllib3 drops a pooled connection that the server has closed, if its FIN is here already. A FIN
  still on its way, or a silent drop by a NAT, would cost an `unknown`; so a connection is used only while young.
- *Giving up takes back.* The kernel goes on sending what was written before a connection was closed, for minutes if the
  network is down; the calls would arrive in a heap once it is up. So a connection resets until the answer is complete.
"""

import io
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.client import BadStatusLine, HTTPResponse, parse_headers
from typing import TYPE_CHECKING, Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError
from urllib3.util.ssltransport import SSLTransport

from http_client.response import MAX_INTERIM, SWITCHED

__all__ = ["Deadline", "TrackedConnection", "TrackedHTTPConnection", "TrackedHTTPSConnection", "current"]

#: A connection unused for longer is not trusted with a send. Servers keep idle ones for 60 s and more as a rule; a
#: new one costs some 50 ms, while slots come every 600 ms.
IDLE_SECONDS = 15.0

#: For this long after a check, a connection is assumed to be still open.
_RECHECK_SECONDS = 0.1

#: A deadline may be kept too late by this.
_TIMEOUT_STEP_SECONDS = 0.01

#: SO_LINGER, switched on with no time at all: closing takes back what has not left, and resets the connection.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_PLAIN_CLOSE = struct.pack("ii", 0, 0)


class Deadline:
    """When one exchange must end, and how far it has come. Times are those of `clock`, in seconds."""

    def __init__(
        self, connect_seconds: float, answer_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._answer_seconds = answer_seconds
        self._until = clock() + connect_seconds
        self.whole_request_left = False

    def start_request(self) -> None:
        """Starts the time to answer. Raises TimeoutError if connecting took too long: DNS knows no limit."""
        self.seconds_left()
        self._until = self._clock() + self._answer_seconds

    def seconds_left(self) -> float:
        """More than 0. Raises TimeoutError when nothing is left."""
        left = self._until - self._clock()
        if left <= 0:
            raise TimeoutError("the deadline of the exchange has passed")
        return left


class _Current(threading.local):
    """The exchange that this thread is in. urllib3's pools leave no other way to hand a connection its deadline."""

    deadline: Deadline
    connection: "TrackedConnection | None" = None  #: the last one that it used


current = _Current()


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
        self._sock.settimeout(current.deadline.seconds_left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _TimedResponse(HTTPResponse):
    """Reads an answer by the deadline, and past the interim ones. `http.client` does neither as it is needed here."""

    def __init__(self, sock: socket.socket, *args: Any, received: bytes = b"", **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_TimedReader(sock, received))

    def _read_status(self) -> tuple[str, int, str]:
        """Skips all interim answers. `http.client` skips 100 alone, however many, and takes a 103 for the answer."""
        for _ in range(MAX_INTERIM + 1):
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if status == SWITCHED or status > 599:  # no request of ours asks for the one, and HTTP lacks the other
                break
            if status >= 200:
                return version, status, reason
            parse_headers(self.fp)
        raise BadStatusLine(f"HTTP status {status}")


if TYPE_CHECKING:
    _Base = HTTPConnection
else:
    _Base = object


class TrackedConnection(_Base):
    """What both kinds of connection add to urllib3's."""

    response_class = _TimedResponse
    _used_at = _checked_at = 0.0
    _in_flight = False

    @property
    def is_connected(self) -> bool:
        return super().is_connected and time.monotonic() - self._used_at < IDLE_SECONDS

    def connect(self) -> None:
        current.connection = self
        self.timeout = current.deadline.seconds_left()
        super().connect()
        self._used_at = self._checked_at = time.monotonic()

    def ensure_connected(self) -> None:
        """Connects anew if the server has closed the connection, or if it is too old."""
        if not self.is_ready():
            self.close()
            self.connect()

    def is_ready(self) -> bool:
        """Looks whether it may carry a request; for a moment after that, `write` does not look again."""
        ready = self.is_connected
        if ready:
            self._checked_at = time.monotonic()
        return ready

    def request(self, *args: Any, **kwargs: Any) -> None:
        """urllib3's way to write a request."""
        if self.sock is None:
            self.connect()
        self._start_request()
        self.timeout = current.deadline.seconds_left()
        super().request(*args, **kwargs)
        # Not reached when writing failed. urllib3 goes on to read an answer after some of those failures.
        current.deadline.whole_request_left = True

    def _start_request(self) -> None:
        current.connection = self
        try:
            current.deadline.start_request()
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "connected too late") from error
        self._used_at = time.monotonic()
        # Now, not on giving up: urllib3 may be the one that closes it then, and a killed process closes it too.
        _carrier(self.sock).setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._in_flight = True

    def end_request(self, *, is_reusable: bool = True) -> None:
        """To be called once the answer is complete."""
        if self._in_flight and self.sock is not None:
            # macOS refuses it where the server has closed the connection: then nothing is left to be taken back.
            with suppress(OSError):
                _carrier(self.sock).setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _PLAIN_CLOSE)
        self._in_flight = False
        if not is_reusable:
            self.close()

    def write(self, request: bytes) -> None:
        """Writes a whole request at once."""
        # Not checked twice: to ask the kernel lets other threads in, and a call must leave right after its slot.
        if self.sock is None or time.monotonic() - self._checked_at > _RECHECK_SECONDS:
            self.ensure_connected()
        self._checked_at = 0.0
        self._start_request()
        self._limit()
        try:
            self.sock.sendall(request)
        except BrokenPipeError:
            return  # the server may have answered before it stopped reading, such as that it is too much
        current.deadline.whole_request_left = True

    def receive(self, size: int) -> bytes:
        """Up to `size` bytes; none at the end."""
        self._limit()
        return self.sock.recv(size)

    def _limit(self) -> None:
        """Has the socket give up at the deadline. For less than a step its timeout stays as it is: to change it lets
        other threads in, twice for each call."""
        left, set_to = current.deadline.seconds_left(), self.sock.gettimeout()
        if set_to is None or abs(left - set_to) > _TIMEOUT_STEP_SECONDS:
            self.sock.settimeout(left)

    def parse_rest(self, method: str, received: bytes) -> HTTPResponse:
        """The general reader, for an answer that begins with the bytes `received` already."""
        response = _TimedResponse(self.sock, received=received, method=method)
        response.begin()
        return response


def _carrier(sock: Any) -> socket.socket:
    """The socket below TLS within the TLS of a proxy, which has no options of its own."""
    carrier: socket.socket = sock.socket if isinstance(sock, SSLTransport) else sock
    return carrier


class TrackedHTTPConnection(TrackedConnection, HTTPConnection):
    """Over TCP."""


class TrackedHTTPSConnection(TrackedConnection, HTTPSConnection):
    """Over TLS."""
