"""The verbs for what was announced, over a real Valkey. No worker runs: what one would do, the tests do."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from ledger.ledger import Ledger
from ledger.settings import Settings
from ledger.states import AnnouncementState
from producers.cli.command_line import run
from tests import forking
from tests.integration.producers.cli.announcing_desk import (
    TEXT,
    Output,
    Worker,
    announced,
    asked,
    deskbell,
    people,
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


def test_watch_ends_with_4_when_it_has_paused_by_itself_and_says_why_and_what_goes_on(
    settings: Settings, worker: Worker, capsys: Output
) -> None:
    id = announced(capsys, "--first", "2")
    with soon(worker.deliver):
        assert run(["watch", id]) == 4
    out, err = capsys.readouterr()
    assert out.splitlines()[-1] == "paused: its first 2 rows have ended, 2 of 3 done; 2 delivered"
    assert err == (
        f"deskbell: its first 2 rows have ended: look at it, then `deskbell resume {id}` lets it go on with all its"
        " rows\n"
    )
    facts = asked(capsys, "show", id)
    assert (facts["state"], facts["paused_by"], facts["first"], facts["stop_at"]) == ("paused", "first_n", 2, None)
    assert asked(capsys, "resume", id) == {"id": id, "state": "running"}
    with soon(worker.deliver):
        assert run(["watch", id]) == 0


def test_a_markdown_file_and_a_markdown_text_are_cards(settings: Settings, ledger: Ledger, capsys: Output) -> None:
    Path("move.md").write_text("# Move\n\nDear **{{ name }}**, {{ x }}")
    people(1)
    assert run(["announce", "people.csv", "--markdown", "move.md", "--dry-run"]) == 2, "no column x"
    assert run(["announce", "people.csv", "--markdown-text", "Dear **{{ name }}**"]) == 0
    id = capsys.readouterr().out.split()[0]
    [row] = ledger.announcements.rows(id)
    elements = row.row.message(ledger.announcements.get(id).spec).content["elements"]
    assert elements == [{"tag": "div", "text": {"tag": "lark_md", "content": "Dear **P0**"}}]
    sent = asked(capsys, "send", "--to", "ou_ada", "--markdown-text", "# {{ not a variable }}")
    assert ledger.get(sent["id"]).notification.message.content["header"]["title"]["content"] == "{{ not a variable }}"


def test_too_many_failures_pause_it_and_the_list_says_so(settings: Settings, worker: Worker, capsys: Output) -> None:
    id = announced(capsys, "--stop-at", "5%", count=30)
    worker.fail(20)
    assert run(["watch", id]) == 4
    assert "paused: more than 5% of its rows failed, 20 of 30 done; 20 failed" in capsys.readouterr().out
    [listed] = asked(capsys, "list")
    assert (listed["paused_by"], listed["stop_at"]) == ("stop_at", "5%")
    assert run(["audit", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["did"] == "pause at stop_at"


@pytest.mark.parametrize("share", ["0.05", "100%", "-1%", "5 percent", "1.234%", ""])
def test_a_share_that_may_mean_another_is_refused(settings: Settings, capsys: Output, share: str) -> None:
    assert run(["announce", str(people(3)), *TEXT, f"--stop-at={share}"]) == 2
    assert "stop_at: must be a share from 0% to 99.99%, such as 5%" in capsys.readouterr().err


def test_watch_is_left_with_ctrl_c_and_the_announcement_goes_on(
    settings: Settings, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    id = announced(capsys)

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("producers.cli.watch_announcement.looks.__kwdefaults__", {"sleep": interrupt})
    assert run(["watch", id]) == 130
    assert f"{id} is still running; follow it again with `deskbell watch {id}`" in capsys.readouterr().err
    assert ledger.announcements.get(id).state is AnnouncementState.RUNNING


# -- list, show, steering


def test_list_gives_announcements_newest_first_and_by_state(settings: Settings, capsys: Output) -> None:
    assert asked(capsys, "list") == []
    first = announced(capsys)
    second = announced(capsys, "--key", "k")
    assert run(["list", "--ids"]) == 0
    assert capsys.readouterr().out.split() == [second, first]
    assert run(["list"]) == 0
    assert capsys.readouterr().out.splitlines()[0].split("\t")[:3] == [second, "people", "running"]
    assert asked(capsys, "list", "--desk", "hr") == []
    assert len(asked(capsys, "list", "--desk", "default")) == 2
    assert run(["pause", first]) == 0
    capsys.readouterr()
    assert [each["id"] for each in asked(capsys, "list", "--state", "paused")] == [first]
    assert run(["list", "--limit", "1"]) == 0
    assert "more than 1" in capsys.readouterr().err
    assert run(["list", "--state", "delivered"]) == 2
    assert "approved, scheduled, running, paused, cancelled, finished" in capsys.readouterr().err


def test_show_has_what_the_contract_says(settings: Settings, worker: Worker, capsys: Output) -> None:
    id = announced(capsys)
    worker.deliver(1)
    facts = asked(capsys, "show", id)
    assert facts.keys() >= {"id", "name", "state", "ended", "total", "counts", "rate", "eta_seconds"}
    assert facts["counts"] == {"delivered": 1, "queued": 2}
    assert run(["pause", id]) == 0
    assert run(["show", id]) == 0
    out = capsys.readouterr().out
    assert "name: people\n" in out
    assert "act: at=" in out
    assert "did=pause" in out
    assert "Dear" not in out


def test_pause_resume_and_cancel_tell_the_state(settings: Settings, capsys: Output) -> None:
    id = announced(capsys)
    assert asked(capsys, "pause", id) == {"id": id, "state": "paused"}
    assert asked(capsys, "resume", id) == {"id": id, "state": "running"}
    assert asked(capsys, "cancel", id) == {"id": id, "state": "cancelled"}
    assert run(["resume", id, "a_nowhere"]) == 2
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
        (("pause", "n_1"), "n_1 is not an announcement"),
        (("resume", "n_1"), "n_1 is not an announcement"),
        (("resume", "a_1", "--desk", "default"), "give either the ID of an announcement or --desk"),
        (("resolve", "--announcement", "n_1", "--as", "failed"), "n_1 is not an announcement"),
        (("resolve", "--as", "failed"), "give at least one"),
        (("export", "n_1"), "n_1 is not an announcement"),
        (("export", "a_1", "--json", "--format", "csv"), "--json writes JSONL"),
        (("announce", "p.csv"), "give one of --text, --message, --markdown, --markdown-text and --template"),
        (("announce", "p.csv", "--text", "hi"), "p.csv: cannot be read"),
        (("announce", "p.csv", "--message", "m.json"), "'m.json' cannot be read"),
        (("announce", "p.csv", "--text", "hi", "--between", "9-5"), "timezone: goes with between"),
        (("announce", "p.csv", "--text", "hi", "--weight", "0"), "'--weight'"),
        (("announce", "p.csv", "--text", "hi", "--desk", "hr"), "there is no desk 'hr'"),
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


def test_an_export_of_a_malformed_id_exits_with_5(settings: Settings, capsys: Output) -> None:
    assert run(["export", "a_NOT-AN-ID"]) == 5
    assert capsys.readouterr().err == "deskbell: no such id: a_NOT-AN-ID\n"


def test_without_redis_an_announcement_exits_with_3(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setenv("DESKBELL_REDIS_URL", "redis://127.0.0.1:1/0")
    assert run(["announce", str(people()), *TEXT]) == 3
    assert capsys.readouterr().err.count("\n") == 1


# -- export


def test_an_export_accounts_for_every_row_in_the_order_of_the_file(
    settings: Settings, worker: Worker, capsys: Output
) -> None:
    id = announced(capsys, count=5)
    worker.deliver(2)
    worker.fail(1)
    worker.lose(1)
    assert run(["export", id, "--format", "csv", "-o", "results.csv"]) == 0
    data = Path("results.csv").read_bytes()
    assert data.startswith(b'\xef\xbb\xbf"receiver_id","name","line","state","via","message_id","attempts",')
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
    with forking.Popen([deskbell_path, "export", id], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr is not None
        assert b"Traceback" not in process.stderr.read()
