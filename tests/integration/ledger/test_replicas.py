"""Accepting on a server that has a replica: with `min-replicas-to-write` it waits until the replica has it too."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import ledger.store
from ledger.errors import NotDurable
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.settings import Settings
from tests.valkey_process import ValkeyProcess

FIT = {"appendonly": "yes", "appendfsync": "always", "repl_diskless_sync_delay": "0"}


@contextmanager
def pair(folder: Path, **options: str) -> Iterator[tuple[Ledger, ValkeyProcess]]:
    """The ledger on a primary with these options, and its replica, in step."""
    with (
        ValkeyProcess(folder / "primary", **FIT, **options) as primary,
        ValkeyProcess(folder / "replica", replicaof=f"127.0.0.1 {primary.port}", **FIT) as replica,
    ):
        ledger_of_pair = Ledger(Settings(redis_url=primary.url, _env_file=None))
        deadline = time.monotonic() + 90
        while not _in_step(primary, replica) and time.monotonic() < deadline:
            time.sleep(0.02)
        yield ledger_of_pair, replica
        ledger_of_pair.redis.close()


def _in_step(primary: ValkeyProcess, replica: ValkeyProcess) -> bool:
    up = replica.client.info("replication").get("master_link_status") == "up"
    return up and primary.client.wait(1, 100) == 1


@contextmanager
def frozen(server: ValkeyProcess) -> Iterator[None]:
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


def accept(ledger_of_pair: Ledger, key: str = "k") -> str:
    return ledger_of_pair.accept([Notification.build({"receiver_id": "ou_a", "text": "hello", "key": key})])[0].id


def test_what_is_accepted_is_on_the_replica_already(tmp_path: Path) -> None:
    with pair(tmp_path, min_replicas_to_write="1") as (primary, replica):
        for number in range(20):
            id = accept(primary, f"k{number}")
            assert replica.client.exists(primary.keys.notification(id))


def test_a_replica_that_does_not_answer_makes_it_an_error_and_the_key_finds_it_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger.store, "FSYNC_TIMEOUT_MS", 300)
    with pair(tmp_path, min_replicas_to_write="1") as (primary, replica):
        with frozen(replica), pytest.raises(NotDurable):
            accept(primary)
        monkeypatch.setattr(ledger.store, "FSYNC_TIMEOUT_MS", 5000)
        assert replica.client.exists(primary.keys.notification(accept(primary)))
        assert primary.redis.zcard(primary.keys.events) == 1


def test_without_that_setting_a_replica_is_not_waited_for(tmp_path: Path) -> None:
    with pair(tmp_path) as (primary, replica), frozen(replica):
        assert accept(primary)
