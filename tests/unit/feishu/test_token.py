"""The token is fetched by one for all, kept no longer than it is good, and never renewed in a loop."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import fakeredis
import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from feishu.codes import Kind
from feishu.token import RedisTokens, Token, Tokens, usable_seconds
from feishu.verdict import NoToken, Verdict
from ledger.settings import Desk

DESK = Desk(name="hr", app_id="cli_1", rate=(), feishu_url="http://127.0.0.1:9")
KEY = f"bell:desk:hr:token:{DESK.fingerprint}"
NO_TOKEN = NoToken(Verdict(call="token", kind=Kind.DESK, started_at_ms=0, elapsed_ms=0))


class Feishu:
    """Counts the fetches and answers them in turn; the last answer stays."""

    def __init__(self, *answers: str | NoToken, seconds: float = 5400.0) -> None:
        self.answers = list(answers)
        self.seconds = seconds
        self.fetches = 0

    def __call__(self) -> Token:
        self.fetches += 1
        answer = self.answers[min(self.fetches, len(self.answers)) - 1]
        if isinstance(answer, NoToken):
            raise answer
        return Token(answer, self.seconds)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def redis() -> Iterator[fakeredis.FakeRedis]:
    client = fakeredis.FakeRedis()
    yield client
    client.close()


@pytest.fixture
def store(redis: fakeredis.FakeRedis) -> RedisTokens:
    return RedisTokens(redis, "bell")


@pytest.mark.parametrize(
    ("life_seconds", "used_seconds"),
    [
        (7200, 5400),  # 7200 - 1800
        (4567, 3425.25),  # a token of somebody else's, 4567 / 4 is less than 1800
        (60, 45),
        (1, 0.75),
    ],
)
def test_a_token_is_renewed_before_its_last_half_hour_or_quarter(life_seconds: float, used_seconds: float) -> None:
    assert usable_seconds(life_seconds) == used_seconds


def test_a_stored_token_lies_under_its_desk_and_its_credentials(redis: fakeredis.FakeRedis, store: RedisTokens) -> None:
    store.put(DESK, Token("t-1", 5400))
    assert redis.get(KEY) == b"t-1"
    assert redis.ttl(KEY) == 5400
    found = store.get(DESK)
    assert found is not None
    assert (found.value, round(found.seconds_left)) == ("t-1", 5400)
    assert store.get(DESK.model_copy(update={"app_id": "cli_2"})) is None


def test_a_store_whose_redis_decodes_answers_reads_the_same() -> None:
    store = RedisTokens(fakeredis.FakeRedis(decode_responses=True), "bell")
    store.put(DESK, Token("t-1", 5400))
    found = store.get(DESK)
    assert found is not None
    assert found.value == "t-1"
    store.drop(DESK, "t-1")
    assert store.get(DESK) is None


def test_only_the_token_that_was_refused_is_dropped(store: RedisTokens) -> None:
    store.put(DESK, Token("t-2", 5400))
    store.drop(DESK, "t-1")
    assert store.get(DESK) is not None
    store.drop(DESK, "t-2")
    assert store.get(DESK) is None


def test_a_token_shows_nowhere_in_a_repr(store: RedisTokens) -> None:
    used = Tokens(DESK, store, Feishu("t-secret")).get()
    assert "t-secret" not in f"{used!r} {Token('t-secret', 1)!r}"


def test_many_threads_of_many_processes_fetch_once(store: RedisTokens) -> None:
    at_once = threading.Barrier(16)
    slow = threading.Event()
    fetches = []

    def fetch() -> Token:
        fetches.append(1)
        slow.wait(0.1)
        return Token("t-1", 5400)

    processes = [Tokens(DESK, store, fetch) for _ in range(4)]

    def ask(number: int) -> str:
        at_once.wait(5)
        return processes[number % 4].get().value

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(ask, range(16))) == {"t-1"}
    assert len(fetches) == 1


def test_whoever_waits_too_long_for_its_turn_fetches_for_itself(
    redis: fakeredis.FakeRedis, store: RedisTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feishu.token.TURN_SECONDS", 0.1)
    redis.set(f"{KEY}:turn", "somebody who died", px=60_000)
    assert Tokens(DESK, store, Feishu("t-1")).get().value == "t-1"
    assert redis.get(f"{KEY}:turn") == b"somebody who died", "a lock of another is left alone"


def test_a_turn_that_expired_during_a_slow_fetch_does_no_harm(redis: fakeredis.FakeRedis, store: RedisTokens) -> None:
    with store.turn(DESK):
        redis.delete(f"{KEY}:turn")


def test_the_copy_at_hand_saves_the_round_trip_for_a_minute(redis: fakeredis.FakeRedis, store: RedisTokens) -> None:
    clock, feishu = Clock(), Feishu("t-1")
    tokens = Tokens(DESK, store, feishu, clock)
    tokens.get()
    redis.set(KEY, "t-of-another-worker", px=5_400_000)
    clock.now += 59
    assert tokens.get().value == "t-1"
    clock.now += 1
    assert tokens.get().value == "t-of-another-worker"
    assert feishu.fetches == 1


def test_behind_the_wait_for_a_slot_a_copy_that_was_at_hand_before_it_will_do(store: RedisTokens) -> None:
    """Once a minute Redis was asked between the slot and its call, which came too late where Redis was far away."""
    clock, feishu = Clock(), Feishu("a")
    tokens = Tokens(DESK, store, feishu, clock)
    before = tokens.get()
    clock.now += 63
    assert tokens.get(grace_seconds=5) is before
    assert tokens.get() is not before


def test_the_copy_at_hand_lives_no_longer_than_the_token(redis: fakeredis.FakeRedis, store: RedisTokens) -> None:
    clock = Clock()
    tokens = Tokens(DESK, store, Feishu("t-1", "t-2", seconds=1.5), clock)
    assert tokens.get().value == "t-1"
    clock.now += 1.5
    redis.delete(KEY)
    assert tokens.get().value == "t-2"


def test_a_refused_token_is_replaced_once(store: RedisTokens) -> None:
    feishu = Feishu("t-1", "t-2")
    tokens = Tokens(DESK, store, feishu)
    assert tokens.refused(tokens.get())
    assert tokens.get().value == "t-2"
    assert feishu.fetches == 2


def test_the_same_token_come_back_is_not_tried_for_ever(store: RedisTokens) -> None:
    tokens = Tokens(DESK, store, Feishu("t-1"))
    assert tokens.refused(tokens.get())
    assert not tokens.refused(tokens.get())
    assert not tokens.refused(tokens.get())


def test_a_replacement_that_was_accepted_may_be_replaced_in_its_turn(store: RedisTokens) -> None:
    tokens = Tokens(DESK, store, Feishu("t-1", "t-2", "t-3"))
    assert tokens.refused(tokens.get())
    tokens.accepted(tokens.get())
    assert tokens.refused(tokens.get())
    assert tokens.get().value == "t-3"


def test_many_sends_refused_with_one_token_replace_it_once(store: RedisTokens) -> None:
    feishu = Feishu("t-1", "t-2")
    tokens = Tokens(DESK, store, feishu)
    used = [tokens.get() for _ in range(5)]
    assert all(tokens.refused(each) for each in used[:3])
    assert tokens.get().value == "t-2"
    assert all(tokens.refused(each) for each in used[3:]), "late news about the old one says nothing about the new one"
    assert tokens.get().value == "t-2"
    assert feishu.fetches == 2


def test_another_worker_s_new_token_is_used_and_kept(store: RedisTokens) -> None:
    feishu = Feishu("t-1")
    tokens = Tokens(DESK, store, feishu)
    used = tokens.get()
    store.put(DESK, Token("t-2", 5400))
    assert tokens.refused(used)
    assert tokens.get().value == "t-2"
    assert feishu.fetches == 1


def test_a_failure_is_told_and_the_next_one_asks_again(store: RedisTokens) -> None:
    tokens = Tokens(DESK, store, Feishu(NO_TOKEN, "t-1"))
    with pytest.raises(NoToken) as caught:
        tokens.get()
    assert caught.value.verdict is NO_TOKEN.verdict
    assert tokens.get().value == "t-1"


def test_threads_that_waited_for_a_failing_fetch_share_its_failure(store: RedisTokens) -> None:
    begun, others_ask = threading.Event(), threading.Event()
    fetches = []

    class SignallingClock(Clock):
        def __call__(self) -> float:
            if begun.is_set():
                others_ask.set()
            return self.now

    def fetch() -> Token:
        fetches.append(1)
        begun.set()
        assert others_ask.wait(5)
        clock.now += 20
        raise NO_TOKEN

    clock = SignallingClock()
    tokens = Tokens(DESK, store, fetch, clock)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(tokens.get)
        assert begun.wait(5)
        second = pool.submit(tokens.get)
        assert [type(each.exception(5)) for each in (first, second)] == [NoToken, NoToken]
    assert len(fetches) == 1


def test_a_verdict_is_not_lost_when_redis_is_gone_at_the_moment_of_a_refusal() -> None:
    class Gone:
        def get(self, desk: Desk) -> Token | None:
            return Token("t-1", 5400)

        def put(self, desk: Desk, token: Token) -> None:
            raise NotImplementedError

        def drop(self, desk: Desk, value: str) -> None:
            raise RedisConnectionError("gone")

        @contextmanager
        def turn(self, desk: Desk) -> Iterator[None]:
            yield

    tokens = Tokens(DESK, Gone(), Feishu("t-1"))
    assert tokens.refused(tokens.get())
