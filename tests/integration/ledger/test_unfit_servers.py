"""`deskbell doctor` fails on a server that would lose notifications, and says when one takes no more."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ledger.connection import reachable
from ledger.errors import LedgerFull, LedgerUnwritable
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.server_floors import FLOORS, OldServer
from ledger.settings import Settings
from producers.doctor.diagnosis import Check, Status, check_ledger
from tests import forking
from tests.acceptance.installation import WorkerProcess, eventually
from tests.valkey_process import ValkeyProcess

FIT = {"appendonly": "yes", "appendfsync": "always", "maxmemory_policy": "noeviction"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Callable[..., ValkeyProcess]]:
    """Starts a server with these options over fit ones."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(ValkeyProcess(tmp_path / "server", **{**FIT, **options}))


def ledger_on(valkey: ValkeyProcess, **settings: str) -> Ledger:
    return Ledger(Settings(redis_url=valkey.url, _env_file=None, **settings))


def accept(ledger: Ledger) -> None:
    with reachable(ledger.settings):
        ledger.accept([Notification.build({"receiver_id": "ou_a", "text": "hello"})])


def run(verb: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    """A command of Deskbell, to its end."""
    command = [Path(sys.executable).with_name("deskbell"), verb]
    return forking.run(command, text=True, timeout=60, **options)


def findings(valkey: ValkeyProcess) -> dict[str, Status]:
    """What is not well, by name, the workers aside."""
    ledger = ledger_on(valkey)
    checks, reached = check_ledger(ledger)
    ledger.redis.close()
    assert reached
    return {check.name: check.status for check in checks if check.status is not Status.OK and check.name != "workers"}


def test_a_fit_server_has_no_findings(server: Callable[..., ValkeyProcess]) -> None:
    assert findings(server()) == {}


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"maxmemory_policy": "allkeys-lru", "maxmemory": "64mb"}, "eviction"),
        ({"maxmemory_policy": "volatile-ttl", "maxmemory": "64mb"}, "eviction"),
        ({"appendonly": "no"}, "durability"),
        ({"appendfsync": "everysec"}, "durability"),
        ({"appendonly": "no", "save": "60 1"}, "durability"),
        ({"min_replicas_to_write": "1"}, "replicas"),
        ({"maxmemory": "100kb"}, "memory"),
    ],
)
def test_an_unfit_server_fails(server: Callable[..., ValkeyProcess], options: dict[str, str], name: str) -> None:
    assert findings(server(**options)) == {name: Status.FAIL}


def test_a_policy_that_never_comes_to_evict_is_a_warning(server: Callable[..., ValkeyProcess]) -> None:
    assert findings(server(maxmemory_policy="allkeys-lru")) == {"eviction": Status.WARN}


def test_a_nearly_full_server_is_a_warning(server: Callable[..., ValkeyProcess]) -> None:
    valkey = server()
    # So much that the buffers of clients do not matter; not sent over one, whose buffer would count for a while.
    valkey.client.setrange("ballast", 30_000_000, b"x")
    used = valkey.client.info("memory")["used_memory"]
    valkey.client.config_set("maxmemory", int(used * 1.05))
    assert findings(valkey) == {"memory": Status.WARN}


def test_a_replica_fails_and_accepts_nothing(server: Callable[..., ValkeyProcess], tmp_path: Path) -> None:
    primary = server()
    with ValkeyProcess(tmp_path / "replica", replicaof=f"127.0.0.1 {primary.port}", **FIT) as replica:
        assert findings(replica)["role"] is Status.FAIL
        with pytest.raises(LedgerUnwritable, match="accepts no writes, nothing was accepted"):
            accept(ledger_on(replica))


def test_a_server_that_misses_its_replicas_accepts_nothing(server: Callable[..., ValkeyProcess]) -> None:
    with pytest.raises(LedgerUnwritable, match="NOREPLICAS"):
        accept(ledger_on(server(min_replicas_to_write="1")))


def test_a_full_server_accepts_nothing(server: Callable[..., ValkeyProcess]) -> None:
    with pytest.raises(LedgerFull, match="is full, nothing was accepted"):
        accept(ledger_on(server(maxmemory="100kb")))


def serve(node: ValkeyProcess, first: int, last: int) -> None:
    node.client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)


def cluster_info(node: ValkeyProcess) -> dict[str, str]:
    info: dict[str, str] = node.client.execute_command("CLUSTER INFO")
    return info


@pytest.fixture
def cluster(server: Callable[..., ValkeyProcess]) -> ValkeyProcess:
    """Of one node, which serves every slot."""
    valkey = server(cluster_enabled="yes")
    serve(valkey, 0, 16383)
    eventually(lambda: cluster_info(valkey)["cluster_state"] == "ok", 10, "it serves")
    return valkey


def mode_of(valkey: ValkeyProcess, prefix: str) -> Check | None:
    ledger = ledger_on(valkey, prefix=prefix)
    checks, _ = check_ledger(ledger)
    ledger.redis.close()
    return next((check for check in checks if check.name == "mode"), None)


def test_a_server_without_cluster_mode_has_none(server: Callable[..., ValkeyProcess]) -> None:
    assert mode_of(server(), "{deskbell}") is None


@pytest.mark.parametrize("prefix", ["{deskbell}", "bells.{hr}", "{a}.b"])
def test_a_cluster_of_one_node_is_fit_where_the_prefix_has_a_hash_tag(cluster: ValkeyProcess, prefix: str) -> None:
    ledger = ledger_on(cluster, prefix=prefix)
    assert check_ledger(ledger)[0][0].status is Status.OK
    assert (mode_of(cluster, prefix) or pytest.fail("no such check")).status is Status.OK
    accept(ledger)
    ledger.redis.close()


def test_a_cluster_fails_where_the_prefix_has_no_hash_tag(cluster: ValkeyProcess) -> None:
    assert findings(cluster) == {"mode": Status.FAIL}
    check = mode_of(cluster, "deskbell")
    assert check is not None
    assert "set DESKBELL_PREFIX={deskbell}" in check.do


def test_a_cluster_accepts_nothing_where_the_prefix_has_no_hash_tag(cluster: ValkeyProcess) -> None:
    with pytest.raises(LedgerUnwritable, match=r"is in cluster mode, .* nothing was accepted: set DESKBELL_PREFIX="):
        accept(ledger_on(cluster))
    assert cluster.client.dbsize() == 0


def test_a_cluster_of_several_nodes_is_refused(server: Callable[..., ValkeyProcess], tmp_path: Path) -> None:
    one = server(cluster_enabled="yes")
    with ValkeyProcess(tmp_path / "other", cluster_enabled="yes", **FIT) as other:
        serve(one, 0, 8191)
        serve(other, 8192, 16383)
        one.client.execute_command("CLUSTER", "MEET", "127.0.0.1", other.port)
        for node in (one, other):
            eventually(lambda node=node: cluster_info(node)["cluster_size"] == "2", 30, "they know each other")  # type: ignore[misc]
            check = mode_of(node, "{deskbell}")
            assert check is not None
            assert (check.status, check.found) == (Status.FAIL, "this server is one of 2 cluster nodes with slots")
            assert "one node (one shard)" in check.do
            with pytest.raises(LedgerUnwritable, match="one of 2 cluster nodes"):
                accept(ledger_on(node, prefix="{deskbell}"))
            environment = {**os.environ, "DESKBELL_REDIS_URL": node.url, "DESKBELL_PREFIX": "{deskbell}"}
            doctor = run("doctor", cwd=tmp_path, env=environment)
            assert (doctor.returncode, doctor.stderr) == (1, "")
            assert "one of 2 cluster nodes" in doctor.stdout


def test_a_cluster_that_lacks_slots_is_refused(server: Callable[..., ValkeyProcess]) -> None:
    valkey = server(cluster_enabled="yes")
    serve(valkey, 0, 999)
    check = mode_of(valkey, "{deskbell}")
    assert check is not None
    assert (check.status, check.found) == (Status.FAIL, "this cluster serves 1000 of 16384 slots")


def test_a_cluster_that_hides_its_nodes_is_refused(cluster: ValkeyProcess) -> None:
    cluster.client.execute_command("ACL", "SETUSER", "default", "-cluster|info")
    check = mode_of(cluster, "{deskbell}")
    assert check is not None
    assert (check.status, check.do) == (Status.FAIL, "allow CLUSTER INFO for this user")


def test_nobody_starts_on_a_cluster(cluster: ValkeyProcess, tmp_path: Path) -> None:
    environment = {**os.environ, "DESKBELL_REDIS_URL": cluster.url}
    worker = WorkerProcess("w1", environment, tmp_path / "w1.log")
    assert worker.wait(120) == 1
    assert worker.log.read_text().count("this worker ends: Redis at ") == 1
    assert "CROSSSLOT" not in worker.log.read_text()
    up = run("up", cwd=tmp_path, env=environment)
    assert (up.returncode, up.stderr.count("\n")) == (1, 1)
    assert "is in cluster mode" in up.stderr


def test_the_embedded_server_is_not_too_old(server: Callable[..., ValkeyProcess]) -> None:
    ledger = ledger_on(server())
    info = ledger.redis.info("server")
    ledger.redis.close()
    assert info["valkey_version"]
    assert OldServer.of(info) is None


def test_a_server_with_known_holes_is_a_warning(
    server: Callable[..., ValkeyProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FLOORS["Valkey"], (9, 1), (9, 1, 99))
    assert findings(server()) == {"server": Status.WARN}
