"""The answers to a test key: those that another key would get, while nothing is kept or sent.

Only its idempotency keys are remembered, for a day and apart from those of other keys, so that a repeat is a duplicate.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from ledger.api_key import ApiKey
from ledger.connection import text
from ledger.errors import BadInput, KeyReused
from ledger.ids import new_announcement_id, new_notification_id
from ledger.ledger import AcceptResult, Ledger
from ledger.notification import Notification
from ledger.record import Accepted, Announced
from ledger.redis_keys import key_digest
from ledger.states import State
from ledger.times import past_problem, unix_ms

__all__ = ["announcement_answer", "event_answers", "whole_answers"]

#: How long an idempotency key of a test key is remembered, ms.
REMEMBERED_MS = 86_400_000


def event_answers(ledger: Ledger, key: ApiKey, notifications: Sequence[Notification]) -> list[AcceptResult]:
    """In their order, as `Ledger.accept_each` gives them."""
    return [_event_answer(ledger, key, each) for each in notifications]


def whole_answers(ledger: Ledger, key: ApiKey, notifications: Sequence[Notification]) -> list[Accepted]:
    """As `event_answers`, but raises what is refused."""
    results = event_answers(ledger, key, notifications)
    for result in results:
        if isinstance(result, BadInput):
            raise result
    return [result for result in results if isinstance(result, Accepted)]


def announcement_answer(ledger: Ledger, key: ApiKey, own_key: str, digest: str, total: int) -> Announced:
    """Raises KeyReused."""
    id, is_new = _first_use(ledger, key, f"announcement\0{own_key}", digest, new_announcement_id())
    return Announced(id, total, duplicate=not is_new)


def _event_answer(ledger: Ledger, key: ApiKey, notification: Notification) -> AcceptResult:
    now = datetime.now(UTC)
    if refusal := past_problem(notification.at, now):
        return refusal
    state = State.SCHEDULED if notification.due_ms > unix_ms(now) else State.QUEUED
    id, is_new = new_notification_id(), True
    if notification.key:
        try:
            id, is_new = _first_use(
                ledger, key, f"{notification.desk}\0{notification.key}", notification.content_hash, id
            )
        except KeyReused as refusal:
            return refusal
    return Accepted(id, not is_new, state)


def _first_use(ledger: Ledger, key: ApiKey, own_key: str, digest: str, id: str) -> tuple[str, bool]:
    """The id that an idempotency key stands for, and whether it is this one. Raises KeyReused."""
    name = ledger.keys.test_answer(key.id, key_digest(own_key))
    pipe = ledger.redis.pipeline()
    pipe.set(name, f"{id} {digest}", nx=True, px=REMEMBERED_MS)
    pipe.get(name)
    first_id, _, first_digest = text(pipe.execute()[1]).partition(" ")
    if first_digest != digest:
        raise KeyReused(own_key.rpartition("\0")[2], first_id)
    return first_id, first_id == id
