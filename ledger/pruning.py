"""Pruning: removes expired records from the indexes."""

from collections.abc import Callable

from ledger.connection import text
from ledger.ids import announcement_of, is_row
from ledger.redis_keys import RedisKeys
from ledger.states import INDEXED
from ledger.store import Store

__all__ = ["prune"]

#: Ids that are looked at in one round trip.
PAGE = 500


def prune(store: Store) -> int:
    """Removes ids of expired records from the indexes. Returns their number."""
    keys = store.keys
    events = (keys.events, *map(keys.index, sorted(INDEXED)))
    pruned = sum(_prune(store, index, keys.notification) for index in events)
    pruned += _prune(store, keys.damaged, lambda id: _record_key(keys, id))
    return pruned + _prune(store, keys.announcements, keys.lane)


def _record_key(keys: RedisKeys, id: str) -> str:
    return keys.rows(announcement_of(id)) if is_row(id) else keys.notification(id)


def _prune(store: Store, index: str, key_of: Callable[[str], str]) -> int:
    now_s, _ = store.redis.time()
    oldest_kept_ms = now_s * 1000 - store.results_for_ms
    pruned = start = 0
    while ids := store.redis.zrange(index, "-inf", str(oldest_kept_ms), byscore=True, offset=start, num=PAGE):
        pipe = store.redis.pipeline(transaction=False)
        for id in ids:
            pipe.exists(key_of(text(id)))
        gone = [text(id) for id, exists in zip(ids, pipe.execute(), strict=True) if not exists]
        if gone:
            store.redis.zrem(index, *gone)
        pruned += len(gone)
        start += len(ids) - len(gone)
    return pruned
