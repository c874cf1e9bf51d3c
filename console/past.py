"""The quarters of an hour that charts of more than an hour are drawn from, read once a minute while somebody looks."""

import time
from collections.abc import Callable, Collection, Mapping

from ledger.ledger import Ledger
from ledger.quarters import Counts, Quarters

__all__ = ["Past"]

#: How old they may be, seconds: a new one is added four times an hour.
FRESH_SECONDS = 60.0


class Past:
    """Not thread-safe."""

    def __init__(self, ledger: Ledger, clock: Callable[[], float] = time.monotonic) -> None:
        self._quarters, self._clock = Quarters(ledger), clock
        self._known: Mapping[str, Mapping[int, Counts]] = {}
        self._read_at = 0.0

    def of(self, desks: Collection[str]) -> Mapping[str, Mapping[int, Counts]]:
        """Of each desk, by number. Raises redis-py's errors."""
        now = self._clock()
        if self._known.keys() != set(desks) or now - self._read_at > FRESH_SECONDS:
            self._known, self._read_at = self._quarters.read(list(desks)), now
        return self._known

    def forget(self) -> None:
        """Nobody looks any more."""
        self._known = {}
