"""Redis' clock may be set back or forward: the leader shifts the times that depend on it, and vouches for it again."""

import logging
from collections.abc import Collection

from ledger.leases import LeadAnswer, Leases
from ledger.settings import Desk

__all__ = ["ClockSteps"]

log = logging.getLogger(__name__)


class ClockSteps:
    """Of one pacer, which reads Redis' time all along (`leases.clock`) and so knows by how much it was set."""

    def __init__(self, leases: Leases, desks: Collection[Desk]) -> None:
        self._leases = leases
        self._desks = desks
        self._has_seen_vouched = False

    def heed(self, answer: LeadAnswer) -> int | None:
        """Returns by how much the clock was set, ms, for the leader to vouch for; None when it need not vouch."""
        step_ms = None
        if answer.leads:
            step_ms = self._follow(answer)
        elif answer.is_vouched:
            self._leases.clock.take_step_ms()  # the leader has handled it
        self._has_seen_vouched |= answer.is_vouched
        return step_ms

    def _follow(self, answer: LeadAnswer) -> int | None:
        step_ms = self._leases.clock.take_step_ms()
        if not answer.is_vouched and not self._has_seen_vouched:
            step_ms = self._catch_up(answer)
        elif step_ms:
            self._move_along(answer, step_ms)
        if step_ms:
            log.error("Redis' clock was set %s by %.1f s", "back" if step_ms < 0 else "forward", abs(step_ms) / 1000)
        return step_ms if step_ms or not answer.is_vouched else None

    def _catch_up(self, answer: LeadAnswer) -> int:
        """This pacer is new. A clock behind the last leader's time was set back by that much at least. A time without a
        leader may hide one that was set forward, so the window stays as full as it was."""
        since_ms = answer.now_ms - (answer.vouched_ms or 0)
        self._move_along(answer, since_ms, slots_alone=since_ms > 0)
        return min(0, since_ms)

    def _move_along(self, answer: LeadAnswer, by_ms: int, *, slots_alone: bool = False) -> None:
        # Named by the last leader's time, so two pacers that saw the same step shift things once.
        self._leases.step(str(answer.vouched_ms), self._desks, by_ms, slots_alone=slots_alone)
