"""Following notifications until they rest."""

import time
from collections.abc import Callable, Iterator, Sequence

from ledger.ledger import Ledger
from ledger.record import Record
from ledger.states import FINAL, State

__all__ = ["at_rest", "changes"]

#: Between two looks. What happens in between is seen in the attempts, though not as a state.
LOOK_SECONDS = 0.2


def at_rest(record: Record) -> bool:
    """Whether nothing will happen to it by itself."""
    return record.progress.state in FINAL or record.progress.state is State.UNKNOWN


def changes(
    ledger: Ledger,
    ids: Sequence[str],
    *,
    timeout_seconds: float | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Record]:
    """The records of `ids` as they are, and again after each new state or attempt, until all rest or the time is up.

    Raises NotFound.
    """
    ends_at = None if timeout_seconds is None else clock() + timeout_seconds
    seen: dict[str, tuple[State, int]] = {}
    moving = list(ids)
    while True:
        records = ledger.get_many(moving)
        for record in records:
            stands = (record.progress.state, len(record.progress.attempts))
            if seen.get(record.id) != stands:
                seen[record.id] = stands
                yield record
        moving = [record.id for record in records if not at_rest(record)]
        if not moving or (ends_at is not None and clock() >= ends_at):
            return
        sleep(LOOK_SECONDS)
