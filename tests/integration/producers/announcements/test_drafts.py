"""Drafts made, edited, used again and corrected, over fakeredis and a real Valkey."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import fakeredis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ledger.announcement import Announcement
from ledger.draft import Person
from ledger.errors import BadInput, Changed, KeyReused, NotAllowed, NotPermitted
from ledger.inspection.inspection import broken_invariants
from ledger.leases import Leases, Result
from ledger.ledger import Ledger
from ledger.messages.message_file import read_message_template
from ledger.settings import Desk, Settings
from ledger.states import AnnouncementState, State
from producers.announcements.again import StillSending
from producers.announcements.announcement_draft import AnnouncementDraft
from producers.announcements.checked_announcement import CheckedAnnouncement, checked_announcement
from producers.announcements.drafts import Drafts
from producers.announcements.recipients import Recipients
from producers.announcements.recipients.source import Source
from tests.few import TIMES

ADA, BOB = Person("ada", "ada@here"), Person("bob", "bob@here")
TEXT = "Dear {{ name }}"


def people(count: int) -> list[dict[str, str]]:
    return [{"receiver_id": f"ou_{n}", "name": f"Person {n}", "floor": str(n)} for n in range(count)]


@contextmanager
def checked(ledger: Ledger, rows: list[dict[str, Any]], **given: Any) -> Iterator[CheckedAnnouncement]:
    given = {"name": "Move", **({} if given.keys() & {"message", "markdown"} else {"text": TEXT}), **given}
    draft = AnnouncementDraft.build(given)
    with checked_announcement(
        ledger, draft, lambda options: Recipients.of(Source.of_rows(rows), options.of_rows())
    ) as it:
        yield it


def kept(ledger: Ledger, count: int = 3, by: Person = ADA, **given: Any) -> str:
    with checked(ledger, given.pop("rows", people(count)), **given) as announcement:
        return Drafts(ledger).keep(announcement, by).id


def accepted(ledger: Ledger, count: int, **given: Any) -> str:
    with checked(ledger, people(count), **given) as announcement:
        return announcement.accept("ada@here").id


def edited(ledger: Ledger, id: str, version: int = 1, by: Person = ADA, **given: Any) -> Announcement:
    drafts = Drafts(ledger)
    with drafts.checked(id, given) as announcement:
        return drafts.edit(id, announcement, version, by)


def receivers(ledger: Ledger, id: str) -> list[str]:
    return [row.receiver_id for row in Drafts(ledger).rows(id)]


def texts(ledger: Ledger, id: str) -> list[Any]:
    spec = ledger.announcements.get(id).spec
    return [row.message(spec).content["text"] for row in Drafts(ledger).rows(id)]


# -- kept


def test_the_same_of_one_author_is_one_draft_and_of_two_are_two(ledger: Ledger) -> None:
    assert kept(ledger) == kept(ledger)
    assert kept(ledger) != kept(ledger, by=BOB)
    assert kept(ledger) != kept(ledger, text="Other words")


def test_a_key_of_a_draft_stands_for_its_content(ledger: Ledger) -> None:
    id = kept(ledger, key="k")
    assert kept(ledger, key="k") == id
    with pytest.raises(KeyReused):
        kept(ledger, 2, key="k")
    Drafts(ledger).start(id, ADA)
    assert accepted(ledger, 3, key="k") == id


def test_a_draft_with_an_invalid_row_is_not_kept(ledger: Ledger) -> None:
    with pytest.raises(BadInput, match="receiver_id"):
        kept(ledger, rows=[{"receiver_id": "", "name": "Ada"}])
    assert list(Drafts(ledger).listed()) == []


def test_drafts_are_listed_for_some_desks(ledger: Ledger) -> None:
    id = kept(ledger)
    drafts = Drafts(ledger)
    assert [each.id for each in drafts.listed()] == [each.id for each in drafts.listed(frozenset({"default"}))] == [id]
    assert list(drafts.listed(frozenset({"hr"}))) == []


def test_more_rows_than_the_limit_are_only_kept_as_a_draft(ledger: Ledger) -> None:
    limited = Ledger(Settings(_env_file=None, approval_above=2), ledger.redis)
    known = accepted(ledger, 3)
    assert accepted(limited, 3) == known, "what was accepted before is not refused when it comes again"
    with pytest.raises(NotPermitted):
        accepted(limited, 4)
    assert [key for key in limited.redis.keys("*lane:a_*") if known.encode() not in key] == []
    accepted(limited, 2)
    id = kept(limited, 4)
    with pytest.raises(NotPermitted):
        Drafts(limited).start(id, ADA)


# -- edited


def test_an_edit_keeps_what_is_not_given(ledger: Ledger) -> None:
    id = kept(ledger, first=2, weight=5, rows=[*people(3), {**people(1)[0], "receive_type": "user"}], name="Old")
    after = edited(ledger, id, text="Floor {{ floor }}", first=None)
    assert (after.spec.name, after.spec.first, after.spec.weight, after.total) == ("Old", None, 5, 3)
    assert texts(ledger, id) == ["Floor 0", "Floor 1", "Floor 2"]


def test_an_edit_keeps_the_ways_lines_and_times_of_rows(ledger: Ledger) -> None:
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    own = {"receive_type": "user", "user_id_type": "user_id", "send_at": later}
    id = kept(
        ledger, rows=[{"receiver_id": "bad id", "name": "x"}, *people(1), {**people(2)[1], **own}], skip_invalid=True
    )
    before = list(Drafts(ledger).rows(id))
    edited(ledger, id, text="Hello {{ name }}")
    after = list(Drafts(ledger).rows(id))
    assert [(row.line, row.receiver_id, row.overrides) for row in after] == [
        (row.line, row.receiver_id, row.overrides) for row in before
    ]
    assert [row.line for row in after] == [2, 3]


def test_an_edit_can_bring_other_rows(ledger: Ledger) -> None:
    id, drafts = kept(ledger), Drafts(ledger)

    def opened(options: Any) -> Recipients:
        return Recipients.of(Source.of_rows(people(5)), options.of_rows())

    with drafts.checked(id, {}, opened) as announcement:
        assert drafts.edit(id, announcement, 1, BOB).total == 5
    assert texts(ledger, id)[4] == "Dear Person 4"


def test_an_edit_that_does_not_fit_the_rows_changes_nothing(ledger: Ledger) -> None:
    id = kept(ledger)
    with pytest.raises(BadInput, match="no column"):
        edited(ledger, id, text="{{ salary }}")
    with pytest.raises(Changed):
        edited(ledger, id, version=7, text="{{ floor }}")
    assert texts(ledger, id)[0] == "Dear Person 0"


def test_the_markdown_of_a_draft_can_be_edited(ledger: Ledger) -> None:
    id = kept(ledger, markdown="# Move\n\nDear {{ name }}")
    after = edited(ledger, id, name="Another name")
    assert after.spec.markdown == "# Move\n\nDear {{ name }}"
    assert edited(ledger, id, version=2, text="plain").spec.markdown is None


def test_the_picture_of_a_draft_stays_as_long_as_it_may_be_sent(ledger: Ledger, tmp_path: Any) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "poster.png")
    (tmp_path / "m.yaml").write_text("msg_type: image\ncontent: {file: poster.png}")
    id = kept(ledger, message=read_message_template(tmp_path / "m.yaml"))
    [image] = ledger.redis.keys("deskbell:image:*")
    assert ledger.redis.pttl(image) / 86_400_000 > 60
    edited(ledger, id, name="Another name")
    ledger.redis.delete(image)
    with pytest.raises(BadInput, match="upload it again"):
        edited(ledger, id, version=2, name="A third name")


# -- used again


def finish(ledger: Ledger, leases: Leases, desk: Desk, states: list[State]) -> None:
    [released] = leases.release([(desk, len(states), 100)])
    claims = leases.claim(desk, "t", released.ids)[1]
    leases.record(desk, "t", [Result(each.id, to) for each, to in zip(claims, states, strict=True)], "")


def test_it_is_used_again_for_all_or_for_who_did_not_get_it(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    id = accepted(ledger, 5, allow_duplicates=True)
    finish(ledger, leases, desk, [State.DELIVERED, State.FAILED, State.UNKNOWN])
    ledger.announcements.cancel(id, "ada")
    drafts = Drafts(ledger)
    whole, rest = drafts.again(id, BOB), drafts.again(id, BOB, {"text": "Hi {{ floor }}"}, rest_only=True)
    assert (whole.total, rest.total) == (5, 3)
    assert receivers(ledger, rest.id) == ["ou_1", "ou_3", "ou_4"]
    assert texts(ledger, rest.id) == ["Hi 1", "Hi 3", "Hi 4"]
    assert rest.draft
    assert rest.draft.author == BOB
    assert drafts.again(id, BOB).id == whole.id, "asked for twice, it is one draft"
    assert ledger.announcements.get(id).state is AnnouncementState.CANCELLED


def test_where_everybody_got_it_there_is_no_rest(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    id = accepted(ledger, 2)
    finish(ledger, leases, desk, [State.DELIVERED] * 2)
    with pytest.raises(BadInput, match="nobody is left"):
        Drafts(ledger).again(id, ADA, rest_only=True)


def test_times_that_have_passed_are_left_out(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=1)
    with checked(ledger, people(2), at=soon - timedelta(hours=1), expires=soon) as announcement:
        id = announcement.accept("ada").id
    spec = ledger.announcements.get(id).spec.model_copy(update={"expires_at": datetime.now(UTC)})
    ledger.redis.hset(ledger.keys.lane(id), "spec", spec.to_json())
    again = Drafts(ledger).again(id, ADA)
    assert (again.spec.at, again.spec.expires_at) == (None, None)


@pytest.mark.parametrize("verb", ["again", "correct"])
def test_a_draft_is_not_used_again_or_corrected(ledger: Ledger, verb: str) -> None:
    id = kept(ledger)
    with pytest.raises(NotAllowed, match="draft"):
        getattr(Drafts(ledger), verb)(id, ADA)


# -- corrected


def test_a_running_announcement_is_stopped_and_the_rest_gets_other_words(
    ledger: Ledger, leases: Leases, desk: Desk
) -> None:
    id = accepted(ledger, 5)
    finish(ledger, leases, desk, [State.DELIVERED, State.FAILED])
    ledger.cancel([id.replace("a_", "n_") + "-4"], "ada")
    draft = Drafts(ledger).correct(id, BOB, {"text": "Sorry, {{ name }}"})
    assert ledger.announcements.get(id).state is AnnouncementState.CANCELLED
    assert receivers(ledger, draft.id) == ["ou_2", "ou_3"], "a row that somebody cancelled is left out"
    assert texts(ledger, draft.id)[0] == "Sorry, Person 2"


def test_a_correction_that_cannot_be_one_stops_nothing(ledger: Ledger) -> None:
    id = accepted(ledger, 3)
    with pytest.raises(BadInput, match="no column"):
        Drafts(ledger).correct(id, ADA, {"text": "{{ salary }}"})
    for n in range(20):
        kept(ledger, text=f"Draft {n}")
    with pytest.raises(BadInput, match="20 drafts"):
        Drafts(ledger).correct(id, ADA)
    assert ledger.announcements.get(id).state is AnnouncementState.RUNNING


def test_what_is_over_cannot_be_corrected(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    id = accepted(ledger, 1)
    finish(ledger, leases, desk, [State.DELIVERED])
    with pytest.raises(NotAllowed, match="finished"):
        Drafts(ledger).correct(id, ADA)


ENDS = st.sampled_from([State.DELIVERED, State.FAILED, State.UNKNOWN, State.DEFERRED, State.QUEUED])


@given(
    rows=st.integers(1, 12),
    ends=st.lists(ENDS, max_size=12),
    released=st.integers(0, 4),
    late=st.lists(ENDS, min_size=4, max_size=4),
    singly=st.sets(st.integers(0, 11), max_size=3),
    paused=st.booleans(),
)
@settings(max_examples=15 * TIMES, deadline=None)
def test_no_row_is_in_both_and_none_in_neither(
    rows: int, ends: list[State], released: int, late: list[State], singly: set[int], paused: bool
) -> None:
    """Some have ended, some are under way when it is corrected, and some were cancelled one by one."""
    store = Settings(_env_file=None)
    ledger = Ledger(store, fakeredis.FakeRedis())
    desk = store.desk("default").model_copy(update={"rate": ()})
    leases = Leases(ledger.redis, store, longest_call_ms=1000)
    id = accepted(ledger, rows)
    cancelled = {f"ou_{n}" for n in singly if n < rows}
    ledger.cancel([f"{id.replace('a_', 'n_')}-{receiver[3:]}" for receiver in cancelled], "ada")
    finish_some(leases, desk, ends)
    [under_way] = leases.release([(desk, released, 100)])
    claims = leases.claim(desk, "late", under_way.ids)[1]
    if paused and ledger.announcements.get(id).state is AnnouncementState.RUNNING:
        ledger.announcements.pause(id, "ada")
    try:
        draft = corrected(ledger, id)
    except StillSending:
        leases.record(desk, "late", [Result(each.id, to) for each, to in zip(claims, late, strict=False)], "")
        draft = corrected(ledger, id)
    in_draft = Counter(receivers(ledger, draft.id) if draft else [])
    settled = Counter(
        row.row.receiver_id
        for row in ledger.announcements.rows(id)
        if row.progress.state is not State.CANCELLED or row.row.receiver_id in cancelled
    )
    assert in_draft + settled == Counter(f"ou_{n}" for n in range(rows))
    assert broken_invariants(ledger) == []


def corrected(ledger: Ledger, id: str) -> Announcement | None:
    """None where nobody is left to send to."""
    is_finished = ledger.announcements.get(id).state is AnnouncementState.FINISHED
    try:
        return Drafts(ledger).correct(id, ADA, {"text": "Sorry"}, settle_seconds=0)
    except BadInput:
        return None
    except NotAllowed:
        assert is_finished
        return None


def finish_some(leases: Leases, desk: Desk, ends: list[State]) -> None:
    [released] = leases.release([(desk, len(ends), 100)])
    claims = leases.claim(desk, "t", released.ids)[1]
    results = [Result(each.id, to, (), 60_000) for each, to in zip(claims, ends, strict=False)]
    leases.record(desk, "t", results, "")
