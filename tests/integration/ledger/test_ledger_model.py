"""Any sequence of verbs, against a model of the ledger in plain Python: what one says, the other must say too."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import fakeredis
import orjson
import pytest
import redis
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from ledger.connection import text
from ledger.delivery_options import OnUnknown
from ledger.errors import BadInput, KeyReused, NotAllowed
from ledger.inspection.inspection import broken_invariants
from ledger.leases import LeaseLost, Leases, Result
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.progress import Attempt
from ledger.quarters import Quarters
from ledger.rescheduling import reschedule
from ledger.settings import Settings
from ledger.settling import UNDO_MS, Settling
from ledger.states import FINAL, INDEXED, TRANSITIONS, Outcome, Resolution, State
from ledger.unresolved import Answer, Unresolved, answer_json
from tests.integration.ledger.desk_model import START_MS, Hold, Model, Settlement
from tests.integration.ledger.exploration import CLOCK_KEY, LONGEST_SECONDS, clock_in_a_key, examples, explore

TOKENS = st.sampled_from(["ada", "bob"])
PICK = st.integers(0, 40)
SENT = sorted(TRANSITIONS[State.SENDING])
ID, MAIL, NOBODYS = {"receiver_id": "ou_a"}, {"email": "ann@corp.example"}, {"mobile": "+8613800138000"}
NOBODY = orjson.dumps({"problem": "nobody", "reason": "no_such_person"})
#: Longer than a run, in its own time.
LONG_MS = 10**12
SOON_MS = [0, 1, 700, 5_000, 20_000]


class Verbs(RuleBasedStateMachine):
    """Calls the verbs, and the model beside them. Subclasses say on which server."""

    client: redis.Redis
    tell_time: Callable[[int], None]

    #: Verbs between two looks at the whole ledger. Over fakeredis one takes as long as many verbs.
    look_every = 1

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0
        self.client.flushall()
        settings = Settings(_env_file=None)
        self.desk = settings.desk("default").model_copy(update={"rate": ()})
        self.ledger = Ledger(settings, self.client)
        self.unresolved = Unresolved(settings, self.client)
        self.work = Leases(self.client, settings, longest_call_ms=1000)
        self.model = Model(self.work.lease_ms)
        self.seen: dict[str, tuple[State, list[int]]] = {}
        self.calls = 0
        self.tell_time(START_MS)

    def pick(self, number: int) -> str:
        ids = list(self.model.all)
        return ids[number % len(ids)]

    def an_attempt(self) -> Attempt:
        self.calls += 1
        return Attempt(at_ms=self.calls, via=None, outcome=Outcome.TRANSIENT)

    # -- producers

    @initialize(policies=st.lists(st.sampled_from(OnUnknown), min_size=1, max_size=5))
    def begin(self, policies: list[OnUnknown]) -> None:
        for policy in policies:
            self.accept(["x"], None, policy, None, None, ID, {})

    @rule(
        texts=st.lists(st.sampled_from("xy"), min_size=1, max_size=3),
        key=st.sampled_from([None, None, "k", "l"]),
        policy=st.sampled_from(OnUnknown),
        in_ms=st.sampled_from([None, None, None, 700, 6_000]),
        expires_ms=st.sampled_from([None, None, 5_000, 90_000]),
        address=st.sampled_from([ID, ID, MAIL, NOBODYS]),
        joins=st.sampled_from([{}, {}, {"throttle": "6s"}, {"digest": "6s"}]),
    )
    def accept(
        self,
        texts: list[str],
        key: str | None,
        policy: OnUnknown,
        in_ms: int | None,
        expires_ms: int | None,
        address: dict[str, str],
        joins: dict[str, str],
    ) -> None:
        in_ms = None if joins else in_ms
        at = None if in_ms is None else self._time(in_ms)
        expires = None if expires_ms is None else self._time(expires_ms + (in_ms or 0))
        raw = {**address, **joins, "on_unknown": policy, "at": at, "expires": expires, "key": key}
        asked = [Notification.build({**raw, "text": text}, now=self._time(0)) for text in texts]
        first = self.model.all.get(self.model.keys.get(key or "", ""))
        digests = {notification.content_hash for notification in asked if key}
        if key and len(digests | ({first.notification.content_hash} if first else set())) > 1:
            with pytest.raises(KeyReused):
                self.ledger.accept(asked)
            return
        for notification, accepted in zip(asked, self.ledger.accept(asked), strict=True):
            known = self.model.keys.get(key or "")
            assert accepted.duplicate is bool(known)
            if known:
                assert (accepted.id, accepted.state) == (known, self.model.all[known].state)
            else:
                into = self.ledger.get(accepted.id).progress.into
                assert self.model.accept(accepted.id, notification, into) is accepted.state

    def _time(self, in_ms: int) -> datetime:
        return datetime.fromtimestamp((self.model.now_ms + in_ms) / 1000, UTC)

    # -- whoever asks Feishu

    @rule(answered=st.sampled_from([True, True, False]))
    def ask(self, answered: bool) -> None:
        contacts = self.model.ask()
        assert self.unresolved.ask(self.desk, "eve").contacts == contacts
        if contacts and answered:
            found = {contact: "ou_a" if contact.value == MAIL["email"] else None for contact in contacts}
            answers = [
                Answer(contact, answer_json(open_id) if open_id else NOBODY, LONG_MS)
                for contact, open_id in found.items()
            ]
            self.unresolved.answer(self.desk, "eve", answers)
            self.model.people |= found
            assert self.model.ask() == []
        # The next question would be gathered for a second.
        self.client.hdel(self.ledger.keys.desk("default"), "asked")

    # -- the pacer

    @rule(room=st.integers(0, 4), in_flight=st.integers(1, 6), then_claimed_by=st.sampled_from([None, "ada", "bob"]))
    def release(self, room: int, in_flight: int, then_claimed_by: str | None) -> None:
        [released] = self.work.release([(self.desk, room, in_flight)])
        assert released.ids == self.model.release(room, in_flight)
        waits = self.model.lane or self.model.due or self.model.leases
        assert not waits or released.again_ms is not None, "nothing that waits may be out of sight"
        if then_claimed_by:
            self.the_record_is_the_models()
            self.compare_claims(then_claimed_by, released.ids)

    @rule(ms=st.sampled_from([*SOON_MS, 120_000]), then_swept=st.booleans())
    def pass_time(self, ms: int, then_swept: bool) -> None:
        self.model.now_ms += ms
        self.tell_time(self.model.now_ms)
        assert Quarters(self.ledger).roll(["default"], self.model.now_ms) == {"default": True}
        if then_swept:
            assert self.work.sweep([self.desk]) == [self.model.sweep()]

    # -- workers

    @precondition(lambda self: self.model.all)
    @rule(token=TOKENS, picks=st.lists(PICK, max_size=2), released=st.integers(0, 4), twice=st.booleans())
    def claim(self, token: str, picks: list[int], released: int, twice: bool) -> None:
        ids = [*list(self.model.leases)[:released], *map(self.pick, picks), "n_0000000000000000"]
        self.compare_claims(token, ids * (1 + twice))

    def compare_claims(self, token: str, ids: list[str]) -> None:
        expected = self.model.claim(token, list(dict.fromkeys(ids)))
        assert [claim.id for claim in self.work.claim(self.desk, token, ids)[1]] == expected

    @precondition(lambda self: self.model.leases)
    @rule(
        stray=st.sampled_from([None, None, None, "ada", "bob"]),
        pick=PICK,
        to=st.sampled_from([*State, *SENT, *SENT, *SENT]),
        called=st.booleans(),
        wait_ms=st.sampled_from(SOON_MS),
        health=st.sampled_from(["", "up", "down", "down"]),
        twice=st.booleans(),
    )
    def record(
        self, stray: str | None, pick: int, to: State, called: bool, wait_ms: int, health: str, twice: bool
    ) -> None:
        held = [id for id in self.model.leases if self.model.all[id].token] or [*self.model.leases]
        id = held[pick % len(held)]
        token = stray or self.model.all[id].token or "ada"
        attempt = self.an_attempt() if called else None
        result = Result(id, to, [attempt] if attempt else [], wait_ms)
        for _ in range(1 + twice):
            expected = self.model.record(token, id, to, attempt, wait_ms, health)
            assert self.work.record(self.desk, token, [result], health) == [expected]

    @precondition(lambda self: self.model.all)
    @rule(token=TOKENS, pick=PICK, called=st.booleans())
    def renew(self, token: str, pick: int, called: bool) -> None:
        id, attempt = self.pick(pick), self.an_attempt() if called else None
        expected = self.model.all[id]
        if expected.token != token:
            with pytest.raises(LeaseLost):
                self.work.renew(self.desk, token, id, 1000, attempt)
            return
        expected.attempts += [attempt.at_ms] if attempt else []
        expected.renewed = True
        self.model.leases[id] = self.model.now_ms + self.work.lease_ms
        assert (self.work.renew(self.desk, token, id, 1000, attempt) is None) is self.model.held()

    # -- operators

    @precondition(lambda self: self.model.all)
    @rule(pick=PICK, verb=st.sampled_from(["cancel", "retry", "retry unknown", "delivered", "failed", "resend"]))
    def steer(self, pick: int, verb: str) -> None:
        id, asked = self.pick(pick), [State.FAILED, State.UNKNOWN, State.SENDING]
        calls: dict[str, tuple[State, set[State], Callable[[], list[State]]]] = {
            "cancel": (State.CANCELLED, {*State} - FINAL - {State.SENDING}, lambda: self.ledger.cancel([id], "ada")),
            "retry": (State.QUEUED, {State.FAILED}, lambda: self.ledger.retry([id], "ada")),
            "retry unknown": (State.QUEUED, {*INDEXED}, lambda: self.ledger.retry([id], "ada", asked)),
        }
        to = State.QUEUED if verb == "resend" else State(verb) if verb in {*State} else State.UNKNOWN
        to, allowed_from, call = calls.get(verb, (to, {State.UNKNOWN}, lambda: self.ledger.resolve([id], "ada", verb)))
        expected = self.model.all[id]
        if expected.state not in allowed_from:
            with pytest.raises(NotAllowed):
                call()
            return
        assert call() == [to]
        self.model.move(id, to)
        if verb.startswith("retry"):
            self.model.retry(id)
        if to is State.QUEUED:
            self.model.enqueue(id)
        if verb.startswith("retry"):
            expected.lost, expected.retried = 0, True

    @precondition(lambda self: self.model.all and not self.model.settlement)
    @rule(pick=PICK, outcome=st.sampled_from(Resolution))
    def settle(self, pick: int, outcome: Resolution) -> None:
        unknown = [id for id, each in self.model.all.items() if each.state is State.UNKNOWN]
        id = unknown[pick % len(unknown)] if unknown and pick % 4 else self.pick(pick)
        is_unknown = self.model.all[id].state is State.UNKNOWN
        assert Settling(self.ledger).decide([id], "ada", outcome) == is_unknown
        if is_unknown:
            to = State.QUEUED if outcome is Resolution.RESEND else State(outcome)
            self.model.settlement = Settlement(id, to, self.model.now_ms, self.model.now_ms + UNDO_MS)

    @precondition(lambda self: self.model.settlement)
    @rule(twice=st.booleans())
    def undo(self, twice: bool) -> None:
        expected = self.model.settlement
        assert expected is not None
        [settlement] = Settling(self.ledger).pending(["default"])
        assert (settlement.ids, settlement.due_ms) == ({expected.id}, expected.due_ms)
        in_time = expected.due_ms > self.model.now_ms
        assert Settling(self.ledger).undo(settlement, "ada") is in_time
        if in_time:
            self.model.settlement = None
            assert not twice or Settling(self.ledger).undo(settlement, "ada")

    @precondition(lambda self: self.model.settlement)
    @rule()
    def look_from_the_console(self) -> None:
        Settling(self.ledger).carry_out("default")
        self.model.carry_out()

    @precondition(lambda self: self.model.all)
    @rule(pick=PICK, in_ms=st.sampled_from([-1_000, 0, 700, 6_000, 40_000]), twice=st.booleans())
    def reschedule(self, pick: int, in_ms: int, twice: bool) -> None:
        waiting = [id for id, each in self.model.all.items() if each.state is State.SCHEDULED]
        id = waiting[pick % len(waiting)] if waiting and pick % 4 else self.pick(pick)
        expected, at = self.model.all[id], self._time(in_ms)
        expires = expected.notification.expires_at
        if expected.state is State.SCHEDULED and expires and expires <= at:
            with pytest.raises(BadInput):
                reschedule(self.ledger, id, at, "ada")
            return
        for _ in range(1 + twice):
            if self.model.reschedule(id, at) or (expected.notification.at == at and self._was_rescheduled(id)):
                reschedule(self.ledger, id, at, "ada")
                if expected.state is State.SCHEDULED:
                    assert self.ledger.get(id).due_ms == expected.notification.due_ms
            else:
                with pytest.raises(NotAllowed):
                    reschedule(self.ledger, id, at, "ada")

    def _was_rescheduled(self, id: str) -> bool:
        return any(did == "reschedule" for _, _, did in self.ledger.get(id).progress.acts)

    @rule(
        kind=st.sampled_from([None, None, None, None, "throttled", "credentials", "quota", "outage"]),
        hold_ms=st.sampled_from([0, 700, 5_000]),
    )
    def hold_or_resume(self, kind: str | None, hold_ms: int) -> None:
        if kind:
            assert self.work.hold(self.desk, kind, hold_ms, "because").is_new is self.model.start_hold(kind, hold_ms)
        else:
            assert self.work.resume(self.desk, if_changed=False) is bool(self.model.hold)
            self.model.hold, self.model.streak = None, 0

    # -- what is true after every verb

    @invariant()
    def the_record_is_the_models(self) -> None:
        for id, progress in self._progress().items():
            expected = self.model.all[id]
            assert (progress["state"], progress.get("token")) == (expected.state, expected.token), id
            assert (progress["state"] == State.SENDING) is ("token" in progress), "a holder, and never two"
            at_ms = [attempt[0] for attempt in progress.get("attempts", [])]
            self._only_moves_that_are_allowed(id, State(progress["state"]), at_ms)
            assert same_attempts(at_ms, expected.attempts)

    def _progress(self) -> dict[str, dict[str, Any]]:
        pipe = self.client.pipeline(transaction=False)
        for id in self.model.all:
            pipe.hget(self.ledger.keys.notification(id), "progress")
        return {id: orjson.loads(progress) for id, progress in zip(self.model.all, pipe.execute(), strict=True)}

    def _only_moves_that_are_allowed(self, id: str, state: State, at_ms: list[int]) -> None:
        before, attempts = self.seen.get(id, (state, []))
        # One verb queues what is due, and fails it where it is cached that its address leads to nobody.
        ended_at_once = (before, state) == (State.SCHEDULED, State.FAILED) and not self.model.all[id].has_receiver
        assert state is before or state in TRANSITIONS[before] or ended_at_once
        assert before not in FINAL or state is before or self.model.all[id].retried, "only a retry revives"
        assert at_ms[: len(attempts)] == attempts, "attempts are only added to"
        self.model.all[id].retried = False
        self.seen[id] = (state, at_ms)

    @invariant()
    def the_counts_add_up(self) -> None:
        counts = {state: number for state, number in self.ledger.counts().items() if number}
        assert counts == Counter(expected.state for expected in self.model.all.values())
        assert sum(counts.values()) == len(self.model.all)
        for state in INDEXED:
            index = set(map(text, self.client.zrange(self.ledger.keys.index(state), 0, -1)))
            assert index == {id for id, expected in self.model.all.items() if expected.state is state}
        assert self.client.zcard(self.ledger.keys.events) == len(self.model.all)

    @invariant()
    def every_joined_event_is_counted_by_its_message(self) -> None:
        found = {id: self.client.hget(self.ledger.keys.joined(id), "count") for id in self.model.joined}
        assert {id: int(count or 0) for id, count in found.items()} == self.model.joined

    @invariant()
    def nothing_is_absent_and_nothing_is_in_two_places(self) -> None:
        keys = self.ledger.keys
        lane = list(map(text, self.client.lrange(keys.waiting("e_default"), 0, -1)))
        due = self._times(keys("lane", "e_default", "due"))
        leases = self._times(keys.leases("default"))
        unresolved = self._times(keys.unresolved("default"))
        assert (lane, due, leases) == (self.model.lane, self.model.due, self.model.leases)
        assert unresolved == self.model.unresolved
        places = Counter([*lane, *due, *leases, *unresolved])
        for id, expected in self.model.all.items():
            rests = expected.state in FINAL or expected.state is State.UNKNOWN
            assert rests or places[id] == 1, f"{id} is {expected.state} and in {places[id]} places"

    def _times(self, zset: str) -> dict[str, float]:
        found: list[Any] = self.client.zrange(zset, 0, -1, withscores=True)
        return {text(id): at_ms for id, at_ms in found}

    @invariant()
    def the_ledger_is_whole(self) -> None:
        self.steps += 1
        if self.steps % self.look_every == 0:
            assert broken_invariants(self.ledger, lambda: self.model.now_ms) == []

    def teardown(self) -> None:
        assert broken_invariants(self.ledger, lambda: self.model.now_ms) == []

    @invariant()
    def the_hold_is_the_models(self) -> None:
        kept = self.client.hget(self.ledger.keys.desk("default"), "hold")
        found = orjson.loads(kept) if kept else None
        hold = found and Hold(found["kind"], found["until"], found["interval"])
        assert hold == self.model.hold


def same_attempts(at_ms: list[int], expected: list[int]) -> bool:
    """Those of lost workers (negative in the model) bear the time of a claim; the others their own."""
    return len(at_ms) == len(expected) and all(
        at >= START_MS if wanted < 0 else at == wanted for at, wanted in zip(at_ms, expected, strict=True)
    )


# -- the two servers


@examples(few=8, many=80)
@pytest.mark.timeout(LONGEST_SECONDS)
def test_any_sequence_of_verbs_leaves_what_the_model_says(examples: int) -> None:
    clock = [START_MS]

    class OverFakeredis(Verbs):
        client = fakeredis.FakeRedis(server=fakeredis.FakeServer())
        look_every = 10

        def tell_time(self, now_ms: int) -> None:
            clock[0] = now_ms

    with patch("time.time", lambda: clock[0] / 1000):
        explore(OverFakeredis, examples)


@examples(few=12, many=40)
@pytest.mark.timeout(LONGEST_SECONDS)
def test_any_sequence_of_verbs_leaves_what_the_model_says_on_a_real_server(
    unsynced_valkey: Settings, examples: int
) -> None:
    class OverValkey(Verbs):
        client = redis.Redis.from_url(str(unsynced_valkey.redis))

        def tell_time(self, now_ms: int) -> None:
            self.client.set(CLOCK_KEY, now_ms)

    with OverValkey.client, clock_in_a_key():
        explore(OverValkey, examples)
