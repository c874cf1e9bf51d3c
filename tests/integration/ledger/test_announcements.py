"""Announcements in the ledger, over fakeredis and a real Valkey."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from ledger.announcement import Spec
from ledger.claim import Claim
from ledger.delivery_options import ReceiveType
from ledger.errors import KeyReused, NotAllowed, NotFound
from ledger.leases import Leases, Result
from ledger.ledger import Ledger
from ledger.loading import RowsMissing
from ledger.notification import Notification
from ledger.progress import Attempt
from ledger.rate import Limit
from ledger.settings import Desk
from ledger.states import AnnouncementState, Outcome, State

TEXT = {"msg_type": "text", "content": {"text": "Dear {{ name }}, we move on Friday"}}


def a_spec(**fields: object) -> Spec:
    return Spec(**{"name": "Office move", "message": TEXT, "columns": ("name",), **fields})  # type: ignore[arg-type]


def some_rows(count: int, **overrides: object) -> list[bytes]:
    extra = [overrides] if overrides else []
    return [orjson.dumps([n + 2, f"ou_{n}", [f"Person {n}"], *extra]) for n in range(count)]


def announce(ledger: Ledger, count: int, key: str = "k", rows: list[bytes] | None = None, **fields: object) -> str:
    spec = a_spec(**fields)
    id, _ = ledger.announcements.open(spec, key=key, digest="d", timed=rows is not None)
    ledger.announcements.load(id, rows or some_rows(count))
    assert ledger.announcements.start(id, spec, count)
    return id


def release(leases: Leases, desk: Desk, room: int) -> list[str]:
    [released] = leases.release([(desk, room, 10_000)])
    return released.ids


def claim(leases: Leases, desk: Desk, room: int, token: str = "t") -> list[Claim]:
    return leases.claim(desk, token, release(leases, desk, room))[1]


def deliver(leases: Leases, desk: Desk, room: int, to: State = State.DELIVERED) -> list[str]:
    claims = claim(leases, desk, room)
    outcome = Outcome.DELIVERED if to is State.DELIVERED else Outcome.REFUSED
    attempt = Attempt(at_ms=1_763_800_000_000, via=ReceiveType.CHAT, outcome=outcome, message_id="om_1")
    leases.record(desk, "t", [Result(claim.id, to, [attempt]) for claim in claims], "up")
    return [claim.id for claim in claims]


def counts_of(ledger: Ledger, id: str) -> dict[str, int]:
    announcement = ledger.announcements.get(id)
    assert sum(announcement.counts.values()) == announcement.total
    return {str(state): n for state, n in announcement.counts.items() if n}


def states_by_row(ledger: Ledger, id: str) -> dict[str, int]:
    return dict(Counter(str(row.progress.state) for row in ledger.announcements.rows(id)))


def test_nothing_of_an_announcement_counts_before_it_is_started(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    id, _ = ledger.announcements.open(a_spec(), key="k", digest="d")
    ledger.announcements.load(id, some_rows(5))
    assert release(leases, desk, 10) == []
    with pytest.raises(NotFound):
        ledger.announcements.get(id)
    assert list(ledger.announcements.newest()) == []


def test_a_started_announcement_has_all_its_rows_queued_and_renders_each(
    ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    id = announce(ledger, 3)
    assert counts_of(ledger, id) == {"queued": 3}
    claims = claim(leases, desk, 10)
    assert [claim.message().content["text"] for claim in claims] == [
        "Dear Person 0, we move on Friday",
        "Dear Person 1, we move on Friday",
        "Dear Person 2, we move on Friday",
    ]
    assert counts_of(ledger, id) == states_by_row(ledger, id) == {"sending": 3}


def test_opening_again_with_the_key_finds_the_first_and_loading_again_doubles_nothing(ledger: Ledger) -> None:
    spec = a_spec()
    first = ledger.announcements.open(spec, key="k", digest="d")
    ledger.announcements.load(first.id, some_rows(3)[:2])  # killed in the middle
    again = ledger.announcements.open(spec, key="k", digest="d")
    assert again == first
    ledger.announcements.load(again.id, some_rows(3))
    assert ledger.announcements.start(again.id, spec, 3)
    assert ledger.announcements.open(spec, key="k", digest="d") == (first.id, True)
    assert not ledger.announcements.start(again.id, spec, 3)
    assert counts_of(ledger, first.id) == {"queued": 3}


def test_the_same_key_for_another_content_is_refused(ledger: Ledger) -> None:
    announce(ledger, 1, key="k")
    with pytest.raises(KeyReused):
        ledger.announcements.open(a_spec(), key="k", digest="other")


def test_an_announcement_does_not_start_while_rows_are_missing(ledger: Ledger) -> None:
    id, _ = ledger.announcements.open(a_spec(), key="k", digest="d")
    ledger.announcements.load(id, some_rows(2))
    with pytest.raises(RowsMissing):
        ledger.announcements.start(id, a_spec(), 3)


def test_it_is_finished_and_complete_when_everybody_has_it(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    id = announce(ledger, 3)
    deliver(leases, desk, 10)
    shown = ledger.announcements.get(id).as_json()
    assert (shown["state"], shown["ended"], shown["counts"]) == ("finished", "complete", {"delivered": 3})
    assert 0 < ledger.redis.pttl(ledger.keys.rows(id)) <= 30 * 86_400_000


def test_it_is_partial_with_a_failed_row_and_runs_again_when_that_is_retried(
    ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    id = announce(ledger, 2)
    deliver(leases, desk, 1)
    [failed] = deliver(leases, desk, 1, State.FAILED)
    assert ledger.announcements.get(id).ended == "partial"
    assert ledger.announcements.retry(id, by="ada") == 1
    assert ledger.announcements.get(id).state is AnnouncementState.RUNNING
    assert ledger.redis.pttl(ledger.keys.rows(id)) == -1
    assert deliver(leases, desk, 10) == [failed]
    assert ledger.announcements.get(id).ended == "complete"


def test_a_row_is_shown_like_any_notification(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    id = announce(ledger, 2)
    [first] = deliver(leases, desk, 1)
    shown, waiting = ledger.get(first).as_json(), ledger.get(first.replace("-0", "-1")).as_json()
    assert (shown["state"], shown["announcement"], shown["receiver_id"]) == ("delivered", id, "ou_0")
    assert (waiting["state"], waiting["attempts"]) == ("queued", [])
    with pytest.raises(NotFound):
        ledger.get(first.replace("-0", "-2"))


def test_nothing_is_released_of_a_paused_announcement_and_a_released_row_is_not_claimed(
    ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    id = announce(ledger, 4)
    released = release(leases, desk, 2)
    assert ledger.announcements.pause(id, by="ada") is AnnouncementState.PAUSED
    assert leases.claim(desk, "t", released)[1] == []
    assert release(leases, desk, 10) == []
    assert counts_of(ledger, id) == {"queued": 4}
    ledger.announcements.resume(id, by="ada")
    assert set(release(leases, desk, 10)) == {f"n_{id[2:]}-{n}" for n in range(4)}


def test_an_announcement_keeps_its_first_act_and_the_last_ones(ledger: Ledger) -> None:
    id = announce(ledger, 1)
    for _ in range(60):
        ledger.announcements.pause(id, by="ada")
        ledger.announcements.resume(id, by="bob")
    acts = ledger.announcements.get(id).acts
    assert len(acts) == 100
    assert [act[1:] for act in acts[-2:]] == [("ada", "pause"), ("bob", "resume")]


def test_cancelling_cancels_what_waits_wherever_it_waits(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    id = announce(ledger, 10)
    claims = claim(leases, desk, 5)
    to = [State.DELIVERED, State.DEFERRED, State.QUEUED, State.UNKNOWN]
    results = [Result(claim.id, state, wait_ms=60_000) for claim, state in zip(claims, to, strict=False)]
    leases.record(desk, "t", results, "")
    ledger.announcements.cancel(id, by="ada")
    assert counts_of(ledger, id) == {"delivered": 1, "sending": 1, "unknown": 1, "cancelled": 7}
    # The one that was in flight comes back too late to wait again.
    leases.record(desk, "t", [Result(claims[4].id, State.DEFERRED, wait_ms=60_000)], "")
    assert counts_of(ledger, id) == states_by_row(ledger, id) == {"delivered": 1, "unknown": 1, "cancelled": 8}
    assert release(leases, desk, 10) == []
    assert ledger.announcements.get(id).as_json()["acts"][0]["did"] == "cancel"
    with pytest.raises(NotAllowed):
        ledger.announcements.resume(id, by="ada")


def test_deferred_rows_come_back_to_their_announcement(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    id = announce(ledger, 1)
    [held] = claim(leases, desk, 1)
    leases.record(desk, "t", [Result(held.id, State.DEFERRED, wait_ms=0)], "")
    assert counts_of(ledger, id) == {"deferred": 1}
    assert deliver(leases, desk, 1) == [held.id]


def test_an_expired_announcement_is_not_sent(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    id = announce(ledger, 3, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert release(leases, desk, 10) == []
    assert counts_of(ledger, id) == states_by_row(ledger, id) == {"expired": 3}
    assert ledger.announcements.get(id).ended == "partial"


def test_an_announcement_for_later_is_scheduled(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    id = announce(ledger, 3, at=datetime.now(UTC) + timedelta(hours=1))
    [released] = leases.release([(desk, 10, 100)])
    assert released.ids == []
    assert 3_590_000 < (released.again_ms or 0) <= 3_600_000
    assert counts_of(ledger, id) == states_by_row(ledger, id) == {"scheduled": 3}


def test_a_row_with_a_time_of_its_own_waits_for_it_and_holds_up_no_other(
    ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    later = round((datetime.now(UTC) + timedelta(hours=1)).timestamp() * 1000)
    id = announce(ledger, 3, rows=[*some_rows(1, send_at_ms=later), *some_rows(3)[1:]])
    assert len(deliver(leases, desk, 10)) == 2
    assert counts_of(ledger, id) == states_by_row(ledger, id) == {"scheduled": 1, "delivered": 2}


def test_it_tells_its_time_when_all_rows_that_are_left_wait_for_theirs(
    ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    soon, later = (round((datetime.now(UTC) + timedelta(hours=hours)).timestamp() * 1000) for hours in (1, 2))
    rows = [*some_rows(1, send_at_ms=later), *some_rows(2, send_at_ms=soon)[1:], *some_rows(3)[2:]]
    id = announce(ledger, 3, rows=rows)
    assert ledger.announcements.get(id).due_ms is None, "a row may go now"
    deliver(leases, desk, 10)
    [listed] = ledger.announcements.several([id])
    assert ledger.announcements.get(id).due_ms == listed.due_ms == soon
    ledger.announcements.pause(id, "ada")
    assert ledger.announcements.get(id).due_ms is None, "it waits for a person"


def test_outside_its_hours_an_announcement_sleeps(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    now = datetime.now(UTC)
    between = f"{(now + timedelta(hours=2)):%H:%M}-{(now + timedelta(hours=3)):%H:%M}"
    id = announce(ledger, 3, between=between, timezone="UTC")
    [released] = leases.release([(desk, 10, 100)])
    assert released.ids == []
    assert 6_500_000 < (released.again_ms or 0) <= 7_200_000
    assert counts_of(ledger, id) == {"queued": 3}


def test_within_its_hours_it_sends(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    now = datetime.now(UTC)
    between = f"{(now - timedelta(hours=1)):%H:%M}-{(now + timedelta(hours=1)):%H:%M}"
    announce(ledger, 3, between=between, timezone="UTC")
    assert len(release(leases, desk, 10)) == 3


def test_events_go_before_announcements(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    announce(ledger, 100)
    [event] = ledger.accept([Notification.build({"receiver_id": "ou_ada", "text": "Disk full"})])
    assert release(leases, desk, 3)[0] == event.id


@pytest.mark.parametrize(("weights", "shares"), [((1, 1, 1), (10, 10, 10)), ((1, 2), (10, 20)), ((3, 1), (24, 8))])
def test_announcements_take_turns_by_weight(
    ledger: Ledger, leases: Leases, desk: Desk, weights: tuple[int, ...], shares: tuple[int, ...]
) -> None:
    paced = desk.model_copy(update={"rate": (Limit(calls=10_000, seconds=1),)})
    ids = [announce(ledger, 100, key=str(n), weight=weight) for n, weight in enumerate(weights)]
    released: list[str] = []
    while len(released) < sum(shares):
        released += release(leases, paced, 1)
    got = Counter(id.partition("-")[0].replace("n_", "a_") for id in released)
    assert [got[id] for id in ids] == pytest.approx(shares, abs=1)


def test_announcements_are_paced_evenly_and_an_event_takes_the_next_slot(
    ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    paced = desk.model_copy(update={"rate": (Limit(calls=10, seconds=10),)})
    announce(ledger, 100)
    [first] = leases.release([(paced, 10, 100)])
    assert len(first.ids) == 1, "no burst for an announcement"
    assert 950 < (first.again_ms or 0) <= 1025, "10.25 s / 10"
    ledger.accept([Notification.build({"receiver_id": "ou_ada", "text": "Disk full"})])
    assert len(release(leases, paced, 10)) == 1, "an event needs not wait for the pace"


def test_a_lost_workers_rows_come_back_or_rest_as_unknown(
    ledger: Ledger, leases: Leases, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.leases.RELEASED_LEASE_MS", 0)
    id = announce(ledger, 2)
    leases.lease_ms = 0
    released = release(leases, desk, 2)
    leases.claim(desk, "t", released[:1])
    [swept] = leases.sweep([desk])
    assert (swept.returned, swept.resent, swept.unknown) == (1, 0, 1)
    assert counts_of(ledger, id) == states_by_row(ledger, id) == {"queued": 1, "unknown": 1}
    assert ledger.announcements.resolve(id, "ada", "delivered") == 1
    assert counts_of(ledger, id) == {"queued": 1, "delivered": 1}


# -- faults that were found, by name


def test_a_row_that_is_retried_after_the_lane_was_found_empty_gets_a_turn(
    ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    id = announce(ledger, 1)
    [failed] = deliver(leases, desk, 1, State.FAILED)
    assert release(leases, desk, 10) == []
    ledger.announcements.retry(id, by="ada")
    assert deliver(leases, desk, 10) == [failed]


@pytest.mark.parametrize("verb", ["cancel", "expire"])
def test_a_row_that_was_cancelled_before_its_turn_is_counted_once(
    ledger: Ledger, leases: Leases, desk: Desk, verb: str
) -> None:
    expires = datetime.now(UTC) - timedelta(seconds=1) if verb == "expire" else None
    id = announce(ledger, 3, expires_at=expires)
    ledger.cancel([f"n_{id[2:]}-1"], by="ada")
    if verb == "cancel":
        ledger.announcements.cancel(id, by="ada")
    assert release(leases, desk, 10) == []
    ends = {"cancelled": 3} if verb == "cancel" else {"expired": 2, "cancelled": 1}
    assert counts_of(ledger, id) == states_by_row(ledger, id) == ends


def test_a_row_that_was_cancelled_before_its_turn_is_not_released(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    id = announce(ledger, 3)
    ledger.cancel([f"n_{id[2:]}-1"], by="ada")
    assert release(leases, desk, 10) == [f"n_{id[2:]}-0", f"n_{id[2:]}-2"]


def test_a_row_of_a_scheduled_announcement_that_was_cancelled_is_counted_once_when_it_begins(
    ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    id = announce(ledger, 3, at=datetime.now(UTC) + timedelta(milliseconds=200))
    ledger.cancel([f"n_{id[2:]}-1"], by="ada")
    while not release(leases, desk, 10):
        pass
    assert counts_of(ledger, id) == states_by_row(ledger, id) == {"queued": 2, "cancelled": 1}


def test_who_loads_what_another_has_started_meanwhile_gives_its_rows_no_expiry(
    ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    id = announce(ledger, 3)
    ledger.announcements.load(id, some_rows(3))
    assert ledger.redis.pttl(ledger.keys.rows(id)) == -1


def test_a_row_is_not_hidden_by_hundreds_before_it_that_wait_for_a_time_of_their_own(
    ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    later = round((datetime.now(UTC) + timedelta(hours=1)).timestamp() * 1000)
    id = announce(ledger, 251, rows=[*some_rows(250, send_at_ms=later), some_rows(251)[250]])
    assert release(leases, desk, 10) == [f"n_{id[2:]}-250"]
    assert counts_of(ledger, id) == {"scheduled": 250, "queued": 1}


def test_thousands_that_wait_for_a_time_of_their_own_keep_a_look_short_and_the_next_one_goes_on(
    ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    later = round((datetime.now(UTC) + timedelta(hours=1)).timestamp() * 1000)
    id = announce(ledger, 1500, rows=some_rows(1500, send_at_ms=later))
    [released] = leases.release([(desk, 10, 100)])
    assert (released.ids, released.again_ms) == ([], 0)
    assert counts_of(ledger, id) == {"scheduled": 1000, "queued": 500}


def test_thousands_of_expired_events_keep_a_look_short_and_the_next_one_goes_on(
    ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    raw, earlier = {"receiver_id": "ou_ada", "text": "Disk full"}, datetime.now(UTC) - timedelta(hours=1)
    ledger.accept([Notification.build({**raw, "expires": "1m"}, now=earlier) for _ in range(250)])
    [last] = ledger.accept([Notification.build(raw)])
    looks = [release(leases, desk, 10) for _ in range(3)]
    assert looks == [[], [], [last.id]]


@pytest.mark.parametrize("verb", ["pause", "cancel"])
def test_the_holder_of_a_row_gets_no_further_slot_when_its_announcement_is_stopped(
    ledger: Ledger, leases: Leases, desk: Desk, verb: str
) -> None:
    id = announce(ledger, 1)
    [held] = claim(leases, desk, 1)
    getattr(ledger.announcements, verb)(id, by="ada")
    assert leases.renew(desk, "t", held.id, 1000) is None


def test_what_was_cancelled_is_not_taken_back_row_by_row(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    id = announce(ledger, 3)
    [failed] = deliver(leases, desk, 1, State.FAILED)
    [unknown] = deliver(leases, desk, 1, State.UNKNOWN)
    ledger.announcements.cancel(id, by="ada")
    with pytest.raises(NotAllowed):
        ledger.retry([failed], "ada")
    with pytest.raises(NotAllowed):
        ledger.resolve([unknown], "ada", "resend")
    with pytest.raises(NotAllowed):
        ledger.announcements.resolve(id, "ada", "resend")
    assert counts_of(ledger, id) == {"failed": 1, "unknown": 1, "cancelled": 1}
    assert ledger.resolve([unknown], "ada", "delivered") == [State.DELIVERED]


def test_a_row_has_one_name(ledger: Ledger) -> None:
    id = announce(ledger, 2)
    with pytest.raises(NotFound):
        ledger.cancel([f"n_{id[2:]}-01"], by="ada")
    assert counts_of(ledger, id) == {"queued": 2}


def test_cancelling_writes_no_more_at_once_than_it_is_told_to(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    id = announce(ledger, 6)
    to = [State.QUEUED, State.QUEUED, *[State.DEFERRED] * 4]
    results = [Result(held.id, state, wait_ms=60_000) for held, state in zip(claim(leases, desk, 6), to, strict=True)]
    leases.record(desk, "t", results, "")
    lefts = [ledger.verbs.call("steer", "default", id, "cancel", "ada", 2)[2] for _ in range(3)]
    assert lefts == [4, 2, 0]
    assert counts_of(ledger, id) == {"cancelled": 6}


def test_nothing_is_left_in_the_lane_of_what_is_finished(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    id = announce(ledger, 1)
    [held] = claim(leases, desk, 1)
    leases.record(desk, "t", [Result(held.id, State.QUEUED)], "")
    ledger.announcements.pause(id, by="ada")
    ledger.cancel([held.id], by="ada")
    assert ledger.announcements.get(id).state is AnnouncementState.FINISHED
    assert ledger.redis.exists(ledger.keys.waiting(id), ledger.keys.turns("default")) == 0


def test_a_key_is_free_for_another_content_as_long_as_nothing_was_accepted(ledger: Ledger) -> None:
    first = ledger.announcements.open(a_spec(), key="k", digest="mistaken")
    ledger.announcements.load(first.id, some_rows(3))
    mended = ledger.announcements.open(a_spec(), key="k", digest="mended")
    assert (mended.started, mended.id == first.id) == (False, False)
    assert not ledger.redis.exists(ledger.keys.rows(first.id), ledger.keys.lane(first.id))


def test_rows_left_by_a_longer_load_do_not_keep_a_shorter_one_from_starting(ledger: Ledger) -> None:
    opened = ledger.announcements.open(a_spec(), key="k", digest="d")
    ledger.announcements.load(opened.id, some_rows(5))
    ledger.announcements.load(opened.id, some_rows(3))
    assert ledger.announcements.start(opened.id, a_spec(), 3)


def test_who_loads_again_brings_the_times_that_count(ledger: Ledger) -> None:
    ledger.announcements.open(a_spec(expires_at=datetime(2027, 1, 1, tzinfo=UTC)), key="k", digest="d")
    later = a_spec(expires_at=datetime(2027, 6, 1, tzinfo=UTC))
    opened = ledger.announcements.open(later, key="k", digest="d")
    ledger.announcements.load(opened.id, some_rows(1))
    ledger.announcements.start(opened.id, later, 1)
    assert ledger.announcements.get(opened.id).spec.expires_at == later.expires_at


def test_rerouted_rows_are_counted_when_they_are_delivered(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    id = announce(ledger, 2)
    rerouted, plain = claim(leases, desk, 2)
    results = [Result(rerouted.id, State.DELIVERED, extra={"via": "user"}), Result(plain.id, State.DELIVERED)]
    leases.record(desk, "t", results, "up")
    assert ledger.announcements.get(id).rerouted == 1
