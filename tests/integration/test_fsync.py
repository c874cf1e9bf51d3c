"""An acceptance ends with its fsync, and not with the server's next tick."""

import time
from pathlib import Path

from ledger.ledger import Ledger
from ledger.models import Notification
from ledger.settings import Settings
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
