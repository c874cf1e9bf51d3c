"""The tally adds up what processes count, and tells the last hour minute by minute."""

import threading
from collections.abc import Iterator

import fakeredis
import pytest
import redis
from redis.exceptions import OutOfMemoryError

from ledger.redis_keys import RedisKeys
from ledger.tally import (
    BUCKETS,
    EVERYWHERE,
    KEPT_SECONDS,
    MINUTE_MS,
    MINUTES,
    CounterBuffer,
    Histogram,
    Minute,
    Tally,
    bucket_of,
)

__all__: list[str] = []

NEVER_SECONDS = 3600.0


@pytest.fixture
def client() -> Iterator[fakeredis.FakeRedis]:
    with fakeredis.FakeRedis() as client:
        yield client


@pytest.fixture
def tally(client: fakeredis.FakeRedis) -> Tally:
    return Tally(client, RedisKeys("deskbell"))


@pytest.fixture
def counters(tally: Tally) -> Iterator[CounterBuffer]:
    """It writes when the test says so, and not by itself."""
    counters = CounterBuffer(tally, write_seconds=NEVER_SECONDS)
    yield counters
    counters.close()


def now_ms(client: redis.Redis) -> int:
    return int(client.time()[0]) * 1000


def last_hour(tally: Tally, ends_ms: int) -> list[Minute]:
    last = ends_ms // MINUTE_MS
    return tally.minutes("hr", range(last - MINUTES + 1, last + 1))


def test_what_two_processes_count_is_added_up(tally: Tally) -> None:
    for _ in range(2):
        tally.add({("hr", "attempts chat delivered 0"): 3, ("it", "ended failed"): 1})
    assert tally.totals(["hr", "it", "new"]) == [{"attempts chat delivered 0": 6}, {"ended failed": 2}, {}]


def test_the_last_hour_has_sixty_minutes_oldest_first_and_what_came_of_notifications(
    client: fakeredis.FakeRedis, tally: Tally
) -> None:
    tally.add({("hr", "ended delivered"): 2, ("hr", "attempts chat delivered 0"): 2, ("it", "ended failed"): 5})
    hour = last_hour(tally, now_ms(client))
    assert len(hour) == 60
    assert [minute.at_ms for minute in hour] == list(range(hour[0].at_ms, hour[0].at_ms + 60 * 60_000, 60_000))
    assert hour[-1].at_ms <= now_ms(client) < hour[-1].at_ms + 60_000 + 1000
    assert sum((minute.counts.get("delivered", 0) for minute in hour), 0) == 2
    assert {name for minute in hour for name in minute.counts} == {"delivered"}


def test_a_minute_stands_where_it_was_counted_and_leaves_the_hour(client: fakeredis.FakeRedis, tally: Tally) -> None:
    tally.add({("hr", "ended delivered"): 1})
    [key] = client.keys("*:tally:*")
    at_ms = int(key.rpartition(b":")[2]) * 60_000
    assert last_hour(tally, at_ms + 3 * 60_000)[-4] == Minute(at_ms, {"delivered": 1})
    assert all(not minute.counts for minute in last_hour(tally, at_ms + 60 * 60_000))


def test_only_minutes_expire(client: fakeredis.FakeRedis, tally: Tally) -> None:
    tally.add({("hr", "ended delivered"): 1})
    [minute] = client.keys("*:tally:*")
    assert 3600 < client.ttl(minute) <= KEPT_SECONDS
    assert client.ttl("deskbell:desk:hr:tally") == -1


def test_what_is_of_no_desk_is_kept_beside_the_desks(tally: Tally) -> None:
    tally.add({(EVERYWHERE, "requests /healthz 200"): 1})
    assert tally.totals([EVERYWHERE, "default"]) == [{"requests /healthz 200": 1}, {}]


def test_counting_writes_nothing_until_the_sheet_is_written(counters: CounterBuffer, tally: Tally) -> None:
    counters.count("hr", "ended", "delivered")
    counters.count("hr", "ended", "delivered", by=2)
    assert tally.totals(["hr"]) == [{}]
    assert counters.write()
    assert counters.write()
    assert tally.totals(["hr"]) == [{"ended delivered": 3}]


def test_the_sheet_writes_by_itself_and_once_more_when_it_is_closed(client: fakeredis.FakeRedis) -> None:
    written = threading.Event()

    class Watched(Tally):
        def add(self, counted: object) -> None:
            super().add(counted)  # type: ignore[arg-type]
            written.set()

    counters = CounterBuffer(Watched(client, RedisKeys("deskbell")), write_seconds=0.001)
    counters.count("hr", "ended", "failed")
    assert written.wait(120)
    counters.close()
    counters.count("hr", "ended", "failed")
    counters.close()
    assert Tally(client, RedisKeys("deskbell")).totals(["hr"]) == [{"ended failed": 2}]


def test_what_redis_refuses_waits_and_is_added_to_what_comes_after(client: fakeredis.FakeRedis) -> None:
    class Refusing(Tally):
        refuses = True

        def add(self, counted: object) -> None:
            if self.refuses:
                raise OutOfMemoryError("command not allowed when used memory > 'maxmemory'.")
            super().add(counted)  # type: ignore[arg-type]

    tally = Refusing(client, RedisKeys("deskbell"))
    counters = CounterBuffer(tally, write_seconds=NEVER_SECONDS)
    counters.count("hr", "ended", "failed")
    assert not counters.write()
    counters.count("hr", "ended", "failed")
    tally.refuses = False
    assert counters.write()
    assert tally.totals(["hr"]) == [{"ended failed": 2}]
    counters.close()


def test_threads_that_count_together_lose_nothing(counters: CounterBuffer, tally: Tally) -> None:
    def count_and_write() -> None:
        for _ in range(200):
            counters.count("hr", "ended", "delivered")
        counters.write()

    threads = [threading.Thread(target=count_and_write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counters.write()
    assert tally.totals(["hr"]) == [{"ended delivered": 800}]


def test_a_latency_is_counted_in_one_bucket_and_in_its_sum(counters: CounterBuffer, tally: Tally) -> None:
    for seconds in (0.025, 0.026, 60, -0.001):
        counters.time("hr", Histogram.CALL, seconds, "send")
    counters.write()
    assert tally.totals(["hr"]) == [
        # -1 ms counts as 0, and so with the 25 ms in the first bucket; 26 ms in the second; 60 s above all
        {"call send 0.025": 2, "call send 0.05": 1, "call send inf": 1, "call send us": 60_051_000}
    ]


@pytest.mark.parametrize("latency", Histogram)
def test_bounds_rise_and_a_bound_belongs_to_its_own_bucket(latency: Histogram) -> None:
    bounds = BUCKETS[latency]
    assert list(bounds) == sorted(set(bounds))
    assert [float(bucket_of(latency, bound)) for bound in bounds] == list(bounds)
    assert bucket_of(latency, bounds[-1] + 1) == "inf"
