"""Holds: one worker learns that its desk cannot send, and all hold back until a probe, or time, says otherwise."""

from typing import Any

import fakeredis
import orjson
import pytest

from ledger.leases import Leases, Result
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.rate import parse_rate
from ledger.settings import Desk, Settings
from ledger.states import State
from tests.integration.ledger.standing_clock import StandingClock

NEED_A_PROBE = ["credentials", "quota", "outage"]
OUTAGE_AFTER = 5
FIRST_PROBE_MS, LONGEST_PROBE_MS = 5_000, 300_000
HOUR_MS = 3_600_000


class Held:
    """A desk whose API is well or not, as the test says."""

    def __init__(self, ledger: Ledger, leases: Leases, desk: Desk) -> None:
        self.ledger, self.leases, self.desk = ledger, leases, desk

    def accept(self, number: int = 1) -> list[str]:
        asked = [Notification.build({"receiver_id": f"ou_{n}", "text": "hi"}) for n in range(number)]
        return [accepted.id for accepted in self.ledger.accept(asked)]

    def release(self, room: int = 10) -> list[str]:
        [released] = self.leases.release([(self.desk, room, 100)])
        return released.ids

    def claim(self, ids: list[str]) -> list[str]:
        return [claim.id for claim in self.leases.claim(self.desk, "t", ids)[1]]

    def answer(self, id: str, health: str) -> None:
        """The call of a claimed notification ended; it comes back in an hour."""
        assert self.leases.record(self.desk, "t", [Result(id, State.DEFERRED, wait_ms=HOUR_MS)], health) == [True]

    def send_one(self, health: str) -> None:
        [id] = self.claim(self.release(room=1))
        self.answer(id, health)

    def hold(self, kind: str, hold_ms: int) -> bool:
        return self.leases.hold(self.desk, kind, hold_ms, f"for {kind}").is_new

    @property
    def now(self) -> dict[str, Any] | None:
        """The hold as it is kept."""
        found = self.ledger.redis.hget(self.ledger.keys.desk("default"), "hold")
        return orjson.loads(found) if found else None

    @property
    def kind(self) -> str | None:
        return self.now["kind"] if self.now else None


@pytest.fixture
def held(ledger: Ledger, leases: Leases, desk: Desk) -> Held:
    return Held(ledger, leases, desk)


@pytest.fixture
def timed(clock: StandingClock) -> Held:
    """Over fakeredis only, whose time is the clock's."""
    settings = Settings(_env_file=None)
    desk = settings.desk("default").model_copy(update={"rate": ()})
    ledger = Ledger(settings, fakeredis.FakeRedis(server=fakeredis.FakeServer()))
    return Held(ledger, Leases(ledger.redis, settings, longest_call_ms=1000), desk)


# -- while it lasts


@pytest.mark.parametrize("kind", ["throttled", *NEED_A_PROBE])
def test_nothing_is_released_while_a_desk_is_held_and_the_next_look_is_at_its_end(held: Held, kind: str) -> None:
    held.accept(2)
    assert held.hold(kind, 60_000)
    [released] = held.leases.release([(held.desk, 10, 100)])
    assert released.ids == []
    assert 59_000 < (released.again_ms or 0) <= 60_000


def test_a_hold_is_news_once_and_a_longer_one_of_its_kind_is_not_cut_short(held: Held) -> None:
    assert held.hold("throttled", 60_000)
    until = (held.now or {})["until"]
    assert not held.hold("throttled", 1_000)
    assert (held.now or {})["until"] == until


def test_a_throttle_does_not_end_a_hold_whose_probe_is_still_to_come(held: Held) -> None:
    """Two calls were out: one found the month's quota spent, the other was throttled, and its few seconds counted."""
    held.hold("quota", HOUR_MS)
    until = (held.now or {})["until"]
    assert not held.hold("throttled", 5_000)
    assert held.now == {**(held.now or {}), "kind": "quota", "until": until}
    held.hold("throttled", 2 * HOUR_MS)
    assert held.kind == "quota"
    assert (held.now or {})["until"] >= until + HOUR_MS - 1_000


def test_what_was_released_before_the_hold_goes_back_in_its_order_and_with_its_slots(held: Held) -> None:
    held.desk = held.desk.model_copy(update={"rate": parse_rate("4/minute")})
    ids = held.accept(5)
    released = held.release()
    assert released == ids[:4]
    held.hold("throttled", 60_000)
    assert held.claim(released) == []
    held.leases.resume(held.desk, if_changed=False)
    assert held.release() == ids[:4]


def test_no_further_slot_is_reserved_while_a_desk_is_held(held: Held) -> None:
    held.accept()
    [id] = held.claim(held.release())
    held.hold("outage", 60_000)
    assert held.leases.renew(held.desk, "t", id, 10_000) is None


def test_what_is_handed_back_together_stands_in_its_old_order(held: Held) -> None:
    """Each was put in front of the one before it."""
    ids = held.accept(4)
    claimed = held.claim(held.release(room=3))
    held.leases.record(held.desk, "t", [Result(id, State.QUEUED) for id in claimed], "")
    assert held.release() == ids


# -- how it ends


def test_a_throttle_ends_by_itself_and_for_all(held: Held) -> None:
    ids = held.accept(3)
    held.hold("throttled", 0)
    assert held.release() == ids
    assert held.kind is None


def test_a_claim_after_a_throttle_has_ended_is_no_probe(held: Held) -> None:
    """It was taken for one, and its failure cost it nothing."""
    held.accept()
    released = held.release()
    held.hold("throttled", 0)
    [claim] = held.leases.claim(held.desk, "t", released)[1]
    assert not claim.probing


@pytest.mark.parametrize("kind", NEED_A_PROBE)
def test_one_probe_is_out_at_a_time(held: Held, kind: str) -> None:
    first, second, *_ = held.accept(3)
    held.hold(kind, 0)
    assert held.release() == [first]
    assert held.release() == []
    [claim] = held.leases.claim(held.desk, "t", [first])[1]
    assert claim.probing
    assert held.release() == []
    held.answer(first, "")  # it never came to a call
    assert held.release() == [second]


@pytest.mark.parametrize("kind", NEED_A_PROBE)
def test_a_probe_that_is_answered_sanely_ends_the_hold_for_all(held: Held, kind: str) -> None:
    ids = held.accept(3)
    held.hold(kind, 0)
    held.send_one("up")
    assert held.kind is None
    assert held.release() == ids[1:]


@pytest.mark.parametrize("kind", ["credentials", "quota"])
def test_a_probe_that_fails_for_the_desks_sake_puts_the_next_one_off(held: Held, kind: str) -> None:
    """After credentials or quota it did not: one probe after another went out without a pause."""
    held.accept(3)
    held.hold(kind, 0)
    held.send_one("down")
    assert held.kind == "outage"
    assert held.release() == []


def test_the_failures_of_calls_that_were_out_when_an_outage_began_do_not_prolong_it(held: Held) -> None:
    held.accept(OUTAGE_AFTER + 3)
    for id in held.claim(held.release()):
        held.answer(id, "down")
    assert (held.now or {})["interval"] == FIRST_PROBE_MS


# -- outages


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        (["down"] * (OUTAGE_AFTER - 1), None),
        (["down"] * OUTAGE_AFTER, "outage"),
        (["down"] * (OUTAGE_AFTER - 1) + ["up"] + ["down"] * (OUTAGE_AFTER - 1), None),
        (["down"] * (OUTAGE_AFTER - 1) + ["", "down"], "outage"),  # who never called says nothing of the desk
    ],
)
def test_a_row_of_failures_without_a_success_between_opens_an_outage(
    held: Held, answers: list[str], kind: str | None
) -> None:
    held.accept(len(answers))
    for health in answers:
        held.send_one(health)
    assert held.kind == kind


def test_each_failed_probe_doubles_the_interval_up_to_the_longest(timed: Held, clock: StandingClock) -> None:
    timed.accept(OUTAGE_AFTER + 9)
    for _ in range(OUTAGE_AFTER):
        timed.send_one("down")
    since, intervals = clock.ms, []
    for _ in range(8):
        interval_ms = (timed.now or {})["interval"]
        intervals.append(interval_ms)
        clock.ms += interval_ms - 1
        assert timed.release() == []
        clock.ms += 1
        timed.send_one("down")
    # 5 s doubled six times is 320 s: from there on it is the longest.
    assert intervals == [min(FIRST_PROBE_MS * 2**n, LONGEST_PROBE_MS) for n in range(8)]
    assert intervals[-2:] == [LONGEST_PROBE_MS] * 2
    assert (timed.now or {})["since"] == since


def test_after_an_outage_a_single_failure_opens_no_other(timed: Held, clock: StandingClock) -> None:
    timed.accept(OUTAGE_AFTER + 2)
    for _ in range(OUTAGE_AFTER):
        timed.send_one("down")
    clock.ms += FIRST_PROBE_MS
    timed.send_one("up")
    timed.send_one("down")
    assert timed.kind is None


def test_a_lost_probe_makes_way_for_the_next_one_when_its_lease_ends(timed: Held, clock: StandingClock) -> None:
    first, _ = timed.accept(2)
    timed.hold("outage", 1_000)
    clock.ms += 1_000
    assert timed.claim(timed.release()) == [first]
    clock.ms += timed.leases.lease_ms
    assert timed.leases.sweep([timed.desk])[0].resent == 1
    assert timed.release() == [first]


# -- an operator, or new credentials, end it


@pytest.mark.parametrize("kind", ["throttled", *NEED_A_PROBE])
def test_an_operator_ends_any_hold_at_once(held: Held, kind: str) -> None:
    ids = held.accept(2)
    held.hold(kind, 60_000)
    assert held.leases.resume(held.desk, if_changed=False)
    assert held.release() == ids
    assert not held.leases.resume(held.desk, if_changed=False)


def test_a_row_of_failures_that_opened_no_outage_is_no_hold_to_be_ended(held: Held) -> None:
    """To forget the row was told as having ended a hold."""
    held.accept()
    held.send_one("down")
    assert not held.leases.resume(held.desk, if_changed=False)


def test_only_changed_credentials_end_a_hold_by_themselves(held: Held) -> None:
    held.accept()
    assert not held.leases.resume(held.desk, if_changed=True)  # seen for the first time
    held.hold("credentials", 60_000)
    assert not held.leases.resume(held.desk, if_changed=True)
    assert held.kind == "credentials"
    changed = held.desk.model_copy(update={"app_id": "cli_new"})
    assert held.leases.resume(changed, if_changed=True)
    assert held.kind is None
    held.hold("credentials", 60_000)
    assert not held.leases.resume(changed, if_changed=True)


def test_a_desk_with_another_name_is_not_held(held: Held, ledger_of_desks: Ledger) -> None:
    held.hold("credentials", 60_000)
    ledger_of_desks.accept([Notification.build({"receiver_id": "ou_a", "text": "hi", "desk": "hr"})])
    [released] = held.leases.release([(held.desk.model_copy(update={"name": "hr"}), 10, 100)])
    assert len(released.ids) == 1
