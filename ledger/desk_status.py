"""The status of a desk: quota, lanes, calls, hold and open tickets, in few round trips."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from redis.client import Pipeline

from ledger.announcement import Announcement
from ledger.announcements import Announcements
from ledger.connection import text
from ledger.damage import whole
from ledger.holds import whole_hold
from ledger.redis_clock import time_ms
from ledger.settings import Desk
from ledger.settling import Settlement, settlements_of
from ledger.states import AnnouncementState, Outcome, State
from ledger.store import Store
from ledger.times import iso

__all__ = ["DeskStatus", "Lane", "Window", "desk_status", "desk_statuses"]


@dataclass(frozen=True, slots=True)
class Window:
    """One limit of the quota, and the calls granted in the current window."""

    limit: int
    seconds: int
    used: int


@dataclass(frozen=True, slots=True)
class Lane:
    """A lane with its backlog: the events of the desk, or one announcement."""

    name: str
    waiting: int
    oldest_seconds: float | None  #: since the oldest that waits was accepted
    timed: int = 0  #: of those that wait: for a start that has not come, or for sending hours

    def as_json(self) -> dict[str, Any]:
        return {"lane": self.name, "waiting": self.waiting, "oldest_seconds": self.oldest_seconds}


@dataclass(frozen=True, slots=True)
class DeskStatus:
    """The status of a desk, for `deskbell desks` and the console."""

    name: str
    windows: tuple[Window, ...]
    lowered_to: float | None  #: share of the quota that it uses, after repeated throttles
    in_flight: int  #: released or claimed
    calls: Mapping[Outcome, int]  #: since the desk began
    lanes: tuple[Lane, ...]
    eta_seconds: float | None  #: until nothing waits, at the whole quota; None without limits, on hold, or all paused
    tickets_open: int
    tickets_age_seconds: float | None  #: since the ticket list was last fetched
    hold: Mapping[str, Any] | None
    unknown: int  #: maybe-sent notifications at rest
    unresolved: int = 0  #: events whose e-mail address or mobile number has not led to anybody yet
    people_hold: Mapping[str, Any] | None = None  #: why Feishu does not say who addresses belong to
    settling: tuple[Settlement, ...] = ()  #: what was maybe sent, is settled, and can still be taken back

    @property
    def wasted(self) -> dict[Outcome, int]:
        """Calls that delivered nothing, by cause."""
        return {outcome: n for outcome, n in self.calls.items() if outcome is not Outcome.DELIVERED and n}

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "windows": [{"limit": each.limit, "seconds": each.seconds, "used": each.used} for each in self.windows],
            "lowered_to": self.lowered_to,
            "in_flight": self.in_flight,
            "calls": {"used": sum(self.calls.values()), "wasted": self.wasted},
            "lanes": [lane.as_json() for lane in self.lanes],
            "eta_seconds": None if self.eta_seconds is None else round(self.eta_seconds),
            "tickets": {"open": self.tickets_open, "age_seconds": self.tickets_age_seconds},
            "hold": _hold_json(self.hold),
            "addresses": {"unresolved": self.unresolved, "hold": _hold_json(self.people_hold)},
        }


def _hold_json(hold: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if hold is None:
        return None
    since, until = (iso(round(hold[name])) for name in ("since", "until"))
    return {"kind": hold["kind"], "reason": hold["reason"], "since": since, "until": until}


def desk_status(
    store: Store, desk: Desk, announcements: Iterable[Announcement] | None = None, now_ms: int | None = None
) -> DeskStatus:
    """Reads a desk's status, with these announcements; by default it reads them too."""
    return desk_statuses(store, [desk], announcements, now_ms)[0]


def desk_statuses(
    store: Store,
    desks: Sequence[Desk],
    announcements: Iterable[Announcement] | None = None,
    now_ms: int | None = None,
) -> list[DeskStatus]:
    """The statuses of several desks, in two round trips for all, beside those for the announcements.

    `now_ms`: of Redis' clock, if it was just asked.
    """
    known = None if announcements is None else list(announcements)
    found: dict[int, DeskStatus] = {}
    for server, places in store.by_server([desk.name for desk in desks]):
        found.update(zip(places, _statuses(server, [desks[place] for place in places], known, now_ms), strict=True))
    return [found[place] for place in range(len(desks))]


def _statuses(
    store: Store, desks: Sequence[Desk], announcements: Iterable[Announcement] | None, now_ms: int | None
) -> list[DeskStatus]:
    """Of desks of one server."""
    known = list(Announcements(store).newest() if announcements is None else announcements)
    pipe = store.redis.pipeline(transaction=False)
    for desk in desks:
        _ask(pipe, store, desk.name)
    if now_ms is None:
        pipe.time()
    answers = pipe.execute()
    now_ms = time_ms(answers.pop()) if now_ms is None else now_ms
    several = [_Answer(*answers[at : at + len(_Answer._fields)]) for at in range(0, len(answers), len(_Answer._fields))]
    accepted = _accepted_at(store, [answer.first for answer in several])
    return [
        _status(desk, answer, since, now_ms, [each for each in known if each.spec.desk == desk.name])
        for desk, answer, since in zip(desks, several, accepted, strict=True)
    ]


class _Answer(NamedTuple):
    """The answers to `_ask`, in order."""

    fields: Mapping[bytes, bytes]
    slots: Sequence[bytes]
    share: bytes | None
    leases: int
    calls: Mapping[bytes, bytes]
    tickets: int
    events: Mapping[bytes, bytes]
    first: bytes | None
    unresolved: int


def _ask(pipe: Pipeline, store: Store, name: str) -> None:
    keys = store.keys
    pipe.hgetall(keys.desk(name))
    pipe.lrange(keys.slots(name), 0, -1)
    pipe.get(keys.share(name))
    pipe.zcard(keys.leases(name))
    pipe.hgetall(keys.calls(name))
    pipe.zcard(keys.tickets(name))
    pipe.hgetall(keys.lane(f"e_{name}"))
    pipe.lindex(keys.waiting(f"e_{name}"), 0)
    pipe.zcard(keys.unresolved(name))


def _accepted_at(store: Store, ids: Sequence[bytes | None]) -> list[int | None]:
    """When each of these events was accepted, ms."""
    pipe = store.redis.pipeline(transaction=False)
    for id in ids:
        if id is not None:
            pipe.hget(store.keys.notification(text(id)), "created_at")
    found = iter(pipe.execute())
    times = (None if id is None else next(found) for id in ids)
    return [whole("a time", int, time) if time else None for time in times]


def _status(
    desk: Desk, answer: _Answer, first_ms: int | None, now_ms: int, announcements: Sequence[Announcement]
) -> DeskStatus:
    fields = answer.fields
    hold = whole_hold(fields.get(b"hold"))
    running = [each for each in announcements if each.left]
    lanes = (_event_lane(answer.events, first_ms, now_ms), *(_lane(each, now_ms) for each in running))
    lowered_to = float(answer.share) if answer.share else None
    return DeskStatus(
        name=desk.name,
        windows=tuple(_window(limit.calls, limit.seconds, answer.slots, now_ms) for limit in desk.rate),
        lowered_to=lowered_to,
        in_flight=answer.leases,
        calls={Outcome(text(outcome)): int(n) for outcome, n in answer.calls.items()},
        lanes=lanes,
        eta_seconds=None if hold else _eta(desk, lowered_to, lanes, running),
        tickets_open=answer.tickets,
        tickets_age_seconds=(now_ms - int(fields[b"tickets_at"])) / 1000 if b"tickets_at" in fields else None,
        hold=hold,
        unknown=int(answer.events.get(b"unknown", 0)) + sum(each.counts[State.UNKNOWN] for each in announcements),
        unresolved=answer.unresolved,
        people_hold=whole_hold(fields.get(b"people_hold")),
        settling=settlements_of(desk.name, fields.get(b"settling")),
    )


def _window(calls: int, seconds: int, slots: Sequence[bytes], now_ms: int) -> Window:
    return Window(calls, seconds, sum(now_ms - seconds * 1000 < float(at) <= now_ms for at in slots))


def _event_lane(fields: Mapping[bytes, bytes], first_ms: int | None, now_ms: int) -> Lane:
    waiting = sum(int(fields.get(state.encode(), 0)) for state in (State.QUEUED, State.DEFERRED, State.SCHEDULED))
    timed = int(fields.get(State.SCHEDULED.encode(), 0))
    return Lane("events", waiting, None if first_ms is None else (now_ms - first_ms) / 1000, timed)


def _lane(announcement: Announcement, now_ms: int) -> Lane:
    timed = announcement.left if announcement.due_ms else announcement.counts[State.SCHEDULED]
    return Lane(announcement.id, announcement.left, (now_ms - announcement.created_ms) / 1000, timed)


def _eta(
    desk: Desk, lowered_to: float | None, lanes: Sequence[Lane], announcements: Sequence[Announcement]
) -> float | None:
    """At the whole quota. Paused announcements do not count, since their end is unknown, nor what waits for a time."""
    paused = {each.id for each in announcements if each.state is not AnnouncementState.RUNNING}
    waiting = sum(lane.waiting - lane.timed for lane in lanes if lane.name not in paused)
    if not desk.rate or (not waiting and any(lane.waiting for lane in lanes)):
        return None
    per_second = min(limit.calls / limit.seconds for limit in desk.rate) * (lowered_to or 1)
    return waiting / per_second
