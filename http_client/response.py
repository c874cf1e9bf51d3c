"""An HTTP answer, and a fast reader for plain ones.

A general reader (`http.client`) spends more on a short answer than the rest of the engine on the whole notification, so
it is left to the answers that need one: chunked, compressed, without a length, or broken in any way.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import IncompleteRead

__all__ = ["MAX_INTERIM", "SWITCHED", "NeedsFullParser", "Response", "read_plain"]

_STATUS = re.compile(r"HTTP/1\.1 ([1-5]\d\d)(?: .*)?")
#: Interim answers (100 Continue, 102 Processing, 103 Early Hints, …) that may come before the answer. Servers send one
#: or two; a server that never stops sending them is given up.
MAX_INTERIM = 20
#: An answer of this status ends HTTP on the connection. It is for requests that ask for that, and ours do not.
SWITCHED = 101
#: These have no body, whatever their headers say.
_BODILESS = (204, 304)
_HEAD_BYTES = 64 * 1024
_READ_BYTES = 64 * 1024
#: Python refuses to read a number of some thousand digits.
_LENGTH_DIGITS = 12
_NOT_PLAIN = ("transfer-encoding", "content-encoding")


@dataclass(frozen=True, slots=True)
class Response:
    """A complete HTTP answer. Names of headers are in lower case."""

    http_status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class NeedsFullParser(Exception):
    """The answer is not plain: `received` are its bytes so far, for a reader that understands it."""

    def __init__(self, received: bytes) -> None:
        super().__init__()
        self.received = received


def read_plain(receive: Callable[[int], bytes], max_bytes: int) -> tuple[Response, bool]:
    """Reads one answer, and says whether the connection may carry another request.

    `receive(n)` gives up to n bytes, none at the end.

    Raises:
        NeedsFullParser: nothing is wrong yet, but another reader must go on.
        IncompleteRead: the connection ended within the body.
    """
    received, end, status, headers = _after_interim(receive)
    length = _length(received, status, headers, max_bytes)
    body = bytearray(received[end + 4 :])
    while len(body) < length:
        portion = receive(_READ_BYTES)
        if not portion:
            raise IncompleteRead(bytes(body), length - len(body))
        body += portion
    is_reusable = len(body) == length and headers.get("connection", "").lower() != "close"
    return Response(status, headers, bytes(body[:length])), is_reusable


def _after_interim(receive: Callable[[int], bytes]) -> tuple[bytes, int, int, dict[str, str]]:
    """What was received from the answer's first byte on, where its head ends, and what the head says."""
    received = b""
    for _ in range(MAX_INTERIM + 1):
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
        portion = receive(_READ_BYTES) if len(received) < _HEAD_BYTES else b""
        if not portion:
            raise NeedsFullParser(received)
        received += portion
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
    length = headers.get("content-length", "")
    is_number = length.isascii() and length.isdecimal() and len(length) <= _LENGTH_DIGITS
    if status in _BODILESS or not is_number or int(length) > max_bytes:
        raise NeedsFullParser(received)
    if not headers.keys().isdisjoint(_NOT_PLAIN):
        raise NeedsFullParser(received)
    return int(length)
