"""What a key may have accepted in a day (UTC): counted before it is accepted, in one step for all processes."""

from collections.abc import Callable
from typing import TypeVar

from ledger.api_key import ApiKey
from ledger.delivery_options import DEFAULT_DESK
from ledger.errors import BadInput, Changed, KeyLimit, NotAllowed, NotFound, NotPermitted
from ledger.phrases import Phrase
from ledger.store import Store

__all__ = ["Allowance", "check_rows", "sent_again"]

#: The count of a day is looked at on that day alone, seconds.
KEPT_SECONDS = 2 * 86_400

ResultT = TypeVar("ResultT")


class Allowance:
    """The day's count of a key. A process that dies in between leaves it too high, and never too low."""

    def __init__(self, store: Store, key: ApiKey | None) -> None:
        """Without a key, and for one without a limit, nothing is counted."""
        self._verbs, self._key = store.home.verbs, key

    def take(self, number: int) -> None:
        """Counts `number` more. Raises KeyLimit if that is more than the day has left."""
        if number and not self._spend(number):
            key, most = (self._key.name, self._key.daily) if self._key else ("", 0)
            raise KeyLimit(
                Phrase("{key} may have at most {most:,} notifications accepted a day (UTC)", key=key, most=most)
            )

    def give_back(self, number: int) -> None:
        """For those that were not accepted, or had been before."""
        if number > 0:
            self._spend(-number)

    def spend(self, number: int, act: Callable[[], ResultT], done: Callable[[ResultT], int]) -> ResultT:
        """Counts `number`, acts, and gives back what exceeds `done` of the result. Raises KeyLimit, and as `act`."""
        self.take(number)
        try:
            result = act()
        except (
            BadInput,
            Changed,
            NotAllowed,
            NotFound,
            NotPermitted,
        ):  # after any other error `act` may have succeeded
            self.give_back(number)
            raise
        self.give_back(number - done(result))
        return result

    def _spend(self, number: int) -> bool:
        if self._key is None or self._key.daily is None:
            return True
        is_counted, _ = self._verbs.call("spend", DEFAULT_DESK, self._key.id, self._key.daily, number, KEPT_SECONDS)
        return bool(is_counted)


def check_rows(key: ApiKey | None, rows: int) -> None:
    """Raises KeyLimit if the key may not announce to this many rows at once."""
    if key and key.max_rows is not None and rows > key.max_rows:
        raise KeyLimit(Phrase("{key} may announce to at most {most:,} rows at once", key=key.name, most=key.max_rows))


def sent_again(store: Store, key: ApiKey | None, number: int, act: Callable[[], int]) -> int:
    """Sends `number` rows or events again, which count as newly accepted ones do. Returns how many were sent again.

    Raises KeyLimit, and as `act`.
    """
    check_rows(key, number)
    return Allowance(store, key).spend(number, act, lambda done: done)
