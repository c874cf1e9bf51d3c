"""The lead among the pacers: one of them holds it, under a short lease."""

import logging
import time
from collections.abc import Callable

from ledger.leases import Leases
from worker.clock_steps import ClockSteps

__all__ = ["LEAD_AGAIN_SECONDS", "Lead"]

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
            self._leases.lead(self._me, LEAD_MS, step_ms)
        return answer.leads

    def _others_go_first(self, now: float) -> bool:
        """Unless there are none: it helps nobody if the only worker waits."""
        if now >= self._others_first_until or not self._others_live():
            return False
        self.give_up()
        return True
