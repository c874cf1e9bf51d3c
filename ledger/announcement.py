"""An announcement: what its rows share, one row, and its state."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Annotated, Any, NotRequired, Self

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, with_config
from typing_extensions import TypedDict

from ledger.callback_format import CallbackUrl
from ledger.delivery_options import DEFAULT_DESK, OnOpenTicket, OnUnknown, ReceiveType, UserIdType
from ledger.draft import Draft, DraftJson
from ledger.errors import BadInput
from ledger.ids import row_id
from ledger.messages.content import Message, MsgType
from ledger.messages.template import Template
from ledger.notification import Notification
from ledger.one_address import checked_address
from ledger.person_columns import person_of
from ledger.phrases import Phrase
from ledger.progress import Act, ActJson, Progress, acts_as_json
from ledger.record import Record
from ledger.sending_hours import SendingHours
from ledger.states import MOVING, AnnouncementState, PausedBy, State
from ledger.stops import FailureShare, FirstRows
from ledger.times import IsoTime, iso, unix_ms

__all__ = ["RECEIVER_ID", "Announcement", "AnnouncementJson", "Row", "RowRecord", "Spec"]


#: The variable that each row has besides its columns.
RECEIVER_ID = "receiver_id"


class Spec(BaseModel):
    """The fields that all rows of an announcement share. Stored once."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str = Field(min_length=1, max_length=200)
    message: dict[str, JsonValue] = Field(repr=False)  #: `msg_type` and `content`, with Jinja in its strings
    markdown: str | None = Field(None, repr=False)  #: what the message was made from, for edits
    columns: tuple[str, ...] = ()  #: names of a row's values
    people: tuple[str, ...] = ()  #: those of them that hold what the contacts tell of people
    desk: str = DEFAULT_DESK
    receive_type: ReceiveType = ReceiveType.CHAT
    user_id_type: UserIdType = UserIdType.OPEN_ID
    at: datetime | None = None
    expires_at: datetime | None = None
    on_unknown: OnUnknown = OnUnknown.HOLD
    on_open_ticket: OnOpenTicket = OnOpenTicket.REROUTE
    weight: int = Field(1, ge=1, le=100)
    between: str | None = None
    timezone: str | None = None
    first: FirstRows | None = None
    stop_at: FailureShare | None = None
    notify: Annotated[str, AfterValidator(checked_address)] | None = Field(None, repr=False)  #: hears of its end
    callback_url: CallbackUrl | None = Field(None, repr=False)
    caller: str | None = None  #: the API key whose share of the callbacks its end uses
    traceparent: str | None = None  #: of the trace in which it was accepted

    @cached_property
    def template(self) -> Template:
        """Compiled once, for rows of these columns. Raises BadInput."""
        return Template.of(self.message, columns=(*self.columns, RECEIVER_ID))

    @cached_property
    def hours(self) -> SendingHours | None:
        """Raises BadInput."""
        return SendingHours.read(self.between, self.timezone or "UTC") if self.between else None

    @property
    def stops(self) -> list[Phrase]:
        """When it will pause by itself, in words."""
        stops = []
        if self.first:
            stops.append(Phrase("pauses after its first {n:,} row | pauses after its first {n:,} rows", n=self.first))
        if self.stop_at:
            stops.append(Phrase("pauses when more than {share} of its rows failed", share=self.stop_at))
        return stops

    def to_json(self) -> bytes:
        return orjson.dumps(self.model_dump(mode="json", exclude_defaults=True))

    @classmethod
    def of_json(cls, text: bytes) -> Self:
        """Ignores fields of newer versions. Raises one of `ledger.damage.UNREADABLE` for damaged JSON."""
        raw = orjson.loads(text)
        MsgType(raw["message"]["msg_type"])
        return cls.model_validate({name: raw[name] for name in cls.model_fields if name in raw})


@dataclass(frozen=True, slots=True)
class Row:
    """One receiver, as the ledger stores it: the JSON list `[line, receiver_id, values, overrides]`."""

    line: int  #: its line in the file, from 1
    receiver_id: str
    values: tuple[str | None, ...]  #: in the order of the columns; None where a JSONL row has no such column
    overrides: Mapping[str, Any] = field(default_factory=dict)  #: receive_type, user_id_type, send_at_ms

    @classmethod
    def of_json(cls, text: bytes) -> Self:
        line, receiver_id, values, *overrides = orjson.loads(text)
        return cls(line, receiver_id, tuple(values), overrides[0] if overrides else {})

    def addressed(self, spec: Spec) -> Notification:
        """The row's notification, with an empty message."""
        message = Message.model_construct(msg_type=MsgType(str(spec.message["msg_type"])), content={})
        return Notification.model_construct(
            receiver_id=self.receiver_id,
            message=message,
            receive_type=self.overrides.get("receive_type", spec.receive_type),
            user_id_type=self.overrides.get("user_id_type", spec.user_id_type),
            desk=spec.desk,
            expires_at=spec.expires_at,
            on_unknown=spec.on_unknown,
            on_open_ticket=spec.on_open_ticket,
        )

    def at(self, spec: Spec) -> datetime | None:
        """The later one of its own time of sending and that of all rows."""
        own = self.overrides.get("send_at_ms")
        times = [datetime.fromtimestamp(own / 1000, UTC)] if own else []
        return max([*times, *([spec.at] if spec.at else [])], default=None)

    def message(self, spec: Spec) -> Message:
        """The rendered message. Raises BadInput if the row does not fit, which was checked before it was accepted."""
        if len(self.values) != len(spec.columns):
            raise BadInput("record", Phrase("it is damaged: it has other columns than its announcement"))
        given = {name: value for name, value in zip(spec.columns, self.values, strict=True) if value is not None}
        given[RECEIVER_ID] = self.receiver_id
        msg_type, content = spec.template.render_unchecked(given)
        return Message.model_construct(msg_type=msg_type, content=orjson.loads(content))


@dataclass(frozen=True, slots=True)
class RowRecord:
    """A row and its state, for an export."""

    announcement: str
    number: int
    row: Row
    progress: Progress
    damage: str | None = None  #: what of it cannot be read, in words

    @property
    def id(self) -> str:
        return row_id(self.announcement, self.number)

    def person(self, spec: Spec) -> dict[str, str]:
        """By which people know its receiver."""
        return person_of(spec.columns, self.row.values)

    def record(self, of: "Announcement") -> Record:
        """Without its message."""
        row = self.row.addressed(of.spec).model_copy(update={"at": self.row.at(of.spec)})
        damage = self.damage or of.damage
        return Record(self.id, row, self.progress, of.created_ms, of.id, damage, self.row.line, self.person(of.spec))


@with_config(title="Announcement")
class AnnouncementJson(TypedDict):
    """The state of an announcement."""

    id: Annotated[str, Field(description="`a_…`")]
    name: Annotated[str, Field(description="As people know it.")]
    desk: Annotated[str, Field(description="The desk that sends it.")]
    state: Annotated[AnnouncementState, Field(description="Where it stands now.")]
    paused_by: Annotated[PausedBy | None, Field(description="Why it is paused; null while it is not.")]
    ended: Annotated[str | None, Field(description="`complete` or `partial`; null until it is finished.")]
    total: Annotated[int, Field(description="Its rows.")]
    counts: Annotated[dict[State, int], Field(description="Rows by state. They sum to the total.")]
    rerouted: Annotated[int, Field(description="Rows delivered through `user`, because a ticket was open.")]
    rate: Annotated[float, Field(description="Rows that ended in the last minutes, per minute.")]
    eta_seconds: Annotated[int | None, Field(description="Until it is finished, or has sent its first rows.")]
    weight: Annotated[int, Field(description="Its share of the slots, beside other announcements of the desk.")]
    first: Annotated[int | None, Field(description="Rows after which it pauses, until it is resumed.")]
    stop_at: Annotated[str | None, Field(description="The share of failed rows above which it pauses.")]
    acts: Annotated[list[ActJson], Field(description="What people did with it: the first act and the last 99.")]
    created_at: Annotated[IsoTime | None, Field(description="When it was accepted, or drafted.")]
    due_at: Annotated[IsoTime | None, Field(description="When it starts, or goes on, if it waits for a time.")]
    expires_at: Annotated[IsoTime | None, Field(description="No row is sent after this.")]
    finished_at: Annotated[IsoTime | None, Field(description="When its last row ended.")]
    draft: Annotated[NotRequired[DraftJson], Field(description="Until it is started.")]
    damaged: NotRequired[
        Annotated[str, Field(description="Set where a part of the record cannot be read: what is wrong with it.")]
    ]


@dataclass(frozen=True, slots=True)
class Announcement:
    """The state of an announcement."""

    id: str
    spec: Spec
    state: AnnouncementState
    total: int
    counts: Mapping[State, int]
    created_ms: int
    finished_ms: int | None
    acts: tuple[Act, ...]
    rerouted: int  #: delivered through `user`, because a ticket was open
    rate_per_second: float  #: the recent rate of finished notifications
    eta_seconds: float | None  #: until it has nothing to send; None if unknown or not running
    damage: str | None = None  #: what of it cannot be read, in words
    due_ms: int | None = None  #: when it starts, or goes on, if it waits for a time
    can_reschedule: bool = False  #: it is scheduled, or was paused before its first row was released
    paused_by: PausedBy | None = None
    held_back: int = 0  #: rows behind its first ones, which wait until it is resumed
    draft: Draft | None = None  #: until it is started

    @property
    def left(self) -> int:
        """Rows still to send."""
        return sum(self.counts[state] for state in MOVING)

    @property
    def stopped_itself(self) -> bool:
        """Whether it waits for somebody to look at it and let it go on."""
        return self.paused_by in (PausedBy.FIRST_N, PausedBy.STOP_AT)

    @property
    def pause_reason(self) -> Phrase | None:
        """Why it has paused by itself, in words."""
        if self.paused_by is PausedBy.FIRST_N:
            return Phrase("its first {n:,} row has ended | its first {n:,} rows have ended", n=self.spec.first or 0)
        if self.paused_by is PausedBy.STOP_AT:
            return Phrase("more than {share} of its rows failed", share=self.spec.stop_at)
        return None

    @property
    def ended(self) -> str | None:
        """`complete` if every row was delivered, else `partial`; None while it runs."""
        if self.state is not AnnouncementState.FINISHED:
            return None
        return "complete" if self.counts[State.DELIVERED] == self.total else "partial"

    def as_json(self) -> AnnouncementJson:
        """The JSON of the outside contract."""
        fields: AnnouncementJson = {
            "id": self.id,
            "name": self.spec.name,
            "desk": self.spec.desk,
            "state": self.state,
            "paused_by": self.paused_by,
            "ended": self.ended,
            "total": self.total,
            "counts": {state: n for state, n in self.counts.items() if n},
            "rerouted": self.rerouted,
            "rate": round(self.rate_per_second * 60, 2),
            "eta_seconds": None if self.eta_seconds is None else round(self.eta_seconds),
            "weight": self.spec.weight,
            "first": self.spec.first,
            "stop_at": self.spec.stop_at,
            "acts": acts_as_json(self.acts),
            "created_at": iso(self.created_ms),
            "due_at": iso(self.due_ms),
            "expires_at": iso(unix_ms(self.spec.expires_at)),
            "finished_at": iso(self.finished_ms) if self.ended else None,
        }
        if self.draft:
            fields["draft"] = self.draft.as_json()
        if self.damage:
            fields["damaged"] = self.damage
        return fields
