"""Any sequence of steps on drafts by several people: nothing starts unapproved, or twice."""

from collections.abc import Callable
from typing import Any, ClassVar
from unittest.mock import patch

import fakeredis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ledger.draft import Person
from ledger.draft_verbs import DRAFT_MS, MOST_DRAFTS, DraftContent, DraftVerbs
from ledger.errors import BadInput, Changed, NotAllowed, NotFound, NotPermitted
from ledger.inspection.inspection import broken_invariants
from ledger.ledger import Ledger
from ledger.settings import Settings
from ledger.states import DRAFTED, AnnouncementState
from tests.integration.ledger.exploration import LONGEST_SECONDS, examples, explore
from tests.integration.ledger.test_announcements import a_spec, some_rows

PEOPLE = [Person(name, name) for name in ("ada", "bob", "variable:eve")]
WHO = st.sampled_from(PEOPLE)
PICK = st.integers(0, 30)
ABOVE = 2
START_MS = 1_900_000_000_000
DRAFT, AWAITING, APPROVED = AnnouncementState.DRAFT, AnnouncementState.AWAITING_APPROVAL, AnnouncementState.APPROVED


class Told:
    """A draft as the test keeps it in mind."""

    def __init__(self, rows: int, by: Person, at_ms: float) -> None:
        self.rows, self.writers, self.author, self.edited_ms = rows, {by.id}, by, at_ms
        self.state, self.version, self.approver = DRAFT, 1, None


class Drafting(RuleBasedStateMachine):
    """Over fakeredis, with a clock of its own."""

    clock: ClassVar[list[float]] = [float(START_MS)]

    def __init__(self) -> None:
        super().__init__()
        self.clock[0] = float(START_MS)
        self.redis = fakeredis.FakeRedis(server=fakeredis.FakeServer())
        self.ledgers = [self._ledger(f"eve:{'s' * 32}:{scope}") for scope in ("approve", "read")]
        self.eve_may = True
        self.all: dict[str, Told] = {}
        self.started: list[str] = []

    def _ledger(self, keys: str) -> Ledger:
        return Ledger(Settings(_env_file=None, approval_above=ABOVE, api_keys=keys), self.redis)  # type: ignore[arg-type]

    @property
    def ledger(self) -> Ledger:
        return self.ledgers[0 if self.eve_may else 1]

    @property
    def verbs(self) -> DraftVerbs:
        return DraftVerbs(self.ledger)

    def pick(self, number: int) -> str:
        return list(self.all)[number % len(self.all)]

    def content(self, rows: int) -> DraftContent:
        id, _ = self.ledger.announcements.open(a_spec(), key="", digest="d")
        self.ledger.announcements.load(id, some_rows(rows))
        return DraftContent(id, a_spec(), rows, f"rows {rows}", "c", "d")

    @rule(rows=st.integers(1, 4), by=WHO)
    def keep(self, rows: int, by: Person) -> None:
        of_author = [each for each in self.all.values() if each.author == by]
        content = self.content(rows)
        try:
            self.verbs.keep(content, by, key=content.loaded, key_given=False)
        except BadInput:
            assert len(of_author) == MOST_DRAFTS
            return
        self.all[content.loaded] = Told(rows, by, self.clock[0])

    def _try(self, act: Callable[[], Any], *, may: bool, errors: type[Exception] | tuple[type[Exception], ...]) -> bool:
        """Whether it was done, which is what the model expects."""
        try:
            act()
        except errors:
            assert not may
            return False
        assert may
        return True

    @precondition(lambda self: self.all)
    @rule(pick=PICK, by=WHO, rows=st.integers(1, 4), is_late=st.booleans())
    def edit(self, pick: int, by: Person, rows: int, is_late: bool) -> None:
        id = self.pick(pick)
        told, content = self.all[id], self.content(rows)
        version = told.version - is_late
        if self._try(lambda: self.verbs.edit(id, content, version, by), may=not is_late, errors=Changed):
            told.state, told.version, told.rows, told.approver = DRAFT, told.version + 1, rows, None
            told.writers.add(by.id)
            told.edited_ms = self.clock[0]

    @precondition(lambda self: self.all)
    @rule(pick=PICK, by=WHO)
    def submit(self, pick: int, by: Person) -> None:
        told = self.all[id := self.pick(pick)]
        if self._try(lambda: self.verbs.submit(id, by), may=told.state is DRAFT, errors=NotAllowed):
            told.state = AWAITING

    @precondition(lambda self: self.all)
    @rule(pick=PICK, by=WHO, saw_another=st.sampled_from([False, False, True]))
    def approve(self, pick: int, by: Person, saw_another: bool) -> None:
        told = self.all[id := self.pick(pick)]
        draft = self.ledger.announcements.get(id).draft
        assert draft
        seen = "another" if saw_another else draft.fingerprint
        may = told.state is AWAITING and by.id not in told.writers and not saw_another
        if self._try(lambda: self.verbs.approve(id, seen, by), may=may, errors=(NotAllowed, NotPermitted, Changed)):
            told.state, told.approver = APPROVED, by

    @precondition(lambda self: self.all)
    @rule(pick=PICK, by=WHO)
    def reject(self, pick: int, by: Person) -> None:
        told = self.all[id := self.pick(pick)]
        if self._try(lambda: self.verbs.reject(id, "no", by), may=told.state is not DRAFT, errors=NotAllowed):
            told.state, told.approver = DRAFT, None

    @precondition(lambda self: self.all)
    @rule(pick=PICK, by=WHO, reason=st.sampled_from(["", "", "", "fire"]))
    def start(self, pick: int, by: Person, reason: str) -> None:
        told = self.all[id := self.pick(pick)]
        is_alive = told.approver is not None and (told.approver.id != "variable:eve" or self.eve_may)
        is_free = told.rows <= ABOVE and told.state is not AWAITING
        may = bool(reason) or is_free or (told.state is APPROVED and is_alive)
        if self._try(lambda: self.verbs.start(id, by, reason), may=may, errors=(NotAllowed, NotPermitted)):
            del self.all[id]
            self.started.append(id)
            assert self.ledger.announcements.get(id).total == told.rows

    @precondition(lambda self: self.all)
    @rule(pick=PICK, by=WHO)
    def discard(self, pick: int, by: Person) -> None:
        self.verbs.discard(id := self.pick(pick), by)
        del self.all[id]

    @precondition(lambda self: self.started)
    @rule(pick=PICK, by=WHO)
    def start_twice(self, pick: int, by: Person) -> None:
        with pytest.raises(NotAllowed):
            self.verbs.start(self.started[pick % len(self.started)], by, "again")

    @rule()
    def give_or_take_the_scope_of_eve(self) -> None:
        self.eve_may = not self.eve_may

    @rule(ms=st.sampled_from([1, 1000, DRAFT_MS // 2 + 1]))
    def pass_time(self, ms: int) -> None:
        self.clock[0] += ms
        for id in [id for id, told in self.all.items() if self.clock[0] - told.edited_ms >= DRAFT_MS]:
            with pytest.raises(NotFound):
                self.ledger.announcements.get(id)
            del self.all[id]

    @invariant()
    def each_draft_is_what_was_made_of_it_and_nothing_else_is_accepted(self) -> None:
        for id, told in self.all.items():
            found = self.ledger.announcements.get(id)
            assert found.draft
            assert (found.state, found.total, found.draft.version) == (told.state, told.rows, told.version)
            assert found.draft.approver == told.approver
            assert len(list(self.verbs.rows(id))) == told.rows
        assert sorted(each.id for each in self.verbs.listed()) == sorted(self.all)
        assert sorted(self.ledger.announcements.ids()) == sorted(self.started)
        assert all(self.ledger.announcements.get(id).state not in DRAFTED for id in self.started)

    def teardown(self) -> None:
        assert broken_invariants(self.ledger, lambda: int(self.clock[0])) == []


@examples(few=10, many=60)
@pytest.mark.timeout(LONGEST_SECONDS)
def test_any_sequence_of_steps_keeps_drafts_whole_and_starts_none_unapproved(examples: int) -> None:
    with patch("time.time", lambda: Drafting.clock[0] / 1000):
        explore(Drafting, examples)
