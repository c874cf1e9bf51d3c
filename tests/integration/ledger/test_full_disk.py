"""The disk of the server is full for a while: what was accepted is there afterwards, and all goes on by itself."""

import json
import resource
from pathlib import Path

import pytest

from tests.integration.producers.cli.up_process import Up, deskbell, until, up

pytestmark = pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="looks for processes in /proc")

#: Makes the append-only file larger than any other file that grows meanwhile.
BALLAST = "x" * 100_000


def limit_files(pid: int, most_bytes: int) -> None:
    """What a full disk does, without a disk: no file of the process, and of those that it starts, grows beyond it."""
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (most_bytes, resource.RLIM_INFINITY))


def append_only_file(folder: Path) -> Path:
    return max((folder / ".deskbell" / "practice" / "appendonlydir").glob("*.incr.aof"))


def accept(running: Up, receiver: str, *options: str) -> str | None:
    sent = deskbell(running.folder, "send", "--to", receiver, "--json", *options)
    return str(json.loads(sent.stdout)["id"]) if sent.returncode == 0 else None


def test_the_embedded_server_is_started_again_until_there_is_room(tmp_path: Path) -> None:
    with up(tmp_path, "--sandbox") as running:
        running.announced()
        before = accept(running, "ou_ada", "--text", BALLAST, "--at", "2036-01-01T00:00:00Z")
        assert before, running.said()
        most = append_only_file(tmp_path).stat().st_size + 500
        for pid in (running.process.pid, running.valkey()):
            limit_files(pid, most)

        until(lambda: running.said().count("the embedded Valkey has died (the disk is full: make room") >= 3, running)
        waits = [
            line.rpartition("; restarting it ")[2] for line in running.said().splitlines() if "Valkey has died" in line
        ]
        assert waits[:3] == ["at once", "in 1 s", "in 2 s"]
        limit_files(running.process.pid, resource.RLIM_INFINITY)

        until(lambda: accept(running, "ou_bob", "--text", "hi") is not None, running, 60)
        assert json.loads(deskbell(tmp_path, "show", before, "--json").stdout)["state"] == "scheduled"
        sent = deskbell(tmp_path, "send", "--to", "ou_cyd", "--text", "hi", "--wait", "90", "--json")
        assert json.loads(sent.stdout)["state"] == "delivered", running.said()
