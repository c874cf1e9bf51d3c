"""The notifications of a lane whose state may still change, for comparing its counts with them at one moment."""

from collections import Counter
from dataclasses import dataclass, field

from ledger.states import TRANSITIONS, State

__all__ = ["MOST_MOVING", "SETTLED", "Moving"]

#: States that nothing leaves: a look at any time tells them for good.
SETTLED = frozenset(state for state, targets in TRANSITIONS.items() if not targets)
#: Of a lane with more of them the counts are not compared one by one: Redis would stop for longer than some 10 ms.
MOST_MOVING = 5000


@dataclass
class Moving:
    """Of one lane. `since`: what came later is not among them; ms of events, and a row's number."""

    desk: str
    since: int
    ids: set[str] = field(default_factory=set)
    settled: Counter[State] = field(default_factory=Counter)
    is_too_many: bool = False

    def note(self, id: str, state: State) -> None:
        if state in SETTLED:
            self.settled[state] += 1
        elif not self.is_too_many:
            self.ids.add(id)
            self.is_too_many = len(self.ids) > MOST_MOVING
