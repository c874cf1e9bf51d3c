"""Who gets in, and by which bytes: what an attacker sends, and the clear no that it gets. Nothing is accepted, nothing
of it is logged, and nothing is a 500.

Bodies are in `test_web_attacks_bodies`, those who let others wait in `test_web_attacks_waiting`, the console in
`test_console_attacks`, names of hooks in `test_web_hooks`, callbacks in `test_outward` and `test_callback_poster`.
`docs/security.md` has the table for people.
"""

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from ledger.api_key import Scope
from ledger.settings import Settings
from tests.integration.producers.web.attacked import ADA, MARK, PATH, problem_of, said, to_attack, unharmed
from tests.integration.producers.web.web_thread import WebThread

__all__: list[str] = []


@pytest.fixture(scope="module")
def serving(valkey: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebThread]:
    with to_attack(valkey, tmp_path_factory.mktemp("attacks")) as running:
        yield running


@pytest.fixture
def web(serving: WebThread, empty_valkey: Settings, caplog: pytest.LogCaptureFixture) -> Iterator[WebThread]:
    with unharmed(serving, caplog) as running:
        yield running


# -- the wire: what two servers in a row might read in two ways

BODY = json.dumps(ADA).encode()
SMUGGLED = b"POST /v1/notifications HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
SMUGGLED += b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKED = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)


def posted(
    headers: bytes = LENGTH, body: bytes = BODY, *, host: bytes = b"Host: localhost\r\n", version: bytes = b"1.1"
) -> bytes:
    head = b"POST /v1/notifications HTTP/%s\r\n%sContent-Type: application/json\r\nConnection: close\r\n" % (
        version,
        host,
    )
    return head + headers + b"\r\n" + body


WIRE = {
    "a length and chunks": posted(LENGTH + b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n" + SMUGGLED),
    "two lengths": posted(b"Content-Length: 0\r\n" + LENGTH),
    "the same length twice": posted(LENGTH + LENGTH),
    "a list of lengths": posted(b"Content-Length: 0, %d\r\n" % len(BODY)),
    "a length with a sign": posted(b"Content-Length: +%d\r\n" % len(BODY)),
    "a length in hex": posted(b"Content-Length: 0x%x\r\n" % len(BODY)),
    "a length beyond 64 bits": posted(b"Content-Length: 18446744073709551658\r\n"),
    "a coding with a blank before the colon": posted(b"Transfer-Encoding : chunked\r\n", CHUNKED),
    "a coding on a folded line": posted(b"Transfer-Encoding:\r\n chunked\r\n", CHUNKED),
    "a coding behind a vertical tab": posted(b"Transfer-Encoding: \x0bchunked\r\n", CHUNKED),
    "two codings": posted(b"Transfer-Encoding: identity, chunked\r\n", CHUNKED),
    "chunked but not last": posted(b"Transfer-Encoding: chunked, identity\r\n", CHUNKED),
    "the coding twice": posted(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", CHUNKED),
    "chunks in HTTP/1.0": posted(b"Transfer-Encoding: chunked\r\n", CHUNKED, version=b"1.0"),
    "a chunk of more than 64 bits": posted(b"Transfer-Encoding: chunked\r\n", b"FFFFFFFFFFFFFFFFF\r\n" + BODY),
    "chunks with bare newlines": posted(b"Transfer-Encoding: chunked\r\n", CHUNKED.replace(b"\r\n", b"\n")),
    "a newline in a chunk's extension": posted(b"Transfer-Encoding: chunked\r\n", b"1;a\nb\r\n{\r\n0\r\n\r\n"),
    "bare newlines": posted().replace(b"\r\n", b"\n"),
    "one bare newline": posted(b"X-A: b\nX-B: c\r\n" + LENGTH),
    "a bare carriage return": posted(b"X-A: b\rX-B: c\r\n" + LENGTH),
    "a folded line": posted(b"X-A: b\r\n c\r\n" + LENGTH),
    "a NUL in a header": posted(b"X-A: b\0c\r\n" + LENGTH),
    "a line end in an id": posted(b"X-Request-Id: a\r\n\tb\r\n" + LENGTH),
    "no Host": posted(host=b""),
    "two Hosts": posted(host=b"Host: attacker.example\r\nHost: localhost\r\n"),
    "a Host that is none": posted(host=b"Host: [\r\n"),
    "a Host with a name before it": posted(host=b"Host: attacker.example@localhost\r\n"),
    "a Host with a path": posted(host=b"Host: localhost/.attacker.example\r\n"),
    "a Host with a port too large": posted(host=b"Host: localhost:65536\r\n"),
    "a Host in other letters": posted(host="Host: lócalhost\r\n".encode()),
    "two keys": posted(b"Authorization: Bearer dbk_a\r\nAuthorization: Bearer dbk_b\r\n" + LENGTH),
    "two idempotency keys": posted(b"Idempotency-Key: a\r\nIdempotency-Key: b\r\n" + LENGTH),
    "two types of body": posted(b"Content-Type: text/plain\r\n" + LENGTH),
    "another protocol": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a version without header lines": b"GET /healthz\r\n\r\n",
    "a version that needs more than a first line": b"GET /healthz HTTP/2.0\r\nHost: localhost\r\n\r\n",
    "a version that there is not": posted(version=b"9.9"),
    "a blank in the path": posted().replace(b"/v1/", b"/v1 /"),
    "a tunnel": b"CONNECT attacker.example:443 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
}


@pytest.mark.parametrize("attack", WIRE)
def test_a_request_that_can_be_read_in_two_ways_is_refused_as_a_whole(web: WebThread, attack: str) -> None:
    answer = said(web, WIRE[attack])
    assert answer.count(b"HTTP/1.1 ") == 1, "what was smuggled was answered, too"
    assert problem_of(answer)["status"] == 400


@pytest.mark.parametrize("path", ["/console/", "/console/sign-in", "/v1/hooks/script", "/", "/metrics"])
def test_a_host_that_is_none_is_told_so_on_every_page(web: WebThread, path: str) -> None:
    assert web.get(path, headers={"Host": "["}).status_code == 400


def test_requests_that_come_together_are_answered_one_by_one_in_order(web: WebThread) -> None:
    two = b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n" * 200
    answer = said(web, two + b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert (answer.count(b"HTTP/1.1 404 "), answer.count(b"HTTP/1.1 200 ")) == (200, 1)
    assert answer.endswith(b'{"status":"ok"}')


@pytest.mark.parametrize("id", ["a\tb", "%0d%0aSet-Cookie: a=b", "x" * 65, "é", "<script>"])
def test_an_id_that_is_not_plain_comes_back_in_no_header(web: WebThread, id: str) -> None:
    answer = web.get("/nowhere", headers={"X-Request-Id": id.encode("latin-1")})
    assert len(answer.headers["x-request-id"]) == 16
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "path",
    [
        "//v1/notifications",
        "/x/../v1/notifications",
        "/v1/notifications;a=b",
        "/v1/notifications/",
        "/v1/%00",
        "/V1/notifications",
    ],
)
def test_another_spelling_of_a_path_is_another_path(web: WebThread, path: str) -> None:
    request = posted().replace(b"/v1/notifications", path.encode())
    assert problem_of(said(web, request))["status"] in (404, 405)


# -- keys


@dataclass(frozen=True)
class Call:
    """`KEY` stands for a good key with every scope."""

    headers: dict[str, str] = field(default_factory=dict)
    query: str = ""
    cookies: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=lambda: ADA)


NO_KEY = {
    "none": Call(),
    "one that is made up": Call({"Authorization": "Bearer dbk_" + "x" * 43}),
    "half of one": Call({"Authorization": "Bearer KEY"[:-1]}),
    "in the query": Call(query="?key=KEY"),
    "in the query as others have it": Call(query="?api_key=KEY&access_token=KEY"),
    "in a cookie": Call(cookies={"deskbell_session": "KEY", "Authorization": "Bearer KEY"}),
    "in the body": Call(body={**ADA, "api_key": "KEY"}),
    "as a password": Call({"Authorization": "Basic " + base64.b64encode(b"dbk:KEY").decode()}),
    "without Bearer": Call({"Authorization": "KEY"}),
    "in the other letters": Call({"X-Api-Key": "key".upper().lower()}),
    "its hash": Call({"X-Api-Key": "HASH"}),
    "with more behind it": Call({"X-Api-Key": "KEY,KEY"}),
    "a loopback in X-Forwarded-For": Call({"X-Forwarded-For": "127.0.0.1"}),
    "another method": Call({"X-HTTP-Method-Override": "GET"}),
    "very long": Call({"X-Api-Key": "k" * 30_000}),
}


@pytest.mark.parametrize("attack", NO_KEY)
def test_a_key_that_is_wrong_or_in_the_wrong_place_opens_nothing(web: WebThread, attack: str) -> None:
    key, call = web.secret(*Scope), NO_KEY[attack]

    def filled(text: str) -> str:
        return text.replace("HASH", hashlib.sha256(key.encode()).hexdigest()).replace("KEY", key)

    answer = web.post(
        PATH + filled(call.query),
        json.loads(filled(json.dumps(call.body))),
        headers={name: filled(value) for name, value in call.headers.items()},
        cookies={name: filled(value) for name, value in call.cookies.items()},
    )
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert key not in answer.text


@pytest.mark.parametrize(
    ("scopes", "desks", "title"),
    [
        ({Scope.READ, Scope.OPERATE}, None, "The key lacks a scope"),
        ({Scope.SEND}, {"it"}, "The key is not for this desk"),
    ],
)
def test_a_key_of_another_scope_or_desk_hands_nothing_in(
    web: WebThread, scopes: set[Scope], desks: set[str] | None, title: str
) -> None:
    key = web.secret(*scopes, desks=frozenset(desks) if desks else None)
    for path, body in ((PATH, {**ADA, "desk": "hr"}), (PATH, {"notifications": [{**ADA, "desk": "hr"}]})):
        answer = web.post(path, body, headers={"X-Api-Key": key})
        problem = answer.json()
        told = problem if "results" not in problem else problem["results"][0]["problem"]
        assert (told["status"], told["title"]) == (403, title)
    rows = {"name": "n", "text": "t", "desk": "hr", "rows": [{"receiver_id": "ou_ada"}]}
    assert web.post("/v1/announcements", rows, headers={"X-Api-Key": key}).status_code == 403


def test_a_revoked_key_opens_nothing_from_the_next_call_on(web: WebThread) -> None:
    key = web.secret(*Scope)
    assert web.get(PATH, headers={"X-Api-Key": key}).status_code == 200
    web.context.keys.revoke("k0", by="test")
    for path in (PATH, "/v1/hooks/script", f"/v1/hooks/script?key={key}"):
        assert web.post(path, ADA, headers={"X-Api-Key": key}).status_code == 401


def test_redis_is_asked_for_the_hash_of_a_secret_so_that_its_time_tells_nothing_of_it(web: WebThread) -> None:
    key = web.secret(*Scope)
    kept = b"".join(web.context.ledger.redis.dump(name) or b"" for name in web.context.ledger.redis.scan_iter())
    assert key.encode() not in kept
    assert hashlib.sha256(key.encode()).hexdigest().encode() in kept


@pytest.mark.parametrize(
    "path", ["/v1/announcements/a_0/resolve", "/v1/announcements/a_0/retry", f"{PATH}/n_0/resolve"]
)
def test_nothing_is_read_of_who_may_not_call(web: WebThread, path: str) -> None:
    web.secret(*Scope)
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    answer = said(web, f"{head}Content-Length: 1000\r\nConnection: close\r\n\r\n".encode())  # and no body
    assert problem_of(answer)["status"] == 401


def test_only_an_announcement_may_be_as_large_as_an_upload(web: WebThread) -> None:
    for path, status in (("/v1/announcements/a_0/retry", 413), ("/v1/announcementsx", 413), ("/console/sign-in", 413)):
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        answer = said(web, f"{head}Content-Length: 2000000\r\n\r\n".encode())
        assert problem_of(answer)["status"] == status


# -- a server without keys, and a web page in the browser of somebody at the machine


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "attacker.example"},
        {"Host": "127.0.0.1.attacker.example"},
        {"Host": "2130706433"},
        {"Host": "[::ffff:127.0.0.1]"},
        {"Host": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://attacker.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost"},
        {"Forwarded": "for=127.0.0.1;host=localhost"},
        {"X-Real-IP": "127.0.0.1"},
        {"Via": "1.1 proxy"},
    ],
    ids=str,
)
def test_without_a_key_a_page_of_another_site_reaches_nothing(web: WebThread, headers: dict[str, str]) -> None:
    for path, body in ((PATH, ADA), ("/v1/hooks/script", {"text": MARK}), ("/v1/announcements/a_0/pause", None)):
        assert web.post(path, body, headers=headers).status_code == 403
    assert web.get(PATH, headers=headers).status_code == 403
    assert web.get("/metrics", headers=headers).status_code == 403
