"""What is forked off is like what is started: a child of the test, with its own variables, folder, streams and end."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import forking

DESKBELL = Path(sys.executable).with_name("deskbell")
SANDBOX = (sys.executable, "-m", "sandbox", "--port", "0")


def sandbox(**options: Any) -> "subprocess.Popen[Any]":
    return forking.Popen(SANDBOX, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, **options)


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


@pytest.mark.parametrize("arguments", [("config", "--json"), ("list",), ("no-such-verb",), ("--version",)])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_command_says_and_ends_as_one_that_is_started(tmp_path: Path, arguments: tuple[str], language: str) -> None:
    environment = {**os.environ, "DESKBELL_LANG": language, "DESKBELL_RATE": "7/minute", "COLUMNS": "80"}
    command, where = [DESKBELL, *arguments], {"cwd": tmp_path, "env": environment}
    forked = forking.run(command, timeout=120, **where)
    started = subprocess.run(command, capture_output=True, timeout=120, check=False, **where)  # type: ignore[call-overload]
    assert (forked.returncode, forked.stdout, forked.stderr) == (started.returncode, started.stdout, started.stderr)


def test_what_is_given_to_a_command_is_all_that_it_reads() -> None:
    told = forking.run([DESKBELL, "announce", "-", "--text", "Hello"], input="receiver\nou_1\n", text=True, timeout=120)
    assert "receiver" in told.stderr


def test_it_is_a_child_in_its_own_session_with_no_other_files(tmp_path: Path) -> None:
    with sandbox(start_new_session=True, cwd=tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        assert "forking" in command_line(process.pid)
        status = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        parent, group, session = map(int, status[1:4])
        assert (parent, group, session) == (os.getpid(), process.pid, process.pid)
        assert Path(f"/proc/{process.pid}/cwd").resolve() == tmp_path
        files = {os.readlink(f"/proc/{process.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{process.pid}/fd")}
        assert f"pipe:[{os.fstat(process.stdout.fileno()).st_ino}]" in files
        assert sum(file.startswith("pipe:") for file in files) == 1
        process.terminate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_signals_reach_it_and_its_end_is_seen(number: int) -> None:
    with sandbox() as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        assert process.poll() is None
        process.send_signal(number)
        assert process.wait(120) == (0 if number == signal.SIGTERM else -number)


@pytest.mark.parametrize(
    "options", [{"env": {**os.environ, "PYTHONHASHSEED": "4711"}}, {"preexec_fn": lambda: None}, {"pass_fds": (2,)}]
)
def test_what_a_fork_cannot_give_is_started(options: dict[str, Any]) -> None:
    with sandbox(**options) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        assert "forking" not in command_line(process.pid)
        process.terminate()
