"""The look at everything: what a glance reads anew, and what it costs."""

import pytest

from ledger.durability import Durability
from ledger.ledger import Ledger
from ledger.overview import TURNS, Overview
from ledger.redis_clock import time_ms
from ledger.settings import Settings
from ledger.states import AnnouncementState, State
from ledger.tally import LATE_MS, MINUTE_MS, MINUTES
from ledger.vitals import Vitals
from tests.integration.producers.cli.announcing_desk import Output, Worker, announced

__all__: list[str] = []


@pytest.fixture
def ledger(empty_valkey: Settings, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    monkeypatch.setenv("DESKBELL_DATA_DIR", str(empty_valkey.data_dir))
    return Ledger(Settings(data_dir=empty_valkey.data_dir, rate=(), _env_file=None))


def test_a_survey_sees_all_and_glances_come_to_see_the_same(ledger: Ledger, capsys: Output) -> None:
    overview = Overview(ledger)
    assert overview.glance().announcements == {}
    ids = [announced(capsys, "--name", f"A{n}", "--key", str(n)) for n in range(2 * TURNS)]
    Worker(ledger).deliver(4)
    seen = [overview.glance() for _ in range(3)][-1]
    assert list(seen.announcements) == ids[::-1]
    assert seen.announcements == Overview(ledger).survey().announcements


def test_what_somebody_watches_is_read_each_time(ledger: Ledger, capsys: Output) -> None:
    ids = [announced(capsys, "--name", f"A{n}", "--key", str(n)) for n in range(4 * TURNS)]
    overview = Overview(ledger)
    overview.survey()
    for _ in range(3):
        ledger.announcements.pause(ids[0], "test")
        assert overview.glance([ids[0]]).announcements[ids[0]].state is AnnouncementState.PAUSED
        ledger.announcements.resume(ids[0], "test")
        assert overview.glance([ids[0]]).announcements[ids[0]].state is AnnouncementState.RUNNING


def test_what_was_over_and_is_taken_up_again_is_seen(ledger: Ledger, capsys: Output) -> None:
    id = announced(capsys)
    Worker(ledger).fail()
    overview = Overview(ledger)
    assert overview.survey().announcements[id].ended == "partial"
    ledger.announcements.retry(id, "test")
    assert overview.glance().announcements[id].state is AnnouncementState.RUNNING


def test_a_glance_costs_the_same_however_many_announcements_there_are(ledger: Ledger, capsys: Output) -> None:
    overview, costs = Overview(ledger), []
    for count in (1, 20):
        for number in range(count):
            announced(capsys, "--key", f"{count}/{number}", count=1)
        overview.survey()
        overview.glance()
        before = processed(ledger)
        overview.glance()
        costs.append(processed(ledger) - before - 1)
    assert max(costs) <= 23, costs


def processed(ledger: Ledger) -> int:
    return int(ledger.redis.info("stats")["total_commands_processed"])


@pytest.mark.parametrize(("late_ms", "got_in"), [(0, True), (LATE_MS - 1, True), (LATE_MS, False)])
def test_the_hour_has_sixty_minutes_and_late_counts_get_in(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, late_ms: int, got_in: bool
) -> None:
    minute = time_ms(ledger.redis.time()) // MINUTE_MS
    vitals = Vitals(minute * MINUTE_MS + late_ms, (), (), None, Durability.ALWAYS)
    monkeypatch.setattr(Vitals, "ask", lambda ledger: vitals)
    overview = Overview(ledger)
    hour = overview.survey().desks["default"].hour
    assert [each.at_ms for each in hour] == [(minute - MINUTES + 1 + n) * MINUTE_MS for n in range(MINUTES)]
    for each in (minute - 1, minute):
        ledger.redis.hset(ledger.keys.tally_minute("default", str(each)), "delivered", 7)
    hour = overview.glance().desks["default"].hour
    assert hour[-1].counts == {"delivered": 7}
    assert hour[-2].counts == ({"delivered": 7} if got_in else {})


def test_events_at_rest_are_counted(ledger: Ledger) -> None:
    assert Overview(ledger).survey().events_at_rest == {State.FAILED: 0, State.UNKNOWN: 0}


def test_a_clock_that_is_set_back_ends_no_lookout(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    overview = Overview(ledger)
    now_ms = overview.survey().at_ms
    # As after a failover to a replica whose clock is behind.
    vitals = Vitals(now_ms - 3 * MINUTE_MS, (), (), None, Durability.ALWAYS)
    monkeypatch.setattr(Vitals, "ask", lambda ledger: vitals)
    hour = overview.glance().desks["default"].hour
    assert [minute.at_ms // MINUTE_MS for minute in hour] == [now_ms // MINUTE_MS - 3 - ago for ago in range(MINUTES)][
        ::-1
    ]
