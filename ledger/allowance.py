"""What a key may have accepted in a day (UTC): counted before it is accepted, in one step for all processes."""

from ledger.delivery_options import DEFAULT_DESK
from ledger.store import Store

__all__ = ["Allowance"]

#: The count of a day is looked at on that day alone, seconds.
KEPT_SECONDS = 2 * 86_400


class Allowance:
    """The day's count of each key. A process that dies in between leaves it too high, and never too low."""

    def __init__(self, store: Store) -> None:
        self._verbs = store.verbs

    def take(self, key_id: str, daily: int, number: int) -> bool:
        """Whether so many more may be accepted today; then they are counted."""
        is_counted, _ = self._verbs.call("spend", DEFAULT_DESK, key_id, daily, number, KEPT_SECONDS)
        return bool(is_counted)

    def give_back(self, key_id: str, daily: int, number: int) -> None:
        """For those that were not accepted, or had been before."""
        if number:
            self._verbs.call("spend", DEFAULT_DESK, key_id, daily, -number, KEPT_SECONDS)
