"""The lead among the pacers: one of them holds it, under a short lease, and vouches for Redis' clock.

The signs of life by which the workers know of each other are here, too.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterable

import redis
from redis.client import Pipeline

from ledger.connection import text
from ledger.leases import LeadAnswer, Leases
from ledger.redis_clock import time_ms
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
    """Of one pacer, which reads Redis' time all along (`leases.clock`) and so knows by how much it was set."""

    def __init__(self, leases: Leases, desks: Collection[Desk]) -> None:
        self._leases = leases
        self._desks = desks
        self._has_seen_vouched = False
        self._own_word_ms: int | None = None
        self._name: str | None = None  #: of a step that is under way

    def heed(self, answer: LeadAnswer) -> int | None:
        """Returns by how much the clock was set, ms, for the leader to vouch for; None when it need not vouch."""
        step_ms = None
        if answer.leads:
            try:
                step_ms = self._follow(answer)
            finally:
                if answer.is_vouched:  # by asking, this pacer has given its word
                    self._own_word_ms = answer.now_ms
        elif answer.is_vouched:
            self._leases.clock.step_ms()
            self._forget()  # the leader has followed them
        self._has_seen_vouched |= answer.is_vouched
        return step_ms

    def vouched(self, answer: LeadAnswer) -> None:
        """The answer to this pacer's own word. If the clock was set just before that, nobody has followed it yet."""
        if answer.leads:
            self._own_word_ms = answer.now_ms
            self._forget()

    def _forget(self) -> None:
        self._leases.clock.forget_steps()
        self._name = None

    def _follow(self, answer: LeadAnswer) -> int | None:
        """Steps are not forgotten before that is done and said: Redis may be away meanwhile."""
        is_own_word = answer.vouched_ms == self._own_word_ms
        if not is_own_word or self._name is None:
            self._name = str(answer.vouched_ms)
        step_ms = self._leases.clock.step_ms(None if is_own_word else answer.vouched_ms)
        if not answer.is_vouched and not self._has_seen_vouched:
            step_ms = self._catch_up(answer)
        elif step_ms:
            self._move_along(answer, step_ms)
        else:
            self._forget()
        if step_ms:
            log.error("Redis' clock was set %s by %.1f s", "back" if step_ms < 0 else "forward", abs(step_ms) / 1000)
        return step_ms if step_ms or not answer.is_vouched else None

    def _catch_up(self, answer: LeadAnswer) -> int:
        """This pacer is new. A clock behind the last leader's time was set back by that much at least. A time without a
        leader may hide one that was set forward, so the window stays as full as it was, and leases last as long."""
        since_ms = answer.now_ms - (answer.vouched_ms or 0)
        self._move_along(answer, since_ms, is_guess=since_ms > 0)
        return min(0, since_ms)

    def _move_along(self, answer: LeadAnswer, by_ms: int, *, is_guess: bool = False) -> None:
        # Named by the last leader's time, so two pacers that saw the same step shift things once. So does one that
        # tries again, though its own word is the last by now.
        self._leases.step(self._name or str(answer.vouched_ms), answer.now_ms, self._desks, by_ms, is_guess=is_guess)


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
        step_ms = self._steps.heed(answer)
        if step_ms is not None:
            self._steps.vouched(self._leases.lead(self._me, LEAD_MS, step_ms))
        return answer.leads

    def _others_go_first(self, now: float) -> bool:
        """Unless there are none: it helps nobody if the only worker waits."""
        if now >= self._others_first_until or not self._others_live():
            return False
        self.give_up()
        return True
