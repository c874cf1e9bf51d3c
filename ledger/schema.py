"""The version of the record in the ledger, and migrations from older versions.

The version is in one key. Every verb checks it first (`ledger/lua/shared/keys.lua`), so that no older worker or
producer writes into a ledger that it does not understand.
"""

from collections.abc import Callable, Mapping

import redis

from ledger.connection import SCHEMA, text
from ledger.errors import WrongVersion
from ledger.redis_keys import RedisKeys

__all__ = ["MIGRATIONS", "Migration", "bring_up_to_date", "check_version"]

Migration = Callable[[redis.Redis, str], None]
#: From each older version the step to the next one, given the client and the prefix. A step may be broken off, and is
#: then done again from its start.
MIGRATIONS: Mapping[int, Migration] = {}
#: A worker that dies in a migration is followed by another after this, seconds. All steps together must take less.
TURN_SECONDS = 600


def check_version(client: redis.Redis, keys: RedisKeys) -> None:
    """Raises WrongVersion unless the ledger is empty, or of this version."""
    found = client.get(keys.schema)
    if found is not None and text(found) != str(SCHEMA):
        raise WrongVersion.of(text(found), SCHEMA)


def bring_up_to_date(
    client: redis.Redis, keys: RedisKeys, migrations: Mapping[int, Migration] = MIGRATIONS, ours: int = SCHEMA
) -> bool:
    """Migrates an older ledger, one worker at a time. Returns whether this one did. Raises WrongVersion for a newer
    one.

    Meanwhile the verbs refuse all other processes.
    """
    if _version(client, keys, ours) == ours:
        return False
    with client.lock(f"{keys.schema}:turn", timeout=TURN_SECONDS):
        before = _version(client, keys, ours)  # again: whoever had the turn before may have done it
        steps = [migrations.get(version) for version in range(before, ours)]
        for version, step in enumerate(steps, before):
            if step is None:
                raise WrongVersion.of(str(before), ours)
            client.set(keys.schema, f"{ours} from {version}")
            step(client, keys.prefix)
        client.set(keys.schema, ours)
        return bool(steps)


def _version(client: redis.Redis, keys: RedisKeys, ours: int) -> int:
    """The version to migrate from. `2 from 1` means that a migration is running, or its worker died."""
    found = client.get(keys.schema)
    if found is None:
        return ours
    aim, _, reached = text(found).partition(" from ")
    if int(aim) > ours:
        raise WrongVersion.of(text(found), ours)
    return int(reached or aim)
