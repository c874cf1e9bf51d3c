"""The lead among the pacers: who asks for it, and when after an error."""

from typing import Any

import pytest

from ledger.lead import ClockStep, LeadAnswer
from worker.leader import (
    LEAD_MS,
    LONGEST_STAND_BACK_SECONDS,
    SHORT_BREAK_MS,
    STAND_BACK_SECONDS,
    WELL_SECONDS,
    Lead,
)


class Key:
    """The leader's key, and a clock that moves by hand."""

    lease_ms = 1000

    def __init__(self) -> None:
        self.now = 0.0
        self.leader: str | None = None
        self.asked = 0

    def lead(self, pacer: str, lease_ms: int) -> LeadAnswer:
        self.asked += 1
        if self.leader in (None, pacer):
            self.leader = pacer if lease_ms else None
        return LeadAnswer(self.leader == pacer, now_ms=0, vouched_ms=None, is_vouched=True, clock_state="0:0:")


class NoSteps:
    """Of a clock that is never set."""

    def heed(self, answer: LeadAnswer) -> None: ...


def lead_of(key: Key, me: str, others_live: bool = True) -> Lead:
    return Lead(key, me, lambda: others_live, NoSteps(), lambda: key.now)  # type: ignore[arg-type]


def seconds_until_it_leads(lead: Lead, key: Key) -> float:
    began = key.now
    while not lead.keep():
        key.now += 0.1
    return key.now - began


def test_a_pacer_that_fails_hands_the_lead_to_another() -> None:
    key = Key()
    failing, healthy = lead_of(key, "failing"), lead_of(key, "healthy")
    assert failing.keep()
    failing.stand_back()
    assert not failing.keep()
    assert healthy.keep()
    key.now += 60
    assert not failing.keep()


def test_it_waits_longer_each_time_that_it_fails_and_never_for_ever() -> None:
    key = Key()
    lead = lead_of(key, "failing")
    lead.keep()
    waited = []
    for _ in range(6):
        lead.stand_back()
        waited.append(seconds_until_it_leads(lead, key))
    assert waited == sorted(waited)
    assert waited[0] >= STAND_BACK_SECONDS > LEAD_MS / 1000
    assert waited[1] >= 2 * STAND_BACK_SECONDS
    assert waited[-1] <= LONGEST_STAND_BACK_SECONDS + 1


def test_once_it_is_well_again_it_waits_no_longer_than_at_first() -> None:
    key = Key()
    lead = lead_of(key, "failing")
    for _ in range(5):
        seconds_until_it_leads(lead, key)
        lead.stand_back()
    seconds_until_it_leads(lead, key)
    key.now += WELL_SECONDS + 1
    lead.keep()
    lead.stand_back()
    assert seconds_until_it_leads(lead, key) <= STAND_BACK_SECONDS + 1


def test_the_only_worker_goes_on_at_once() -> None:
    key = Key()
    lead = lead_of(key, "alone", others_live=False)
    lead.keep()
    lead.stand_back()
    assert lead.keep()


def test_one_that_does_not_lead_waits_for_nobody() -> None:
    """Redis was away for all: the first to be back leads."""
    key = Key()
    lead = lead_of(key, "second")
    key.leader = "first"
    lead.keep()
    lead.stand_back()
    key.leader = None
    assert lead.keep()


class Words:
    """A lead that nobody else wants, and what the clock of Redis says."""

    lease_ms = 1000

    def __init__(self, now_ms: int, vouched_ms: int | None, is_vouched: bool) -> None:
        self.answer = LeadAnswer(True, now_ms, vouched_ms, is_vouched, "0:0:")
        self.step: ClockStep | None = None

    def lead(self, pacer: str, lease_ms: int, step: ClockStep | None = None) -> LeadAnswer:
        return self.answer

    def heed(self, answer: LeadAnswer) -> ClockStep | None:
        return self.step

    def vouched(self, answer: LeadAnswer) -> None: ...

    def says(self, **of_answer: Any) -> None:
        self.answer = self.answer._replace(**of_answer)


@pytest.mark.parametrize(
    ("vouched_ms", "since_ms"),
    [
        (None, 1_000_000),
        (999_000, 999_000),
        (1_000_000 - SHORT_BREAK_MS, 1_000_000 - SHORT_BREAK_MS),
        (1_000_000 - SHORT_BREAK_MS - 1, 1_000_000),
        (2_000_000, 1_000_000),
    ],
)
def test_a_leader_has_been_there_since_the_last_word_if_that_is_not_long_ago(
    vouched_ms: int | None, since_ms: int
) -> None:
    words, now = Words(1_000_000, vouched_ms, False), [0.0]
    lead = Lead(words, "a", lambda: True, words, lambda: now[0])  # type: ignore[arg-type]
    assert lead.keep()
    assert lead.since_ms == since_ms


def test_since_then_it_stays_while_its_word_holds_and_the_clock_is_not_set() -> None:
    words, now = Words(1_000_000, None, True), [0.0]
    lead = Lead(words, "a", lambda: True, words, lambda: now[0])  # type: ignore[arg-type]

    def later(**of_answer: Any) -> int:
        words.says(**of_answer)
        now[0] += 1
        assert lead.keep()
        return lead.since_ms

    assert lead.keep()
    assert later(now_ms=2_000_000, vouched_ms=1_999_600) == 1_000_000
    assert later(now_ms=9_000_000, vouched_ms=2_000_000, is_vouched=False) == 9_000_000, "it was frozen"
    words.step = ClockStep(-500_000, "0:0:")
    assert later(now_ms=8_500_000, vouched_ms=9_000_000, is_vouched=True) == 8_500_000, "the clock was set"
