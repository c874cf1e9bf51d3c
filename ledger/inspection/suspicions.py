"""What looks broken: looked at once more before it is told."""

from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial

from ledger.inspection.invariants import Finding, Invariant

__all__ = ["MOST_TOLD", "Suspicions"]

#: Findings of one invariant that are told one by one. More of them add no news, and would fill the memory.
MOST_TOLD = 100

#: Judges the same thing again.
Again = Callable[[], Iterable[Finding]]


class Suspicions:
    """By invariant and id, with the way to look again."""

    def __init__(self) -> None:
        self._first: dict[tuple[Invariant, str], Again] = {}
        self._kept: Counter[Invariant] = Counter()

    def add(self, findings: Iterable[Finding], again: Callable[[Finding], Again]) -> None:
        for finding in findings:
            name = finding.invariant, finding.id
            if name not in self._first and self._kept[finding.invariant] < MOST_TOLD:
                self._first[name] = again(finding)
                self._kept[finding.invariant] += 1

    def judge(self, judge: Callable[..., Iterable[Finding]], *arguments: object) -> None:
        self.add(judge(*arguments), lambda _: partial(judge, *arguments))

    def __bool__(self) -> bool:
        return bool(self._first)

    def confirmed(self) -> list[Finding]:
        """Those that are found again, by invariant and id."""
        found = [_again(name, again) for name, again in self._first.items()]
        order = {invariant: place for place, invariant in enumerate(Invariant)}
        return sorted((each for each in found if each), key=lambda each: (order[each.invariant], each.id))


def _again(name: tuple[Invariant, str], again: Again) -> Finding | None:
    return next((found for found in again() if (found.invariant, found.id) == name), None)
