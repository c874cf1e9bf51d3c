"""A desk whose rate proves too high for its tenant lowers it by itself."""

import pytest

from ledger.leases import Leases
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.rate import Limit
from ledger.settings import Desk


@pytest.fixture
def paced(desk: Desk) -> Desk:
    return desk.model_copy(update={"rate": (Limit(calls=100, seconds=60),)})


def throttle(leases: Leases, desk: Desk, server_limit: int | None = None) -> float | None:
    """One throttle, after the hold of the one before is over."""
    return leases.hold(desk, "throttled", 0, "request trigger frequency limit", server_limit).lowered_to


def room_in_window(ledger: Ledger, leases: Leases, desk: Desk) -> int:
    ledger.accept([Notification.build({"receiver_id": f"ou_{n}", "text": "Hello"}) for n in range(150)])
    [released] = leases.release([(desk, 150, 150)])
    return len(released.ids)


def test_one_throttle_may_be_somebody_elses_doing(ledger: Ledger, leases: Leases, paced: Desk) -> None:
    assert throttle(leases, paced) is None
    assert room_in_window(ledger, leases, paced) == 100


def test_a_second_one_soon_after_lowers_the_rate_by_a_tenth(ledger: Ledger, leases: Leases, paced: Desk) -> None:
    throttle(leases, paced)
    assert throttle(leases, paced) == 0.9
    assert room_in_window(ledger, leases, paced) == 90


def test_the_servers_own_limit_is_taken_if_it_tells(ledger: Ledger, leases: Leases, paced: Desk) -> None:
    throttle(leases, paced, 60)
    assert throttle(leases, paced, 60) == 0.6
    assert room_in_window(ledger, leases, paced) == 60


def test_a_server_that_throttles_below_its_own_limit_is_not_believed_twice(leases: Leases, paced: Desk) -> None:
    throttle(leases, paced, 60)
    throttle(leases, paced, 60)
    assert throttle(leases, paced, 60) == pytest.approx(0.54)


def test_throttles_of_calls_that_were_in_flight_together_count_as_one(leases: Leases, paced: Desk) -> None:
    held = [leases.hold(paced, "throttled", 60_000, "frequency limit") for _ in range(20)]
    assert [each.lowered_to for each in held] == [None] * 20


def test_resuming_the_desk_gives_it_its_whole_rate_again(ledger: Ledger, leases: Leases, paced: Desk) -> None:
    throttle(leases, paced, 60)
    throttle(leases, paced, 60)
    ledger.resume_desk(paced.name, "ada")
    assert room_in_window(ledger, leases, paced) == 100


def test_one_desk_that_lowers_its_rate_lowers_no_other(ledger: Ledger, leases: Leases, paced: Desk) -> None:
    """All desks of a Redis shared one key for it, which did not even begin with the prefix."""
    throttle(leases, paced.model_copy(update={"name": "hr"}), 60)
    assert throttle(leases, paced.model_copy(update={"name": "hr"}), 60) == 0.6
    assert room_in_window(ledger, leases, paced) == 100
    assert ledger.redis.exists(ledger.keys.share("hr"))
    assert all(name.startswith(b"deskbell") for name in ledger.redis.scan_iter())
