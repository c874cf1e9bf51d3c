"""The record of a notification, and the answers to an acceptance."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from ledger.delivery_options import ReceiveType, UserIdType
from ledger.messages.content import MsgType
from ledger.notification import Notification
from ledger.progress import ActJson, Attempt, AttemptJson, Progress, acts_as_json
from ledger.states import FINAL, Outcome, State
from ledger.times import IsoTime, iso

__all__ = ["Accepted", "Announced", "ErrorJson", "NotificationJson", "Record"]


@with_config(title="Error")
class ErrorJson(TypedDict):
    """Why it is not delivered: Feishu's code and text of the last attempt, or why there was none."""

    code: Annotated[int | None, Field(description="Feishu's; null if it is not Feishu that said so.")]
    msg: Annotated[str | None, Field(description="Feishu's text, or the reason in words.")]
    reason: Annotated[str | None, Field(description="A word of ours, such as `no_such_person`.")]


@with_config(title="Notification")
class NotificationJson(TypedDict):
    """A notification's record, without the message."""

    id: Annotated[str, Field(description="`n_…`; of a row of an announcement `n_…-7`.")]
    state: Annotated[State, Field(description="Where it stands now.")]
    desk: Annotated[str, Field(description="The desk that sends it.")]
    receiver_id: Annotated[str | None, Field(description="null until the address has led to somebody.")]
    email: Annotated[str | None, Field(description="As given.")]
    mobile: Annotated[str | None, Field(description="As given.")]
    receive_type: Annotated[
        ReceiveType, Field(description="How the receiver was to get it: a reroute changes `via`, and not this.")
    ]
    user_id_type: Annotated[UserIdType, Field(description="The kind of `receiver_id`.")]
    msg_type: Annotated[MsgType, Field(description="The type of its message.")]
    via: Annotated[
        ReceiveType | None,
        Field(description="The way that its last attempt took, or that the next one will take after a reroute."),
    ]
    message_id: Annotated[str | None, Field(description="Feishu's, once it is delivered.")]
    attempts: Annotated[list[AttemptJson], Field(description="The calls to Feishu, the first one first.")]
    acts: Annotated[list[ActJson], Field(description="What people did with it.")]
    error: Annotated[
        ErrorJson | None, Field(description="Why it is not delivered; null as long as nothing went wrong.")
    ]
    announcement: Annotated[str | None, Field(description="Of a row: `a_…`.")]
    key: Annotated[str | None, Field(description="The idempotency key that it was submitted with.")]
    created_at: Annotated[IsoTime | None, Field(description="When it was accepted.")]
    due_at: Annotated[IsoTime | None, Field(description="When it goes out, or is tried again, if it waits for a time.")]
    expires_at: Annotated[IsoTime | None, Field(description="It is not sent after this.")]
    finished_at: Annotated[IsoTime | None, Field(description="When it reached its final state.")]
    test: NotRequired[Annotated[bool, Field(description="Of a test of an announcement: true.")]]
    into: NotRequired[Annotated[str, Field(description="Of a joined event: the notification that tells of it.")]]
    joined: NotRequired[Annotated[int, Field(description="Of a message that gathers events: how many have joined it.")]]
    resolve_of: NotRequired[
        Annotated[str, Field(description="Of the end of an alert: the notification that told of its firing.")]
    ]
    resolved_by: NotRequired[
        Annotated[list[str], Field(description="Of an alert that has ended: the notifications that told of it.")]
    ]
    line: NotRequired[Annotated[int, Field(description="Of a row: its line in the file.")]]
    person: NotRequired[
        Annotated[
            dict[str, str],
            Field(description="Of a row: its name, e-mail and mobile number by their columns, else its first values."),
        ]
    ]
    damaged: NotRequired[
        Annotated[str, Field(description="Set where a part of the record cannot be read: what is wrong with it.")]
    ]


@dataclass(frozen=True, slots=True)
class Accepted:
    """A notification is recorded, and on disk. `duplicate`: an earlier call with this key submitted it."""

    id: str
    duplicate: bool
    state: State
    into: str | None = None  #: of a joined event: the notification that tells of it

    def as_json(self) -> dict[str, Any]:
        joined = {"into": self.into} if self.into else {}
        return {"id": self.id, "state": self.state, "duplicate": self.duplicate, **joined}


@dataclass(frozen=True, slots=True)
class Announced:
    """An announcement is recorded. `duplicate`: an earlier call with this key submitted it."""

    id: str
    total: int
    duplicate: bool

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Record:
    """The record of one notification."""

    id: str
    notification: Notification
    progress: Progress
    created_ms: int
    announcement: str | None = None
    damage: str | None = None  #: what of it cannot be read, in words
    line: int | None = None  #: of a row, in its file
    person: Mapping[str, str] = field(default_factory=dict, repr=False)  #: of a row: columns that tell who it is
    joined: int | None = None  #: of a message that gathers events: how many have joined it
    resolved_by: tuple[str, ...] = ()  #: of an alert that has ended: the notifications that told of it

    @property
    def last(self) -> Attempt | None:
        return self.progress.attempts[-1] if self.progress.attempts else None

    @property
    def due_ms(self) -> int | None:
        """What it waits for, if it waits for a time: its own of sending, or that of its next try."""
        if self.progress.due_ms is None and self.progress.state is State.SCHEDULED:
            return self.notification.due_ms or None
        return self.progress.due_ms

    def as_json(self, *, with_address: bool = True) -> NotificationJson:
        """The JSON of the outside contract, without the message; `with_address` adds what identifies the receiver."""
        fields = self._json()
        contact = self.notification.email or self.notification.mobile
        if contact and not with_address:
            key = fields["key"]
            fields |= {"email": None, "mobile": None, "key": key and key.replace(contact, "…")}
        if "person" in fields and not with_address:
            fields["person"] = {}
        return fields

    def _json(self) -> NotificationJson:
        progress, last = self.progress, self.last
        fields: NotificationJson = {
            "id": self.id,
            "state": progress.state,
            "desk": self.notification.desk,
            "receiver_id": self.notification.receiver_id or None,
            "email": self.notification.email,
            "mobile": self.notification.mobile,
            "receive_type": self.notification.receive_type,
            "user_id_type": self.notification.user_id_type,
            "msg_type": self.notification.message.msg_type,
            "via": last.via if last else progress.via,
            "message_id": last.message_id if last else None,
            "attempts": [attempt.as_json() for attempt in progress.attempts],
            "acts": acts_as_json(progress.acts),
            "error": self._error(),
            "announcement": self.announcement,
            "key": self.notification.key,
            "created_at": iso(self.created_ms),
            "due_at": iso(self.due_ms),
            "expires_at": iso(self.notification.expires_ms),
            "finished_at": iso(progress.at_ms) if progress.state in FINAL else None,
        }
        self._add_what_few_have(fields)
        return fields

    def _add_what_few_have(self, fields: NotificationJson) -> None:
        if self.notification.test:
            fields["test"] = True
        if self.line is not None:
            fields |= {"line": self.line, "person": dict(self.person)}
        if self.progress.into:
            fields["into"] = self.progress.into
        if self.joined is not None:
            fields["joined"] = self.joined
        if self.progress.resolve_of:
            fields["resolve_of"] = self.progress.resolve_of
        if self.resolved_by:
            fields["resolved_by"] = list(self.resolved_by)
        if self.damage:
            fields["damaged"] = self.damage

    def _error(self) -> ErrorJson | None:
        if failure := self.progress.failure:
            return {"code": failure.code, "msg": failure.msg, "reason": failure.reason}
        if self.last is None or self.last.outcome is Outcome.DELIVERED:
            return None
        return {"code": self.last.code, "msg": self.last.told, "reason": None}
