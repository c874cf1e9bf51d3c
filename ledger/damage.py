"""Damaged records: a flipped bit on disk must not hide, or stop, all other records.

The server reads its files without a checksum per record, so any letter may have changed.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from typing import TypeVar

from ledger.messages.content import Message, MsgType
from ledger.notification import Notification
from ledger.phrases import Phrase
from ledger.progress import Attempt, Progress
from ledger.states import Outcome, State

__all__ = ["NOBODY", "UNREADABLE", "Reading", "whole"]

#: What reading raises for malformed JSON, or JSON of another shape.
UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, IndexError)
#: Stands for a receiver that cannot be read.
NOBODY = "?"

T = TypeVar("T")
Kept = TypeVar("Kept")

log = logging.getLogger(__name__)


def whole(what: str, read: Callable[[Kept], T], kept: Kept) -> T | None:
    """Reads one of several records. None if it is damaged, which is only logged: the others matter more."""
    try:
        return read(kept)
    except UNREADABLE:
        log.error("%s in Redis is damaged, and left out", what)
        return None


class Reading:
    """Reads the parts of one record, and notes unreadable ones."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    @property
    def damage(self) -> Phrase | None:
        """A description; None if everything was readable."""
        if not self._parts:
            return None
        parts = reduce(lambda before, part: Phrase("{before} and {part}", before=before, part=part), self._parts)
        return Phrase("its record is damaged: {parts} cannot be read", parts=parts)

    def part(self, name: str, read: Callable[[], T], instead: T) -> T:
        try:
            return read()
        except UNREADABLE:
            self._parts.append(name)
            return instead

    def notification(self, kept: bytes | None, desk: str) -> Notification:
        """An event, without a message if that is unreadable."""
        return self.part("input", lambda: Notification.of_input(kept or b""), None) or _nobody(desk)

    def progress(self, kept: bytes | None, at_ms: int) -> Progress:
        return self.part("progress", lambda: Progress.of_json(kept or b""), None) or Progress(State.UNKNOWN, at_ms)

    def told(self, progress: Progress) -> Progress:
        """With what is damaged as the last thing that is on record of it, for whoever shows it."""
        if self.damage is None:
            return progress
        attempt = Attempt(progress.at_ms, None, Outcome.UNKNOWN, msg=self.damage)
        return replace(progress, attempts=(*progress.attempts, attempt))


def _nobody(desk: str) -> Notification:
    message = Message.model_construct(msg_type=MsgType.TEXT, content={})
    return Notification.model_construct(receiver_id=NOBODY, message=message, desk=desk)
