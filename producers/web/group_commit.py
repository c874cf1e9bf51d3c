"""Group commit: concurrent requests share one call of `accept`, and so one fsync."""

import asyncio
from collections.abc import Sequence
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
        self._servers = {str(each.settings.redis): _ServerCommit(each) for each in ledger.servers}

    async def accept(self, notifications: Sequence[Notification]) -> Sequence[Committed]:
        """Answers in order, once all are fsynced. A reused key, or a time that is long past, is an answer. Everything
        else is raised, and then nobody knows what was accepted: repeat with the same keys. Raises as Ledger.accept.

        If the desks are on several servers, the error of one of them is the answer for its desks' notifications alone.
        """
        if len(self._servers) == 1:
            [server] = self._servers.values()
            return await server.accept(notifications)
        places: dict[str, list[int]] = {}
        for place, each in enumerate(notifications):
            places.setdefault(str(self._ledger.at(each.desk).settings.redis), []).append(place)
        each_accepted = await asyncio.gather(
            *(
                self._servers[where].accept([notifications[n] for n in of_server])
                for where, of_server in places.items()
            ),
            return_exceptions=True,
        )
        results: dict[int, Committed] = {}
        for of_server, accepted in zip(places.values(), each_accepted, strict=True):
            results.update(zip(of_server, _answers(accepted, len(of_server), len(places)), strict=True))
        return [results[place] for place in range(len(notifications))]

    def close(self) -> None:
        for server in self._servers.values():
            server.close()


def _answers(accepted: Sequence[Committed] | BaseException, number: int, servers: int) -> Sequence[Committed]:
    if not isinstance(accepted, BaseException):
        return accepted
    if servers == 1 or not isinstance(accepted, DeskbellError):
        raise accepted
    return [accepted] * number


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
