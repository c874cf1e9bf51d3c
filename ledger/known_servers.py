"""Servers that have, or had, desks: a server that the desks file names no longer may still have what nobody sends."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from ledger.connection import text
from ledger.ledger import Ledger
from ledger.redis_clock import time_ms

__all__ = ["forgotten_servers", "note_servers"]


def note_servers(ledger: Ledger) -> None:
    """Remembers on the home which other servers have desks now."""
    home, *others = ledger.servers
    if others:
        now_ms = time_ms(home.redis.time())
        home.redis.hset(home.keys.servers, mapping={str(server.settings.redis): now_ms for server in others})


def forgotten_servers(ledger: Ledger) -> Iterator[tuple[str, int]]:
    """Servers that had desks and have none now, with when that was last noted, ms. Kept as long as results are."""
    home, known = ledger.servers[0], {str(server.settings.redis) for server in ledger.servers}
    kept: Any = home.redis.hgetall(home.keys.servers)
    if not kept:
        return
    oldest_ms = time_ms(home.redis.time()) - home.settings.results_for // timedelta(milliseconds=1)
    for name, noted in kept.items():
        if int(noted) < oldest_ms:
            home.redis.hdel(home.keys.servers, name)
        elif text(name) not in known:
            yield text(name), int(noted)
