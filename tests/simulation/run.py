"""Plays a schedule to its end and judges it: as chaos, and by what only simulated time can show."""

import logging
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ledger.ledger import Ledger
from ledger.progress import Attempt, Progress
from ledger.redis_url import RedisUrl
from ledger.settings import Settings
from ledger.states import Outcome
from tests.chaos.case import Case
from tests.chaos.finding import Finding
from tests.chaos.judge import Evidence, Judge
from tests.simulation import clock
from tests.simulation.addresses import PEOPLE_FOR
from tests.simulation.api import LONGEST_CALL_SECONDS
from tests.simulation.clock import START_SECONDS
from tests.simulation.scene import Scene
from tests.simulation.schedule import Schedule
from tests.simulation.server import Server
from tests.simulation.worker import with_seeded_names

__all__ = ["Played", "Simulation"]

#: Once all is calm, everything comes to rest within this, seconds: a lease, deferrals and probes, a desk's hold of a
#: minute; and within so many trips to Redis.
_REST_WITHIN_SECONDS, _MOST_TRIPS = 150.0, 8000
#: Between two looks whether it has; and how long it is watched for what should not happen then, seconds.
_LOOK_SECONDS, _LINGER_SECONDS = 0.5, 0.5
#: From SIGTERM, or from the calm, to a worker's end: the longest call, a lost answer and its repetitions, seconds.
_STOP_SECONDS = LONGEST_CALL_SECONDS + 12.0
#: A lease counts as overdue from this long after the calm, seconds: another pacer may have to take over first.
_OVERDUE_FROM_SECONDS = 8.0
#: A hold stops calls from this long after it was made: a claim or a renewal before it may still wait for its slot, and
#: a call begins 5 s after those at the latest, seconds.
_HELD_FROM_SECONDS = 5.5
#: The end of a hold is reckoned from when its answer came, and by Redis' clock, seconds.
_MARGIN_SECONDS = 0.3
_FAILURES = {Outcome.UNKNOWN, Outcome.TRANSIENT}


@dataclass(frozen=True)
class Played:
    """One schedule that was played."""

    scene: Scene
    findings: list[Finding]

    @property
    def story(self) -> str:
        return f"{self.scene.schedule}\n{self.scene.story}"

    @property
    def counts(self) -> Counter[str]:
        scene = self.scene
        counts = Counter({f"act: {kind}": number for kind, number in scene.done.items()})
        counts.update({f"api: {what}": number for what, number in scene.api.counts.items()})
        counts["trips"] = sum(scene.network.trips.values())
        counts["notifications"] = scene.schedule.total
        counts["calls"] = len(scene.api.calls)
        counts["answers about addresses"] = scene.api.contacts.answers
        counts["simulated seconds"] = round(scene.timeline.now)
        return counts


class _Errors(logging.Handler):
    """What the code under test logs as an error with a traceback: nobody foresaw it."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1]:
            self.found.append(f"{record.getMessage()}: {record.exc_info[1]!r}")


class Simulation:
    """Plays schedules one after another on one server."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._settings = Settings(redis_url=f"unix://{server.path}", _env_file=None)
        self._errors = _Errors()
        for name in ("worker", "ledger"):
            logging.getLogger(name).addHandler(self._errors)
            logging.getLogger(name).propagate = False

    def play(self, seed: int) -> Played:
        schedule = Schedule(seed)
        random.seed(seed)
        scene = Scene(schedule, self._server, self._settings)
        with_seeded_names(random.Random(f"names {seed}"))
        self._errors.found.clear()
        clock.tell(scene.timeline)
        try:
            problems = self._play(scene)
        finally:
            scene.end()
            clock.tell(None)
        findings = [*problems, *self._judged(scene)]
        return Played(scene, findings)

    def _play(self, scene: Scene) -> list[Finding]:
        timeline = scene.timeline
        scene.begin()
        while timeline.now < scene.schedule.lasts_seconds and timeline.step():
            pass
        scene.calm_down()
        calm_from = timeline.now
        problems: dict[str, Finding] = {}
        while not scene.is_at_rest():
            if timeline.now - calm_from > _REST_WITHIN_SECONDS or sum(scene.network.trips.values()) > _MOST_TRIPS:
                break  # the judge says what is not at rest
            scene.operators.let_go_on()
            scene.skip_lull()
            self._go_on(scene, _LOOK_SECONDS)
            for finding in _lateness(scene, calm_from):
                problems.setdefault(finding.what + finding.where, finding)
        self._go_on(scene, _LINGER_SECONDS)
        return list(problems.values())

    def _go_on(self, scene: Scene, seconds: float) -> None:
        until = scene.timeline.now + seconds
        while scene.timeline.now < until and sum(scene.network.trips.values()) <= _MOST_TRIPS and scene.timeline.step():
            pass

    def _judged(self, scene: Scene) -> Iterator[Finding]:
        observer = Ledger(self._settings, _observer(self._settings))
        schedule = scene.schedule
        limits = schedule.rate
        evidence = Evidence(
            observer, schedule.total, schedule.asked, scene.told, scene.api.calls, scene.operators.evidence(),
            (limits[0].calls, limits[0].seconds) if limits else (float("inf"), 1.0), 0.0,
            _TrueTime(scene.steps),
        )  # fmt: skip
        judge = Judge(evidence)
        yield from judge.findings()
        for case in judge.cases.values():
            if case.progress and case.progress.failing_ms and not _has_failed(case):
                yield Finding("its retry budget was charged for a throttle", case.id, str(case))
        yield from _calls_in_spite_of_throttles(scene)
        yield from _calls_to_former_owners(scene, judge)
        for error, times in Counter(self._errors.found).items():
            yield Finding("an error that nobody foresaw", "", f"  {error} ({times} times)")
        if sum(scene.network.trips.values()) > _MOST_TRIPS:
            yield Finding("Redis is asked without end", "", f"  {scene.network.trips}")


def _observer(settings: Settings) -> object:
    import redis

    return redis.Redis(
        connection_pool=redis.ConnectionPool(
            connection_class=redis.UnixDomainSocketConnection, path=RedisUrl.parse(settings.redis_url or "").path
        )
    )


def _has_failed(case: Case) -> bool:
    return case.progress is not None and any(attempt.outcome in _FAILURES for attempt in case.progress.attempts)


def _lateness(scene: Scene, calm_from: float) -> Iterator[Finding]:
    now = scene.timeline.now
    if now - calm_from > _OVERDUE_FROM_SECONDS:
        for id in scene.overdue_leases():
            yield Finding("a lease that stayed after its end", id)
    for worker in scene.workers:
        since = None if worker.stopped_at is None else max(calm_from, worker.stopped_at, worker.thawed_at)
        if since is not None and now - since > _STOP_SECONDS and worker.is_running:
            yield Finding("a worker did not stop in time", worker.name)


def _calls_in_spite_of_throttles(scene: Scene) -> Iterator[Finding]:
    """Of one that all could know of. If the clock was set, nobody can tell how long it lasts."""
    for begins, until in scene.network.throttles if not scene.done["set clock"] else ():
        for call in scene.api.calls:
            if begins + _HELD_FROM_SECONDS < call["at"] - START_SECONDS < until - _MARGIN_SECONDS:
                yield Finding(
                    "a call while a throttle was known",
                    call["body"]["receiver_id"],
                    f"  {begins:.3f} to {until:.3f}: {call}",
                )


def _calls_to_former_owners(scene: Scene, judge: Judge) -> Iterator[Finding]:
    """Of an address, for what was asked for when no answer was kept any more that names them. A clock that was set back
    keeps answers for longer."""
    address = scene.schedule.addresses.moved[0]
    former = scene.schedule.addresses.people.get(address, "nobody")
    told = [at for at, words in scene.network.resolved if f'"{former}"' in words]
    kept_until = max([scene.moved_at, *(at + PEOPLE_FOR.total_seconds() + _MARGIN_SECONDS for at in told)])
    for key, asked_at in scene.asked_at.items() if not scene.done["set clock"] else ():
        if scene.schedule.events[key].contact == address and asked_at > kept_until:
            for case in judge.cases_of(key):
                if any(call.receiver_id == former for call in case.calls):
                    yield Finding("sent to somebody who has the address no longer", case.id, str(case))


class _TrueTime:
    """Turns the times in a record, by a clock that was set, into Unix times that passed. One that the clock showed
    twice counts as the earlier: so nothing is found that may not be there."""

    def __init__(self, steps: list[tuple[float, float]]) -> None:
        self._steps = steps

    def __call__(self, progress: Progress) -> Progress:
        return replace(progress, attempts=tuple(map(self._attempt, progress.attempts)))

    def _attempt(self, attempt: Attempt) -> Attempt:
        """Its end was told by the clock, and its beginning follows from how long it took."""
        took_ms = attempt.ms or 0
        ended = self._true((attempt.at_ms + took_ms) / 1000 - START_SECONDS)
        return replace(attempt, at_ms=round((START_SECONDS + ended) * 1000) - took_ms)

    def _true(self, shown: float) -> float:
        """A worker that did not know of a step yet went on by the clock before it."""
        return min((shown - set_by for begins, set_by in self._steps if shown - set_by >= begins), default=0.0)
