"""A claimed notification, as a worker gets it."""

from dataclasses import dataclass

from ledger.announcement import Row, Spec
from ledger.errors import BadInput
from ledger.messages.content import Message
from ledger.notification import Notification
from ledger.phrases import Phrase
from ledger.progress import Progress
from ledger.rate import Slot

__all__ = ["Claim"]


@dataclass(frozen=True, slots=True)
class Claim:
    """A notification that this worker alone holds, until its lease ends."""

    id: str
    notification: Notification  #: of an announcement's row: without its message, see `message`
    progress: Progress
    slot: Slot
    probing: bool  #: the desk is held, and this is the probe
    accepted_ms: int
    row: tuple[Row, Spec] | None = None
    some_have_tickets: bool = True  #: of the desk's receivers; if not, nobody needs to look
    damage: Phrase | None = None  #: what of its record cannot be read: it must not be sent

    @property
    def wanted_ms(self) -> int:
        """When it could first be sent: accepted, or at its time if that is later."""
        if self.row is None:
            return max(self.accepted_ms, self.notification.due_ms, self.progress.closed_ms or 0)
        row, spec = self.row
        send_at_ms: int = row.overrides.get("send_at_ms", 0)
        at_ms = round(spec.at.timestamp() * 1000) if spec.at else 0
        return max(self.accepted_ms, at_ms, send_at_ms)

    @property
    def traceparent(self) -> str | None:
        """Of the trace in which it, or its announcement, was accepted."""
        return self.row[1].traceparent if self.row else self.notification.traceparent

    def message(self) -> Message:
        """The message to send; a row's is rendered here. Raises BadInput if the row does not fit its template, or the
        record is damaged."""
        if self.damage:
            raise BadInput("record", self.damage)
        if self.row is None:
            return self.notification.message
        row, spec = self.row
        return row.message(spec)
