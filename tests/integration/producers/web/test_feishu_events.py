"""`POST /v1/feishu/events` over HTTP: what Feishu gets, and what a stranger gets."""

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from ledger.ledger import Ledger
from ledger.settings import Settings
from producers.web.app import create_app
from tests.calm import Stopwatch
from tests.envelopes import APP, KEY, TOKEN, Pushed, challenge, encrypted, event, plain, signed
from tests.integration.producers.feishu_events.test_events import HELPDESK, ticket

PATH = "/v1/feishu/events"


def settings(base: Settings, **fields: str) -> Settings:
    given = {"app_id": APP, "helpdesk_id": HELPDESK, "encrypt_key": KEY, "verification_token": TOKEN, **fields}
    return Settings(data_dir=base.data_dir, _env_file=None, **given)  # type: ignore[arg-type]


class Web:
    """The web application, called without a port between."""

    def __init__(self, settings: Settings) -> None:
        self.app = create_app(settings)

    def push(self, pushed: Pushed) -> tuple[int, dict[str, object]]:
        return asyncio.run(self._push(pushed))

    async def _push(self, pushed: Pushed) -> tuple[int, dict[str, object]]:
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://desk.example") as client:
            answer = await client.post(PATH, content=pushed.body, headers=dict(pushed.headers))
        return answer.status_code, answer.json()


@contextmanager
def serving(settings: Settings) -> Iterator[Web]:
    web = Web(settings)
    yield web
    web.app.state.context.close()


@pytest.fixture
def web(empty_valkey: Settings) -> Iterator[Web]:
    with serving(settings(empty_valkey)) as made:
        yield made


def ticket_event(status: int, id: str = "e1") -> Pushed:
    document = event(event_id=id, event_type="helpdesk.ticket.updated_v1")
    return signed(encrypted({**document, "event": {"object": ticket(status)}}), timestamp=int(time.time()))


def test_a_challenge_is_answered_although_redis_is_away(empty_valkey: Settings) -> None:
    without_redis = settings(empty_valkey).model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    with serving(without_redis) as web:
        watch = Stopwatch()
        assert web.push(Pushed({}, encrypted(challenge()))) == (200, {"challenge": "c-1"})
        assert watch.calm_seconds < 1


def test_a_ticket_event_feeds_the_index_once(web: Web, empty_valkey: Settings) -> None:
    ledger = Ledger(empty_valkey)
    assert web.push(ticket_event(2)) == (200, {})
    assert ledger.redis.zrange(ledger.keys.tickets("default"), 0, -1) == [b"ou_ada"]
    ledger.redis.delete(ledger.keys.tickets("default"))
    assert web.push(ticket_event(2)) == (200, {})
    assert ledger.redis.exists(ledger.keys.tickets("default")) == 0
    ledger.redis.close()


def test_an_event_that_is_not_used_is_answered_well(web: Web) -> None:
    unused = signed(encrypted(event(event_type="contact.user.created_v3")), timestamp=int(time.time()))
    assert web.push(unused) == (200, {})


@pytest.mark.parametrize(
    ("pushed", "status"),
    [
        (Pushed({}, b""), 400),
        (Pushed({}, b"[]"), 400),
        (Pushed({}, b'{"a": \xff}'), 400),
        (plain(event()), 401),
        (signed(encrypted(event()), timestamp=1), 401),
        (signed(encrypted(event()), key="guessed"), 401),
        (Pushed({}, encrypted(challenge(token="guessed"))), 401),
    ],
)
def test_a_stranger_gets_a_problem(web: Web, pushed: Pushed, status: int) -> None:
    got, problem = web.push(pushed)
    assert (got, problem["status"]) == (status, status)
    assert "guessed" not in str(problem)
    assert KEY not in str(problem)


def test_without_key_and_token_the_problem_names_the_variable(empty_valkey: Settings) -> None:
    with serving(settings(empty_valkey, encrypt_key="", verification_token="")) as web:
        for pushed in (plain(challenge()), signed(encrypted(event()))):
            status, problem = web.push(pushed)
            assert status == 403
            assert "DESKBELL_ENCRYPT_KEY" in str(problem["detail"])


def test_a_redis_that_is_away_makes_feishu_push_again(empty_valkey: Settings) -> None:
    without_redis = settings(empty_valkey).model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    with serving(without_redis) as web:
        assert web.push(ticket_event(2))[0] == 503


def test_a_redis_that_hangs_does_not_keep_feishu_waiting(empty_valkey: Settings) -> None:
    """It takes the connection and says nothing: the answer comes all the same, within Feishu's three seconds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        hanging = settings(empty_valkey).model_copy(update={"redis_url": url})
        with serving(hanging) as web:
            watch = Stopwatch()
            status, _ = web.push(ticket_event(2))
            assert (status, watch.calm_seconds < 3) == (503, True)
            server.close()  # what still waits for it is cut
