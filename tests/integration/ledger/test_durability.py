"""What is accepted is on disk: what the server gives, and what an acceptance waits for."""

import logging
import resource
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import redis

from deskbell import Notifier
from ledger.api_key import Scope
from ledger.api_keys import ApiKeys
from ledger.durability import Assurance, Durability, Waits
from ledger.errors import NotDurable
from ledger.leases import Leases, Result
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.redis_keys import RedisKeys
from ledger.settings import Settings
from ledger.states import State
from producers.client.ledger_backend import LedgerBackend
from producers.doctor.diagnosis import Status, check_ledger
from tests.power.valkey import CuttableValkey
from tests.valkey_process import ValkeyProcess
from worker.pacer import Pacer

__all__: list[str] = []

ADA = Notification.build({"receiver_id": "ou_ada", "text": "Disk full on db-3"})
HIDE_ALL = ("acl", "setuser", "default", "-config", "-info")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Callable[..., ValkeyProcess]]:
    """Starts a server with these options beside append-only files."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(
            ValkeyProcess(tmp_path / "server", **{"appendonly": "yes", "maxmemory_policy": "noeviction", **options})
        )


def ledger_on(valkey: ValkeyProcess) -> Ledger:
    return Ledger(Settings(redis_url=valkey.url, _env_file=None))


def accept(ledger: Ledger, number: int = 0) -> str:
    return ledger.accept([ADA.model_copy(update={"receiver_id": f"ou_{number}"})])[0].id


# -- judged by the disk


def test_every_acceptance_is_on_disk_when_it_is_answered_also_while_the_files_are_rewritten(
    cuttable_valkey: CuttableValkey,
) -> None:
    cuttable_valkey.start()
    ledger = Ledger(cuttable_valkey.settings)
    assert ledger.assurance.durability is Durability.ALWAYS
    answered_before_their_fsync = 0
    rewrites = 0
    for number in range(120):
        if number >= 40 and rewrites < 2 and not ledger.redis.info("persistence")["aof_rewrite_in_progress"]:
            with suppress(redis.ResponseError):  # one has begun meanwhile
                ledger.redis.bgrewriteaof()
            rewrites += 1
        accept(ledger, number)
        answered_before_their_fsync += cuttable_valkey.unsynced_bytes > 0
    assert (answered_before_their_fsync, rewrites > 0) == (0, True)
    ledger.redis.close()


def test_a_power_cut_takes_nothing_that_was_accepted(cuttable_valkey: CuttableValkey) -> None:
    cuttable_valkey.start()
    ledger = Ledger(cuttable_valkey.settings)
    accepted = []
    for life in range(3):
        accepted += [accept(ledger, number) for number in range(20)]
        if life == 1:
            ledger.redis.bgrewriteaof()
            accepted.append(accept(ledger))
        cuttable_valkey.cut_power()
        cuttable_valkey.start()
        assert {record.id for record in ledger.events()} == set(accepted)
    ledger.redis.close()


def test_with_everysec_this_server_loses_what_it_confirmed(cuttable_valkey: CuttableValkey) -> None:
    """Valkey's fault, for which that setting is not trusted; and a disk that could lose nothing would prove nothing."""
    cuttable_valkey.appendfsync = "everysec"
    cuttable_valkey.start()
    with redis.Redis(unix_socket_path=str(cuttable_valkey.socket_path)) as client:
        for number in range(200):
            pipe = client.pipeline(transaction=False)
            pipe.set(f"k{number}", "v")
            pipe.execute_command("WAITAOF", 1, 0, 5000)
            assert pipe.execute()[1][0] == 1
            if not cuttable_valkey.unsynced_bytes:
                continue
            lost = cuttable_valkey.cut_power()
            client.connection_pool.disconnect()
            cuttable_valkey.start()
            if lost:  # by chance it was fsynced between the look and the cut: then once more
                break
        assert not client.exists(f"k{number}")


# -- what the server gives


@pytest.mark.parametrize(
    ("options", "given", "status", "accepts"),
    [
        ({"appendfsync": "always"}, Durability.ALWAYS, Status.OK, True),
        ({"appendfsync": "everysec"}, Durability.EARLY, Status.FAIL, True),
        ({"appendfsync": "no"}, Durability.NEVER, Status.FAIL, True),
        (
            {"appendfsync": "always", "no_appendfsync_on_rewrite": "yes"},
            *(Durability.REWRITES, Status.FAIL, True),
        ),
        ({"appendonly": "no"}, Durability.NONE, Status.FAIL, False),
    ],
    ids=lambda given: "" if isinstance(given, (bool, Status, dict)) else str(given),
)
def test_what_a_server_gives_is_told(
    server: Callable[..., ValkeyProcess], options: dict[str, str], given: Durability, status: Status, accepts: bool
) -> None:
    ledger = ledger_on(server(**options))
    assert ledger.assurance.durability is given
    [check] = [check for check in check_ledger(ledger)[0] if check.name == "durability"]
    assert (check.status, check.accepts) == (status, accepts)
    assert bool(check.do) == (status is not Status.OK)
    assert accept(ledger)
    ledger.redis.close()


@pytest.mark.parametrize("appendfsync", ["always", "everysec"])
def test_a_server_that_hides_its_settings_is_not_believed(
    server: Callable[..., ValkeyProcess], appendfsync: str
) -> None:
    valkey = server(appendfsync=appendfsync)
    valkey.client.execute_command(*HIDE_ALL)
    ledger = ledger_on(valkey)
    assert ledger.assurance.durability is Durability.HIDDEN
    assert {"redis", "durability"} <= {
        check.name for check in check_ledger(ledger)[0] if check.status is Status.WARN and check.do
    }
    assert accept(ledger)
    ledger.redis.close()


def test_a_write_that_failed_is_not_confirmed_by_an_early_server_either(
    server: Callable[..., ValkeyProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a full disk. Its WAITAOF says too much, but not that."""
    monkeypatch.setattr("ledger.store.FSYNC_TIMEOUT_MS", 300)
    valkey = server(appendfsync="everysec", before=lambda: signal.signal(signal.SIGXFSZ, signal.SIG_IGN))
    ledger = ledger_on(valkey)
    accept(ledger)
    [file] = (valkey.folder / "appendonlydir").glob("*.incr.aof")
    resource.prlimit(valkey.pid, resource.RLIMIT_FSIZE, (file.stat().st_size + 100, resource.RLIM_INFINITY))
    with pytest.raises(NotDurable):
        accept(ledger)
    ledger.redis.close()


def test_it_is_measured_once_for_each_run_of_the_server(server: Callable[..., ValkeyProcess]) -> None:
    valkey = server(appendfsync="everysec")
    for _ in range(3):
        assert ledger_on(valkey).assurance.durability is Durability.EARLY
    assert valkey.client.info("commandstats")["cmdstat_set"]["calls"] == 4  # three writes, and the verdict
    valkey.stop()
    valkey.start()
    assert ledger_on(valkey).assurance.durability is Durability.EARLY
    assert valkey.client.info("commandstats")["cmdstat_set"]["calls"] == 4


class OneFsyncASecond(redis.Redis):
    """What a server with `everysec` says whose WAITAOF waits: at each full second, all so far is on disk."""

    written_at = 0.0

    def execute_command(self, *words: Any, **options: Any) -> Any:
        if words[0] == "WAITAOF":
            time.sleep(words[3] / 1000)
            return [int(int(time.time()) > int(self.written_at)), 0]
        if words[0] == "SET":
            self.written_at = time.time()
        return super().execute_command(*words, **options)  # type: ignore[no-untyped-call]


def test_a_server_that_fsyncs_once_a_second_and_waits_for_it_is_trusted(server: Callable[..., ValkeyProcess]) -> None:
    valkey = server(appendfsync="everysec")
    client = OneFsyncASecond.from_url(valkey.url)
    assurance = Assurance(client, RedisKeys("deskbell"))
    assert (assurance.durability, assurance.waits) == (Durability.CONFIRMED, Waits(fsync=True, replicas=0))
    ledger = Ledger(Settings(redis_url=valkey.url, _env_file=None))  # finds what was measured
    [check] = [check for check in check_ledger(ledger)[0] if check.name == "durability"]
    assert (check.status, "about a second" in check.found) == (Status.WARN, True)
    accept(ledger)
    assert valkey.client.info("commandstats")["cmdstat_waitaof"]["calls"] >= 1
    client.close()
    ledger.redis.close()


def test_a_setting_that_is_changed_is_seen_and_said(
    server: Callable[..., ValkeyProcess], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("ledger.durability.ASK_AGAIN_SECONDS", 0.0)
    valkey = server(appendfsync="always")
    ledger = ledger_on(valkey)
    accept(ledger)
    valkey.client.config_set("appendfsync", "everysec")
    with caplog.at_level(logging.WARNING, "ledger.durability"):
        accept(ledger)
    [said] = caplog.messages
    assert "appendfsync is everysec" in said
    assert ledger.assurance.durability is Durability.EARLY
    ledger.redis.close()


def test_a_worker_says_at_its_start_what_may_not_be_on_disk(
    server: Callable[..., ValkeyProcess], caplog: pytest.LogCaptureFixture
) -> None:
    ledger = ledger_on(server(appendfsync="everysec"))
    leases = Leases(ledger.redis, ledger.settings, longest_call_ms=1000)
    pacer = Pacer(ledger.redis, ledger.keys, leases, {}, lambda _: None, "deskbell.deliver", "vm:1:16")
    pacer.start()
    deadline = time.monotonic() + 90
    while not ledger.redis.zcard(ledger.keys.workers) and time.monotonic() < deadline:
        time.sleep(0.01)
    pacer.stop()
    [said] = [message for message in caplog.messages if "may not be on disk" in message]
    assert "set `appendfsync always`" in said
    ledger.redis.close()


def test_notifications_of_many_desks_share_one_fsync_and_are_answered_in_order(
    tmp_path: Path, cuttable_valkey: CuttableValkey
) -> None:
    names = [f"d{number}" for number in range(20)]
    (tmp_path / "desks.toml").write_text("".join(f"[desk.{name}]\n" for name in names))
    cuttable_valkey.start()
    settings = cuttable_valkey.settings.model_copy(update={"desks": tmp_path / "desks.toml"})
    ledger = Ledger(settings)
    ledger.accept([ADA])  # asks what the server gives, and loads the script
    many = [ADA.model_copy(update={"desk": name, "receiver_id": f"ou_{name}_{n}"}) for n in range(3) for name in names]
    before = cuttable_valkey.disk.fsyncs
    verdicts = ledger.accept_each(many)
    # One for the scripts that came in one read, and few where the socket gave them in several.
    assert 1 <= cuttable_valkey.disk.fsyncs - before <= 4
    records = ledger.get_many([verdict.id for verdict in verdicts])  # type: ignore[union-attr]
    assert [record.notification.receiver_id for record in records] == [each.receiver_id for each in many]
    ledger.redis.close()


# -- where WAITAOF is waited for


def pass_for_one_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Assurance, "_by_settings", lambda *_: Durability.CONFIRMED)


@pytest.fixture
def never_fsynced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    """Its server has been told to fsync nothing, as one whose disk hangs does not, and passes for one that waits."""
    monkeypatch.setattr("ledger.store.FSYNC_TIMEOUT_MS", 100)
    pass_for_one_that_waits(monkeypatch)
    with ValkeyProcess(tmp_path, appendonly="yes", appendfsync="no") as server:
        ledger = Ledger(Settings(redis_url=server.url, _env_file=None))
        yield ledger
        ledger.redis.close()


def test_a_key_used_again_does_not_make_durable_what_was_not(never_fsynced: Ledger) -> None:
    keyed = ADA.model_copy(update={"key": "alert-8812"})
    for _ in range(2):
        with pytest.raises(NotDurable):
            never_fsynced.accept([keyed])
        never_fsynced.redis.connection_pool.disconnect()  # the next one to ask is another process


def test_a_replay_on_another_connection_does_not_make_durable_what_was_not(never_fsynced: Ledger) -> None:
    # As after a lost connection: the same id again, over a connection that has written nothing.
    acceptance = (0, 1000, 1000, "n_0000000000000001", ADA.to_input(), ADA.content_hash, "", "")
    for _ in range(2):
        with pytest.raises(NotDurable):
            never_fsynced.durably("accept", "default", *acceptance)
        never_fsynced.redis.connection_pool.disconnect()


def test_a_settlement_decided_again_is_not_durable_before_its_fsync(never_fsynced: Ledger) -> None:
    with suppress(NotDurable):
        never_fsynced.accept([ADA])
    settings = never_fsynced.settings
    leases, desk = Leases(never_fsynced.redis, settings, longest_call_ms=1000), settings.desk("default")
    [released] = leases.release([(desk, 1, 1)])
    [claim] = leases.claim(desk, "t", released.ids)[1]
    leases.record(desk, "t", [Result(claim.id, State.UNKNOWN)], "up")
    for _ in range(2):
        with pytest.raises(NotDurable):
            never_fsynced.durably("settle", "default", 1000, "decide", "s", "ada", "failed", 10_000, claim.id)
        never_fsynced.redis.connection_pool.disconnect()


def test_an_announcement_started_again_is_not_durable_before_its_fsync(never_fsynced: Ledger) -> None:
    for _ in range(2):
        with pytest.raises(NotDurable):
            Notifier(LedgerBackend(never_fsynced)).announce(
                [{"receiver_id": "ou_ada"}], text="We move on Friday", name="Office move"
            )


def test_a_repeat_changes_nothing_of_how_long_the_record_stays(ledger: Ledger) -> None:
    keyed = ADA.model_copy(update={"key": "alert-8812"})
    first, again = ledger.accept([keyed])[0], ledger.accept([keyed])[0]
    record = ledger.keys.notification(first.id)
    assert (again.id, again.duplicate, ledger.redis.ttl(record)) == (first.id, True, -1)
    ledger.cancel([first.id], "me")
    ledger.redis.pexpire(record, 50_000)
    ledger.accept([keyed])
    assert 40_000 < ledger.redis.pttl(record) <= 50_000


def test_a_key_revoked_again_is_not_durably_so_before_its_fsync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ValkeyProcess(tmp_path, appendonly="yes") as server:
        ledger = Ledger(Settings(redis_url=server.url, _env_file=None))
        ApiKeys(ledger).create("grafana", frozenset({Scope.SEND}), None, None, "me")
        server.client.config_set("appendfsync", "no")
        pass_for_one_that_waits(monkeypatch)
        ledger = Ledger(Settings(redis_url=server.url, _env_file=None))
        monkeypatch.setattr("ledger.api_keys.FSYNC_TIMEOUT_MS", 100)
        for _ in range(2):
            with pytest.raises(NotDurable):
                ApiKeys(ledger).revoke("grafana", "me")
            ledger.redis.connection_pool.disconnect()
        [key] = ApiKeys(ledger).list()
        assert key.revoked_by == "me"
        ledger.redis.close()


def test_an_announcement_cancelled_again_is_not_durably_so_before_its_fsync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ValkeyProcess(tmp_path, appendonly="yes") as server:
        ledger = Ledger(Settings(redis_url=server.url, _env_file=None))
        id = (
            Notifier(LedgerBackend(ledger))
            .announce([{"receiver_id": "ou_ada"}], text="We move on Friday", name="Office move")
            .id
        )
        server.client.config_set("appendfsync", "no")
        pass_for_one_that_waits(monkeypatch)
        ledger = Ledger(Settings(redis_url=server.url, _env_file=None))
        monkeypatch.setattr("ledger.store.FSYNC_TIMEOUT_MS", 100)
        for _ in range(2):
            with pytest.raises(NotDurable):
                ledger.announcements.cancel(id, "me")
            ledger.redis.connection_pool.disconnect()
        ledger.redis.close()
