"""What failed is found by what it failed of and when, and taken back together."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from ledger.announcement import Spec
from ledger.dead_letters import DeadLetters
from ledger.errors import NotAllowed, NotFound
from ledger.leases import Leases, Result
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.progress import Attempt
from ledger.settings import Desk
from ledger.states import Outcome, State

#: When each failed is set by hand: 12:00, 13:00, 14:00 and 15:00.
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
FAILED_OF = {"a": 154004, "b": 155000, "c": 154004, "d": None}


@pytest.fixture
def failed(ledger: Ledger, leases: Leases, desk: Desk) -> dict[str, str]:
    """Four failed events by name; `d` failed before any call. A fifth one was delivered."""
    ids = [accepted.id for accepted in ledger.accept([_event(name) for name in (*FAILED_OF, "delivered")])]
    leases.release([(desk, 10, 10)])
    leases.claim(desk, "t", ids)
    results = [
        Result(id, State.FAILED, [Attempt(1, None, Outcome.REFUSED, code=code)] if code else [])
        for id, code in zip(ids, FAILED_OF.values(), strict=False)
    ]
    leases.record(desk, "t", [*results, Result(ids[-1], State.DELIVERED)], "")
    by_name = dict(zip(FAILED_OF, ids, strict=False))
    for hours, id in enumerate(by_name.values()):
        at = NOON + timedelta(hours=hours)
        ledger.redis.zadd(ledger.keys.index(State.FAILED), {id: round(at.timestamp() * 1000)})
    return by_name


def _event(name: str) -> Notification:
    return Notification.build({"receiver_id": f"ou_{name}", "text": "hello"})


@pytest.mark.parametrize(
    ("meant", "names"),
    [
        (DeadLetters(), "abcd"),
        (DeadLetters(code=154004), "ac"),
        (DeadLetters(code=1), ""),
        (DeadLetters(since=NOON + timedelta(hours=1)), "bcd"),
        (DeadLetters(until=NOON + timedelta(hours=1)), "a"),
        (DeadLetters(since=NOON + timedelta(hours=1), until=NOON + timedelta(hours=3), code=154004), "c"),
        (DeadLetters(desk="default"), "abcd"),
        (DeadLetters(desk="hr"), ""),
        (DeadLetters(state=State.UNKNOWN), ""),
    ],
)
def test_they_are_found_by_code_time_and_desk(
    ledger: Ledger, failed: dict[str, str], meant: DeadLetters, names: str
) -> None:
    assert [record.id for record in meant.find(ledger)] == [failed[name] for name in names]


def test_those_that_are_meant_wait_again_and_the_others_stay(ledger: Ledger, failed: dict[str, str]) -> None:
    assert DeadLetters(code=154004).retry(ledger, "ann@vm") == [failed["a"], failed["c"]]

    states = {name: ledger.get(id).progress.state for name, id in failed.items()}
    assert states == {"a": State.QUEUED, "b": State.FAILED, "c": State.QUEUED, "d": State.FAILED}
    [(_, who, what)] = ledger.get(failed["a"]).progress.acts
    assert (who, what) == ("ann@vm", "retry")
    assert len(ledger.get(failed["a"]).progress.attempts) == 1, "the history stays"
    assert DeadLetters(code=154004).retry(ledger, "ann@vm") == []


def test_more_than_one_portion_is_taken_back(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    ids = [accepted.id for accepted in ledger.accept([_event(str(number)) for number in range(450)])]
    leases.release([(desk, 500, 500)])
    leases.claim(desk, "t", ids)
    attempts = [Attempt(1, None, Outcome.REFUSED, code=154004)]
    leases.record(desk, "t", [Result(id, State.FAILED, attempts) for id in ids], "")

    assert sorted(DeadLetters(code=154004).retry(ledger, "ann@vm")) == sorted(ids)
    assert ledger.counts()[State.QUEUED] == 450


def test_one_whose_record_has_gone_is_passed_over(ledger: Ledger, failed: dict[str, str]) -> None:
    ledger.redis.delete(ledger.keys.notification(failed["a"]))
    assert [record.id for record in DeadLetters(code=154004).find(ledger)] == [failed["c"]]


# -- rows of an announcement


@pytest.fixture
def failed_rows(ledger: Ledger, leases: Leases, desk: Desk, failed: dict[str, str]) -> dict[str, str]:
    """Three rows by name that failed of what the events of these names did, at their hours; and these events."""
    announcement = _announce(ledger, "abc")
    [released] = leases.release([(desk, 10, 10)])
    leases.claim(desk, "t", released.ids)
    by_name = dict(zip("abc", released.ids, strict=True))
    for hours, (name, id) in enumerate(by_name.items()):
        attempts = [Attempt(1, None, Outcome.REFUSED, code=FAILED_OF[name])]
        leases.record(desk, "t", [Result(id, State.FAILED, attempts)], "")
        at = NOON + timedelta(hours=hours)
        ledger.redis.zadd(ledger.keys.row_index(announcement, State.FAILED), {id: round(at.timestamp() * 1000)})
    return {**by_name, "all": announcement}


def _announce(ledger: Ledger, names: str) -> str:
    spec = Spec(name="Office move", message={"msg_type": "text", "content": {"text": "hi"}})
    id = ledger.announcements.open(spec, key=names, digest=names).id
    ledger.announcements.load(id, [orjson.dumps([line, f"ou_{name}", []]) for line, name in enumerate(names, 2)])
    ledger.announcements.start(id, spec, len(names))
    return id


@pytest.mark.parametrize(
    ("meant", "names"),
    [
        ({}, "abc"),
        ({"code": 154004}, "ac"),
        ({"code": 154004, "since": NOON + timedelta(hours=1)}, "c"),
        ({"until": NOON + timedelta(hours=1)}, "a"),
    ],
)
def test_rows_are_taken_back_by_code_and_time_and_no_event_with_them(
    ledger: Ledger, failed_rows: dict[str, str], meant: dict[str, int | datetime], names: str
) -> None:
    letters = DeadLetters(announcement=failed_rows["all"], **meant)  # type: ignore[arg-type]
    assert letters.retry(ledger, "ann@vm") == [failed_rows[name] for name in names]
    assert ledger.announcements.get(failed_rows["all"]).counts[State.QUEUED] == len(names)
    assert ledger.counts()[State.FAILED] == len(FAILED_OF)


def test_no_row_of_a_cancelled_announcement_is_taken_back(ledger: Ledger, failed_rows: dict[str, str]) -> None:
    running = _announce(ledger, "xyz")
    ledger.announcements.cancel(running, "ann@vm")
    with pytest.raises(NotAllowed):
        DeadLetters(announcement=running).retry(ledger, "ann@vm")
    with pytest.raises(NotFound):
        DeadLetters(announcement="a_nowhere").retry(ledger, "ann@vm")
