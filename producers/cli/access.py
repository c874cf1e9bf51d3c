"""Access to the ledger for the commands, with Redis' errors in one line."""

from collections.abc import Iterator
from contextlib import contextmanager

import redis

from ledger.connection import reachable
from ledger.errors import DeskbellError
from ledger.ledger import Ledger
from ledger.settings import Settings

__all__ = ["open_ledger"]


class RedisRefused(DeskbellError):
    """Redis answered, but would not do it: no memory, a read-only replica, no permission."""


@contextmanager
def open_ledger(settings: Settings | None = None) -> Iterator[Ledger]:
    """Raises LedgerUnreachable or RedisRefused for what Redis does to the body, and BadInput for wrong settings."""
    settings = settings or Settings.from_env()
    ledger = Ledger(settings)
    try:
        with reachable(settings):
            yield ledger
    except redis.ResponseError as error:
        problem = str(error).split("\n")[0]
        raise RedisRefused(f"Redis refused: {problem} (run `deskbell doctor`)") from error
    finally:
        ledger.redis.close()
