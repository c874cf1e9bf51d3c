"""`deskbell announce` killed and called again, over a real Valkey."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
import redis

from ledger.ledger import Ledger
from ledger.settings import Settings
from ledger.states import State
from tests.few import few
from tests.integration.producers.cli.announcing_desk import TEXT, Output, asked, people, receivers

__all__: list[str] = []


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, empty_valkey: Settings) -> Settings:
    monkeypatch.setenv("DESKBELL_REDIS_URL", str(empty_valkey.redis))
    monkeypatch.setenv("DESKBELL_RATE", "unlimited")
    return Settings.from_env()


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    with redis.Redis.from_url(str(settings.redis)) as client:
        yield Ledger(settings, client)


#: Runs the command line, and kills itself when the Nth command, or pipeline, for the ledger is on its way.
KILLED = """
import os, signal, sys
from redis.connection import AbstractConnection as Connection
from producers.cli.command_line import run
left = int(sys.argv[1])
send = Connection.send_packed_command
def send_and_die(self, command, *arguments, **options):
    global left
    left -= not any(name in bytes(command[0])[:40] for name in (b"HELLO", b"PING", b"CLIENT"))
    dies = left == 0
    send(self, command, *arguments, **options)
    if dies:
        os.kill(os.getpid(), signal.SIGKILL)
Connection.send_packed_command = send_and_die
sys.exit(run(sys.argv[2:]))
"""


def killed_at(count: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-c", KILLED, str(count), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("every", few([3, 1], one_in=2))
def test_killed_at_any_moment_and_run_again_it_is_announced_once(
    settings: Settings, ledger: Ledger, capsys: Output, every: int
) -> None:
    command = ("announce", str(people(7_000)), *TEXT, "--json")  # more than one round trip of rows
    was_started = []
    for count in range(1, 100, every):
        ledger.redis.flushall()
        killed = killed_at(count, *command)
        was_started.append(bool(list(ledger.announcements.newest())))
        again = asked(capsys, *command[:-1])
        assert (again["total"], again["duplicate"]) == (7_000, was_started[-1])
        [announcement] = ledger.announcements.newest()
        assert announcement.counts[State.QUEUED] == 7_000
        assert receivers(ledger, again["id"]) == [f"ou_{n}" for n in range(7_000)]
        if killed.returncode == 0:
            assert json.loads(killed.stdout) == {"id": again["id"], "total": 7_000, "duplicate": False}
            break
        assert killed.returncode == -9, killed.stderr
    assert count > 8, "there must have been so many moments"
    assert was_started == sorted(was_started)
    assert not was_started[0]
