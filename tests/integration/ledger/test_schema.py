"""The version of the record: who is of another one touches nothing, and an older ledger is migrated once."""

import threading

import pytest
import redis

from ledger.connection import SCHEMA, reachable
from ledger.errors import WrongVersion
from ledger.leases import Leases
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.schema import bring_up_to_date, check_version
from ledger.settings import Desk


def accept(ledger: Ledger) -> str:
    with reachable(ledger.settings):
        return ledger.accept([Notification.build({"receiver_id": "ou_a", "text": "hello"})])[0].id


def test_the_first_verb_writes_the_version(ledger: Ledger) -> None:
    check_version(ledger.redis, ledger.keys)
    accept(ledger)
    assert ledger.redis.get(ledger.keys.schema) == str(SCHEMA).encode()
    check_version(ledger.redis, ledger.keys)


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (str(SCHEMA + 1), "upgrade this Deskbell"),
        (str(SCHEMA - 1), "an upgraded worker migrates it when it starts"),
        (f"{SCHEMA} from {SCHEMA - 1}", "an upgraded worker migrates it"),
    ],
)
def test_no_verb_touches_a_ledger_of_another_version(
    ledger: Ledger, leases: Leases, desk: Desk, found: str, says: str
) -> None:
    id = accept(ledger)
    ledger.redis.set(ledger.keys.schema, found)
    before = everything(ledger.redis)

    with pytest.raises(WrongVersion, match=says):
        accept(ledger)
    with pytest.raises(redis.ResponseError, match=f"SCHEMA {found}"):
        leases.claim(desk, "token", [id])
    with pytest.raises(redis.ResponseError, match=f"SCHEMA {found}"):
        leases.release([(desk, 1, 1)])
    with pytest.raises(WrongVersion):
        check_version(ledger.redis, ledger.keys)
    assert everything(ledger.redis) == before


def everything(client: redis.Redis) -> dict[bytes, object]:
    return {key: client.dump(key) for key in client.scan_iter()}


def test_an_older_ledger_takes_each_step_in_order(ledger: Ledger) -> None:
    ledger.redis.set(ledger.keys.schema, 3)
    taken: list[int] = []
    steps = {version: _noting(taken, version) for version in (2, 3, 4)}

    assert bring_up_to_date(ledger.redis, ledger.keys, steps, ours=5)
    assert not bring_up_to_date(ledger.redis, ledger.keys, steps, ours=5)
    assert taken == [3, 4]
    assert ledger.redis.get(ledger.keys.schema) == b"5"


def _noting(taken: list[int], version: int):  # type: ignore[no-untyped-def]
    return lambda client, prefix: taken.append(version)


def test_nothing_is_written_by_others_while_a_step_goes_on(ledger: Ledger) -> None:
    ledger.redis.set(ledger.keys.schema, SCHEMA - 1)

    def step(client: redis.Redis, prefix: str) -> None:
        with pytest.raises(WrongVersion):
            accept(ledger)

    assert bring_up_to_date(ledger.redis, ledger.keys, {SCHEMA - 1: step})
    assert accept(ledger)


def test_a_migration_that_broke_off_goes_on_where_it_was(ledger: Ledger) -> None:
    ledger.redis.set(ledger.keys.schema, 1)
    taken: list[int] = []

    def breaks_off(client: redis.Redis, prefix: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bring_up_to_date(ledger.redis, ledger.keys, {1: _noting(taken, 1), 2: breaks_off}, ours=3)
    assert ledger.redis.get(ledger.keys.schema) == b"3 from 2"

    assert bring_up_to_date(ledger.redis, ledger.keys, {2: _noting(taken, 2)}, ours=3)
    assert taken == [1, 2]


def test_workers_that_start_together_migrate_once(ledger: Ledger) -> None:
    ledger.redis.set(ledger.keys.schema, 1)
    taken: list[int] = []
    workers = [
        threading.Thread(target=bring_up_to_date, args=(ledger.redis, ledger.keys, {1: _noting(taken, 1)}, 2))
        for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert taken == [1]


def test_a_version_from_which_no_step_leads_is_refused(ledger: Ledger) -> None:
    ledger.redis.set(ledger.keys.schema, 1)
    with pytest.raises(WrongVersion):
        bring_up_to_date(ledger.redis, ledger.keys, {2: _noting([], 2)}, ours=3)


def test_a_newer_ledger_is_not_migrated_back(ledger: Ledger) -> None:
    ledger.redis.set(ledger.keys.schema, SCHEMA + 1)
    with pytest.raises(WrongVersion, match="upgrade this Deskbell"):
        bring_up_to_date(ledger.redis, ledger.keys)
