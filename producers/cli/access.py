"""Access to the ledger for the commands, with Redis' errors in one line."""

from collections.abc import Iterator
from contextlib import contextmanager

import redis

from ledger.connection import connect, connect_screen, reachable
from ledger.errors import DeskbellError
from ledger.ledger import Ledger
from ledger.phrases import Phrase
from ledger.practice import command_settings, is_practice
from ledger.settings import Settings
from ledger.settings_in_force import unknown_variables
from ledger.spread_ledger import open_ledgers
from producers.cli.output import note

__all__ = ["open_ledger", "settings_in_use", "tell_unknown_variables"]


class RedisRefused(DeskbellError):
    """Redis answered, but would not do it: no memory, a read-only replica, no permission."""


def settings_in_use() -> Settings:
    """The environment's, or those of a practice that runs here, which is told. Raises BadInput."""
    settings = command_settings()
    tell_unknown_variables(settings)
    if is_practice(settings):
        note(Phrase("practice: `deskbell up --sandbox` runs here, so nothing reaches Feishu"))
    return settings


def tell_unknown_variables(settings: Settings) -> None:
    for problem in unknown_variables(settings):
        note(problem)


@contextmanager
def open_ledger(settings: Settings | None = None, *, is_screen: bool = False) -> Iterator[Ledger]:
    """Raises LedgerUnreachable or RedisRefused for what Redis does to the body, and BadInput for wrong settings.

    `is_screen`: people look at it, so a Redis that does not answer is told within SCREEN_SECONDS.
    """
    if settings is None:
        settings = settings_in_use()
    ledger = open_ledgers(settings, connect_screen if is_screen else connect)
    try:
        with reachable(settings):
            yield ledger
    except redis.ResponseError as error:
        problem = str(error).split("\n")[0]
        raise RedisRefused(Phrase("Redis refused: {problem} (run `deskbell doctor`)", problem=problem)) from error
    finally:
        ledger.close()
