"""Drafts in the ledger, over fakeredis and a real Valkey."""

import dataclasses
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ledger.announcement import Announcement, Spec
from ledger.api_key import Scope
from ledger.api_keys import ApiKeys
from ledger.audit_log import recent_actions
from ledger.draft import Person
from ledger.draft_verbs import DRAFT_MS, MOST_DRAFTS, DraftContent, DraftVerbs
from ledger.errors import BadInput, Changed, KeyReused, NotAllowed, NotFound, NotPermitted
from ledger.ids import row_id
from ledger.inspection.inspection import broken_invariants
from ledger.leases import Leases
from ledger.ledger import Ledger
from ledger.loading import RowsMissing
from ledger.rescheduling import reschedule
from ledger.settings import Desk
from ledger.states import AnnouncementState, State
from tests.integration.ledger.test_announcements import a_spec, announce, release, some_rows

ADA, BOB, EVE = (Person(name, f"{name}@here") for name in ("ada", "bob", "eve"))
DRAFT, AWAITING, APPROVED = AnnouncementState.DRAFT, AnnouncementState.AWAITING_APPROVAL, AnnouncementState.APPROVED
RUNNING, SCHEDULED = AnnouncementState.RUNNING, AnnouncementState.SCHEDULED


class Drafting:
    """One ledger, and what people do with its drafts."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.verbs = ledger, DraftVerbs(ledger)

    def limited(self, above: int | None, api_keys: str = "") -> "Drafting":
        """The same ledger for a process with another limit."""
        update = {"approval_above": above, "api_keys": api_keys}
        settings = type(self.ledger.settings)(_env_file=None, **update)  # type: ignore[arg-type]
        return Drafting(Ledger(settings, self.ledger.redis))

    def loaded(self, rows: int = 3, key: str = "", digest: str = "d", **fields: Any) -> DraftContent:
        spec = a_spec().model_copy(update=fields)
        draft = "key" if key else None
        id, _ = self.ledger.announcements.open(spec, key=key, digest=digest, draft=draft)
        self.ledger.announcements.load(id, some_rows(rows))
        return DraftContent(id, spec, rows, f"rows {rows}", "content", digest)

    def draft(self, rows: int = 3, by: Person = ADA, key: str = "", **fields: Any) -> str:
        content = self.loaded(rows, key and f"draft {key}", **fields)
        self.verbs.keep(content, by, key=key or content.loaded, key_given=bool(key))
        return content.loaded

    def get(self, id: str) -> Announcement:
        return self.ledger.announcements.get(id)

    def fingerprint(self, id: str) -> str:
        draft = self.get(id).draft
        assert draft
        return draft.fingerprint

    def approved(self, rows: int = 3, by: Person = BOB, **fields: Any) -> str:
        id = self.draft(rows, **fields)
        self.verbs.submit(id, ADA)
        self.verbs.approve(id, self.fingerprint(id), by)
        return id


@pytest.fixture
def at(ledger: Ledger) -> Drafting:
    return Drafting(ledger)


def acts_of(ledger: Ledger) -> list[tuple[str, str, str]]:
    return [(act.by, act.did, act.id) for act in reversed(recent_actions(ledger, 100))]


# -- kept


def test_a_draft_is_there_with_its_rows_and_counts_nowhere(at: Drafting, leases: Leases, desk: Desk) -> None:
    id = at.draft(5)
    found = at.get(id)
    assert (found.state, found.total, sum(found.counts.values())) == (DRAFT, 5, 0)
    assert found.draft
    assert (found.draft.version, found.draft.author, found.draft.needs_approval) == (1, ADA, False)
    assert [row.receiver_id for row in at.verbs.rows(id)] == [f"ou_{n}" for n in range(5)]
    assert [row.receiver_id for row in at.verbs.rows(id, [3])] == ["ou_3"]
    assert list(at.ledger.announcements.newest()) == []
    assert at.ledger.announcements.record(row_id(id, 1)) is None
    assert release(leases, desk, 10) == []
    assert acts_of(at.ledger) == [("ada@here", "draft", id)]
    assert broken_invariants(at.ledger) == []


def test_a_draft_and_its_rows_stay_for_thirty_days_after_the_last_edit(at: Drafting) -> None:
    id, keys, redis = at.draft(), at.ledger.keys, at.ledger.redis
    redis.pexpire(keys.lane(id), 5000)
    redis.pexpire(keys.rows(id), 5000)
    at.verbs.edit(id, at.loaded(2), 1, ADA)
    assert DRAFT_MS - 10_000 < redis.pttl(keys.lane(id)) <= DRAFT_MS
    assert DRAFT_MS - 10_000 < redis.pttl(keys.rows(id)) <= DRAFT_MS


def test_what_was_not_loaded_whole_is_no_draft(at: Drafting) -> None:
    content = dataclasses.replace(at.loaded(3), total=4)
    with pytest.raises(RowsMissing):
        at.verbs.keep(content, ADA, key="k", key_given=False)
    with pytest.raises(NotFound):
        at.get(content.loaded)


def test_nobody_loads_other_rows_into_a_draft(at: Drafting) -> None:
    id = at.draft(3)
    assert at.ledger.announcements.load(id, some_rows(9)) == 0
    assert len(list(at.verbs.rows(id))) == 3


def test_an_author_has_a_number_of_drafts_at_most(at: Drafting) -> None:
    first, *_ = [at.draft(1) for _ in range(MOST_DRAFTS)]
    with pytest.raises(BadInput, match="20 drafts"):
        at.draft(1)
    at.draft(1, by=BOB)
    at.verbs.discard(first, EVE)
    at.draft(1)


def test_drafts_are_listed_last_edited_first(at: Drafting) -> None:
    first, second = at.draft(1), at.draft(1, by=BOB)
    hour_ago = time.time() * 1000 - 3_600_000
    at.ledger.redis.zadd(at.ledger.keys.drafts, {first: hour_ago, second: hour_ago + 7})
    assert [each.id for each in at.verbs.listed()] == [second, first]
    at.verbs.edit(first, at.loaded(1), 1, ADA)
    assert [each.id for each in at.verbs.listed()] == [first, second]
    at.ledger.redis.delete(at.ledger.keys.lane(second))
    assert [each.id for each in at.verbs.listed()] == [first]


# -- edited


def test_an_edit_replaces_everything(at: Drafting) -> None:
    id = at.draft(3, name="Old", first=1, weight=7)
    before = at.get(id)
    at.verbs.edit(id, at.loaded(5, name="New", stop_at="5%"), 1, BOB)
    after = at.get(id)
    assert (after.spec.name, after.spec.first, after.spec.stop_at, after.spec.weight) == ("New", None, "5%", 1)
    assert after.total == len(list(at.verbs.rows(id))) == 5
    assert (after.created_ms, after.id) == (before.created_ms, id)
    assert before.draft
    assert after.draft
    assert (after.draft.version, after.draft.author, after.draft.editors) == (2, ADA, {"bob"})
    assert after.draft.fingerprint != before.draft.fingerprint
    at.verbs.start(id, ADA)
    assert at.get(id).total == 5


def test_the_slower_of_two_edits_is_refused_and_changes_nothing(at: Drafting) -> None:
    id = at.draft(3)
    at.verbs.edit(id, at.loaded(4), 1, BOB)
    slower = at.loaded(5)
    with pytest.raises(Changed, match="version 2"):
        at.verbs.edit(id, slower, 1, ADA)
    assert at.get(id).total == len(list(at.verbs.rows(id))) == 4


def test_an_edit_that_was_not_loaded_whole_changes_nothing(at: Drafting) -> None:
    id = at.draft(3)
    with pytest.raises(RowsMissing):
        at.verbs.edit(id, dataclasses.replace(at.loaded(5), total=6), 1, ADA)
    assert at.get(id).total == len(list(at.verbs.rows(id))) == 3


def test_an_edit_ends_an_approval(at: Drafting) -> None:
    at = at.limited(2)
    id = at.approved(3)
    at.verbs.edit(id, at.loaded(3), 1, EVE)
    draft = at.get(id)
    assert draft.state is DRAFT
    assert draft.draft
    assert draft.draft.approver is None
    with pytest.raises(NotPermitted):
        at.verbs.start(id, ADA)


# -- reviewed


def test_the_way_through_an_approval_is_on_record(at: Drafting) -> None:
    at = at.limited(2)
    id = at.draft(3)
    assert at.verbs.submit(id, ADA) is AWAITING
    assert at.verbs.reject(id, "no greeting", BOB) is DRAFT
    at.verbs.edit(id, at.loaded(3, name="Greeting"), 1, ADA)
    at.verbs.submit(id, ADA)
    assert at.verbs.approve(id, at.fingerprint(id), BOB) is APPROVED
    draft = at.get(id).draft
    assert draft
    assert draft.approver == BOB
    assert draft.rejected
    assert (draft.rejected.by, draft.rejected.why, draft.rejected.version) == ("bob@here", "no greeting", 1)
    assert Spec.of_json(draft.rejected.spec).name == "Office move"
    assert at.verbs.start(id, ADA) is RUNNING
    did = ["draft", "submit", "reject: no greeting", "edit", "submit", "approve", "start"]
    who = ["ada", "ada", "bob", "ada", "ada", "bob", "ada"]
    assert acts_of(at.ledger) == [(f"{by}@here", what, id) for by, what in zip(who, did, strict=True)]
    assert [(by, what) for _, by, what in at.get(id).acts] == [(by, what) for by, what, _ in acts_of(at.ledger)]


@pytest.mark.parametrize("writer", [ADA, EVE])
def test_nobody_approves_what_he_wrote(at: Drafting, writer: Person) -> None:
    id = at.draft()
    at.verbs.edit(id, at.loaded(), 1, EVE)
    at.verbs.submit(id, BOB)
    with pytest.raises(NotPermitted, match=f"{writer.name} wrote it"):
        at.verbs.approve(id, at.fingerprint(id), writer)
    assert at.get(id).state is AWAITING


def test_an_approval_is_of_what_was_seen(at: Drafting) -> None:
    id = at.draft()
    seen = at.fingerprint(id)
    at.verbs.edit(id, at.loaded(name="Other words"), 1, ADA)
    at.verbs.submit(id, ADA)
    with pytest.raises(Changed):
        at.verbs.approve(id, seen, BOB)
    assert at.get(id).state is AWAITING


VERBS = {
    "submit": lambda at, id: at.verbs.submit(id, ADA),
    "approve": lambda at, id: at.verbs.approve(id, at.fingerprint(id), BOB),
    "reject": lambda at, id: at.verbs.reject(id, "no", BOB),
    "start": lambda at, id: at.verbs.start(id, ADA),
    "edit": lambda at, id: at.verbs.edit(id, at.loaded(), 1, ADA),
    "test": lambda at, id: at.verbs.note_test(id, "n_1", ADA),
    "discard": lambda at, id: at.verbs.discard(id, ADA),
    "reschedule": lambda at, id: reschedule(at.ledger, id, datetime.now(UTC) + timedelta(hours=1), "ada"),
    "pause": lambda at, id: at.ledger.announcements.pause(id, "ada"),
    "resume": lambda at, id: at.ledger.announcements.resume(id, "ada"),
    "cancel": lambda at, id: at.ledger.announcements.cancel(id, "ada"),
    "retry": lambda at, id: at.ledger.announcements.retry(id, "ada"),
    "resolve": lambda at, id: at.ledger.announcements.resolve(id, "ada", "failed"),
}
#: What may be done in each state, and where it leads.
ARROWS = {
    DRAFT: {"submit": AWAITING, "start": RUNNING, "edit": DRAFT, "test": DRAFT, "discard": None},
    AWAITING: {"approve": APPROVED, "reject": DRAFT, "edit": DRAFT, "test": AWAITING, "discard": None},
    APPROVED: {
        "reject": DRAFT,
        "start": RUNNING,
        "edit": DRAFT,
        "test": APPROVED,
        "discard": None,
        "reschedule": APPROVED,
    },
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("state", ARROWS)
def test_a_verb_leads_where_the_table_says_or_is_refused(at: Drafting, state: AnnouncementState, verb: str) -> None:
    id = at.draft()
    if state is not DRAFT:
        at.verbs.submit(id, ADA)
    if state is APPROVED:
        at.verbs.approve(id, at.fingerprint(id), BOB)
    if verb not in ARROWS[state]:
        with pytest.raises(NotAllowed, match=str(state)):
            VERBS[verb](at, id)
        assert at.get(id).state is state
        return
    VERBS[verb](at, id)
    to = ARROWS[state][verb]
    if to is None:
        with pytest.raises(NotFound):
            at.get(id)
        assert at.ledger.redis.exists(at.ledger.keys.rows(id)) == 0
    else:
        assert at.get(id).state is to
    assert broken_invariants(at.ledger) == []


@pytest.mark.parametrize("verb", ["submit", "approve", "reject", "edit", "test", "discard"])
def test_what_was_started_is_no_draft_any_more(at: Drafting, verb: str) -> None:
    id = at.draft()
    seen = at.fingerprint(id)
    at.verbs.start(id, ADA)
    with pytest.raises(NotAllowed, match="running"):
        at.verbs.approve(id, seen, BOB) if verb == "approve" else VERBS[verb](at, id)
    assert at.get(id).draft is None


def test_tests_are_kept_with_the_version_that_they_showed(at: Drafting) -> None:
    id = at.draft()
    at.verbs.note_test(id, "n_1", ADA)
    at.verbs.edit(id, at.loaded(), 1, ADA)
    draft = at.get(id).draft
    assert draft
    assert draft.untested
    for number in range(2, 30):
        at.verbs.note_test(id, f"n_{number}", ADA)
    draft = at.get(id).draft
    assert draft
    assert draft.tests[0] == ("n_29", 2)
    assert len(draft.tests) == 20
    assert not draft.untested


# -- started


def test_a_start_accepts_all_rows(at: Drafting, leases: Leases, desk: Desk) -> None:
    id = at.draft(3)
    assert at.verbs.start(id, ADA) is RUNNING
    found = at.get(id)
    assert (found.counts[State.QUEUED], found.total, found.draft) == (3, 3, None)
    assert [each.id for each in at.ledger.announcements.newest()] == [id]
    assert list(at.verbs.listed()) == []
    assert at.ledger.redis.pttl(at.ledger.keys.lane(id)) == at.ledger.redis.pttl(at.ledger.keys.rows(id)) == -1
    assert len(release(leases, desk, 10)) == 3
    assert broken_invariants(at.ledger) == []


def test_a_draft_starts_once(at: Drafting) -> None:
    id = at.draft()
    at.verbs.start(id, ADA)
    with pytest.raises(NotAllowed, match="running"):
        at.verbs.start(id, BOB)
    assert [did for _, did, _ in acts_of(at.ledger)].count("start") == 1


def test_a_draft_for_a_later_time_is_scheduled_when_it_starts(at: Drafting) -> None:
    id = at.draft(at=datetime.now(UTC) + timedelta(hours=1))
    assert at.get(id).due_ms
    assert at.verbs.start(id, ADA) is SCHEDULED
    assert broken_invariants(at.ledger) == []


def test_what_would_expire_at_once_is_not_started(at: Drafting) -> None:
    id = at.draft(expires_at=datetime.now(UTC) - timedelta(minutes=1))
    with pytest.raises(BadInput, match="expires"):
        at.verbs.start(id, ADA)
    assert at.get(id).state is DRAFT


@pytest.mark.parametrize(("rows", "needs"), [(2, False), (3, True)])
def test_more_rows_than_the_limit_need_an_approval_and_as_many_do_not(at: Drafting, rows: int, needs: bool) -> None:
    at = at.limited(2)
    id = at.draft(rows)
    draft = at.get(id).draft
    assert draft
    assert draft.needs_approval is needs
    if needs:
        with pytest.raises(NotPermitted, match="DESKBELL_APPROVAL_ABOVE is 2"):
            at.verbs.start(id, ADA)
        assert at.get(id).state is DRAFT
    else:
        at.verbs.start(id, ADA)


def test_without_a_draft_more_rows_than_the_limit_are_not_started(at: Drafting) -> None:
    at = at.limited(2)
    announce(at.ledger, 2, key="few")
    with pytest.raises(NotPermitted):
        announce(at.ledger, 3, key="many")
    assert len(at.ledger.announcements.ids()) == 1


def test_a_start_without_the_approval_that_it_needs_is_on_record_as_such(at: Drafting) -> None:
    at = at.limited(2)
    id = at.draft(3)
    at.verbs.submit(id, ADA)
    at.verbs.start(id, EVE, "the building is on fire")
    assert acts_of(at.ledger)[-1] == ("eve@here", "start without approval: the building is on fire", id)
    assert at.get(id).acts[-1][1:] == ("eve@here", "start without approval: the building is on fire")


def approver(at: Drafting, *scopes: Scope, desks: frozenset[str] | None = None) -> Person:
    key, _ = ApiKeys(at.ledger).create("boss", frozenset(scopes), desks, None, "ada")
    return Person(key.id, "key boss")


def test_a_revoked_key_has_approved_nothing_that_was_not_started(at: Drafting) -> None:
    at = at.limited(2)
    boss = approver(at, Scope.APPROVE, Scope.READ)
    started, waiting = at.approved(3, boss), at.approved(3, boss)
    at.verbs.start(started, ADA)
    ApiKeys(at.ledger).revoke("boss", "ada")
    with pytest.raises(NotPermitted, match="key boss approved"):
        at.verbs.start(waiting, ADA)
    assert at.get(waiting).state is APPROVED
    at.verbs.reject(waiting, "approve it again", EVE)
    at.verbs.submit(waiting, ADA)
    at.verbs.approve(waiting, at.fingerprint(waiting), EVE)
    at.verbs.start(waiting, ADA)


def test_an_approval_needs_a_key_with_the_scope_and_the_desk(at: Drafting) -> None:
    at = at.limited(2)
    for boss in (approver(at, Scope.READ), Person("k_gone", "key gone"), Person("variable:gone", "key gone")):
        id = at.approved(3, boss)
        with pytest.raises(NotPermitted):
            at.verbs.start(id, ADA)


def test_a_key_of_the_variable_approves_as_long_as_it_stands_there(at: Drafting) -> None:
    secret = "s" * 40
    for entry, may in ((f"boss:{secret}:approve", True), (f"boss:{secret}:read", False)):
        configured = at.limited(2, entry)
        id = configured.approved(3, Person("variable:boss", "key boss"))
        if may:
            configured.verbs.start(id, ADA)
        else:
            with pytest.raises(NotPermitted):
                configured.verbs.start(id, ADA)


def test_a_start_of_another_version_than_was_seen_is_refused(at: Drafting) -> None:
    id = at.draft(3)
    at.verbs.edit(id, at.loaded(4), 1, BOB)
    with pytest.raises(Changed):
        at.verbs.start(id, ADA, version=1)
    at.verbs.start(id, ADA, version=2)


def test_an_approved_draft_can_be_given_another_time(at: Drafting) -> None:
    at = at.limited(2)
    id = at.approved(3)
    before = at.fingerprint(id)
    reschedule(at.ledger, id, datetime.now(UTC) + timedelta(hours=1), "ada")
    draft = at.get(id).draft
    assert draft
    assert (at.get(id).state, draft.version, draft.fingerprint != before) == (APPROVED, 2, True)
    assert at.verbs.start(id, ADA) is SCHEDULED


# -- keys


def test_a_key_leads_to_its_draft_and_is_taken_when_it_starts(at: Drafting) -> None:
    id = at.draft(key="k")
    opened = at.ledger.announcements.open(a_spec(), key="draft k", digest="d", draft="key")
    assert opened == (id, True)
    at.verbs.start(id, ADA)
    assert at.ledger.announcements.open(a_spec(), key="k", digest="d") == (id, True)
    with pytest.raises(KeyReused):
        at.ledger.announcements.open(a_spec(), key="k", digest="other")


def test_a_draft_whose_key_was_used_meanwhile_is_not_started(at: Drafting) -> None:
    id = at.draft(key="k")
    announce(at.ledger, 2, key="k")
    with pytest.raises(KeyReused):
        at.verbs.start(id, ADA)
    assert at.get(id).state is DRAFT


def test_a_draft_without_a_key_of_its_own_starts_though_the_same_was_sent_before(at: Drafting) -> None:
    announce(at.ledger, 2, key="content")
    content = at.loaded(2, "draft content")
    at.verbs.keep(content, ADA, key="content", key_given=False)
    at.verbs.start(content.loaded, ADA)
    assert at.get(content.loaded).state is RUNNING


@pytest.mark.parametrize("then", ["edit", "start", "discard"])
def test_the_same_content_is_one_draft_until_that_becomes_something_else(at: Drafting, then: str) -> None:
    def open_same() -> tuple[str, bool]:
        return at.ledger.announcements.open(a_spec(), key="same", digest="d", draft="content")

    id, _ = open_same()
    at.ledger.announcements.load(id, some_rows(3))
    at.verbs.keep(DraftContent(id, a_spec(), 3, "rows", "content", "d"), ADA, key="same", key_given=False)
    assert open_same() == (id, True)
    VERBS[then](at, id)
    another, is_there = open_same()
    assert (another != id, is_there) == (True, False)
    if then != "discard":
        assert at.get(id).total == 3
