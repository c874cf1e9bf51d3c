"""The server at its bounds: slow clients, large bodies, malformed requests, and a Redis that is away."""

import re
import socket

import pytest
import requests

from ledger.settings import Settings
from producers.web import request_guard as doorway
from producers.web import server
from tests.calm import Stopwatch
from tests.integration.producers.web.web_thread import WebThread

__all__: list[str] = []

HEAD = b"POST /v1/notifications HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def said(web: WebThread, *parts: bytes, seconds: float = 10) -> bytes:
    """What is answered, until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", web.port), timeout=seconds) as connection:
        for part in parts:
            connection.sendall(part)
        answer = b""
        while part := connection.recv(65536):
            answer += part
        return answer


def test_it_lives_and_is_ready(web: WebThread) -> None:
    assert web.get("/healthz").json() == {"status": "ok"}
    assert web.get("/readyz").json()["status"] == "ok"


def test_the_id_of_a_request_is_taken_when_it_is_plain_and_made_when_it_is_not(web: WebThread) -> None:
    assert web.get("/healthz", headers={"X-Request-Id": "a.B-9_"}).headers["x-request-id"] == "a.B-9_"
    for given in ("a b", "x" * 65, "<script>", ""):
        made = web.get("/healthz", headers={"X-Request-Id": given}).headers["x-request-id"]
        assert made != given
        assert len(made) == 16


def test_a_problem_names_the_request_even_where_nothing_is(web: WebThread) -> None:
    for answer in (web.get("/nowhere"), web.post("/healthz")):
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_a_body_that_is_too_large_is_refused_before_it_is_read(web: WebThread) -> None:
    answer = said(web, HEAD + b"Content-Length: 1048577\r\n\r\n{")
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"body-too-large" in answer
    assert b"connection: close" in answer.lower()


def test_a_body_that_does_not_say_its_length_is_refused_when_it_grows_too_large(web: WebThread) -> None:
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    with socket.create_connection(("127.0.0.1", web.port), timeout=10) as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(17):
            connection.sendall(chunk)
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_a_body_that_comes_too_slowly_is_given_up(web: WebThread, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorway, "BODY_SECONDS", 0.2)
    watch = Stopwatch()
    answer = said(web, HEAD + b"Content-Length: 100\r\n\r\n{")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert watch.calm_seconds < 5


@pytest.mark.parametrize(
    "begun", [b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\n", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET"]
)
def test_headers_that_come_too_slowly_end_the_connection(
    web: WebThread, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr(server, "HEADER_SECONDS", 0.2)
    watch = Stopwatch()
    said(web, begun)
    assert watch.calm_seconds < 5


def test_header_lines_without_end_end_the_connection(web: WebThread) -> None:
    with socket.create_connection(("127.0.0.1", web.port), timeout=10) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\n")
        with pytest.raises(ConnectionError):
            connection.sendall(b"".join(b"X-%d: %s\r\n" % (number, b"x" * 1000) for number in range(20_000)))


@pytest.mark.parametrize(
    "request_bytes",
    [
        HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
        HEAD + b"Content-Length: -1\r\n\r\n",
        HEAD + b"Transfer-Encoding: xchunked\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: b\nGET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
    ],
    ids=["both lengths", "two lengths", "negative", "odd coding", "bare newline", "TLS"],
)
def test_what_two_servers_might_read_in_two_ways_is_refused(web: WebThread, request_bytes: bytes) -> None:
    answer = said(web, request_bytes)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in answer
    assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({}, 415),
        ({"Content-Type": "application/json; charset=utf-16"}, 415),
        ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, 415),
        ({"Content-Type": "application/json; charset = latin-1"}, 415),
        ({"Content-Type": 'application/json; charset="no-such"'}, 415),
        ({"Content-Type": "application/json; charset=UTF-8"}, 422),
        ({"Content-Type": 'application/json; charset="utf-8"; odata=verbose'}, 422),
        ({"Content-Type": "application/json;odata=verbose ; charset = utf8"}, 422),
        ({"Content-Type": "application/vnd.ours+json"}, 422),
    ],
)
def test_only_json_is_taken(web: WebThread, headers: dict[str, str], status: int) -> None:
    assert web.post("/v1/notifications", b"{}", headers=headers).status_code == status


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/openapi.json", "/metrics", "/console/sign-in", "/v1/nowhere"]
)
def test_head_is_answered_as_get_without_a_body(web: WebThread, path: str) -> None:
    head, get = requests.head(web.url + path, timeout=120, allow_redirects=True), web.get(path)
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers["content-type"] == get.headers["content-type"]


def test_head_of_an_export_or_a_stream_ends_at_once(web: WebThread) -> None:
    assert requests.head(f"{web.url}/v1/notifications?limit=1", timeout=20).status_code == 200
    live = requests.head(f"{web.url}/console/live/now", timeout=20)
    assert live.status_code == 200
    assert live.headers["content-type"].startswith("text/event-stream")


@pytest.mark.parametrize("body", [b"[]", b"7", b'"x"', b"null", b"", b'{"a":1,"a":2}', b"[" * 9000])
def test_a_body_that_is_no_object_is_refused(web: WebThread, body: bytes) -> None:
    answer = web.post("/v1/notifications", body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:deskbell:problem:bad-json")


def test_nothing_is_loaded_from_another_host(web: WebThread) -> None:
    """FastAPI's own pages of documentation would load their scripts from one."""
    assert web.get("/redoc").status_code == 404
    assert web.get("/docs", allow_redirects=False).headers["location"] == "/docs/README.md"
    page = web.get("/docs/api")
    loaded = re.findall(r"""<(?:link|script|img|iframe|source)\b[^>]*?\b(?:href|src)=["']?([^"' >]+)""", page.text)
    assert page.status_code == 200
    assert loaded
    assert [address for address in loaded if not re.match(r"/[^/]", address)] == []
    assert page.headers["content-security-policy"].startswith("default-src 'none'")


def test_while_redis_is_away_everything_is_a_503_that_says_so_and_the_process_lives(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with WebThread(Settings(data_dir=tmp_path_factory.mktemp("nothing"), _env_file=None)) as web:
        assert web.get("/healthz").status_code == 200
        ready = web.get("/readyz")
        assert (ready.status_code, ready.headers["retry-after"]) == (503, "5")
        assert ready.json()["reasons"][0].startswith("redis: ")
        for answer in (
            web.post("/v1/notifications", {"receiver_id": "ou_ada", "text": "hi"}),
            web.get("/v1/notifications"),
        ):
            assert (answer.status_code, answer.json()["type"]) == (503, "urn:deskbell:problem:ledger-unreachable")
            assert int(answer.headers["retry-after"]) > 0
