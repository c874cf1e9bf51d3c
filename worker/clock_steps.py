"""Redis' clock may be set, back or forward: whoever leads moves along what goes by it, and vouches for it again."""

import logging
from collections.abc import Collection

from ledger.leases import LeadAnswer, Leases
from ledger.settings import Desk

__all__ = ["ClockSteps"]

log = logging.getLogger(__name__)


class ClockSteps:
    """Of one pacer, which has heard Redis' time all along (`leases.clock`) and knows by how much it was set."""

    def __init__(self, leases: Leases, desks: Collection[Desk]) -> None:
        self._leases = leases
        self._desks = desks
        self._has_seen_vouched = False

    def heed(self, answer: LeadAnswer) -> int | None:
        """Returns what the leader has to vouch for: by how much the clock was set, ms. None: there is no need to."""
        step_ms = None
        if answer.leads:
            step_ms = self._follow(answer)
        elif answer.is_vouched:
            self._leases.clock.take_step_ms()  # the leader has seen to it
        self._has_seen_vouched |= answer.is_vouched
        return step_ms

    def _follow(self, answer: LeadAnswer) -> int | None:
        step_ms = self._leases.clock.take_step_ms()
        if not answer.is_vouched and not self._has_seen_vouched:
            step_ms = self._make_good(answer)
        elif step_ms:
            self._move_along(answer, step_ms)
        if step_ms:
            log.error("Redis' clock was set %s by %.1f s", "back" if step_ms < 0 else "forward", abs(step_ms) / 1000)
        return step_ms if step_ms or not answer.is_vouched else None

    def _make_good(self, answer: LeadAnswer) -> int:
        """This pacer is new. A clock that lies behind the last leader's word was set back by so much at least; a time
        without any leader may hide one that was set forward, so the window stays as full as it was."""
        since_ms = answer.now_ms - (answer.vouched_ms or 0)
        self._move_along(answer, since_ms, slots_alone=since_ms > 0)
        return min(0, since_ms)

    def _move_along(self, answer: LeadAnswer, by_ms: int, *, slots_alone: bool = False) -> None:
        # Named by the last leader's word: two pacers that saw the same step move things once.
        self._leases.step(str(answer.vouched_ms), self._desks, by_ms, slots_alone=slots_alone)
