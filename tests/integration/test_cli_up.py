"""`deskbell up` with real processes: it comes up, mends itself, and leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from ledger.settings import Settings
from producers.cli.command_line import run
from producers.cli.up import _programs

__all__: list[str] = []

DESKBELL = Path(sys.executable).with_name("deskbell")


class Up:
    """A `deskbell up` in its own directory; its stderr goes to a file, so that no pipe can fill."""

    def __init__(self, folder: Path, *arguments: str, **variables: str) -> None:
        self.folder = folder
        self.log = folder / "up.log"
        environment = {
            **os.environ,
            "DESKBELL_WORKERS": "1",
            "DESKBELL_CONCURRENCY": "2",
            "DESKBELL_PORT": "0",
        } | variables
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [DESKBELL, "up", "--json", *arguments],
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=folder,
                env=environment,
                text=True,
            )

    def announced(self) -> dict[str, Any]:
        """Waits until it is up. What it prints then."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.said()
        found: dict[str, Any] = json.loads(line)
        return found

    def said(self) -> str:
        return self.log.read_text("utf-8", "replace")

    def descendants(self) -> set[int]:
        """Of this `up`: whoever has its directory as its own, or as its data directory's parent."""
        return {pid for pid in _pids() if pid != os.getpid() and _works_in(pid, self.folder)}

    def ends(self, timeout_seconds: float = 30) -> int:
        return self.process.wait(timeout_seconds)


def _pids() -> Iterator[int]:
    return (int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal())


def _works_in(pid: int, folder: Path) -> bool:
    try:
        return Path(f"/proc/{pid}/cwd").resolve(strict=True).is_relative_to(folder)
    except OSError:  # it has ended meanwhile
        return False


@contextmanager
def up(folder: Path, *arguments: str, **variables: str) -> Iterator[Up]:
    running = Up(folder, *arguments, **variables)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.send_signal(signal.SIGTERM)
            running.process.send_signal(signal.SIGINT)
            running.ends()
        if running.process.stdout:
            running.process.stdout.close()


def until(holds: Callable[[], bool], up: Up, timeout_seconds: float = 20) -> None:
    ends_at = time.monotonic() + timeout_seconds
    while not holds():
        assert time.monotonic() < ends_at, up.said()
        time.sleep(0.05)


def deskbell(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([DESKBELL, *arguments], cwd=folder, capture_output=True, text=True, timeout=40, check=False)


pytestmark = pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="looks for processes in /proc")


def test_it_delivers_mends_itself_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with up(tmp_path, "--sandbox") as running:
        told = running.announced()
        pids = told["pids"]
        assert requests.get(f"{told['web']}/readyz", timeout=20).json() == {"status": "ok"}
        sent = deskbell(tmp_path, "send", "--to", "ou_ada", "--text", "hi", "--wait", "20", "--json")
        assert (sent.returncode, json.loads(sent.stdout)["state"]) == (0, "delivered"), sent.stderr
        assert "practising" in running.said()

        second = deskbell(tmp_path, "up")
        assert second.returncode == 3
        assert "another `deskbell up` is running" in second.stderr

        valkey = _valkey_of(running)
        os.kill(pids["worker1"], signal.SIGKILL)
        os.kill(valkey, signal.SIGKILL)
        until(lambda: "the embedded Valkey has died" in running.said(), running)
        until(lambda: "worker1 was killed by SIGKILL" in running.said(), running)
        again = deskbell(tmp_path, "send", "--to", "ou_bob", "--text", "hi", "--wait", "30", "--json")
        assert (again.returncode, json.loads(again.stdout)["state"]) == (0, "delivered"), running.said()

        running.process.send_signal(signal.SIGTERM)
        assert running.ends() == 0
        assert running.descendants() == set()
        assert "deskbell: everything has stopped" in running.said()


def _valkey_of(running: Up) -> int:
    [pid] = [pid for pid in running.descendants() if b"valkey-server" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return pid


def test_ctrl_c_while_it_comes_up_leaves_nothing_behind(tmp_path: Path) -> None:
    with up(tmp_path) as running:
        until(lambda: len(running.descendants()) >= 3, running)
        running.process.send_signal(signal.SIGINT)
        assert running.ends() == 0
        assert running.descendants() == set()


def test_workers_that_die_at_once_end_it_with_exit_1_and_leave_nothing_behind(tmp_path: Path) -> None:
    with up(tmp_path, DESKBELL_WORKERS="3", DESKBELL_ERROR_CODES="missing.toml") as running:
        assert running.ends(60) == 1
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
    programs = _programs(Settings(workers=2, concurrency=7), practising=False)
    assert [program.name for program in programs] == ["worker1", "worker2", "web"]
    programs = programs[:2]
    assert all("7" in program.arguments for program in programs)
    assert [program.arguments[program.arguments.index("--hostname") + 1] for program in programs] == [
        "worker1@%h",
        "worker2@%h",
    ]
