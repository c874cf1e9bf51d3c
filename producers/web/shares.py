"""How many requests of each key are under way: one that opens streams without end leaves connections to the others."""

import threading
from collections import Counter
from typing import Any

__all__ = ["MOST_UNDER_WAY", "Shares"]

#: Half of the connections that a process takes.
MOST_UNDER_WAY = 400
#: Stands in the scope of a request that has a place.
_PLACE = "place_of"


class Shares:
    """For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: Counter[str] = Counter()

    def take(self, scope: Any, key: str) -> bool:
        """Whether the request may go on. It has its place until `give_back`."""
        with self._lock:
            if _PLACE not in scope:
                if self._under_way[key] >= MOST_UNDER_WAY:
                    return False
                self._under_way[key] += 1
                scope[_PLACE] = key
        return True

    def give_back(self, scope: Any) -> None:
        """The request has ended."""
        key = scope.pop(_PLACE, None)
        if key is not None:
            with self._lock:
                self._under_way[key] -= 1
                if not self._under_way[key]:
                    del self._under_way[key]
