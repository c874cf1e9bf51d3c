"""The hook log, written by the routes of hooks; what became no message is among the dropped messages, too."""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import NamedTuple

import redis

from ledger.connection import reachable
from ledger.dropped_messages import DroppedMessages
from ledger.errors import BadInput, DeskbellError
from ledger.hook_log import HookEntry, HookLog, HookOutcome
from ledger.phrases import Phrase
from producers.hooks.hook import Hook, Rendered
from producers.web.context import WebContext
from producers.web.problems import Problem

__all__ = ["TakenIn", "note_failure", "note_refusal", "note_result"]

_log = logging.getLogger(__name__)


class TakenIn(NamedTuple):
    """A notification of a post. `duplicate`: it was there before; `joined`: another message tells of it; `throttled`:
    that is a throttle's, else a digest's."""

    id: str
    duplicate: bool
    joined: bool = False
    throttled: bool = False


async def note_result(
    context: WebContext, hook: Hook, by: str, accepted: Sequence[TakenIn], rendered: Rendered
) -> None:
    outcome = HookOutcome.ACCEPTED if accepted else HookOutcome.SKIPPED
    entry = HookEntry(
        _now_ms(),
        hook.name,
        outcome,
        by,
        ids=[each.id for each in accepted],
        accepted=len(accepted),
        duplicates=sum(each.duplicate for each in accepted),
        joined=sum(each.joined for each in accepted),
        throttled=sum(each.throttled for each in accepted),
        skipped=rendered.skipped,
        reason=rendered.reason,
    )
    lost = Phrase(
        "{n} part of a post became no message: {problem} | {n} parts of a post became no message: {problem}",
        n=rendered.lost,
        problem=rendered.reason,
    )
    await _note(context, entry, lost if rendered.lost else None)


async def note_failure(context: WebContext, hook: Hook, by: str, error: DeskbellError) -> None:
    reason = error.args[0] if error.args else str(error)
    # Anything else passes, and the answer asks the sender to post again.
    lost = Phrase("a post became no message: {problem}", problem=reason) if isinstance(error, BadInput) else None
    await _note(context, HookEntry(_now_ms(), hook.name, HookOutcome.FAILED, by, reason=reason), lost)


async def note_refusal(context: WebContext, hook: Hook, refusal: Problem) -> None:
    await _note(context, HookEntry(_now_ms(), hook.name, HookOutcome.REFUSED, reason=refusal.detail))


async def _note(context: WebContext, entry: HookEntry, lost: Phrase | None = None) -> None:
    """What was accepted stays accepted when this fails, so the request succeeds."""
    try:
        await asyncio.to_thread(_write, context, entry, lost)
    except (DeskbellError, redis.RedisError) as error:
        _log.warning("the hook log was not written: %s", error, extra={"hook": entry.hook})


def _write(context: WebContext, entry: HookEntry, lost: Phrase | None) -> None:
    redis, keys = context.ledger.redis, context.ledger.keys
    with reachable(context.settings):
        HookLog(redis, keys).add(entry)
        if lost:
            DroppedMessages(redis, keys).note(lost, f"/v1/hooks/{entry.hook}", {"origin": entry.by or ""})


def _now_ms() -> int:
    return round(time.time() * 1000)
