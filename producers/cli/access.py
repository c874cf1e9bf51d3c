"""Access to the ledger for the commands, with Redis' errors in one line."""

from collections.abc import Iterator
from contextlib import contextmanager

import redis

from ledger.connection import connect_screen, reachable
from ledger.errors import DeskbellError
from ledger.ledger import Ledger
from ledger.settings import Settings

__all__ = ["open_ledger"]


class RedisRefused(DeskbellError):
    """Redis answered, but would not do it: no memory, a read-only replica, no permission."""


@contextmanager
def open_ledger(settings: Settings | None = None, *, is_screen: bool = False) -> Iterator[Ledger]:
    """Raises LedgerUnreachable or RedisRefused for what Redis does to the body, and BadInput for wrong settings.

    `is_screen`: people look at it, so a Redis that does not answer is told within SCREEN_SECONDS.
    """
    settings = settings or Settings.from_env()
    ledger = Ledger(settings, connect_screen(settings) if is_screen else None)
    try:
        with reachable(settings):
            yield ledger
    except redis.ResponseError as error:
        problem = str(error).split("\n")[0]
        raise RedisRefused(f"Redis refused: {problem} (run `deskbell doctor`)") from error
    finally:
        ledger.redis.close()
