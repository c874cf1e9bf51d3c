"""Messages of other Celery applications that got lost: dropped ones, and lists that nobody reads."""

from collections.abc import Iterator
from typing import cast

import redis

from ledger.dropped_messages import DroppedMessages
from ledger.ledger import Ledger
from ledger.messages.json_fields import shortened
from ledger.queues import intake_queue
from ledger.times import iso
from ledger.unread_lists import UnreadList, find_unread, unread_of
from producers.doctor.doctor_check import Check, Status

__all__ = ["check_messages"]

#: Looks of `deskbell doctor` at a thousand keys each: it takes less than a second. Workers look at all of them.
_STEPS = 200
#: Lists that are named.
_NAMED = 5


def check_messages(ledger: Ledger, *, look: bool) -> Iterator[Check]:
    """With `look` for unread lists in the database; without, by what the workers have found."""
    dropped = DroppedMessages(ledger.redis, ledger.keys).summary(1)
    if dropped.unseen:
        latest = "".join(f"; the latest, at {iso(one.at_ms)}: {one.reason}" for one in dropped.latest)
        do = "list them with `deskbell dropped`, correct their senders, then run `deskbell dropped --seen`"
        yield Check("messages", Status.WARN, f"{dropped.unseen} dropped since somebody looked{latest}", do)
    unread = unread_of(cast("bytes | None", ledger.redis.get(ledger.keys.unread_lists)))
    if look:
        unread = sorted({*unread, *_found(ledger)})
    if unread := [each for each in unread if ledger.redis.exists(each.name)]:
        names = ", ".join(f"{shortened(each.name)} ({each.length})" for each in unread[:_NAMED])
        do = f"have their senders use the queue {intake_queue(ledger.settings.prefix)}, then delete these lists"
        yield Check("unread lists", Status.WARN, f"no worker reads the messages in {names}", do)


def _found(ledger: Ledger) -> list[UnreadList]:
    try:
        return find_unread(ledger.redis, ledger.settings.prefix, _STEPS)
    except redis.exceptions.NoPermissionError:
        return []
