"""`deskbell announce` over a real Valkey."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from feishu.open_tickets import OpenTickets
from ledger.errors import DeskbellError
from ledger.ledger import Ledger
from ledger.settings import Settings
from ledger.states import State
from producers.announcements.lookup import Lookup
from producers.cli.command_line import run
from tests.integration.producers.cli.announcing_desk import (
    TEXT,
    Output,
    Worker,
    announced,
    asked,
    deskbell,
    on_a_terminal,
    people,
    receivers,
    soon,
)

__all__: list[str] = []

pytestmark = pytest.mark.timeout(120)  # one that follows an announcement would follow it for ever


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, empty_valkey: Settings) -> Settings:
    monkeypatch.setenv("DESKBELL_REDIS_URL", str(empty_valkey.redis))
    monkeypatch.setenv("DESKBELL_RATE", "unlimited")
    return Settings.from_env()


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    with redis.Redis.from_url(str(settings.redis)) as client:
        yield Ledger(settings, client)


@pytest.fixture
def worker(ledger: Ledger) -> Worker:
    return Worker(ledger)


@pytest.fixture(autouse=True)
def _no_feishu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lookup, "open_tickets", lambda _: OpenTickets(frozenset({"ou_1", "ou_x"}), complete=True))


def test_announce_prints_the_id_alone(settings: Settings, ledger: Ledger, capsys: Output) -> None:
    assert run(["announce", str(people()), *TEXT]) == 0
    out, err = capsys.readouterr()
    assert (out[:2], out.count("\n"), err) == ("a_", 1, "")
    assert receivers(ledger, out.strip()) == ["ou_0", "ou_1", "ou_2"]
    assert ledger.announcements.get(out.strip()).spec.name == "people"


def test_announce_again_says_which_one_it_was(settings: Settings, capsys: Output) -> None:
    id = announced(capsys)
    assert asked(capsys, "announce", "people.csv", *TEXT) == {"id": id, "total": 3, "duplicate": True}
    Path("people.csv").rename("others.csv")
    assert run(["announce", "others.csv", *TEXT]) == 0
    out, err = capsys.readouterr()
    assert out == f"{id}\n"
    assert f"the same content was announced to the same people: {id}" in err
    assert "was already announced and is running" in err
    assert asked(capsys, "announce", "others.csv", *TEXT, "--key", "k")["duplicate"] is False


def test_announce_takes_every_option_into_the_record(settings: Settings, ledger: Ledger, capsys: Output) -> None:
    Path("m.yaml").write_text("msg_type: text\ncontent: {text: 'Hi {{ name }}'}\n")
    options = ["--receive-type", "user", "--user-id-type", "union_id", "--at", "1h", "--expires", "9d", "--weight", "3"]
    more = ["--on-unknown", "resend", "--on-open-ticket", "wait", "--between", "9:00-18:00", "--timezone", "UTC"]
    Path("p.csv").write_text("receiver_id,name\non_ada,Ada\n")
    assert run(["announce", "p.csv", "--message", "m.yaml", "--name", "Move", *options, *more]) == 0
    id = capsys.readouterr().out.strip()
    spec = ledger.announcements.get(id).spec
    assert (spec.name, spec.receive_type, spec.user_id_type, spec.weight) == ("Move", "user", "union_id", 3)
    assert (spec.on_unknown, spec.on_open_ticket, spec.between) == ("resend", "wait", "9:00-18:00")
    assert ledger.announcements.get(id).counts[State.SCHEDULED] == 1


def test_recipients_may_come_from_stdin(settings: Settings, ledger: Ledger) -> None:
    rows = '{"receiver_id": "ou_ada", "name": "Ada"}\n{"receiver_id": "ou_bob", "name": 7}\n'
    done = deskbell("announce", "-", *TEXT, "--yes", "--json", given=rows)
    found = json.loads(done.stdout)
    assert (done.returncode, found["total"], done.stderr) == (0, 2, "")
    assert ledger.announcements.get(found["id"]).spec.name == "stdin"


BAD_FILES = [
    ("receiver_id,name\nou_0,A\nno id,B\n", 'line 3, column "receiver_id": must be 1 to 128'),
    ("receiver_id,name\nou_0,A,B\n", "line 2: has 3 cells"),
    ("name\nA\n", "people.csv: has no column receiver_id"),
    ("receiver_id,nick\nou_0,A\n", 'there is no column "name": there are "nick"'),
    ("receiver_id,name\n", "people.csv: has a header but no rows"),
    ("", "people.csv: is empty"),
]


@pytest.mark.parametrize(("content", "said"), BAD_FILES)
@pytest.mark.parametrize("how", [(), ("--dry-run",), ("--yes", "--json")])
def test_a_bad_file_exits_with_2_and_nothing_is_accepted(
    settings: Settings, ledger: Ledger, capsys: Output, content: str, said: str, how: tuple[str, ...]
) -> None:
    Path("people.csv").write_text(content)
    assert run(["announce", "people.csv", *TEXT, *how]) == 2
    assert said in capsys.readouterr().err
    assert ledger.redis.keys() == []


def test_a_message_that_is_too_long_for_one_row_is_told_by_its_line(settings: Settings, capsys: Output) -> None:
    Path("m.json").write_text(
        '{"msg_type": "interactive", "content": {"elements": [{"tag": "markdown", "content": "{{ name }}"}]}}'
    )
    Path("people.csv").write_text(f"receiver_id,name\nou_0,A\nou_1,{'x' * 31_000}\n")
    assert run(["announce", "people.csv", "--message", "m.json"]) == 2
    assert "deskbell: line 3: message" in capsys.readouterr().err


def test_the_first_twenty_problems_are_told_and_the_others_counted(settings: Settings, capsys: Output) -> None:
    people(2, *(f"no id,X{n}" for n in range(25)))
    assert run(["announce", "people.csv", *TEXT]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 22
    assert lines[0].startswith('deskbell: line 4, column "receiver_id"')
    assert lines[-2:] == [
        "deskbell: and 5 more",
        "deskbell: recipients: 25 invalid of 27 rows, so nothing was accepted (--skip-invalid sends the valid ones)",
    ]


def test_skip_invalid_sends_the_others_and_writes_the_invalid_ones_beside_the_file(
    settings: Settings, ledger: Ledger, tmp_path: Path, capsys: Output
) -> None:
    folder = tmp_path / "lists"
    folder.mkdir()
    (folder / "people.csv").write_text("receiver_id,name\nou_0,A\nno id,Eve\nou_1,B\n")
    assert run(["announce", str(folder / "people.csv"), *TEXT, "--skip-invalid"]) == 0
    out, err = capsys.readouterr()
    assert receivers(ledger, out.strip()) == ["ou_0", "ou_1"]
    aside = folder / "people.invalid.csv"
    assert f"1 invalid row left out: see {aside}" in err
    with aside.open(encoding="utf-8-sig", newline="") as file:
        [row] = csv.DictReader(file)
    assert (row["receiver_id"], row["name"], row["problem"][:8]) == ("no id", "Eve", "line 3, ")


def test_the_invalid_rows_of_a_pipe_are_written_to_the_current_folder(settings: Settings) -> None:
    done = deskbell("announce", "-", *TEXT, "--skip-invalid", given="receiver_id,name\nou_0,A\nno id,Eve\n")
    assert done.returncode == 0, done.stderr
    assert "Eve" in Path("stdin.invalid.csv").read_text("utf-8-sig")


def test_where_the_invalid_rows_cannot_be_written_nothing_is_accepted(
    settings: Settings, ledger: Ledger, capsys: Output
) -> None:
    people(1, "no id,Eve")
    Path("people.invalid.csv").mkdir()
    assert run(["announce", "people.csv", *TEXT, "--skip-invalid"]) == 2
    assert "people.invalid.csv: cannot be written: Is a directory" in capsys.readouterr().err
    assert ledger.redis.keys() == []


def test_with_no_valid_row_there_is_nothing_to_skip_to(settings: Settings, capsys: Output) -> None:
    people(0, "no id,Eve")
    assert run(["announce", "people.csv", *TEXT, "--skip-invalid"]) == 2
    assert "1 invalid of 1 row" in capsys.readouterr().err


# -- dry run


def test_a_dry_run_tells_all_and_accepts_nothing(settings: Settings, ledger: Ledger, capsys: Output) -> None:
    people(3, "ou_0,again")
    assert run(["announce", "people.csv", *TEXT, "--dry-run"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "people: 4 rows (CSV, UTF-8, commas)",
        "3 to send, 0 invalid",
        "at least 3 calls: starts at once",
        "1 row repeats an earlier receiver: left out (line 5 has the same receiver as line 2)",
        "1 to receivers with an open ticket: sent to the chat with the bot",
    ]
    assert "deskbell: line 2 gets this message (text):\n  Dear P0\n" in err
    assert ledger.redis.keys() == []


def test_a_dry_run_with_invalid_rows_exits_with_2_unless_they_are_skipped(settings: Settings, capsys: Output) -> None:
    people(2, "no id,Eve")
    assert run(["announce", "people.csv", *TEXT, "--dry-run", "--json"]) == 2
    facts = json.loads(capsys.readouterr().out)
    assert (facts["rows"], facts["accepted"], facts["problems"][0]["line"]) == (3, 2, 4)
    assert run(["announce", "people.csv", *TEXT, "--dry-run", "--skip-invalid"]) == 0
    assert not Path("people.invalid.csv").exists()


def test_a_dry_run_foretells_the_end_at_the_quota(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setenv("DESKBELL_RATE", "100/minute")
    announced(capsys, count=100)
    people(200)
    facts = asked(capsys, "announce", "people.csv", *TEXT, "--dry-run")
    assert (facts["calls"], facts["running_beside"]) == (200, 1)
    assert facts["seconds"] == pytest.approx(181, abs=1)
    assert run(["announce", "people.csv", *TEXT, "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "at least 200 calls: starts at once; ends about 20" in told
    assert "), in 3 min, sharing the desk with 1 more" in told


def test_when_feishu_cannot_be_asked_for_tickets_the_dry_run_says_so(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    def fail(_: Lookup) -> OpenTickets:
        raise DeskbellError("Feishu does not answer")

    monkeypatch.setattr(Lookup, "open_tickets", fail)
    people()
    assert run(["announce", "people.csv", *TEXT, "--dry-run"]) == 0
    assert "open tickets are not known: Feishu does not answer" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "found", "told"),
    [
        ((), OpenTickets(frozenset({"ou_2"}), complete=True), (1, None)),
        ((), OpenTickets(frozenset({"ou_2"}), complete=False), (1, "at least: Feishu did not show all tickets")),
        (("--user-id-type", "user_id"), None, (None, "Feishu lists tickets by open_id alone")),
        (("--receive-type", "user"), None, (None, None)),  # such a message goes past the ticket
    ],
)
def test_a_dry_run_counts_open_tickets_as_far_as_they_are_known(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: Output, options: tuple[str, ...], found: Any, told: Any
) -> None:
    monkeypatch.setattr(Lookup, "open_tickets", lambda _: found)
    facts = asked(capsys, "announce", str(people()), *TEXT, *options, "--dry-run")
    assert (facts["open_tickets"], facts["open_tickets_note"]) == told


def test_an_email_without_credentials_is_bad_input(settings: Settings, ledger: Ledger, capsys: Output) -> None:
    Path("people.csv").write_text("email,name\nada@example.com,Ada\n")
    assert run(["announce", "people.csv", *TEXT]) == 2
    assert "desk default: not set: app_id" in capsys.readouterr().err
    assert list(ledger.announcements.newest()) == []


def test_feishu_is_not_asked_when_nobody_reads_the_answer(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setattr(Lookup, "open_tickets", None)
    announced(capsys)


def test_gb18030_is_said(settings: Settings, capsys: Output) -> None:
    Path("people.csv").write_bytes("receiver_id;name\nou_0;张三\nou_1;李四\n".encode("gb18030"))
    assert run(["announce", "people.csv", *TEXT]) == 0
    assert "it was read as GB18030" in capsys.readouterr().err


# -- a terminal


def test_on_a_terminal_it_is_shown_and_asked(settings: Settings, ledger: Ledger) -> None:
    people(3)
    code, shown = on_a_terminal("announce", "people.csv", *TEXT, typed=b"y\n", until=b"[y/N]")
    assert code == 0, shown
    assert "at least 3 calls: starts at once" in shown
    assert "Dear P0" in shown
    assert "open tickets are not known" in shown  # no credentials
    [announcement] = ledger.announcements.newest()
    assert announcement.id in shown


def test_whoever_says_no_announces_nothing(settings: Settings, ledger: Ledger) -> None:
    people(3)
    code, shown = on_a_terminal("announce", "people.csv", *TEXT, typed=b"\n", until=b"[y/N]")
    assert code == 1
    assert "nothing was announced" in shown
    assert ledger.redis.keys() == []


def test_yes_is_not_asked_and_watch_draws_a_bar(settings: Settings, ledger: Ledger, worker: Worker) -> None:
    people(3)
    with soon(lambda: [deliver_when_there(ledger, worker)]):
        code, shown = on_a_terminal("announce", "people.csv", *TEXT, "--yes", "--watch")
    assert code == 0, shown
    assert "[y/N]" not in shown
    assert "3/3" in shown
    assert "finished: complete" in shown


def deliver_when_there(ledger: Ledger, worker: Worker) -> None:
    while not list(ledger.announcements.newest()):
        ledger.redis.ping()
    worker.deliver()


def test_a_terminal_without_a_stdin_to_answer_on_needs_yes(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert run(["announce", str(people()), *TEXT]) == 2
    assert "add --yes" in capsys.readouterr().err


def test_people_get_tables(settings: Settings, worker: Worker, capsys: Output) -> None:
    id = announced(capsys, "--name", "[Office] move")
    worker.deliver(1)
    code, shown = on_a_terminal("list")
    assert code == 0
    assert id in shown
    assert "[Office] move" in shown
    assert "1 of 3 (33 %)" in shown
    assert "1 delivered, 2 queued" in on_a_terminal("show", id)[1].replace(
        "2 queued, 1 delivered", "1 delivered, 2 queued"
    )
