"""What a run prints at its end: a table, then what is wrong."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from ledger.states import State
from tests.chaos.finding import Finding
from tests.chaos.judge import Judge
from tests.chaos.kills import RESUME_SECONDS
from tests.chaos.power import PowerCuts
from tests.chaos.script import Script
from tests.chaos.stage import QUOTA_CALLS, QUOTA_SECONDS
from tests.chaos.stops import STOP_SECONDS, STOPPED_TOO_LATE
from tests.chaos.watch import TAKEN_BACK_SECONDS

__all__ = ["CHECKS", "TIMES", "Figure", "Report", "figures"]

#: Findings that are shown whole.
_SHOWN = 12
#: The lines of the table that must be 0, and the findings that each counts.
CHECKS = {
    "lost: accepted and absent, or moving for ever": (
        "accepted and absent",
        "asked for and never accepted",
        "neither final nor unknown once all was quiet",
    ),
    "accepted twice: one key told two ids, or sent and told to nobody": (
        "one key, told two ids",
        "sent, and nobody was told that it was accepted",
    ),
    "`delivered` that never was; delivered and denied": (
        "delivered, and the sandbox never accepted it",
        "accepted by the sandbox, and the ledger denies it",
    ),
    "delivered again with no `unknown` on record; again with `hold`": (
        "delivered again with no attempt recorded unknown before it",
        "delivered twice with on_unknown: hold",
    ),
    "sent to somebody else than it was addressed to, or to two people": ("sent to somebody else", "sent to two people"),
    "people of an audience who are missing, in it twice, or not of it": (
        "not announced to somebody of the audience",
        "announced twice to somebody of the audience",
        "announced to somebody outside the audience",
    ),
    "events that joined and were not told of once, in the message that they name": (
        "joined, and the message is absent",
        "joined, and nobody asked for that",
        "a message that does not tell of what joined it",
        "a message that nothing joined",
    ),
    "two calls in flight for one notification": ("two calls in flight at once",),
    "counts that differ from the states, or do not sum to the rows": (
        "counts that differ from the states",
        "counts that do not sum to the rows",
    ),
    "invariants of the ledger that are broken": ("an invariant of the ledger is broken",),
    "calls over the quota; 429s that nobody ordered": (
        "more calls in a rolling window than the quota",
        "calls answered 429",
    ),
    "retry budgets charged for waiting; failed without a refusal": (
        "its retry budget was charged for waiting",
        "failed, though the API never refused it for good",
    ),
    "calls more than a second after a pause or a cancellation": ("a call after a pause or a cancellation",),
    "drafts sent before their start, started twice, or without an approval of that version": (
        "a call before its draft was started",
        "a draft that did not start exactly once",
        "started without an approval of this version by somebody else",
    ),
    f"leases that stayed more than {TAKEN_BACK_SECONDS:.0f} s after their end": ("a lease that stayed after its end",),
    f"returns of Valkey with no call within {RESUME_SECONDS:.0f} s": ("Valkey was back, and no call came in time",),
    f"workers that took more than {STOP_SECONDS:.0f} s to obey SIGTERM, or ended with an error": (
        STOPPED_TOO_LATE,
        "a worker stopped with an error",
    ),
    "processes that ended by themselves": ("a process ended by itself",),
}
#: Findings that an overloaded machine brings about by itself.
TIMES = {"a lease that stayed after its end", "Valkey was back, and no call came in time", STOPPED_TOO_LATE}


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    what: str
    found: object
    asked: object = ""


@dataclass(frozen=True)
class Report:
    """Its text is the table, and the findings with the three records of each."""

    figures: Sequence[Figure]
    findings: Sequence[Finding]
    overloaded: bool = False  #: the machine was: what came too late says nothing

    @property
    def reliable(self) -> list[Finding]:
        """The findings, on an overloaded machine without those of times."""
        return [finding for finding in self.findings if not self.overloaded or finding.what not in TIMES]

    def __str__(self) -> str:
        wide = max(len(figure.what) for figure in self._lines())
        table = [f"{figure.what:<{wide}}  {figure.found}" for figure in self._lines()]
        kinds = Counter(finding.what for finding in self.findings)
        broken = [f"BROKEN  {what}: {count}" for what, count in kinds.items()]
        shown = [f"{finding.what}: {finding.where}\n{finding.text}" for finding in self.findings[:_SHOWN]]
        return "\n".join([*table, *(broken or ["every check was passed"]), *shown])

    def as_markdown(self) -> str:
        """The table for docs/reliability.md, which says in one sentence that every check was 0."""
        rows = [f"| {figure.what} | {figure.asked} | {figure.found} |" for figure in self._lines()]
        return "\n".join(["| what | asked | measured |", "|---|---|---|", *rows])

    def _lines(self) -> list[Figure]:
        return [*self.figures, *self._checks()]

    def _checks(self) -> list[Figure]:
        kinds = Counter(finding.what for finding in self.findings)
        named = [Figure(line, sum(kinds.pop(what, 0) for what in whats), 0) for line, whats in CHECKS.items()]
        return [*named, Figure("anything else that is wrong", kinds.total(), 0)]


def figures(seed: int, seconds: float, waited: float, script: Script, judge: Judge) -> list[Figure]:
    """`waited`: share of the time in which something had to wait for a processor."""
    return [
        Figure("seed", seed),
        Figure("took, seconds", round(seconds)),
        Figure("share of it in which something waited for a processor", f"{waited:.0%}"),
        *_of_script(script),
        *_of_judge(script, judge),
    ]


def _of_script(script: Script) -> list[Figure]:
    kills = script.kills
    return [
        Figure("kills", f"{kills.counts.total()}: {_listed(kills.counts)}"),
        Figure("acts", _listed(script.done)),
        Figure("kills of a producer in the middle of a walk", kills.in_walks),
        Figure("kills of a pacer that left released ones unpublished", kills.unpublished),
        Figure("power cuts, and bytes that were written and not fsynced", f"{_cuts(script.power)}"),
        Figure(
            "from Valkey's return to the next call, seconds", _spread(kills.resumed_after), f"≤ {RESUME_SECONDS:.0f}"
        ),
        Figure("from SIGTERM, or Valkey's answers, to a worker's end, seconds", _spread(script.stops.took)),
        Figure(
            "longest that a lease stayed after its end, seconds",
            f"{script.scene.watch.worst_seconds:.2f}",
            f"≤ {TAKEN_BACK_SECONDS:.0f}",
        ),
    ]


def _cuts(power: PowerCuts) -> str:
    return f"{power.counts.total()}: {_listed(power.counts)}; {power.lost_bytes}" if power.counts else "-"


def _of_judge(script: Script, judge: Judge) -> list[Figure]:
    cases = judge.cases.values()
    states = Counter(case.progress.state if case.progress else "absent" for case in cases)
    deliveries = [len(case.deliveries) for case in cases]
    unknown = [case for case in cases if case.progress and case.progress.state is State.UNKNOWN]
    throttles, calls = judge.during_throttles()
    return [
        Figure("kills of workers that broke off a call", judge.killed_in_a_call(script.kills.workers_at)),
        Figure("notifications accepted", len(deliveries), judge.asked_for),
        Figure("states in the ledger", _listed(states)),
        Figure("calls at the sandbox", len(judge.all_calls)),
        Figure(f"most calls in any {QUOTA_SECONDS} s", judge.most_in_window, f"≤ {QUOTA_CALLS}"),
        Figure("delivered by the sandbox", sum(count > 0 for count in deliveries)),
        Figure("of them more than once, with an unknown on record", sum(count > 1 for count in deliveries)),
        Figure(
            "at rest as unknown, and of them never called for",
            f"{len(unknown)}, {sum(not case.calls for case in unknown)}",
        ),
        Figure("lost with a worker: from claim to taken back, seconds", _spread(judge.lost_seconds())),
        Figure("calls that no attempt stands for", judge.unexplained_calls()),
        Figure("throttles, and calls that began while they were known", f"{throttles}, {calls}"),
    ]


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common())


def _spread(seconds: Iterable[float]) -> str:
    found = sorted(seconds)
    return f"{len(found)} times, median {median(found):.1f}, longest {found[-1]:.1f}" if found else "-"
