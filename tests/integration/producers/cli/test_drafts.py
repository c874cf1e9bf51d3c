"""Drafts on the command line, over a real Valkey."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import redis

from ledger.draft import Person
from ledger.ledger import Ledger
from ledger.settings import Settings
from ledger.states import AnnouncementState, State
from producers.announcements.drafts import Drafts
from producers.cli.command_line import run

__all__: list[str] = []

Output = pytest.CaptureFixture[str]
BOB = Person("bob", "bob@here")


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch, empty_valkey: Settings, tmp_path: Path) -> Iterator[Ledger]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DESKBELL_REDIS_URL", str(empty_valkey.redis))
    monkeypatch.setenv("DESKBELL_PUBLIC_URL", "https://bell.example.com")
    Path("people.csv").write_text("receiver_id,name\nou_ada,Ada\nou_bob,Bob\nou_eve,Eve\n")
    with redis.Redis.from_url(str(empty_valkey.redis)) as client:
        yield Ledger(Settings.from_env(), client)


def told(output: Output, *arguments: str, code: int = 0) -> Any:
    output.readouterr()
    assert run([*arguments, "--json"]) == code
    written = output.readouterr().out
    return json.loads(written) if written else None


def draft(output: Output, *more: str) -> str:
    found = told(output, "announce", "people.csv", "--text", "Dear {{ name }}", "--draft", *more)
    return str(found["id"])


def test_a_draft_is_made_with_its_url_and_started(ledger: Ledger, capsys: Output) -> None:
    found = told(capsys, "announce", "people.csv", "--text", "Dear {{ name }}", "--draft")
    id = found["id"]
    url = f"https://bell.example.com/console/announcements/{id}"
    assert found == {"id": id, "state": "draft", "url": url}
    shown = told(capsys, "show", id)
    assert (shown["state"], shown["counts"], shown["total"], shown["url"]) == ("draft", {}, 3, url)
    assert shown["draft"]["version"] == 1
    assert told(capsys, "list") == []
    assert [each["id"] for each in told(capsys, "list", "--drafts")] == [id]
    assert told(capsys, "start", id) == {"id": id, "state": "running"}
    assert told(capsys, "list", "--drafts") == []
    assert ledger.announcements.get(id).counts[State.QUEUED] == 3


def test_a_person_reads_of_a_draft_what_there_is_to_know(ledger: Ledger, capsys: Output) -> None:
    id = draft(capsys)
    Drafts(ledger).submit(id, BOB)
    Drafts(ledger).reject(id, "wrong day", BOB)
    run(["show", id])
    shown = capsys.readouterr().out
    assert "rejected: version 1 by bob@here at " in shown
    assert ": wrong day\n" in shown
    assert "rate" not in shown
    run(["list", "--drafts"])
    [line] = capsys.readouterr().out.splitlines()
    assert line.split("\t")[:4] == [id, "people", "draft", "3"]


def test_a_draft_is_submitted_approved_and_started(
    ledger: Ledger, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESKBELL_APPROVAL_ABOVE", "2")
    assert run(["announce", "people.csv", "--text", "x", "--yes"]) == 2
    assert "DESKBELL_APPROVAL_ABOVE is 2" in capsys.readouterr().err
    assert list(ledger.redis.scan_iter("deskbell:lane:a_*")) == [], "nothing is kept"
    id = draft(capsys)
    assert told(capsys, "start", id, code=2) is None
    assert told(capsys, "submit", id)["state"] == "awaiting_approval"
    assert run(["approve", id]) == 2
    assert "wrote it: somebody else must approve" in capsys.readouterr().err
    with patch("producers.cli.drafts.machine_person", lambda: BOB):
        assert run(["approve", id, "--fingerprint", "another"]) == 2
        fingerprint = told(capsys, "show", id)["draft"]["fingerprint"]
        assert told(capsys, "approve", id, "--fingerprint", fingerprint)["state"] == "approved"
    assert told(capsys, "start", id)["state"] == "running"


def test_a_start_with_a_reason_needs_no_approval_and_is_on_record(
    ledger: Ledger, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESKBELL_APPROVAL_ABOVE", "2")
    id = draft(capsys)
    assert told(capsys, "start", id, "--reason", "fire alarm")["state"] == "running"
    assert told(capsys, "show", id)["acts"][-1]["did"] == "start without approval: fire alarm"


@pytest.mark.parametrize("verb", ["submit", "approve", "reject", "start", "discard", "again", "correct"])
def test_an_unknown_id_is_told(ledger: Ledger, capsys: Output, verb: str) -> None:
    more = ["--why", "x"] if verb == "reject" else []
    assert run([verb, "a_0000000000000000", *more]) == 5


@pytest.mark.parametrize(
    "command",
    [
        ["approve"],
        ["reject", "--why", "no"],
        ["pause"],
        ["cancel"],
        ["retry"],
        ["watch"],
        ["export", "--format", "csv"],
        ["reschedule", "--at", "1h"],
        ["correct"],
        ["again"],
    ],
)
def test_what_a_draft_cannot_do_is_told(ledger: Ledger, capsys: Output, command: list[str]) -> None:
    id = draft(capsys)
    verb, *more = command
    assert run([verb, id, *more]) == 2
    assert f"{id}: it is draft" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["submit"], ["approve"], ["reject", "--why", "no"], ["start"], ["discard"]])
def test_what_was_started_refuses_the_verb_that_was_asked_for(
    ledger: Ledger, capsys: Output, command: list[str]
) -> None:
    id = draft(capsys)
    told(capsys, "start", id)
    verb, *more = command
    assert run([verb, id, *more]) == 2
    assert f"cannot {verb} {id}: it is running" in capsys.readouterr().err


def test_a_draft_is_discarded(ledger: Ledger, capsys: Output) -> None:
    id = draft(capsys)
    assert told(capsys, "discard", id)["id"] == id
    assert run(["show", id]) == 5


def test_a_reason_must_say_something(ledger: Ledger, capsys: Output) -> None:
    id = draft(capsys)
    run(["submit", id])
    assert run(["reject", id, "--why", " "]) == 2
    assert "must say why" in capsys.readouterr().err


def test_an_announcement_is_used_again_and_corrected(ledger: Ledger, capsys: Output) -> None:
    id = told(capsys, "announce", "people.csv", "--text", "Dear {{ name }}", "--yes")["id"]
    again = told(capsys, "again", id, "--name", "Once more")
    assert told(capsys, "show", again["id"])["name"] == "Once more"
    assert run(["again", id, "--rest"]) == 2
    assert "nobody is left" in capsys.readouterr().err
    corrected = told(capsys, "correct", id, "--text", "Sorry, {{ name }}")
    assert corrected["state"] == "draft"
    assert ledger.announcements.get(id).state is AnnouncementState.CANCELLED
    assert ledger.announcements.get(corrected["id"]).total == 3


def test_what_goes_not_with_a_draft_is_told(ledger: Ledger, capsys: Output) -> None:
    for other in ("--dry-run", "--watch"):
        assert run(["announce", "people.csv", "--text", "x", "--draft", other]) == 2
        assert f"leave out {other}" in capsys.readouterr().err
    assert run(["list", "--drafts", "--notifications"]) == 2


def test_invalid_rows_are_left_out_of_a_draft_where_that_is_asked_for(ledger: Ledger, capsys: Output) -> None:
    Path("people.csv").write_text("receiver_id,name\nou_ada,Ada\n,Bob\n")
    assert run(["announce", "people.csv", "--text", "x", "--draft"]) == 2
    id = draft(capsys, "--skip-invalid")
    assert ledger.announcements.get(id).total == 1
    assert Path("people.invalid.csv").exists()


@pytest.mark.parametrize("command", [["web", "--port", "0"], ["up"]])
def test_approvals_without_any_key_are_an_error_at_the_start(
    ledger: Ledger, capsys: Output, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("DESKBELL_APPROVAL_ABOVE", "2")
    assert run(command) == 2
    assert "DESKBELL_APPROVAL_ABOVE: needs API keys" in capsys.readouterr().err
