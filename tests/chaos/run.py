"""One run: break things until enough were killed and all is asked for, wait until it is quiet, compare."""

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from ledger.announcement import AnnouncementState
from ledger.states import FINAL, State
from tests.chaos.acts import Acts
from tests.chaos.judge import Finding, Judge
from tests.chaos.redelivery import redeliver
from tests.chaos.stage import QUOTA_CALLS, QUOTA_SECONDS, Stage
from tests.chaos.traffic import Traffic
from tests.chaos.watch import Watch

__all__ = ["Report", "Run"]

#: Until nothing moves any more, after the last act: a lease, a few deferrals, and what waits for slots, seconds.
QUIET_SECONDS = 400
#: What an act itself takes beside the gap before it, on average, seconds.
_ACT_SECONDS = 1.0
#: Acts for each kill.
_ACTS_A_KILL = 1.3
#: Findings that are shown whole.
_SHOWN = 12
_RESTING = FINAL | {State.UNKNOWN}
_LOOK_AGAIN_SECONDS = 0.25


@dataclass(frozen=True)
class Report:
    """What is printed at the end."""

    figures: Sequence[tuple[str, object]]
    findings: Sequence[Finding]

    def __str__(self) -> str:
        wide = max(len(what) for what, _ in self.figures)
        table = [f"{what:<{wide}}  {count}" for what, count in self.figures]
        kinds = Counter(finding.what for finding in self.findings)
        broken = [f"BROKEN  {what}: {count}" for what, count in kinds.items()]
        shown = [f"{finding.what}: {finding.where}\n{finding.text}" for finding in self.findings[:_SHOWN]]
        return "\n".join([*table, *(broken or ["every check was passed"]), *shown])


class Run:
    """`say` is told what happens meanwhile."""

    def __init__(
        self, folder: Path, seed: int, kills: int, notifications: int, gap_seconds: float, say: Callable[[str], None]
    ) -> None:
        self._kills, self._gap_seconds, self._say, self._seed = kills, gap_seconds, say, seed
        lasts_seconds = kills * _ACTS_A_KILL * (gap_seconds + _ACT_SECONDS)
        self._traffic = Traffic.of(seed, notifications)
        self._stage = Stage(folder, self._traffic, self._traffic.total / lasts_seconds)

    def play(self) -> Report:
        began = time.monotonic()
        with self._stage as stage, Watch(stage.site.ledger, "default") as watch:
            acts = Acts(stage, watch, random.Random(self._seed), self._say)
            self._break_things(acts)
            self._say("no more acts")
            moving = self._come_to_rest(acts)
            self._say("quiet")
            return self._report(acts, watch, moving, time.monotonic() - began)

    def _break_things(self, acts: Acts) -> None:
        rng = random.Random(f"gaps {self._seed}")
        acts.wait(1)
        acts.do("freeze")
        while acts.kills.total() < self._kills or not self._is_all_accepted():
            acts.wait(rng.expovariate(1 / self._gap_seconds))
            acts.act()

    def _is_all_accepted(self) -> bool:
        return all(producer.is_done for producer in self._stage.producers)

    def _come_to_rest(self, acts: Acts) -> int:
        """Returns how many notifications move even now."""
        acts.undo_all()
        self._stage.to_valkey.make_whole()
        self._stage.to_sandbox.make_whole()
        self._stage.thaw_all()
        ledger = self._stage.site.ledger
        redeliver(ledger.redis, acts.all_ids(), acts.rng)
        until = time.monotonic() + QUIET_SECONDS
        while (moving := self._moving(acts)) and time.monotonic() < until:
            acts.wait(_LOOK_AGAIN_SECONDS)
        redeliver(ledger.redis, acts.all_ids(), acts.rng)
        while ledger.redis.llen("deskbell.deliver") and time.monotonic() < until:
            acts.wait(_LOOK_AGAIN_SECONDS)
        acts.wait(2)  # for what should not happen
        return moving

    def _moving(self, acts: Acts) -> int:
        ledger = self._stage.site.ledger
        moving = sum(count for state, count in ledger.counts().items() if state not in _RESTING)
        for key, ids in self._stage.told().items():
            found = [ledger.announcements.get(id) for id in ids if key[0] == "a"]
            moving += sum(one.left for one in found)
            for one in found:
                if one.state is AnnouncementState.PAUSED:
                    ledger.announcements.resume(one.id, "chaos")
        return moving + ledger.redis.zcard(ledger.keys.leases("default"))

    def _report(self, acts: Acts, watch: Watch, moving: int, seconds: float) -> Report:
        judge = Judge(self._stage)
        findings = [Finding(problem) for problem in acts.problems]
        findings += [
            Finding("a lease that stayed after its end", id, f"  {s:.1f} s") for id, s in watch.overdue.items()
        ]
        findings += judge.findings(acts.stillnesses)
        states = Counter(case.progress.state if case.progress else None for case in judge.cases.values())
        deliveries = [len(case.deliveries) for case in judge.cases.values()]
        lost = judge.lost_seconds()
        return Report(
            [
                ("seed", self._seed),
                ("took, seconds", round(seconds)),
                ("kills", f"{acts.kills.total()} ({_listed(acts.kills)})"),
                ("acts", _listed(acts.done)),
                ("kills that broke off a call", judge.killed_in_a_call(acts.worker_kills)),
                ("kills of a pacer between release and publish", acts.unpublished),
                ("notifications accepted", len(judge.cases)),
                ("states in the ledger", _listed(states)),
                ("still moving at the end", moving),
                ("calls at the sandbox", len(judge.all_calls)),
                (f"most calls in any {QUOTA_SECONDS} s, of {QUOTA_CALLS}", judge.most_in_window),
                ("delivered by the sandbox", sum(count > 0 for count in deliveries)),
                ("delivered more than once, with an unknown on record", sum(count > 1 for count in deliveries)),
                ("lost with a worker and taken back", len(lost)),
                ("  seconds from the claim: median, longest", f"{median(lost):.1f}, {lost[-1]:.1f}" if lost else "-"),
                ("longest that a lease stayed after its end, seconds", f"{watch.worst_seconds:.2f}"),
                ("calls that no attempt stands for", judge.unexplained_calls()),
                ("throttles, and calls while they were known", "{}, {}".format(*judge.during_throttles())),
                ("Valkey's return to the next call, seconds", _spread(acts.resumed_after)),
            ],
            findings,
        )


def _listed(counts: "Counter[str] | Counter[State | None]") -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common())


def _spread(seconds: Sequence[float]) -> str:
    if not seconds:
        return "-"
    return f"{len(seconds)} times, median {median(seconds):.1f}, longest {max(seconds):.1f}"
