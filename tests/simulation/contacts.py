"""The contact API of the simulated Feishu: who is behind addresses, as long as it answers."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from feishu.client import Person
from tests.simulation.story import Story
from tests.simulation.timeline import Timeline

__all__ = ["AWAY", "Contacts"]

#: How it is away: nobody takes the connection; no answer comes; it breaks; it asks for a pause.
AWAY = ("refused", "silent", "broken", "throttled")
#: For each half of an answer; and until its caller gives up, seconds.
_HALF_SECONDS, _GIVEN_UP_SECONDS = (0.01, 0.4), 1.0


@dataclass
class Contacts:
    """`people` are open_ids by address, as they stand now."""

    timeline: Timeline
    rng: random.Random
    story: Story
    people: dict[str, str]
    is_away: str = ""  #: one of AWAY
    asking: int = 0  #: questions under way
    answers: int = 0

    def move(self, address: str, to: str) -> None:
        """From now on it is the address of somebody else."""
        if address:
            self.people[address] = to

    def answer(self, addresses: Sequence[str], *, with_resigned: bool) -> list[Person] | str:
        """The people, or how it is away. Takes time, in the middle of which it looks."""
        self.asking += 1
        try:
            self.timeline.sleep(self.rng.uniform(*_HALF_SECONDS))
            away, found = self.is_away, [self._person(address, with_resigned) for address in addresses]
            self.story.note("contacts", *addresses, away or " ".join(person.open_id or "nobody" for person in found))
            self.answers += not away
            self.timeline.sleep(_GIVEN_UP_SECONDS if away == "silent" else self.rng.uniform(*_HALF_SECONDS))
            return away or found
        finally:
            self.asking -= 1

    def _person(self, address: str, with_resigned: bool) -> Person:
        open_id = self.people.get(address, "nobody")
        is_named = not open_id.startswith("nobody") and (with_resigned or not open_id.startswith("resigned"))
        return Person(open_id if is_named else None, None)
