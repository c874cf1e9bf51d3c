"""The fast reader takes plain answers, and leaves all others to the general one."""

from collections.abc import Callable
from http.client import IncompleteRead

import pytest

from http_client.response import NeedsFullParser, Response, read_plain

MAX_BYTES = 1000


def receiving(*pieces: bytes) -> Callable[[int], bytes]:
    """What a connection gives, piece by piece; nothing at the end."""
    rest = iter(pieces)
    return lambda _: next(rest, b"")


def head(*lines: str, status: str = "200 OK") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode()


@pytest.mark.parametrize(
    ("pieces", "is_reusable"),
    [
        ([head("Content-Length: 2", "X-Tt-LogId: a") + b"hi"], True),
        ([head("Content-Length: 2")[:9], head("Content-Length: 2")[9:], b"h", b"i"], True),
        ([head(status="103 Early Hints") + head("Content-Length: 2") + b"hi"], True),
        ([head("Content-Length: 2", "Connection: close") + b"hi"], False),
        ([head("Content-Length: 2") + b"hi, and more"], False),
    ],
    ids=["at once", "in pieces", "after an interim one", "the last one", "with bytes behind it"],
)
def test_a_plain_answer_is_read(pieces: list[bytes], is_reusable: bool) -> None:
    response, reusable = read_plain(receiving(*pieces), MAX_BYTES)
    assert (response.http_status, response.body, reusable) == (200, b"hi", is_reusable)
    assert response.headers["content-length"] == "2"


@pytest.mark.parametrize(
    "answer",
    [
        head("Content-Length: 1001"),
        head("Content-Length: " + "9" * 5000),  # Python refuses to read it as a number
        head("Content-Length: -1"),
        head("Content-Length: 2", "Content-Length: 2") + b"hi",
        head("Content-Length: 2", "Content-Encoding: gzip") + b"hi",
        head("Transfer-Encoding: chunked"),
        head(),
        head("Content-Length: 0", status="204 No Content"),
        head("Content-Length: 2", status="101 Switching Protocols"),
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nContent-Le",
    ],
    ids=lambda answer: answer[:40].decode(),
)
def test_any_other_answer_is_left_to_the_general_reader(answer: bytes) -> None:
    with pytest.raises(NeedsFullParser) as left:
        read_plain(receiving(answer), MAX_BYTES)
    assert left.value.received == answer


def test_an_answer_that_ends_within_its_body_is_incomplete() -> None:
    with pytest.raises(IncompleteRead):
        read_plain(receiving(head("Content-Length: 9"), b"hi"), MAX_BYTES)


def test_a_body_is_not_in_the_repr() -> None:
    assert "t-secret" not in repr(Response(200, {}, b'{"tenant_access_token":"t-secret"}'))
