"""Each call has a slot of its own, also one that is made again within seconds."""

import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest

from feishu.codes import Kind
from ledger.announcement import Spec
from ledger.claim import Claim
from ledger.leases import Leases, Share
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.rate import Slot, parse_rate
from ledger.redis_clock import RedisClock
from ledger.settings import Desk
from ledger.states import Outcome, State
from tests.integration.worker.feishu_by_hand import FeishuByHand, NoTickets, a_verdict, delivery_by_hand
from worker.claimed import SLOT_TRIES
from worker.delivery import INLINE_TRIES, START_WITHIN_SECONDS
from worker.release import CallDurations

#: Longer than a slot is good, and no longer than some of them are near.
HELD_UP_SECONDS = 0.4


@pytest.mark.parametrize(("calls_left", "made"), [(10, INLINE_TRIES), (2, 2), (1, 1)])
def test_a_try_without_a_slot_is_not_made(
    ledger: Ledger, leases: Leases, desk: Desk, monkeypatch: pytest.MonkeyPatch, calls_left: int, made: int
) -> None:
    monkeypatch.setattr("worker.delivery.INLINE_WAIT_SECONDS", (0.001, 0.001))
    limited = desk.model_copy(update={"rate": parse_rate(f"{calls_left}/minute")})
    ledger.accept([Notification.build({"receiver_id": "ou_a", "text": "hi"})])
    [released] = leases.release([(limited, 1, 10)])
    feishu = FeishuByHand(lambda _: a_verdict(Kind.TRANSIENT, code=155000))
    delivery_by_hand(limited, leases, feishu).deliver(released.ids)
    assert len(feishu.receivers) == made
    assert ledger.redis.llen(ledger.keys.slots("default")) == made


class OpenTickets(NoTickets):
    def is_open(self, _: Any) -> bool:
        return True


@pytest.mark.parametrize(
    ("on_open_ticket", "state"),
    [("reroute", State.QUEUED), ("wait", State.DEFERRED), ("fail", State.FAILED)],
)
def test_a_ticket_that_is_found_when_no_slot_is_near_changes_no_attempt_on_record(
    ledger: Ledger, leases: Leases, desk: Desk, monkeypatch: pytest.MonkeyPatch, on_open_ticket: str, state: State
) -> None:
    """The attempt was on record already: an IndexError, and in the end `unknown`, though nothing is unknown."""
    monkeypatch.setattr("worker.delivery.INLINE_WAIT_SECONDS", (0.001, 0.001))
    limited = desk.model_copy(update={"rate": parse_rate("1/minute")})
    asked = {"receiver_id": "ou_a", "text": "hi", "receive_type": "chat", "on_open_ticket": on_open_ticket}
    [accepted] = ledger.accept([Notification.build({**asked, "on_unknown": "hold"})])
    [released] = leases.release([(limited, 1, 10)])
    feishu = FeishuByHand(lambda _: a_verdict(Kind.TRANSIENT, code=155000, may_mean_ticket=True))
    delivery_by_hand(limited, leases, feishu, tickets=OpenTickets()).deliver(released.ids)
    progress = ledger.get(accepted.id).progress
    assert progress.state is state
    assert [(attempt.via, attempt.outcome) for attempt in progress.attempts] == [("chat", Outcome.TRANSIENT)]
    assert progress.via == ("user" if on_open_ticket == "reroute" else None)


class HeldUp(Leases):
    """A claim whose request is on its way for longer than a slot is good, for an id that is released meanwhile."""

    renewals = 0

    def claim(self, desk: Desk, token: str, ids: Sequence[str], apart_ms: int = 0) -> tuple[int, list[Claim]]:
        time.sleep(HELD_UP_SECONDS)
        self.release([(desk, 1, 10)])
        return super().claim(desk, token, ids, apart_ms)

    def renew(self, *arguments: Any) -> Slot | None:
        self.renewals += 1
        return super().renew(*arguments)


def test_a_claim_that_was_held_up_ends_in_a_call(ledger: Ledger, desk: Desk) -> None:
    """Redis' time was told from before its request, so that every slot seemed too old: 3,000 renewals a second."""
    leases = HeldUp(ledger.redis, ledger.settings, longest_call_ms=1000)
    limited = desk.model_copy(update={"rate": parse_rate("100/minute")})
    [accepted] = ledger.accept([Notification.build({"receiver_id": "ou_a", "text": "hi", "on_unknown": "hold"})])
    feishu = FeishuByHand(lambda _: a_verdict(Kind.DELIVERED))
    delivery_by_hand(limited, leases, feishu).deliver([accepted.id])
    assert feishu.receivers == ["ou_a"]
    assert leases.renewals < SLOT_TRIES


class NeverInTime(Leases):
    """Whatever slot it has is over when its holder looks at it, as on a machine that stalls again and again."""

    renewals = 0

    def renew(self, *arguments: Any) -> Slot | None:
        self.renewals += 1
        slot = super().renew(*arguments)
        return slot and Slot(slot.at_ms - 1000, slot.wait_ms)


def test_slots_that_are_missed_again_and_again_are_not_tried_for_ever(ledger: Ledger, desk: Desk) -> None:
    leases = NeverInTime(ledger.redis, ledger.settings, longest_call_ms=1000)
    limited = desk.model_copy(update={"rate": parse_rate("100/minute")})
    [accepted] = ledger.accept([Notification.build({"receiver_id": "ou_a", "text": "hi"})])
    [released] = leases.release([(limited, 1, 10)])
    feishu = FeishuByHand(lambda _: a_verdict(Kind.DELIVERED), lambda: time.sleep(0.2))
    delivery_by_hand(limited, leases, feishu).deliver(released.ids)
    assert (feishu.receivers, leases.renewals) == ([], SLOT_TRIES)
    assert ledger.get(accepted.id).progress.state is State.QUEUED


def test_a_worker_that_stops_takes_no_slot(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    limited = desk.model_copy(update={"rate": parse_rate("100/minute")})
    [accepted] = ledger.accept([Notification.build({"receiver_id": "ou_a", "text": "hi"})])
    [released] = leases.release([(limited, 1, 10)])
    stopping = threading.Event()
    feishu = FeishuByHand(lambda _: a_verdict(Kind.DELIVERED), stopping.set)
    delivery_by_hand(limited, leases, feishu, stopping).deliver(released.ids)
    assert (feishu.receivers, ledger.get(accepted.id).progress.state) == ([], State.QUEUED)
    assert ledger.redis.llen(ledger.keys.slots("default")) == 0


@pytest.mark.parametrize("rate", ["unlimited", "100/minute"])
def test_a_pause_holds_for_a_row_whose_worker_takes_a_second_to_get_ready(
    ledger: Ledger, desk: Desk, rate: str
) -> None:
    """A token or an image may take seconds. Without limits no slot grew old, and the call was made after all."""
    passed = 0.0
    clock = RedisClock(lambda: time.monotonic() + passed)
    leases = Leases(ledger.redis, ledger.settings, longest_call_ms=1000, clock=clock)
    limited = desk.model_copy(update={"rate": parse_rate(rate)})
    spec = Spec(name="Office move", message={"msg_type": "text", "content": {"text": "hi"}})
    id = ledger.announcements.open(spec, key="k", digest="d").id
    ledger.announcements.load(id, [b'[1,"ou_a",[]]'])
    ledger.announcements.start(id, spec, 1)

    def get_ready() -> None:
        nonlocal passed
        ledger.announcements.pause(id, by="ada")
        passed = 10.0  # more than any number of round trips that a slow machine allows beyond the second

    [released] = leases.release([(limited, 1, 10)])
    feishu = FeishuByHand(lambda _: a_verdict(Kind.DELIVERED), get_ready)
    delivery_by_hand(limited, leases, feishu).deliver(released.ids)
    assert feishu.receivers == []
    assert ledger.announcements.get(id).counts[State.QUEUED] == 1


class Noting(Leases):
    """Keeps the claims that it makes."""

    def claim(self, *arguments: Any) -> tuple[int, list[Claim]]:
        now_ms, self.claims = super().claim(*arguments)
        return now_ms, self.claims


@pytest.mark.parametrize("hangs_for", [0.0, 20.0])
def test_a_call_that_hangs_does_not_move_the_slots_of_a_message_beside_it(
    ledger: Ledger, desk: Desk, hangs_for: float
) -> None:
    """Each was expected to take as long as that call had taken: the second waited 20 s for its slot, the third 40 s."""
    leases = Noting(ledger.redis, ledger.settings, longest_call_ms=1000)
    limited = desk.model_copy(update={"rate": parse_rate("100/minute")})
    ledger.accept([Notification.build({"receiver_id": f"ou_{number}", "text": "hi"}) for number in range(3)])
    [released] = leases.release([Share(limited, 3, 10, 10)])
    stopping, passed = threading.Event(), 0.0
    stopping.set()  # it claims, and sends nothing
    delivery = delivery_by_hand(limited, leases, FeishuByHand(lambda _: a_verdict(Kind.DELIVERED)), stopping)
    delivery.durations = CallDurations(lambda: passed)
    with delivery.durations.call():
        passed = hangs_for
        delivery.deliver(released.ids)
    first, *_, last = (claim.slot.at_ms for claim in leases.claims)
    assert len(leases.claims) == 3
    assert last - first <= START_WITHIN_SECONDS * 1000
