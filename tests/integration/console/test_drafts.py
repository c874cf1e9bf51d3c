"""Drafts in the console: made, edited by two, tested, approved by another, started; over a real ledger."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
import requests

from ledger.announcement import Announcement
from ledger.api_key import Scope
from ledger.api_keys import ApiKeys
from ledger.audit_log import recent_actions
from ledger.draft_verbs import DraftVerbs
from ledger.ledger import Ledger
from ledger.messages.content import Message
from ledger.settings import Settings
from ledger.states import AnnouncementState
from tests.browser.scenery import DESKS
from tests.integration.console.console_visitor import Visitor
from tests.integration.producers.web.serving import serving

__all__: list[str] = []

WRITER = frozenset({Scope.READ, Scope.ANNOUNCE})
STAFF = ("staff.csv", b"receiver_id,name,city\nou_ann,Ann,Oslo\nou_bob,Bob,\nou_ann,Ann again,Rome\n")


#: A box that is not ticked sends nothing.
UNTICKED = re.compile(r'<input type="(?:checkbox|radio)"(?![^>]* checked)[^>]*>')


class House:
    """A console, and people with keys of their own."""

    def __init__(self, url: str, ledger: Ledger) -> None:
        self.url, self.ledger, self._keys = url, ledger, ApiKeys(ledger)

    def visitor(self, name: str, *scopes: Scope, desks: frozenset[str] | None = None) -> Visitor:
        """Somebody with a new key of these scopes, or of those that writing announcements takes."""
        _, secret = self._keys.create(name, frozenset(scopes) or WRITER, desks, None, "test")
        return Visitor(self.url).sign_in(secret)

    def revoke(self, name: str) -> None:
        self._keys.revoke(name, "test")

    def drafts(self) -> list[Announcement]:
        return list(DraftVerbs(self.ledger).listed())

    def draft(self) -> Announcement:
        [draft] = self.drafts()
        return draft

    def version(self) -> int:
        draft = self.draft().draft
        assert draft
        return draft.version


@pytest.fixture
def settings(empty_valkey: Settings, tmp_path: Path) -> Settings:
    (tmp_path / "desks.toml").write_text(DESKS)
    return Settings(data_dir=empty_valkey.data_dir, desks=tmp_path / "desks.toml", approval_above=1, _env_file=None)


@pytest.fixture
def house(settings: Settings) -> Iterator[House]:
    ledger = Ledger(settings)
    with serving(settings) as url:
        yield House(url, ledger)
    ledger.redis.close()


def kept(visitor: Visitor, **fields: str) -> requests.Response:
    """The answer to a form with a file of two people, the first of whom stands there twice."""
    visitor.look("/announcements/new")
    return visitor.act("/announcements/new", files={"recipients": STAFF}, **{"text": "Dear {{ name }}", **fields})


def fields_of(page: str) -> dict[str, str]:
    """What stands in a form."""
    form = page[page.index('<form class="stack panel"') :]
    inputs = re.findall(r'<input[^>]*? name="([a-z_]+)"[^>]*? value="([^"]*)"', re.sub(UNTICKED, "", form))
    found = dict(inputs)
    found |= dict(re.findall(r'<textarea name="([a-z_]+)"[^>]*>([^<]*)</textarea>', form))
    # As browsers do it, the line end behind a tag does not belong to the text.
    return {name: unescape(value).removeprefix("\n") for name, value in found.items()}


def edited(visitor: Visitor, id: str, **changes: str) -> requests.Response:
    """Opens the form of a draft, changes something, and sends it with all that stood in it."""
    given = {**fields_of(visitor.look(f"/announcements/{id}/edit")), **changes}
    given.pop("csrf", None)
    return visitor.act(f"/announcements/{id}/edit", files={"recipients": ("", b"")}, **given)


# -- made, kept, seen


def test_a_draft_is_seen_by_others_and_nothing_of_it_is_accepted(house: House) -> None:
    hr, boss = house.visitor("hr"), house.visitor("boss", Scope.READ, Scope.APPROVE)
    page = kept(hr).text
    draft = house.draft()
    path = f"/announcements/{draft.id}"
    assert "The draft is saved. Nothing is sent yet." in page
    assert list(house.ledger.announcements.ids()) == []
    for visitor in (hr, boss):
        page = visitor.look(path)
        assert "Dear Ann" in page
        assert "Dear Bob" in page
        assert "of 3 rows (CSV, UTF-8, commas)" in page
        assert "Line 4 has the same receiver as line 2." in page
        assert "Written by key hr" in page
        assert f'href="/console{path}"' in visitor.look("/announcements")


def test_who_may_only_read_sees_a_draft_without_its_messages(house: House) -> None:
    kept(house.visitor("hr"))
    page = house.visitor("auditor", Scope.READ).look(f"/announcements/{house.draft().id}")
    assert "Messages are visible only to keys with the scope announce, operate or approve." in page
    assert "Dear Ann" not in page
    assert "<button id=" not in page


def test_another_desks_draft_is_not_there(house: House) -> None:
    kept(house.visitor("hr"))
    other = house.visitor("people", desks=frozenset({"hr"}))
    id = house.draft().id
    assert other.status(f"/announcements/{id}") == 404
    assert other.status(f"/announcements/{id}/edit") == 404
    assert id not in other.look("/announcements")
    other.look("/announcements/new")
    for act in ("submit", "approve", "start", "discard", "test"):
        assert other.act(f"/announcements/{id}/{act}").status_code in (403, 404)
    assert house.version() == 1


def test_what_cannot_be_sent_is_told_and_keeps_what_was_written(house: House) -> None:
    hr = house.visitor("hr")
    answer = kept(hr, text="Dear {{ name }} of {{ city }}", name="Move")
    assert answer.status_code == 422
    assert "Nothing can be sent like this." in answer.text
    assert "has no value, but the message needs one" in answer.text
    assert fields_of(answer.text)["text"] == "Dear {{ name }} of {{ city }}"
    assert house.drafts() == []
    assert kept(hr, text="Dear {{ name }} of {{ city }}", skip_invalid="true").status_code == 200


def test_a_draft_is_discarded_after_a_question(house: House) -> None:
    hr = house.visitor("hr")
    kept(hr)
    id = house.draft().id
    assert "Discard this draft?" in hr.look(f"/announcements/{id}")
    assert "The draft is discarded." in hr.act(f"/announcements/{id}/discard").text
    assert house.drafts() == []
    assert hr.status(f"/announcements/{id}") == 404
    assert not house.ledger.redis.exists(house.ledger.keys.draft_notes(id))


# -- edited


def test_an_edit_shows_all_that_was_filled_in_and_needs_no_file(house: House) -> None:
    hr = house.visitor("hr")
    written = {"name": "Move", "first": "1", "stop_at": "5%", "timezone": "Asia/Shanghai", "addresses": "ou_cy"}
    written |= {
        "notify": "ann@corp.example",
        "hours_from": "09:00",
        "hours_to": "18:00",
        "text": "Dear {{ name|default('all') }}",
    }
    kept(hr, **written)
    id = house.draft().id
    page = hr.look(f"/announcements/{id}/edit")
    assert written.items() <= fields_of(page).items()
    assert "staff.csv stays." in page
    answer = edited(hr, id, text="Hello {{ name|default('all') }} from {{ city|default('afar') }}")
    assert answer.status_code == 200
    assert "Hello Ann from Oslo" in answer.text
    assert "Hello all from afar" in answer.text
    assert "of 3 rows (rows that were kept)" in answer.text
    draft = house.draft()
    assert (draft.total, house.version(), draft.spec.first, draft.spec.between) == (3, 2, 1, "09:00-18:00")
    assert house.ledger.redis.hget(house.ledger.keys.lane(id), "notify") == b"ann@corp.example"
    assert [row.receiver_id for row in DraftVerbs(house.ledger).rows(id)] == ["ou_ann", "ou_bob", "ou_cy"]
    assert written.items() - {("text", written["text"])} <= fields_of(hr.look(f"/announcements/{id}/edit")).items()


def test_the_rows_of_a_file_are_left_out_or_replaced_by_an_edit(house: House) -> None:
    hr = house.visitor("hr")
    kept(hr, text="Hello")
    id = house.draft().id
    edited(hr, id, addresses="ou_cy", drop_file="true")
    assert [row.receiver_id for row in DraftVerbs(house.ledger).rows(id)] == ["ou_cy"]
    assert "stays." not in hr.look(f"/announcements/{id}/edit")
    other = ("more.csv", b"receiver_id\nou_dee\nou_eve\n")
    given = {**fields_of(hr.look(f"/announcements/{id}/edit")), "addresses": ""}
    given.pop("csrf")
    hr.act(f"/announcements/{id}/edit", files={"recipients": other}, **given)
    assert [row.receiver_id for row in DraftVerbs(house.ledger).rows(id)] == ["ou_dee", "ou_eve"]
    assert "more.csv stays." in hr.look(f"/announcements/{id}/edit")


def test_a_message_that_no_field_shows_stays_until_there_is_another(house: House) -> None:
    hr = house.visitor("hr")
    post = b'{"msg_type": "post", "content": {"zh_cn": {"title": "T", "content": [[{"tag": "text", "text": "Hi"}]]}}}'
    hr.look("/announcements/new")
    hr.act("/announcements/new", files={"recipients": STAFF, "message": ("post.json", post)})
    id = house.draft().id
    assert "The message of the type post stays" in hr.look(f"/announcements/{id}/edit")
    assert edited(hr, id, name="Other").status_code == 200
    assert house.draft().spec.message["msg_type"] == "post"
    edited(hr, id, markdown="# Move\n\nDear **{{ name }}**")
    assert house.draft().spec.message["msg_type"] == "interactive"
    assert fields_of(hr.look(f"/announcements/{id}/edit"))["markdown"].split() == [
        "#",
        "Move",
        "Dear",
        "**{{",
        "name",
        "}}**",
    ]


def test_the_slower_of_two_editors_is_told_and_loses_nothing(house: House) -> None:
    hr, mia = house.visitor("hr"), house.visitor("mia")
    kept(hr, name="Move")
    id = house.draft().id
    slow = fields_of(hr.look(f"/announcements/{id}/edit"))
    token = hr.token()
    slow.pop("csrf")
    assert edited(mia, id, text="Mia was quicker").status_code == 200
    answer = hr.act(
        f"/announcements/{id}/edit", token=token, files={"recipients": ("", b"")}, **{**slow, "text": "Mine"}
    )
    assert answer.status_code == 409
    assert "Somebody else has saved version 2 meanwhile, so yours was not saved." in answer.text
    assert fields_of(answer.text)["text"] == "Mine"
    assert house.draft().spec.message["content"] == {"text": "Mia was quicker"}
    again = fields_of(answer.text)
    again.pop("csrf")
    assert hr.act(f"/announcements/{id}/edit", token=token, files={"recipients": ("", b"")}, **again).status_code == 200
    assert house.draft().spec.message["content"] == {"text": "Mine"}


# -- approved


def test_nobody_starts_what_needs_an_approval_before_somebody_else_approves_it(house: House) -> None:
    hr = house.visitor("hr", Scope.READ, Scope.ANNOUNCE, Scope.APPROVE)
    boss = house.visitor("boss", Scope.READ, Scope.APPROVE)
    kept(hr)
    id = house.draft().id
    path = f"/announcements/{id}"
    page = hr.look(path)
    assert "It has 2 rows. With more than 1, somebody else must approve it" in page
    assert 'id="do-start"' not in page
    assert hr.act(f"{path}/start", version="1").status_code == 403
    hr.look(path)
    page = hr.act(f"{path}/submit").text
    assert "You wrote or edited it, so somebody else must approve it." in page
    assert 'id="do-approve"' not in page
    fingerprint = house.draft().draft
    assert fingerprint
    assert hr.act(f"{path}/approve", token=hr.token(), fingerprint=fingerprint.fingerprint).status_code == 403
    assert f'href="/console{path}"' not in hr.look("/needs").partition("Waiting for your approval")[2]
    assert f'href="/console{path}"' in boss.look("/needs").partition("Waiting for your approval")[2]
    page = boss.look(path)
    assert 'id="do-approve"' in page
    boss.act(f"{path}/approve", fingerprint=fingerprint.fingerprint)
    assert "Approved by key boss" in hr.look(path)
    assert 'id="do-start"' in hr.page.text
    hr.act(f"{path}/start", version="1")
    assert house.ledger.announcements.get(id).state is AnnouncementState.RUNNING
    did = [(act.by, act.did) for act in recent_actions(house.ledger, 4)]
    assert did == [("key hr", "start"), ("key boss", "approve"), ("key hr", "submit"), ("key hr", "draft")] or did[
        :3
    ] == [("key hr", "start"), ("key boss", "approve"), ("key hr", "submit")]


def test_what_was_rejected_is_compared_with_what_came_of_it(house: House) -> None:
    hr, boss = house.visitor("hr"), house.visitor("boss", Scope.READ, Scope.APPROVE)
    kept(hr, text="Hello\nWe move on Friday.\nBye")
    id = house.draft().id
    path = f"/announcements/{id}"
    hr.look(path)
    hr.act(f"{path}/submit")
    boss.look(path)
    assert boss.act(f"{path}/reject", why="").status_code == 422
    assert "It is a draft again." in boss.act(f"{path}/reject", why="The day is wrong").text
    page = hr.look(path)
    assert "Rejected by key boss: The day is wrong" in page
    assert "Nothing has changed." in page
    page = edited(hr, id, text="Hello\nWe move on Monday.\nBye", stop_at="5%", addresses="ou_cy").text
    assert "<del>− We move on Friday.</del>" in page
    assert "<ins>+ We move on Monday.</ins>" in page
    assert "<span>  Hello</span>" in page
    assert "<del>–</del> <ins>5%</ins>" in page
    assert "Other rows: 2 before, 3 now." in page


def test_an_approver_who_looked_at_another_version_is_told(house: House) -> None:
    hr, boss = house.visitor("hr"), house.visitor("boss", Scope.READ, Scope.APPROVE)
    kept(hr)
    path = f"/announcements/{house.draft().id}"
    hr.look(path)
    hr.act(f"{path}/submit")
    page = boss.look(path)
    [fingerprint] = re.findall(r'name="fingerprint" value="([^"]+)"', page)
    edited(hr, house.draft().id, text="Other")
    hr.look(path)
    hr.act(f"{path}/submit")
    answer = boss.act(f"{path}/approve", fingerprint=fingerprint)
    assert answer.status_code == 409
    assert "It was changed since you looked at it, so nothing was done." in answer.text
    assert house.draft().state is AnnouncementState.AWAITING_APPROVAL


def test_without_the_approval_only_operate_starts_it_with_a_reason_on_record(house: House) -> None:
    hr, ops = house.visitor("hr"), house.visitor("ops", Scope.OPERATE)
    kept(hr)
    path = f"/announcements/{house.draft().id}"
    hr.look(path)
    assert hr.act(f"{path}/start-unapproved", version="1", reason="Fire").status_code == 403
    assert 'id="do-start-unapproved"' in ops.look(path)
    assert ops.act(f"{path}/start-unapproved", version="1", reason="").status_code == 422
    ops.look(path)
    assert ops.act(f"{path}/start-unapproved", version="1", reason="Fire in the server room").status_code == 200
    assert recent_actions(house.ledger, 1)[0].did == "start without approval: Fire in the server room"
    assert "started without approval: Fire in the server room" in ops.look("/hooks")


# -- tested


def test_a_test_goes_to_one_person_and_is_told_beside_the_draft(house: House) -> None:
    hr = house.visitor("hr")
    kept(hr)
    path = f"/announcements/{house.draft().id}"
    assert "Nobody has received a test of it." in hr.look(path)
    answer = hr.act(f"{path}/test", to="nobody at all", row="first")
    assert answer.status_code == 422
    hr.look(path)
    page = hr.act(f"{path}/test", to="ou_hr", row="number", number="2").text
    draft = house.draft().draft
    assert draft
    [(id, version)] = draft.tests
    assert version == 1
    record = house.ledger.get(id)
    assert record.notification.receiver_id == "ou_hr"
    assert record.notification.message == Message.text("[Test] Dear Bob")
    assert f'/console/notifications/{id}"' in page
    assert "Tested:" in page
    assert "older than the last edit" not in page
    edited(hr, house.draft().id, text="Hello {{ name }}")
    assert "The last test, to ou_hr, is older than the last edit:" in hr.look(path)
    assert f"/console/notifications/{id}" in hr.look(f"{path}/tests")


# -- made of what was announced


def test_an_announcement_is_used_again_for_all_or_for_those_who_did_not_get_it(house: House) -> None:
    hr = house.visitor("hr", Scope.READ, Scope.ANNOUNCE, Scope.OPERATE)
    kept(hr, markdown="# Move\n\nDear **{{ name }}**", text="")
    id = house.draft().id
    hr.look(f"/announcements/{id}")
    hr.act(f"/announcements/{id}/start-unapproved", version="1", reason="a test")
    hr.look(f"/announcements/{id}")
    page = hr.act(f"/announcements/{id}/again", whom="all").text
    assert "This draft has the rows and the message of the earlier announcement." in page
    assert fields_of(page)["markdown"].startswith("# Move")
    assert "stays." in page
    again = house.draft()
    assert (again.id != id, again.total) == (True, 2)
    hr.look(f"/announcements/{id}")
    for whom in ("rest", "nobody"):
        assert hr.act(f"/announcements/{id}/again", whom=whom).status_code == 422
    hr.act(f"/announcements/{id}/cancel")
    hr.look(f"/announcements/{id}")
    assert hr.act(f"/announcements/{id}/again", whom="rest").status_code == 200


def test_it_is_stopped_and_the_rest_becomes_a_draft_to_correct(house: House) -> None:
    hr = house.visitor("hr", Scope.READ, Scope.ANNOUNCE, Scope.OPERATE)
    kept(hr)
    id = house.draft().id
    hr.look(f"/announcements/{id}")
    hr.act(f"/announcements/{id}/start-unapproved", version="1", reason="a test")
    assert 'id="do-correct"' in hr.look(f"/announcements/{id}")
    page = hr.act(f"/announcements/{id}/correct").text
    assert "Stopped. This draft has the rows that were not sent" in page
    assert house.ledger.announcements.get(id).state is AnnouncementState.CANCELLED
    assert house.draft().total == 2
    assert edited(hr, house.draft().id, text="Hello {{ name }}").status_code == 200
