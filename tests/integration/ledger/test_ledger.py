"""The ledger's verbs, over fakeredis and a real Valkey."""

import pytest

from ledger.announcement import Spec
from ledger.delivery_options import OnUnknown, ReceiveType
from ledger.errors import BadInput, KeyReused, NotAllowed, NotFound
from ledger.leases import LeaseLost, Leases, Result
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.progress import Attempt
from ledger.settings import Desk
from ledger.states import Outcome, State
from worker.pacer import prune


def a_notification(receiver: str = "ou_ada", **fields: object) -> Notification:
    return Notification.build({"receiver_id": receiver, "text": "Disk full on db-3", **fields})


def an_attempt(outcome: Outcome = Outcome.DELIVERED, **fields: object) -> Attempt:
    return Attempt(at_ms=1_763_800_000_000, via=ReceiveType.CHAT, outcome=outcome, **fields)  # type: ignore[arg-type]


def accept_one(ledger: Ledger, **fields: object) -> str:
    [accepted] = ledger.accept([a_notification(**fields)])
    return accepted.id


def release_and_claim(leases: Leases, desk: Desk, token: str = "t1", room: int = 10) -> list[str]:
    [released] = leases.release([(desk, room, 100)])
    _, claims = leases.claim(desk, token, released.ids)
    return [claim.id for claim in claims]


def test_an_accepted_notification_is_queued_and_can_be_read_back(ledger: Ledger) -> None:
    id = accept_one(ledger, key="alert-1")
    shown = ledger.get(id).as_json()
    assert (shown["state"], shown["receiver_id"], shown["key"]) == ("queued", "ou_ada", "alert-1")
    assert ledger.counts()[State.QUEUED] == 1


def test_the_same_key_and_content_is_the_same_notification(ledger: Ledger) -> None:
    first = ledger.accept([a_notification(key="k")])[0]
    again = ledger.accept([a_notification(key="k")])[0]
    assert (first.duplicate, again.duplicate, again.id) == (False, True, first.id)
    assert ledger.counts()[State.QUEUED] == 1


def test_the_same_key_with_another_content_is_refused_and_nothing_of_the_call_is_accepted(ledger: Ledger) -> None:
    first = accept_one(ledger, key="k")
    with pytest.raises(KeyReused) as caught:
        ledger.accept([a_notification("ou_bob", key="other"), a_notification("ou_cid", key="k")])
    assert caught.value.first_id == first
    assert ledger.counts()[State.QUEUED] == 1


def test_a_key_stands_for_one_desk_only(ledger_of_desks: Ledger) -> None:
    first = ledger_of_desks.accept([a_notification(key="k")])[0]
    other = ledger_of_desks.accept([a_notification(key="k", desk="hr")])[0]
    assert not other.duplicate
    assert other.id != first.id


def test_nothing_is_accepted_for_a_desk_that_nobody_knows(ledger: Ledger) -> None:
    given = [a_notification(), a_notification(desk="hr")]
    spec = Spec(name="n", message={"msg_type": "text", "content": {"text": "hi"}}, desk="hr")
    for accept in (
        lambda: ledger.accept(given[1:]),
        lambda: ledger.accept_each(given),
        lambda: ledger.keep_image("0" * 64, b"png", given),
        lambda: ledger.announcements.open(spec, key="k", digest="d"),
    ):
        with pytest.raises(BadInput, match="desk: there is no desk 'hr'; configured: default"):
            accept()
    assert ledger.redis.keys() in ([], [ledger.keys.schema.encode()])


def test_notifications_are_released_in_the_order_of_their_acceptance(
    ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    ids = [accepted.id for accepted in ledger.accept([a_notification(f"ou_{n}") for n in range(5)])]
    [released] = leases.release([(desk, 3, 100)])
    assert released.ids == ids[:3]
    [rest] = leases.release([(desk, 10, 100)])
    assert rest.ids == ids[3:]


def test_only_one_of_two_workers_gets_a_notification(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    id = accept_one(ledger)
    [released] = leases.release([(desk, 10, 100)])
    _, mine = leases.claim(desk, "mine", released.ids)
    _, theirs = leases.claim(desk, "theirs", released.ids)
    assert [claim.id for claim in mine] == [id]
    assert theirs == []


def test_an_id_that_stands_twice_in_a_message_is_claimed_once(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    id = accept_one(ledger)
    leases.release([(desk, 10, 100)])
    assert [claim.id for claim in leases.claim(desk, "mine", [id, id])[1]] == [id]


def test_a_claim_may_be_repeated_by_its_holder_when_the_answer_was_lost(
    ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    accept_one(ledger)
    [released] = leases.release([(desk, 10, 100)])
    first, again = (leases.claim(desk, "mine", released.ids)[1] for _ in range(2))
    assert [claim.id for claim in first] == [claim.id for claim in again]


def test_a_message_for_what_was_never_released_claims_nothing(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    id = accept_one(ledger)
    assert leases.claim(desk, "t", [id, "n_doesnotexist"])[1] == []


def test_a_delivered_notification_has_its_attempt_on_record_and_expires_in_time(
    ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    [id] = (accept_one(ledger),)
    release_and_claim(leases, desk)
    attempt = an_attempt(code=0, http_status=200, log_id="L1", ms=12, message_id="om_1")
    assert leases.record(desk, "t1", [Result(id, State.DELIVERED, [attempt])], "up") == [True]
    shown = ledger.get(id).as_json()
    assert (shown["state"], shown["message_id"], shown["via"]) == ("delivered", "om_1", "chat")
    assert shown["attempts"][0]["at"] == "2025-11-22T08:26:40.000Z"
    assert shown["error"] is None
    assert shown["finished_at"] is not None
    days_left = ledger.redis.pttl(ledger.keys.notification(id)) / 86_400_000
    assert 29.9 < days_left <= 30
    assert ledger.counts()[State.DELIVERED] == 1


def test_who_has_another_token_cannot_record(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    id = accept_one(ledger)
    release_and_claim(leases, desk, "mine")
    assert leases.record(desk, "theirs", [Result(id, State.FAILED)], "") == [False]
    assert ledger.get(id).progress.state is State.SENDING


def test_a_result_recorded_twice_counts_once(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    id = accept_one(ledger)
    release_and_claim(leases, desk)
    result = Result(id, State.DELIVERED, [an_attempt()])
    assert leases.record(desk, "t1", [result], "up") + leases.record(desk, "t1", [result], "up") == [True, False]
    assert ledger.counts()[State.DELIVERED] == 1


def test_a_deferred_notification_comes_back_when_it_is_due(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    id = accept_one(ledger)
    release_and_claim(leases, desk)
    failed = an_attempt(Outcome.TRANSIENT, code=155000, http_status=500, msg="Internal error")
    leases.record(desk, "t1", [Result(id, State.DEFERRED, [failed], wait_ms=0, extra={"deferrals": 1})], "")
    assert ledger.get(id).as_json()["error"] == {"code": 155000, "msg": "Internal error", "reason": None}
    assert release_and_claim(leases, desk, "t2") == [id]
    assert ledger.get(id).progress.deferrals == 1


def test_what_is_deferred_for_later_is_not_released_now(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    id = accept_one(ledger)
    release_and_claim(leases, desk)
    leases.record(desk, "t1", [Result(id, State.DEFERRED, wait_ms=60_000)], "")
    [released] = leases.release([(desk, 10, 100)])
    assert released.ids == []
    assert 59_000 < (released.again_ms or 0) <= 60_000


def test_a_scheduled_notification_waits_for_its_time(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    id = accept_one(ledger, at="1h")
    assert ledger.get(id).progress.state is State.SCHEDULED
    [released] = leases.release([(desk, 10, 100)])
    assert released.ids == []
    assert 3_590_000 < (released.again_ms or 0) <= 3_600_000


def test_handing_back_puts_a_notification_in_front_of_its_lane(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    first, second = accept_one(ledger), accept_one(ledger)
    [claimed] = release_and_claim(leases, desk, room=1)
    leases.record(desk, "t1", [Result(claimed, State.QUEUED)], "")
    [released] = leases.release([(desk, 10, 100)])
    assert released.ids == [first, second]


def test_renewing_notes_the_attempt_and_keeps_the_lease(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    id = accept_one(ledger)
    release_and_claim(leases, desk)
    slot = leases.renew(desk, "t1", id, 1000, an_attempt(Outcome.TRANSIENT))
    assert slot is not None
    assert slot.wait_ms == 0
    assert ledger.get(id).progress.attempts[0].outcome is Outcome.TRANSIENT
    with pytest.raises(LeaseLost):
        leases.renew(desk, "stranger", id, 1000, None)


def test_a_cancelled_notification_is_not_released_and_stays_cancelled(
    ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    gone, kept = accept_one(ledger), accept_one(ledger)
    assert ledger.cancel([gone], by="ada") == [State.CANCELLED]
    [released] = leases.release([(desk, 10, 100)])
    assert released.ids == [kept]
    assert ledger.get(gone).as_json()["acts"][0]["by"] == "ada"
    with pytest.raises(NotAllowed):
        ledger.cancel([gone], by="ada")


def test_what_a_worker_holds_cannot_be_cancelled(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    id = accept_one(ledger)
    release_and_claim(leases, desk)
    with pytest.raises(NotAllowed, match="it is sending"):
        ledger.cancel([id], by="ada")


def test_a_failed_notification_can_be_retried_with_a_fresh_budget(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    id = accept_one(ledger)
    release_and_claim(leases, desk)
    leases.record(desk, "t1", [Result(id, State.FAILED, [an_attempt(Outcome.REFUSED)], extra={"deferrals": 7})], "up")
    assert [record.id for record in ledger.events(State.FAILED)] == [id]
    assert ledger.retry([id], by="ada") == [State.QUEUED]
    assert list(ledger.events(State.FAILED)) == []
    assert ledger.redis.pttl(ledger.keys.notification(id)) == -1
    assert ledger.get(id).progress.deferrals == 0
    assert release_and_claim(leases, desk, "t2") == [id]


@pytest.mark.parametrize(
    ("outcome", "state"),
    [("delivered", State.DELIVERED), ("failed", State.FAILED), ("resend", State.QUEUED)],
)
def test_an_operator_resolves_what_was_maybe_sent(
    ledger: Ledger, leases: Leases, desk: Desk, outcome: str, state: State
) -> None:
    id = accept_one(ledger)
    release_and_claim(leases, desk)
    leases.record(desk, "t1", [Result(id, State.UNKNOWN, [an_attempt(Outcome.UNKNOWN)])], "")
    assert [record.id for record in ledger.events(State.UNKNOWN)] == [id]
    assert ledger.resolve([id], "ada", outcome) == [state]
    assert ledger.get(id).as_json()["acts"][0]["did"] == f"resolve as {outcome}"
    assert list(ledger.events(State.UNKNOWN)) == []


def test_only_what_was_maybe_sent_can_be_resolved(ledger: Ledger) -> None:
    with pytest.raises(NotAllowed, match="it is queued"):
        ledger.resolve([accept_one(ledger)], "ada", "delivered")


@pytest.mark.parametrize("verb", ["cancel", "retry"])
def test_an_unknown_id_is_told(ledger: Ledger, verb: str) -> None:
    with pytest.raises(NotFound):
        getattr(ledger, verb)(["n_nothere"], "ada")
    with pytest.raises(NotFound):
        ledger.get("n_nothere")


def test_more_than_a_thousand_at_once_are_an_announcement(ledger: Ledger) -> None:
    with pytest.raises(BadInput, match="announcement"):
        ledger.accept([a_notification()] * 1001)


def test_events_are_listed_newest_first(ledger: Ledger) -> None:
    ids = [accept_one(ledger, receiver=f"ou_{n}") for n in range(3)]
    assert sorted(record.id for record in ledger.events()) == sorted(ids)


def test_only_the_first_event_of_an_empty_lane_wakes_the_pacer(ledger: Ledger) -> None:
    with ledger.redis.pubsub(ignore_subscribe_messages=True) as channel:
        channel.subscribe(ledger.keys.wake)
        channel.get_message(timeout=1)
        accept_one(ledger)
        accept_one(ledger)
        messages = [channel.get_message(timeout=0.1) for _ in range(3)]
    assert [message and message["data"] for message in messages] == [b"default", None, None]
    assert ledger.redis.zscore(ledger.keys.desks, "default") is not None


def test_hold_policy_is_kept_with_the_record(ledger: Ledger) -> None:
    id = accept_one(ledger, on_unknown=OnUnknown.HOLD)
    assert ledger.redis.hget(ledger.keys.notification(id), "on_unknown") == b"hold"


def test_indexes_forget_what_has_left_the_record_and_nothing_else(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    gone, kept = accept_one(ledger), accept_one(ledger)
    for index in (ledger.keys.events, ledger.keys.index(State.FAILED)):
        ledger.redis.zadd(index, {gone: 1, kept: 1})  # accepted long ago
    ledger.redis.delete(ledger.keys.notification(gone))
    assert prune(leases) == 2
    assert ledger.redis.zrange(ledger.keys.events, 0, -1) == [kept.encode()]


def test_who_needs_an_image_for_a_short_time_takes_it_from_nobody_who_needs_it_longer(ledger: Ledger) -> None:
    """Images are known by their bytes: another's may be the same."""
    later, at_once = a_notification(at="60d"), a_notification()
    ledger.keep_image("5f" * 32, b"png", [later])
    long_ms = ledger.redis.pttl(ledger.keys.image("5f" * 32))
    ledger.keep_image("5f" * 32, b"png", [at_once])
    assert 0 <= long_ms - ledger.redis.pttl(ledger.keys.image("5f" * 32)) < 60_000
    ledger.keep_image("5f" * 32, b"png", [a_notification(at="90d")])
    assert ledger.redis.pttl(ledger.keys.image("5f" * 32)) > long_ms


def test_an_image_is_written_once_however_often_it_is_needed(ledger: Ledger) -> None:
    """A hook with a picture wrote up to 10 MB at each request."""
    key = ledger.keys.image("5f" * 32)
    for sent in (b"png", b"not written"):
        ledger.keep_image("5f" * 32, sent, [a_notification(at="90d")])
        assert ledger.redis.get(key) == b"png"
    ledger.redis.delete(key)
    ledger.keep_image("5f" * 32, b"png", [a_notification()])
    assert ledger.redis.get(key) == b"png"
