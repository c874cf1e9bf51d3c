"""Room for posts: how many each owner may have under way at a time, and which hosts rest after they did not answer.

A slow owner fills no more than a share. The owner with most posts under way has at most as many as are still free, so
it gets half of all, the next one half of the rest, and so on; others always find room at once.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from ledger.callbacks import Owed

__all__ = ["Room"]

#: Posts at a time in one process; of these, for one API key at all its desks together.
AT_ONCE, AT_ONCE_FOR_KEY = 16, 12
#: Of one owner's: to one host and port, and to one address under any of its names and ports.
AT_ONCE_TO_HOST, AT_ONCE_TO_ADDRESS = 2, 4
#: A host that did not answer gets no post of the same owner for this long, seconds.
REST_SECONDS = 10.0

#: What posts are counted by: the kind of count, the owner, and the place.
_Party = tuple[str, ...]


class Room:
    """Safe to share between threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._posts: Counter[_Party] = Counter()
        self._total = 0
        self._ended = 0
        self._rests_until: dict[_Party, float] = {}

    @property
    def free(self) -> int:
        return AT_ONCE - self._total

    @property
    def ended(self) -> int:
        """How many posts have ended; `wait` waits for this to change."""
        return self._ended

    def full_owners(self, owners: set[str]) -> list[str]:
        """The owners among these that have their whole share."""
        with self._changed:
            return [owner for owner in owners if not self._has_share(owner)]

    def owners(self) -> set[str]:
        """The owners of the posts under way."""
        with self._changed:
            return {party[1] for party in self._posts if party[0] == "owner"}

    def enter(self, owed: Owed) -> bool:
        """Takes the room for one post, if there is any; then `leave` must follow."""
        with self._changed:
            if not self._has_share(owed.owner) or self._posts[_host(owed)] >= AT_ONCE_TO_HOST:
                return False
            self._total += 1
            self._posts.update(_parties(owed))
            return True

    def leave(self, owed: Owed) -> None:
        with self._changed:
            self._total -= 1
            self._take_off(*_parties(owed))
            self._ended += 1
            self._changed.notify_all()

    @contextmanager
    def at(self, owed: Owed, address: str) -> Iterator[bool]:
        """Around a post to this address: whether there is room for it."""
        party = ("address", owed.owner, address)
        with self._changed:
            has_room = self._posts[party] < AT_ONCE_TO_ADDRESS
            self._posts[party] += 1
        try:
            yield has_room
        finally:
            with self._changed:
                self._take_off(party)

    def is_full_at_host(self, owed: Owed) -> bool:
        with self._changed:
            return self._posts[_host(owed)] >= AT_ONCE_TO_HOST

    def wait(self, ended: int, seconds: float) -> bool:
        """Waits until the count of ended posts differs from `ended`, or `wake` is called."""
        with self._changed:
            return self._changed.wait_for(lambda: self._ended != ended, seconds)

    def wake(self) -> None:
        with self._changed:
            self._ended += 1
            self._changed.notify_all()

    def rest(self, owed: Owed) -> None:
        """Drops the hosts that have rested, too: callers can make up new hosts without end."""
        now = time.monotonic()
        with self._changed:
            self._rests_until = {party: until for party, until in self._rests_until.items() if until > now}
            self._rests_until[_host(owed)] = now + REST_SECONDS

    def rest_seconds(self, owed: Owed) -> float:
        """How much longer its host rests."""
        with self._changed:
            return max(0.0, self._rests_until.get(_host(owed), 0.0) - time.monotonic())

    def _has_share(self, owner: str) -> bool:
        key = owner.partition("@")[0]
        if key and self._posts[("key", key)] >= AT_ONCE_FOR_KEY:
            return False
        return self._posts[("owner", owner)] < self.free

    def _take_off(self, *parties: _Party) -> None:
        self._posts.subtract(parties)
        self._posts += Counter()  # drops those at zero


def _parties(owed: Owed) -> tuple[_Party, ...]:
    return ("owner", owed.owner), ("key", owed.key), _host(owed)


def _host(owed: Owed) -> _Party:
    return "host", owed.owner, owed.host
