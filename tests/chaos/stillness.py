"""When no call of an announcement may begin."""

from collections.abc import Mapping
from dataclasses import dataclass

from ledger.ids import announcement_of, is_row, row_number
from tests.chaos.traffic import Announced

__all__ = ["Stillness", "behind_the_first"]


@dataclass(frozen=True, slots=True)
class Stillness:
    """When no call of an announcement, or of its rows from a number on, may begin, unix seconds."""

    announcement: str
    told_at: float
    until: float = float("inf")
    from_row: int = 0

    def covers(self, id: str) -> bool:
        return is_row(id) and announcement_of(id) == self.announcement and row_number(id) >= self.from_row


def behind_the_first(announced: Mapping[str, Announced], went_on: Mapping[str, float]) -> list[Stillness]:
    """Rows behind the first ones wait until somebody resumes it. `went_on`: when that was first asked for, by id."""
    first = {id: each.first for id, each in announced.items() if each.first}
    return [Stillness(id, float("-inf"), went_on.get(id, float("inf")), rows) for id, rows in first.items()]
