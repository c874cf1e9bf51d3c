"""The verbs of announcements over a real Valkey. No worker runs: what one would do, the tests do with the ledger's own
verbs."""

import csv
import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
import redis

from ledger.announcement import AnnouncementState
from ledger.errors import DeskbellError
from ledger.ledger import Ledger
from ledger.models import Attempt, ReceiveType
from ledger.settings import Settings
from ledger.states import Outcome, State
from ledger.work import Result, Work
from producers.cli.command_line import run
from producers.lookup import Lookup, OpenTickets

__all__: list[str] = []

pytestmark = pytest.mark.timeout(60)  # one that follows an announcement would follow it for ever

Output = pytest.CaptureFixture[str]
TEXT = ("--text", "Dear {{ name }}")


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, empty_valkey: Settings) -> Settings:
    monkeypatch.setenv("DESKBELL_REDIS_URL", empty_valkey.ledger_url)
    monkeypatch.setenv("DESKBELL_RATE", "unlimited")
    return Settings.from_env()


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    with redis.Redis.from_url(settings.ledger_url) as client:
        yield Ledger(settings, client)


@pytest.fixture(autouse=True)
def _no_feishu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lookup, "tickets", lambda _: OpenTickets(frozenset({"ou_1", "ou_x"}), complete=True))


class Worker:
    """Gives waiting rows an end."""

    def __init__(self, ledger: Ledger) -> None:
        self._work = Work(ledger.redis, ledger.settings, longest_call_ms=1000)
        self._desk = ledger.settings.desk("default")

    def end(self, count: int, to: State, outcome: Outcome, code: int | None = None, msg: str | None = None) -> None:
        [released] = self._work.release([(self._desk, count, 1000)])
        _, claims = self._work.claim(self._desk, "token", released.ids)
        message_id = "om_1" if to is State.DELIVERED else None
        attempt = Attempt(1_763_800_000_000, ReceiveType.CHAT, outcome, code, message_id=message_id, msg=msg)
        self._work.record(self._desk, "token", [Result(claim.id, to, [attempt]) for claim in claims], "up")

    def deliver(self, count: int = 1000) -> None:
        self.end(count, State.DELIVERED, Outcome.DELIVERED)

    def fail(self, count: int = 1000) -> None:
        self.end(count, State.FAILED, Outcome.REFUSED, 154004, "=no such person")

    def lose(self, count: int = 1000) -> None:
        self.end(count, State.UNKNOWN, Outcome.UNKNOWN)


@pytest.fixture
def worker(ledger: Ledger) -> Worker:
    return Worker(ledger)


@contextmanager
def soon(act: Any) -> Iterator[None]:
    """Runs `act` while the body waits for it."""
    timer = Timer(0.1, act)
    timer.start()
    try:
        yield
    finally:
        timer.join()


def people(count: int = 3, *more: str) -> Path:
    path = Path("people.csv")
    path.write_text("receiver_id,name\n" + "".join(f"ou_{n},P{n}\n" for n in range(count)) + "\n".join(more))
    return path


def announced(capsys: Output, *options: str, count: int = 3) -> str:
    assert run(["announce", str(people(count)), *TEXT, *options]) == 0
    return capsys.readouterr().out.split()[0]


def asked(capsys: Output, *arguments: str) -> Any:
    assert run([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def receivers(ledger: Ledger, id: str) -> list[str]:
    return [found.row.receiver_id for found in ledger.announcements.rows(id)]


# -- announce


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
    assert f"the same content went to the same people: {id}" in err
    assert "had been announced before; it is running" in err
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
    ("receiver_id,nick\nou_0,A\n", "uses the variable 'name', which is no column"),
    ("receiver_id,name\n", "people.csv: has a header and no rows"),
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
        "deskbell: recipients: 25 of 27 rows are invalid, so nothing was accepted (--skip-invalid sends the others)",
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
    assert f"1 invalid row is left out: see {aside}" in err
    with aside.open(encoding="utf-8-sig", newline="") as file:
        [row] = csv.DictReader(file)
    assert (row["receiver_id"], row["name"], row["problem"][:8]) == ("no id", "Eve", "line 3, ")


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
    assert "1 of 1 rows are invalid" in capsys.readouterr().err


# -- dry run


def test_a_dry_run_tells_all_and_accepts_nothing(settings: Settings, ledger: Ledger, capsys: Output) -> None:
    people(3, "ou_0,again")
    assert run(["announce", "people.csv", *TEXT, "--dry-run"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "people: 4 rows (CSV, UTF-8, commas)",
        "3 to send, 0 invalid",
        "3 calls at least",
        "1 row has a receiver that came before: left out (line 5 has that of line 2)",
        "1 to receivers with an open ticket: they get it in the chat with the bot",
    ]
    assert "deskbell: line 2 gets a message of the type text:\n  Dear P0\n" in err
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
    assert "200 calls at least: finished in 3 min, about " in capsys.readouterr().out


def test_when_feishu_cannot_be_asked_for_tickets_the_dry_run_says_so(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    def fail(_: Lookup) -> OpenTickets:
        raise DeskbellError("Feishu does not answer")

    monkeypatch.setattr(Lookup, "tickets", fail)
    people()
    assert run(["announce", "people.csv", *TEXT, "--dry-run"]) == 0
    assert "open ticket is not known: Feishu does not answer" in capsys.readouterr().out


def test_feishu_is_not_asked_when_nobody_reads_the_answer(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setattr(Lookup, "tickets", None)
    announced(capsys)
    assert asked(capsys, "announce", "people.csv", *TEXT, "--receive-type", "user", "--dry-run")["open_tickets"] is None


def test_gb18030_is_said(settings: Settings, capsys: Output) -> None:
    Path("people.csv").write_bytes("receiver_id;name\nou_0;张三\nou_1;李四\n".encode("gb18030"))
    assert run(["announce", "people.csv", *TEXT]) == 0
    assert "it was read as GB18030" in capsys.readouterr().err


# -- a terminal


def deskbell(*arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name("deskbell"), *arguments]
    return subprocess.run(command, input=given, capture_output=True, text=True, timeout=30, check=False)


def on_a_terminal(*arguments: str, typed: bytes = b"", until: bytes = b"") -> tuple[int, str]:
    """Runs `deskbell` with all streams on a terminal; types when `until` is there. Returns the exit code and all that
    was written."""
    controller, terminal = pty.openpty()
    command = [Path(sys.executable).with_name("deskbell"), *arguments]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen(
        command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment, start_new_session=True
    ) as process:
        os.close(terminal)
        output = b""
        while chunk := _read(controller):
            output += chunk
            if typed and until in output:
                os.write(controller, typed)
                typed = b""
    os.close(controller)
    return process.returncode, output.decode()


def _read(controller: int) -> bytes:
    try:
        return os.read(controller, 65536)
    except OSError:  # Linux's way to say that the other end is closed
        return b""


def test_on_a_terminal_it_is_shown_and_asked(settings: Settings, ledger: Ledger) -> None:
    people(3)
    code, shown = on_a_terminal("announce", "people.csv", *TEXT, typed=b"y\n", until=b"[y/N]")
    assert code == 0, shown
    assert "3 calls at least" in shown
    assert "Dear P0" in shown
    assert "open ticket is not known" in shown  # no credentials
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


# -- exactly once

#: Runs the command line, and kills itself when the Nth command, or pipeline, for Redis is written.
KILLED = """
import os, signal, sys
from redis.connection import AbstractConnection as Connection
from producers.cli.command_line import run
left = int(sys.argv[1])
send = Connection.send_packed_command
def send_and_die(self, *arguments, **options):
    global left
    left -= 1
    send(self, *arguments, **options)
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
Connection.send_packed_command = send_and_die
sys.exit(run(sys.argv[2:]))
"""


def killed_at(count: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-c", KILLED, str(count), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_killed_at_any_moment_and_run_again_it_is_announced_once(
    settings: Settings, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setattr("ledger.announcements.ROWS", 500)
    command = ("announce", str(people(7_000)), *TEXT, "--json")  # more than one round trip of rows
    started: set[bool] = set()
    for count in range(1, 100):
        ledger.redis.flushall()
        killed = killed_at(count, *command)
        started.add(bool(list(ledger.announcements.newest())))
        again = asked(capsys, *command[:-1])
        assert again["total"] == 7_000
        [announcement] = ledger.announcements.newest()
        assert announcement.counts[State.QUEUED] == 7_000
        assert receivers(ledger, again["id"]) == [f"ou_{n}" for n in range(7_000)]
        if killed.returncode == 0:
            assert json.loads(killed.stdout)["id"] == again["id"]
            assert again["duplicate"] is True
            break
        assert killed.returncode == -9, killed.stderr
        assert again["duplicate"] is (announcement.id in killed.stdout) or started
    assert count > 10
    assert started == {False, True}


# -- watch


def test_watch_tells_how_it_stands_until_it_is_finished(settings: Settings, worker: Worker, capsys: Output) -> None:
    id = announced(capsys)
    with soon(worker.deliver):
        assert run(["watch", id]) == 0
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first == "running, 0 of 3 done"
    assert last == "finished: complete, 3 of 3 done; 3 delivered"
    assert asked(capsys, "watch", id)["ended"] == "complete"


@pytest.mark.parametrize("end", [Worker.fail, Worker.lose])
def test_watch_exits_with_4_when_not_everybody_has_it(
    settings: Settings, worker: Worker, capsys: Output, end: Any
) -> None:
    id = announced(capsys)
    worker.deliver(1)
    end(worker)
    assert run(["watch", id]) == 4
    assert "finished: partial, 3 of 3 done; 1 delivered, 2 " in capsys.readouterr().out


def test_watch_ends_when_it_is_cancelled(settings: Settings, capsys: Output) -> None:
    id = announced(capsys)
    assert run(["cancel", id]) == 0
    assert run(["watch", id]) == 4
    assert "cancelled, 3 of 3 done; 3 cancelled" in capsys.readouterr().out


def test_watch_is_left_with_ctrl_c_and_the_announcement_goes_on(
    settings: Settings, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    id = announced(capsys)

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("producers.cli.follow.looks.__kwdefaults__", {"sleep": interrupt})
    assert run(["watch", id]) == 130
    assert f"{id} goes on; see it again with `deskbell watch {id}`" in capsys.readouterr().err
    assert ledger.announcements.get(id).state is AnnouncementState.RUNNING


# -- list, show, steering


def test_list_gives_announcements_newest_first_and_by_state(settings: Settings, capsys: Output) -> None:
    assert asked(capsys, "list") == []
    first = announced(capsys)
    second = announced(capsys, "--key", "k")
    assert run(["list"]) == 0
    assert capsys.readouterr().out.split() == [second, first]
    assert run(["pause", first]) == 0
    capsys.readouterr()
    assert [each["id"] for each in asked(capsys, "list", "--state", "paused")] == [first]
    assert run(["list", "--limit", "1"]) == 0
    assert "more than 1" in capsys.readouterr().err
    assert run(["list", "--state", "delivered"]) == 2
    assert "there are running, paused, cancelled, finished" in capsys.readouterr().err


def test_show_has_what_the_contract_says(settings: Settings, worker: Worker, capsys: Output) -> None:
    id = announced(capsys)
    worker.deliver(1)
    facts = asked(capsys, "show", id)
    assert facts.keys() >= {"id", "name", "state", "ended", "total", "counts", "rate", "eta_seconds"}
    assert facts["counts"] == {"delivered": 1, "queued": 2}
    assert run(["pause", id]) == 0
    assert run(["show", id]) == 0
    out = capsys.readouterr().out
    assert "name people\n" in out
    assert "act at=" in out
    assert "did=pause" in out
    assert "Dear" not in out


def test_pause_resume_and_cancel_tell_the_state(settings: Settings, capsys: Output) -> None:
    id = announced(capsys)
    assert asked(capsys, "pause", id) == {"id": id, "state": "paused"}
    assert asked(capsys, "resume", id) == {"id": id, "state": "running"}
    assert asked(capsys, "cancel", id) == {"id": id, "state": "cancelled"}
    assert run(["resume", id, "a_nowhere"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        f"deskbell: cannot resume {id}: it is cancelled",
        "deskbell: no such id: a_nowhere",
    ]


def test_retry_takes_the_failed_rows_alone_unless_told(settings: Settings, worker: Worker, capsys: Output) -> None:
    id = announced(capsys, count=6)
    worker.deliver(1)
    worker.fail(2)
    worker.lose(3)
    assert asked(capsys, "retry", id) == {"id": id, "rows": 2}
    assert asked(capsys, "show", id)["counts"] == {"delivered": 1, "queued": 2, "unknown": 3}
    assert asked(capsys, "retry", id, "--state", "unknown") == {"id": id, "rows": 3}
    assert run(["retry", id]) == 0
    out, err = capsys.readouterr()
    assert (out, err) == (f"{id}\n", f"deskbell: {id}: 0 rows\n")


@pytest.mark.parametrize("named", [("{}",), ("--announcement", "{}")])
def test_resolve_settles_all_its_unknown_rows(
    settings: Settings, worker: Worker, capsys: Output, named: tuple[str, ...]
) -> None:
    id = announced(capsys)
    worker.lose()
    arguments = [part.format(id) for part in named]
    assert asked(capsys, "resolve", *arguments, "--as", "delivered") == {"id": id, "rows": 3}
    assert asked(capsys, "show", id)["ended"] == "complete"


def test_one_row_is_shown_and_steered_by_its_own_id(settings: Settings, worker: Worker, capsys: Output) -> None:
    id = announced(capsys)
    worker.fail()
    row = f"n_{id[2:]}-1"
    facts = asked(capsys, "show", row)
    assert (facts["announcement"], facts["receiver_id"], facts["state"]) == (id, "ou_1", "failed")
    assert asked(capsys, "retry", row) == {"id": row, "state": "queued"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("pause", "n_1"), "n_1 is no announcement"),
        (("resume", "n_1"), "n_1 is no announcement"),
        (("resume", "a_1", "--desk", "default"), "say which one"),
        (("resolve", "--announcement", "n_1", "--as", "failed"), "n_1 is no announcement"),
        (("resolve", "--as", "failed"), "give at least one"),
        (("export", "n_1"), "n_1 is no announcement"),
        (("export", "a_1", "--json", "--format", "csv"), "--json is JSONL"),
        (("announce", "p.csv"), "give either --text or --message"),
        (("announce", "p.csv", "--text", "hi"), "p.csv: cannot be read"),
        (("announce", "p.csv", "--message", "m.json"), "'m.json' cannot be read"),
        (("announce", "p.csv", "--text", "hi", "--between", "9-5"), "timezone: goes with between"),
        (("announce", "p.csv", "--text", "hi", "--weight", "0"), "'--weight'"),
        (("announce", "p.csv", "--text", "hi", "--desk", "hr"), "no desk is named 'hr'"),
        (("announce", "p.csv", "--text", "hi {{"), "message.content.text"),
    ],
)
def test_bad_usage_is_one_line_and_exits_with_2(
    settings: Settings, capsys: Output, arguments: tuple[str, ...], said: str
) -> None:
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert said in err


@pytest.mark.parametrize("verb", ["show", "watch", "export", "pause", "resume", "cancel", "retry"])
def test_an_id_that_nobody_has_exits_with_5(settings: Settings, capsys: Output, verb: str) -> None:
    assert run([verb, "a_nowhere"]) == 5
    assert capsys.readouterr().err == "deskbell: no such id: a_nowhere\n"


def test_without_redis_an_announcement_exits_with_3(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setenv("DESKBELL_REDIS_URL", "redis://127.0.0.1:1/0")
    assert run(["announce", str(people()), *TEXT]) == 3
    assert capsys.readouterr().err.count("\n") == 1


# -- export


def test_an_export_accounts_for_every_row_in_the_order_of_the_file(
    settings: Settings, worker: Worker, capsys: Output, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    id = announced(capsys, count=5)
    worker.deliver(2)
    worker.fail(1)
    worker.lose(1)
    assert run(["export", id, "--format", "csv", "-o", "results.csv"]) == 0
    data = Path("results.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbfreceiver_id,name,line,state,via,message_id,attempts,error_code,error_msg,")
    assert data.count(b"\r\n") == 6
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert [(row["line"], row["receiver_id"], row["name"], row["state"]) for row in rows] == [
        ("2", "ou_0", "P0", "delivered"),
        ("3", "ou_1", "P1", "delivered"),
        ("4", "ou_2", "P2", "failed"),
        ("5", "ou_3", "P3", "unknown"),
        ("6", "ou_4", "P4", "queued"),
    ]
    assert (rows[0]["via"], rows[0]["message_id"], rows[0]["attempts"]) == ("chat", "om_1", "1")
    assert (rows[2]["error_code"], rows[2]["error_msg"]) == ("154004", "'=no such person")
    assert rows[2]["finished_at"].endswith("Z")
    assert (rows[4]["finished_at"], rows[4]["attempts"]) == ("", "0")


def test_an_export_as_jsonl_has_the_values_as_they_are(settings: Settings, worker: Worker, capsys: Output) -> None:
    Path("people.csv").write_text("receiver_id,name,state\nou_0,=1+1,Bayern\n")
    assert run(["announce", "people.csv", *TEXT]) == 0
    id = capsys.readouterr().out.strip()
    worker.fail()
    assert run(["export", id, "-o", "results.jsonl"]) == 0
    [row] = map(json.loads, Path("results.jsonl").read_text().splitlines())
    assert (row["name"], row["input_state"], row["state"], row["error_msg"]) == (
        "=1+1", "Bayern", "failed", "=no such person",
    )  # fmt: skip
    done = deskbell("export", id, "--json")
    assert json.loads(done.stdout) == row


def test_an_export_that_cannot_be_written_leaves_the_old_one(settings: Settings, capsys: Output) -> None:
    id = announced(capsys)
    assert run(["export", id, "-o", "nowhere/results.csv"]) == 2
    assert "nowhere/results.csv cannot be written: No such file" in capsys.readouterr().err
    assert run(["export", id, "-o", "/dev/null"]) == 0
    assert Path("/dev/null").is_char_device()
    assert [path.name for path in Path().iterdir()] == ["people.csv"]


def test_a_reader_that_leaves_early_is_no_traceback(settings: Settings, capsys: Output) -> None:
    id = announced(capsys, count=5_000)
    deskbell_path = Path(sys.executable).with_name("deskbell")
    with subprocess.Popen([deskbell_path, "export", id], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr is not None
        assert b"Traceback" not in process.stderr.read()
