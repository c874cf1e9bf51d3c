"""Two pacers on a real Valkey, of which the first cannot do its work."""

import errno
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from ledger.connection import connect
from ledger.leases import Leases
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.redis_keys import RedisKeys
from ledger.settings import Desk, Settings
from worker.pacer import Pacer

#: What a pacer can meet in each of its ticks, while its connection stands.
FAILURES = [OSError(errno.EMFILE, "Too many open files"), IndexError("list index out of range")]
#: As many as one look hands out: nobody claims them here.
EVENTS = 4


class Publisher:
    """Of one worker. It fails, or notes the ids."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.published: set[str] = set()
        self.tried = threading.Event()
        self.done = threading.Event()

    def __call__(self, batches: Sequence[tuple[Desk, Sequence[str]]]) -> None:
        self.tried.set()
        if self.failure:
            raise self.failure
        self.published.update(id for _, ids in batches for id in ids)
        if len(self.published) == EVENTS:
            self.done.set()


@contextmanager
def pacing(settings: Settings, name: str, publisher: Publisher) -> Iterator[None]:
    client = connect(settings)
    leases = Leases(client, settings, longest_call_ms=1000)
    desks = {"default": settings.desk("default").model_copy(update={"rate": ()})}
    pacer = Pacer(client, RedisKeys(settings.prefix), leases, desks, publisher, "deskbell.deliver", f"{name}:1:8")
    pacer.start()
    try:
        yield
    finally:
        pacer.stop()
        client.close()


@pytest.mark.parametrize("failure", FAILURES, ids=["no open files", "a fault"])
def test_a_pacer_that_fails_at_each_tick_lets_another_lead(
    empty_valkey: Settings, failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It asked again before its lease was over, and so led for ever: nothing went out beside a healthy worker."""
    monkeypatch.setattr("ledger.leases.RELEASED_LEASE_MS", 500)
    ledger = Ledger(empty_valkey)
    failing, healthy = Publisher(failure), Publisher()
    with pacing(empty_valkey, "failing", failing):
        ledger.accept([Notification.build({"receiver_id": f"ou_{n}", "text": "hi"}) for n in range(EVENTS)])
        assert failing.tried.wait(120)
        with pacing(empty_valkey, "healthy", healthy):
            assert healthy.done.wait(120), f"{len(healthy.published)} of {EVENTS}"
            assert ledger.redis.get(ledger.keys.leader) == b"healthy:1:8"
    ledger.redis.close()
