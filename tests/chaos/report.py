"""What a run prints at its end: a table, then what is wrong."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from ledger.states import State
from tests.chaos.judge import Finding, Judge
from tests.chaos.script import Script
from tests.chaos.stage import QUOTA_CALLS, QUOTA_SECONDS

__all__ = ["Report", "figures"]

Figure = tuple[str, object]

#: Findings that are shown whole.
_SHOWN = 12


@dataclass(frozen=True)
class Report:
    """Its text is the table, and the findings with the three records of each."""

    figures: Sequence[Figure]
    findings: Sequence[Finding]

    def __str__(self) -> str:
        wide = max(len(what) for what, _ in self.figures)
        table = [f"{what:<{wide}}  {count}" for what, count in self.figures]
        kinds = Counter(finding.what for finding in self.findings)
        broken = [f"BROKEN  {what}: {count}" for what, count in kinds.items()]
        shown = [f"{finding.what}: {finding.where}\n{finding.text}" for finding in self.findings[:_SHOWN]]
        return "\n".join([*table, *(broken or ["every check was passed"]), *shown])


def figures(seed: int, seconds: float, script: Script, judge: Judge) -> list[Figure]:
    return [("seed", seed), ("took, seconds", round(seconds)), *_of_script(script), *_of_judge(script, judge)]


def _of_script(script: Script) -> list[Figure]:
    kills = script.kills
    return [
        ("kills", f"{kills.counts.total()}: {_listed(kills.counts)}"),
        ("acts", _listed(script.done)),
        ("kills of a pacer that left released ones unpublished", kills.unpublished),
        ("from Valkey's return to the next call, seconds", _spread(kills.resumed_after)),
        ("longest that a lease stayed after its end, seconds", f"{script.scene.watch.worst_seconds:.2f}"),
    ]


def _of_judge(script: Script, judge: Judge) -> list[Figure]:
    cases = judge.cases.values()
    states = Counter(case.progress.state if case.progress else "absent" for case in cases)
    deliveries = [len(case.deliveries) for case in cases]
    unknown = [case for case in cases if case.progress and case.progress.state is State.UNKNOWN]
    throttles, calls = judge.during_throttles()
    return [
        ("kills of workers that broke off a call", judge.killed_in_a_call(script.kills.workers_at)),
        ("notifications accepted", len(deliveries)),
        ("states in the ledger", _listed(states)),
        ("calls at the sandbox", len(judge.all_calls)),
        (f"most calls in any {QUOTA_SECONDS} s, of {QUOTA_CALLS}", judge.most_in_window),
        ("delivered by the sandbox", sum(count > 0 for count in deliveries)),
        ("of them more than once, with an unknown on record", sum(count > 1 for count in deliveries)),
        (
            "at rest as unknown, and of them never called for",
            f"{len(unknown)}, {sum(not case.calls for case in unknown)}",
        ),
        ("lost with a worker: from claim to taken back, seconds", _spread(judge.lost_seconds())),
        ("calls that no attempt stands for", judge.unexplained_calls()),
        ("throttles, and calls that began while they were known", f"{throttles}, {calls}"),
    ]


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common())


def _spread(seconds: Iterable[float]) -> str:
    found = sorted(seconds)
    return f"{len(found)} times, median {median(found):.1f}, longest {found[-1]:.1f}" if found else "-"
