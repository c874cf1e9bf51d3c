"""Events by e-mail address and mobile number in a schedule, and who is behind those addresses.

All of it comes from a generator of its own: a seed without such events tells the story that it told without them.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from ledger.delivery_options import OnUnknown
from tests.chaos.traffic import Asked
from tests.simulation.act import Act

__all__ = ["PEOPLE_FOR", "Addresses"]

#: How long answers are kept: so short that they end within a schedule.
PEOPLE_FOR = timedelta(seconds=2)
#: Of the schedules, those with such events.
_WITH_EVENTS = 0.2
#: Receivers by prefix, as those of other events; `nobody` and `resigned` are behind addresses only.
_RECEIVERS = {"ou_plain": 50, "ou_ticket": 8, "ou_flaky": 8, "ou_cut": 8, "ou_late": 5, "nobody": 12, "resigned": 6}
_MOST_EVENTS, _MOST_PEOPLE = 6, 4
#: Of the events, those that come when all is calm: what is cached has ended by then, or has not.
_LATE, _LATEST_SECONDS = 0.25, 8.0
#: What goes wrong with addresses, and how often each is drawn.
_ACTS = {"contacts away": 6, "address moves": 3}


@dataclass(frozen=True)
class Addresses:
    """`people` are open_ids by address; `nobody…` and `resigned…` are no receivers. `moved` is an address that gets
    another owner, its new one, and when."""

    events: Mapping[str, Asked]
    asked_at: Mapping[str, float]
    asked_again: frozenset[str]
    people: Mapping[str, str]
    acts: tuple[Act, ...]
    moved: tuple[str, str] = ("", "")

    @classmethod
    def drawn(cls, seed: int, lasts_seconds: float) -> "Addresses":
        rng = random.Random(f"addresses {seed}")
        if rng.random() >= _WITH_EVENTS:
            return cls({}, {}, frozenset(), {}, ())
        people = dict(_person(rng, number) for number in range(rng.randint(1, _MOST_PEOPLE)))
        acts = tuple(_act(rng, lasts_seconds) for _ in range(rng.randint(0, 2)))
        moves = any(act.kind == "address moves" for act in acts)
        moved = (rng.choice(list(people)), "ou_plain_new") if moves else ("", "")
        keys = [f"ea{number}" for number in range(rng.randint(1, _MOST_EVENTS))]
        return cls(
            events={key: _event(rng, key, people, moved) for key in keys},
            asked_at={key: _at(rng, lasts_seconds) for key in keys},
            asked_again=frozenset(key for key in keys if rng.random() < 0.25),
            people=people,
            acts=acts,
            moved=moved,
        )


def _person(rng: random.Random, number: int) -> tuple[str, str]:
    [kind] = rng.choices(list(_RECEIVERS), list(_RECEIVERS.values()))
    address = f"p{number}@example.com" if rng.random() < 0.6 else f"+861380000000{number}"
    return address, f"{kind}_p{number}"


def _event(rng: random.Random, key: str, people: Mapping[str, str], moved: tuple[str, str]) -> Asked:
    address = rng.choice(list(people))
    on_unknown = OnUnknown.HOLD if rng.random() < 0.5 else OnUnknown.RESEND
    heir = moved[1] if address == moved[0] else ""
    return Asked(key, people[address], on_unknown, contact=address, heir=heir)


def _at(rng: random.Random, lasts_seconds: float) -> float:
    return rng.uniform(0, lasts_seconds) + (rng.uniform(0, _LATEST_SECONDS) if rng.random() < _LATE else 0.0)


def _act(rng: random.Random, lasts_seconds: float) -> Act:
    [kind] = rng.choices(list(_ACTS), list(_ACTS.values()))
    return Act(rng.uniform(0, lasts_seconds), kind, rng.uniform(0.2, 3.0), rng.randrange(1000))
