"""What others sent in vain: dropped messages, lists that nobody reads, and hooks that refuse their posts."""

import time
from collections.abc import Iterator
from typing import cast

import redis

from ledger.dropped_messages import DroppedMessages, DroppedSummary
from ledger.hook_log import HookEntry, HookLog, HookOutcome
from ledger.ledger import Ledger
from ledger.messages.json_fields import shortened
from ledger.phrases import Phrase
from ledger.queues import intake_queue
from ledger.times import iso
from ledger.unread_lists import UnreadList, find_unread, unread_of
from producers.doctor.doctor_check import Check, Status

__all__ = ["check_messages"]

#: Looks of `deskbell doctor` at a thousand keys each: it takes less than a second. Workers look at all of them.
_STEPS = 200
#: Lists that are named.
_NAMED = 5
#: Entries of the hook log that are read: all of them.
_ENTRIES = 1000
#: An older refusal is not reported, ms: a stranger's single post to a hook that rests must not stay for ever.
_REFUSAL_MS = 86_400_000


def check_messages(ledger: Ledger, *, look: bool) -> Iterator[Check]:
    """With `look` for unread lists in the database and for refusals; without, by what the workers have found."""
    dropped = DroppedMessages(ledger.redis, ledger.keys).summary(1)
    if dropped.unseen:
        do = Phrase(
            "list them with `deskbell dropped`, correct their senders or hooks, then run `deskbell dropped --seen`"
        )
        yield Check("messages", Status.WARN, _dropped(dropped), do)
    unread = unread_of(cast("bytes | None", ledger.redis.get(ledger.keys.unread_lists)))
    if look:
        unread = sorted({*unread, *_found(ledger)})
        yield from _refusing_hooks(ledger)
    if unread := [each for each in unread if ledger.redis.exists(each.name)]:
        names = ", ".join(f"{shortened(each.name)} ({each.length})" for each in unread[:_NAMED])
        intake = intake_queue(ledger.settings.prefix)
        do = Phrase("have their senders use the queue {queue}, then delete these lists", queue=intake)
        found = Phrase("no worker reads the messages in {names}", names=names)
        yield Check("unread lists", Status.WARN, found, do)


def _dropped(dropped: DroppedSummary) -> Phrase:
    found = Phrase("{count} dropped since somebody looked", count=dropped.unseen)
    for one in dropped.latest:
        latest = Phrase("the latest, at {at}: {reason}", at=iso(one.at_ms), reason=one.reason)
        found = Phrase("{before}; {part}", before=found, part=latest)
    return found


def _refusing_hooks(ledger: Ledger) -> Iterator[Check]:
    """Those whose last post was refused at the door: with a wrong secret none of a tool's alerts comes in."""
    last: dict[str, HookEntry] = {}
    for entry in HookLog(ledger.redis, ledger.keys).latest(_ENTRIES):
        last.setdefault(entry.hook, entry)
    since_ms = round(time.time() * 1000) - _REFUSAL_MS
    for name, entry in sorted(last.items()):
        if entry.outcome is HookOutcome.REFUSED and entry.at_ms > since_ms:
            found = Phrase(
                "its last post, at {at}, was refused: {reason}", at=iso(entry.at_ms), reason=entry.reason or ""
            )
            do = Phrase("correct its sender, unless the post was a stranger's")
            yield Check(f"hook {name}", Status.WARN, found, do)


def _found(ledger: Ledger) -> list[UnreadList]:
    try:
        return find_unread(ledger.redis, ledger.settings.prefix, _STEPS)
    except redis.exceptions.NoPermissionError:
        return []
