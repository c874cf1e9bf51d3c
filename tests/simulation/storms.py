"""Events that go into one message, in a schedule: several to one receiver, with a throttle or a digest.

All of it comes from a generator of its own: a seed without such events tells the story that it told without them.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from ledger.delivery_options import OnOpenTicket, OnUnknown
from tests.chaos.traffic import Asked

__all__ = ["Storms"]

#: Of the schedules, those with a storm.
_WITH_STORMS = 0.15
_MOST_STORMS, _MOST_EVENTS = 2, 6
#: Receivers by prefix, as those of other events.
_RECEIVERS = {"ou_plain": 50, "ou_ticket": 8, "ou_flaky": 10, "ou_cut": 12, "ou_late": 8, "ou_unknown": 4}
#: So short that they end within a schedule.
_WINDOWS = ("digest 1s", "digest 2s", "throttle 1s", "throttle 3s")
#: A storm comes at once, or over as long as all the rest, seconds.
_AT_ONCE, _AT_ONCE_SECONDS = 0.5, 0.3


@dataclass(frozen=True)
class Storms:
    events: Mapping[str, Asked]
    asked_at: Mapping[str, float]
    asked_again: frozenset[str]

    @classmethod
    def drawn(cls, seed: int, lasts_seconds: float) -> "Storms":
        rng = random.Random(f"storms {seed}")
        if rng.random() >= _WITH_STORMS:
            return cls({}, {}, frozenset())
        events: dict[str, Asked] = {}
        asked_at: dict[str, float] = {}
        for storm in range(rng.randint(1, _MOST_STORMS)):
            begins = rng.uniform(0, lasts_seconds)
            takes = _AT_ONCE_SECONDS if rng.random() < _AT_ONCE else lasts_seconds
            like = _like(rng, storm)
            for number in range(rng.randint(2, _MOST_EVENTS)):
                key = f"ej{storm}-{number}"
                events[key] = like.named(key)
                asked_at[key] = begins + rng.uniform(0, takes)
        return cls(events, asked_at, frozenset(key for key in events if rng.random() < 0.25))


def _like(rng: random.Random, storm: int) -> Asked:
    """What the events of a storm have in common."""
    [kind] = rng.choices(list(_RECEIVERS), list(_RECEIVERS.values()))
    on_unknown = OnUnknown.HOLD if rng.random() < 0.5 else OnUnknown.RESEND
    [on_open_ticket] = rng.choices(list(OnOpenTicket), [8, 1, 2])
    return Asked("", f"{kind}_j{storm}", on_unknown, on_open_ticket, window=rng.choice(_WINDOWS))
