"""HTTP/1.1 as bytes: a request in one piece, and an answer that needs no more than a look at its length.

A general reader (`http.client`) spends more on a short answer than the rest of the engine on the whole notification, so
it is left to the answers that need one: chunked, compressed, without a length, or broken in any way.
"""

import re
from collections.abc import Callable
from http.client import IncompleteRead
from typing import NamedTuple
from urllib.parse import urlsplit

from requests.models import PreparedRequest

__all__ = ["MOST_INTERIM", "SWITCHED", "NeedsFullParser", "PlainAnswer", "read_plain", "request_bytes"]

_STATUS = re.compile(r"HTTP/1\.1 ([1-5]\d\d)(?: .*)?")
#: Interim answers (100 Continue, 102 Processing, 103 Early Hints, …) that may come before the answer. Servers send one
#: or two; one that sends them without end is not waited for.
MOST_INTERIM = 20
#: An answer of this status ends HTTP on the connection. It is for requests that ask for that, and ours do not.
SWITCHED = 101
#: These have no body, whatever their headers say.
_BODILESS = (204, 304)
_HEAD_BYTES = 64 * 1024
_READ_BYTES = 64 * 1024
_MARKS_OF_ODDNESS = ("transfer-encoding", "content-encoding")


class PlainAnswer(NamedTuple):
    """A whole answer. Names of headers are in lower case; `reusable`: the connection may carry another request."""

    http_status: int
    headers: dict[str, str]
    body: bytes
    reusable: bool


class NeedsFullParser(Exception):
    """The answer is not plain: `received` are its bytes so far, for a reader that understands it."""

    def __init__(self, received: bytes) -> None:
        super().__init__()
        self.received = received


def request_bytes(request: PreparedRequest, body: bytes) -> bytes:
    """All of it, to be written at once: two writes would be two packets, and wake the server twice."""
    host = urlsplit(str(request.url)).netloc.rpartition("@")[2]
    head = [f"{request.method} {request.path_url} HTTP/1.1\r\nHost: {host}"]
    head += [f"{name}: {_as_text(value)}" for name, value in request.headers.items()]
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body


def _as_text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def read_plain(receive: Callable[[int], bytes], max_bytes: int) -> PlainAnswer:
    """Reads one answer; `receive(n)` gives up to n bytes, none at the end.

    Raises:
        Odd: nothing is wrong yet, but another reader must go on.
        IncompleteRead: the connection ended within the body.
    """
    received, end, status, headers = _after_interim(receive)
    length = _length(received, status, headers, max_bytes)
    body = bytearray(received[end + 4 :])
    while len(body) < length:
        more = receive(_READ_BYTES)
        if not more:
            raise IncompleteRead(bytes(body), length - len(body))
        body += more
    reusable = len(body) == length and headers.get("connection", "").lower() != "close"
    return PlainAnswer(status, headers, bytes(body[:length]), reusable)


def _after_interim(receive: Callable[[int], bytes]) -> tuple[bytes, int, int, dict[str, str]]:
    """What was received from the answer's first byte on, where its head ends, and what that says."""
    received = b""
    for _ in range(MOST_INTERIM + 1):
        received, end = _with_head(receive, received)
        status, headers = _head(received, end)
        if status >= 200:
            return received, end, status, headers
        if status == SWITCHED:
            break
        received = received[end + 4 :]
    raise NeedsFullParser(received)


def _with_head(receive: Callable[[int], bytes], received: bytes) -> tuple[bytes, int]:
    """What was received, and more if need be, and where the first head in it ends."""
    while (end := received.find(b"\r\n\r\n")) < 0:
        more = receive(_READ_BYTES) if len(received) < _HEAD_BYTES else b""
        if not more:
            raise NeedsFullParser(received)
        received += more
    return received, end


def _head(received: bytes, end: int) -> tuple[int, dict[str, str]]:
    first, *lines = received[:end].decode("latin-1").split("\r\n")
    match = _STATUS.fullmatch(first)
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.lower()
        if not colon or not name or name != name.strip() or name in headers:  # folded, broken, or there twice
            raise NeedsFullParser(received)
        headers[name] = value.strip()
    if match is None:
        raise NeedsFullParser(received)
    return int(match[1]), headers


def _length(received: bytes, status: int, headers: dict[str, str], max_bytes: int) -> int:
    told = headers.get("content-length", "")
    if status in _BODILESS or not (told.isascii() and told.isdecimal()) or int(told) > max_bytes:
        raise NeedsFullParser(received)
    if any(mark in headers for mark in _MARKS_OF_ODDNESS):
        raise NeedsFullParser(received)
    return int(told)
