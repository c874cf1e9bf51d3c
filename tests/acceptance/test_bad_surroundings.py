"""Surroundings that a machine should not have, and may have all the same: each costs what it must, and no more."""

import re
import resource
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ledger.connection import reachable
from ledger.errors import LedgerFull, NotDurable, NotFound
from ledger.settings import Settings
from ledger.states import State
from tests.acceptance.installation import Installation, WorkerProcess, eventually
from tests.acceptance.sandbox_process import MESSAGE_PATH
from tests.valkey_process import ValkeyProcess

#: Run by each interpreter that has it on its path: every clock but the monotonic one is an hour ahead.
AN_HOUR_AHEAD = """
import datetime, time
_time, _time_ns, _datetime = time.time, time.time_ns, datetime.datetime
time.time = lambda: _time() + 3600
time.time_ns = lambda: _time_ns() + 3600 * 10**9
class datetime_ahead(_datetime):
    @classmethod
    def now(cls, tz=None):
        return _datetime.now(tz) + datetime.timedelta(hours=1)
datetime.datetime = datetime_ahead
"""


@pytest.fixture
def site_with_older_files(new_installation: Callable[..., Installation]) -> tuple[Installation, list[str], list[str]]:
    """Its Valkey was set back to what it knew before the second half of its notifications was accepted."""
    installation = new_installation(
        DESKBELL_RATE="1000/second"
    )  # with a rate each notification is a message, and has a thread
    installation.sandbox.fault({"prefix": "ou_slow"}, {"delay_ms": 2500})
    known = installation.accept("ou_known0", "ou_known1")
    installation.wait_until_delivered(known, seconds=10)
    waiting = installation.accept("ou_waiting", at="2036-01-01T00:00:00Z")
    files, copy = installation.folder / "data" / "appendonlydir", installation.folder / "older"
    shutil.copytree(files, copy)
    vanished = installation.accept("ou_vanished")
    installation.wait_until_delivered(vanished, seconds=10)
    vanished += installation.accept("ou_slow0", "ou_slow1")
    eventually(lambda: installation.sandbox.stats()["in_flight"] == 2, 5, "two calls in flight")
    installation.kill_valkey()
    shutil.rmtree(files)
    shutil.copytree(copy, files)
    installation.valkey.start()
    return installation, known + waiting, vanished


def test_valkey_comes_back_with_an_older_file(site_with_older_files: tuple[Installation, list[str], list[str]]) -> None:
    installation, known, vanished = site_with_older_files

    after = installation.accept("ou_after0", "ou_after1")

    installation.wait_until_delivered(after, seconds=20)
    eventually(lambda: not installation.sandbox.stats()["in_flight"], 10, "the calls of the vanished are over")
    assert [record.progress.state for record in installation.ledger.get_many(known)] == [
        *[State.DELIVERED] * 2,
        State.SCHEDULED,
    ]
    for id in vanished:
        with pytest.raises(NotFound):
            installation.ledger.get(id)
    assert installation.counts() == {State.DELIVERED: 4, State.SCHEDULED: 1}
    assert not installation.ledger.redis.zcard(installation.ledger.keys.leases("default"))
    assert all(worker.runs for worker in installation.workers)
    # What the sandbox got is more than what the ledger knows: that is what was lost.
    assert {"ou_vanished", "ou_slow0", "ou_slow1"} <= installation.sandbox.deliveries().keys()


def test_a_worker_whose_clock_is_an_hour_ahead_sends_as_the_others(
    new_installation: Callable[..., Installation], tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(AN_HOUR_AHEAD)
    installation = new_installation(workers=1, DESKBELL_RATE="20/10second")
    ahead = installation.start_worker(PYTHONPATH=f"{tmp_path}:{Path(__file__).parents[2]}")
    installation.wait_for_workers(2)
    installation.workers[0].stop()
    [soon] = installation.accept("ou_soon", expires="30m")
    begun_ms = _redis_ms(installation)

    ids = [soon, *installation.accept(*(f"ou_ahead{number}" for number in range(25)))]

    records = installation.wait_until_delivered(ids, seconds=30)
    assert ahead.runs
    assert _logged_at(ahead) > datetime.now() + timedelta(minutes=55), "its clock is not ahead"  # noqa: DTZ005  as logs
    times = [_ms(attempt["at"]) for record in records for attempt in record["attempts"]]
    assert len(times) == len(ids), "one call each"
    assert begun_ms - 1000 <= min(times) <= max(times) <= _redis_ms(installation)
    assert installation.sandbox.deliveries() == dict.fromkeys(
        ["ou_soon", *(f"ou_ahead{number}" for number in range(25))], 1
    )
    starts = sorted(call["started_ms"] for call in installation.sandbox.calls(MESSAGE_PATH))
    assert all(later - earlier >= 10_000 for earlier, later in zip(starts, starts[20:], strict=False)), "the quota"
    leases = installation.ledger.redis.zrange(installation.ledger.keys.leases("default"), 0, -1)
    assert leases == []


class SiteOnSmallDisk(Installation):
    """Its ledger is on a server of its own, whose files cannot grow beyond a limit that the test sets."""

    def __init__(self, folder: Path, server: ValkeyProcess) -> None:
        super().__init__(folder, DESKBELL_REDIS_URL=server.url)
        self._url = server.url

    def _settings(self) -> Settings:
        return Settings(redis_url=self._url, data_dir=self.folder / "data", _env_file=None)


def _ignore_the_limits_signal() -> None:
    """A write beyond the limit is to fail, as on a full disk, and not to end the process."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


@pytest.fixture
def small_disk(folders: Callable[[], Path]) -> Iterator[tuple[Installation, ValkeyProcess]]:
    folder = folders()
    with (
        ValkeyProcess(folder / "server", appendonly="yes", before=_ignore_the_limits_signal) as server,
        SiteOnSmallDisk(folder, server) as installation,
    ):
        yield installation, server


def test_a_full_disk_refuses_what_is_new_and_mends_itself(small_disk: tuple[Installation, ValkeyProcess]) -> None:
    installation, server = small_disk
    before = installation.accept("ou_before")
    installation.wait_until_delivered(before, seconds=10)
    server.client.bgrewriteaof()  # after any rewrite, a write that fails leaves a hole in the file
    eventually(lambda: _is_rewritten(server, 2), 20, "the file is rewritten")
    [file] = (server.folder / "appendonlydir").glob("*.2.incr.aof")

    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (file.stat().st_size + 2000, resource.RLIM_INFINITY))
    with suppress(LedgerFull, NotDurable), reachable(installation.ledger.settings):
        installation.accept(
            "ou_beyond", text="x" * 5000
        )  # what the server answers before it has written is in its memory
    eventually(lambda: not _takes_writes(server), 10, "the server notices")
    refused = installation.deskbell("send", "--to", "ou_refused", "--text", "no room")
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    assert (refused.returncode, refused.stdout) == (1, "")
    assert "the disk of Redis" in refused.stderr
    assert refused.stderr.count("\n") == 1
    eventually(lambda: _takes_writes(server), 10, "the server takes writes again")
    after = installation.accept("ou_after")
    installation.wait_until_delivered(after, seconds=20)
    assert all(worker.runs for worker in installation.workers)
    assert "ou_refused" not in installation.sandbox.deliveries()

    eventually(lambda: _is_rewritten(server, 3), 20, "a worker has the file rewritten")
    server.kill()
    server.start()
    assert {record.progress.state for record in installation.ledger.get_many([*before, *after])} == {State.DELIVERED}


def _is_rewritten(server: ValkeyProcess, number: int) -> bool:
    bases = (server.folder / "appendonlydir").glob("*.base.rdb")
    return min(int(base.name.split(".")[2]) for base in bases) >= number


def _takes_writes(server: ValkeyProcess) -> bool:
    return bool(server.client.info("persistence")["aof_last_write_status"] == "ok")


def _logged_at(worker: WorkerProcess) -> datetime:
    found = re.search(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),\d+ INFO", worker.log.read_text("utf-8"), re.MULTILINE)
    if found is None:
        raise AssertionError("the worker has logged nothing")
    return datetime.fromisoformat(found[1])


def _ms(iso: str) -> float:
    return datetime.fromisoformat(iso).timestamp() * 1000


def _redis_ms(installation: Installation) -> int:
    seconds, microseconds = installation.ledger.redis.time()
    return seconds * 1000 + microseconds // 1000
