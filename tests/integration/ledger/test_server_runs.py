"""Restarts of the server are counted once each, whoever leads then."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.redis_keys import RedisKeys
from ledger.server_runs import ServerRuns, restarts
from tests.valkey_process import ValkeyProcess

KEYS = RedisKeys("deskbell")


class Clock:
    """Goes on by much more than a look takes, at each look."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1000
        return self.now


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ValkeyProcess]:
    with ValkeyProcess(tmp_path / "kept", appendonly="yes", appendfsync="always") as server:
        yield server


def restart(server: ValkeyProcess) -> None:
    server.kill()
    server.start()


def runs(server: ValkeyProcess) -> ServerRuns:
    return ServerRuns(server.client, KEYS, Clock())


def test_the_first_run_is_no_restart(server: ValkeyProcess) -> None:
    seen = runs(server)
    for _ in range(3):
        seen.look()
    assert restarts(server.client, KEYS) == 0


def test_each_restart_counts_once_for_all_leaders(server: ValkeyProcess) -> None:
    first = runs(server)
    first.look()
    restart(server)
    for leader in (runs(server), first, runs(server)):
        leader.look()
        assert restarts(server.client, KEYS) == 1
    restart(server)
    first.look()
    assert restarts(server.client, KEYS) == 2


def test_a_restart_that_forgets_everything_is_counted_by_the_leader_that_remembers(tmp_path: Path) -> None:
    with ValkeyProcess(tmp_path / "forgotten", appendonly="no") as server:
        leader = runs(server)
        leader.look()
        restart(server)
        assert server.client.dbsize() == 0
        leader.look()
        assert restarts(server.client, KEYS) == 1


def test_without_the_right_to_info_nothing_is_counted(server: ValkeyProcess) -> None:
    server.client.execute_command("ACL", "SETUSER", "default", "-info")
    runs(server).look()
    assert server.client.dbsize() == 0


def test_between_two_looks_the_server_is_not_asked(server: ValkeyProcess) -> None:
    seen = ServerRuns(server.client, KEYS, lambda: 1.0)
    seen.look()
    server.client.config_resetstat()
    seen.look()
    assert "cmdstat_info" not in server.client.info("commandstats")
