"""A notification, as producers submit it and the ledger stores it."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Self, cast

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, ValidationInfo, field_validator
from pydantic.json_schema import SkipJsonSchema

from ledger.addresses import ADDRESS_FIELDS, Contact, ContactKind
from ledger.alert import Alert
from ledger.callback_format import CallbackUrl
from ledger.delivery_options import DEFAULT_DESK, OnOpenTicket, OnUnknown, ReceiveType, UserIdType
from ledger.errors import BadInput
from ledger.joining import Joining, take_spans, window_fields
from ledger.messages.blank import blank_problem
from ledger.messages.content import Message, MsgType, parse_message
from ledger.messages.json_fields import refusal_of, steering_problem
from ledger.messages.one_line import one_line
from ledger.phrases import Phrase
from ledger.receiver_ids import receiver_id_problem
from ledger.times import Zone, check_expiry, given_time, unix_ms, zone_of
from ledger.tracing import TRACEPARENT, traceparent

__all__ = ["FIELDS_OF_OURS", "MOST_KEY_CHARACTERS", "Notification"]

#: Of an idempotency key, also of an announcement's.
MOST_KEY_CHARACTERS = 256
#: How the keys begin that are made here out of what others know, and of what. With one of its own that begins so, a
#: caller could stand in the place of a message to come, and nobody would get it.
_BEGINNINGS_OF_OURS = {
    "hook/": Phrase("hooks"),
    "celery:": Phrase("tasks without a key"),
    "notice/": Phrase("news of announcements"),
    "test/": Phrase("tests of announcements"),
}
#: What no caller may set.
FIELDS_OF_OURS = frozenset({"caller", "test", "joining", "alert"})
#: What an event does not share with the message that it joins.
_OWN = {"key", "at", "expires_at", "callback_url", "caller", "traceparent", "throttle", "digest", "joining", "alert"}
#: How else a receiver is named, and what the others must look like.
_CONTACT_KINDS = {
    "email": Phrase("is not an e-mail address, such as ann@corp.example"),
    "mobile": Phrase("is not a mobile number: use digits, with +country code outside mainland China"),
}
#: The forms of a message that a caller may choose from, beside `template`.
_MESSAGE_FIELDS = {"text", "markdown", "message"}
#: The fields of a caller that are times, and what they become.
_TIMES = {"at": "at", "expires": "expires_at"}


class Notification(BaseModel):
    """One message to one receiver, as a producer submits it. Its repr has no message."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    user_id_type: UserIdType = UserIdType.OPEN_ID  #: before the id, whose check depends on it
    receiver_id: str = ""  #: empty until the e-mail address or mobile number has led to somebody
    email: str | None = None
    mobile: str | None = None
    message: Message
    receive_type: ReceiveType = ReceiveType.CHAT
    desk: str = DEFAULT_DESK
    key: Annotated[str, Field(min_length=1, max_length=MOST_KEY_CHARACTERS)] | None = None
    at: datetime | None = None
    expires_at: datetime | None = None
    on_unknown: OnUnknown = OnUnknown.RESEND
    on_open_ticket: OnOpenTicket = OnOpenTicket.REROUTE
    callback_url: CallbackUrl | None = Field(None, repr=False)
    caller: str | None = None  #: the API key whose share of the callbacks its end uses; never set by the caller
    test: bool = False  #: a test of an announcement's row; callers cannot set it
    traceparent: Annotated[str, Field(pattern=TRACEPARENT)] | None = None
    throttle: timedelta | None = (
        None  #: for this long after the first event, further ones to the receiver join one message
    )
    digest: timedelta | None = None  #: for this long, events to the receiver are gathered into one message
    joining: SkipJsonSchema[Joining] | None = None  #: what a hook sets for its windows; callers cannot set it
    alert: SkipJsonSchema[Alert] | None = None  #: of a hook: the alert that it tells of; callers cannot set it

    @field_validator("receiver_id")
    @classmethod
    def _looks_like_an_id(cls, receiver_id: str, info: ValidationInfo) -> str:
        if problem := receiver_id_problem(receiver_id, info.data.get("user_id_type", UserIdType.OPEN_ID)):
            raise ValueError(problem)
        return receiver_id

    @field_validator(*_CONTACT_KINDS)
    @classmethod
    def _looks_like_a_contact(cls, text: str | None, info: ValidationInfo) -> str | None:
        if text is not None and Contact.read(cast(ContactKind, info.field_name), text) is None:
            raise ValueError(_CONTACT_KINDS[info.field_name or ""])
        return text

    @classmethod
    def build(
        cls,
        raw: Mapping[str, Any],
        *,
        now: datetime | None = None,
        key_of_ours: str | None = None,
        caller: str | None = None,
        zone: Zone = None,
        joining: Joining | None = None,
    ) -> Self:
        """Reads the fields of the HTTP API and the Celery intake: those of this class, with `text` as a short form of
        `message`, and `at` and `expires` as times or durations. A time without an offset is one of their `timezone`, or
        of `zone`. `key_of_ours` is a key that callers may not choose; it applies when the fields have none. `joining`
        is what a hook says of its windows. Raises BadInput naming the field."""
        now = now or datetime.now(UTC)
        fields = {**_with_address(raw), "caller": caller, "key": _checked_key(raw.get("key"), key_of_ours)}
        fields["message"] = _take_message(fields)
        fields |= take_spans(fields) | {"joining": joining or _joining_in(fields)}
        fields |= _take_times(fields, now, zone)
        if fields.get("traceparent") is None:
            fields["traceparent"] = traceparent()
        try:
            notification = cls.model_validate(fields)
        except ValidationError as error:
            refusal = refusal_of(error)
        else:
            check_expiry(notification.expires_at, notification.at, now)
            return notification
        # Raised outside the except clause: as its context the ValidationError would carry the message along.
        raise refusal

    @property
    def contact(self) -> Contact | None:
        """What Feishu must be asked about before it can be sent; None once there is a receiver."""
        if self.receiver_id:
            return None
        return Contact.read("email", self.email) if self.email else Contact.read("mobile", self.mobile or "")

    @property
    def address(self) -> str:
        """As it was given: an id, an e-mail address or a mobile number."""
        return self.email or self.mobile or self.receiver_id

    @property
    def is_throttled(self) -> bool:
        """Whether the window that it may join is that of a throttle; in quiet hours it is a digest."""
        return self.throttle is not None and not (self.joining and self.joining.is_quiet)

    @property
    def content_hash(self) -> str:
        """A hash of the content, which must be the same when a key is reused. Times do not count."""
        parts = (
            self.desk,
            *self._given_address,
            self.receive_type,
            self.user_id_type,
            self.on_unknown,
            self.on_open_ticket,
            *self.message.asked,
            # Left out without one, so that keys of an older version keep their digests.
            *([self.callback_url] if self.callback_url else []),
        )
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    @property
    def _given_address(self) -> tuple[str, ...]:
        """No id is empty, so that none is the same as an e-mail address or a number."""
        if self.email:
            return "", "email", self.email
        return ("", "mobile", self.mobile) if self.mobile else (self.receiver_id,)

    @property
    def due_ms(self) -> int:
        return unix_ms(self.at)

    @property
    def expires_ms(self) -> int:
        return unix_ms(self.expires_at)

    @property
    def may_join(self) -> bool:
        """Whether it has a window; else it is sent on its own."""
        return bool(self.throttle or self.digest or (self.joining and self.joining.is_quiet))

    def to_input(self) -> bytes:
        """The JSON for the ledger, without defaults. Of an event that may join a message its own fields come first."""
        if not self.may_join:
            return _JSON.dump_json(self, exclude_defaults=True)
        own, shared = self._own_input(), _JSON.dump_json(self, exclude_defaults=True, exclude=_OWN)
        return own[:-1] + b"," + shared[1:]

    def window(self, message_id: str) -> Mapping[str, Any]:
        """The window of one that may join a message, as the verb `accept` takes it.

        `message_id` is for the message that this event may open: its input is ours without the event's own fields.
        """
        address = (self.receive_type, self.user_id_type, *self._given_address)
        fields = window_fields(self.throttle, self.digest, self.joining, self.caller or "", address)
        return {**fields, "message": message_id, "own": len(self._own_input()), "line": one_line(self.message)}

    def alert_for_verb(self) -> Mapping[str, Any] | None:
        """The alert that it tells of, as the verb `accept` takes it."""
        return self.alert.to_verb(self._given_address) if self.alert else None

    def _own_input(self) -> bytes:
        """What it does not share with the message that it may join; never empty, since a window makes it so."""
        return _JSON.dump_json(self, exclude_defaults=True, include=_OWN)

    @classmethod
    def of_input(cls, text: bytes) -> "Notification":
        """Reads back what `to_input` wrote. It was validated then, and is not again: this is on every worker's path.

        Raises one of `ledger.damage.UNREADABLE` for what it did not write.
        """
        raw = orjson.loads(text)
        given = raw.pop("message")
        raw["message"] = Message.model_construct(msg_type=MsgType(given["msg_type"]), content=given["content"])
        raw["desk"] = str(raw.get("desk", DEFAULT_DESK))
        if "receiver_id" in raw or not (raw.get("email") or raw.get("mobile")):
            raw["receiver_id"] = str(raw["receiver_id"])
        if "alert" in raw:
            raw["alert"] = Alert.model_construct(**raw["alert"])
        raw |= {name: datetime.fromisoformat(raw[name]) for name in ("at", "expires_at") if name in raw}
        return _EMPTY.model_copy(update={name: value for name, value in raw.items() if name in _FIELDS})


_FIELDS = frozenset(Notification.model_fields)
#: What `to_input` leaves out. Copied, since pydantic looks up each default anew when it builds a model.
_EMPTY = Notification.model_construct(message=Message.model_construct(msg_type=MsgType.TEXT, content={}))

#: Writes the JSON in one go; a model's own methods build a dict or a text first.
_JSON = TypeAdapter(Notification)


def _checked_key(key: Any, key_of_ours: str | None) -> Any:
    """A value that is not text is reported by the field's own check."""
    if key is None:
        return key_of_ours
    if isinstance(key, str):
        _check_key_of_caller(key)
    return key


def _check_key_of_caller(key: str) -> None:
    for beginning, of in _BEGINNINGS_OF_OURS.items():
        if key.startswith(beginning):
            raise BadInput(
                "key",
                Phrase(
                    "must not begin with {beginning}, as the keys of {others} do: use another beginning",
                    beginning=beginning,
                    others=of,
                ),
            )
    if "\0" in key:  # the keys of announcements are told from those of events by it
        raise BadInput("key", Phrase("must not contain a NUL character"))
    if problem := steering_problem(key) or (blank_problem(key) if key else None):
        raise BadInput("key", problem)


def _with_address(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Raises BadInput for a field of ours, or unless it has exactly one address. An e-mail address or a number leads to
    an open_id."""
    for name in FIELDS_OF_OURS & raw.keys():
        raise BadInput(name, Phrase("is not a known field"))
    given = [name for name in ADDRESS_FIELDS if raw.get(name) is not None]
    fields = {name: value for name, value in raw.items() if name not in ADDRESS_FIELDS or value is not None}
    if not given:
        raise BadInput("receiver_id", Phrase("is missing: give receiver_id, email or mobile"))
    if len(given) > 1:
        raise BadInput(given[1], Phrase("cannot be combined with {other}: give one of them", other=given[0]))
    if given[0] != "receiver_id" and fields.get("user_id_type") not in (None, UserIdType.OPEN_ID):
        raise BadInput("user_id_type", Phrase("must be open_id, or left out: {kind} leads to that", kind=given[0]))
    return fields


def _take_message(fields: dict[str, Any]) -> Message:
    """From `text` or `markdown`, or from `message` in any of its forms."""
    if len(_MESSAGE_FIELDS & fields.keys()) != 1:
        raise BadInput("message", Phrase("give one of text, markdown, message and template"))
    if "markdown" in fields:
        # Loaded with the first of them: it brings Jinja, which a program that sends plain texts need not have.
        from ledger.messages.markdown_card import card_of_markdown

        return parse_message(card_of_markdown(fields.pop("markdown"), has_variables=False), where="markdown")
    if "text" not in fields:
        message = fields["message"]
        return message if isinstance(message, Message) else parse_message(message)
    text = fields.pop("text")
    if not isinstance(text, str):
        raise BadInput("text", Phrase("must be a string"))
    return Message.text(text)


def _joining_in(fields: Mapping[str, Any]) -> Joining | None:
    """A message of joined events shows its times in the caller's time zone."""
    timezone = fields.get("timezone")
    return None if timezone is None else Joining(zone=zone_of(timezone).key)


def _take_times(fields: dict[str, Any], now: datetime, zone: Zone) -> dict[str, Any]:
    """`at` and `expires_at`, if given."""
    if (timezone := fields.pop("timezone", None)) is not None:
        zone = zone_of(timezone)
    times = {}
    for name, target in _TIMES.items():
        if (given := fields.pop(name, None)) is not None:
            times[target] = given_time(name, given, now, zone)
    return times
