"""Group commit: concurrent requests share one call of `accept`, and so one fsync."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from ledger.connection import reachable
from ledger.ledger import MOST_AT_ONCE, AcceptResult, Ledger
from ledger.notification import Notification
from producers.web.batcher import Batcher

__all__ = ["GroupCommit"]


class GroupCommit:
    """Accepts notifications of concurrent requests, of any desks, durably."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._executor = ThreadPoolExecutor(1, "accept")
        self._batcher: Batcher[Sequence[Notification], Sequence[AcceptResult]] = Batcher(
            self._accept, self._executor, at_once=MOST_AT_ONCE, weight=len
        )

    async def accept(self, notifications: Sequence[Notification]) -> Sequence[AcceptResult]:
        """Answers in order, once all are fsynced. A reused key, or a time that is long past, is an answer. Everything
        else is raised, and then nobody knows what was accepted: repeat with the same keys. Raises as Ledger.accept."""
        return await self._batcher.ask(notifications)

    def close(self) -> None:
        self._executor.shutdown()

    def _accept(self, requests: Sequence[Sequence[Notification]]) -> list[Sequence[AcceptResult]]:
        with reachable(self._ledger.settings):
            results = iter(self._ledger.accept_each([each for request in requests for each in request]))
        return [list(islice(results, len(request))) for request in requests]
