"""What is asked for in a run: each notification follows from its key alone, so that both sides can work it out."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import orjson

from ledger.addresses import address_fields
from ledger.announcement import Spec
from ledger.delivery_options import OnOpenTicket, OnUnknown
from ledger.ids import row_id
from ledger.notification import Notification
from tests.chaos.company import Audience, Company

__all__ = ["FAULTS", "Announced", "Asked", "DraftPlan", "Traffic"]

#: How the receivers behave, by prefix, and how often each kind is drawn. `ou_ticket`, `ou_flaky` and `ou_cut` are those
#: of `sandbox --demo`: an open ticket, two answers 155000, a connection cut after the delivery.
_KINDS = {"ou_plain": 62, "ou_ticket": 9, "ou_flaky": 8, "ou_cut": 6, "ou_slow": 9, "ou_late": 3, "ou_unknown": 3}
#: With a timeout of one second: a call that is nearly too slow, and one that is delivered after the caller gave up.
FAULTS: tuple[dict[str, Any], ...] = (
    {"match": {"prefix": "ou_slow"}, "times": 1, "per_receiver": True, "do": {"delay_ms": 600}},
    {"match": {"prefix": "ou_late"}, "times": 1, "per_receiver": True, "do": {"delay_ms": 1300}},
    # A walk lasts long enough to be killed in.
    {"match": {"path": "department_users"}, "do": {"delay_ms": 200}},
)
#: Who is told of the end of each announcement of rows, and of its pauses.
STARTER = "ou_plain_starter"
#: Of the events, and of the announcements, those that are not to be repeated.
_EVENTS_HELD, _ANNOUNCEMENTS_HELD = 0.4, 0.7
_TICKET_FAILS = 0.2
#: Of the events, those that name their receiver by e-mail address. The sandbox leads `x@…` to `ou_x`.
_BY_MAIL = 0.3
#: Of the stretches of so many events of a producer, those that are a storm: to one receiver, with one of these windows.
_STORMS, _OF_A_STORM = 0.3, 10
_WINDOWS = ("digest 2s", "digest 5s", "throttle 2s", "throttle 6s")
#: Of the announcements, those that pause after their first rows.
_ANNOUNCEMENTS_WITH_FIRST = 0.4
#: Of events; the last one comes over HTTP.
_PRODUCERS = 3
#: People of the company, in a short run and in a long one; and notifications for each announcement to an audience.
_PEOPLE, _MANY_PEOPLE, _FOR_EACH_AUDIENCE = 40, 160, 1200
_LEAST_AUDIENCES = 4


@dataclass(frozen=True, slots=True)
class Asked:
    """One notification as it was asked for. Its marker is its text, and stands in every call for it.

    `contact` is the e-mail address or mobile number by which it names its receiver, if it does; `heir` who has that
    later. `window` is such as `digest 3s` for an event that may go into a message with others.
    """

    marker: str
    receiver_id: str
    on_unknown: OnUnknown
    on_open_ticket: OnOpenTicket = OnOpenTicket.REROUTE
    contact: str = ""
    heir: str = ""
    window: str = ""

    def named(self, marker: str) -> "Asked":
        """Another one like it."""
        return replace(self, marker=marker)

    @property
    def address(self) -> dict[str, str]:
        return address_fields(self.contact or self.receiver_id)

    @property
    def receivers(self) -> set[str]:
        """Those to whom it may be sent."""
        return {self.receiver_id, self.heir or self.receiver_id}

    @property
    def may_fail(self) -> bool:
        """Whether the API refuses it for good: nobody there, or a ticket that must not be got around."""
        refuses = self.receiver_id.startswith("ou_ticket") and self.on_open_ticket == OnOpenTicket.FAIL
        return refuses or self.receiver_id.startswith(("ou_unknown", "nobody", "resigned"))

    def fields(self) -> dict[str, str]:
        """As the HTTP API takes them, but for the key."""
        policies = {"on_unknown": self.on_unknown.value, "on_open_ticket": self.on_open_ticket.value}
        window = dict([self.window.split()]) if self.window else {}
        return {**self.address, "text": self.marker, **policies, **window}

    def notification(self) -> Notification:
        return Notification.build({**self.fields(), "key": self.marker})


@dataclass(frozen=True, slots=True)
class DraftPlan:
    """What happens to a draft on its way. One that is `edited`, after its approval, has other texts before."""

    edited: bool
    started_at_once: bool  #: by two processes


@dataclass(frozen=True)
class Announced:
    """One announcement as it was asked for. Of one to an audience, `rows` are those it must reach, in any order; of a
    draft, those of its last version."""

    key: str
    rows: tuple[Asked, ...]
    on_unknown: OnUnknown
    first: int | None = None
    stop_at: str | None = None
    audience: Audience | None = None
    starter: str | None = STARTER  #: who is told of its end and its pauses
    draft: DraftPlan | None = None

    @cached_property
    def spec(self) -> Spec:
        message = {"msg_type": "text", "content": {"text": "{{ marker }}"}}
        stops = {"first": self.first, "stop_at": self.stop_at}
        told = {"on_unknown": self.on_unknown, "notify": self.starter, **stops}
        return Spec(name=self.key, message=message, columns=("marker",), **told)

    def loaded(self) -> Iterator[bytes]:
        """The rows as the ledger keeps them."""
        for line, row in enumerate(self.rows, 1):
            yield orjson.dumps([line, row.receiver_id, [row.marker]])

    def arguments(self) -> dict[str, Any]:
        """Of one to an audience, as `Notifier.announce` takes them. A message's text names its person."""
        said = {"name": self.key, "key": self.key, "text": f"{self.key} {{{{ name }}}}", "on_unknown": self.on_unknown}
        return {**said, **(self.audience or Audience()).arguments()}

    @cached_property
    def people(self) -> dict[str, Asked]:
        """Of one to an audience: whom it must reach, by receiver."""
        return {row.receiver_id: row for row in self.rows} if self.audience else {}

    def ids(self, announcement: str) -> dict[str, Asked]:
        return {row_id(announcement, number): row for number, row in enumerate(self.rows)}


@dataclass(frozen=True)
class Traffic:
    """All of a run: `events` for each of `producers`, `announcements` of `rows` each, and announcements to `audiences`
    in a company of so many `people`."""

    seed: int
    producers: int
    events: int
    announcements: int
    rows: int
    audiences: int
    people: int

    @classmethod
    def of(cls, seed: int, notifications: int) -> "Traffic":
        """About half of them events."""
        rows = 250 if notifications >= 5000 else 60
        announcements = -(-notifications // (2 * rows))
        events = -(-(notifications - announcements * rows) // _PRODUCERS)
        audiences = max(_LEAST_AUDIENCES, notifications // _FOR_EACH_AUDIENCE)
        people = _MANY_PEOPLE if notifications >= 5000 else _PEOPLE
        return cls(seed, _PRODUCERS, events, announcements, rows, audiences, people)

    @property
    def total(self) -> int:
        return self.producers * self.events + self.announced_rows + self.to_audiences

    @property
    def announced_rows(self) -> int:
        """Every other announcement is a draft, with one row more: so many need an approval."""
        return self.announcements * self.rows + self.announcements // 2

    @cached_property
    def to_audiences(self) -> int:
        """Notifications."""
        return sum(len(self.to_audience(number).rows) for number in range(self.audiences))

    @cached_property
    def company(self) -> Company:
        return Company(self.seed, self.people)

    def event(self, producer: int, number: int) -> Asked:
        marker, storm = f"e{producer}-{number}", f"e{producer}-storm{number // _OF_A_STORM}"
        if self._rng(storm).random() < _STORMS:
            like = self._asked_event(storm)
            return replace(like, marker=marker, window=self._rng(f"{storm} window").choice(_WINDOWS))
        return self._asked_event(marker)

    def _asked_event(self, marker: str) -> Asked:
        rng = self._rng(marker)
        on_unknown = OnUnknown.HOLD if rng.random() < _EVENTS_HELD else OnUnknown.RESEND
        on_open_ticket = OnOpenTicket.FAIL if rng.random() < _TICKET_FAILS else OnOpenTicket.REROUTE
        receiver = self._receiver(rng, marker)
        mail = f"{receiver.removeprefix('ou_')}@example.com" if rng.random() < _BY_MAIL else ""
        return Asked(marker, receiver, on_unknown, on_open_ticket, mail)

    def announcement(self, number: int) -> Announced:
        key = f"a{number}"
        rng = self._rng(key)
        on_unknown = OnUnknown.HOLD if rng.random() < _ANNOUNCEMENTS_HELD else OnUnknown.RESEND
        draft = DraftPlan(number % 4 == 1, number % 6 == 1) if number % 2 else None
        markers = [f"{key}-{row}" for row in range(self.rows + (draft is not None))]
        rows = tuple(Asked(marker, self._receiver(rng, marker), on_unknown) for marker in markers)
        first = rng.randint(1, self.rows) if rng.random() < _ANNOUNCEMENTS_WITH_FIRST else None
        return Announced(key, rows, on_unknown, first, rng.choice([None, None, "4%"]), draft=draft)

    def to_audience(self, number: int) -> Announced:
        key = f"aw{number}"
        rng = self._rng(key)
        audience = self.company.audience(rng, number)
        on_unknown = OnUnknown.HOLD if rng.random() < _ANNOUNCEMENTS_HELD else OnUnknown.RESEND
        members = self.company.members(audience)
        rows = tuple(Asked(f"{key} {member}", f"ou_{member}", on_unknown) for member in members)
        return Announced(key, rows, on_unknown, audience=audience)

    def announced(self, key: str) -> Announced:
        """The announcement of a key `a…`."""
        return self.to_audience(int(key[2:])) if key.startswith("aw") else self.announcement(int(key[1:]))

    def asked(self, key: str, id: str) -> dict[str, Asked]:
        """What a key stands for, by the ids that follow from the id which was told for it."""
        if key[0] == "a":
            return self.announced(key).ids(id)
        producer, number = map(int, key[1:].split("-"))
        return {id: self.event(producer, number)}

    def _rng(self, key: str) -> random.Random:
        return random.Random(f"{self.seed} {key}")

    def _receiver(self, rng: random.Random, marker: str) -> str:
        [prefix] = rng.choices(list(_KINDS), list(_KINDS.values()))
        return prefix + marker
