"""What happens in one schedule, all of it from its seed: who asks for what, and what goes wrong when."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ledger.delivery_options import OnOpenTicket, OnUnknown
from ledger.notification import Notification
from ledger.rate import Limit, parse_rate
from tests.chaos.traffic import Announced, Asked
from tests.simulation.act import Act
from tests.simulation.addresses import Addresses
from tests.simulation.storms import Storms

__all__ = ["Schedule"]

#: Quotas that some ten notifications can reach, and how often each is drawn.
_RATES = {"unlimited": 3, "5/second": 4, "3/2second": 4, "10/second;12/3second": 2, "2/second": 3}
#: One way to Redis, seconds: on the machine, in the house, in the country, beyond the sea.
_DISTANCES = {0.0002: 7, 0.004: 3, 0.03: 2, 0.06: 2}
#: Receivers by prefix: `ou_ticket_vague` has an open ticket and answers as a flaky one would.
_RECEIVERS = {
    "ou_plain": 50, "ou_ticket": 8, "ou_ticket_vague": 8, "ou_flaky": 10, "ou_cut": 9, "ou_late": 6, "ou_unknown": 4,
}  # fmt: skip
#: What may go wrong, and how often each is drawn.
_ACTS = {
    "kill": 5, "kill in a trip": 10, "freeze": 5, "stop": 4, "start": 3, "restart redis": 3, "cut off": 5,
    "set clock": 4, "set wall clock": 1, "throttle": 5, "api away": 5, "pause": 4, "cancel": 2, "double all": 3,
    "lock": 0.15, "late messages": 4, "stalls": 4, "losses": 6, "faults": 5, "pauses": 5,
}  # fmt: skip
#: Steps of Redis' clock, seconds. One of less than 2 s is noticed only afterwards, as is one back by as long as nobody
#: led.
_STEPS = (-3600.0, -30.0, 3.0, 30.0, 3600.0)
_LEAST_ACTS, _MOST_ACTS = 1, 7
#: Of the announcements, those that pause after their first rows.
_WITH_FIRST = 0.3


@dataclass
class Schedule:
    """Of one seed."""

    seed: int
    rng: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.rng = rng = random.Random(f"schedule {self.seed}")
        [self.rate_text] = rng.choices(list(_RATES), list(_RATES.values()))
        [self.one_way_seconds] = rng.choices(list(_DISTANCES), list(_DISTANCES.values()))
        self.lasts_seconds = rng.uniform(1.5, 5.0)
        self.events = {f"e{number}": self._event(f"e{number}") for number in range(rng.randint(3, 8))}
        self.announced = {f"a{number}": self._announced(f"a{number}") for number in range(rng.choice((0, 1, 1, 2)))}
        self.asked_at = {key: rng.uniform(0, self.lasts_seconds * 0.6) for key in (*self.events, *self.announced)}
        if rng.random() < 0.4:  # all at once, so that they wait for slots
            self.asked_at = dict.fromkeys(self.asked_at, 0.05)
        self.asked_again = {key for key in self.asked_at if rng.random() < 0.25}
        self.has_ticket_events = rng.random() < 0.5
        acts = sorted(map(self._act, range(rng.randint(_LEAST_ACTS, _MOST_ACTS))), key=lambda act: act.at)
        # Two steps of a clock within a second are no promise's business: pacers look every 0.4 s.
        steps = [act for act in acts if act.kind == "set clock"]
        acts = [act for act in acts if act.kind != "set clock" or act is steps[0]]
        self._add(Addresses.drawn(self.seed, self.lasts_seconds), acts)

    def _add(self, addresses: Addresses, acts: Sequence[Act]) -> None:
        self.addresses = addresses
        for each in (addresses, Storms.drawn(self.seed, self.lasts_seconds)):
            self.events |= each.events
            self.asked_at |= each.asked_at
            self.asked_again |= each.asked_again
        self.acts = sorted([*acts, *addresses.acts], key=lambda act: act.at)

    @property
    def rate(self) -> tuple[Limit, ...]:
        return parse_rate(self.rate_text)

    def _event(self, marker: str) -> Asked:
        return self._asked(marker, self._on_unknown())

    def _announced(self, key: str) -> Announced:
        on_unknown = self._on_unknown()
        rows = tuple(self._asked(f"{key}-{row}", on_unknown) for row in range(self.rng.randint(2, 6)))
        asked = tuple(Asked(row.marker, row.receiver_id, on_unknown) for row in rows)
        dice = random.Random(f"first {self.seed} {key}")  # of its own, so that all else stays as it is
        first = dice.randint(1, len(rows)) if dice.random() < _WITH_FIRST else None
        return Announced(key, asked, on_unknown, first, starter=None)  # what tells them is not simulated

    def _on_unknown(self) -> OnUnknown:
        return OnUnknown.HOLD if self.rng.random() < 0.5 else OnUnknown.RESEND

    def _asked(self, marker: str, on_unknown: OnUnknown) -> Asked:
        [prefix] = self.rng.choices(list(_RECEIVERS), list(_RECEIVERS.values()))
        [on_open_ticket] = self.rng.choices(list(OnOpenTicket), [8, 1, 2])
        return Asked(marker, prefix + marker, on_unknown, on_open_ticket)

    def _act(self, _: int) -> Act:
        rng = self.rng
        [kind] = rng.choices(list(_ACTS), list(_ACTS.values()))
        seconds = {
            "freeze": lambda: rng.choice((0.2, 0.5, 3.0, 6.0, 12.0)),
            "restart redis": lambda: rng.uniform(0.05, 1.5),
            "cut off": lambda: rng.choice((0.1, 0.6, 2.0, 6.0)),
            "set clock": lambda: rng.choice(_STEPS),
            "set wall clock": lambda: rng.choice((-3600.0, 3600.0)),
            "throttle": lambda: float(rng.randint(1, 9)),
        }.get(kind, lambda: rng.uniform(0.2, 2.0))()
        return Act(rng.uniform(0.0, self.lasts_seconds), kind, seconds, rng.randrange(1000))

    @cached_property
    def total(self) -> int:
        return len(self.events) + sum(len(announced.rows) for announced in self.announced.values())

    def notification(self, key: str) -> Notification:
        return self.events[key].notification()

    def asked(self, key: str, id: str) -> Mapping[str, Asked]:
        """For the judge."""
        return {id: self.events[key]} if key in self.events else self.announced[key].ids(id)

    def __str__(self) -> str:
        settings: dict[str, Any] = {"rate": self.rate_text, "one way": f"{self.one_way_seconds * 1000:g} ms"}
        settings |= {"notifications": self.total, "acts": ", ".join(f"{act.at:.2f} {act}" for act in self.acts)}
        return f"seed {self.seed}: " + "; ".join(f"{name} {value}" for name, value in settings.items())
