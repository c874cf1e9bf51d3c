"""Clients that hold a connection and give nothing for it. All bounds are shortened here; none is left out."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from ledger.settings import Settings
from producers.web import request_guard as doorway
from producers.web import server
from tests.integration.producers.web.attacked import problem_of, said, to_attack, unharmed
from tests.integration.producers.web.web_thread import WebThread

__all__: list[str] = []

#: Every bound, here, and what is far more than it.
SHORT, LONG = 0.2, 10
JSON_HEAD = b"HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n"
FORM_HEAD = b"HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000\r\n"


@pytest.fixture(scope="module")
def serving(valkey: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebThread]:
    with to_attack(valkey, tmp_path_factory.mktemp("attacks")) as running:
        yield running


@pytest.fixture
def web(serving: WebThread, empty_valkey: Settings, caplog: pytest.LogCaptureFixture) -> Iterator[WebThread]:
    with unharmed(serving, caplog) as running:
        yield running


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in (
        (server, "HEADER_SECONDS"),
        (server, "WRITE_SECONDS"),
        (doorway, "BODY_SECONDS"),
        (doorway, "UPLOAD_PART_SECONDS"),
    ):
        monkeypatch.setattr(module, name, SHORT)


def connected(web: WebThread, **options: int) -> socket.socket:
    connection = socket.socket()
    if "receive_bytes" in options:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, options["receive_bytes"])
    connection.settimeout(LONG)
    connection.connect(("127.0.0.1", web.port))
    return connection


def until(is_so: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + LONG
    while not is_so():
        assert time.monotonic() < ends_at
        time.sleep(0.02)


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("path", ["/v1/notifications", "/v1/hooks/script", "/v1/hooks/signed", "/v1/feishu/events"])
def test_a_body_that_never_comes_is_a_408(web: WebThread, path: str) -> None:
    answer = said(web, f"POST {path} ".encode() + JSON_HEAD + b"\r\n{")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in answer.lower()


@pytest.mark.usefixtures("short")
def test_an_upload_that_stops_is_a_408(web: WebThread) -> None:
    begun = b'--b\r\nContent-Disposition: form-data; name="recipients"; filename="a.csv"\r\n\r\nreceiver_id\r\n'
    answer = said(web, b"POST /v1/announcements " + FORM_HEAD + b"\r\n" + begun)
    assert problem_of(answer)["status"] == 408


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("path", ["/console/sign-in", "/console/announcements/new"])
def test_a_form_of_the_console_that_stops_is_a_408_and_one_that_grows_a_413(web: WebThread, path: str) -> None:
    form = b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n" % path.encode()
    assert said(web, form + b"Content-Length: 1000\r\n\r\nkey=").startswith(b"HTTP/1.1 408 ")
    chunk = b"10000\r\n" + b"k" * 65536 + b"\r\n"
    assert said(web, form + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 17).startswith(b"HTTP/1.1 413 ")


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize(
    ("request_bytes", "then"),
    [
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\r\n"),
        (b"POST /nowhere " + JSON_HEAD + b"\r\n", b"x"),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", b"\r\n"),
    ],
    ids=["empty lines", "a body that nobody wants", "another protocol"],
)
def test_what_comes_behind_an_answer_and_is_no_request_holds_no_connection(
    web: WebThread, request_bytes: bytes, then: bytes
) -> None:
    """Each such byte used to end the wait for a next request, and nothing began another one."""
    with connected(web) as connection:
        connection.sendall(request_bytes)
        assert connection.recv(65536).startswith(b"HTTP/1.1 ")
        connection.sendall(then)
        assert connection.recv(65536) == b""


def test_who_sends_on_after_an_answer_is_still_heard(web: WebThread) -> None:
    """The rest of a body that nobody wanted, and then a request."""
    with connected(web) as connection:
        connection.sendall(b"POST /nowhere " + JSON_HEAD + b"\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 404 ")
        connection.sendall(b"x" * 1000 + b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("last", [b"", b"Connection: close\r\n"], ids=["goes on", "closes"])
def test_who_does_not_read_is_cut_off(web: WebThread, last: bytes) -> None:
    wish = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n"
    with connected(web, receive_bytes=2048) as connection:
        until(lambda: web.connections > 0)
        connection.sendall((wish + b"\r\n") * 200 + wish + last + b"\r\n")
        until(lambda: web.connections == 0)


def test_one_connection_too_many_is_told_to_come_back(web: WebThread, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 3)
    with ExitStack() as held:
        until(lambda: web.connections == 0)
        for _ in range(3):
            held.enter_context(connected(web))
        until(lambda: web.connections == 3)
        answer = said(web, b"")
        assert problem_of(answer)["status"] == 503
        assert b"retry-after: " in answer
    until(lambda: web.connections == 0)
    assert web.get("/healthz").status_code == 200
