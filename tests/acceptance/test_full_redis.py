"""Redis is full: nothing new is accepted, and what was accepted is sent all the same."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from ledger.connection import reachable
from ledger.errors import LedgerFull
from ledger.redis_when_full import RedisWhenFull
from ledger.states import State
from tests.acceptance.installation import Installation, eventually
from tests.acceptance.test_foreign_messages import envelope

#: Accepted before Redis is full.
WAITING = 200
#: What a server without any data takes is more, bytes.
LESS_THAN_EMPTY = 500_000
#: What the keys may take more than before, after an announcement was given up that had four times as much, bytes.
ROOM = 100_000
#: One notification of the filling, bytes.
BULK = 20_000


@pytest.fixture(scope="module")
def full(folders: Callable[[], Path]) -> Iterator[tuple[Installation, list[str]]]:
    """A site that holds its events while Redis is filled to its `maxmemory`, and then lets them go."""
    with Installation(folders()) as installation:
        installation.sandbox.fault({"prefix": "ou_"}, {"delay_ms": 20})
        installation.ledger.verbs.call("hold", "default", "throttled", 3_600_000, "the test fills Redis")
        ids = installation.accept(*(f"ou_full{number}" for number in range(WAITING)))
        used = installation.ledger.redis.info("memory")["used_memory"]
        installation.ledger.redis.config_set("maxmemory", used + 4_000_000)
        with pytest.raises(LedgerFull) as refused:
            _fill(installation)
        assert "\n" not in str(refused.value)
        # What clients need comes and goes by the megabyte; from here on Redis is full whatever they do.
        installation.ledger.redis.config_set("maxmemory", LESS_THAN_EMPTY)
        yield installation, ids


def _fill(installation: Installation) -> None:
    with reachable(installation.ledger.settings):
        for number in range(1000):
            installation.accept(f"ou_bulk{number}", text="x" * BULK, at="2036-01-01T00:00:00Z")


def _is_full(installation: Installation) -> bool:
    try:
        installation.ledger.redis.set("outside", "x")
    except redis.exceptions.OutOfMemoryError:
        return True
    return False


def test_the_command_line_refuses_in_one_line(full: tuple[Installation, list[str]]) -> None:
    installation, _ = full

    done = installation.deskbell("send", "--to", "ou_one", "--text", "too much")

    assert (done.returncode, done.stdout) == (1, "")
    assert "full, nothing was accepted" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_half_loaded_announcement_gives_its_room_back(full: tuple[Installation, list[str]]) -> None:
    installation, _ = full
    server = installation.ledger.redis
    limit, before = server.config_get("maxmemory")["maxmemory"], _bytes_of_keys(server)
    server.config_set("maxmemory", server.info("memory")["used_memory"] + 4 * ROOM)  # room to begin with
    file = installation.folder / "many.csv"
    file.write_text("receiver_id,bulk\n" + "".join(f"ou_row{n},{'y' * 200}\n" for n in range(6000)))

    done = installation.deskbell("announce", str(file), "--text", "Hello {{ bulk }}", "--yes")

    server.config_set("maxmemory", limit)
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert "full, nothing was accepted" in done.stderr
    assert not list(server.scan_iter("deskbell:rows:*"))
    assert _bytes_of_keys(server) < before + ROOM


def _bytes_of_keys(server: redis.Redis) -> int:
    """Not all that the server has taken: what it needs for its clients comes and goes."""
    pipe = server.pipeline(transaction=False)
    for key in server.scan_iter(count=1000):
        pipe.memory_usage(key, samples=0)
    return sum(size or 0 for size in pipe.execute())


def test_what_was_accepted_is_sent_while_redis_is_full(full: tuple[Installation, list[str]]) -> None:
    installation, ids = full
    assert _is_full(installation)

    installation.ledger.resume_desk("default", "ada")

    installation.wait_until_delivered(ids, seconds=40)
    assert _is_full(installation)
    assert all(worker.runs for worker in installation.workers)
    assert installation.counts()[State.DELIVERED] == WAITING
    deliveries = installation.sandbox.deliveries()
    assert {deliveries[f"ou_full{number}"] for number in range(WAITING)} == {1}


def test_a_worker_that_starts_while_redis_is_full_finds_its_place(full: tuple[Installation, list[str]]) -> None:
    installation, _ = full
    assert _is_full(installation)

    installation.start_worker()

    installation.wait_for_workers(3)


def test_what_another_application_asks_for_waits_until_there_is_room(full: tuple[Installation, list[str]]) -> None:
    installation, _ = full
    message = envelope("deskbell.send", [[], {"receiver_id": "ou_patient", "text": "later"}, {}])
    # As if it had come just before: a full Redis does not take it from others either.
    RedisWhenFull(connection_pool=installation.ledger.redis.connection_pool).lpush("deskbell.intake", message)
    eventually(lambda: _warnings(installation), 10, "a worker has found no room for it")
    assert installation.dropped() == 0

    installation.ledger.redis.config_set("maxmemory", 0)

    eventually(lambda: installation.sandbox.sends("ou_patient"), 10, "it is sent")


def _warnings(installation: Installation) -> int:
    logs = (worker.log.read_text("utf-8", "replace") for worker in installation.workers)
    return sum(log.count("Redis takes nothing new, a notification waits") for log in logs)
