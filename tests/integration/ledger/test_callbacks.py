"""Callbacks in the ledger: owed with the step that makes them true, once for each end, and what they tell."""

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import fakeredis
import pytest
import redis

from ledger.announcement import Spec
from ledger.callbacks import Callbacks, Delay, Owed
from ledger.errors import BadInput
from ledger.leases import Leases, Result
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.progress import Attempt
from ledger.settings import Desk
from ledger.states import Outcome, State

URL = "https://hooks.example.com/bell?token=s3cret"
LEASE_MS = 30_000
DAY_MS = 86_400_000


@pytest.fixture
def callbacks(ledger: Ledger) -> Callbacks:
    return Callbacks(ledger)


def accepted(ledger: Ledger, url: str | None = URL, **fields: Any) -> str:
    given = {"receiver_id": "ou_ada", "text": "s3cret body", "callback_url": url, **fields}
    return ledger.accept([Notification.build(given)])[0].id


def come_to(leases: Leases, desk: Desk, state: State, outcome: Outcome = Outcome.DELIVERED) -> list[str]:
    """Releases and claims all that is due, and records this state."""
    ids = leases.release([(desk, 100, 100)])[0].ids
    now_ms, claims = leases.claim(desk, "token", ids)
    attempt = Attempt(now_ms, claims[0].notification.receive_type, outcome)
    leases.record(desk, "token", [Result(claim.id, state, (attempt,)) for claim in claims], "up")
    return ids


def taken(callbacks: Callbacks) -> list[Owed]:
    return callbacks.due(100, LEASE_MS)


def documents(callbacks: Callbacks) -> list[dict[str, Any]]:
    return [document for owed in taken(callbacks) if (document := callbacks.document(owed))]


# -- of a notification


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        (State.DELIVERED, Outcome.DELIVERED),
        (State.FAILED, Outcome.REFUSED),
        (State.UNKNOWN, Outcome.UNKNOWN),
    ],
)
def test_its_end_is_owed_once(
    ledger: Ledger, leases: Leases, desk: Desk, callbacks: Callbacks, state: State, outcome: Outcome
) -> None:
    id = accepted(ledger)
    assert taken(callbacks) == []
    come_to(leases, desk, state, outcome)
    [owed] = taken(callbacks)
    assert (owed.id, owed.state, owed.url) == (id, state, URL)
    document = callbacks.document(owed)
    assert document is not None
    assert document["type"] == f"notification.{state}"
    assert document["data"] == ledger.get(id).as_json()
    assert document["timestamp"].endswith("Z")
    assert "s3cret" not in str(document)
    assert taken(callbacks) == [], "it is under a lease"


def test_cancelling_and_expiring_are_ends_too(
    ledger: Ledger, leases: Leases, desk: Desk, callbacks: Callbacks, client: redis.Redis
) -> None:
    cancelled, expired = accepted(ledger), accepted(ledger, expires="1h")
    ledger.cancel([cancelled], "me")
    client.hset(ledger.keys.notification(expired), "expires_at", 1)
    leases.release([(desk, 100, 100)])
    told = {document["data"]["id"]: document["type"] for document in documents(callbacks)}
    assert told == {cancelled: "notification.cancelled", expired: "notification.expired"}


def test_a_lost_worker_s_notification_that_rests_as_unknown_is_told(
    ledger: Ledger, leases: Leases, desk: Desk, callbacks: Callbacks, client: redis.Redis
) -> None:
    id = accepted(ledger, on_unknown="hold")
    leases.claim(desk, "token", leases.release([(desk, 100, 100)])[0].ids)
    client.zadd(ledger.keys.leases("default"), {id: 1})
    leases.sweep([desk])
    assert [document["type"] for document in documents(callbacks)] == ["notification.unknown"]


def test_no_other_step_owes_anything(ledger: Ledger, leases: Leases, desk: Desk, callbacks: Callbacks) -> None:
    accepted(ledger, at="1h")
    accepted(ledger)
    come_to(leases, desk, State.QUEUED)
    come_to(leases, desk, State.DEFERRED, Outcome.TRANSIENT)
    assert callbacks.counts()[0] == 0


def test_without_a_callback_url_nothing_is_owed_and_nothing_is_written(
    ledger: Ledger, leases: Leases, desk: Desk, callbacks: Callbacks, client: redis.Redis
) -> None:
    accepted(ledger, None)
    come_to(leases, desk, State.DELIVERED)
    assert client.keys("*callback*") == []


def test_each_end_is_told_as_it_stood_then(ledger: Ledger, leases: Leases, desk: Desk, callbacks: Callbacks) -> None:
    """It was retried before anybody could post that it had failed."""
    id = accepted(ledger)
    come_to(leases, desk, State.FAILED, Outcome.REFUSED)
    ledger.retry([id], "me")
    come_to(leases, desk, State.UNKNOWN, Outcome.UNKNOWN)
    ledger.resolve([id], "me", "delivered")
    told = {document["type"]: document["data"] for document in documents(callbacks)}
    assert {kind: (data["state"], len(data["attempts"])) for kind, data in told.items()} == {
        "notification.failed": ("failed", 1),
        "notification.unknown": ("unknown", 2),
        "notification.delivered": ("delivered", 2),
    }
    assert [act["did"] for act in told["notification.delivered"]["acts"]] == ["retry", "resolve as delivered"]


def test_a_verb_that_is_replayed_owes_nothing_twice(
    ledger: Ledger, leases: Leases, desk: Desk, callbacks: Callbacks
) -> None:
    id = accepted(ledger)
    leases.claim(desk, "token", leases.release([(desk, 100, 100)])[0].ids)
    for _ in range(2):
        leases.record(desk, "token", [Result(id, State.DELIVERED)], "up")
    assert callbacks.counts()[0] == 1


def test_its_record_stays_for_as_long_as_callbacks_are_tried(ledger: Ledger, desk: Desk, client: redis.Redis) -> None:
    settings = ledger.settings.model_copy(update={"results_for": timedelta(seconds=1)})
    short = Leases(client, settings, longest_call_ms=1000)
    with_url, without = accepted(ledger), accepted(ledger, None)
    come_to(short, desk, State.DELIVERED)
    assert client.pttl(ledger.keys.notification(with_url)) > DAY_MS
    assert client.pttl(ledger.keys.notification(without)) <= 1000


# -- of an announcement


def announced(ledger: Ledger, *receivers: str, url: str | None = URL) -> str:
    message: dict[str, Any] = {"msg_type": "text", "content": {"text": "s3cret body"}}
    spec = Spec(name="N", message=message, callback_url=url)
    id, _ = ledger.announcements.open(spec, key="k", digest="d")
    ledger.announcements.load(id, [f'[{n},"{receiver}",[]]'.encode() for n, receiver in enumerate(receivers, 1)])
    ledger.announcements.start(id, spec, len(receivers))
    return id


def states(callbacks: Callbacks) -> Sequence[tuple[str, dict[str, int]]]:
    return [(document["type"], document["data"]["counts"]) for document in documents(callbacks)]


def test_its_end_is_told_once_with_its_counts_and_its_rows_are_not(
    ledger: Ledger, leases: Leases, desk: Desk, callbacks: Callbacks
) -> None:
    id = announced(ledger, "ou_a", "ou_b", "ou_c")
    ids = leases.release([(desk, 100, 100)])[0].ids
    leases.claim(desk, "token", ids)
    results = [Result(ids[0], State.DELIVERED), Result(ids[1], State.FAILED), Result(ids[2], State.UNKNOWN)]
    leases.record(desk, "token", results[:2], "up")
    assert callbacks.counts()[0] == 0
    leases.record(desk, "token", results[2:], "up")
    [document] = documents(callbacks)
    assert document["type"] == "announcement.finished"
    assert document["data"]["counts"] == {"delivered": 1, "failed": 1, "unknown": 1}
    assert (document["data"]["id"], document["data"]["state"], document["data"]["ended"]) == (id, "finished", "partial")
    assert document["data"]["finished_at"] == document["timestamp"]
    assert "s3cret" not in str(document)


def test_after_a_retry_it_ends_once_more(ledger: Ledger, leases: Leases, desk: Desk, callbacks: Callbacks) -> None:
    id = announced(ledger, "ou_a", "ou_b")
    come_to(leases, desk, State.FAILED, Outcome.REFUSED)
    ledger.announcements.retry(id, "me")
    come_to(leases, desk, State.DELIVERED)
    assert sorted(states(callbacks), key=str) == [
        ("announcement.finished", {"delivered": 2}),
        ("announcement.finished", {"failed": 2}),
    ]


def test_a_cancelled_one_ends_when_its_last_call_is_back(
    ledger: Ledger, leases: Leases, desk: Desk, callbacks: Callbacks
) -> None:
    id = announced(ledger, "ou_a", "ou_b", "ou_c")
    ids = leases.release([(desk, 1, 100)])[0].ids
    leases.claim(desk, "token", ids)
    ledger.announcements.cancel(id, "me")
    assert callbacks.counts()[0] == 0, "a call is still out"
    leases.record(desk, "token", [Result(ids[0], State.UNKNOWN)], "up")
    assert states(callbacks) == [("announcement.cancelled", {"unknown": 1, "cancelled": 2})]
    ledger.announcements.resolve(id, "me", "delivered")
    assert taken(callbacks) == [], "its end is told once"


def test_one_that_is_cancelled_at_rest_ends_at_once(ledger: Ledger, callbacks: Callbacks) -> None:
    ledger.announcements.cancel(announced(ledger, "ou_a", "ou_b"), "me")
    assert states(callbacks) == [("announcement.cancelled", {"cancelled": 2})]


def test_an_announcement_without_a_callback_url_owes_nothing(
    ledger: Ledger, leases: Leases, desk: Desk, callbacks: Callbacks
) -> None:
    announced(ledger, "ou_a", url=None)
    come_to(leases, desk, State.DELIVERED)
    assert callbacks.counts()[0] == 0


# -- taking, putting off, striking off


def test_what_was_put_off_is_due_later_and_what_was_struck_off_never(
    ledger: Ledger, leases: Leases, desk: Desk, callbacks: Callbacks, client: redis.Redis
) -> None:
    for _ in range(3):
        accepted(ledger)
    come_to(leases, desk, State.DELIVERED)
    soon, later, never = taken(callbacks)
    callbacks.strike_off(never)
    callbacks.put_off([Delay(soon, 0), Delay(later, 60_000), Delay(never, 0)])
    assert [owed.name for owed in taken(callbacks)] == [soon.name]
    assert callbacks.counts()[0] == 2
    assert client.exists(ledger.keys.callback(never.name)) == 0


def test_at_most_so_many_are_taken(ledger: Ledger, leases: Leases, desk: Desk, callbacks: Callbacks) -> None:
    for _ in range(5):
        accepted(ledger)
    come_to(leases, desk, State.DELIVERED)
    assert [len(callbacks.due(3, LEASE_MS)) for _ in range(3)] == [3, 2, 0]


def test_what_nobody_could_post_in_a_day_is_forgotten(
    ledger: Ledger, leases: Leases, desk: Desk, callbacks: Callbacks, client: redis.Redis
) -> None:
    accepted(ledger)
    come_to(leases, desk, State.DELIVERED)
    [name] = client.zrange(ledger.keys.callbacks_of("@default"), 0, -1)
    owed = ledger.keys.callback(name.decode())
    assert DAY_MS < client.pttl(owed) <= DAY_MS + 3_600_000
    client.delete(owed)
    assert taken(callbacks) == []
    assert callbacks.counts()[0] == 0


def test_a_record_that_is_gone_has_no_document(
    ledger: Ledger, leases: Leases, desk: Desk, callbacks: Callbacks, client: redis.Redis
) -> None:
    id = accepted(ledger)
    come_to(leases, desk, State.DELIVERED)
    client.delete(ledger.keys.notification(id))
    [owed] = taken(callbacks)
    assert callbacks.document(owed) is None
    assert "s3cret" not in repr(owed)


# -- whose turn it is


def owed_by(ledger: Ledger, caller: str | None, count: int = 1, desk: str = "default") -> None:
    given = {"receiver_id": "ou_ada", "text": "x", "callback_url": URL, "desk": desk}
    asked = [Notification.build(given, caller=caller) for _ in range(count)]
    ledger.cancel([each.id for each in ledger.accept(asked)], "me")


def owners(found: Sequence[Owed]) -> list[str]:
    return sorted(owed.owner for owed in found)


def test_keys_and_desks_take_turns_however_much_each_is_owed(
    ledger: Ledger, ledger_of_desks: Ledger, callbacks: Callbacks
) -> None:
    owed_by(ledger, "loud", 20)
    owed_by(ledger, "quiet")
    owed_by(ledger_of_desks, "loud", desk="hr")
    owed_by(ledger, None)
    assert owners(callbacks.due(4, LEASE_MS)) == ["@default", "loud@default", "loud@hr", "quiet@default"]
    assert owners(callbacks.due(100, LEASE_MS)) == ["loud@default"] * 19


def test_who_had_no_turn_is_before_who_had_one(ledger: Ledger, callbacks: Callbacks) -> None:
    for number in range(6):
        owed_by(ledger, f"k{number}", 2)
    time.sleep(0.002)  # turns are told apart by their ms
    first, second = callbacks.due(3, LEASE_MS), callbacks.due(3, LEASE_MS)
    assert len({owed.owner for owed in (*first, *second)}) == 6


def test_those_that_are_full_are_left_alone(ledger: Ledger, callbacks: Callbacks) -> None:
    owed_by(ledger, "full")
    owed_by(ledger, "other")
    assert owners(callbacks.due(10, LEASE_MS, ["full@default"])) == ["other@default"]
    assert owners(callbacks.due(10, LEASE_MS)) == ["full@default"]


def test_what_was_never_posted_is_before_what_is_posted_again(ledger: Ledger, callbacks: Callbacks) -> None:
    owed_by(ledger, "k", 3)
    again = callbacks.due(10, LEASE_MS)
    callbacks.put_off([Delay(owed, 0) for owed in again])
    owed_by(ledger, "k")
    assert [owed.is_new for owed in callbacks.due(10, LEASE_MS)] == [True, False, False, False]


def test_what_is_given_back_stands_where_it_stood(ledger: Ledger, callbacks: Callbacks) -> None:
    owed_by(ledger, "k", 3)
    before = callbacks.due(10, LEASE_MS)
    callbacks.put_off([Delay(owed, None) for owed in before])
    again = callbacks.due(10, LEASE_MS)
    assert [owed.name for owed in again] == [owed.name for owed in before]
    assert all(owed.is_new for owed in again)


def test_of_too_many_the_one_that_would_be_posted_last_is_dropped_and_counted(
    ledger: Ledger, callbacks: Callbacks, client: redis.Redis
) -> None:
    if isinstance(client, fakeredis.FakeRedis):
        pytest.skip("so many are too many for it")
    queue = ledger.keys.callbacks_of("k@default")
    client.zadd(queue, {f"n_{number}": number for number in range(99_999)} | {"n_last": 2 * 10**12})
    client.hset(ledger.keys.callback("n_last"), "id", "n_last")
    owed_by(ledger, "k")
    assert (client.zcard(queue), client.zscore(queue, "n_last"), callbacks.counts()[1]) == (100_000, None, 1)
    assert client.exists(ledger.keys.callback("n_last")) == 0
    assert callbacks.due(1, LEASE_MS)[0].is_new
    owed_by(ledger, "other")
    assert callbacks.counts()[1] == 1


def test_what_an_older_version_owed_is_posted(ledger: Ledger, callbacks: Callbacks, client: redis.Redis) -> None:
    accepted_before = accepted(ledger)
    ledger.cancel([accepted_before], "me")
    queue = ledger.keys.callbacks_of("@default")
    [(name, _)] = client.zrange(queue, 0, -1, withscores=True)
    client.delete(queue, ledger.keys.callback_owners)
    client.zadd(ledger.keys.callbacks, {name: 1})
    assert callbacks.counts()[0] == 1
    [owed] = taken(callbacks)
    assert (owed.id, owed.owner) == (accepted_before, "@")
    callbacks.strike_off(owed)
    assert (callbacks.counts()[0], taken(callbacks)) == (0, [])


def test_a_caller_does_not_choose_whose_share_it_takes() -> None:
    with pytest.raises(BadInput, match="caller: is not a known field"):
        Notification.build({"receiver_id": "ou_ada", "text": "x", "caller": "another"})
