"""The tally: how often what happened, for metrics and charts. Counted in each process, added up in Redis every 2 s.

It is no record: a process that is killed takes its last two seconds along. What is true of a notification stands in the
ledger, and the calls and counts that the ledger keeps itself (`ledger.desk_status`) are exact.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from types import MappingProxyType
from typing import Any

import redis

from ledger.connection import text
from ledger.redis_keys import RedisKeys

__all__ = ["ENDED", "EVERYWHERE", "KEPT_SECONDS", "MINUTES", "MINUTE_MS", "Minute", "Tally"]

#: What is counted of no desk stands under this name.
EVERYWHERE = ""
#: The first word of what is also counted by the minute.
ENDED = "ended"
#: A minute, ms.
MINUTE_MS = 60_000
#: Minutes in a chart.
MINUTES = 60
#: A minute is kept for this long, seconds: the chart's hour, and some more for a clock that is read a little late.
KEPT_SECONDS = 3_900


@dataclass(frozen=True, slots=True)
class Minute:
    """What notifications of a desk came to in one minute.

    The names are `delivered`, `rerouted` (delivered by `user`, since a ticket was open, and not among `delivered`),
    `deferred`, `failed`, `unknown`, `expired`, and for calls that were refused as too many `throttled`.
    """

    at_ms: int  #: when it began
    counts: Mapping[str, int]  #: what did not happen is left out


class Tally:
    """Adds up and tells. What is counted has a name of one or more words, such as `attempts chat refused 154000`."""

    def __init__(self, client: redis.Redis, keys: RedisKeys) -> None:
        self._redis = client
        self._keys = keys

    def add(self, counted: Mapping[tuple[str, str], int]) -> None:
        """Adds counts by (desk, name), all or none, in the minute that it is now by the clock of Redis."""
        now_s, _ = self._redis.time()
        pipe = self._redis.pipeline()
        for desk, of_desk in groupby(sorted(counted), key=lambda place: place[0]):
            minute = self._keys.tally_minute(desk, str(now_s // 60))
            expiring = False
            for place in of_desk:
                _, name = place
                pipe.hincrby(self._keys.tally(desk), name, counted[place])
                if name.startswith(f"{ENDED} "):
                    pipe.hincrby(minute, name.removeprefix(f"{ENDED} "), counted[place])
                    expiring = True
            if expiring:
                pipe.expire(minute, KEPT_SECONDS)
        pipe.execute()

    def totals(self, desks: Sequence[str]) -> list[dict[str, int]]:
        """All that was counted since each desk began, by name. One round trip."""
        return list(map(_counts, self._read(map(self._keys.tally, desks))))

    def minutes(self, desk: str, minutes: range) -> list[Minute]:
        """These minutes, Unix time in minutes. One round trip, with a command for each."""
        found = self._read(self._keys.tally_minute(desk, str(minute)) for minute in minutes)
        return [
            Minute(minute * MINUTE_MS, MappingProxyType(_counts(counts)))
            for minute, counts in zip(minutes, found, strict=True)
        ]

    def _read(self, keys: Iterable[str]) -> list[Any]:
        pipe = self._redis.pipeline(transaction=False)
        for key in keys:
            pipe.hgetall(key)
        return pipe.execute()


def _counts(found: Mapping[bytes, bytes]) -> dict[str, int]:
    return {text(name): int(count) for name, count in found.items()}
