"""How a desk stands: its quota, its lanes, its calls, its hold, its open tickets. Read in three round trips."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import orjson

from ledger.announcement import Announcement, AnnouncementState
from ledger.connection import text
from ledger.models import iso
from ledger.settings import Desk
from ledger.states import Outcome, State

if TYPE_CHECKING:
    from ledger.ledger import Ledger

__all__ = ["DeskStatus", "Lane", "Window", "desk_status"]


@dataclass(frozen=True, slots=True)
class Window:
    """One limit of the quota, and the calls granted in the window that ends now."""

    limit: int
    seconds: int
    used: int


@dataclass(frozen=True, slots=True)
class Lane:
    """Where notifications wait: the events of the desk, or one announcement."""

    name: str
    waiting: int
    oldest_seconds: float | None  #: since the oldest that waits was accepted

    def as_json(self) -> dict[str, Any]:
        return {"lane": self.name, "waiting": self.waiting, "oldest_seconds": self.oldest_seconds}


@dataclass(frozen=True, slots=True)
class DeskStatus:
    """All that `deskbell desks` and the console tell of a desk."""

    name: str
    windows: tuple[Window, ...]
    lowered_to: float | None  #: share of the quota that it uses, after repeated throttles
    in_flight: int  #: released or claimed
    calls: Mapping[Outcome, int]  #: since the desk began
    lanes: tuple[Lane, ...]
    eta_seconds: float | None  #: until nothing waits, at the whole quota; None without limits, or while it is held
    tickets_open: int
    tickets_age_seconds: float | None  #: since the ticket list was last taken
    hold: Mapping[str, Any] | None

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
            "hold": self._hold_json(),
        }

    def _hold_json(self) -> dict[str, Any] | None:
        if self.hold is None:
            return None
        since, until = (iso(round(self.hold[name])) for name in ("since", "until"))
        return {"kind": self.hold["kind"], "reason": self.hold["reason"], "since": since, "until": until}


def desk_status(ledger: "Ledger", desk: Desk) -> DeskStatus:
    """Reads how a desk stands now."""
    keys, name = ledger.keys, desk.name
    pipe = ledger.redis.pipeline(transaction=False)
    pipe.time()
    pipe.hgetall(keys.desk(name))
    pipe.lrange(keys.slots(name), 0, -1)
    pipe.get(keys.share(name))
    pipe.zcard(keys.leases(name))
    pipe.hgetall(keys.calls(name))
    pipe.zcard(keys.tickets(name))
    pipe.hgetall(keys.lane(f"e_{name}"))
    pipe.lindex(keys.waiting(f"e_{name}"), 0)
    time, fields, slots, share, leases, calls, tickets, events, first = pipe.execute()
    now_ms = time[0] * 1000 + time[1] // 1000
    hold = orjson.loads(fields[b"hold"]) if b"hold" in fields else None
    announcements = [each for each in ledger.announcements.newest() if each.spec.desk == name and each.left]
    lanes = (_event_lane(ledger, events, first, now_ms), *(_lane(each, now_ms) for each in announcements))
    lowered_to = float(share) if share else None
    return DeskStatus(
        name=name,
        windows=tuple(_window(limit.calls, limit.seconds, slots, now_ms) for limit in desk.rate),
        lowered_to=lowered_to,
        in_flight=leases,
        calls={Outcome(text(outcome)): int(n) for outcome, n in calls.items()},
        lanes=lanes,
        eta_seconds=None if hold else _eta(desk, lowered_to, lanes, announcements),
        tickets_open=tickets,
        tickets_age_seconds=(now_ms - int(fields[b"tickets_at"])) / 1000 if b"tickets_at" in fields else None,
        hold=hold,
    )


def _window(calls: int, seconds: int, slots: Sequence[bytes], now_ms: int) -> Window:
    return Window(calls, seconds, sum(now_ms - seconds * 1000 < float(at) <= now_ms for at in slots))


def _event_lane(ledger: "Ledger", fields: Mapping[bytes, bytes], first: bytes | None, now_ms: int) -> Lane:
    waiting = sum(int(fields.get(state.encode(), 0)) for state in (State.QUEUED, State.DEFERRED, State.SCHEDULED))
    if first is None:
        return Lane("events", waiting, None)
    created = cast(bytes | None, ledger.redis.hget(ledger.keys.notification(text(first)), "created_at"))
    return Lane("events", waiting, (now_ms - int(created)) / 1000 if created else None)


def _lane(announcement: Announcement, now_ms: int) -> Lane:
    return Lane(announcement.id, announcement.left, (now_ms - announcement.created_ms) / 1000)


def _eta(
    desk: Desk, lowered_to: float | None, lanes: Sequence[Lane], announcements: Sequence[Announcement]
) -> float | None:
    """At the whole quota. What is paused counts for nothing, since nobody knows until when."""
    paused = {each.id for each in announcements if each.state is not AnnouncementState.RUNNING}
    waiting = sum(lane.waiting for lane in lanes if lane.name not in paused)
    if not desk.rate:
        return None
    per_second = min(limit.calls / limit.seconds for limit in desk.rate) * (lowered_to or 1)
    return waiting / per_second
