"""Messages of other Celery applications that got lost: dropped ones, and lists that nobody reads."""

import base64

import orjson
import pytest

from ledger import dropped_messages
from ledger.dropped_messages import DroppedMessages
from ledger.ledger import Ledger
from ledger.phrases import Phrase
from ledger.queues import PRIORITY_STEPS, intake_queue, list_of
from ledger.unread_lists import STEP_SECONDS, UnreadLists, find_unread, unread_of

TASK = orjson.dumps({"headers": {"task": "deskbell.send"}, "body": ""})


def test_a_dropped_message_is_kept_with_its_reason_in_every_language_and_counted(ledger: Ledger) -> None:
    dropped = DroppedMessages(ledger.redis, ledger.keys)
    assert dropped.summary().unseen == 0

    for number in range(3):
        dropped.note(
            Phrase("unknown task {name}: this queue takes {task}", name=number, task="x"), "q", {"id": str(number)}
        )

    found = dropped.summary(2)
    assert (found.total, found.unseen) == (3, 3)
    assert [each.headers["id"] for each in found.latest] == ["2", "1"]
    [latest, _] = found.latest
    assert latest.reason == "unknown task 2: this queue takes x"
    assert isinstance(latest.reason, Phrase)
    assert latest.at_ms > 1_700_000_000_000


def test_what_was_dropped_after_somebody_looked_stays_unseen(ledger: Ledger) -> None:
    dropped = DroppedMessages(ledger.redis, ledger.keys)
    dropped.note(Phrase("old"), "", {})
    shown = dropped.summary()
    dropped.note(Phrase("new"), "", {})

    dropped.see(shown.total)

    found = dropped.summary()
    assert (found.total, found.unseen, [each.reason for each in found.latest]) == (2, 1, ["new"])


def test_the_list_is_bounded_and_the_number_is_not(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dropped_messages, "KEPT", 3)
    dropped = DroppedMessages(ledger.redis, ledger.keys)
    for _ in range(5):
        dropped.note(Phrase("x"), "", {})
    assert ledger.redis.llen(ledger.keys.dropped_messages) == 3
    assert dropped.summary().unseen == 5


def test_a_damaged_entry_hides_no_other(ledger: Ledger) -> None:
    dropped = DroppedMessages(ledger.redis, ledger.keys)
    dropped.note(Phrase("x"), "", {})
    ledger.redis.incr(ledger.keys.dropped)
    ledger.redis.lpush(ledger.keys.dropped_messages, b"{")
    assert [each.reason for each in dropped.summary().latest] == ["x"]


def test_lists_with_our_messages_that_no_worker_reads_are_found_whatever_their_names(ledger: Ledger) -> None:
    old = b'x{"task": "deskbell.send"}'  # protocol 1 names the task in its body
    for shift in range(3):
        ledger.redis.lpush(f"celery{shift}", orjson.dumps({"body": base64.b64encode(old[shift:]).decode()}))
    ledger.redis.rpush("deskbell.intakes", TASK, TASK)
    ledger.redis.rpush("deskbell.intake\x06\x16255", b"anything")
    ledger.redis.rpush("ours elsewhere", b"theirs", TASK)
    _add_what_is_not_ours(ledger)

    assert find_unread(ledger.redis, "deskbell", 10) == [
        ("celery0", 1),
        ("celery1", 1),
        ("celery2", 1),
        ("deskbell.intake\x06\x16255", 1),
        ("deskbell.intakes", 2),
        ("ours elsewhere", 2),
    ]


def _add_what_is_not_ours(ledger: Ledger) -> None:
    for step in PRIORITY_STEPS:
        ledger.redis.rpush(list_of(intake_queue("deskbell"), step), TASK)
    ledger.redis.rpush("deskbell:lane:e_default:ids", "n_1")
    ledger.redis.rpush("celery", b"theirs")
    ledger.redis.rpush("other.intake", TASK)  # of another installation on this Redis
    ledger.redis.set("other:schema", 2)
    ledger.redis.set("a string", TASK)


def test_a_worker_tells_what_it_finds_until_it_is_gone(ledger: Ledger) -> None:
    now = [0.0]
    unread = UnreadLists(ledger.redis, ledger.keys, clock=lambda: now[0])

    def look() -> list[tuple[str, int]]:
        unread.look()
        now[0] += STEP_SECONDS
        return [tuple(each) for each in unread_of(ledger.redis.get(ledger.keys.unread_lists))]

    assert look() == []
    ledger.redis.rpush("celery", TASK)
    assert look() == [("celery", 1)]
    ledger.redis.delete("celery")
    assert look() == []


def test_a_worker_looks_seldom(ledger: Ledger) -> None:
    now = [0.0]
    unread = UnreadLists(ledger.redis, ledger.keys, clock=lambda: now[0])
    unread.look()
    ledger.redis.rpush("celery", TASK)
    now[0] = STEP_SECONDS / 2
    unread.look()
    assert ledger.redis.get(ledger.keys.unread_lists) == b"[]"
