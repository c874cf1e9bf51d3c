"""What `deskbell doctor` says of the time that Redis tells."""

from unittest.mock import patch

import fakeredis

from ledger.ledger import Ledger
from ledger.settings import Settings
from producers.doctor.doctor_check import Status
from producers.doctor.redis_time import RedisTime, check_clock, check_distance
from tests.far_redis import FarRedis


def test_doctor_says_how_far_away_redis_is_and_what_that_costs(
    valkey: Settings,
) -> None:
    with FarRedis(60, path=str(valkey.socket_path)) as far:
        ledger = Ledger(Settings(redis_url=far.url, _env_file=None))
        check = check_distance(RedisTime.ask(ledger))
        ledger.redis.close()
    assert (check.name, check.status) == ("distance", Status.WARN)
    assert check.found.startswith("answers in ")
    assert "after it is accepted" in check.found


def test_a_redis_that_is_near_is_well(ledger: Ledger) -> None:
    assert check_distance(RedisTime.ask(ledger)).status is Status.OK


def test_the_time_is_told_to_the_millisecond() -> None:
    """It was told to the second: of two answers with a second's turn between them the quicker one did not count."""
    with patch("time.time", lambda: 1_800_000_000.75):
        ledger = Ledger(Settings(_env_file=None), fakeredis.FakeRedis())
        assert RedisTime.ask(ledger).now_ms == 1_800_000_000_750


def test_doctor_says_that_the_clock_was_set_for_a_day(ledger: Ledger) -> None:
    now_ms = ledger.redis.time()[0] * 1000
    assert check_clock(RedisTime.ask(ledger)) == []
    ledger.redis.hset(ledger.keys.clock, mapping={"steps": 1, "stepped_at": now_ms, "stepped_by": -600_000})
    [check] = check_clock(RedisTime.ask(ledger))
    assert check.status is Status.WARN
    assert "was set back by 600.0 s" in check.found
    ledger.redis.hset(ledger.keys.clock, "stepped_at", now_ms - 86_500_000)
    assert check_clock(RedisTime.ask(ledger)) == []
