"""`deskbell watch` without an id: the page *Now* on a terminal, as plain lines, and as JSON."""

import io
import json

import pytest
from rich.console import Console

from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.overview import Overview
from ledger.settings import Settings
from producers.cli import watch_all as watch_all_module
from producers.cli.command_line import run
from producers.cli.watch_all import watch_all
from tests.integration.producers.cli.announcing_desk import Output, Worker, announced

__all__: list[str] = []


@pytest.fixture
def ledger(empty_valkey: Settings, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    monkeypatch.setenv("DESKBELL_DATA_DIR", str(empty_valkey.data_dir))
    return Ledger(empty_valkey)


def test_it_prints_each_desk_and_its_lanes_where_nobody_looks(ledger: Ledger, capsys: Output) -> None:
    id = announced(capsys, "--name", "Office move")
    Worker(ledger).deliver(1)
    assert run(["watch"]) == 0
    head, desk, events, lane = capsys.readouterr().out.splitlines()
    assert "no worker is running" in head
    assert desk.startswith("default: 2 waiting, ")
    assert events == "default: events: 0 waiting"
    assert lane.startswith(f"default: {id} Office move: 2 waiting, oldest waiting ")


def test_json_is_one_snapshot(ledger: Ledger, capsys: Output) -> None:
    id = announced(capsys)
    ledger.accept([Notification.build({"receiver_id": "ou_1", "text": "Disk full"})])
    assert run(["watch", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    [desk] = told["desks"]
    assert [(lane["lane"], lane["waiting"]) for lane in desk["lanes"]] == [("events", 1), (id, 3)]
    assert [each["id"] for each in told["announcements"]] == [id]
    assert told["events_at_rest"] == {"failed": 0, "unknown": 0}


def test_on_a_terminal_it_stays_until_ctrl_c(ledger: Ledger, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    announced(capsys, "--name", "Office move")
    shown: list[float] = []

    def ctrl_c(seconds: float) -> None:
        shown.append(seconds)
        if len(shown) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(watch_all_module, "is_interactive", lambda: True)
    with pytest.raises(KeyboardInterrupt):
        watch_all(ledger, as_json=False, sleep=ctrl_c)
    assert shown == [1.0, 1.0]


def test_what_it_draws_names_desks_lanes_and_the_last_hour(ledger: Ledger, capsys: Output) -> None:
    announced(capsys, "--name", "Office move")
    console = Console(width=100, file=io.StringIO())
    console.print(watch_all_module.drawn(Overview(ledger).survey()))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "Office move running" in text
    assert "0 of 100" in text
    assert "last hour" in text
