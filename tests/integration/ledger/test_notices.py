"""Notices: owed with the step that makes them true, for each pause and once for the end. Over fakeredis and Valkey."""

import pytest

from ledger.leases import Leases
from ledger.ledger import Ledger
from ledger.notices import NoticeKind, Notices
from ledger.settings import Desk
from ledger.states import State
from tests.integration.ledger.test_announcements import announce, deliver

__all__: list[str] = []

WHO = "ann@corp.example"


@pytest.fixture
def notices(ledger: Ledger) -> Notices:
    return Notices(ledger)


def kinds(notices: Notices) -> list[NoticeKind]:
    return [notice.kind for notice in notices.waiting()]


def test_the_end_is_owed_once_with_the_counts_of_that_moment(
    ledger: Ledger, leases: Leases, desk: Desk, notices: Notices
) -> None:
    id = announce(ledger, 3, notify=WHO)
    deliver(leases, desk, 2)
    assert notices.waiting() == []
    deliver(leases, desk, 1, to=State.FAILED)
    [notice] = notices.waiting()
    assert (notice.id, notice.kind) == (id, NoticeKind.FINISHED)
    assert {state: n for state, n in notice.counts.items() if n} == {State.DELIVERED: 2, State.FAILED: 1}
    ledger.announcements.retry(id, "ada")
    deliver(leases, desk, 1)
    assert notices.waiting() == [notice], "a later act does not end it a second time"
    notices.strike_off(notice)
    assert notices.waiting() == []


def test_nobody_is_told_of_one_that_asked_for_nothing(
    ledger: Ledger, leases: Leases, desk: Desk, notices: Notices
) -> None:
    announce(ledger, 3, first=1)
    deliver(leases, desk, 1)
    ledger.announcements.cancel(announce(ledger, 2, key="another"), "ada")
    assert notices.waiting() == []


def test_each_pause_by_itself_is_owed_and_no_pause_of_a_person(
    ledger: Ledger, leases: Leases, desk: Desk, notices: Notices
) -> None:
    id = announce(ledger, 60, first=2, stop_at="10%", notify=WHO)
    deliver(leases, desk, 50)
    ledger.announcements.resume(id, "ada")
    ledger.announcements.pause(id, "ada")
    ledger.announcements.resume(id, "ada")
    for _ in range(2):
        deliver(leases, desk, 20, to=State.FAILED)
        ledger.announcements.resume(id, "ada")
    assert kinds(notices) == [NoticeKind.FIRST_N, NoticeKind.STOP_AT, NoticeKind.STOP_AT]
    deliver(leases, desk, 50)
    assert kinds(notices)[3:] == [NoticeKind.FINISHED]
    assert len({notice.name for notice in notices.waiting()}) == 4


def test_a_cancelled_one_is_told_when_its_last_rows_have_come_to_rest(
    ledger: Ledger, leases: Leases, desk: Desk, notices: Notices
) -> None:
    id = announce(ledger, 3, notify=WHO)
    deliver(leases, desk, 1)
    ledger.announcements.cancel(id, "ada")
    assert kinds(notices) == [NoticeKind.CANCELLED]


def test_a_damaged_entry_keeps_no_other_one_back(
    ledger: Ledger, leases: Leases, desk: Desk, notices: Notices, caplog: pytest.LogCaptureFixture
) -> None:
    ledger.redis.rpush(ledger.keys.notices, b'["a_1", "eaten"]', b"\xff")
    announce(ledger, 1, notify=WHO)
    deliver(leases, desk, 1)
    assert kinds(notices) == [NoticeKind.FINISHED]
    assert ledger.redis.llen(ledger.keys.notices) == 1
    assert caplog.text.count("damaged") == 2
