"""The lead among the pacers: one of them holds it, under a short lease, and vouches for Redis' clock.

The signs of life by which the workers know of each other are here, too.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterable

import redis
from redis.client import Pipeline

from ledger.connection import text
from ledger.lead import ClockStep, LeadAnswer
from ledger.leases import Leases
from ledger.redis_clock import STEP_MS, Sample, time_ms
from ledger.redis_keys import RedisKeys
from ledger.settings import Desk
from ledger.workers import FRESH_MS

__all__ = ["LEAD_AGAIN_SECONDS", "ClockSteps", "Heartbeat", "Lead", "threads"]

log = logging.getLogger(__name__)

#: The lead lasts this long without renewal, ms, and is renewed this often, seconds. Another takes over within 2 s.
LEAD_MS = 1_500
LEAD_AGAIN_SECONDS = 0.4
#: A pacer that failed while it led lets the others go first for this long, seconds: until its lease is over and each
#: of them has asked. If it fails again, twice as long, ...
STAND_BACK_SECONDS = 2.0
#: ... up to this, the longest that a desk waits once the last of several failing pacers works again.
LONGEST_STAND_BACK_SECONDS = 15.0
#: A pacer that has led for this long without failing starts over with the shortest wait, seconds.
WELL_SECONDS = 30.0
#: After this many more words of a leader that follows no step where another pacer sees one, the leader is right: the
#: other does not know what was before. Not fewer: by asking for the lead a leader vouches, and looks afterwards.
OVERRULED_BY_WORDS = 2
#: A step is measured again up to so many times, for an answer that took no longer than what counts as a step.
MEASURE_TIMES = 3
#: Between two leaders nobody may lead for so long, ms, as while Redis restarts, and it counts as if somebody had led.
SHORT_BREAK_MS = 60_000
#: How often a worker reports that it is alive, seconds.
HEARTBEAT_SECONDS = 1.0


class Heartbeat:
    """Of one worker process: `me` is `host:pid:threads`, unique to it."""

    def __init__(self, client: redis.Redis, keys: RedisKeys, leases: Leases, me: str) -> None:
        self._redis = client
        self._key = keys.workers
        self._leases = leases
        self._me = me
        self._again_at = 0.0

    def beat(self, pipe: Pipeline) -> None:
        """When it is time to. Behind what the pipeline holds already, so that it costs no round trip of its own."""
        now = time.monotonic()
        if now < self._again_at:
            return
        self._again_at = now + HEARTBEAT_SECONDS
        now_ms = self._leases.clock.now_ms()
        pipe.zadd(self._key, {self._me: now_ms})
        pipe.zremrangebyscore(self._key, "-inf", now_ms - max(FRESH_MS, self._leases.lease_ms))

    def stop(self) -> None:
        self._redis.zrem(self._key, self._me)

    def others_live(self) -> bool:
        since_ms = time_ms(self._redis.time()) - FRESH_MS
        living = self._redis.zrangebyscore(self._key, since_ms, "+inf")
        return any(text(name) != self._me for name in living)


def threads(workers: Iterable[tuple[bytes, float]], since_ms: int) -> int:
    """The threads of the workers that have reported since then."""
    return sum(int(text(name).rpartition(":")[2]) for name, reported_ms in workers if reported_ms >= since_ms)


class ClockSteps:
    """Of one pacer, which reads Redis' time all along (`leases.clock`) and so knows by how much it was set. The ledger
    knows what leaders have followed of that. The difference is what nobody has followed yet, whoever missed what."""

    def __init__(self, leases: Leases, desks: Collection[Desk]) -> None:
        self._leases = leases
        self._desks = desks
        self._settled: tuple[Sample, LeadAnswer] | None = None  #: when all had been followed
        self._words: set[int | None] = set()  #: of leaders, since there is something to follow

    def heed(self, answer: LeadAnswer) -> ClockStep | None:
        """Returns by how much the clock was set, for the leader to vouch for; None when it need not vouch."""
        if answer.leads:
            return self._follow(answer)
        self._words.add(answer.vouched_ms)
        if answer.is_vouched and (not self._unfollowed_ms(answer) or len(self._words) > OVERRULED_BY_WORDS):
            self._settle(answer)
        return None

    def vouched(self, answer: LeadAnswer) -> None:
        """The answer to this pacer's own word. If the clock was set just before that, nobody has followed it yet."""
        if answer.leads and not self._unfollowed_ms(answer):
            self._settle(answer)

    def _settle(self, answer: LeadAnswer) -> None:
        self._settled = (self._leases.clock.sample, answer)
        self._words.clear()

    def _unfollowed_ms(self, answer: LeadAnswer) -> int | None:
        """None: this pacer does not know what was before."""
        if self._settled is None or self._settled[1].era != answer.era:
            return None
        then, settled = self._settled
        now = self._leases.clock.sample
        expected = then._replace(offset_ms=then.offset_ms + answer.followed_ms - settled.followed_ms)
        return round(now.offset_ms - expected.offset_ms) if now.contradicts(expected) else 0

    def _follow(self, answer: LeadAnswer) -> ClockStep | None:
        unfollowed_ms = self._measured_ms(answer)
        if unfollowed_ms:
            step = ClockStep(unfollowed_ms, answer.clock_state)
            self._leases.step(self._desks, step)
        elif answer.is_vouched:
            self._settle(answer)
            return None
        elif unfollowed_ms is None:
            step = self._catch_up(answer)
        else:
            step = ClockStep(0, answer.clock_state)
        if step.by_ms:
            log.error(
                "Redis' clock was set %s by %.1f s", "back" if step.by_ms < 0 else "forward", abs(step.by_ms) / 1000
            )
        return step

    def _measured_ms(self, answer: LeadAnswer) -> int | None:
        """Slots are moved by that, so it should be right: the answer that told of the step may have taken seconds."""
        for _ in range(MEASURE_TIMES):
            if not self._unfollowed_ms(answer) or self._leases.clock.sample.round_trip_ms <= STEP_MS:
                break
            self._leases.measure_clock()
        return self._unfollowed_ms(answer)

    def _catch_up(self, answer: LeadAnswer) -> ClockStep:
        """This pacer is new. A clock behind the last leader's time was set back by that much at least. A time without a
        leader may hide one that was set forward, so the window stays as full as it was, and leases last as long."""
        since_ms = answer.now_ms - (answer.vouched_ms or 0)
        self._leases.step(self._desks, ClockStep(since_ms, answer.clock_state, is_guess=since_ms > 0))
        return ClockStep(min(0, since_ms), answer.clock_state, is_guess=True)


class Lead:
    """Of one pacer. `others_live` returns whether other workers report, and may raise redis-py's errors."""

    def __init__(
        self,
        leases: Leases,
        me: str,
        others_live: Callable[[], bool],
        steps: ClockSteps,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._leases = leases
        self._me = me
        self._others_live = others_live
        self._steps = steps
        self._clock = clock
        self._is_mine = self._may_be_mine = False
        self._ask_at = self._led_since = 0.0
        self._failures = 0
        self._others_first_until = 0.0
        self.since_ms = 0  #: while this pacer leads: when a leader came, or the clock was set, by Redis' clock

    def keep(self) -> bool:
        """Takes the lead or renews its lease, when it is time to. Returns whether this pacer leads."""
        now = self._clock()
        if now >= self._ask_at:
            led, self._is_mine = self._is_mine, not self._others_go_first(now) and self._take()
            self._ask_at = now + LEAD_AGAIN_SECONDS
            if self._is_mine and not led:
                self._led_since = now
                log.info("this pacer leads now")
        if self._is_mine and now - self._led_since > WELL_SECONDS:
            self._failures = 0
        return self._is_mine

    def stand_back(self) -> None:
        """After an error. The cause may not affect the others."""
        self._ask_at = 0.0
        if self._is_mine:
            self._is_mine = False
            seconds = min(STAND_BACK_SECONDS * 2**self._failures, LONGEST_STAND_BACK_SECONDS)
            self._others_first_until = self._clock() + seconds
            self._failures += 1

    def give_up(self) -> None:
        """Lets another take it at once, instead of at the end of the lease."""
        if self._may_be_mine:
            self._leases.lead(self._me, 0)
            self._is_mine = self._may_be_mine = False

    def _take(self) -> bool:
        self._may_be_mine = True  # also if the answer is lost
        answer = self._leases.lead(self._me, LEAD_MS)
        step = self._steps.heed(answer)
        if step:
            self._steps.vouched(self._leases.lead(self._me, LEAD_MS, step))
        if not (self._is_mine and answer.is_vouched) or (step and step.by_ms):
            self.since_ms = _led_since_ms(answer)
        return answer.leads

    def _others_go_first(self, now: float) -> bool:
        """Unless there are none: it helps nobody if the only worker waits."""
        if now >= self._others_first_until or not self._others_live():
            return False
        self.give_up()
        return True


def _led_since_ms(answer: LeadAnswer) -> int:
    """The last word of the leader before, if that is not long ago; else now."""
    vouched_ms = answer.vouched_ms
    is_near = vouched_ms is not None and 0 <= answer.now_ms - vouched_ms <= SHORT_BREAK_MS
    return vouched_ms if vouched_ms is not None and is_near else answer.now_ms
