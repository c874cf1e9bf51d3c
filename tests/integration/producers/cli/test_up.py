"""`deskbell up` with real processes: it comes up, mends itself, and leaves nothing behind."""

import json
import os
import signal
import socket
from pathlib import Path

import pytest
import requests

from ledger.embedded import EmbeddedValkey
from ledger.settings import Settings
from ledger.spread_ledger import open_ledgers
from ledger.workers import live_workers
from producers.cli.command_line import run
from producers.cli.up import _programs
from tests.integration.producers.cli.up_process import deskbell, until, up

__all__: list[str] = []

pytestmark = pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="looks for processes in /proc")


def test_it_delivers_mends_itself_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with up(tmp_path, "--sandbox") as running:
        told = running.announced()
        pids = told["pids"]
        assert requests.get(f"{told['web']}/readyz", timeout=120).json() == {"status": "ok", "checks": []}
        sent = deskbell(tmp_path, "send", "--to", "ou_ada", "--text", "hi", "--wait", "90", "--json")
        assert (sent.returncode, json.loads(sent.stdout)["state"]) == (0, "delivered"), sent.stderr
        assert "nothing goes to Feishu" in running.said()
        assert f"worker1@{socket.gethostname()} ready" in running.said(), "its name tells the machine"

        second = deskbell(tmp_path, "up", "--sandbox")
        assert second.returncode == 3
        assert "another `deskbell up` is running" in second.stderr

        valkey = running.valkey()
        os.kill(pids["worker1"], signal.SIGKILL)
        os.kill(valkey, signal.SIGKILL)
        until(lambda: "the embedded Valkey has died" in running.said(), running)
        until(lambda: "worker1 was killed by SIGKILL" in running.said(), running)
        again = deskbell(tmp_path, "send", "--to", "ou_bob", "--text", "hi", "--wait", "90", "--json")
        assert (again.returncode, json.loads(again.stdout)["state"]) == (0, "delivered"), running.said()

        running.process.send_signal(signal.SIGTERM)
        assert running.ends() == 0
        assert running.descendants() == set()
        assert "deskbell: stopped" in running.said()


def test_it_starts_workers_for_each_server(tmp_path: Path) -> None:
    second = EmbeddedValkey(Settings(data_dir=tmp_path / "second", _env_file=None))
    desks = tmp_path / "desks.toml"
    desks.write_text(f'[desk.hr]\nredis = "unix://{second.socket_path}"\n', "utf-8")
    with second, up(tmp_path, DESKBELL_DESKS=str(desks)) as running:
        told = running.announced()
        assert told["workers"] == 2
        assert str(second.socket_path) in told["redis"]
        assert {"worker1", "worker2", "web"} <= told["pids"].keys()
        ledger = open_ledgers(Settings(data_dir=tmp_path / ".deskbell", desks=desks, _env_file=None))
        reporting = [live_workers(server.redis, server.keys)[0].pid for server in ledger.servers]
        assert reporting == [told["pids"]["worker1"], told["pids"]["worker2"]]
        ledger.close()


def test_a_practice_refuses_a_desk_with_a_server_of_its_own(tmp_path: Path) -> None:
    desks = tmp_path / "desks.toml"
    desks.write_text('[desk.hr]\nredis = "redis://two.example"\n', "utf-8")
    with up(tmp_path, "--sandbox", DESKBELL_DESKS=str(desks)) as running:
        assert running.ends() == 2
        assert "desk 'hr' would not stay in the practice's ledger: remove its redis" in running.said()


def test_ctrl_c_while_it_comes_up_in_the_background_leaves_nothing_behind(tmp_path: Path) -> None:
    # As `sh` starts a job with `&`, and `nohup` any.
    ignoring = ("sh", "-c", 'trap "" INT HUP; exec "$@"', "sh")
    with up(tmp_path, started_by=ignoring) as running:
        until(lambda: len(running.descendants()) >= 3, running)
        running.process.send_signal(signal.SIGHUP)
        running.process.send_signal(signal.SIGINT)
        assert running.ends() == 0
        assert running.descendants() == set()
        assert "killed" not in running.said()  # as by a second signal, and as by the end of their time


@pytest.mark.slow
def test_workers_that_die_at_once_end_it_with_exit_1_and_leave_nothing_behind(tmp_path: Path) -> None:
    # Five of them: on a busy machine a second start may come more than a minute after the first.
    with up(tmp_path, DESKBELL_WORKERS="5", DESKBELL_ERROR_CODES="missing.toml") as running:
        assert running.ends() == 1
        assert running.descendants() == set()
        assert "the 5th death within a minute" in running.said()
        assert "Traceback" not in running.said().splitlines()[-1]


def test_practising_refuses_a_desk_that_would_send_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "desks.toml").write_text('[desk.hr]\nfeishu_url = "https://open.feishu.cn"\n')
    monkeypatch.setenv("DESKBELL_DESKS", "desks.toml")
    assert run(["up", "--sandbox"]) == 2
    assert "desk 'hr' would not send to the sandbox" in capsys.readouterr().err


def test_each_worker_has_a_name_and_the_threads_of_the_settings() -> None:
    programs = _programs(Settings(workers=2, concurrency=7), practising=False, directory=None)
    assert [program.name for program in programs] == ["worker1", "worker2", "web"]
    programs = programs[:2]
    assert all("7" in program.arguments for program in programs)
    assert [program.arguments[program.arguments.index("--hostname") + 1] for program in programs] == [
        "worker1@%h",
        "worker2@%h",
    ]
