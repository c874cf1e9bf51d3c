"""Calls over HTTP against a server that misbehaves: what is repeated, what is not, and what it comes to."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests

from deskbell import Notifier
from ledger.errors import (
    BadInput,
    DeskbellError,
    Forbidden,
    KeyReused,
    LedgerFull,
    LedgerUnreachable,
    LedgerUnwritable,
    NotAllowed,
    NotDurable,
    NotFound,
    WrongVersion,
)
from producers.client.http_backend import HttpBackend
from producers.client.http_patience import Limits
from producers.client.http_problems import Unauthorized
from producers.client.http_server import Server
from tests.all_of import all_of
from tests.unit.producers.client.scripted_server import CUT, SILENCE, Scripted, answer, problem, scripted

__all__: list[str] = []

ACCEPTED = answer(202, {"id": "n_1", "state": "queued", "duplicate": False})
KEY = "dbk_hush"
#: Nobody waits for so long: it is given up at once.
FAR_AWAY = "Retry-After: 3600"


def notifier_of(server: Scripted, sleep: Callable[[float], None] = lambda _: None, **options: Any) -> Notifier:
    return Notifier(HttpBackend(server.url, server=Server(server.url, KEY, sleep=sleep, **options)))


def keys_of(server: Scripted) -> list[str]:
    return [orjson.loads(asked.body)["key"] for asked in server.asked]


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(CUT, id="cut before the answer"),
        pytest.param(ACCEPTED[:40], id="cut within the head"),
        pytest.param(ACCEPTED[:-5], id="cut within the body"),
        pytest.param(b"HTTP/1.1 202 X\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{", id="cut within a chunk"),
        pytest.param(answer(502, b"<html>", media_type="text/html"), id="a proxy that does not reach it"),
        pytest.param(problem(500, "internal"), id="an error of the server"),
        pytest.param(problem(503, "not-durable"), id="an fsync that took too long"),
        pytest.param(problem(503, "ledger-unreachable"), id="Redis away"),
        pytest.param(problem(429, "too-many-requests"), id="too often"),
    ],
)
def test_what_was_maybe_accepted_is_repeated_with_the_same_key_though_the_caller_gave_none(said: bytes) -> None:
    with scripted(said, said, ACCEPTED) as server, notifier_of(server) as notifier:
        assert notifier.send(receiver_id="ou_ada", text="hi").id == "n_1"
    first, *others = keys_of(server)
    assert len(first) >= 16
    assert others == [first, first]


def test_two_calls_without_a_key_have_two() -> None:
    with scripted(ACCEPTED, ACCEPTED) as server, notifier_of(server) as notifier:
        notifier.send(receiver_id="ou_ada", text="hi")
        notifier.send(receiver_id="ou_ada", text="hi")
    assert len(set(keys_of(server))) == 2


def test_the_key_of_the_caller_is_kept() -> None:
    with scripted(CUT, ACCEPTED) as server, notifier_of(server) as notifier:
        notifier.send(receiver_id="ou_ada", text="hi", key="alert-1")
    assert keys_of(server) == ["alert-1", "alert-1"]


def test_a_server_that_says_nothing_is_asked_again_when_the_time_is_over() -> None:
    with scripted(SILENCE, ACCEPTED) as server, notifier_of(server, limits=Limits(answer=0.2)) as notifier:
        assert notifier.send(receiver_id="ou_ada", text="hi").id == "n_1"
    assert len(server.asked) == 2


def test_who_has_no_patience_is_told_that_nobody_knows() -> None:
    with (
        scripted(SILENCE) as server,
        notifier_of(server, limits=Limits(answer=0.2, patience=0.1)) as notifier,
        pytest.raises(LedgerUnreachable, match=r"is not reached \(no answer in time\)"),
    ):
        notifier.send(receiver_id="ou_ada", text="hi")


def test_nobody_there_is_not_reached() -> None:
    with scripted() as server:
        url = server.url
    with (
        Notifier(HttpBackend(url, server=Server(url, None, limits=Limits(patience=0.1)))) as notifier,
        pytest.raises(LedgerUnreachable, match="the connection failed"),
    ):
        notifier.get("n_1")


def in_seconds(seconds: int) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("after", "least", "most"),
    [
        (lambda: "7", 7, 7),
        (lambda: in_seconds(30), 5, 31),  # the date has no fractions of a second
        (lambda: "soon", 0, 1),
        (lambda: "-1", 0, 1),
        (lambda: in_seconds(-3600), 0, 1),
    ],
    ids=["seconds", "date", "word", "negative", "past"],
)
@pytest.mark.parametrize(("status", "name"), [(503, "ledger-full"), (429, "too-many-requests")])
def test_it_waits_as_long_as_the_server_says(
    status: int, name: str, after: Callable[[], str], least: float, most: float
) -> None:
    waits: list[float] = []
    said = problem(status, name, f"Retry-After: {after()}")
    with scripted(said, ACCEPTED) as server, notifier_of(server, waits.append) as notifier:
        notifier.send(receiver_id="ou_ada", text="hi")
    [waited] = waits
    assert least <= waited <= most


@all_of(
    ("said", "kind", "text"),
    [
        (problem(422, "bad-input", field="receiver_id"), BadInput, "receiver_id: D"),
        (problem(422, "key-reused", field="key", first_id="n_0"), KeyReused, "'k' was already used for n_0"),
        (problem(409, "not-allowed", id="n_1", verb="retry", state="queued"), NotAllowed, "cannot retry n_1"),
        (problem(413, "body-too-large"), BadInput, "request: D"),
        (problem(401, "unauthorized"), Unauthorized, r"answered 401 \(T\): D"),
        (problem(403, "forbidden"), Forbidden, r"answered 403 \(T\): D"),
        (problem(429, "too-many-requests", FAR_AWAY), DeskbellError, "answered 429"),
        (problem(500, "internal", FAR_AWAY), DeskbellError, "answered 500"),
        (problem(503, "ledger-unreachable", FAR_AWAY), LedgerUnreachable, "D"),
        (problem(503, "ledger-full", FAR_AWAY), LedgerFull, "D"),
        (problem(503, "ledger-unwritable", FAR_AWAY), LedgerUnwritable, "D"),
        (problem(503, "not-durable", FAR_AWAY), NotDurable, "D"),
        (problem(503, "wrong-version", FAR_AWAY), WrongVersion, "D"),
        (problem(418, "a-kind-that-is-new-here"), DeskbellError, "answered 418"),
        (
            answer(503, b"no", FAR_AWAY, media_type="text/plain"),
            LedgerUnreachable,
            "the proxy in front of it cannot reach it",
        ),
        (answer(200, b"<html>", media_type="text/html"), DeskbellError, "but not as Deskbell does"),
        (answer(307, b"", "Location: http://127.0.0.1:1/"), DeskbellError, "answered 307"),
        (answer(404, {"detail": "Not Found"}), DeskbellError, "check the URL"),
    ],
)
def test_a_problem_is_the_error_that_it_was_on_the_server(said: bytes, kind: type[DeskbellError], text: str) -> None:
    with scripted(said) as server, notifier_of(server) as notifier, pytest.raises(DeskbellError, match=text) as caught:
        notifier.send(receiver_id="ou_ada", text="hi", key="k")
    assert type(caught.value) is kind
    assert len(server.asked) == 1


def test_an_id_that_is_none_is_not_found() -> None:
    with (
        scripted(problem(404, "not-found")) as server,
        notifier_of(server) as notifier,
        pytest.raises(NotFound, match=r"no such id: n_a/\.\./b"),
    ):
        notifier.get("n_a/../b")
    assert server.asked[0].line == "GET /v1/notifications/n_a%2F..%2Fb HTTP/1.1"


def test_the_key_goes_with_every_call_whatever_stands_in_netrc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login ada password hush\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with scripted(CUT, ACCEPTED) as server, notifier_of(server) as notifier:
        notifier.send(receiver_id="ou_ada", text="hi")
    assert [asked.headers["authorization"] for asked in server.asked] == [f"Bearer {KEY}"] * 2


def test_no_repr_and_no_error_shows_the_key() -> None:
    with scripted(CUT) as server:
        call = Server(server.url, KEY, limits=Limits(patience=0))
        with pytest.raises(LedgerUnreachable) as caught:
            call.get("/x", id="n_1")
        call.close()
    assert KEY not in repr(call) + str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "deskbell.example.com", "ftp://deskbell", "https://", "https://a:b@deskbell", "https://deskbell?x=1",
        "http://[::1", "http://deskbell:99999", "redis://localhost", "",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(BadInput, match="url: "):
        Notifier.http(url)


def test_a_key_that_cannot_stand_in_a_header_is_refused() -> None:
    with pytest.raises(BadInput, match="key: ") as caught:
        Notifier.http("http://localhost", "dbk_x\r\nX-Evil: 1")
    assert "Evil" not in str(caught.value)


def all_below(kind: type[BaseException]) -> set[type[BaseException]]:
    return {kind}.union(*(all_below(each) for each in kind.__subclasses__()))


@pytest.mark.parametrize("kind", sorted(all_below(requests.RequestException), key=str), ids=lambda kind: kind.__name__)
def test_every_error_of_requests_is_one_of_ours(monkeypatch: pytest.MonkeyPatch, kind: type[Exception]) -> None:
    def fail(*_: object, **__: object) -> None:
        raise kind.__new__(kind)

    monkeypatch.setattr(requests.Session, "request", fail)
    with pytest.raises(LedgerUnreachable):
        Server("http://127.0.0.1:1", None, limits=Limits(patience=0.0)).get("/x", id="n_1")
