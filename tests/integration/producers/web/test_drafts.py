"""Drafts over HTTP, by real sockets and a real Valkey."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
import requests

from deskbell import AnnouncementState, Changed, NotAllowed, NotFound, Notifier, NotPermitted
from ledger.api_key import KeyLimits, Scope
from ledger.api_keys import ApiKeys
from ledger.audit_log import recent_actions
from ledger.ledger import Ledger
from ledger.settings import Settings
from producers.client.ledger_backend import LedgerBackend
from tests.integration.producers.web.web_thread import WebThread, with_files

__all__: list[str] = []

CSV = b"receiver_id,name\nou_ada,Ada\nou_bob,Bob\n"
ROWS = [{"receiver_id": f"ou_{name}", "name": name} for name in ("ada", "bob", "eve")]
TEXT = "Dear {{ name }}"
SECONDS = 120
WRITER, BOSS = (Scope.ANNOUNCE, Scope.READ), (Scope.APPROVE, Scope.READ)


@pytest.fixture(scope="module")
def serving(valkey: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebThread]:
    update = {"rate": (), "approval_above": 2, "public_url": "https://bell.example.com"}
    folder = tmp_path_factory.mktemp("desks")
    with WebThread(
        with_files(valkey.model_copy(update=update), folder, desks='[desk.hr]\nrate = "unlimited"\n')
    ) as running:
        yield running


@pytest.fixture
def server(web: WebThread) -> str:
    return web.url


class Caller:
    """Somebody with a key."""

    def __init__(self, server: str, ledger: Ledger, name: str, *scopes: Scope, **more: Any) -> None:
        key, secret = ApiKeys(ledger).create(name, frozenset(scopes), more.pop("desks", None), None, "ada", **more)
        self.id, self._url = key.id, f"{server}/v1/announcements"
        self._headers = {"Authorization": f"Bearer {secret}"}

    def call(self, method: str, path: str = "", status: int = 200, **more: Any) -> Any:
        answer = requests.request(
            method, f"{self._url}{path}", headers=self._headers, timeout=SECONDS, allow_redirects=False, **more
        )
        assert answer.status_code == status, answer.text
        return answer.json()

    def draft(self, **more: Any) -> str:
        body = {"name": "Move", "text": TEXT, "rows": ROWS, "draft": True, **more}
        return str(self.call("POST", status=201, json=body)["id"])

    def show(self, id: str) -> Any:
        return self.call("GET", f"/{id}")


@pytest.fixture
def writer(server: str, ledger: Ledger) -> Caller:
    return Caller(server, ledger, "writer", *WRITER)


@pytest.fixture
def boss(server: str, ledger: Ledger) -> Caller:
    return Caller(server, ledger, "boss", *BOSS)


def test_a_draft_goes_its_way_to_the_start(writer: Caller, boss: Caller, ledger: Ledger) -> None:
    found = writer.call("POST", status=201, json={"name": "M", "text": TEXT, "rows": ROWS, "draft": True})
    id = found["id"]
    assert found == {
        "id": id,
        "state": "draft",
        "total": 3,
        "url": f"https://bell.example.com/console/announcements/{id}",
    }
    shown = writer.show(id)
    assert (shown["state"], shown["total"], shown["counts"]) == ("draft", 3, {})
    assert (shown["draft"]["author"], shown["draft"]["needs_approval"]) == (writer.id, True)
    assert writer.call("POST", f"/{id}/submit") == {"id": id, "state": "awaiting_approval"}
    assert writer.call("POST", f"/{id}/start", 403)["type"].endswith(":not-permitted")
    body = {"fingerprint": boss.show(id)["draft"]["fingerprint"]}
    assert boss.call("POST", f"/{id}/approve", json=body)["state"] == "approved"
    assert writer.show(id)["draft"]["approver"] == boss.id
    assert writer.call("POST", f"/{id}/start")["state"] == "running"
    did = [(act.by, act.did) for act in reversed(recent_actions(ledger, 10)) if act.id == id]
    assert did == [
        ("key writer", "draft"),
        ("key writer", "submit"),
        ("key boss", "approve"),
        ("key writer", "start"),
    ]


def test_more_rows_than_the_limit_must_be_a_draft(writer: Caller, ledger: Ledger) -> None:
    body = {"name": "Move", "text": TEXT, "rows": ROWS}
    assert "DESKBELL_APPROVAL_ABOVE is 2" in writer.call("POST", status=403, json=body)["detail"]
    assert list(ledger.redis.scan_iter("deskbell:lane:a_*")) == []
    writer.call("POST", status=202, json=body | {"rows": ROWS[:2]})


def test_nobody_approves_what_he_wrote(server: str, ledger: Ledger) -> None:
    both = Caller(server, ledger, "both", *WRITER, *BOSS)
    id = both.draft()
    both.call("POST", f"/{id}/submit")
    body = {"fingerprint": both.show(id)["draft"]["fingerprint"]}
    assert both.call("POST", f"/{id}/approve", 403, json=body)["type"].endswith(":not-permitted")


@pytest.mark.parametrize(
    ("method", "verb", "body"),
    [
        ("POST", "/submit", None),
        ("POST", "/approve", {"fingerprint": "x"}),
        ("POST", "/reject", {"why": "x"}),
        ("POST", "/start", {}),
        ("POST", "/start", {"reason": "x"}),
        ("POST", "/discard", None),
        ("POST", "/again", {}),
        ("POST", "/correct", {}),
        ("PUT", "", {"version": 1}),
    ],
)
def test_a_verb_needs_its_scope_and_its_desk(
    server: str, ledger: Ledger, writer: Caller, method: str, verb: str, body: Any
) -> None:
    id = writer.draft()
    reader = Caller(server, ledger, "reader", Scope.READ, Scope.SEND)
    ApiKeys(ledger)
    assert reader.call(method, f"/{id}{verb}", 403, json=body)["status"] == 403
    other = Caller(server, ledger, "other", *Scope, desks=frozenset({"hr"}))
    assert "default" in other.call(method, f"/{id}{verb}", 403, json=body)["detail"]
    assert other.call(method, f"/a_0000000000000000{verb}", 404, json=body)["status"] == 404
    assert writer.show(id)["draft"]["version"] == 1


def test_a_start_with_a_reason_needs_the_scope_operate(server: str, ledger: Ledger, writer: Caller) -> None:
    id = writer.draft()
    writer.call("POST", f"/{id}/start", 403, json={"reason": "fire"})
    operator = Caller(server, ledger, "operator", Scope.OPERATE, Scope.READ)
    operator.call("POST", f"/{id}/start", 403)
    operator.call("POST", f"/{id}/start", json={"reason": "fire"})
    assert operator.show(id)["acts"][-1]["did"] == "start without approval: fire"


def test_the_slower_edit_is_a_conflict_and_an_edit_ends_the_approval(writer: Caller, boss: Caller) -> None:
    id = writer.draft()
    edited = writer.call("PUT", f"/{id}", json={"version": 1, "text": "Hello {{ name }}", "first": 2})
    assert (edited["draft"]["version"], edited["first"], edited["total"]) == (2, 2, 3)
    slower = writer.call("PUT", f"/{id}", 409, json={"version": 1, "text": "x"})
    assert (slower["type"], slower["version"]) == ("urn:deskbell:problem:changed", 2)
    writer.call("POST", f"/{id}/submit")
    boss.call("POST", f"/{id}/approve", 409, json={"fingerprint": "what was seen before"})
    boss.call("POST", f"/{id}/approve", json={"fingerprint": boss.show(id)["draft"]["fingerprint"]})
    after = writer.call("PUT", f"/{id}", json={"version": 2, "first": None, "rows": ROWS[:1]})
    assert (after["state"], after["first"], after["total"], after["draft"]["approver"]) == ("draft", None, 1, None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"text": "x"}, "version"),
        ({"version": None, "text": "x"}, "version"),
        ({"version": "1"}, "version"),
        ({"version": True}, "version"),
        ({"version": 1, "draft": True}, "draft"),
        ({"version": 1, "key": "k"}, "key"),
        ({"version": 1, "desk": "hr"}, "desk"),
        ({"version": 1, "first": 0}, "first"),
        ({"version": 1, "text": "{{ salary }}"}, "message"),
    ],
)
def test_an_edit_that_is_wrong_names_the_field(writer: Caller, body: Any, field: str) -> None:
    id = writer.draft()
    refusal = writer.call("PUT", f"/{id}", 422, json=body)
    assert field in refusal["field"]
    assert field != "version" or refusal["detail"] == "must be the number of the version that you read"
    assert writer.show(id)["draft"]["version"] == 1


def test_a_form_makes_and_edits_a_draft(writer: Caller) -> None:
    files = {"recipients": ("people.csv", CSV)}
    id = writer.call("POST", status=201, data={"text": TEXT, "draft": "true"}, files=files)["id"]
    assert writer.show(id)["name"] == "people"
    more = {"recipients": ("more.csv", CSV + b"ou_eve,Eve\n")}
    after = writer.call("PUT", f"/{id}", data={"version": "1"}, files=more)
    assert (after["total"], after["name"]) == (3, "people")
    unknown = {"x": b"1"}
    assert writer.call("PUT", f"/{id}", data={"version": "2"}, files=unknown, status=422)["field"] == "x"
    wrong = {"recipients": ("more.csv", CSV + b",Eve\n")}
    assert writer.call("PUT", f"/{id}", 422, data={"version": "2"}, files=wrong)["error_count"] == 1


def test_a_verb_in_another_state_is_a_conflict(writer: Caller, boss: Caller) -> None:
    id = writer.draft()
    assert boss.call("POST", f"/{id}/reject", 409, json={"why": "no"})["state"] == "draft"
    writer.call("POST", f"/{id}/submit")
    writer.call("POST", f"/{id}/submit", 409)
    assert boss.call("POST", f"/{id}/reject", json={"why": "no greeting"})["state"] == "draft"
    assert writer.show(id)["draft"]["rejected"]["why"] == "no greeting"
    assert writer.call("POST", f"/{id}/discard") == {"id": id}
    writer.call("POST", f"/{id}/submit", 404)


def test_drafts_are_listed_for_the_desks_of_a_key(server: str, ledger: Ledger, writer: Caller) -> None:
    first, second = writer.draft(name="One"), writer.draft(name="Two", desk="hr")
    listed = writer.call("GET", params={"drafts": "true"})
    assert [each["id"] for each in listed["announcements"]] == [second, first]
    page = writer.call("GET", params={"drafts": "true", "limit": 1})
    assert page["next"] == second
    rest = writer.call("GET", params={"drafts": "true", "limit": 1, "cursor": page["next"]})
    assert ([each["id"] for each in rest["announcements"]], rest["next"]) == ([first], None)
    hr = Caller(server, ledger, "hr", Scope.READ, desks=frozenset({"hr"}))
    assert [each["id"] for each in hr.call("GET", params={"state": "draft"})["announcements"]] == [second]
    assert writer.call("GET")["announcements"] == []


def test_an_announcement_is_used_again_and_corrected(server: str, ledger: Ledger, writer: Caller) -> None:
    id = writer.call("POST", status=202, json={"name": "Move", "text": TEXT, "rows": ROWS[:2]})["id"]
    again = writer.call("POST", f"/{id}/again", 201, json={"name": "Once more"})
    assert (again["state"], writer.show(again["id"])["name"]) == ("draft", "Once more")
    writer.call("POST", f"/{id}/again", 422, json={"rest": True})
    writer.call("POST", f"/{id}/correct", 403)
    both = Caller(server, ledger, "both", *WRITER, Scope.OPERATE)
    corrected = both.call("POST", f"/{id}/correct", 201, json={"text": "Sorry, {{ name }}"})
    assert both.show(corrected["id"])["total"] == 2
    assert both.show(id)["state"] == "cancelled"


def test_the_limits_of_a_key_hold_for_drafts(server: str, ledger: Ledger) -> None:
    small = Caller(server, ledger, "small", *WRITER, limits=KeyLimits(max_rows=2))
    small.call("POST", status=403, json={"name": "M", "text": TEXT, "rows": ROWS, "draft": True})
    daily = Caller(server, ledger, "daily", *WRITER, limits=KeyLimits(daily=3))
    first, second = daily.draft(rows=ROWS[:2]), daily.draft(rows=ROWS[:2], name="Two", text="x")
    daily.call("POST", f"/{first}/start")
    assert daily.call("POST", f"/{second}/start", 403)["type"].endswith(":key-limit")
    daily.call("POST", f"/{first}/start", 409)
    daily.call("POST", f"/{daily.draft(rows=ROWS[:1], name='Three')}/start")


def test_a_repeated_draft_is_the_same_one(writer: Caller) -> None:
    body = {"name": "Move", "text": TEXT, "rows": ROWS, "draft": True, "key": "k"}
    assert writer.call("POST", status=201, json=body)["id"] == writer.call("POST", status=201, json=body)["id"]
    assert writer.call("POST", status=422, json=body | {"text": "x"})["type"].endswith(":key-reused")


@pytest.mark.parametrize(
    ("verb", "before", "status"),
    [
        ("approve", ["submit"], 409),  # the fingerprint is that of another draft
        ("reject", ["submit"], 200),
        ("start", [], 200),
        ("again", ["start", "cancel"], 201),
        ("correct", ["start"], 201),
    ],
)
def test_every_example_of_a_body_is_taken(
    server: str, ledger: Ledger, verb: str, before: list[str], status: int
) -> None:
    document = requests.get(f"{server}/openapi.json", timeout=SECONDS).json()
    body = document["paths"][f"/v1/announcements/{{id}}/{verb}"]["post"]["requestBody"]["content"]["application/json"]
    author, colleague = Caller(server, ledger, "author", *WRITER, Scope.OPERATE), Caller(server, ledger, "all", *Scope)
    assert body["examples"]
    for number, example in enumerate(body["examples"].values()):
        id = author.draft(rows=ROWS[:2], name=f"Move {number}")
        for act in before:
            author.call("POST", f"/{id}/{act}")
        colleague.call("POST", f"/{id}/{verb}", 422, json={**example["value"], "nope": 1})
        colleague.call("POST", f"/{id}/{verb}", status, json=example["value"])


def test_a_program_makes_and_starts_a_draft_either_way(server: str, ledger: Ledger) -> None:
    _, secret = ApiKeys(ledger).create("program", frozenset(Scope), None, None, "ada")
    for notifier in (Notifier.http(server, key=secret), Notifier(LedgerBackend(ledger))):
        with notifier:
            kept = notifier.announce(ROWS[:2], draft=True, text=TEXT, name="Move")
            draft = notifier.announcement(kept)
            assert (kept.total, draft.state, draft.wait(timeout=5).total) == (2, AnnouncementState.DRAFT, 2)
            assert draft.submit() is AnnouncementState.AWAITING_APPROVAL
            with pytest.raises(NotAllowed):
                draft.start()
            with pytest.raises((NotPermitted, Changed)):
                draft.approve(ledger.announcements.get(kept.id).draft.fingerprint)  # type: ignore[union-attr]
            assert draft.reject("other words") is AnnouncementState.DRAFT
            assert draft.start() is AnnouncementState.RUNNING
            gone = notifier.announcement(notifier.announce(ROWS, draft=True, text="x", name="Gone"))
            with pytest.raises(NotPermitted):
                gone.start()
            gone.discard()
            with pytest.raises(NotFound):
                gone.status()


@pytest.mark.parametrize("written_as", ["csv", "jsonl"])
def test_results_of_a_draft_as_a_file_are_a_conflict_too(writer: Caller, written_as: str) -> None:
    id = writer.draft()
    for query in ("", f"?format={written_as}"):
        assert writer.call("GET", f"/{id}/results{query}", 409)["state"] == "draft"


def test_a_key_that_was_used_for_another_draft_is_told_as_it_was_given(writer: Caller) -> None:
    body = {"name": "Move", "text": TEXT, "rows": ROWS, "draft": True, "key": "move-7"}
    id = writer.call("POST", status=201, json=body)["id"]
    told = writer.call("POST", status=422, json=body | {"text": "x"})
    assert told["detail"] == f"'move-7' was already used for {id} with other content"


def test_a_test_key_is_refused_the_starts_that_another_is(
    server: str, ledger: Ledger, writer: Caller, boss: Caller
) -> None:
    rehearsal = Caller(server, ledger, "rehearsal", *WRITER, limits=KeyLimits(test=True))
    id = writer.draft()
    assert rehearsal.call("POST", f"/{id}/start", 403)["type"].endswith(":not-permitted")
    assert rehearsal.call("POST", f"/{id}/start", 409, json={"version": 7})["version"] == 1
    few = writer.draft(rows=ROWS[:2])
    assert rehearsal.call("POST", f"/{few}/start")["state"] == "draft"
    writer.call("POST", f"/{few}/submit")
    assert rehearsal.call("POST", f"/{few}/start", 409)["state"] == "awaiting_approval"
    writer.call("POST", f"/{id}/submit")
    boss.call("POST", f"/{id}/approve", json={"fingerprint": boss.show(id)["draft"]["fingerprint"]})
    assert rehearsal.call("POST", f"/{id}/start")["state"] == "approved"
    late = writer.draft(rows=ROWS[:2], expires="1h")
    with patch("ledger.draft_verbs.datetime") as clock:
        clock.now.return_value = datetime.now(UTC) + timedelta(hours=2)
        assert rehearsal.call("POST", f"/{late}/start", 422)["field"] == "expires"
