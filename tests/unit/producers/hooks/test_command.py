"""`deskbell hook`: what it shows, that it sends nothing, and how it ends."""

import io
import json
from pathlib import Path

import pytest

from producers.cli.command_line import run
from producers.cli.output import ExitCode
from tests.unit.producers.hooks.hook_cases import PAYLOADS

__all__: list[str] = []

FIRING = str(PAYLOADS / "alertmanager_firing.json")


@pytest.fixture(autouse=True)
def _hooks_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No Redis: nothing here may need one."""
    (tmp_path / "hooks.toml").write_text(
        '[hook.oncall]\nuse = "alertmanager"\nto = ["ou_ada", "ou_bob"]\nexpires = "2h"\n'
        '[hook.github]\nuse = "github"\nto = "ou_ada"\nsecret = "hush-hush"\n'
        '[hook.card]\nto = "ou_ada"\nmessage = {msg_type = "interactive", content = {elements = []}}\n',
        "utf-8",
    )
    monkeypatch.setenv("DESKBELL_HOOKS", str(tmp_path / "hooks.toml"))
    monkeypatch.setenv("DESKBELL_REDIS_URL", "redis://127.0.0.1:1/0")


def test_the_hooks_are_listed_with_what_they_ask_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["hook", "list"]) == ExitCode.DONE
    assert [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()] == ["oncall", "github", "card"]
    assert run(["hook", "list", "--json"]) == ExitCode.DONE
    printed = capsys.readouterr().out
    assert json.loads(printed)[1] == {
        "name": "github",
        "use": "github",
        "asks_for": "signature of github",
        "path": "/v1/hooks/github",
    }
    assert "hush" not in printed


def test_the_ready_made_ones_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["hook", "list", "--ready"]) == ExitCode.DONE
    assert "alertmanager" in capsys.readouterr().out.split()


def test_a_try_shows_the_receivers_the_key_and_the_message(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["hook", "test", "oncall", FIRING]) == ExitCode.DONE
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "to ou_ada, ou_bob from desk default"
    assert lines[1].startswith("key hook/oncall/")
    assert lines[2] == 'alert hook/oncall/{}:{alertname="DiskAlmostFull"} fires'
    assert lines[3:] == [f"  {line}" for line in (PAYLOADS / "alertmanager_firing.txt").read_text().splitlines()]


def test_a_try_in_json_has_every_notification(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["hook", "test", "oncall", FIRING, "--json"]) == ExitCode.DONE
    shown = json.loads(capsys.readouterr().out)
    assert (shown["hook"], shown["holds"], shown["skipped"], shown["reason"]) == ("oncall", True, 0, None)
    assert [each["receiver_id"] for each in shown["notifications"]] == ["ou_ada", "ou_bob"]
    assert shown["notifications"][0]["message"]["content"]["text"].startswith("🔴 Firing")
    assert shown["notifications"][0]["expires_at"]


def test_a_condition_that_does_not_hold_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    ping = str(PAYLOADS / "github_ping.json")
    assert run(["hook", "test", "github", ping, "--header", "X-GitHub-Event: ping"]) == ExitCode.DONE
    assert capsys.readouterr().out == "skipped 1: no condition is true, or there is no receiver\n"


def test_what_was_left_out_is_told_beside_what_would_be_sent(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"title": "Stuck"}')))
    assert run(["hook", "test", "github", "-", "--header", "X-GitHub-Event: ping"]) == ExitCode.DONE
    assert capsys.readouterr().out.startswith("skipped 1: ")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"action": "published", "title": "Stuck"}')))
    assert run(["hook", "test", "github", "-", "--header", "X-GitHub-Event: release"]) == ExitCode.DONE
    lines = capsys.readouterr().out.splitlines()
    assert "  github: Stuck (published)" in lines
    assert lines[-1].startswith("note: ")
    assert lines[-1].endswith("a plain text was sent instead")


def test_a_payload_may_come_from_standard_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"{}")))
    assert run(["hook", "test", "card", "-"]) == ExitCode.DONE
    assert '"elements": []' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["gone", FIRING], "hook: there is no hook 'gone'; there are: card, github, oncall"),
        (["oncall", "gone.json"], "FILE: gone.json cannot be read: No such file or directory"),
        (["oncall", FIRING, "--header", "novalue"], "header: must be written as NAME:VALUE"),
    ],
)
def test_what_cannot_be_tried_is_told(capsys: pytest.CaptureFixture[str], arguments: list[str], problem: str) -> None:
    assert run(["hook", "test", *arguments]) == ExitCode.BAD_INPUT
    assert problem in capsys.readouterr().err


def test_without_a_file_it_says_which_variable_names_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DESKBELL_HOOKS")
    assert run(["hook", "test", "oncall", FIRING]) == ExitCode.BAD_INPUT
    assert "DESKBELL_HOOKS: is not set, so there are no hooks" in capsys.readouterr().err
    assert run(["hook", "list", "--json"]) == ExitCode.DONE
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.parametrize("verb", ["hook list", "up"])
def test_a_wrong_file_is_told_before_anything_starts(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, verb: str
) -> None:
    (tmp_path / "hooks.toml").write_text('[hook.it]\nuse = "generic"\n', "utf-8")
    assert run(verb.split()) == ExitCode.BAD_INPUT
    assert "hook.it.to: is missing" in capsys.readouterr().err
