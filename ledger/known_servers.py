"""Servers that have, or had, desks: a server that the desks file names no longer may still have what nobody sends."""

from collections.abc import Iterator
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
        pipe = home.redis.pipeline()
        pipe.hset(home.keys.servers, mapping={str(server.settings.redis): now_ms for server in others})
        pipe.pexpire(home.keys.servers, home.results_for_ms)
        pipe.execute()


def forgotten_servers(ledger: Ledger) -> Iterator[tuple[str, int]]:
    """Servers that had desks and have none now, with when that was last noted, ms. Told as long as results are kept."""
    home, known = ledger.servers[0], {str(server.settings.redis) for server in ledger.servers}
    kept: Any = home.redis.hgetall(home.keys.servers)
    if not kept:
        return
    oldest_ms = time_ms(home.redis.time()) - home.results_for_ms
    for name, noted in kept.items():
        if int(noted) >= oldest_ms and text(name) not in known:
            yield text(name), int(noted)
