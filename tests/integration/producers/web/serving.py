"""The web process in a thread, for tests that want nothing but its address."""

from collections.abc import Iterator
from contextlib import contextmanager

from ledger.settings import Settings
from tests.integration.producers.web.web_thread import WebThread

__all__ = ["serving"]


@contextmanager
def serving(settings: Settings) -> Iterator[str]:
    """Gives its URL. All that it has accepted by then is in the ledger when the body ends."""
    with WebThread(settings) as web:
        yield web.url
