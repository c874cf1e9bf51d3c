"""What the tests of the announcements' verbs share: files, the part of a worker, a command line on a terminal."""

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

from ledger.delivery_options import ReceiveType
from ledger.leases import Leases, Result
from ledger.ledger import Ledger
from ledger.progress import Attempt
from ledger.states import Outcome, State
from producers.cli.command_line import run
from tests import forking

__all__ = ["TEXT", "Output", "Worker", "announced", "asked", "deskbell", "on_a_terminal", "people", "receivers", "soon"]

Output = pytest.CaptureFixture[str]
TEXT = ("--text", "Dear {{ name }}")


class Worker:
    """Gives waiting rows an end."""

    def __init__(self, ledger: Ledger) -> None:
        self._leases = Leases(ledger.redis, ledger.settings, longest_call_ms=1000)
        self._desk = ledger.settings.desk("default")

    def end(self, count: int, to: State, outcome: Outcome, code: int | None = None, msg: str | None = None) -> None:
        [released] = self._leases.release([(self._desk, count, 1000)])
        _, claims = self._leases.claim(self._desk, "token", released.ids)
        message_id = "om_1" if to is State.DELIVERED else None
        attempt = Attempt(1_763_800_000_000, ReceiveType.CHAT, outcome, code, message_id=message_id, msg=msg)
        self._leases.record(self._desk, "token", [Result(claim.id, to, [attempt]) for claim in claims], "up")

    def deliver(self, count: int = 1000) -> None:
        self.end(count, State.DELIVERED, Outcome.DELIVERED)

    def fail(self, count: int = 1000) -> None:
        self.end(count, State.FAILED, Outcome.REFUSED, 154004, "=no such person")

    def lose(self, count: int = 1000) -> None:
        self.end(count, State.UNKNOWN, Outcome.UNKNOWN)


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


def deskbell(*arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name("deskbell"), *arguments]
    return forking.run(command, input=given, text=True, timeout=120)


def on_a_terminal(*arguments: str, typed: bytes = b"", until: bytes = b"") -> tuple[int, str]:
    """Runs `deskbell` with all streams on a terminal; types when `until` is there. Returns the exit code and all that
    was written."""
    controller, terminal = pty.openpty()
    command = [Path(sys.executable).with_name("deskbell"), *arguments]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    with forking.Popen(
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
