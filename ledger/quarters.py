"""The results of a desk's notifications by the quarter of an hour, for charts of more than an hour.

The verb `roll` adds them up from the minutes of the tally. What is absent is not known: no worker ran, or one of a
version without this verb led.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import orjson

from ledger.connection import text
from ledger.store import Store

__all__ = ["KEPT_MS", "KEPT_QUARTERS", "QUARTER_MS", "Counts", "Quarters", "counts_of"]

#: A quarter of an hour, ms.
QUARTER_MS = 900_000
#: So many are kept, those of seven days; and all of them for so long after the last one, ms.
KEPT_QUARTERS, KEPT_MS = 672, 8 * 86_400_000

#: Results by their names, as in `ledger.tally.Minute`; what did not happen is left out.
Counts = Mapping[str, int]


class Quarters:
    """Rolls and reads them. Those of a desk are known by their number: Unix time, in quarters."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def roll(self, desks: Sequence[str], since_ms: int) -> dict[str, bool | Exception]:
        """Whether that was done of each desk: not while the clock is in doubt. The server's refusal is an answer, too.
        One round trip. `since_ms`: when a leader came, by Redis' clock."""
        answers = self._store.verbs.call_many([("roll", desk, (since_ms,)) for desk in desks])
        return {
            desk: answer if isinstance(answer, Exception) else bool(answer)
            for desk, answer in zip(desks, answers, strict=True)
        }

    def read(self, desks: Sequence[str]) -> dict[str, Mapping[int, Counts]]:
        """All that are kept of each desk. One round trip for each server, one command for each desk."""
        found: dict[str, Mapping[int, Counts]] = {}
        for server, places in self._store.by_server(desks):
            own = [desks[place] for place in places]
            pipe = server.redis.pipeline(transaction=False)
            for desk in own:
                pipe.hgetall(server.keys.quarters(desk))
            found |= {desk: MappingProxyType(_known(kept)) for desk, kept in zip(own, pipe.execute(), strict=True)}
        return found


def counts_of(value: bytes) -> Counts | None:
    """None if it cannot be read."""
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    is_sound = isinstance(found, dict) and all(type(count) is int and count >= 0 for count in found.values())
    return MappingProxyType(found) if is_sound else None


def _known(found: Mapping[bytes, bytes]) -> dict[int, Counts]:
    """A damaged one is as unknown as an absent one; `doctor --ledger` names the desk."""
    numbers = {int(field): counts_of(value) for field, value in found.items() if text(field).isdecimal()}
    return {number: counts for number, counts in numbers.items() if counts is not None}
