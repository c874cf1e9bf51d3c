"""What notices say, to whom they go, and that each is one message however often it is read. On a real Valkey."""

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest

from ledger.errors import NotAllowed, NotDurable
from ledger.leases import Leases
from ledger.ledger import Ledger
from ledger.notices import Notices
from ledger.record import Record
from ledger.settings import Desk, Settings
from ledger.states import State
from tests.integration.ledger.test_announcements import announce, deliver
from tests.integration.ledger.test_drafts import ADA, BOB, Drafting
from worker.notices import NoticeSender

__all__: list[str] = []

URL = "https://bell.corp.example"


@pytest.fixture
def ledger(empty_valkey: Settings) -> Iterator[Ledger]:
    ledger = Ledger(empty_valkey.model_copy(update={"public_url": URL, "rate": ()}))
    yield ledger
    ledger.redis.close()


@pytest.fixture
def leases(ledger: Ledger) -> Leases:
    return Leases(ledger.redis, ledger.settings, longest_call_ms=1000)


@pytest.fixture
def desk(ledger: Ledger) -> Desk:
    return ledger.settings.desk("default")


def sent(ledger: Ledger) -> list[Record]:
    NoticeSender(ledger).look()
    return list(ledger.events())


def text_of(record: Record) -> Any:
    return record.notification.message.content["text"]


def test_the_starter_gets_the_result_with_the_link(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    id = announce(ledger, 4, notify="ann@corp.example", name="Move <at user_id='all'>")
    deliver(leases, desk, 2)
    deliver(leases, desk, 1, to=State.FAILED)
    deliver(leases, desk, 1, to=State.UNKNOWN)
    [event] = sent(ledger)
    assert event.notification.email == "ann@corp.example"
    assert text_of(event).splitlines() == [
        "“Move ‹at user_id='all'>” has finished.",
        "4 rows: 2 delivered, 1 failed, 1 maybe sent",
        f"{URL}/console/announcements/{id}",
    ]
    assert Notices(ledger).waiting() == []


def test_a_pause_says_why_and_what_is_still_to_be_sent(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    announce(ledger, 30, first=1, stop_at="5%", notify="ou_ann", name="Move")
    deliver(leases, desk, 50)
    first = text_of(sent(ledger)[0]).splitlines()
    assert first[0] == "“Move” has paused: its first row has ended. Look at it, then let the rest go on."
    assert first[1] == "30 rows: 1 delivered, 29 waiting"
    [announcement] = ledger.announcements.newest()
    ledger.announcements.resume(announcement.id, "ada")
    deliver(leases, desk, 25, to=State.FAILED)
    assert text_of(sent(ledger)[0]).startswith("“Move” has paused: more than 5% of its rows failed.")


def test_it_is_in_the_language_of_the_desk(empty_valkey: Settings) -> None:
    ledger = Ledger(empty_valkey.model_copy(update={"lang": "zh", "rate": ()}))
    leases = Leases(ledger.redis, ledger.settings, longest_call_ms=1000)
    id = announce(ledger, 2, notify="+8613800138000", name="搬迁通知")
    deliver(leases, ledger.settings.desk("default"), 2)
    [event] = sent(ledger)
    assert text_of(event).splitlines() == ["公告“搬迁通知”已结束。", "共 2 行：已送达 2", id]
    ledger.redis.close()


def test_one_that_dies_after_the_acceptance_has_sent_one_message(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    announce(ledger, 1, notify="ou_ann")
    deliver(leases, desk, 1)
    with patch.object(Notices, "strike_off", side_effect=KeyboardInterrupt):
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                NoticeSender(ledger).look()
    assert len(sent(ledger)) == len(sent(ledger)) == 1


def test_one_that_is_not_on_disk_yet_stays_owed(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    announce(ledger, 1, notify="ou_ann")
    deliver(leases, desk, 1)
    with patch.object(Ledger, "accept", side_effect=NotDurable("no fsync")), pytest.raises(NotDurable):
        NoticeSender(ledger).look()
    assert len(sent(ledger)) == 1


def test_one_of_a_desk_that_is_gone_keeps_no_other_one_back(
    ledger: Ledger, leases: Leases, desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    lost = announce(ledger, 1, notify="ou_ann")
    deliver(leases, desk, 1)
    ledger.redis.delete(ledger.keys.lane(lost))
    announce(ledger, 1, key="another", notify="ou_bob")
    deliver(leases, desk, 1)
    assert [record.notification.receiver_id for record in sent(ledger)] == ["ou_bob"]
    assert "a notice is dropped" in caplog.text


# -- of drafts


@pytest.fixture
def drafting(empty_valkey: Settings) -> Iterator[Drafting]:
    approvers = ("bob@corp.example", "ou_eve")
    ledger = Ledger(empty_valkey.model_copy(update={"public_url": URL, "approvers": approvers, "rate": ()}))
    yield Drafting(ledger)
    ledger.redis.close()


def told(ledger: Ledger) -> list[tuple[str, str]]:
    """The receivers and first lines, oldest first."""
    return [(each.notification.address, text_of(each).splitlines()[0]) for each in reversed(sent(ledger))]


def test_each_approver_is_told_once_of_each_submit(drafting: Drafting) -> None:
    id = drafting.draft(3, name="Move")
    assert told(drafting.ledger) == []
    drafting.verbs.submit(id, ADA)
    with pytest.raises(NotAllowed):
        drafting.verbs.submit(id, ADA)
    line = "“Move” waits for your approval: 3 rows, submitted by ada@here."
    assert sorted(told(drafting.ledger)) == [("bob@corp.example", line), ("ou_eve", line)]
    assert {text_of(each).splitlines()[-1] for each in drafting.ledger.events()} == {
        f"{URL}/console/announcements/{id}"
    }
    drafting.verbs.edit(id, drafting.loaded(2, name="Move"), 1, ADA)
    drafting.verbs.submit(id, ADA)
    assert len(told(drafting.ledger)) == len(told(drafting.ledger)) == 4
    drafting.verbs.reject(id, "wrong room", BOB)
    drafting.verbs.submit(id, ADA)
    assert len(told(drafting.ledger)) == 6


def test_the_author_is_told_of_an_approval_and_a_rejection_where_he_left_an_address(drafting: Drafting) -> None:
    id = drafting.draft(3, name="Move", notify="ann@corp.example")
    drafting.verbs.submit(id, ADA)
    drafting.verbs.approve(id, drafting.fingerprint(id), BOB)
    drafting.verbs.reject(id, "wrong room", BOB)
    assert [line for to, line in told(drafting.ledger) if to == "ann@corp.example"] == [
        "“Move” was approved by bob@here, and can be started.",
        "“Move” was rejected by bob@here: wrong room",
    ]
    other = drafting.draft(2)
    drafting.verbs.submit(other, ADA)
    drafting.verbs.reject(other, "wrong room", BOB)
    assert len(told(drafting.ledger)) == 2 + 2 + 2


def test_an_edit_takes_over_who_is_told(drafting: Drafting) -> None:
    id = drafting.draft(2, notify="ann@corp.example")
    drafting.verbs.edit(id, drafting.loaded(1, notify="ou_dan"), 1, ADA)
    drafting.verbs.start(id, ADA)
    leases = Leases(drafting.ledger.redis, drafting.ledger.settings, longest_call_ms=1000)
    deliver(leases, drafting.ledger.settings.desk("default"), 1)
    assert [to for to, _ in told(drafting.ledger)] == ["ou_dan"]


def test_without_a_link_and_of_a_draft_that_is_gone_nobody_is_told(empty_valkey: Settings) -> None:
    linkless = Drafting(Ledger(empty_valkey.model_copy(update={"approvers": ("ou_eve",), "rate": ()})))
    id = linkless.draft(3)
    linkless.verbs.submit(id, ADA)
    assert told(linkless.ledger) == []
    linked = Ledger(empty_valkey.model_copy(update={"approvers": ("ou_eve",), "public_url": URL, "rate": ()}))
    linkless.verbs.reject(id, "wrong room", BOB)
    linkless.verbs.submit(id, ADA)
    linkless.verbs.discard(id, ADA)
    assert told(linked) == []
    assert Notices(linked).waiting() == []
    for ledger in (linkless.ledger, linked):
        ledger.redis.close()
