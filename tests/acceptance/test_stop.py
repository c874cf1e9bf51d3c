"""How a worker stops: what it says, and when it is gone."""

import random
import time
from collections.abc import Callable

import pytest

from ledger.states import State
from tests.acceptance.installation import Installation, eventually

#: The longest call with DESKBELL_TIMEOUT=1,1, and what a worker may take beside it to stop, seconds.
LONGEST_CALL_SECONDS, STOP_SECONDS = 6, 5
#: For how long Valkey answers nobody around each stop, seconds.
PAUSES = (0.3, 0.9, 1.8, 2.7, 4.0)
#: Notifications for each stop.
EVENTS = 16


def test_a_worker_that_loses_redis_and_stops_prints_no_warning_of_python(
    new_installation: Callable[..., Installation],
) -> None:
    """Each lost connection printed a page about a setting of Celery's; each start as root another one about pickle."""
    installation = new_installation(workers=1)
    [worker] = installation.workers
    installation.kill_valkey()
    eventually(lambda: "is not reached" in worker.log.read_text("utf-8"), 20, "the consumer has lost its connection")
    installation.valkey.start()
    installation.wait_until_delivered(installation.accept("ou_after"), seconds=20)

    worker.terminate()

    assert worker.wait(seconds=20) == 0
    assert "Warning" not in worker.log.read_text("utf-8")


@pytest.mark.timeout(600)
def test_sigterm_is_obeyed_while_valkey_answers_nobody_for_a_while(
    new_installation: Callable[..., Installation],
) -> None:
    """A thread that looked for a slot went on for ever when its claim had been held up: the worker never ended."""
    by_chance = random.Random(11)
    installation = new_installation(workers=len(PAUSES) + 1, DESKBELL_TIMEOUT="1,1", DESKBELL_RATE="60/6second")
    accepted = []
    for pause_seconds, worker in zip(PAUSES, installation.workers, strict=False):
        accepted += installation.accept(*(f"ou_{pause_seconds}_{number}" for number in range(EVENTS)))
        time.sleep(by_chance.uniform(0, 0.3))
        installation.ledger.redis.client_pause(round(pause_seconds * 1000))
        ends_at = time.monotonic() + pause_seconds
        time.sleep(by_chance.uniform(0, pause_seconds))
        worker.terminate()
        rest_seconds = max(0.0, ends_at - time.monotonic())
        assert worker.wait(rest_seconds + LONGEST_CALL_SECONDS + STOP_SECONDS) == 0

    installation.wait_until_delivered(accepted, seconds=60)
    assert installation.counts() == {State.DELIVERED: len(accepted)}
    assert set(installation.sandbox.deliveries().values()) == {1}
