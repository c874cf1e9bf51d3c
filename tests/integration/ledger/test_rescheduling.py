"""Another time for what has not begun, over fakeredis and a real Valkey."""

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import orjson
import pytest

from ledger import rescheduling
from ledger.announcement import Announcement
from ledger.audit_log import recent_actions
from ledger.errors import BadInput, NotAllowed, NotFound
from ledger.inspection.inspection import broken_invariants
from ledger.leases import Leases
from ledger.ledger import Ledger
from ledger.loading import key_of_announcement
from ledger.messages.content import Message, MsgType
from ledger.notification import Notification
from ledger.redis_clock import time_ms
from ledger.redis_keys import key_digest
from ledger.rescheduling import reschedule
from ledger.settings import Desk
from ledger.states import AnnouncementState, State
from ledger.times import unix_ms
from tests.integration.ledger.test_announcements import announce, counts_of, release, some_rows

SCHEDULED, PAUSED = AnnouncementState.SCHEDULED, AnnouncementState.PAUSED


def in_hours(hours: float) -> datetime:
    return (datetime.now(UTC) + timedelta(hours=hours)).replace(microsecond=0)


def send(ledger: Ledger, **fields: Any) -> str:
    [accepted] = ledger.accept([Notification.build({"receiver_id": "ou_a", "text": "x", **fields})])
    return accepted.id


def shown(ledger: Ledger, id: str) -> Announcement:
    assert broken_invariants(ledger, lambda: time_ms(ledger.redis.time())) == []
    return ledger.announcements.get(id)


def test_a_scheduled_event_gets_another_time_and_its_record_says_so(ledger: Ledger) -> None:
    id, later = send(ledger, at=in_hours(2)), in_hours(48)
    reschedule(ledger, id, later, "ada")
    record = ledger.get(id)
    assert (record.progress.state, record.due_ms) == (State.SCHEDULED, unix_ms(later))
    assert [act[1:] for act in record.progress.acts] == [("ada", "reschedule")]
    assert [(act.by, act.did, act.id) for act in recent_actions(ledger, 5)] == [("ada", "reschedule", id)]
    assert record.notification.message.content == {"text": "x"}


def test_an_event_that_is_due_now_goes_now_and_cannot_be_rescheduled_then(
    ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    id = send(ledger, at=in_hours(2))
    reschedule(ledger, id, in_hours(-0.1), "ada")
    assert release(leases, desk, 5) == [id]
    with pytest.raises(NotAllowed, match=f"cannot reschedule {id}: it is queued"):
        reschedule(ledger, id, in_hours(3), "ada")
    assert ledger.get(id).progress.state is State.QUEUED


def test_a_later_time_holds_back_what_was_due_by_the_old_one(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    id = send(ledger, at=in_hours(2))
    reschedule(ledger, id, in_hours(9), "ada")
    # The pacer looks at the lane of events as if it had been due at the old time.
    ledger.redis.zadd(ledger.keys.due("default"), {"e_default": unix_ms(in_hours(-0.1))})
    assert release(leases, desk, 5) == []
    assert ledger.get(id).progress.state is State.SCHEDULED


@pytest.mark.parametrize("key", ["k", None])
def test_what_depends_on_the_time_is_kept_longer_but_never_shorter(ledger: Ledger, key: str | None) -> None:
    image = "0" * 64
    ledger.keep_image_for(image, b"png", 60_000)
    message = Message.model_construct(msg_type=MsgType.IMAGE, content={"image_sha256": image})
    fields = {"receiver_id": "ou_a", "message": message, "at": in_hours(1), "key": key}
    [accepted] = ledger.accept([Notification.build(fields)])
    id = accepted.id
    reschedule(ledger, id, in_hours(24 * 90), "ada")
    kept = [ledger.keys.image(image), *([ledger.keys.key("default", key_digest(key))] if key else [])]
    longest = [ledger.redis.pttl(name) for name in kept]
    assert all(ttl > timedelta(days=90 + 30) / timedelta(milliseconds=1) for ttl in longest)
    reschedule(ledger, id, in_hours(1), "ada")
    assert all(ledger.redis.pttl(name) > timedelta(days=90 + 30) / timedelta(milliseconds=1) for name in kept)


def test_the_key_of_an_announcement_is_remembered_until_its_new_time(ledger: Ledger) -> None:
    id = announce(ledger, 2, key="k", at=in_hours(1))
    name = ledger.keys.key("default", key_digest(key_of_announcement("k")))
    before_ms = ledger.redis.pttl(name)
    reschedule(ledger, id, in_hours(24 * 90), "ada")
    kept_ms = ledger.redis.pttl(name)
    assert kept_ms > before_ms + timedelta(days=89) / timedelta(milliseconds=1)
    reschedule(ledger, id, in_hours(1), "ada")
    assert ledger.redis.pttl(name) > kept_ms - 60_000, "it is never forgotten earlier"


@pytest.mark.parametrize("is_paused", [False, True])
def test_a_scheduled_announcement_gets_another_time_and_stays_what_it_is(
    ledger: Ledger, leases: Leases, desk: Desk, is_paused: bool
) -> None:
    id, later = announce(ledger, 3, at=in_hours(2)), in_hours(5)
    assert shown(ledger, id).state is SCHEDULED
    if is_paused:
        ledger.announcements.pause(id, "bob")
    reschedule(ledger, id, later, "ada")
    told = shown(ledger, id)
    assert (told.state, told.due_ms) == (PAUSED if is_paused else SCHEDULED, unix_ms(later))
    assert told.acts[-1][1:] == ("ada", "reschedule")
    assert release(leases, desk, 5) == []
    reschedule(ledger, id, in_hours(-0.1), "ada")
    assert len(release(leases, desk, 5)) == (0 if is_paused else 3)
    if is_paused:
        assert ledger.announcements.resume(id, "bob") is AnnouncementState.RUNNING
        assert len(release(leases, desk, 5)) == 3


def test_one_that_was_paused_before_its_first_row_is_scheduled_and_resumed_for_its_time(
    ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    id, later = announce(ledger, 3), in_hours(5)
    ledger.announcements.pause(id, "bob")
    assert shown(ledger, id).can_reschedule
    reschedule(ledger, id, later, "ada")
    assert counts_of(ledger, id) == {"scheduled": 3}
    assert ledger.announcements.resume(id, "bob") is SCHEDULED
    assert shown(ledger, id).due_ms == unix_ms(later)
    assert release(leases, desk, 5) == []


@pytest.mark.parametrize("verb", ["run", "pause", "cancel", "end"])
def test_one_that_has_begun_or_ended_cannot_be_rescheduled(
    ledger: Ledger, leases: Leases, desk: Desk, verb: str
) -> None:
    id = announce(ledger, 1)
    if verb != "cancel":
        assert len(release(leases, desk, 1)) == 1
    if verb == "pause":
        ledger.announcements.pause(id, "bob")
    if verb == "cancel":
        ledger.announcements.cancel(id, "bob")
    if verb == "end":
        ledger.cancel([f"n_{id[2:]}-0"], "bob")
    state = {"run": "running", "pause": "paused", "cancel": "cancelled", "end": "finished"}[verb]
    with pytest.raises(NotAllowed, match=f"it is {state}"):
        reschedule(ledger, id, in_hours(1), "ada")
    assert "reschedule" not in [act.did for act in recent_actions(ledger, 5)]


def test_what_would_expire_first_is_refused_with_both_times(ledger: Ledger) -> None:
    ends = in_hours(4)
    for id in (send(ledger, at=in_hours(1), expires=ends), announce(ledger, 2, at=in_hours(1), expires_at=ends)):
        with pytest.raises(
            BadInput, match=f"is not before {ends.isoformat(timespec='minutes')[:-6]}.*, when it expires"
        ):
            reschedule(ledger, id, ends, "ada")


def test_a_repeat_changes_nothing(ledger: Ledger) -> None:
    id, later = announce(ledger, 2, at=in_hours(1)), in_hours(3)
    reschedule(ledger, id, later, "ada")
    reschedule(ledger, id, later, "ada")
    assert [act[2] for act in shown(ledger, id).acts] == ["reschedule"]
    assert [act.did for act in recent_actions(ledger, 5)] == ["reschedule", "announce"]


def test_a_repeat_is_no_error_once_it_has_begun(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    id, now = announce(ledger, 2, at=in_hours(1)), in_hours(-0.01)
    reschedule(ledger, id, now, "ada")
    release(leases, desk, 1)
    reschedule(ledger, id, now, "ada")
    with pytest.raises(NotAllowed):
        reschedule(ledger, id, in_hours(1), "ada")


def test_who_reads_before_somebody_else_writes_reads_again(ledger: Ledger) -> None:
    """The race of two people: the second's verb finds other content than was read, and nothing of the first is lost."""
    id, first, second = send(ledger, at=in_hours(1)), in_hours(2), in_hours(3)
    read, raced = rescheduling._notification, []

    def slowly(*asked: Any) -> Any:
        kept = read(*asked)
        if not raced:
            raced.append(True)
            reschedule(ledger, id, first, "bob")
        return kept

    with patch.object(rescheduling, "_notification", slowly):
        reschedule(ledger, id, second, "ada")
    assert ledger.get(id).due_ms == unix_ms(second)
    assert [act[1] for act in ledger.get(id).progress.acts] == ["bob", "ada"]


def test_the_sending_hours_are_planned_again_from_the_new_time_on(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    """By hours from the old time on it would send at any hour of a far time, and never at a nearer one."""
    now = datetime.now(UTC)
    begins, ends = now + timedelta(hours=12), now + timedelta(hours=13)
    hours = {"between": f"{begins:%H:%M}-{ends:%H:%M}", "timezone": "UTC"}
    id = announce(ledger, 2, at=in_hours(24 * 450), **hours)
    due_ms = shown(ledger, id).due_ms
    assert due_ms
    assert due_ms > unix_ms(in_hours(24 * 450))
    reschedule(ledger, id, in_hours(-0.1), "ada")
    assert release(leases, desk, 5) == []  # outside of its hours
    opens = begins.replace(second=0, microsecond=0)
    assert shown(ledger, id).due_ms == unix_ms(opens)
    id = announce(ledger, 2, key="l", at=in_hours(1), **hours)
    reschedule(ledger, id, in_hours(24 * 500), "ada")
    first = ledger.redis.lindex(ledger.keys("lane", id, "hours"), 0)
    assert int(first.split()[0]) >= unix_ms(in_hours(24 * 499))


def test_a_row_that_waits_for_its_own_time_gets_another_and_one_that_waits_for_all_does_not(
    ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    rows = some_rows(2, send_at_ms=unix_ms(in_hours(2)))
    id = announce(ledger, 2, rows=rows)
    assert release(leases, desk, 5) == []
    row, later = f"n_{id[2:]}-1", in_hours(4)
    reschedule(ledger, row, later, "ada")
    assert ledger.get(row).due_ms == unix_ms(later)
    assert shown(ledger, id).counts[State.SCHEDULED] == 2
    reschedule(ledger, row, in_hours(-0.1), "ada")
    assert release(leases, desk, 5) == [row]
    waiting = announce(ledger, 2, key="l", at=in_hours(1))
    with pytest.raises(NotAllowed, match=f"scheduled with its announcement: reschedule {waiting}"):
        reschedule(ledger, f"n_{waiting[2:]}-0", in_hours(2), "ada")


def test_what_is_not_there_is_not_found(ledger: Ledger) -> None:
    for id in ("n_0000000000000000", "a_0000000000000000", "n_00000000000000-1"):
        with pytest.raises(NotFound):
            reschedule(ledger, id, in_hours(1), "ada")


def test_fields_of_a_newer_version_stay(ledger: Ledger) -> None:
    id = send(ledger, at=in_hours(1))
    name = ledger.keys.notification(id)
    kept = orjson.loads(ledger.redis.hget(name, "input"))
    ledger.redis.hset(name, "input", orjson.dumps({**kept, "throttle": "30m"}))
    reschedule(ledger, id, in_hours(2), "ada")
    assert orjson.loads(ledger.redis.hget(name, "input"))["throttle"] == "30m"
