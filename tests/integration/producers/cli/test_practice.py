"""`deskbell up --sandbox` practises in a ledger of its own, in which all commands work while it lives."""

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.practice import command_settings, is_practice, left_for_commands
from ledger.settings import Settings
from producers.cli.command_line import run
from tests.integration.producers.cli.up_process import deskbell, until, up
from tests.ports import free_port

__all__: list[str] = []

EXAMPLES = Path(__file__).parents[4] / "examples"
PRACTICE = {"feishu_url": "http://127.0.0.1:9", "app_id": "cli_practice", "redis_url": None}


def practice(folder: Path) -> Path:
    found = folder / ".deskbell" / "practice"
    found.mkdir(parents=True, exist_ok=True)
    return found


def test_the_commands_work_beside_it_and_leave_the_real_ledger_alone(tmp_path: Path) -> None:
    port = str(free_port())
    # A real ledger that nothing may touch: nobody listens there.
    (tmp_path / ".env").write_text("DESKBELL_REDIS_URL=redis://127.0.0.1:1\nDESKBELL_APP_SECRET=real\n")
    with up(tmp_path, "--sandbox", "--sandbox-port", port) as running:
        told = running.announced()
        assert told["sandbox"] == f"http://127.0.0.1:{port}"
        kept = tmp_path / ".deskbell" / "practice" / "practice.json"
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600

        doctor = deskbell(tmp_path, "doctor")
        assert (doctor.returncode, "practice: " in doctor.stderr) == (0, True), doctor.stdout
        assert deskbell(tmp_path, "desks").returncode == 0
        for people in ("people.csv", "people.xlsx"):
            files = (str(EXAMPLES / people), "--message", str(EXAMPLES / "card.yaml"))
            dry = deskbell(tmp_path, "announce", *files, "--dry-run", "--json")
            assert (dry.returncode, json.loads(dry.stdout)["accepted"]) == (0, 3), dry.stderr
        assert "note: Practice" in deskbell(tmp_path, "watch").stdout
        code = "from deskbell import Notifier; print(Notifier.from_env().send(receiver_id='ou_ada', text='hi').id)"
        sent = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert deskbell(tmp_path, "show", sent.stdout.strip()).returncode == 0, sent.stderr
        running.process.send_signal(signal.SIGTERM)
        assert running.ends() == 0
    assert not kept.exists()
    assert deskbell(tmp_path, "list").returncode == 3  # the real one again


def test_what_a_killed_one_has_left_is_not_used(tmp_path: Path) -> None:
    with up(tmp_path, "--sandbox") as running:
        running.announced()
        os.kill(running.process.pid, signal.SIGKILL)
        running.ends()
        valkey = running.valkey()
        assert (tmp_path / ".deskbell" / "practice" / "practice.json").exists()
        assert "practice: " not in deskbell(tmp_path, "list").stderr
        os.kill(valkey, signal.SIGTERM)
        until(lambda: not running.descendants(), running)


def test_settings_are_those_of_the_practice_while_it_lives(tmp_path: Path) -> None:
    assert command_settings() == Settings.from_env()
    with left_for_commands(practice(tmp_path), {**PRACTICE, "data_dir": str(practice(tmp_path))}):
        settings = command_settings()
        assert (settings.app_id, settings.data_dir) == ("cli_practice", practice(tmp_path))
        assert is_practice(settings)
        assert not is_practice(Settings.from_env())
    assert command_settings() == Settings.from_env()


def test_the_hooks_among_the_examples_accept_the_example(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DESKBELL_HOOKS", str(EXAMPLES / "hooks.toml"))
    assert run(["hook", "test", "script", str(EXAMPLES / "alert.json")]) == 0
    assert "Backup failed: disk full on db-3" in capsys.readouterr().out


def test_one_can_practise_with_departments_of_ones_own(tmp_path: Path) -> None:
    company = tmp_path / "company.toml"
    company.write_text('[[department]]\nid = "hr"\n[[person]]\nid = "ann"\nname = "Ann"\nemail = "ann@x.example"\n')
    with up(tmp_path, "--sandbox", "--sandbox-directory", str(company)) as running:
        running.announced()
        assert deskbell(tmp_path, "people", "ann@x.example").stdout == "ann@x.example\tou_ann\tAnn\tcan be sent to\n"
        probed = deskbell(tmp_path, "probe", "--to", "ann@x.example", "--json")
        assert (probed.returncode, json.loads(probed.stdout)["answers"]["chat_delivers"]) == (0, True), probed.stderr


def test_a_wrong_company_is_told_before_anything_starts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    company = tmp_path / "company.toml"
    company.write_text('[[person]]\nid = "ann"\ndepartments = ["hr"]\n')
    assert run(["up", "--sandbox", "--sandbox-directory", str(company)]) == 2
    assert "person ann: department 'hr' is not in the file" in capsys.readouterr().err
    assert not (tmp_path / ".deskbell").exists()


def test_a_port_of_the_sandbox_needs_a_sandbox(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["up", "--sandbox-port", "8470"]) == 2
    assert "--sandbox" in capsys.readouterr().err
