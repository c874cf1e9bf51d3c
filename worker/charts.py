"""What charts of more than an hour are made of: the leading pacer has the minutes of desks added up by the quarter."""

import logging
import time
from collections.abc import Callable, Iterable

from ledger.leases import Leases
from ledger.quarters import QUARTER_MS, Quarters
from ledger.tally import LATE_MS

__all__ = ["Charts"]

log = logging.getLogger(__name__)

#: Between two looks, seconds.
LOOK_SECONDS = 1.0
#: Desks of one look: some milliseconds, in which no slot is handed out. Ten thousand have theirs within a quarter.
DESKS_AT_ONCE = 20


class Charts:
    """Calls `roll` once a quarter for each desk, once when this pacer comes to lead, and when Redis' clock was set."""

    def __init__(
        self,
        leases: Leases,
        desks: Iterable[str],
        led_since_ms: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`led_since_ms`: when a leader came, by Redis' clock."""
        self._leases, self._desks, self._led_since_ms, self._clock = leases, tuple(desks), led_since_ms, clock
        self._quarters = Quarters(leases)
        self._turn: tuple[int, int] | None = None
        self._left: list[str] = []
        self._look_at = 0.0

    def look(self) -> None:
        """Cheap to call often. Raises redis-py's errors when Redis is away."""
        if (now := self._clock()) < self._look_at:
            return
        self._look_at = now + LOOK_SECONDS
        redis_clock = self._leases.clock
        turn = (redis_clock.now_ms() - LATE_MS) // QUARTER_MS, redis_clock.times_set
        if turn != self._turn:
            self._turn, self._left = turn, list(self._desks)
        if self._left:
            self._roll(self._left[:DESKS_AT_ONCE])

    def _roll(self, desks: list[str]) -> None:
        answers = self._quarters.roll(desks, self._led_since_ms())
        refused = [answer for answer in answers.values() if isinstance(answer, Exception)]
        if refused:
            # A chart must not stop the sending. What is lacking is made good in the next quarter.
            log.warning("charts lack a quarter-hour, of %d desks: %s", len(refused), refused[0])
        again = [desk for desk, answer in answers.items() if answer is False]
        self._left = [*self._left[len(desks) :], *again]
