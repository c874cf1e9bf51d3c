"""When the leading pacer has minutes added up: once a quarter-hour, a portion of desks at a time."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest
import redis

from ledger.quarters import QUARTER_MS, Quarters
from ledger.tally import LATE_MS
from worker.charts import DESKS_AT_ONCE, LOOK_SECONDS, Charts

__all__: list[str] = []

SINCE_MS = 123


class Leader:
    """A pacer that looks once a second; nothing is asked of a server."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, desks: int) -> None:
        self.passed, self.now_ms = 0.0, 1_000 * QUARTER_MS + LATE_MS
        self.desks = [f"d{number}" for number in range(desks)]
        self.rolled: list[str] = []
        self.answers: dict[str, Any] = {}
        monkeypatch.setattr(Quarters, "roll", self._roll)
        self.clock = SimpleNamespace(now_ms=lambda: self.now_ms, times_set=0)
        leases: Any = SimpleNamespace(clock=self.clock)
        self.charts = Charts(leases, self.desks, lambda: SINCE_MS, lambda: self.passed)

    def _roll(self, desks: list[str], since_ms: int) -> dict[str, Any]:
        assert len(desks) <= DESKS_AT_ONCE
        assert since_ms == SINCE_MS
        self.rolled += desks
        return {desk: self.answers.pop(desk, True) for desk in desks}

    def look(self, times: int = 1) -> list[str]:
        """Looks this many times, and returns what was rolled."""
        self.rolled = []
        for _ in range(times):
            self.charts.look()
            self.charts.look()
            self.passed += LOOK_SECONDS
            self.now_ms += round(LOOK_SECONDS * 1000)
        return self.rolled


def test_each_desk_has_its_turn_once_a_quarter_and_when_the_pacer_comes_to_lead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    leader = Leader(monkeypatch, 3)
    assert leader.look() == leader.desks
    assert leader.look(QUARTER_MS // 1000 - 2) == []
    assert leader.look(3) == leader.desks


def test_many_desks_are_looked_at_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    leader = Leader(monkeypatch, 2 * DESKS_AT_ONCE + 1)
    assert leader.look() == leader.desks[:DESKS_AT_ONCE]
    assert leader.look(2) == leader.desks[DESKS_AT_ONCE:]
    assert leader.look(2) == []


def test_what_is_not_done_while_the_clock_is_in_doubt_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    leader = Leader(monkeypatch, 2)
    leader.answers = {"d1": False}
    assert [leader.look(), leader.look(), leader.look()] == [["d0", "d1"], ["d1"], []]


def test_a_clock_that_was_set_has_all_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    leader = Leader(monkeypatch, 2)
    leader.look()
    leader.clock.times_set += 1
    assert leader.look() == leader.desks


def test_a_refusal_stops_nothing_and_is_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    leader = Leader(monkeypatch, 2)
    leader.answers = {"d0": redis.ResponseError("WRONGTYPE")}
    with caplog.at_level(logging.WARNING):
        assert leader.look(5) == leader.desks
    assert [record.message for record in caplog.records] == ["charts lack a quarter-hour, of 1 desks: WRONGTYPE"]


def test_what_a_lost_connection_left_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    leader = Leader(monkeypatch, 2)
    answer = Quarters.roll

    def lost(*_: object) -> dict[str, bool]:
        raise redis.ConnectionError

    monkeypatch.setattr(Quarters, "roll", lost)
    with pytest.raises(redis.ConnectionError):
        leader.look()
    monkeypatch.setattr(Quarters, "roll", answer)
    leader.passed += LOOK_SECONDS
    assert leader.look() == leader.desks
