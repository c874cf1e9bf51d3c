"""Leases: what becomes of a notification whose worker, or whose answer, was lost. Over fakeredis and a real Valkey.

A lease of no length has ended as soon as it is given: so nothing waits here.
"""

import time
from collections.abc import Callable
from typing import Any

import pytest

from ledger.delivery_options import OnUnknown, ReceiveType
from ledger.errors import KeyReused, NotAllowed
from ledger.leases import LeaseLost, Leases, Result, Swept
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.progress import Attempt
from ledger.rate import parse_rate
from ledger.settings import Desk
from ledger.states import Outcome, State

MOST_LOST = 5
#: Notifications that one look of the pacer may hand out: more than Lua can unpack.
VERY_MANY = 4500


@pytest.fixture
def unclaimed_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is released goes back with the next sweep."""
    monkeypatch.setattr("ledger.leases.RELEASED_LEASE_MS", 0)


@pytest.fixture
def limited(desk: Desk) -> Desk:
    return desk.model_copy(update={"rate": parse_rate("10/minute")})


def accept(ledger: Ledger, number: int = 1, **fields: object) -> list[str]:
    asked = [Notification.build({"receiver_id": f"ou_{n}", "text": "hi", **fields}) for n in range(number)]
    return [accepted.id for accepted in ledger.accept(asked)]


def release(leases: Leases, desk: Desk, room: int = 10) -> list[str]:
    [released] = leases.release([(desk, room, 10_000)])
    return released.ids


def claim(leases: Leases, desk: Desk, ids: list[str], token: str = "mine") -> list[str]:
    return [claim.id for claim in leases.claim(desk, token, ids)[1]]


def lose_the_worker(leases: Leases, desk: Desk, ids: list[str]) -> None:
    """Claims with a lease that has ended already."""
    kept, leases.lease_ms = leases.lease_ms, 0
    assert claim(leases, desk, ids, token="lost") == ids
    leases.lease_ms = kept


def sweep(leases: Leases, desk: Desk) -> Swept:
    [swept] = leases.sweep([desk])
    return swept


def an_attempt(at_ms: int = 1_763_800_000_000) -> Attempt:
    return Attempt(at_ms=at_ms, via=ReceiveType.CHAT, outcome=Outcome.TRANSIENT, code=155000)


def slots(ledger: Ledger) -> int:
    return len(ledger.redis.lrange(ledger.keys.slots("default"), 0, -1))


@pytest.fixture
def answers_are_lost(leases: Leases, monkeypatch: pytest.MonkeyPatch) -> None:
    """A holder's verb runs, its answer is lost, and the connection brings the very same call again.

    A release whose answer is lost is another matter: its ids go back to their lane when their leases end.
    """
    call: Callable[..., Any] = leases.verbs.call

    def call_twice(verb: str, *arguments: Any) -> Any:
        if verb in ("claim", "renew", "record"):
            call(verb, *arguments)
        return call(verb, *arguments)

    monkeypatch.setattr(leases.verbs, "call", call_twice)


# -- nobody claimed it


@pytest.mark.usefixtures("unclaimed_for_ever")
def test_what_nobody_claims_is_in_front_of_its_lane_again_and_in_its_old_order(
    ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    ids = accept(ledger, 5)
    assert release(leases, desk, room=3) == ids[:3]
    assert sweep(leases, desk) == Swept(returned=3, resent=0, unknown=0)
    assert sorted(release(leases, desk)) == sorted(ids)
    assert ledger.get(ids[0]).progress.attempts == ()


def test_what_is_released_stays_so_while_its_lease_lasts(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    accept(ledger)
    release(leases, desk)
    assert not any(sweep(leases, desk))
    assert release(leases, desk) == []


@pytest.mark.usefixtures("unclaimed_for_ever")
def test_what_goes_back_makes_its_desk_due_at_once(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    accept(ledger)
    release(leases, desk)
    ledger.redis.zadd(ledger.keys.desks, {"default": 9e15})
    sweep(leases, desk)
    assert (ledger.redis.zscore(ledger.keys.desks, "default") or 0) < 9e15


def test_very_many_are_released_at_once_and_none_is_lost(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    """The ids went through unpack() once: past some thousands it broke off, and they were in no list any more."""
    ids = [id for _ in range(VERY_MANY // 900) for id in accept(ledger, 900)]
    assert len(release(leases, desk, room=VERY_MANY)) == len(ids)
    assert ledger.redis.zcard(ledger.keys.leases("default")) == len(ids)


def test_a_desk_with_all_it_may_have_in_flight_is_not_looked_at_again_at_once(
    ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    """It was planned for now, and the pacer went round without a pause until an answer came."""
    accept(ledger, 3)
    assert len(leases.release([(desk, 10, 2)])[0].ids) == 2
    full = leases.release([(desk, 10, 2)])[0]
    assert full.ids == []
    assert (full.again_ms or 0) > 0


# -- it was claimed, and the worker was lost


def test_a_lost_claim_is_on_record_as_an_unknown_attempt_and_sent_again_where_the_policy_says_so(
    ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    lost, behind = accept(ledger, 2)
    lose_the_worker(leases, desk, release(leases, desk, room=1))
    assert sweep(leases, desk) == Swept(returned=0, resent=1, unknown=0)
    progress = ledger.get(lost).progress
    assert (progress.state, [attempt.outcome for attempt in progress.attempts]) == (State.QUEUED, [Outcome.UNKNOWN])
    assert release(leases, desk) == [lost, behind]


def test_a_lost_claim_rests_as_unknown_where_the_policy_says_hold(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    [id] = accept(ledger, on_unknown=OnUnknown.HOLD)
    lose_the_worker(leases, desk, release(leases, desk))
    assert sweep(leases, desk) == Swept(returned=0, resent=0, unknown=1)
    assert [record.id for record in ledger.events(State.UNKNOWN)] == [id]
    assert [attempt.outcome for attempt in ledger.get(id).progress.attempts] == [Outcome.UNKNOWN]
    assert release(leases, desk) == []


def test_who_is_lost_with_its_worker_again_and_again_rests_as_unknown_whatever_its_policy(
    ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    [id] = accept(ledger, on_unknown=OnUnknown.RESEND)
    swept = []
    for _ in range(MOST_LOST):
        lose_the_worker(leases, desk, release(leases, desk))
        swept.append(sweep(leases, desk))
    assert swept == [Swept(0, 1, 0)] * (MOST_LOST - 1) + [Swept(0, 0, 1)]
    assert ledger.get(id).progress.state is State.UNKNOWN
    assert len(ledger.get(id).progress.attempts) == MOST_LOST


def test_a_retry_forgets_how_often_the_worker_was_lost(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    [id] = accept(ledger)
    for _ in range(MOST_LOST):
        lose_the_worker(leases, desk, release(leases, desk))
        sweep(leases, desk)
    ledger.retry([id], by="ada", states=[State.UNKNOWN])
    lose_the_worker(leases, desk, release(leases, desk))
    assert sweep(leases, desk).resent == 1


def test_who_lost_the_lease_can_neither_record_nor_renew(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    [id] = accept(ledger)
    lose_the_worker(leases, desk, release(leases, desk))
    sweep(leases, desk)
    assert leases.record(desk, "lost", [Result(id, State.DELIVERED, [an_attempt()])], "up") == [False]
    with pytest.raises(LeaseLost):
        leases.renew(desk, "lost", id, 1000, an_attempt())
    assert claim(leases, desk, release(leases, desk), token="next") == [id]
    assert leases.record(desk, "lost", [Result(id, State.DELIVERED)], "up") == [False]
    with pytest.raises(LeaseLost):
        leases.renew(desk, "lost", id, 1000)
    assert leases.record(desk, "next", [Result(id, State.DELIVERED)], "up") == [True]
    assert len(ledger.get(id).progress.attempts) == 1


def test_a_renewed_lease_is_not_swept(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    [id] = accept(ledger)
    lose_the_worker(leases, desk, release(leases, desk))
    assert leases.renew(desk, "lost", id, 1000)
    assert not any(sweep(leases, desk))
    assert leases.record(desk, "lost", [Result(id, State.DELIVERED)], "up") == [True]


def test_what_a_worker_holds_cannot_be_retried_whatever_states_are_asked_for(
    ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    """It could: its token was gone, and it stood in the lane while the first call was still on its way."""
    [id] = accept(ledger)
    claim(leases, desk, release(leases, desk))
    with pytest.raises(NotAllowed):
        ledger.retry([id], by="ada", states=[State.SENDING])
    assert leases.record(desk, "mine", [Result(id, State.DELIVERED)], "up") == [True]


# -- the answer was lost, and the call came again


@pytest.mark.usefixtures("answers_are_lost")
def test_a_replayed_claim_hands_out_the_same_notification_in_the_same_slot(
    ledger: Ledger, leases: Leases, limited: Desk
) -> None:
    [id] = accept(ledger)
    released = release(leases, limited)
    now_ms, [claimed] = leases.claim(limited, "mine", released)
    kept = int(ledger.redis.lindex(ledger.keys.slots("default"), 0) or 0)
    assert (claimed.id, claimed.slot.at_ms) == (id, kept)
    assert now_ms + claimed.slot.wait_ms == kept
    assert slots(ledger) == 1


def test_a_claim_that_comes_again_after_the_holder_renewed_hands_out_nothing(
    ledger: Ledger, leases: Leases, limited: Desk
) -> None:
    """The holder has another slot by then, or none: with the first one it could make a call too many."""
    [id] = accept(ledger)
    released = release(leases, limited)
    claim(leases, limited, released)
    leases.hold(limited, "throttled", 60_000, "429")
    assert leases.renew(limited, "mine", id, 1000) is None
    assert claim(leases, limited, released) == []


@pytest.mark.usefixtures("answers_are_lost")
def test_a_replayed_renewal_notes_one_attempt_and_reserves_one_slot(
    ledger: Ledger, leases: Leases, limited: Desk
) -> None:
    """It reserved two, of which the first was nobody's."""
    [id] = accept(ledger)
    claim(leases, limited, release(leases, limited))
    assert leases.renew(limited, "mine", id, 1000, an_attempt())
    assert slots(ledger) == 2
    assert len(ledger.get(id).progress.attempts) == 1


@pytest.mark.usefixtures("answers_are_lost")
def test_a_replayed_renewal_gives_back_its_own_slot_and_not_one_of_the_same_moment(
    ledger: Ledger, leases: Leases, limited: Desk
) -> None:
    """Slots granted in one look have one time: given back twice, that of another notification went too."""
    accept(ledger, 3)
    first = release(leases, limited)[0]
    _, [claimed] = leases.claim(limited, "mine", [first])
    slot = leases.renew(limited, "mine", first, 1000, unused_slot_ms=claimed.slot.at_ms)
    assert slots(ledger) == 3
    leases.record(limited, "mine", [Result(first, State.QUEUED, unused_slot_ms=slot and slot.at_ms)], "")
    assert slots(ledger) == 2


def test_a_slot_given_back_by_a_renewal_whose_answer_never_came_is_not_given_back_again_with_the_result(
    ledger: Ledger, leases: Leases, limited: Desk
) -> None:
    accept(ledger, 3)
    first = release(leases, limited)[0]
    _, [claimed] = leases.claim(limited, "mine", [first])
    time.sleep(0.002)  # slots are told apart by their ms
    leases.renew(limited, "mine", first, 1000, unused_slot_ms=claimed.slot.at_ms)  # the worker never learns of it
    leases.record(limited, "mine", [Result(first, State.QUEUED, unused_slot_ms=claimed.slot.at_ms)], "")
    assert slots(ledger) == 3  # two that are in use, and the reserved one: too many rather than too few


@pytest.mark.usefixtures("answers_are_lost")
def test_a_replayed_record_counts_once_and_gives_back_one_slot(ledger: Ledger, leases: Leases, limited: Desk) -> None:
    accept(ledger, 3)
    first = release(leases, limited)[0]
    _, [claimed] = leases.claim(limited, "mine", [first])
    result = Result(first, State.DEFERRED, [an_attempt()], wait_ms=60_000, unused_slot_ms=claimed.slot.at_ms)
    leases.record(limited, "mine", [result], "")
    assert slots(ledger) == 2
    assert len(ledger.get(first).progress.attempts) == 1
    assert ledger.counts()[State.DEFERRED] == 1


@pytest.mark.usefixtures("answers_are_lost")
def test_a_replayed_failure_brings_an_outage_no_nearer(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    """It was counted once for each time it came."""
    accept(ledger, 4)
    for id in claim(leases, desk, release(leases, desk)):
        leases.record(desk, "mine", [Result(id, State.DEFERRED, wait_ms=60_000)], "down")
    assert ledger.redis.hget(ledger.keys.desk("default"), "streak") == b"4"
    assert not ledger.redis.hexists(ledger.keys.desk("default"), "hold")


def test_a_replayed_sweep_takes_back_nothing_twice(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    [id] = accept(ledger)
    lose_the_worker(leases, desk, release(leases, desk))
    assert [sweep(leases, desk).resent for _ in range(2)] == [1, 0]
    assert len(ledger.get(id).progress.attempts) == 1


def test_a_key_that_stands_twice_in_one_call_and_was_used_before_names_the_first_notification(ledger: Ledger) -> None:
    """The second of the call got the id that the first would have had: one that is nowhere on record."""
    [first] = accept(ledger, key="k")
    asked = Notification.build({"receiver_id": "ou_0", "text": "hi", "key": "k"})
    again = ledger.accept([asked, asked])
    assert [(accepted.id, accepted.duplicate) for accepted in again] == [(first, True)] * 2
    with pytest.raises(KeyReused) as caught:
        ledger.accept([asked, Notification.build({"receiver_id": "ou_0", "text": "other", "key": "k"})])
    assert caught.value.first_id == first


def test_a_key_that_stands_twice_in_one_call_tells_the_state_of_its_first_notification(ledger: Ledger) -> None:
    asked = Notification.build({"receiver_id": "ou_0", "text": "hi", "key": "k", "at": "1h"})
    assert [accepted.state for accepted in ledger.accept([asked, asked])] == [State.SCHEDULED] * 2
