"""The invariant of what the charts of a desk keep."""

from collections.abc import Iterator

from ledger.inspection.invariants import Finding, Invariant
from ledger.inspection.standing import QuartersStanding
from ledger.phrases import Phrase
from ledger.quarters import KEPT_QUARTERS, counts_of

__all__ = ["judge_quarters"]


def judge_quarters(it: QuartersStanding) -> Iterator[Finding]:
    """Against each other and not against the time, since the clock may have been set while nobody leads."""
    if it.values and not it.expires:
        yield Finding(Invariant.QUARTERS, it.desk, Phrase("has quarters that never expire"))
    numbers = [int(number) for number in it.values if number.isdecimal()]
    if len(numbers) < len(it.values) or any(counts_of(value) is None for value in it.values.values()):
        yield Finding(Invariant.QUARTERS, it.desk, Phrase("has quarters that cannot be read"))
    elif numbers and max(numbers) - min(numbers) >= KEPT_QUARTERS:
        found = Phrase("has quarters that are {n:,} apart", n=max(numbers) - min(numbers))
        yield Finding(Invariant.QUARTERS, it.desk, found)
