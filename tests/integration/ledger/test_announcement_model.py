"""Any sequence of verbs on announcements and events of one desk: what is true after each, and that all of it ends."""

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import fakeredis
import pytest
import redis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ledger.announcement import Announcement, RowRecord
from ledger.connection import text
from ledger.errors import BadInput, NotAllowed
from ledger.ids import announcement_of, is_row, row_id
from ledger.inspection.inspection import broken_invariants
from ledger.leases import LeaseLost, Leases, Result
from ledger.ledger import Ledger
from ledger.loading import LOADING_MS, RowsMissing
from ledger.notification import Notification
from ledger.rate import Limit
from ledger.rescheduling import reschedule
from ledger.settings import Settings
from ledger.states import FINAL, TRANSITIONS, AnnouncementState, PausedBy, State
from tests.integration.ledger.announced import ENDED_BEFORE_STOP, OPTIONS, START_MS, Announced
from tests.integration.ledger.exploration import (
    CLOCK_KEY,
    LONGEST_SECONDS,
    changed_verbs,
    clock_in_a_key,
    examples,
    explore,
)

TOKENS = st.sampled_from(["ada", "bob"])
PICK = st.integers(0, 60)
ROOM = st.sampled_from([0, 1, 2, 5, 40])
SENT = sorted(TRANSITIONS[State.SENDING])
AT_REST = FINAL | {State.UNKNOWN}
RUNNING, PAUSED, CANCELLED = AnnouncementState.RUNNING, AnnouncementState.PAUSED, AnnouncementState.CANCELLED
SCHEDULED = AnnouncementState.SCHEDULED
FEW_BEFORE_STOP = ("ENDED_BEFORE_STOP = 20", f"ENDED_BEFORE_STOP = {ENDED_BEFORE_STOP}")
#: Looks that an announcement may need until it is over: its rows are few, and each look brings at least one on.
MOST_LOOKS = 500


class Announcing(RuleBasedStateMachine):
    """Calls the verbs. Subclasses say on which server."""

    client: redis.Redis
    tell_time: Callable[[float], None]

    #: Verbs between two looks at the whole ledger. Over fakeredis one takes as long as many verbs.
    look_every = 1

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0
        self.client.flushall()
        settings = Settings(_env_file=None)
        self.ledger = Ledger(settings, self.client)
        self.desk = settings.desk("default").model_copy(update={"rate": ()})
        self.work = Leases(self.client, settings, longest_call_ms=1000)
        self.all: dict[str, Announced] = {}
        self.events: list[str] = []
        self.holders: dict[str, str] = {}
        self.at_rest: dict[str, State] = {}
        self.now_ms, self.ticks = START_MS, 0
        self.pass_ms(0)

    def pass_ms(self, ms: int) -> None:
        """Each time with another microsecond, by which release throws its coin."""
        self.now_ms, self.ticks = self.now_ms + ms, self.ticks + 1
        self.tell_time(self.now_ms + self.ticks % 2 / 1000)

    def started(self) -> dict[str, Announced]:
        return {id: told for id, told in self.all.items() if told.state is not AnnouncementState.LOADING}

    def pick(self, number: int) -> str:
        return list(self.all)[number % len(self.all)]

    def pick_id(self, number: int) -> str:
        ids = [row_id(id, number) for id, told in self.started().items() for number in range(len(told.rows))]
        ids += self.events
        return ids[number % len(ids)]

    def leases(self) -> dict[str, float]:
        found: list[Any] = self.client.zrange(self.ledger.keys.leases("default"), 0, -1, withscores=True)
        return {text(id): ends_ms for id, ends_ms in found}

    def state_of(self, id: str) -> State:
        return self.ledger.get(id).progress.state

    def _time(self, in_ms: int | None) -> datetime | None:
        return None if in_ms is None else datetime.fromtimestamp((self.now_ms + in_ms) / 1000, UTC)

    # -- producers

    @initialize(is_limited=st.booleans())
    def begin(self, is_limited: bool) -> None:
        if is_limited:
            self.desk = self.desk.model_copy(update={"rate": (Limit(calls=3, seconds=2),)})

    @rule(
        send_at_in=st.lists(st.sampled_from([None, None, None, 600, 30_000]), min_size=1, max_size=7),
        options=OPTIONS,
        then_started=st.sampled_from([True, True, True, False]),
    )
    def open_and_load(self, send_at_in: list[int | None], options: dict[str, Any], then_started: bool) -> None:
        told = Announced.of(options, send_at_in, f"k{len(self.all)}", self.now_ms)
        opened = self.ledger.announcements.open(told.spec, key=told.key, digest="d", timed=told.is_timed)
        self.all[opened.id] = told
        assert self.ledger.announcements.load(opened.id, told.rows) == len(told.rows)
        if then_started:
            self.start(opened.id)

    @precondition(lambda self: self.all)
    @rule(pick=PICK, loaded=st.integers(0, 7), then_started=st.booleans())
    def come_again(self, pick: int, loaded: int, then_started: bool) -> None:
        """Who was killed while it loaded, or is told to do the same twice, or does it at the same time as another."""
        id = self.pick(pick)
        told = self.all[id]
        if told.state is AnnouncementState.LOADING and self.now_ms - told.opened_ms >= LOADING_MS:
            return
        opened = self.ledger.announcements.open(told.spec, key=told.key, digest="d", timed=told.is_timed)
        assert opened == (id, told.state is not AnnouncementState.LOADING)
        self.ledger.announcements.load(id, told.rows[:loaded])
        if then_started:
            self.ledger.announcements.load(id, told.rows)
            self.start(id)

    def start(self, id: str) -> None:
        told = self.all[id]
        try:
            is_new = self.ledger.announcements.start(id, told.spec, len(told.rows))
        except RowsMissing:
            assert self.now_ms - told.opened_ms >= LOADING_MS
            return
        assert is_new is (told.state is AnnouncementState.LOADING)
        told.state = RUNNING if is_new else told.state

    @rule(expires_ms=st.sampled_from([None, 5_000]), in_ms=st.sampled_from([None, None, 700]))
    def accept(self, expires_ms: int | None, in_ms: int | None) -> None:
        times = {"at": self._time(in_ms), "expires": self._time(expires_ms)}
        event = Notification.build({"receiver_id": "ou_a", "text": "x", **times}, now=self._time(0))
        [accepted] = self.ledger.accept([event])
        self.events.append(accepted.id)

    # -- the pacer

    @rule(room=ROOM, in_flight=st.sampled_from([1, 6, 50]), then_claimed_by=st.sampled_from([None, "ada", "bob"]))
    def release(self, room: int, in_flight: int, then_claimed_by: str | None) -> None:
        before = self.leases()
        [released] = self.work.release([(self.desk, room, in_flight)])
        assert len(released.ids) <= room
        assert len({*released.ids, *before}) == len(released.ids) + len(before), "nothing is released twice at once"
        self._may_be_called(released.ids)
        assert sorted(released.ids, key=is_row) == released.ids, "events first"
        if then_claimed_by:
            self.compare_claims(then_claimed_by, released.ids)

    def _may_be_called(self, ids: Iterable[str]) -> None:
        for id in filter(is_row, ids):
            told = self.all[announcement_of(id)]
            assert told.may_call(told.rows[int(id.partition("-")[2])], self.now_ms), (id, told, self.now_ms)

    @rule(ms=st.sampled_from([0, 1, 700, 700, 5_000, 20_000, 120_000, 1_800_000]), then_swept=st.booleans())
    def pass_time(self, ms: int, then_swept: bool) -> None:
        self.pass_ms(ms)
        if then_swept:
            self.work.sweep([self.desk])
            kept = self.leases()
            self.holders = {id: token for id, token in self.holders.items() if id in kept}

    # -- workers

    @precondition(lambda self: self.started() or self.events)
    @rule(token=TOKENS, picks=st.lists(PICK, max_size=2), released=st.integers(0, 6), twice=st.booleans())
    def claim(self, token: str, picks: list[int], released: int, twice: bool) -> None:
        ids = [*list(self.leases())[:released], *map(self.pick_id, picks), "n_0000000000000000", "n_00000000000000-1"]
        self.compare_claims(token, ids * (1 + twice))

    def compare_claims(self, token: str, ids: list[str]) -> None:
        released = self.leases()
        claims = self.work.claim(self.desk, token, ids)[1]
        new = {claim.id for claim in claims} - self.holders.keys()
        assert new <= released.keys()
        assert all(self.holders.setdefault(claim.id, token) == token for claim in claims), "a holder, and never two"
        for id in filter(is_row, new):
            assert self.all[announcement_of(id)].state is RUNNING, "nothing is claimed of what is paused or cancelled"
        assert all(self.state_of(claim.id) is State.SENDING for claim in claims)

    @precondition(lambda self: self.holders)
    @rule(
        stray=st.sampled_from([None, None, None, "ada", "bob"]),
        pick=PICK,
        to=st.sampled_from([*State, *SENT, *SENT]),
        wait_ms=st.sampled_from([0, 700, 20_000]),
        health=st.sampled_from(["", "up", "up", "down"]),
        twice=st.booleans(),
    )
    def record(self, stray: str | None, pick: int, to: State, wait_ms: int, health: str, twice: bool) -> None:
        id = list(self.holders)[pick % len(self.holders)]
        holder = self.holders[id]
        done = self.work.record(self.desk, stray or holder, [Result(id, to, (), wait_ms)], health)
        assert done == [(stray or holder) == holder and to in SENT]
        if done == [True]:
            del self.holders[id]
            if twice:
                assert self.work.record(self.desk, holder, [Result(id, to, (), wait_ms)], health) == [False]

    @precondition(lambda self: self.holders)
    @rule(stray=st.sampled_from([None, None, "ada", "bob"]), pick=PICK)
    def renew(self, stray: str | None, pick: int) -> None:
        id = list(self.holders)[pick % len(self.holders)]
        is_lost = stray is not None and stray != self.holders[id]
        try:
            slot = self.work.renew(self.desk, stray or self.holders[id], id, 1000)
        except LeaseLost:
            assert is_lost
            return
        assert not is_lost
        stopped = is_row(id) and self.all[announcement_of(id)].state is not RUNNING
        assert not (stopped and slot), "no further call of what is paused or cancelled"

    # -- operators

    @precondition(lambda self: self.started())
    @rule(pick=PICK, verb=st.sampled_from(["pause", "pause", "resume", "resume", "cancel"]))
    def steer(self, pick: int, verb: str) -> None:
        id = list(self.started())[pick % len(self.started())]
        told, announcements = self.all[id], self.ledger.announcements
        finished = announcements.get(id).state is AnnouncementState.FINISHED
        allowed = {"pause": {RUNNING}, "resume": {PAUSED}, "cancel": {RUNNING, PAUSED, CANCELLED}}[verb]
        to = {"pause": PAUSED, "resume": RUNNING, "cancel": CANCELLED}[verb]
        call = {"pause": announcements.pause, "resume": announcements.resume, "cancel": announcements.cancel}[verb]
        self.pass_ms(1)  # what ended before it is resumed ended earlier
        try:
            assert call(id, "ada") in ({to, SCHEDULED} if verb == "resume" else {to})
        except NotAllowed:
            assert finished or told.state not in allowed
            return
        assert not finished
        assert told.state in allowed
        told.state = to
        if verb == "resume":
            told.resumed()
            self.pass_ms(1)

    @precondition(lambda self: self.started())
    @rule(pick=PICK, in_ms=st.sampled_from([-1_000, 0, 700, 6_000, 3_000_000]))
    def reschedule(self, pick: int, in_ms: int) -> None:
        id = list(self.started())[pick % len(self.started())]
        told, at = self.all[id], self._time(in_ms)
        assert at
        shown = self.ledger.announcements.get(id)
        expires = told.spec.expires_at
        try:
            reschedule(self.ledger, id, at, "ada")
        except NotAllowed:
            assert not shown.can_reschedule
            return
        except BadInput:
            assert expires
            assert expires <= at
            return
        told.spec = told.spec.model_copy(update={"at": at})
        after = self.ledger.announcements.get(id)
        assert after.spec == told.spec
        if shown.can_reschedule:
            assert after.counts[State.SCHEDULED] == after.left
            assert after.state is (PAUSED if told.state is PAUSED else SCHEDULED)

    @precondition(lambda self: self.started())
    @rule(pick=PICK, verb=st.sampled_from(["retry", "retry unknown", "delivered", "failed", "resend"]))
    def settle_all(self, pick: int, verb: str) -> None:
        id = list(self.started())[pick % len(self.started())]
        counts, announcements = self.ledger.announcements.get(id).counts, self.ledger.announcements
        revives = verb in {"retry", "retry unknown", "resend"}
        states = {"retry": [State.FAILED], "retry unknown": [State.FAILED, State.UNKNOWN]}.get(verb, [State.UNKNOWN])
        try:
            if verb.startswith("retry"):
                done = announcements.retry(id, "ada", states)
            else:
                done = announcements.resolve(id, "ada", verb)
        except NotAllowed:
            assert revives
            assert self.all[id].state is CANCELLED
            return
        assert done == sum(counts[state] for state in states)
        self._revived(row_id(id, number) for number in range(len(self.all[id].rows)))

    @precondition(lambda self: self.started() or self.events)
    @rule(pick=PICK, verb=st.sampled_from(["cancel", "cancel", "retry", "delivered", "resend"]))
    def steer_one(self, pick: int, verb: str) -> None:
        id, ledger = self.pick_id(pick), self.ledger
        with suppress(NotAllowed):
            if verb == "cancel":
                assert ledger.cancel([id], "ada") == [State.CANCELLED]
            elif verb == "retry":
                assert ledger.retry([id], "ada", [State.FAILED, State.UNKNOWN]) == [State.QUEUED]
            else:
                ledger.resolve([id], "ada", verb)
        self._revived([id])

    def _revived(self, ids: Iterable[str]) -> None:
        """Only these may leave a final state, and only `failed`."""
        for id in ids:
            if self.at_rest.get(id) is State.FAILED:
                del self.at_rest[id]

    @rule(kind=st.sampled_from([None, None, None, "throttled", "quota"]), hold_ms=st.sampled_from([0, 700]))
    def hold_or_resume(self, kind: str | None, hold_ms: int) -> None:
        if kind:
            self.work.hold(self.desk, kind, hold_ms, "because")
        else:
            self.work.resume(self.desk, if_changed=False)

    # -- what is true after every verb

    @invariant()
    def the_counts_are_those_of_the_rows_and_say_when_it_is_finished(self) -> None:
        for id, told in self.started().items():
            rows = list(self.ledger.announcements.rows(id))
            shown = self.ledger.announcements.get(id)
            assert shown.total == len(told.rows) == sum(shown.counts.values())
            assert Counter({state: n for state, n in shown.counts.items() if n}) == Counter(
                row.progress.state for row in rows
            )
            self._compare_state(shown, rows, told)
            self._final_stays_final(rows)
            persistent = (
                self.client.pttl(self.ledger.keys.rows(id)) == self.client.pttl(self.ledger.keys.lane(id)) == -1
            )
            assert persistent is bool(shown.left or shown.counts[State.UNKNOWN])

    def _compare_state(self, shown: Announcement, rows: list[RowRecord], told: Announced) -> None:
        reason = told.paused_itself(rows)
        if shown.left == 0 and told.state is not CANCELLED:
            assert shown.state is AnnouncementState.FINISHED
            told.state = RUNNING  # what it is when a row is taken back, even if it was paused before
        elif shown.state is SCHEDULED:
            assert told.state is RUNNING
        elif told.state is RUNNING and reason and not self._has_a_turn_to_come(shown, reason):
            assert (shown.state, shown.paused_by) == (PAUSED, reason)
            told.state = PAUSED
        else:
            assert shown.state is told.state

    def _has_a_turn_to_come(self, shown: Announcement, reason: PausedBy) -> bool:
        """First rows that were cancelled before their turn are told as at rest when it comes."""
        next_row = int(self.client.hget(self.ledger.keys.lane(shown.id), "next") or 0)
        return reason is PausedBy.FIRST_N and shown.state is RUNNING and next_row < (shown.spec.first or 0)

    def _final_stays_final(self, rows: list[RowRecord]) -> None:
        for row in rows:
            assert self.at_rest.get(row.id, row.progress.state) is row.progress.state, row.id
            if row.progress.state in FINAL:
                self.at_rest[row.id] = row.progress.state

    @invariant()
    def the_ledger_is_whole(self) -> None:
        self.steps += 1
        if self.steps % self.look_every == 0:
            assert broken_invariants(self.ledger, lambda: self.now_ms) == []

    # -- the end

    def teardown(self) -> None:
        """Looking only when `release` says so, a pacer and a worker bring everything to an end."""
        self.work.resume(self.desk, if_changed=False)
        self._run_to_the_end()
        while stopped := [each for id in self.started() if (each := self.ledger.announcements.get(id)).stopped_itself]:
            for each in stopped:
                assert self.all[each.id].state is PAUSED or not self.all[each.id].went_on
            self._run_to_the_end()
        assert [id for id in self.started() if self.ledger.announcements.get(id).left] == []
        assert all(self.state_of(id) in AT_REST for id in self.events)
        assert broken_invariants(self.ledger, lambda: self.now_ms) == []

    def _run_to_the_end(self) -> None:
        """Or until they have paused by themselves."""
        for id, told in self.started().items():
            if self.ledger.announcements.get(id).state is PAUSED:
                self.ledger.announcements.resume(id, "ada")
                told.resumed()
        for _ in range(MOST_LOOKS):
            self.work.sweep([self.desk])
            [released] = self.work.release([(self.desk, 50, 50)])
            self._may_be_called(released.ids)
            claims = self.work.claim(self.desk, "eve", released.ids)[1]
            self.work.record(self.desk, "eve", [Result(claim.id, State.DELIVERED) for claim in claims], "up")
            if released.again_ms is None:
                break
            self.pass_ms(released.again_ms)


@examples(few=5, many=60)
@pytest.mark.timeout(LONGEST_SECONDS)
def test_any_sequence_of_verbs_keeps_announcements_whole(examples: int) -> None:
    clock = [float(START_MS)]

    class OverFakeredis(Announcing):
        client = fakeredis.FakeRedis(server=fakeredis.FakeServer())
        look_every = 10

        def tell_time(self, now_ms: float) -> None:
            clock[0] = now_ms

    with patch("time.time", lambda: clock[0] / 1000), changed_verbs(*FEW_BEFORE_STOP):
        explore(OverFakeredis, examples)


@examples(few=8, many=40)
@pytest.mark.timeout(LONGEST_SECONDS)
def test_any_sequence_of_verbs_keeps_announcements_whole_on_a_real_server(
    unsynced_valkey: Settings, examples: int
) -> None:
    class OverValkey(Announcing):
        client = redis.Redis.from_url(str(unsynced_valkey.redis))

        def tell_time(self, now_ms: float) -> None:
            self.client.set(CLOCK_KEY, now_ms)

    with OverValkey.client, clock_in_a_key(), changed_verbs(*FEW_BEFORE_STOP):
        explore(OverValkey, examples)
