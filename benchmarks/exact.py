"""Exact delivery: every notification delivered exactly once where it was sent, and `delivered` in the ledger.

A figure of a run in which this fails is worth nothing, so the run ends with an error and publishes nothing.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable

from ledger.ledger import Ledger
from ledger.states import OF_ROWS, AnnouncementState, State

__all__ = ["NotExact", "check_all_delivered", "check_messages"]

#: For the last results to be recorded, seconds.
LONGEST_SECONDS = 60
_LOOK_SECONDS = 0.1


class NotExact(Exception):
    """Something was lost, sent twice, or not recorded."""


def check_messages(messages: Callable[[], Counter[str]], ledger: Ledger, desk: str) -> None:
    """After the end of a run: `messages` returns how many each receiver got. Raises NotExact.

    What the benchmark left waiting is cancelled first.
    """
    _stop_rest(ledger)
    states = _settled_states(ledger, desk)
    if states.keys() - {State.DELIVERED, State.CANCELLED, State.JOINED}:
        raise NotExact(f"the ledger has {dict(states)}")
    recorded, got = _delivered_receivers(ledger, desk), messages()  # in this order: now no call is under way
    if recorded != got:
        odd = (recorded - got) + (got - recorded)
        raise NotExact(f"{odd.total()} differ between messages and ledger, such as {odd.most_common(3)}")


def check_all_delivered(ledger: Ledger, desks: Iterable[str], expected: int) -> None:
    """Raises NotExact unless the ledger has so many notifications in these desks, all delivered."""
    states = sum((_settled_states(ledger, desk) for desk in desks), Counter[State]())
    if states != {State.DELIVERED: expected}:
        raise NotExact(f"the ledger has {dict(states)}, not {expected} delivered")


def _stop_rest(ledger: Ledger) -> None:
    for announcement in ledger.announcements.newest():
        if announcement.state in (AnnouncementState.RUNNING, AnnouncementState.PAUSED):
            ledger.announcements.cancel(announcement.id, by="benchmark")


def _settled_states(ledger: Ledger, desk: str) -> Counter[State]:
    """Once nothing is under way, or after LONGEST_SECONDS."""
    moving = {State.QUEUED, State.SENDING, State.DEFERRED}
    return _once(lambda: _states(ledger, desk), lambda states: not states.keys() & moving)


def _once(look: Callable[[], Counter[State]], enough: Callable[[Counter[State]], bool]) -> Counter[State]:
    deadline = time.monotonic() + LONGEST_SECONDS
    while not enough(found := look()) and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    return found


def _states(ledger: Ledger, desk: str) -> Counter[State]:
    states = Counter[State](ledger.counts(desk))
    for announcement in ledger.announcements.newest():
        if announcement.spec.desk == desk:
            states.update({state: announcement.counts[state] for state in OF_ROWS})
    return +states


def _delivered_receivers(ledger: Ledger, desk: str) -> Counter[str]:
    """How many notifications of each receiver are recorded as delivered."""
    events = (record.notification for record in ledger.events(State.DELIVERED))
    found = Counter(event.receiver_id for event in events if event.desk == desk)
    for announcement in ledger.announcements.newest():
        if announcement.spec.desk == desk:
            rows = ledger.announcements.rows(announcement.id)
            found.update(each.row.receiver_id for each in rows if each.progress.state is State.DELIVERED)
    return found
