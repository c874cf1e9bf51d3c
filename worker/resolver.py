"""Leads events by e-mail or mobile to their receivers: asks Feishu, for many at once, and tells the ledger.

A thread in every worker process, and one more for each desk that has had such events. The ledger gives addresses to one
asker of a desk at a time (`ledger/lua/ask.lua`).
"""

import logging
import threading
import uuid
from collections.abc import Callable, Mapping

import redis

from feishu.codes import Kind
from feishu.people import People
from feishu.verdict import AskFailed, Verdict
from ledger.addresses import Contact
from ledger.settings import Desk
from ledger.unresolved import ContactHold, Unresolved

__all__ = ["Asker", "Resolver"]

log = logging.getLogger(__name__)

#: A wake-up may be lost: the desks are looked at this often, seconds.
LOOK_SECONDS = 1.0
#: The pause after an error (Redis is away), seconds.
AFTER_ERROR_SECONDS = 0.5
#: For how long nobody asks at first: when Feishu does not answer; when somebody must act; when it throttles without
#: saying for how long, ms.
OUTAGE_MS, REFUSED_MS, THROTTLE_MS = 1_000, 10_000, 5_000


class Asker:
    """Asks for one desk. Its thread stays, and with it the connection to Feishu."""

    def __init__(self, unresolved: Unresolved, desk: Desk, people: People, stopping: threading.Event) -> None:
        self._unresolved = unresolved
        self._desk = desk
        self._people = people
        self._stopping = stopping
        self._nudged = threading.Event()
        # One for all its questions: a question whose answer was lost it gets again at once.
        self._token = uuid.uuid4().hex
        self._thread = threading.Thread(target=self._run, name=f"asker of {desk.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def nudge(self) -> None:
        """There may be something to ask, or it is time to stop."""
        self._nudged.set()

    def _run(self) -> None:
        wait_seconds: float | None = 0.0
        while not self._stopping.is_set():
            self._nudged.wait(wait_seconds)
            self._nudged.clear()  # before the question: what comes during it is another nudge
            try:
                wait_seconds = self.ask_all()
            except (redis.RedisError, OSError) as error:
                log.warning("addresses are resolved later: %s", error, extra={"desk": self._desk.name})
                wait_seconds = AFTER_ERROR_SECONDS
            except Exception:  # a thread that ends would leave its desk's events waiting
                log.exception("resolving addresses failed", extra={"desk": self._desk.name})
                wait_seconds = AFTER_ERROR_SECONDS

    def ask_all(self) -> float | None:
        """Asks until there is nothing more to ask now. Returns after how many seconds there is, if that is known."""
        while not self._stopping.is_set():
            contacts, again_ms = self._unresolved.ask(self._desk, self._token)
            if contacts:
                self._ask(contacts)
            elif again_ms != 0:
                return None if again_ms is None else again_ms / 1000
        return None

    def _ask(self, contacts: list[Contact]) -> None:
        try:
            resolved = self._people.ask(contacts)
        except AskFailed as failure:
            hold = _hold(failure.verdict)
            if self._unresolved.answer(self._desk, self._token, (), hold) > 0:
                log.error("addresses wait: Feishu does not say who they belong to: %s", hold.reason, extra=self._extra)
            return
        answers = [self._people.answer(contact, resolved[contact]) for contact in contacts]
        if self._unresolved.answer(self._desk, self._token, answers) < 0:
            log.info("Feishu resolves addresses again", extra=self._extra)

    @property
    def _extra(self) -> dict[str, str]:
        return {"desk": self._desk.name}


class Resolver:
    """Nudges the askers of the desks that this process knows. `people` gives the People of a desk."""

    def __init__(self, unresolved: Unresolved, desks: Mapping[str, Desk], people: Callable[[Desk], People]) -> None:
        self._unresolved = unresolved
        self._desks = desks
        self._people = people
        self._askers: dict[str, Asker] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="resolver", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """A question under way is given up: whoever comes next asks it again."""
        self._stopping.set()
        self._thread.join(timeout=5)
        for asker in self._askers.values():
            asker.nudge()

    def _run(self) -> None:
        redis_client, wake = self._unresolved.redis, self._unresolved.keys.wake_unresolved
        while not self._stopping.is_set():
            try:
                with redis_client.pubsub(ignore_subscribe_messages=True) as wakes:  # type: ignore[no-untyped-call]
                    wakes.subscribe(wake)
                    while not self._stopping.is_set():
                        wakes.get_message(timeout=self.look())
            except (redis.RedisError, OSError) as error:
                log.warning("no addresses are resolved: %s", error)
                self._stopping.wait(AFTER_ERROR_SECONDS)
            except Exception:  # a thread that ends would leave events waiting until somebody notices
                log.exception("resolving addresses failed, and goes on")
                self._stopping.wait(AFTER_ERROR_SECONDS)

    def look(self) -> float:
        """Nudges the askers of the desks that are due. Returns after how many seconds to look again."""
        wait_seconds = LOOK_SECONDS
        for name, in_ms in self._unresolved.desks():
            if in_ms > 0:
                wait_seconds = min(wait_seconds, in_ms / 1000)
            elif name in self._desks:
                self._asker(self._desks[name]).nudge()
        return wait_seconds

    def _asker(self, desk: Desk) -> Asker:
        if desk.name not in self._askers:
            asker = Asker(self._unresolved, desk, self._people(desk), self._stopping)
            asker.start()
            self._askers[desk.name] = asker
        return self._askers[desk.name]


def _hold(verdict: Verdict) -> ContactHold:
    kind, hold_ms = _kind(verdict)
    return ContactHold(kind, hold_ms, verdict.reason, verdict.code, verdict.http_status)


def _kind(verdict: Verdict) -> tuple[str, int]:
    match verdict.kind:
        case Kind.THROTTLED:
            seconds = verdict.retry_after_seconds
            return "throttled", round(seconds * 1000) if seconds else THROTTLE_MS
        case Kind.DESK | Kind.TOKEN:
            return "credentials", REFUSED_MS
        case Kind.QUOTA_SPENT:
            return "quota", REFUSED_MS
        case Kind.REFUSED:
            return "refused", REFUSED_MS
    return "outage", OUTAGE_MS
