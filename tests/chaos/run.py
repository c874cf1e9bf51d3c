"""One run: break things until enough were killed and all is asked for, wait until it is quiet, compare."""

import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ledger.embedded import EmbeddedValkey
from ledger.states import FINAL, State
from tests.calm import OVERLOADED, Stopwatch
from tests.chaos.disturbances import THROTTLE_SECONDS
from tests.chaos.finding import Finding
from tests.chaos.judge import Evidence, Judge
from tests.chaos.redelivery import redeliver
from tests.chaos.report import Report, figures
from tests.chaos.scene import Scene
from tests.chaos.script import Script
from tests.chaos.stage import QUOTA_CALLS, QUOTA_SECONDS, Stage
from tests.chaos.stillness import before_its_start
from tests.chaos.traffic import Traffic
from tests.chaos.watch import Watch
from tests.power.valkey import CuttableValkey

__all__ = ["Run"]

#: Until nothing moves any more, after the last act, at most: a lease, deferrals, and what waits for slots, seconds;
QUIET_SECONDS = 2700
#: … and if nothing changes any more, since a deferral may take a minute, seconds.
STILL_SECONDS = 120
#: What an act itself takes beside the gap before it, and how many there are for each kill, on average.
_ACT_SECONDS, _ACTS_A_KILL = 1.0, 1.3
_RESTING = FINAL | {State.UNKNOWN}
_LOOK_AGAIN_SECONDS = 0.25


class Run:
    """`say` is told what happens meanwhile; `appendfsync` is another than that of `deskbell up`, to see it fail.

    Raises NoCompiler at its play if there are to be power cuts and no C compiler is there.
    """

    def __init__(
        self, folder: Path, seed: int, kills: int, notifications: int, gap_seconds: float,
        say: Callable[[str], None], *, stops: int = 0, power_cuts: int = 0, appendfsync: str | None = None,
    ) -> None:  # fmt: skip
        self._stops = stops
        self._kills, self._gap_seconds, self._say, self._seed = kills, gap_seconds, say, seed
        self._power_cuts = power_cuts
        lasts_seconds = (kills * _ACTS_A_KILL + power_cuts) * (gap_seconds + _ACT_SECONDS)
        traffic = Traffic.of(seed, notifications)
        valkey = partial(CuttableValkey, appendfsync=appendfsync) if power_cuts else EmbeddedValkey
        self._stage = Stage(folder, traffic, traffic.total / lasts_seconds, valkey)

    def play(self) -> Report:
        stopwatch = Stopwatch()
        with self._stage as stage, Watch(stage.installation.ledger, "default") as watch:
            script = Script(
                Scene(stage, watch, random.Random(self._seed)), self._say, self._power_cuts / max(self._kills, 1)
            )
            self._break_things(script)
            self._say("no more acts")
            self._come_to_rest(script)
            self._say("quiet")
            judge = Judge(self._evidence(script))
            lines = figures(self._seed, stopwatch.seconds, stopwatch.pressure, script, judge)
            return Report(lines, self._findings(script, judge), stopwatch.pressure > OVERLOADED)

    def _findings(self, script: Script, judge: Judge) -> list[Finding]:
        overdue = script.scene.watch.overdue.items()
        return [
            *script.scene.problems,
            *(Finding("a lease that stayed after its end", id, f"  {seconds:.1f} s") for id, seconds in overdue),
            *judge.findings(),
        ]

    def _evidence(self, script: Script) -> Evidence:
        stage = self._stage
        return Evidence(
            stage.installation.ledger, stage.traffic.total, stage.traffic.asked, stage.told(), stage.calls(),
            [*script.steering.evidence(), *before_its_start(stage.starts())],
            (QUOTA_CALLS, QUOTA_SECONDS), THROTTLE_SECONDS,
            people=lambda key: stage.traffic.announced(key).people if key[0] == "a" else {},
            approval_above=stage.traffic.rows,
        )  # fmt: skip

    def _break_things(self, script: Script) -> None:
        gaps = random.Random(f"gaps {self._seed}")
        script.scene.wait(1)
        script.scene.wait_for_calls(1, seconds=10)
        for act in script.overture(self._power_cuts):
            script.do(act)
            script.scene.wait(gaps.expovariate(1 / self._gap_seconds))
        while not self._is_enough(script) or not self._is_all_accepted():
            script.scene.wait(gaps.expovariate(1 / self._gap_seconds))
            script.draw()

    def _is_enough(self, script: Script) -> bool:
        enough_died = script.kills.counts.total() >= self._kills and len(script.stops.took) >= self._stops
        return enough_died and script.power.counts.total() >= self._power_cuts

    def _is_all_accepted(self) -> bool:
        return all(producer.is_done for producer in self._stage.producers)

    def _come_to_rest(self, script: Script) -> None:
        """Whole again, and with a copy of every message, before and after all has come to its end."""
        scene = script.scene
        scene.end_all()
        ledger, until = self._stage.installation.ledger, time.monotonic() + QUIET_SECONDS
        redeliver(ledger.redis, self._stage.all_ids(), scene.rng)
        seen, still_until = "", 0.0
        while (moving := self._moving()) and time.monotonic() < until:
            if moving != seen:
                seen, still_until = moving, time.monotonic() + STILL_SECONDS
            if time.monotonic() > still_until:
                break  # the judge will say what does not come to its end
            script.steering.let_all_go_on()
            scene.wait(_LOOK_AGAIN_SECONDS)
        redeliver(ledger.redis, self._stage.all_ids(), scene.rng)
        while ledger.redis.llen(f"{ledger.keys.prefix}.deliver") and time.monotonic() < until:
            scene.wait(_LOOK_AGAIN_SECONDS)
        scene.wait(2)  # for what should not happen

    def _moving(self) -> str:
        """How all stands, as long as something has not come to rest; then nothing."""
        ledger = self._stage.installation.ledger
        events = ledger.counts()
        rows = [found.counts for found in map(ledger.announcements.get, self._stage.announced())]
        moving = sum(count for counts in (events, *rows) for state, count in counts.items() if state not in _RESTING)
        return f"{events} {rows}" if moving or ledger.redis.zcard(ledger.keys.leases("default")) else ""
