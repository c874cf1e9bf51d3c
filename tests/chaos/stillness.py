"""When no call of an announcement may begin."""

from collections.abc import Mapping
from dataclasses import dataclass

from ledger.ids import announcement_of, is_row, row_number
from tests.chaos.traffic import Announced

__all__ = ["Stillness", "before_its_start", "behind_the_first"]


@dataclass(frozen=True, slots=True)
class Stillness:
    """When no call of an announcement, or of its rows from a number on, may begin, unix seconds."""

    announcement: str
    told_at: float
    until: float = float("inf")
    from_row: int = 0

    @property
    def what(self) -> str:
        """The finding when a call began."""
        if self.from_row:
            return "a call behind the first rows"
        is_from_ever = self.told_at == float("-inf")
        return "a call before its draft was started" if is_from_ever else "a call after a pause or a cancellation"

    def covers(self, id: str) -> bool:
        return is_row(id) and announcement_of(id) == self.announcement and row_number(id) >= self.from_row


def behind_the_first(announced: Mapping[str, Announced], went_on: Mapping[str, float]) -> list[Stillness]:
    """Rows behind the first ones wait until somebody resumes it. `went_on`: when that was first asked for, by id."""
    first = {id: each.first for id, each in announced.items() if each.first}
    return [Stillness(id, float("-inf"), went_on.get(id, float("inf")), rows) for id, rows in first.items()]


def before_its_start(asked_at: Mapping[str, float]) -> list[Stillness]:
    """Nothing of a draft is sent before somebody asked for its start; `asked_at`, by id."""
    return [Stillness(id, float("-inf"), at) for id, at in asked_at.items()]
