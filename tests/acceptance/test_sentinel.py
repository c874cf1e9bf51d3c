"""`sentinel://`: the primary is killed, the replica takes its place, and workers and producers go on."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
import redis

from ledger.connection import reachable
from ledger.errors import LedgerUnreachable, LedgerUnwritable, NotDurable
from ledger.settings import Settings
from ledger.states import State
from tests.acceptance.installation import Installation, eventually
from tests.calm import Stopwatch
from tests.valkey_process import ValkeyProcess

SERVICE = "deskbell-ledger"
#: After so long without an answer the sentinels hold the primary for dead, ms.
DOWN_AFTER_MS = 1000
#: From the kill to the next call of a worker, seconds: the above, the election, and what it takes to connect again.
GO_ON_SECONDS = 20
FIT = {"appendonly": "yes", "appendfsync": "always", "maxmemory_policy": "noeviction", "repl_diskless_sync_delay": "0"}


class Replicated:
    """One primary, one replica, three sentinels."""

    def __init__(self, folder: Path) -> None:
        self._stack = ExitStack()
        self.primary = self._stack.enter_context(ValkeyProcess(folder / "one", **FIT))
        replicaof = f"127.0.0.1 {self.primary.port}"
        self.replica = self._stack.enter_context(ValkeyProcess(folder / "two", replicaof=replicaof, **FIT))
        eventually(self._is_in_step, 20, "the replica is in step")
        self.sentinels = [self._sentinel(folder / f"sentinel{number}") for number in range(3)]
        eventually(self._sentinels_agree, 20, "the sentinels know each other")

    def _is_in_step(self) -> bool:
        return bool(self.replica.client.info("replication").get("master_link_status") == "up")

    def _sentinel(self, folder: Path) -> ValkeyProcess:
        folder.mkdir(parents=True)
        config = folder / "sentinel.conf"  # the sentinel writes into it what it finds out
        config.write_text(
            f"sentinel monitor {SERVICE} 127.0.0.1 {self.primary.port} 2\n"
            f"sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MS}\n"
            f"sentinel failover-timeout {SERVICE} 10000\n"
        )
        return self._stack.enter_context(ValkeyProcess(folder, config=config, arguments=("--sentinel",), save=None))

    def _sentinels_agree(self) -> bool:
        seen = [sentinel.client.info("sentinel")["master0"] for sentinel in self.sentinels]
        return all((each["status"], each["slaves"], each["sentinels"]) == ("ok", 1, 3) for each in seen)

    @property
    def url(self) -> str:
        addresses = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"sentinel://{addresses}/{SERVICE}/0"

    def close(self) -> None:
        self._stack.close()


class ReplicatedSite(Installation):
    """Its ledger is found by way of the sentinels."""

    def __init__(self, folder: Path, url: str) -> None:
        super().__init__(folder, DESKBELL_REDIS_URL=url, DESKBELL_RATE="20/second")
        self._url = url

    def _settings(self) -> Settings:
        return Settings(redis_url=self._url, data_dir=self.folder / "data", _env_file=None)


@dataclass(frozen=True)
class Failover:
    installation: Installation
    servers: Replicated
    told: list[str]  #: ids that producers were told, before the kill and after it
    silent_seconds: float  #: from the kill to the next call, calm ones


@pytest.fixture(scope="module")
def failover(folders: Callable[[], Path]) -> Iterator[Failover]:
    folder = folders()
    servers = Replicated(folder)
    with ExitStack() as stack:
        stack.callback(servers.close)
        installation = stack.enter_context(ReplicatedSite(folder, servers.url))
        told = installation.accept(*(f"ou_before{number}" for number in range(80)))
        eventually(lambda: len(installation.sandbox.deliveries()) >= 20, 20, "twenty delivered")
        # So that what the test then misses was not lost in the replication's window, which is no fault.
        servers.primary.client.wait(1, 2000)
        servers.primary.kill()
        silent, calls = Stopwatch(), len(installation.sandbox.calls())
        told += [_accept_in_the_end(installation, f"ou_during{number}") for number in range(3)]
        eventually(lambda: len(installation.sandbox.calls()) > calls + 16, GO_ON_SECONDS, "calls after the failover")
        yield Failover(installation, servers, told, silent.calm_seconds)


def _accept_in_the_end(installation: Installation, receiver_id: str) -> str:
    """As a producer does it: again with the same key, until it is accepted."""
    ids: list[str] = []

    def is_accepted() -> bool:
        try:
            with reachable(installation.ledger.settings):
                ids.extend(installation.accept(receiver_id, key=f"key of {receiver_id}"))
        except (LedgerUnreachable, LedgerUnwritable, NotDurable):
            return False
        return True

    eventually(is_accepted, GO_ON_SECONDS, f"{receiver_id} accepted")
    return ids[0]


def test_workers_and_producers_go_on_after_the_primary_was_killed(failover: Failover) -> None:
    assert failover.silent_seconds <= GO_ON_SECONDS
    assert failover.servers.replica.client.info("replication")["role"] == "master"


def test_what_the_replica_had_is_all_there_and_delivered(failover: Failover) -> None:
    records = failover.installation.wait_until_delivered(failover.told, seconds=60)

    assert failover.installation.counts() == {State.DELIVERED: len(failover.told)}
    assert all(worker.runs for worker in failover.installation.workers)
    maybe_twice = {record["receiver_id"] for record in records if len(record["attempts"]) > 1}
    twice = {receiver for receiver, count in failover.installation.sandbox.deliveries().items() if count > 1}
    assert twice <= maybe_twice


def _is_replica(client: redis.Redis) -> bool:
    try:
        return cast(dict[str, Any], client.info("replication"))["role"] == "slave"
    except redis.ConnectionError:  # Sentinel closes its connections when it turns a server into a replica
        return False


def test_the_old_primary_comes_back_as_a_replica(failover: Failover) -> None:
    primary, replica = failover.servers.primary, failover.servers.replica
    primary.start()
    eventually(lambda: _is_replica(primary.client), 30, "the old primary follows the new")
    assert primary.client.info("replication")["master_port"] == replica.port
    accepted = failover.installation.accept("ou_back")
    failover.installation.wait_until_delivered(accepted, seconds=20)


def test_the_commands_find_the_primary(failover: Failover) -> None:
    assert (
        failover.installation.deskbell("send", "--to", "ou_command", "--text", "hello", "--wait", "90").returncode == 0
    )
