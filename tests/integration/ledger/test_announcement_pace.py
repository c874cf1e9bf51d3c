"""How announcements share a desk, what that costs, and how long it is said to take. Mostly with a clock that jumps."""

import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from heapq import heappop, heappush
from itertools import pairwise
from unittest.mock import patch

import orjson
import pytest
import redis

from ledger.announcement import Announcement, Spec
from ledger.delivery_options import ReceiveType
from ledger.ids import announcement_of, is_row, row_number
from ledger.leases import Leases, Result
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.progress import Attempt
from ledger.rate import Limit
from ledger.redis_clock import RedisClock
from ledger.settings import Settings
from ledger.states import AnnouncementState, Outcome, State
from tests.integration.ledger.exploration import CLOCK_KEY, clock_in_a_key, next_morning_ms

MESSAGE = {"msg_type": "text", "content": {"text": "We move on Friday"}}
#: 100 calls in the window that is kept for `100/minute`: 60 s and the slack of 300 ms.
PER_MINUTE, SLOT_MS = Limit(calls=100, seconds=60), 603
BATCH = 16


class Installation:
    """A pacer and workers that need no time, over a ledger whose clock jumps from one look to the next."""

    def __init__(self, client: redis.Redis, rate: tuple[Limit, ...] = (PER_MINUTE,)) -> None:
        settings = Settings(_env_file=None)
        self.ledger = Ledger(settings, client)
        self.leases = Leases(client, settings, longest_call_ms=1000, clock=RedisClock(lambda: 0.0))
        self.desk = settings.desk("default").model_copy(update={"rate": rate})
        self.random = random.Random(7)
        self.move_to(float(next_morning_ms()))
        self.calling: list[tuple[float, str]] = []
        self.call_ms = (0, 0)  #: the shortest and the longest call
        self.defers: set[int] = set()  #: numbers of rows whose first call comes to nothing
        self.defer_ms = 0
        self.released: list[str] = []
        self.released_ms: dict[str, float] = {}

    def move_to(self, now_ms: float) -> None:
        self.now_ms = now_ms
        self.leases.redis.set(CLOCK_KEY, now_ms)

    def announce(self, count: int, **fields: object) -> str:
        spec = Spec.model_validate({"name": "Move", "message": MESSAGE, **fields})
        id, _ = self.ledger.announcements.open(spec, key=str(self.random.random()), digest="d")
        self.ledger.announcements.load(id, (orjson.dumps([n + 2, f"ou_{n}", []]) for n in range(count)))
        self.ledger.announcements.start(id, spec, count)
        return id

    def accept(self) -> str:
        return self.ledger.accept([Notification.build({"receiver_id": "ou_a", "text": "Disk full"})])[0].id

    def look(self, room: int = 50) -> float:
        """Releases and claims. Returns when the desk wants another look, ms."""
        [released] = self.leases.release([(self.desk, room, 10_000)])
        for held in self.leases.claim(self.desk, "t", released.ids)[1]:
            heappush(self.calling, (self.now_ms + self.random.uniform(*self.call_ms), held.id))
        self.released += released.ids
        self.released_ms |= dict.fromkeys(released.ids, self.now_ms)
        return float("inf") if released.again_ms is None else self.now_ms + released.again_ms

    def record(self) -> None:
        while self.calling and self.calling[0][0] <= self.now_ms:
            id = heappop(self.calling)[1]
            is_deferred = is_row(id) and row_number(id) in self.defers
            self.defers -= {row_number(id)} if is_deferred else set()
            to = State.DEFERRED if is_deferred else State.DELIVERED
            self.leases.record(self.desk, "t", [Result(id, to, wait_ms=self.defer_ms)], "up")

    def run(self, until_ms: float) -> None:
        """Jumps from look to look, each time to another microsecond, by which release throws its coin."""
        while self.now_ms < until_ms:
            again_ms = self.look()
            self.record()
            done_ms = self.calling[0][0] if self.calling else float("inf")
            self.move_to(min(until_ms, max(min(again_ms, done_ms), self.now_ms) + self.random.uniform(0.001, 1)))

    def run_for(self, seconds: float) -> None:
        self.run(self.now_ms + seconds * 1000)

    def run_to_its_end(self, id: str) -> Announcement:
        while (shown := self.ledger.announcements.get(id)).state is not AnnouncementState.FINISHED:
            self.run_for(10)
        return shown

    def shares(self, last: int) -> Counter[str]:
        return Counter(announcement_of(id) for id in self.released[-last:])


@pytest.fixture
def installation(unsynced_valkey: Settings) -> Iterator[Installation]:
    """On a real server: it takes a tenth of the time that fakeredis takes for thousands of looks."""
    with redis.Redis.from_url(str(unsynced_valkey.redis)) as client, clock_in_a_key():
        installation = Installation(client)
        client.set_response_callback("TIME", lambda *_, **__: divmod(round(installation.now_ms * 1000), 1_000_000))
        with patch("time.time", lambda: installation.now_ms / 1000):
            yield installation


# -- sharing


def test_shares_by_weight_hold_when_another_joins(installation: Installation) -> None:
    first, second = installation.announce(2000, weight=1), installation.announce(2000, weight=4)
    installation.run_for(180)
    assert installation.shares(250)[first] == pytest.approx(50, abs=2)
    third = installation.announce(2000, weight=5)
    installation.run_for(180)
    assert [installation.shares(250)[id] for id in (first, second, third)] == pytest.approx([25, 100, 125], abs=3)


def test_who_is_paused_and_resumed_gains_nothing_and_is_not_made_up_for_it(installation: Installation) -> None:
    heavy, restless, absent = (
        installation.announce(2000, weight=4),
        installation.announce(2000),
        installation.announce(2000),
    )
    installation.ledger.announcements.pause(absent, "ada")
    for _ in range(100):
        installation.run_for(2)
        installation.ledger.announcements.pause(restless, "ada")
        installation.ledger.announcements.resume(restless, "ada")
    assert installation.shares(300)[restless] <= 300 / 5 + 2
    installation.ledger.announcements.resume(absent, "ada")
    installation.run_for(120)
    assert [installation.shares(180)[id] for id in (heavy, restless, absent)] == pytest.approx([120, 30, 30], abs=3)


def test_an_announcement_whose_only_rows_come_back_one_by_one_has_no_more_than_its_share(
    installation: Installation,
) -> None:
    heavy, light = installation.announce(2000, weight=9), installation.announce(30)
    installation.defers = set(range(30))
    installation.run_for(240)
    assert installation.shares(350)[light] <= 350 / 10 + 2
    assert installation.shares(350)[heavy] >= 350 * 9 / 10 - 2


def test_an_event_waits_for_one_slot_at_most_however_full_the_quota_is(installation: Installation) -> None:
    installation.announce(5000)
    installation.run_for(180)
    waits_ms = []
    for _ in range(60):
        installation.run_for(installation.random.uniform(0.5, 3))
        event, accepted_ms = installation.accept(), installation.now_ms
        installation.run_for(1)
        waits_ms.append(installation.released_ms[event] - accepted_ms)
    assert max(waits_ms) <= SLOT_MS + 5


def test_no_hole_of_more_than_a_slot_is_left_in_which_an_event_would_wait(installation: Installation) -> None:
    installation.announce(400)
    installation.run_for(200)
    times_ms = list(installation.released_ms.values())
    assert max(after - before for before, after in pairwise(times_ms)) <= SLOT_MS + 5


def test_neither_the_rows_that_are_due_again_nor_the_fresh_ones_starve(installation: Installation) -> None:
    installation.desk = installation.desk.model_copy(update={"rate": ()})
    installation.defers, installation.defer_ms = set(range(1000)), 1000
    id = installation.announce(11_000)
    while installation.defers:
        installation.look(room=100)
        installation.record()
    assert installation.ledger.announcements.get(id).counts[State.DEFERRED] == 1000
    installation.move_to(installation.now_ms + 1000)
    installation.desk, installation.released = (
        installation.desk.model_copy(update={"rate": (Limit(calls=100, seconds=6),)}),
        [],
    )
    installation.run_for(30)
    again = sum(row_number(released) < 1000 for released in installation.released)
    assert len(installation.released) > 400
    assert 0.35 < again / len(installation.released) < 0.65


# -- what it costs


def commands(client: redis.Redis) -> int:
    stats = client.info("commandstats")
    return sum(
        each["calls"] for name, each in stats.items() if name not in ("cmdstat_info", "cmdstat_config|resetstat")
    )


def released_claimed_and_recorded(installation: Installation, batches: int) -> int:
    """Commands that it took. They are those of the scripts too."""
    before = commands(installation.leases.redis)
    for _ in range(batches):
        [released] = installation.leases.release([(installation.desk, BATCH, 1000)])
        claims = installation.leases.claim(installation.desk, "t", released.ids)[1]
        assert len(claims) == BATCH
        attempt = Attempt(at_ms=1, via=ReceiveType.CHAT, outcome=Outcome.DELIVERED, message_id="om_1")
        installation.leases.record(
            installation.desk, "t", [Result(held.id, State.DELIVERED, [attempt]) for held in claims], "up"
        )
    return commands(installation.leases.redis) - before


def test_a_row_takes_few_commands_and_a_thousand_times_as_many_rows_take_no_more(unsynced_valkey: Settings) -> None:
    taken = {}
    with redis.Redis.from_url(str(unsynced_valkey.redis)) as client:
        for rows in (1000, 1_000_000):
            client.flushall()
            installation = Installation(client, rate=())
            installation.announce(rows)
            released_claimed_and_recorded(installation, 1)  # loads the scripts
            taken[rows] = released_claimed_and_recorded(installation, 20) / (20 * BATCH)
    print(f"Redis commands per row, in batches of {BATCH}: {taken}")  # noqa: T201
    assert taken[1000] <= 16
    assert taken[1_000_000] == pytest.approx(taken[1000], rel=0.05)


# -- how long it is said to take


@pytest.mark.parametrize("call_ms", [(150, 900), (8_000, 9_000)])
def test_the_eta_is_right_within_a_tenth(installation: Installation, call_ms: tuple[int, int]) -> None:
    installation.call_ms = call_ms
    id = installation.announce(500)
    for _ in range(3):
        installation.run_for(80)
        shown, asked_ms = installation.ledger.announcements.get(id), installation.now_ms
        assert shown.rate_per_second == pytest.approx(1000 / SLOT_MS, rel=0.1)
        assert shown.eta_seconds is not None
        estimates = (asked_ms + shown.eta_seconds * 1000, shown.left)
        assert estimates[0] == pytest.approx(asked_ms + shown.left * SLOT_MS, abs=shown.left * SLOT_MS * 0.1)
    finished_ms = installation.run_to_its_end(id).finished_ms
    assert finished_ms is not None
    assert estimates[0] == pytest.approx(finished_ms, abs=(finished_ms - asked_ms) * 0.1)


@pytest.mark.parametrize("rate", [Limit(calls=6, seconds=60), Limit(calls=10, seconds=3600)])
def test_the_eta_of_a_slow_desk_is_right_within_a_tenth_and_its_rate_is_not_stale(
    installation: Installation, rate: Limit
) -> None:
    installation.desk, installation.call_ms = installation.desk.model_copy(update={"rate": (rate,)}), (6_000, 7_000)
    gap_seconds = rate.seconds / rate.calls
    id = installation.announce(60)
    for _ in range(2):
        installation.run_for(gap_seconds * 20.5)
        shown = installation.ledger.announcements.get(id)
        assert shown.rate_per_second == pytest.approx(1 / gap_seconds, rel=0.1)
        assert shown.eta_seconds == pytest.approx(shown.left * gap_seconds, rel=0.1)


def test_the_eta_counts_the_nights_and_holds_in_the_night_and_on_the_next_morning(installation: Installation) -> None:
    until_morning = 23 * 3600 - (120 + 400 + 3600) + 30
    id = installation.announce(900, between="07:00-08:05")  # it is eight: five minutes are left of today
    etas_ms = []
    for seconds in (120, 400, 3600, until_morning):
        installation.run_for(seconds)
        shown = installation.ledger.announcements.get(id)
        assert shown.eta_seconds is not None
        assert (shown.rate_per_second > 0) is (seconds in (120, until_morning)), "a rate that is stale is told as 0"
        etas_ms.append(installation.now_ms + shown.eta_seconds * 1000)
    finished_ms = installation.run_to_its_end(id).finished_ms
    assert finished_ms is not None
    assert datetime.fromtimestamp(finished_ms / 1000, UTC).hour == 7
    open_ms = 900 * SLOT_MS
    assert etas_ms == pytest.approx([finished_ms] * 4, abs=open_ms * 0.1)


def test_pauses_do_not_lower_the_rate(installation: Installation) -> None:
    id = installation.announce(2000)
    installation.run_for(100)
    for _ in range(3):
        installation.ledger.announcements.pause(id, "ada")
        assert installation.ledger.announcements.get(id).eta_seconds is None
        installation.run_for(60)
        installation.ledger.announcements.resume(id, "ada")
        installation.run_for(20)
        assert installation.ledger.announcements.get(id).rate_per_second == pytest.approx(1000 / SLOT_MS, rel=0.1)


def test_a_rate_that_is_stale_is_told_as_none(installation: Installation) -> None:
    id = installation.announce(2000)
    installation.run_for(60)
    installation.leases.hold(installation.desk, "quota", 3_600_000, "the month is spent")
    installation.run_for(300)
    shown = installation.ledger.announcements.get(id)
    assert (shown.rate_per_second, shown.eta_seconds) == (0, None)
