"""The limits of a key, where anything is accepted: its receivers, rows of one announcement, notifications of a day.

Also those of a test key, whose notifications are checked like all others, and neither kept nor sent.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from ledger.addresses import Contact, address_fields
from ledger.allowance import Allowance, check_rows
from ledger.announcement import Announcement, Row, Spec
from ledger.api_key import ApiKey
from ledger.delivery_options import UserIdType
from ledger.draft import Person
from ledger.errors import BadInput, KeyLimit
from ledger.key_receivers import Receivers, receiver_refusals
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.phrases import Phrase
from ledger.record import Accepted, Announced
from producers.announcements.drafts import Drafts
from producers.announcements.lookup import Lookup
from producers.web.context import WebContext
from producers.web.group_commit import Committed
from producers.web.unsent import announcement_answer, event_answers, whole_answers

__all__ = [
    "Submitted",
    "accept_within",
    "announce_within",
    "check_submitted",
    "draft_within",
    "refuse_foreign",
    "send_within",
]


async def accept_within(
    context: WebContext, key: ApiKey | None, notifications: Sequence[Notification]
) -> Sequence[Committed]:
    """As `GroupCommit.accept`, within the limits of a key: a receiver that is not its own is refused in its place.

    Raises KeyLimit when the day has no room for the others.
    """
    if key is None or not (key.test or key.daily is not None or key.only is not None):
        return await context.group_commit.accept(notifications)
    refusals = await asyncio.to_thread(receiver_refusals, context.ledger, key, notifications)
    allowed = [each for each, refusal in zip(notifications, refusals, strict=True) if refusal is None]
    accepted = iter(await _accept_daily(context, key, allowed))
    return [next(accepted) if refusal is None else refusal for refusal in refusals]


async def _accept_daily(context: WebContext, key: ApiKey, notifications: Sequence[Notification]) -> Sequence[Committed]:
    allowance = Allowance(context.ledger, key)
    await asyncio.to_thread(allowance.take, len(notifications))
    results: Sequence[Committed]
    if key.test:
        results = await asyncio.to_thread(event_answers, context.ledger, key, notifications)
    else:
        results = await context.group_commit.accept(notifications)
    # After any other error it may have been accepted.
    unused = sum(
        result.duplicate if isinstance(result, Accepted) else isinstance(result, BadInput) for result in results
    )
    await asyncio.to_thread(allowance.give_back, unused)
    return results


async def refuse_foreign(context: WebContext, key: ApiKey | None, notifications: Sequence[Notification]) -> None:
    """Raises KeyLimit unless the key may write to all of their receivers."""
    if key and key.only is not None:
        refusals = await asyncio.to_thread(receiver_refusals, context.ledger, key, notifications)
        if refusal := next(filter(None, refusals), None):
            raise refusal


def send_within(ledger: Ledger, key: ApiKey | None, notifications: Sequence[Notification]) -> list[Accepted]:
    """As `Ledger.accept`, all or none, within the limits of a key. Raises KeyLimit, and as it does."""
    if refusal := next(filter(None, receiver_refusals(ledger, key, notifications)), None):
        raise refusal

    def accept() -> list[Accepted]:
        return whole_answers(ledger, key, notifications) if key and key.test else ledger.accept(notifications)

    def counted(results: list[Accepted]) -> int:
        return sum(not result.duplicate for result in results)

    return Allowance(ledger, key).spend(len(notifications), accept, counted)


@dataclass(frozen=True, slots=True)
class Submitted:
    """An announcement that was checked."""

    spec: Spec
    total: int
    key: str
    digest: str  #: of everything that makes it this announcement
    rows: Callable[[], Iterable[Row]]


def check_submitted(ledger: Ledger, key: ApiKey | None, submitted: Submitted) -> None:
    """Raises KeyLimit for too many rows at once, and for receivers that are not the key's; AskFailed when Feishu must
    be asked about these, and does not answer."""
    check_rows(key, submitted.total)
    if key is None or key.only is None:
        return
    with Lookup(ledger, ledger.settings.desk(submitted.spec.desk)) as lookup:
        receivers = Receivers(key, lambda contacts: _open_ids(lookup, contacts))
        notify = submitted.spec.notify
        if notify and not receivers.has(address_fields(notify), UserIdType.OPEN_ID):
            raise receivers.refusal()
        foreign = [line for line, may in _judged(submitted, receivers) if not may]
    if foreign:
        problem = Phrase(
            "{key} may write to its {listed:,} addresses alone: {n:,} receiver is none of them, in line {line}"
            " | {key} may write to its {listed:,} addresses alone: {n:,} receivers are none of them, the first in line"
            " {line}",
            key=key.name,
            listed=len(key.only),
            line=min(foreign),
            n=len(foreign),
        )
        raise KeyLimit(problem)


def announce_within(
    ledger: Ledger, key: ApiKey | None, submitted: Submitted, accept: Callable[[], Announced]
) -> Announced:
    """Has one announcement accepted, within the limits of a key. Raises as `check_submitted`, and KeyLimit when the
    day has no room for it."""
    check_submitted(ledger, key, submitted)
    if key and key.test:
        accept = _answering(ledger, key, submitted)

    def counted(announced: Announced) -> int:
        return 0 if announced.duplicate else submitted.total

    return Allowance(ledger, key).spend(submitted.total, accept, counted)


def draft_within(
    ledger: Ledger,
    key: ApiKey | None,
    draft: Announcement,
    drafts: Drafts,
    reason: str | None,
    version: int | None,
    by: Person,
) -> None:
    """Has a draft started, within the limits of a key: a test key gets the same refusals, and starts nothing.

    Raises as `announce_within` and `Drafts.start`.
    """
    if key and key.test:  # it cannot have the scope `operate`, so it gives no reason
        drafts.check_start(draft.id, version)

    def started() -> Announced:
        drafts.start(draft.id, by, reason, version)
        return Announced(draft.id, draft.total, duplicate=False)

    content, rows = draft.draft.fingerprint if draft.draft else "", partial(drafts.rows, draft.id)
    announce_within(ledger, key, Submitted(draft.spec, draft.total, draft.id, content, rows), started)


def _answering(ledger: Ledger, key: ApiKey, submitted: Submitted) -> Callable[[], Announced]:
    return lambda: announcement_answer(ledger, key, submitted.key, submitted.digest, submitted.total)


def _judged(submitted: Submitted, receivers: Receivers) -> Iterator[tuple[int, bool]]:
    """The line of each row, and whether the key may write to its receiver."""
    for row in submitted.rows():
        id_type = UserIdType(row.overrides.get("user_id_type", submitted.spec.user_id_type))
        yield row.line, receivers.has({"receiver_id": row.receiver_id}, id_type)


def _open_ids(lookup: Lookup, contacts: Sequence[Contact]) -> Iterable[str]:
    return (found for found in lookup.resolve(contacts).values() if isinstance(found, str))
