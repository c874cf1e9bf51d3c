"""What the ledger keeps: a notification as it was asked for, its attempts, and where it stands."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Self, cast

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ledger.callback_url import CallbackUrl
from ledger.errors import BadInput
from ledger.messages.content import Message, MsgType, parse_message
from ledger.messages.json_fields import steering_problem
from ledger.settings import DEFAULT_DESK, duration
from ledger.states import FINAL, Outcome, State
from ledger.tracing import TRACEPARENT, traceparent

__all__ = [
    "Accepted",
    "Attempt",
    "Notification",
    "OnOpenTicket",
    "OnUnknown",
    "Progress",
    "ReceiveType",
    "Record",
    "UserIdType",
    "iso",
    "moment",
]


#: How the keys begin that are made here out of what others know, and of what. With one of its own that begins so, a
#: caller could stand in the place of a message to come, and nobody would get it.
_BEGINNINGS_OF_OURS = {"hook/": "hooks", "celery:": "tasks without a key"}


class ReceiveType(StrEnum):
    """How the receiver gets it: in the group that the helpdesk keeps for them, or in a chat with its bot."""

    CHAT = "chat"
    USER = "user"


class UserIdType(StrEnum):
    """Which kind of id `receiver_id` is."""

    OPEN_ID = "open_id"
    UNION_ID = "union_id"
    USER_ID = "user_id"


class OnUnknown(StrEnum):
    """What to do when a message was maybe sent: send it again (twice is better than never), or hold it for a person."""

    RESEND = "resend"
    HOLD = "hold"


class OnOpenTicket(StrEnum):
    """What to do when `chat` is refused because the receiver has an open ticket."""

    REROUTE = "reroute"
    WAIT = "wait"
    FAIL = "fail"


def moment(text: str, now: datetime) -> datetime:
    """Reads an ISO 8601 time (local without an offset), or a duration from now such as `1h`. Raises ValueError."""
    try:
        return now + duration(text)
    except ValueError:
        pass
    except OverflowError:
        raise ValueError(f"{text!r} is further away than the calendar reaches") from None
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no time: write 2026-11-30T09:00+08:00, or 90s, 15m, 1h, 2d from now") from None


def _ms(time: datetime | None) -> int:
    return round(time.timestamp() * 1000) if time else 0


def iso(ms: int | None) -> str | None:
    """Unix ms as people and JSON have it: UTC, with milliseconds."""
    if not ms:
        return None
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Notification(BaseModel):
    """One message to one receiver, as a producer asks for it. Nothing in its repr tells the message."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    receiver_id: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[!-~]+$")]
    message: Message
    receive_type: ReceiveType = ReceiveType.CHAT
    user_id_type: UserIdType = UserIdType.OPEN_ID
    desk: str = DEFAULT_DESK
    key: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    at: datetime | None = None
    expires_at: datetime | None = None
    on_unknown: OnUnknown = OnUnknown.RESEND
    on_open_ticket: OnOpenTicket = OnOpenTicket.REROUTE
    callback_url: CallbackUrl | None = Field(None, repr=False)
    caller: str | None = None  #: the API key whose share of the callbacks its end has; never given by the caller itself
    traceparent: Annotated[str, Field(pattern=TRACEPARENT)] | None = None

    @model_validator(mode="after")
    def _prefix_agrees_with_type(self) -> Self:
        # open_ids begin with ou_ and union_ids with on_: the wrong type would be refused by the API, one call later.
        other = {UserIdType.OPEN_ID: "on_", UserIdType.UNION_ID: "ou_"}.get(self.user_id_type)
        if other and self.receiver_id.startswith(other):
            raise ValueError(f"receiver_id: one that begins with {other} is no {self.user_id_type}")
        return self

    @classmethod
    def build(
        cls,
        raw: Mapping[str, Any],
        *,
        now: datetime | None = None,
        key_of_ours: str | None = None,
        caller: str | None = None,
    ) -> Self:
        """Reads the fields of the HTTP API and the Celery intake: those of this class, with `text` as a short form of
        `message`, and `at` and `expires` as times or durations. `key_of_ours` is a key that callers may not choose; it
        applies when the fields have none. Raises BadInput naming the field."""
        now = now or datetime.now(UTC)
        if "caller" in raw:
            raise BadInput("caller", "is not a known field")
        fields = {**raw, "caller": caller}
        if fields.get("key") is None:
            fields["key"] = key_of_ours
        else:
            _check_key_of_caller(fields["key"])
        if ("text" in fields) == ("message" in fields):
            raise BadInput("message", "give either text or message")
        if "text" in fields:
            fields["message"] = Message.text(_string("text", fields.pop("text")))
        elif not isinstance(fields["message"], Message):
            fields["message"] = parse_message(fields["message"])
        for name, target in (("at", "at"), ("expires", "expires_at")):
            if isinstance(value := fields.pop(name, None), str):
                fields[target] = _moment(name, value, now)
            elif isinstance(value, datetime):
                fields[target] = value.astimezone()  # without an offset it is local
            elif value is not None:
                fields[target] = value
        if fields.get("traceparent") is None:
            fields["traceparent"] = traceparent()
        try:
            notification = cls(**fields)
        except ValidationError as error:
            raise _bad_input(error) from None
        notification._in_order_of_time(now)
        return notification

    def _in_order_of_time(self, now: datetime) -> None:
        if self.expires_at and self.expires_at <= now:
            raise BadInput("expires", f"{self.expires_at.isoformat()} is in the past")
        if self.expires_at and self.at and self.expires_at <= self.at:
            raise BadInput("expires", "it expires before it is to be sent (at)")

    @property
    def digest(self) -> str:
        """A hash of the content: what must be the same when a key is used again. Times are no content."""
        parts = (
            self.desk,
            self.receiver_id,
            self.receive_type,
            self.user_id_type,
            self.on_unknown,
            self.on_open_ticket,
            self.message.msg_type,
            self.message.wire_content(),
            # Left out without one, so that keys of an older version keep their digests.
            *([self.callback_url] if self.callback_url else []),
        )
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    @property
    def due_ms(self) -> int:
        return _ms(self.at)

    @property
    def expires_ms(self) -> int:
        return _ms(self.expires_at)

    def to_input(self) -> bytes:
        """The JSON that the ledger keeps; defaults are left out."""
        return orjson.dumps(self.model_dump(mode="json", exclude_defaults=True))

    @classmethod
    def of_input(cls, text: bytes) -> Self:
        """Reads back what `to_input` wrote. It was validated then, and is not again: this is on every worker's path.

        Raises one of `ledger.damage.UNREADABLE` for what it did not write.
        """
        raw = orjson.loads(text)
        given = raw.pop("message")
        message = Message.model_construct(
            **{**given, "msg_type": MsgType(given["msg_type"]), "content": given["content"]}
        )
        raw["receiver_id"], raw["desk"] = str(raw["receiver_id"]), str(raw.get("desk", DEFAULT_DESK))
        times = {name: datetime.fromisoformat(raw[name]) for name in ("at", "expires_at") if name in raw}
        return cast(Self, cls.model_construct(**{**raw, **times, "message": message}))


def _check_key_of_caller(key: object) -> None:
    """A value that is not text is reported by the field's own check."""
    if not isinstance(key, str):
        return
    for beginning, of in _BEGINNINGS_OF_OURS.items():
        if key.startswith(beginning):
            raise BadInput("key", f"must not begin with {beginning}, as the keys of {of} do: let it begin otherwise")
    if "\0" in key:  # the keys of announcements are told from those of events by it
        raise BadInput("key", "must hold no NUL character")
    if problem := steering_problem(key):
        raise BadInput("key", problem)


def _string(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise BadInput(name, "must be a string")
    return value


def _moment(name: str, text: str, now: datetime) -> datetime:
    try:
        return moment(text, now)
    except ValueError as error:
        raise BadInput(name, str(error)) from None


def _bad_input(error: ValidationError) -> BadInput:
    first = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    problem = first["msg"].removeprefix("Value error, ")
    if not where:
        where, _, problem = problem.partition(": ")
    return BadInput(where, problem)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer to a producer: the id it can ask about, and whether an earlier call with this key had made it."""

    id: str
    duplicate: bool
    state: State

    def as_json(self) -> dict[str, Any]:
        return {"id": self.id, "state": self.state, "duplicate": self.duplicate}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One API call. Kept as a list in this order, trailing nulls left out."""

    at_ms: int
    via: ReceiveType | None
    outcome: Outcome
    code: int | None = None
    http_status: int | None = None
    log_id: str | None = None
    ms: int | None = None
    message_id: str | None = None
    msg: str | None = None

    def to_list(self) -> list[Any]:
        values = [getattr(self, name) for name in self.__slots__]
        while values[-1] is None:
            values.pop()
        return values

    @classmethod
    def of_list(cls, values: list[Any]) -> Self:
        attempt = cls(*values)
        via = ReceiveType(attempt.via) if attempt.via else None
        return replace(attempt, via=via, outcome=Outcome(attempt.outcome))

    def as_json(self) -> dict[str, Any]:
        return {
            "at": iso(self.at_ms),
            "via": self.via,
            "outcome": self.outcome,
            "code": self.code,
            "http_status": self.http_status,
            "log_id": self.log_id,
            "ms": self.ms,
            "msg": self.msg,
        }


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a notification stands, as the verbs write it."""

    state: State
    at_ms: int
    attempts: tuple[Attempt, ...] = ()
    acts: tuple[tuple[int, str, str], ...] = ()  #: what people did: (ms, who, what)
    via: ReceiveType | None = None  #: set when it was rerouted, and stays so
    deferrals: int = 0
    failing_ms: int = 0  #: how much of the retry budget is spent
    due_ms: int | None = None

    @classmethod
    def of_json(cls, text: bytes) -> Self:
        raw = orjson.loads(text)
        return cls(
            state=State(raw["state"]),
            at_ms=raw["at"] + 0,  # a number
            attempts=tuple(Attempt.of_list(values) for values in raw.get("attempts", ())),
            acts=tuple((act[0], act[1], act[2]) for act in raw.get("acts", ())),
            via=ReceiveType(raw["via"]) if raw.get("via") else None,
            deferrals=raw.get("deferrals", 0),
            failing_ms=raw.get("failing_ms", 0),
            due_ms=raw.get("due"),
        )


@dataclass(frozen=True, slots=True)
class Record:
    """All that is known of one notification."""

    id: str
    notification: Notification
    progress: Progress
    created_ms: int
    announcement: str | None = None
    damage: str | None = None  #: what of it cannot be read, in words

    @property
    def last(self) -> Attempt | None:
        return self.progress.attempts[-1] if self.progress.attempts else None

    def as_json(self) -> dict[str, Any]:
        """The JSON of the outside contract. The message itself is not in it."""
        progress, last = self.progress, self.last
        return {
            "id": self.id,
            "state": progress.state,
            "desk": self.notification.desk,
            "receiver_id": self.notification.receiver_id,
            "receive_type": self.notification.receive_type,
            "user_id_type": self.notification.user_id_type,
            "msg_type": self.notification.message.msg_type,
            "via": last.via if last else progress.via,
            "message_id": last.message_id if last else None,
            "attempts": [attempt.as_json() for attempt in progress.attempts],
            "acts": [{"at": iso(at), "by": by, "did": did} for at, by, did in progress.acts],
            "error": self._error(),
            "announcement": self.announcement,
            "key": self.notification.key,
            "created_at": iso(self.created_ms),
            "due_at": iso(progress.due_ms),
            "expires_at": iso(self.notification.expires_ms),
            "finished_at": iso(progress.at_ms) if progress.state in FINAL else None,
            **({"damaged": self.damage} if self.damage else {}),
        }

    def _error(self) -> dict[str, Any] | None:
        if self.last is None or self.last.outcome is Outcome.DELIVERED:
            return None
        return {"code": self.last.code, "msg": self.last.msg}
