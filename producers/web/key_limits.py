"""The limits of a key: rows of one announcement, and notifications of a day."""

import asyncio
from collections.abc import Callable, Sequence
from http import HTTPStatus

from ledger.allowance import Allowance
from ledger.api_keys import ApiKey
from ledger.errors import BadInput, KeyReused
from ledger.ledger import AcceptResult, Ledger
from ledger.notification import Notification
from ledger.phrases import Phrase
from ledger.record import Accepted, Announced
from producers.web.context import WebContext
from producers.web.problems import Problem

__all__ = ["accept_within", "announce_within", "send_within"]


async def accept_within(
    context: WebContext, key: ApiKey | None, notifications: Sequence[Notification]
) -> Sequence[AcceptResult]:
    """As `GroupCommit.accept`, for a key that may have so many a day. Raises Problem (403)."""
    if key is None or key.daily is None or not notifications:
        return await context.group_commit.accept(notifications)
    await asyncio.to_thread(_take, context.ledger, key, len(notifications))
    results = await context.group_commit.accept(notifications)
    unused = sum(not isinstance(result, Accepted) or result.duplicate for result in results)
    await asyncio.to_thread(_give_back, context.ledger, key, unused)
    return results


def announce_within(ledger: Ledger, key: ApiKey | None, rows: int, accept: Callable[[], Announced]) -> Announced:
    """Has one announcement accepted, for a key that may have so many rows at once or a day. Raises Problem (403)."""
    if key and key.max_rows is not None and rows > key.max_rows:
        raise _over(Phrase("{key} may announce to at most {most:,} rows at once", key=key.name, most=key.max_rows))
    if key is None or key.daily is None:
        return accept()
    _take(ledger, key, rows)
    try:
        announced = accept()
    except (BadInput, KeyReused):  # after any other error it may have been accepted
        _give_back(ledger, key, rows)
        raise
    if announced.duplicate:
        _give_back(ledger, key, rows)
    return announced


def send_within(ledger: Ledger, key: ApiKey | None, notifications: Sequence[Notification]) -> list[Accepted]:
    """Has them accepted, all or none, for a key that may have so many a day. Raises Problem (403)."""
    if key is None or key.daily is None:
        return ledger.accept(notifications)
    _take(ledger, key, len(notifications))
    try:
        results = ledger.accept(notifications)
    except BadInput:
        _give_back(ledger, key, len(notifications))
        raise
    _give_back(ledger, key, sum(accepted.duplicate for accepted in results))
    return results


def _take(ledger: Ledger, key: ApiKey, number: int) -> None:
    if not Allowance(ledger).take(key.id, key.daily or 0, number):
        raise _over(
            Phrase("{key} may have at most {most:,} notifications accepted a day (UTC)", key=key.name, most=key.daily)
        )


def _give_back(ledger: Ledger, key: ApiKey, number: int) -> None:
    Allowance(ledger).give_back(key.id, key.daily or 0, number)


def _over(detail: Phrase) -> Problem:
    return Problem(HTTPStatus.FORBIDDEN, "The key's limit is reached", detail, type="key-limit")
