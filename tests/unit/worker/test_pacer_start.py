"""The pacer of a worker that is started while Redis is away."""

import threading
from collections.abc import Mapping, Sequence

import fakeredis
import redis

from ledger.lead import LeadAnswer
from ledger.redis_clock import RedisClock
from ledger.redis_keys import RedisKeys
from ledger.settings import Desk
from worker.pacer import Pacer

DESK = Desk(name="it", rate="100/minute", feishu_url="http://127.0.0.1:1")  # type: ignore[arg-type]
DESKS: Mapping[str, Desk] = {"it": DESK}


class WorkOfAnAbsentRedis:
    """The ledger, of which the first question fails."""

    lease_ms = 1000

    def __init__(self) -> None:
        self.questions = 0
        self.clock = RedisClock()
        self.clock.note(self.clock.monotonic(), 0)
        self.answered = threading.Event()

    def resume(self, desk: Desk, *, if_changed: bool) -> bool:
        self.questions += 1
        if self.questions == 1:
            raise redis.ConnectionError("Connection refused")
        self.answered.set()
        return False

    def lead(self, pacer: str, lease_ms: int) -> LeadAnswer:
        return LeadAnswer(leads=False, now_ms=0, vouched_ms=None, is_vouched=True, clock_state="0:0:")


def _publish(batches: Sequence[tuple[Desk, Sequence[str]]]) -> None:
    raise NotImplementedError


def test_a_worker_that_starts_while_redis_is_away_waits_for_it() -> None:
    """It ended: whoever started workers and Redis together had none when Redis was slower."""
    leases = WorkOfAnAbsentRedis()
    pacer = Pacer(
        fakeredis.FakeRedis(), RedisKeys("deskbell"), leases, DESKS, _publish, "deskbell.deliver", "host:1:8"  # type: ignore[arg-type]
    )  # fmt: skip
    pacer.start()
    assert leases.answered.wait(5)
    pacer.stop()
    assert leases.questions == 2
