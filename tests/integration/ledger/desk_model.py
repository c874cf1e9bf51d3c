"""A desk and its events in plain Python: what the ledger should say after each verb."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ledger.addresses import Contact
from ledger.delivery_options import OnUnknown
from ledger.leases import RELEASED_LEASE_MS, Swept
from ledger.notification import Notification
from ledger.progress import Attempt
from ledger.states import TRANSITIONS, State

__all__ = ["START_MS", "Expected", "Hold", "Model", "Settlement"]

START_MS = 1_800_000_000_000
MOST_LOST, OUTAGE_AFTER, FIRST_PROBE_MS, LONGEST_PROBE_MS = 5, 5, 5_000, 300_000


@dataclass
class Expected:
    """One notification, as it should stand."""

    id: str
    notification: Notification
    state: State
    token: str | None = None
    attempts: list[int] = field(default_factory=list)
    lost: int = 0
    retried: bool = False
    renewed: bool = False
    has_receiver: bool = True
    at_ms: int = 0  #: when it came to its state

    def is_expired(self, now_ms: int) -> bool:
        return 0 < self.notification.expires_ms <= now_ms


@dataclass
class Hold:
    kind: str
    until_ms: int
    interval_ms: int

    def stands(self, now_ms: int) -> bool:
        return self.until_ms > now_ms


@dataclass
class Settlement:
    """Of one notification; it can be taken back until it is due."""

    id: str
    to: State
    at_ms: int
    due_ms: int


@dataclass
class Window:
    """Of a throttle or a digest. Until something has joined, it has no message."""

    ends_ms: int
    message: str | None = None


class Model:
    """A desk without limits: its notifications, and the four places where one that is not at rest can be."""

    def __init__(self, lease_ms: int) -> None:
        self.now_ms = START_MS
        self.lease_ms = lease_ms
        self.all: dict[str, Expected] = {}
        self.keys: dict[str, str] = {}
        self.lane: list[str] = []  # also cancelled ones, until a release comes across them
        self.due: dict[str, int] = {}
        self.leases: dict[str, int] = {}
        self.unresolved: dict[str, int] = {}
        self.windows: dict[tuple[str, int, str], Window] = {}
        self.joined: dict[str, int] = {}  # by message, how many events have joined it
        self.people: dict[Contact, str | None] = {}  # what is cached
        self.app_is_known = False  # before the first question, nobody knows whose people are cached
        self.hold: Hold | None = None
        self.streak = 0
        self.settlement: Settlement | None = None

    def held(self) -> bool:
        return self.hold is not None and self.hold.stands(self.now_ms)

    def by_age(self, places: dict[str, int]) -> list[str]:
        return [id for id in sorted(places, key=lambda id: (places[id], id)) if places[id] <= self.now_ms]

    def move(self, id: str, state: State) -> Expected:
        expected = self.all[id]
        expected.state, expected.token, expected.renewed, expected.at_ms = state, None, False, self.now_ms
        self.due.pop(id, None)
        if state not in (State.QUEUED, State.SCHEDULED):
            self.unresolved.pop(id, None)
        return expected

    def retry(self, id: str) -> None:
        """What was cached of its address may be wrong by now."""
        contact = self.all[id].notification.contact
        if contact and not self.all[id].has_receiver:
            self.people.pop(contact, None)

    def enqueue(self, id: str) -> None:
        """At the end of its lane, or among those without a receiver."""
        if self.all[id].has_receiver:
            self.lane.append(id)
        else:
            self.unresolved[id] = self.now_ms

    def accept(self, id: str, notification: Notification, into: str | None = None) -> State:
        """`into`: the message that it has joined, by the ledger. Its id is new to the model where it opens a window."""
        if notification.key:
            self.keys[notification.key] = id
        window = self._taking(notification)
        late = window is not None and 0 < notification.expires_ms <= window.ends_ms
        if window is None or late:
            due_ms = notification.expires_ms if late else notification.due_ms
            return self._accept_alone(id, notification, due_ms)
        assert into is not None
        if window.message is None:
            self._open(window, into, notification)
        assert into == window.message
        self._extend(into, notification)
        self.joined[into] = self.joined.get(into, 0) + 1
        self.all[id] = Expected(id, notification, State.JOINED)
        return State.JOINED

    def _accept_alone(self, id: str, notification: Notification, due_ms: int) -> State:
        scheduled = due_ms > self.now_ms
        contact = notification.contact if notification.throttle or notification.digest else None
        is_cached = False
        if not contact and (contact := notification.contact):
            is_cached = self.app_is_known and not scheduled and bool(self.people.get(contact))
        self._place(Expected(id, notification, State.SCHEDULED if scheduled else State.QUEUED), due_ms, is_cached)
        return self.all[id].state

    def _place(self, it: Expected, due_ms: int, is_cached: bool = False) -> None:
        self.all[it.id] = it
        it.has_receiver = it.notification.contact is None or is_cached
        if not it.has_receiver:
            self.unresolved[it.id] = max(due_ms, self.now_ms)
        elif it.state is State.SCHEDULED:
            self.due[it.id] = due_ms
        else:
            self.lane.append(it.id)

    def _taking(self, notification: Notification) -> Window | None:
        """The window that takes it, if it does not expire before; None for one that goes by itself."""
        span = notification.throttle or notification.digest
        if span is None:
            return None
        length_ms = span // timedelta(milliseconds=1)
        name = ("throttle" if notification.throttle else "digest", length_ms, notification.address)
        window = self.windows.get(name)
        if window and self._is_open(window):
            window.ends_ms = self._waits(window.message) if window.message else window.ends_ms
            return window
        window = Window(self.now_ms + length_ms)
        late = 0 < notification.expires_ms <= window.ends_ms
        if notification.throttle or not late:
            self.windows[name] = window
        return None if notification.throttle else window

    def _is_open(self, window: Window) -> bool:
        if window.message is None:
            return window.ends_ms > self.now_ms
        return self.all[window.message].state is State.SCHEDULED

    def _waits(self, id: str) -> int:
        return self.due[id] if self.all[id].has_receiver else self.unresolved[id]

    def _open(self, window: Window, id: str, first: Notification) -> None:
        own = {"key": None, "throttle": None, "digest": None}
        window.message = id
        self._place(Expected(id, first.model_copy(update=own), State.SCHEDULED), window.ends_ms)

    def _extend(self, id: str, joined: Notification) -> None:
        """The message expires with the last of its events."""
        message = self.all[id]
        times = (message.notification.expires_at, joined.expires_at)
        expires_at = max(time for time in times if time) if all(times) else None
        message.notification = message.notification.model_copy(update={"expires_at": expires_at})

    def reschedule(self, id: str, at: datetime) -> bool:
        """Whether it may be; otherwise nothing changes."""
        expected = self.all[id]
        if expected.state is not State.SCHEDULED:
            return False
        expected.notification = expected.notification.model_copy(update={"at": at})
        places = self.due if expected.has_receiver else self.unresolved
        places[id] = expected.notification.due_ms
        return True

    def ask(self) -> list[Contact]:
        """Settles what is cached, and returns what Feishu must be asked about."""
        self.app_is_known = True
        for id in [id for id in self.unresolved if self.all[id].is_expired(self.now_ms)]:
            self.move(id, State.EXPIRED)
        contacts: dict[Contact, None] = {}
        for id in self.by_age(self.unresolved):
            self.move(id, State.QUEUED)
            contact = self.all[id].notification.contact
            assert contact is not None
            if contact in self.people:
                self._settle(id, found=self.people[contact] is not None)
            else:
                contacts[contact] = None
        return list(contacts)

    def _settle(self, id: str, *, found: bool) -> None:
        if found:
            del self.unresolved[id]
            self.all[id].has_receiver = True
            self.enqueue(id)
        else:
            self.move(id, State.FAILED)

    def release(self, room: int, in_flight: int) -> list[str]:
        for id in self.by_age(self.due):
            expired = self.all[id].is_expired(self.now_ms)
            self.move(id, State.EXPIRED if expired else State.QUEUED)
            if not expired:
                self.lane.append(id)
        self.carry_out()
        released: list[str] = []
        most = self._most(room, in_flight)
        while len(released) < most and self.lane:
            id = self.lane.pop(0)
            if self.all[id].state is State.QUEUED and self.all[id].is_expired(self.now_ms):
                self.move(id, State.EXPIRED)
            elif self.all[id].state is State.QUEUED:
                released.append(id)
                self.leases[id] = self.now_ms + RELEASED_LEASE_MS
        return released

    def carry_out(self) -> None:
        """The settlement, if it is due; not for what has been sent or settled since."""
        it = self.settlement
        if it is None or it.due_ms > self.now_ms:
            return
        self.settlement = None
        if self.all[it.id].state is State.UNKNOWN and self.all[it.id].at_ms <= it.at_ms:
            self.move(it.id, it.to).lost = 0
            if it.to is State.QUEUED:
                self.enqueue(it.id)

    def _most(self, room: int, in_flight: int) -> int:
        if self.held():
            return 0
        if self.hold and self.hold.kind != "throttled":
            return min(room, 0 if self.leases else 1)
        self.hold = None
        return min(room, in_flight - len(self.leases))

    def claim(self, token: str, ids: Sequence[str]) -> list[str]:
        claimed, back = [], []
        for id in ids:
            expected = self.all.get(id)
            if id not in self.leases or expected is None:
                continue
            if expected.state is State.QUEUED and self.held():
                del self.leases[id]
                back.append(id)
            elif expected.state is State.QUEUED and expected.is_expired(self.now_ms):
                del self.leases[id]
                self.move(id, State.EXPIRED)
            elif expected.state is State.QUEUED:
                self.move(id, State.SENDING).token = token
                self.leases[id] = self.now_ms + self.lease_ms
                claimed.append(id)
            elif expected.token == token and not expected.renewed:
                claimed.append(id)
        self.lane[:0] = back
        return claimed

    def record(self, token: str, id: str, to: State, attempt: Attempt | None, wait_ms: int, health: str) -> bool:
        expected = self.all[id]
        done = expected.token == token and to in TRANSITIONS[expected.state]
        if done:
            expected.attempts += [attempt.at_ms] if attempt else []
            del self.leases[id]
            self.move(id, to)
            if to is State.QUEUED:
                self.lane.insert(0, id)
            if to is State.DEFERRED:
                expires_ms = expected.notification.expires_ms
                self.due[id] = min(self.now_ms + wait_ms, expires_ms or self.now_ms + wait_ms)
        if health == "up":
            self.streak = 0
            self.hold = self.hold if self.hold and self.hold.kind == "throttled" else None
        elif health == "down" and done:
            self._down()
        return done

    def _down(self) -> None:
        self.streak += 1
        probed = self.hold if self.hold and self.hold.kind != "throttled" else None
        if self.held() or (not probed and self.streak < OUTAGE_AFTER):
            return
        doubled = probed is not None and probed.kind == "outage"
        interval_ms = min(probed.interval_ms * 2, LONGEST_PROBE_MS) if probed and doubled else FIRST_PROBE_MS
        self.hold = Hold("outage", self.now_ms + interval_ms, interval_ms)

    def sweep(self) -> Swept:
        returned, resent, unknown = 0, 0, 0
        front = []
        for id in self.by_age(self.leases):
            expected, claimed_ms = self.all[id], self.leases.pop(id)
            if expected.state is State.QUEUED:
                returned += 1
                front.append(id)
            elif expected.state is State.SENDING:
                expected.lost += 1
                expected.attempts.append(-claimed_ms)  # its time is that of the claim: see `same_attempts`
                resend = expected.notification.on_unknown == OnUnknown.RESEND and expected.lost < MOST_LOST
                self.move(id, State.QUEUED if resend else State.UNKNOWN)
                resent += resend
                front += [id] if resend else []
                unknown += not resend
        self.lane[:0] = front
        return Swept(returned, resent, unknown)

    def start_hold(self, kind: str, hold_ms: int) -> bool:
        known = self.hold if self.hold and self.hold.kind == kind else None
        ends_ms = self.now_ms + hold_ms
        if self.hold and self.held() and kind == "throttled" and self.hold.kind != kind:
            self.hold.until_ms = max(self.hold.until_ms, ends_ms)
            return False
        self.hold = Hold(kind, max(ends_ms, known.until_ms) if known else ends_ms, hold_ms)
        return known is None
