"""What pacers say when they ask for the lead, and the answer."""

from typing import NamedTuple

__all__ = ["ClockStep", "LeadAnswer"]


class LeadAnswer(NamedTuple):
    """Whether the caller leads, the Redis time, ms, when a leader last vouched for that (None: never), whether its word
    still holds, and the state of the clock, `era:sum:word` (ledger/lua/shared/keys.lua)."""

    leads: bool
    now_ms: int
    vouched_ms: int | None
    is_vouched: bool
    clock_state: str

    @property
    def era(self) -> str:
        """Sums of followed steps compare within one."""
        return self.clock_state.split(":")[0]

    @property
    def followed_ms(self) -> int:
        """The sum of the clock's steps that leaders have followed in this era."""
        return int(self.clock_state.split(":")[1])


class ClockStep(NamedTuple):
    """By how much a leader that found this state of the clock saw it set, ms. A guess: the leader is new, and cannot
    know by how much or whether at all."""

    by_ms: int
    clock_state: str
    is_guess: bool = False
