"""Group commit: concurrent requests share one call of `accept`, and so one fsync."""

import asyncio
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from ledger.connection import reachable
from ledger.errors import DeskbellError
from ledger.ledger import MOST_AT_ONCE, Ledger
from ledger.notification import Notification
from ledger.record import Accepted
from producers.web.batcher import Batcher

__all__ = ["Committed", "GroupCommit"]

#: The result for one notification: accepted; refused; or, of a request for desks on several servers, what kept its
#: server from answering: then nobody knows whether it was accepted.
Committed = Accepted | DeskbellError


class GroupCommit:
    """Accepts notifications of concurrent requests, of any desks, durably. Each server has a thread of its own."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._servers = {server: _ServerCommit(server) for server in ledger.servers}

    async def accept(self, notifications: Sequence[Notification]) -> Sequence[Committed]:
        """Answers in order, once all are fsynced. A reused key, or a time that is long past, is an answer. Everything
        else is raised, and then nobody knows what was accepted: repeat with the same keys. Raises as Ledger.accept.

        If the desks are on several servers, and one of them has accepted something, the error of another is the answer
        for its own desks' notifications.
        """
        if len(self._servers) == 1:
            [server] = self._servers.values()
            return await server.accept(notifications)
        by_server = self._ledger.by_server([each.desk for each in notifications])
        calls = (
            self._servers[server].accept([notifications[place] for place in places]) for server, places in by_server
        )
        answers = await asyncio.gather(*calls, return_exceptions=True)
        results: dict[int, Committed] = {}
        for (_, places), answer in zip(by_server, answers, strict=True):
            results.update(zip(places, _results(answer, len(places)), strict=True))
        _raise_if_nothing_was_accepted(answers, results.values())
        return [results[place] for place in range(len(notifications))]

    def close(self) -> None:
        for server in self._servers.values():
            server.close()


def _results(answer: Sequence[Committed] | BaseException, number: int) -> Sequence[Committed]:
    if not isinstance(answer, BaseException):
        return answer
    if not isinstance(answer, DeskbellError):
        raise answer
    return [answer] * number


def _raise_if_nothing_was_accepted(answers: Iterable[object], results: Iterable[Committed]) -> None:
    """A request of which nobody knows the result must not be answered as one that was refused."""
    if not any(isinstance(result, Accepted) for result in results):
        for answer in answers:
            if isinstance(answer, DeskbellError):
                raise answer


class _ServerCommit:
    """What is accepted on one server."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._executor = ThreadPoolExecutor(1, "accept")
        self._batcher: Batcher[Sequence[Notification], Sequence[Committed]] = Batcher(
            self._accept, self._executor, at_once=MOST_AT_ONCE, weight=len
        )

    async def accept(self, notifications: Sequence[Notification]) -> Sequence[Committed]:
        return await self._batcher.ask(notifications)

    def close(self) -> None:
        self._executor.shutdown()

    def _accept(self, requests: Sequence[Sequence[Notification]]) -> list[Sequence[Committed]]:
        with reachable(self._ledger.settings):
            results = iter(self._ledger.accept_each([each for request in requests for each in request]))
        return [list(islice(results, len(request))) for request in requests]
