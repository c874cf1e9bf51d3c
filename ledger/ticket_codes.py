"""The codes that a live test found to mean "a ticket is open", kept with the desk: workers honour them beside the
configured ones.

They are read when Feishu refuses a `chat` send with a code that says nothing: seldom, so no worker keeps them.
"""

from typing import cast

import orjson
import redis

from ledger.audit_log import record_action
from ledger.redis_keys import RedisKeys
from ledger.store import Store

__all__ = ["forget_ticket_codes", "learn_ticket_code", "learnt_ticket_codes"]

_FIELD = "ticket_codes"


def learnt_ticket_codes(client: redis.Redis, keys: RedisKeys, desk: str) -> frozenset[int]:
    kept = cast("bytes | None", client.hget(keys.desk(desk), _FIELD))
    return frozenset(orjson.loads(kept)) if kept else frozenset()


def learn_ticket_code(store: Store, desk: str, code: int, by: str) -> None:
    """It stays until `forget_ticket_codes`."""
    store = store.at(desk)
    known = learnt_ticket_codes(store.redis, store.keys, desk)
    store.redis.hset(store.keys.desk(desk), _FIELD, orjson.dumps(sorted({*known, code})))
    record_action(store, by, f"learn ticket code {code}", desk)


def forget_ticket_codes(store: Store, desk: str, by: str) -> bool:
    """Returns whether there were any."""
    store = store.at(desk)
    forgotten = bool(store.redis.hdel(store.keys.desk(desk), _FIELD))
    if forgotten:
        record_action(store, by, "forget ticket codes", desk)
    return forgotten
