"""An acceptance ends with its fsync, and not with the server's next tick."""

import time
from collections.abc import Iterator
from pathlib import Path

import fakeredis
import pytest
import redis

from ledger.api_keys import ApiKeys, Scope
from ledger.errors import NotDurable
from ledger.fsync import PipelineUntilFsynced
from ledger.ledger import Ledger
from ledger.models import Notification
from ledger.settings import Settings
from producers import Notifier
from tests.valkey_process import ValkeyProcess

__all__: list[str] = []

ADA = Notification.build({"receiver_id": "ou_ada", "text": "Disk full on db-3"})


def test_nobody_waits_for_the_tick_of_a_server_that_is_idle(tmp_path: Path) -> None:
    # One tick a second: five acceptances would take five seconds if each ended with one.
    with ValkeyProcess(tmp_path, appendonly="yes", appendfsync="everysec", hz="1", dynamic_hz="no") as server:
        ledger = Ledger(Settings(redis_url=server.url, _env_file=None))
        ledger.accept([ADA])
        began = time.monotonic()
        for _ in range(5):
            ledger.accept([ADA])
        assert time.monotonic() - began < 2.5
        ledger.redis.close()


def test_notifications_of_many_desks_share_one_fsync_and_are_answered_in_order(tmp_path: Path) -> None:
    names = [f"d{number}" for number in range(20)]
    (tmp_path / "desks.toml").write_text("".join(f"[desk.{name}]\n" for name in names))
    with ValkeyProcess(tmp_path, appendonly="yes") as server:
        ledger = Ledger(Settings(redis_url=server.url, desks=tmp_path / "desks.toml", _env_file=None))
        ledger.accept([ADA])  # asks what the server can
        server.client.config_resetstat()
        many = [
            ADA.model_copy(update={"desk": name, "receiver_id": f"ou_{name}_{n}"}) for n in range(3) for name in names
        ]
        verdicts = ledger.accept_each(many)
        assert server.client.info("commandstats")["cmdstat_waitaof"]["calls"] == 1
        records = ledger.get_many([verdict.id for verdict in verdicts])  # type: ignore[union-attr]
        assert [record.notification.receiver_id for record in records] == [each.receiver_id for each in many]
        ledger.redis.close()


@pytest.fixture
def never_fsynced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    """Its server has been told to fsync nothing, as one whose disk hangs does not."""
    monkeypatch.setattr("ledger.ledger.FSYNC_TIMEOUT_MS", 100)
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
    acceptance = (0, "n_0000000000000001", ADA.to_input(), ADA.digest, "", 1000, 0, 0, "resend", "")
    for _ in range(2):
        with pytest.raises(NotDurable):
            never_fsynced.durably("accept", "default", *acceptance)
        never_fsynced.redis.connection_pool.disconnect()


def test_an_announcement_started_again_is_not_durable_before_its_fsync(never_fsynced: Ledger) -> None:
    for _ in range(2):
        with pytest.raises(NotDurable):
            Notifier(never_fsynced).announce([{"receiver_id": "ou_ada"}], text="We move on Friday", name="Office move")


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
        id = Notifier(ledger).announce([{"receiver_id": "ou_ada"}], text="We move on Friday", name="Office move").id
        server.client.config_set("appendfsync", "no")
        monkeypatch.setattr("ledger.ledger.FSYNC_TIMEOUT_MS", 100)
        for _ in range(2):
            with pytest.raises(NotDurable):
                ledger.announcements.cancel(id, "me")
            ledger.redis.connection_pool.disconnect()
        ledger.redis.close()


class HalfOpen:
    """A connection whose other end has gone without a word, while others to the same server are well."""

    socket_timeout = 0.05

    def can_read(self, timeout: float) -> bool:
        time.sleep(timeout)
        return False

    def read_response(self, **_: object) -> None:
        raise redis.TimeoutError


@pytest.mark.timeout(10)
def test_an_answer_that_never_comes_is_not_waited_for_without_end() -> None:
    pipe = PipelineUntilFsynced(fakeredis.FakeRedis())
    with pytest.raises(redis.TimeoutError):
        pipe.parse_response(HalfOpen(), "WAITAOF")
