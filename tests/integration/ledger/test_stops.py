"""An announcement that pauses by itself: after its first rows, or when too many fail. Over fakeredis and Valkey."""

import pytest

from ledger.audit_log import recent_actions
from ledger.callbacks import Callbacks
from ledger.inspection.inspection import broken_invariants
from ledger.leases import Leases, Result
from ledger.ledger import Ledger
from ledger.settings import Desk
from ledger.states import AnnouncementState, PausedBy, State
from tests.integration.ledger.test_announcements import announce, claim, counts_of, deliver, release, some_rows

RUNNING, PAUSED, FINISHED = AnnouncementState.RUNNING, AnnouncementState.PAUSED, AnnouncementState.FINISHED


def standing(ledger: Ledger, id: str) -> tuple[AnnouncementState, PausedBy | None]:
    announcement = ledger.announcements.get(id)
    assert announcement.as_json()["paused_by"] == announcement.paused_by
    assert broken_invariants(ledger) == []
    return announcement.state, announcement.paused_by


def numbers(ids: list[str]) -> list[int]:
    return [int(id.partition("-")[2]) for id in ids]


def test_only_the_first_rows_are_released_and_it_pauses_when_they_have_ended(
    ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    id = announce(ledger, 10, first=3)
    assert numbers(deliver(leases, desk, 2)) == [0, 1]
    assert standing(ledger, id) == (RUNNING, None)
    assert numbers(deliver(leases, desk, 50)) == [2]
    assert standing(ledger, id) == (PAUSED, PausedBy.FIRST_N)
    assert release(leases, desk, 50) == []
    assert counts_of(ledger, id) == {"delivered": 3, "queued": 7}


def test_it_goes_on_to_the_end_when_it_is_resumed(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    id = announce(ledger, 10, first=3)
    deliver(leases, desk, 50)
    ledger.announcements.resume(id, "ada")
    assert standing(ledger, id) == (RUNNING, None)
    assert numbers(deliver(leases, desk, 50)) == [3, 4, 5, 6, 7, 8, 9]
    assert standing(ledger, id) == (FINISHED, None)


def test_a_maybe_sent_first_row_is_at_rest(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    id = announce(ledger, 5, first=2)
    deliver(leases, desk, 1)
    deliver(leases, desk, 1, to=State.UNKNOWN)
    assert standing(ledger, id) == (PAUSED, PausedBy.FIRST_N)


@pytest.mark.parametrize("back", [State.QUEUED, State.DEFERRED])
def test_it_waits_for_first_rows_that_return(ledger: Ledger, leases: Leases, desk: Desk, back: State) -> None:
    id = announce(ledger, 5, first=2)
    first, second = claim(leases, desk, 50)
    leases.record(desk, "t", [Result(first.id, State.DELIVERED), Result(second.id, back, wait_ms=0)], "up")
    assert standing(ledger, id) == (RUNNING, None)
    assert deliver(leases, desk, 50) == [second.id]
    assert standing(ledger, id) == (PAUSED, PausedBy.FIRST_N)


def test_failed_first_rows_that_are_retried_while_it_is_paused_wait_with_the_others(
    ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    id = announce(ledger, 4, first=2)
    deliver(leases, desk, 50, to=State.FAILED)
    assert ledger.announcements.retry(id, "ada") == 2
    assert (standing(ledger, id), release(leases, desk, 50)) == ((PAUSED, PausedBy.FIRST_N), [])
    ledger.announcements.resume(id, "ada")
    assert sorted(numbers(release(leases, desk, 50))) == [0, 1, 2, 3]


def test_first_rows_that_are_retried_before_the_last_of_them_has_ended_take_no_others_with_them(
    ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    id = announce(ledger, 4, first=2)
    deliver(leases, desk, 1, to=State.FAILED)
    ledger.announcements.retry(id, "ada")
    assert sorted(numbers(deliver(leases, desk, 50))) == [0, 1]
    assert standing(ledger, id) == (PAUSED, PausedBy.FIRST_N)


def test_it_pauses_although_the_first_rows_were_cancelled_before_their_turn(
    ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    """As many as one look passes over, so that it ends just there."""
    id = announce(ledger, 150, first=100)
    ledger.cancel([f"n_{id[2:]}-{row}" for row in range(100)], "ada")
    while release(leases, desk, 50) == [] and standing(ledger, id)[0] is RUNNING:
        pass
    assert standing(ledger, id) == (PAUSED, PausedBy.FIRST_N)
    assert counts_of(ledger, id) == {"cancelled": 100, "queued": 50}


def test_fewer_rows_than_the_first_ones_end_as_ever(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    id = announce(ledger, 3, first=3)
    deliver(leases, desk, 50)
    assert standing(ledger, id) == (FINISHED, None)


def test_rows_that_wait_for_their_own_time_are_among_the_first(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    later = some_rows(3, send_at_ms=9_999_999_999_999)
    id = announce(ledger, 5, rows=[later[0], *some_rows(4)], first=2)
    assert numbers(deliver(leases, desk, 50)) == [1]
    assert standing(ledger, id) == (RUNNING, None)
    assert counts_of(ledger, id) == {"delivered": 1, "scheduled": 1, "queued": 3}


def test_a_persons_pause_stays_theirs_and_resuming_it_sends_all(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    id = announce(ledger, 5, first=2)
    claims = claim(leases, desk, 50)
    ledger.announcements.pause(id, "ada")
    leases.record(desk, "t", [Result(each.id, State.DELIVERED) for each in claims], "up")
    assert standing(ledger, id) == (PAUSED, PausedBy.OPERATOR)
    ledger.announcements.resume(id, "ada")
    assert numbers(release(leases, desk, 50)) == [2, 3, 4]


@pytest.mark.parametrize(
    ("delivered", "failed", "stops"),
    [
        (18, 1, False),  # 19 have ended: too few to say anything
        (19, 1, False),  # 5 %: not more
        (18, 2, True),  # 10 %
        (39, 2, False),  # 4.9 %
        (37, 2, True),  # 5.1 %
    ],
)
def test_it_pauses_when_more_than_its_share_failed_of_at_least_twenty(
    ledger: Ledger, leases: Leases, desk: Desk, delivered: int, failed: int, stops: bool
) -> None:
    id = announce(ledger, 100, stop_at="5%")
    deliver(leases, desk, delivered)
    deliver(leases, desk, failed, to=State.FAILED)
    assert standing(ledger, id) == ((PAUSED, PausedBy.STOP_AT) if stops else (RUNNING, None))


@pytest.mark.parametrize("rest", [State.UNKNOWN, State.QUEUED, State.DEFERRED])
def test_what_is_maybe_sent_or_waits_does_not_count(ledger: Ledger, leases: Leases, desk: Desk, rest: State) -> None:
    id = announce(ledger, 100, stop_at="5%")
    others = claim(leases, desk, 40, token="u")
    leases.record(desk, "u", [Result(each.id, rest, wait_ms=60_000) for each in others], "up")
    deliver(leases, desk, 17)
    assert standing(ledger, id) == (RUNNING, None)
    deliver(leases, desk, 2, to=State.FAILED)
    assert standing(ledger, id) == (RUNNING, None), "of 19"
    deliver(leases, desk, 1)
    assert standing(ledger, id) == (PAUSED, PausedBy.STOP_AT), "of 20"


def test_calls_in_flight_end_after_it_has_stopped(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    id = announce(ledger, 100, stop_at="5%")
    flying = claim(leases, desk, 5, token="u")
    deliver(leases, desk, 20, to=State.FAILED)
    assert leases.record(desk, "u", [Result(each.id, State.DELIVERED) for each in flying], "up") == [True] * 5
    assert standing(ledger, id) == (PAUSED, PausedBy.STOP_AT)
    assert counts_of(ledger, id) == {"failed": 20, "delivered": 5, "queued": 75}


def test_failures_count_anew_when_it_is_resumed(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    id = announce(ledger, 100, stop_at="5%")
    deliver(leases, desk, 20, to=State.FAILED)
    ledger.announcements.resume(id, "ada")
    deliver(leases, desk, 19)
    assert standing(ledger, id) == (RUNNING, None)
    deliver(leases, desk, 1, to=State.FAILED)
    assert standing(ledger, id) == (RUNNING, None), "1 of 20 is 5 %"
    deliver(leases, desk, 1, to=State.FAILED)
    assert standing(ledger, id) == (PAUSED, PausedBy.STOP_AT)


def test_a_row_that_failed_before_counts_when_it_is_retried_and_fails_again(
    ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    id = announce(ledger, 25, stop_at="5%")
    deliver(leases, desk, 20, to=State.FAILED)
    ledger.announcements.resume(id, "ada")
    ledger.announcements.retry(id, "ada")
    deliver(leases, desk, 20, to=State.FAILED)
    assert standing(ledger, id) == (PAUSED, PausedBy.STOP_AT)


def test_retrying_some_of_what_failed_does_not_stop_it_by_itself(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    id = announce(ledger, 30, stop_at="50%")
    deliver(leases, desk, 10)
    deliver(leases, desk, 19, to=State.FAILED)
    assert standing(ledger, id) == (PAUSED, PausedBy.STOP_AT)
    ledger.announcements.resume(id, "ada")
    deliver(leases, desk, 1)
    assert standing(ledger, id) == (FINISHED, None)
    ledger.retry([ledger.announcements.numbers_in(id, State.FAILED)[0]], "ada", [State.FAILED])
    assert standing(ledger, id) == (RUNNING, None)


def test_what_stops_it_is_in_its_acts_and_in_the_audit_log(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    id = announce(ledger, 30, first=20, stop_at="5%")
    deliver(leases, desk, 20, to=State.FAILED)
    assert [act[1:] for act in ledger.announcements.get(id).acts] == [("deskbell", "pause at stop_at")]
    [entry] = recent_actions(ledger, 1)
    assert (entry.by, entry.did, entry.id) == ("deskbell", "pause at stop_at", id)


def test_a_pause_of_its_own_owes_no_callback(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    announce(ledger, 5, first=2, callback_url="https://alerts.corp.example/deskbell")
    deliver(leases, desk, 50)
    assert Callbacks(ledger).counts()[0] == 0
