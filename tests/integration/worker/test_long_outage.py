"""The API is away for two hours. The clock is simulated; the steps of the worker and the ledger are the real ones."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from unittest.mock import patch

import fakeredis
import orjson
import pytest

from feishu.codes import Kind
from feishu.verdict import Verdict
from ledger.announcement import Spec
from ledger.leases import Leases
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.rate import parse_rate
from ledger.redis_clock import RedisClock
from ledger.settings import Desk, Settings
from ledger.states import State
from tests.few import few
from tests.integration.worker.feishu_by_hand import FeishuByHand, a_verdict, delivery_by_hand

OUTAGE_MS = 2 * 3_600_000
MOST_CALLS = 200
QUOTA, WINDOW_MS = 100, 60_000
#: Accepted before the outage; while it lasts, an event every so often, ms.
EVENTS, ROWS, EVENT_EVERY_MS = 30, 300, 60_000
#: Of a call, ms.
CALL_MS = 5
#: Failures that open an outage (record.lua): only these are charged to a retry budget, a first deferral each.
OPENING, FIRST_DEFERRAL_MS = 5, 10_000


class Clock:
    """Redis time as fakeredis has it, and the worker's, in ms. Whoever waits moves it on."""

    def __init__(self) -> None:
        self.ms = 1_800_000_000_000.0

    def __call__(self) -> float:
        return self.ms / 1000

    def is_set(self) -> bool:
        """As the event that tells a worker to stop: it never does."""
        return False

    def wait(self, timeout: float) -> bool:
        self.ms += timeout * 1000
        return False


@dataclass
class Desktop:
    """A desk, its only worker, and an API that is away until `back_ms`."""

    clock: Clock
    ledger: Ledger
    leases: Leases
    desk: Desk
    away: Verdict
    back_ms: float
    calls: list[tuple[float, str]] = field(default_factory=list)  #: ms, receiver
    events: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        feishu = FeishuByHand(self._answer)
        self._delivery = delivery_by_hand(self.desk, self.leases, feishu, self.clock)  # type: ignore[arg-type]

    def _answer(self, receiver: str) -> Verdict:
        self.calls.append((self.clock.ms, receiver))
        self.clock.ms += CALL_MS
        return self.away if self.clock.ms < self.back_ms else a_verdict(Kind.DELIVERED, elapsed_ms=CALL_MS)

    def accept_events(self, number: int) -> None:
        receivers = [f"ou_event{len(self.events) + each}" for each in range(number)]
        asked = [Notification.build({"receiver_id": receiver, "text": "Disk full"}) for receiver in receivers]
        self.events += [accepted.id for accepted in self.ledger.accept(asked)]

    def announce(self, rows: int) -> str:
        spec = Spec(name="Office move", message={"msg_type": "text", "content": {"text": "hi"}}, on_unknown="resend")
        id = self.ledger.announcements.open(spec, key="k", digest="d").id
        self.ledger.announcements.load(id, [orjson.dumps([row + 2, f"ou_row{row}", []]) for row in range(rows)])
        self.ledger.announcements.start(id, spec, rows)
        return id

    def run_until(self, is_over: Callable[[], bool]) -> None:
        """As the pacer and the workers do it, one after another."""
        while not is_over():
            self.leases.sweep([self.desk])
            [released] = self.leases.release([(self.desk, 24, 18)])
            for id in released.ids:
                self._delivery.deliver([id])
            if not released.ids:
                self.clock.ms += max(1, min(released.again_ms or EVENT_EVERY_MS, EVENT_EVERY_MS))


AWAY = {
    "refused": a_verdict(Kind.TRANSIENT, ended="connect refused"),
    "silent": a_verdict(Kind.UNKNOWN, ended="timed out"),
}


@pytest.fixture(params=few(AWAY, one_in=2))
def desktop(request: pytest.FixtureRequest) -> Iterator[Desktop]:
    clock = Clock()
    with patch("time.time", clock):
        settings = Settings(_env_file=None)
        desk = settings.desk("default").model_copy(update={"rate": parse_rate(f"{QUOTA}/minute")})
        ledger = Ledger(settings, fakeredis.FakeRedis(server=fakeredis.FakeServer()))
        leases = Leases(ledger.redis, settings, longest_call_ms=25_000, clock=RedisClock(clock))
        yield Desktop(clock, ledger, leases, desk, AWAY[request.param], clock.ms + OUTAGE_MS)


def test_two_hours_cost_few_calls_and_no_retry_budget_and_drain_at_the_quota_with_events_first(
    desktop: Desktop,
) -> None:
    desktop.accept_events(EVENTS)
    announcement = desktop.announce(ROWS)
    _live_through_the_outage(desktop)
    assert len(desktop.calls) <= MOST_CALLS
    _check_budgets(desktop, announcement)

    during = len(desktop.calls)
    total = len(desktop.events) + ROWS
    deadline_ms = desktop.clock.ms + 20 * WINDOW_MS
    desktop.run_until(lambda: _delivered(desktop, announcement) == total or desktop.clock.ms > deadline_ms)
    assert _delivered(desktop, announcement) == total
    _check_drain(desktop.calls[during:])


def _live_through_the_outage(desktop: Desktop) -> None:
    for minute in range(1, OUTAGE_MS // EVENT_EVERY_MS):
        until_ms = desktop.back_ms - OUTAGE_MS + minute * EVENT_EVERY_MS
        desktop.run_until(lambda until_ms=until_ms: desktop.clock.ms >= until_ms)  # type: ignore[misc]
        desktop.accept_events(1)
    desktop.run_until(lambda: desktop.clock.ms >= desktop.back_ms)


def _check_budgets(desktop: Desktop, announcement: str) -> None:
    """The first failures opened the outage and were deferred for it; no probe was charged for anything."""
    rows = [row.progress for row in desktop.ledger.announcements.rows(announcement)]
    events = [record.progress for record in desktop.ledger.get_many(desktop.events)]
    charged = [progress.failing_ms for progress in (*events, *rows) if progress.failing_ms]
    assert len(charged) <= OPENING
    assert max(charged) <= FIRST_DEFERRAL_MS
    assert {progress.state for progress in (*events, *rows)} <= {State.QUEUED, State.DEFERRED}


def _delivered(desktop: Desktop, announcement: str) -> int:
    rows = desktop.ledger.announcements.get(announcement).counts[State.DELIVERED]
    return desktop.ledger.counts()[State.DELIVERED] + rows


def _check_drain(calls: list[tuple[float, str]]) -> None:
    times = [at_ms for at_ms, _ in calls]
    busiest = max(sum(first <= at < first + WINDOW_MS for at in times) for first in times)
    assert busiest <= QUOTA
    assert len(times) / ((times[-1] - times[0]) / WINDOW_MS) > 0.95 * QUOTA, "slower than it might be"
    kinds = ["row" if receiver.startswith("ou_row") else "event" for _, receiver in calls]
    last_event, first_row = len(kinds) - 1 - kinds[::-1].index("event"), kinds.index("row")
    assert kinds[:last_event].count("row") <= 1, (first_row, last_event)
