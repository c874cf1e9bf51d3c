"""The server's file after writes to it failed: it is rewritten, once, before a start can meet the hole in it."""

import resource
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from ledger.append_only import AppendOnlyFile
from ledger.ledger import Ledger
from ledger.redis_keys import RedisKeys
from ledger.settings import Settings
from producers.doctor.diagnosis import check_ledger
from tests.valkey_process import ValkeyProcess

#: For a rewrite of next to nothing, seconds, on a busy machine.
REWRITE_SECONDS = 20


class Clock:
    """Goes on by much more than a wait, at each look."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1000
        return self.now


class Server(ValkeyProcess):
    """Its disk is full whenever the test says so."""

    def __init__(self, folder: Path, **options: str) -> None:
        super().__init__(folder, appendonly="yes", before=_ignore_the_limits_signal, **options)

    def file(self) -> Path:
        return max(self.folder.glob("appendonlydir/*.incr.aof"), key=lambda path: path.stat().st_mtime)

    def bases(self) -> int:
        """How often its file has been rewritten, and once more. The one before goes a moment after."""
        return min(int(base.name.split(".")[2]) for base in self.folder.glob("appendonlydir/*.base.rdb"))

    def rewrite(self) -> None:
        self.client.bgrewriteaof()
        until(lambda: not self.client.info("persistence")["aof_rewrite_in_progress"])

    def fail_a_write(self) -> None:
        most = self.file().stat().st_size + 50
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
        self.client.set("cut short", "x" * 100)
        until(lambda: self.client.info("persistence")["aof_last_write_status"] == "err")
        with pytest.raises(redis.ResponseError, match="MISCONF"):
            self.client.set("refused", "x")

    def have_room(self) -> None:
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        until(lambda: self.client.info("persistence")["aof_last_write_status"] == "ok")


def _ignore_the_limits_signal() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def until(holds: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + REWRITE_SECONDS
    while not holds():
        assert time.monotonic() < ends_at
        time.sleep(0.02)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "server") as running:
        running.rewrite()  # until then the file is appended to as it should be
        yield running


def looks(server: Server) -> AppendOnlyFile:
    return AppendOnlyFile(server.client, RedisKeys("deskbell"), Clock())


def findings(server: Server) -> list[str]:
    ledger = Ledger(Settings(redis_url=server.url, _env_file=None))
    checks, _ = check_ledger(ledger)
    ledger.redis.close()
    return [check.found for check in checks if check.name == "disk"]


def test_without_a_rewrite_the_server_does_not_start_again(server: Server) -> None:
    """What this is all about: a fault of the server, which this test would miss when it is gone."""
    server.fail_a_write()
    server.have_room()
    server.client.set("after", "x")
    assert b"\0" in server.file().read_bytes()
    server.kill()
    with pytest.raises(RuntimeError, match="did not start"):
        server.start()


def test_it_is_rewritten_after_writes_failed_though_nobody_looked_then(server: Server) -> None:
    server.fail_a_write()
    server.have_room()
    server.client.set("after", "x")
    assert "have failed" in findings(server)[0]

    looks(server).look()
    until(lambda: server.bases() == 3)
    server.kill()
    server.start()
    assert (server.client.get("cut short"), server.client.get("after")) == (b"x" * 100, b"x")


def test_it_is_rewritten_once_whoever_looks(server: Server) -> None:
    server.fail_a_write()
    several = [looks(server) for _ in range(3)]
    for file in several:  # while there is no room
        file.look()
    server.have_room()
    for _ in range(5):
        for file in several:
            file.look()
        until(lambda: not server.client.info("persistence")["aof_rewrite_in_progress"])
    until(lambda: server.bases() == 3)
    assert findings(server) == []


def test_each_time_that_writes_fail_it_is_rewritten(server: Server) -> None:
    file = looks(server)
    for times in (3, 4):
        server.fail_a_write()
        server.have_room()
        file.look()
        until(lambda: server.bases() == times)  # noqa: B023


def test_a_rewrite_that_fails_is_ordered_again(server: Server) -> None:
    file = looks(server)
    server.fail_a_write()
    server.have_room()
    blocked = server.folder / "appendonlydir" / "appendonly.aof.3.base.rdb"
    blocked.mkdir()  # where the new file would come
    file.look()
    until(lambda: server.client.info("persistence")["aof_last_bgrewrite_status"] == "err")
    blocked.rmdir()

    file.look()
    until(lambda: server.client.info("persistence")["aof_last_bgrewrite_status"] == "ok")
    file.look()
    assert findings(server) == []


def test_a_server_that_never_failed_is_left_alone(server: Server) -> None:
    file = looks(server)
    for _ in range(3):
        file.look()
    assert server.bases() == 2
    assert findings(server) == []


def test_one_that_may_not_rewrite_says_what_to_do(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    server.client.execute_command("ACL", "SETUSER", "default", "-bgrewriteaof")
    server.fail_a_write()
    server.have_room()
    looks(server).look()
    assert "have BGREWRITEAOF done before the server is started again" in caplog.text
