"""What one key may have of the process at once, so that it leaves connections and threads to the others."""

import asyncio
import threading
from collections import Counter, defaultdict
from typing import Any

__all__ = ["MOST_UNDER_WAY", "Shares"]

#: Requests under way: half of the connections that a process takes.
MOST_UNDER_WAY = 400
#: Of these, looking something up or steering something in a thread, exports too. There are 40 threads for all; more
#: requests of the key wait for their turn.
MOST_IN_THREADS = 16
#: Stand in the scope of a request: whose place it has, and whose turn.
_PLACE, _TURN = "place_of", "turn_of"


class Shares:
    """`take` is for any thread, everything else for the event loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: Counter[str] = Counter()
        self._turns: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(MOST_IN_THREADS))

    def take(self, scope: Any, key: str) -> bool:
        """Whether the request may go on. It has its place until `give_back`."""
        with self._lock:
            if _PLACE not in scope:
                if self._under_way[key] >= MOST_UNDER_WAY:
                    return False
                self._under_way[key] += 1
                scope[_PLACE] = key
        return True

    async def wait_for_turn(self, scope: Any, key: str) -> None:
        """Of a request that has its place."""
        await self._turns[key].acquire()
        scope[_TURN] = key

    def give_back(self, scope: Any) -> None:
        """The request has ended."""
        if (key := scope.pop(_TURN, None)) is not None:
            self._turns[key].release()
        if (key := scope.pop(_PLACE, None)) is not None:
            with self._lock:
                self._under_way[key] -= 1
                if not self._under_way[key]:  # nobody has a turn, or waits for one
                    del self._under_way[key]
                    self._turns.pop(key, None)
