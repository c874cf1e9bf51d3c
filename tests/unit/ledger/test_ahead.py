"""By how much a Redis' clock is ahead of this machine's, as one answer tells."""

import pytest

from ledger import redis_clock
from ledger.redis_clock import ahead_ms

#: Asked at, answered at, the answer; and by how much it is ahead.
ANSWERS = {
    "the same moment": (1000, 1000, 1000, 0),
    "somewhere on the way": (1000, 1100, 1050, 0),
    "a frozen server that answers at last": (1000, 9000, 8999, 0),
    "ahead": (1000, 1100, 61_100, 60_000),
    "behind": (61_000, 61_100, 1_000, -60_000),
}


@pytest.mark.parametrize(("asked", "answered", "said", "ahead"), ANSWERS.values(), ids=ANSWERS)
def test_only_what_lies_outside_of_the_time_on_the_way_counts(
    monkeypatch: pytest.MonkeyPatch, asked: int, answered: int, said: int, ahead: int
) -> None:
    monkeypatch.setattr(redis_clock, "wall_ms", lambda: answered)
    assert ahead_ms(said, asked) == ahead
