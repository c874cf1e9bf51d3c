"""Settlements whose time is over, without waiting for it."""

import orjson

from ledger.ledger import Ledger

__all__ = ["make_due"]


def make_due(ledger: Ledger, desk: str = "default") -> None:
    """Whoever looks next carries them out."""
    name = ledger.keys.desk(desk)
    kept = orjson.loads(ledger.redis.hget(name, "settling") or "{}")
    ledger.redis.hset(name, "settling", orjson.dumps({id: {**it, "due": it["at"]} for id, it in kept.items()}))
