"""Tests of announcements and of drafts: by the command line, HTTP and Python, on a real Valkey."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

from deskbell import BadInput, NotAllowed, NotFound, Notifier
from ledger.api_key import KeyLimits, Scope
from ledger.api_keys import ApiKeys
from ledger.draft import Person
from ledger.ledger import Ledger
from ledger.record import Record
from ledger.settings import Settings
from ledger.states import State
from producers.announcements.announcement_draft import AnnouncementDraft
from producers.announcements.checked_announcement import checked_announcement
from producers.announcements.drafts import Drafts
from producers.announcements.recipients import Recipients
from producers.cli.command_line import run
from producers.client.http_backend import HttpBackend
from producers.client.ledger_backend import LedgerBackend
from tests.integration.producers.cli.announcing_desk import Output, Worker
from tests.integration.producers.web.web_thread import WebThread, with_files

__all__: list[str] = []

CSV = "receiver_id,name,room\nou_ada,Ada,\nou_bob,Bob the Builder,4\n\nou_eve,Eve,5\nou_ada,Ada,\n"
TEXT = "Dear {{ name }}{% if room is defined %}, room {{ room }}{% endif %}"
ROWS = [{"receiver_id": "ou_ada", "name": "Ada"}, {"receiver_id": "ou_bob", "name": "Bob the Builder"}]


@pytest.fixture(scope="module")
def serving(valkey: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebThread]:
    unlimited = valkey.model_copy(update={"rate": ()})
    folder = tmp_path_factory.mktemp("desks")
    with WebThread(with_files(unlimited, folder, desks='[desk.hr]\nlanguage = "zh"\n')) as running:
        yield running


@pytest.fixture
def server(web: WebThread) -> str:
    return web.url


@pytest.fixture
def ledger(web: WebThread, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """Commands reach it, and `people.csv` lies beside them."""
    ledger = web.context.ledger
    monkeypatch.setenv("DESKBELL_REDIS_URL", str(ledger.settings.redis))
    monkeypatch.setenv("DESKBELL_DESKS", str(ledger.settings.desks))
    Path("people.csv").write_text(CSV)
    return ledger


@pytest.fixture(params=["redis", "http"])
def notifier(request: pytest.FixtureRequest, server: str, ledger: Ledger) -> Iterator[Notifier]:
    backend = LedgerBackend(ledger) if request.param == "redis" else HttpBackend(server, timeout_seconds=60)
    with Notifier(backend) as notifier:
        yield notifier


def sent_as_test(capsys: Output, *options: str) -> str:
    assert run(["announce", "people.csv", "--allow-duplicates", "--text", TEXT, "--json", *options]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer.keys() == {"id"}
    return str(answer["id"])


def text_of(record: Record) -> str:
    return str(record.notification.message.content["text"])


def problem(url: str, **body: Any) -> Any:
    answer = requests.post(
        f"{url}/v1/announcements", json={"name": "M", "text": "hi", "rows": ROWS, **body}, timeout=60
    )
    assert answer.status_code == 422
    return answer.json()


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ((), "[Test] Dear Ada"),
        (("--row", "2"), "[Test] Dear Bob the Builder, room 4"),
        (("--row", "3"), "[Test] Dear Eve, room 5"),
        (("--row", "longest"), "[Test] Dear Bob the Builder, room 4"),
        (("--row", "emptiest"), "[Test] Dear Ada"),
    ],
)
def test_a_row_goes_to_one_person_and_nothing_else_is_accepted(
    ledger: Ledger, capsys: Output, row: tuple[str, ...], text: str
) -> None:
    id = sent_as_test(capsys, "--test-to", "ann@corp.example", *row)
    assert text_of(ledger.get(id)) == text
    shown = ledger.get(id).as_json()
    assert (shown["test"], shown["email"], shown["announcement"], shown["key"]) == (
        True,
        "ann@corp.example",
        None,
        None,
    )
    assert [record.id for record in ledger.events()] == [id]
    assert list(ledger.announcements.newest()) == []
    assert not ledger.redis.keys("*rows:*")


def test_each_test_is_a_message_and_the_announcement_comes_after_it_once(ledger: Ledger, capsys: Output) -> None:
    first, second = (sent_as_test(capsys, "--test-to", "ou_me", "--key", "move") for _ in range(2))
    assert first != second
    assert run(["announce", "people.csv", "--text", TEXT, "--key", "move", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["duplicate"] is False


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("ou_me", {"receiver_id": "ou_me", "user_id_type": "open_id"}),
        ("id:on_me", {"receiver_id": "on_me", "user_id_type": "union_id"}),
        ("+86 138-0013-8000", {"mobile": "+8613800138000"}),
        ("mobile:13800138000", {"mobile": "13800138000"}),
    ],
)
def test_any_kind_of_address_will_do(ledger: Ledger, capsys: Output, given: str, address: dict[str, str]) -> None:
    shown = ledger.get(sent_as_test(capsys, "--test-to", given)).as_json()
    assert {name: shown[name] for name in address} == address  # type: ignore[literal-required]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--test-to", "ann"), "does not begin with ou_"),
        (("--test-to", "ann@"), "is not an address"),
        (("--test-to", "ou_me", "--row", "0"), "must be the number of a row"),
        (("--test-to", "ou_me", "--row", "5"), "row: is 5, but there are only 4 rows"),
        (("--test-to", "ou_me", "--row", "4"), "row 4 (line 6) is invalid or a duplicate"),
        (("--test-to", "ou_me", "--dry-run"), "leave out --dry-run"),
        (("--row", "1"), "add --test-to"),
    ],
)
def test_what_cannot_be_tested_is_told_and_nothing_is_sent(
    ledger: Ledger, capsys: Output, options: tuple[str, ...], said: str
) -> None:
    assert run(["announce", "people.csv", "--text", TEXT, *options]) == 2
    assert said in capsys.readouterr().err
    assert list(ledger.events()) == []


def test_all_rows_are_checked_first(ledger: Ledger, capsys: Output) -> None:
    Path("people.csv").write_text(CSV + "ou_dan,\n")
    assert run(["announce", "people.csv", "--text", TEXT, "--test-to", "ou_me"]) == 2
    assert "1 invalid of 5 rows" in capsys.readouterr().err
    assert list(ledger.events()) == []
    assert text_of(ledger.get(sent_as_test(capsys, "--test-to", "ou_me", "--skip-invalid"))) == "[Test] Dear Ada"


def test_a_picture_comes_after_a_text_with_the_mark(ledger: Ledger, capsys: Output) -> None:
    Image.new("RGB", (2, 2)).save("poster.png")
    Path("m.yaml").write_text("msg_type: image\ncontent: {file: poster.png}\n")
    assert run(["announce", "people.csv", "--message", "m.yaml", "--test-to", "ou_me", "--allow-duplicates"]) == 0
    mark, picture = sorted(ledger.events(), key=lambda record: record.notification.message.msg_type, reverse=True)
    assert picture.id == capsys.readouterr().out.strip()
    assert (text_of(mark), mark.notification.test, mark.progress.state) == ("[Test]", True, State.QUEUED)
    assert picture.progress.state is State.SCHEDULED  # two seconds later: it cannot overtake the mark
    sha256 = picture.notification.message.image_sha256
    assert ledger.redis.get(ledger.keys.image(str(sha256))) == Path("poster.png").read_bytes()


def test_a_desk_whose_language_is_chinese_marks_it_in_chinese(ledger: Ledger, capsys: Output) -> None:
    assert text_of(ledger.get(sent_as_test(capsys, "--test-to", "ou_me", "--desk", "hr"))) == "[测试] Dear Ada"


def test_a_program_tests_by_both_ways(notifier: Notifier, ledger: Ledger) -> None:
    id = notifier.test(ROWS, to="ann@corp.example", row="longest", text="Dear {{ name }}", name="Move")
    assert text_of(ledger.get(id)) == "[Test] Dear Bob the Builder"
    assert notifier.get(id).notification.test
    assert text_of(ledger.get(notifier.test(ROWS, to="ou_me", row=1, text="Hi", name="Move"))) == "[Test] Hi"
    with pytest.raises(BadInput, match="row"):
        notifier.test(ROWS, to="ou_me", row="last", text="Hi", name="Move")


def test_over_http_a_file_is_tested_and_what_is_wrong_is_named(server: str, ledger: Ledger) -> None:
    form = {"text": TEXT, "test_to": "ou_me", "row": "2", "allow_duplicates": "true"}
    files = {"recipients": ("people.csv", CSV.encode())}
    answer = requests.post(f"{server}/v1/announcements", data=form, files=files, timeout=60)
    assert answer.status_code == 202
    assert text_of(ledger.get(answer.json()["id"])) == "[Test] Dear Bob the Builder, room 4"
    assert problem(server, test_to="ann")["field"] == "to"
    assert problem(server, test_to="ou_me", row=9)["field"] == "row"
    assert problem(server, row=1)["field"] == "row"
    assert problem(server, test_to="ou_me", dry_run=True)["field"] == "test_to"
    assert list(ledger.announcements.newest()) == []


def test_a_test_counts_for_the_day_of_a_key_and_not_for_its_rows(server: str, ledger: Ledger) -> None:
    limits = KeyLimits(max_rows=1, daily=1)
    _, key = ApiKeys(ledger).create("hr", frozenset({Scope.ANNOUNCE}), None, None, "ada", limits)
    body = {"name": "M", "text": "hi", "rows": ROWS, "test_to": "ou_me"}
    headers = {"Authorization": f"Bearer {key}"}
    answers = [requests.post(f"{server}/v1/announcements", json=body, headers=headers, timeout=60) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 403]


def test_the_list_says_which_events_are_tests(ledger: Ledger, capsys: Output) -> None:
    id = sent_as_test(capsys, "--test-to", "ou_me")
    assert run(["send", "--to", "ou_ada", "--text", "hi"]) == 0
    capsys.readouterr()
    assert run(["list", "--notifications", "--json"]) == 0
    assert {each["id"] for each in json.loads(capsys.readouterr().out) if each.get("test")} == {id}
    Worker(ledger).deliver()
    assert run(["show", id]) == 0
    assert "test: True" in capsys.readouterr().out


# -- of a draft


def drafted(ledger: Ledger) -> str:
    draft = AnnouncementDraft.build({"text": TEXT, "name": "Move", "allow_duplicates": True})
    with (
        Recipients.open(Path("people.csv")) as recipients,
        checked_announcement(ledger, draft, lambda _: recipients) as checked,
    ):
        return Drafts(ledger).keep(checked, Person("ada", "ada")).id


def test_a_draft_is_tested_by_the_command_line_and_stays_as_it_is(ledger: Ledger, capsys: Output) -> None:
    id = drafted(ledger)
    before = ledger.announcements.get(id)
    tests = []
    for row, text in (("first", "Dear Ada"), ("3", "Dear Eve, room 5"), ("longest", "Dear Bob the Builder, room 4")):
        assert run(["test", id, "--to", "ann@corp.example", "--row", row, "--json"]) == 0
        tests.append(json.loads(capsys.readouterr().out)["id"])
        assert text_of(ledger.get(tests[-1])) == f"[Test] {text}"
    draft = ledger.announcements.get(id)
    assert draft.draft is not None
    assert before.draft is not None
    assert [test for test, _ in draft.draft.tests] == tests[::-1]
    assert before.draft.untested
    assert not draft.draft.untested
    assert (draft.state, draft.draft.version, draft.total) == (before.state, before.draft.version, before.total)
    assert run(["test", id, "--to", "ann@corp.example", "--row", "5"]) == 2
    assert "row: is 5, but there are only 4 rows" in capsys.readouterr().err


def test_a_draft_is_tested_by_a_program_until_it_is_started(notifier: Notifier, ledger: Ledger) -> None:
    id = drafted(ledger)
    Drafts(ledger).submit(id, Person("ada", "ada"))
    message = notifier.announcement(id).test("ou_me", row="emptiest")
    assert text_of(ledger.get(message)) == "[Test] Dear Ada"
    draft = ledger.announcements.get(id).draft
    assert draft
    assert [test for test, _ in draft.tests] == [message]
    Drafts(ledger).approve(id, draft.fingerprint, Person("bob", "bob"))
    notifier.announcement(id).test("ou_me", row=2)
    Drafts(ledger).start(id, Person("ada", "ada"))
    with pytest.raises(NotAllowed):
        notifier.announcement(id).test("ou_me")
    with pytest.raises(NotFound):
        notifier.announcement("a_06hzb2k1c9f3q8rd").test("ou_me")


def test_a_repeat_of_a_call_over_http_is_one_message(server: str, ledger: Ledger) -> None:
    id = drafted(ledger)
    url = f"{server}/v1/announcements/{id}/test"
    answers = [requests.post(url, json={"to": "ou_me", "key": "k"}, timeout=60) for _ in range(2)]
    assert {(answer.status_code, answer.json()["id"]) for answer in answers} == {(202, next(ledger.events()).id)}
    draft = ledger.announcements.get(id).draft
    assert draft
    assert len(draft.tests) == 1
    for body, field in (({}, "to"), ({"to": 5}, "to"), ({"to": "ou_me", "row": "last"}, "row"), ({"who": "x"}, "who")):
        answer = requests.post(url, json=body, timeout=60)
        assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_a_test_key_tests_nothing_and_is_not_kept_with_the_draft(server: str, ledger: Ledger) -> None:
    id = drafted(ledger)
    _, key = ApiKeys(ledger).create("trial", frozenset({Scope.ANNOUNCE}), None, None, "ada", KeyLimits(test=True))
    headers = {"Authorization": f"Bearer {key}"}
    answer = requests.post(f"{server}/v1/announcements/{id}/test", json={"to": "ou_me"}, headers=headers, timeout=60)
    assert answer.status_code == 202
    draft = ledger.announcements.get(id).draft
    assert draft
    assert (draft.tests, list(ledger.events())) == ((), [])


def test_a_key_for_listed_addresses_tests_to_these_alone(server: str, ledger: Ledger) -> None:
    id = drafted(ledger)
    limits = KeyLimits(only=("ann@corp.example",))
    _, key = ApiKeys(ledger).create("hr", frozenset({Scope.ANNOUNCE}), None, None, "ada", limits)
    headers = {"Authorization": f"Bearer {key}"}
    for to, status in (("ann@corp.example", 202), ("bob@corp.example", 403)):
        answer = requests.post(f"{server}/v1/announcements/{id}/test", json={"to": to}, headers=headers, timeout=60)
        assert answer.status_code == status
    assert [record.notification.email for record in ledger.events()] == ["ann@corp.example"]
