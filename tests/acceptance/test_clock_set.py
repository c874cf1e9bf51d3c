"""The clock of Redis' machine is set while a desk sends: real server, real workers."""

import mmap
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.settings import Settings
from ledger.states import State
from tests.acceptance.installation import Installation, eventually
from tests.simulation.shim import compiled
from tests.valkey_process import ValkeyProcess

RATE, CALLS, WINDOW = "5/second", 5, "1s"
EVENTS = 60
HOUR_MS = 3_600_000


class Clock:
    """Of a server that runs with its `environment`."""

    def __init__(self, folder: Path) -> None:
        try:
            library = compiled(folder)
        except FileNotFoundError as error:
            if "CI" in os.environ:
                raise
            pytest.skip(str(error))
        file = folder / "set_by_ms"
        file.write_bytes(bytes(8))
        with file.open("r+b") as opened:
            self._mapped = mmap.mmap(opened.fileno(), 8)
        self.environment = {"LD_PRELOAD": str(library), "CLOCK_SET_BY": str(file)}

    def set_by(self, ms: int) -> None:
        self._mapped[:] = struct.pack("q", ms)


def test_the_quota_is_kept_and_sending_goes_on_while_the_clock_is_set_forth_and_back(
    new_installation: Callable[..., Installation], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten minutes back were ten minutes of silence, said by nobody; an hour forward, and three seconds back and forth,
    made calls over the quota."""
    clock = Clock(tmp_path)
    with monkeypatch.context() as around:
        for name, value in clock.environment.items():
            around.setenv(name, value)
        valkey = ValkeyProcess(tmp_path / "valkey")
        valkey.start()
    installation = new_installation(
        sandbox=("--rate", RATE), workers=0, DESKBELL_RATE=RATE, DESKBELL_REDIS_URL=valkey.url
    )
    try:
        worker = installation.start_worker()
        installation.start_worker()
        ledger = Ledger(Settings(redis_url=valkey.url, _env_file=None))
        eventually(lambda: ledger.redis.zcard(ledger.keys.workers) == 2, 30, "2 workers up")
        asked = [Notification.build({"receiver_id": f"ou_{n}", "text": "hi"}) for n in range(EVENTS)]
        ids = [accepted.id for accepted in ledger.accept(asked)]
        for set_by_ms in (HOUR_MS, HOUR_MS - 600_000, HOUR_MS - 597_000, HOUR_MS - 600_000, 0):
            time.sleep(1.5)
            clock.set_by(set_by_ms)
        eventually(
            lambda: all(record.progress.state is State.DELIVERED for record in ledger.get_many(ids)), 40, "delivered"
        )
        assert int(ledger.redis.hget(ledger.keys.clock, "steps") or 0) == 5
        installation.stop_workers()
        ledger.redis.close()
    finally:
        installation.stop_workers()
        valkey.stop()
    assert installation.sandbox.stats()["calls"]["message"] == {"0": EVENTS}, (
        "an answer other than success: 99991400 is a 429"
    )
    peaks = installation.sandbox.stats()["max_in_window"].popitem()[1][WINDOW]
    assert peaks["arrived"] <= CALLS
    said = worker.log.read_text() + installation.workers[1].log.read_text()
    assert "Redis' clock was set forward by 3600.0 s" in said
