"""The health line: why nothing is sent, accepted or kept, or soon will not be. One list for every screen and probe."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, Self

from ledger.announcement import Announcement
from ledger.desk_status import DeskStatus
from ledger.durability import Durability
from ledger.memory import NEARLY_FULL, Fullness
from ledger.phrases import Phrase
from ledger.states import AnnouncementState
from ledger.vitals import Vitals

__all__ = ["REDIS_AWAY", "Condition", "Severity", "address_remedy", "clock_off", "conditions", "unserved"]


#: Sections of docs/runbook.md about a server.
_OF_REDIS = frozenset({"RedisNearlyFull", "RedisNotDurable", "RedisClockSet"})


class Severity(IntEnum):
    """How bad a condition is; the worst comes first on a screen."""

    FAIL = 0  #: nothing is sent, accepted or kept, and it does not pass by itself
    WARN = 1  #: it will come to that, or already holds for a part
    NOTE = 2  #: somebody wanted it so


@dataclass(frozen=True, slots=True)
class Condition:
    """One reason why not all is well."""

    name: str
    severity: Severity
    found: Phrase
    do: Phrase | str = ""
    section: str = ""  #: the section of docs/runbook.md
    desk: str = ""
    code: int | None = None  #: of a held desk: Feishu's code; with the HTTP status it has a meaning
    http_status: int | None = None

    def of_server(self, where: str) -> Self:
        """Where there are several, what is said of Redis names it."""
        if self.section not in _OF_REDIS:
            return self
        return replace(self, found=Phrase("{field}: {problem}", field=where, problem=self.found))

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "severity": self.severity.name.lower(), "found": self.found, "do": self.do}


def conditions(
    vitals: Vitals, desks: Collection[DeskStatus], announcements: Iterable[Announcement]
) -> tuple[Condition, ...]:
    """All conditions of what a viewer may see: these desks, and these announcements. The worst come first."""
    seen = {desk.name for desk in desks}
    found = [
        *unserved(vitals, seen),
        *_memory(vitals.memory),
        *_durability(vitals.durability),
        *clock_off(vitals.ahead_ms),
        *(condition for desk in desks for condition in (*_held(desk), *_unresolved(desk))),
        *_all_paused(desks, announcements),
        *([PRACTICE] if vitals.is_practice else []),
    ]
    return tuple(sorted(found, key=lambda condition: condition.severity))


#: Machines that follow NTP differ by some ms. From here on "in five minutes" means another time to people, ms.
CLOCK_OFF_MS = 10_000
#: What a screen says by itself when it could not look.
REDIS_AWAY = Condition(
    "redis_away",
    Severity.FAIL,
    Phrase("Redis does not answer: nothing is accepted or sent"),
    Phrase("start it, or check DESKBELL_REDIS_URL"),
    "RedisDown",
)
#: Told on every page of `deskbell up --sandbox`.
PRACTICE = Condition("practice", Severity.NOTE, Phrase("Practice: nothing reaches Feishu"))


def unserved(vitals: Vitals, seen: Collection[str]) -> Iterator[Condition]:
    """Whether nothing is sent for one of these desks although something waits: no worker, or none that works."""
    names = [name for name in vitals.unserved if name in seen]
    if not names:
        return
    if vitals.workers:
        found = Phrase("the workers report, but have not looked at {desks} for 10 s", desks=", ".join(names))
        do = Phrase("read the workers' logs, and restart them")
        yield Condition("workers_idle", Severity.FAIL, found, do, "OldestEventWaiting")
        return
    found = Phrase("no worker is running: what waits for {desks} is not sent", desks=", ".join(names))
    do = Phrase("run `deskbell up`, or start a worker as in the Procfile")
    yield Condition("no_worker", Severity.FAIL, found, do, "DeskbellNoWorkers")


def _memory(full: Fullness | None) -> Iterator[Condition]:
    if full is None or full.share < NEARLY_FULL:
        return
    severity = Severity.FAIL if full.share >= 1 else Severity.WARN
    nearly = Phrase("Redis is {percent} % full; at 100 % nothing new is accepted", percent=int(100 * full.share))
    found = Phrase("Redis is full: nothing new is accepted") if full.share >= 1 else nearly
    do = Phrase("raise its memory limit, or wait until results are older than DESKBELL_RESULTS_FOR")
    yield Condition("redis_full", severity, found, do, "RedisNearlyFull")


def _durability(given: Durability) -> Iterator[Condition]:
    if not given.is_sure:
        hidden = given is Durability.HIDDEN
        severity = Severity.WARN if hidden else Severity.FAIL
        yield Condition("not_durable", severity, given.found, given.do, "RedisNotDurable")


def clock_off(ahead_ms: int) -> Iterator[Condition]:
    """Whether Redis' clock, by which everything is sent, and this machine's, by which people and programs say times,
    differ. Which of them is wrong is not known here."""
    if abs(ahead_ms) >= CLOCK_OFF_MS:
        seconds = abs(ahead_ms) // 1000
        ahead = Phrase("Redis' clock is {n:,} s ahead of this machine's: times of sending follow Redis'", n=seconds)
        behind = Phrase("Redis' clock is {n:,} s behind this machine's: times of sending follow Redis'", n=seconds)
        do = Phrase("set both machines' clocks by NTP")
        yield Condition("clock_off", Severity.WARN, ahead if ahead_ms > 0 else behind, do, "RedisClockSet")


def _held(desk: DeskStatus) -> Iterator[Condition]:
    """A throttle passes within seconds and is shown beside its desk alone."""
    hold = desk.hold
    if not hold or hold["kind"] == "throttled":
        return
    is_outage = hold["kind"] == "outage"
    found = Phrase("desk {desk} is held: {reason}", desk=desk.name, reason=hold["reason"])
    do = Phrase("fix the cause; it resumes by itself, or with `deskbell resume --desk {desk}`", desk=desk.name)
    section = "DeskOutage" if is_outage else "DeskHeld"
    answer = (hold.get("code"), hold.get("http_status"))
    yield Condition("desk_held", Severity.WARN, found, do, section, desk.name, *answer)


#: Feishu's code for a scope that the app lacks, and the scope that is needed to ask who an address belongs to.
_NO_SCOPE, _SCOPE = 99991672, "contact:user.id:readonly"


def address_remedy(desk: str, hold: Mapping[str, Any]) -> Phrase:
    """What to do when Feishu does not say who addresses belong to."""
    if hold.get("code") == _NO_SCOPE:
        return Phrase("grant the app {scope}, and publish a new version of it", scope=_SCOPE)
    return Phrase("fix the cause; it resumes by itself, or with `deskbell resume --desk {desk}`", desk=desk)


def _unresolved(desk: DeskStatus) -> Iterator[Condition]:
    """Addresses that nobody can be asked about: all else is sent."""
    hold = desk.people_hold
    if not hold or hold["kind"] == "throttled" or not desk.unresolved:
        return
    found = Phrase(
        "desk {desk}: {n} event waits, since Feishu does not say who its address belongs to: {reason}"
        " | desk {desk}: {n} events wait, since Feishu does not say who their addresses belong to: {reason}",
        desk=desk.name,
        n=desk.unresolved,
        reason=hold["reason"],
    )
    answer = (hold.get("code"), hold.get("http_status"))
    remedy = address_remedy(desk.name, hold)
    yield Condition("addresses_held", Severity.WARN, found, remedy, "AddressesHeld", desk.name, *answer)


def _all_paused(desks: Iterable[DeskStatus], announcements: Iterable[Announcement]) -> Iterator[Condition]:
    waiting = [each for each in announcements if each.left and each.state is not AnnouncementState.CANCELLED]
    events = sum(lane.waiting for desk in desks for lane in desk.lanes if lane.name == "events")
    if waiting and not events and all(each.state is AnnouncementState.PAUSED for each in waiting):
        found = Phrase(
            "all that waits is paused: {n} announcement | all that waits is paused: {n} announcements", n=len(waiting)
        )
        yield Condition("all_paused", Severity.NOTE, found, Phrase("resume it when it is time"))
