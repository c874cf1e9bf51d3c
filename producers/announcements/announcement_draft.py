"""An announcement's message and options, as submitted, before its recipients are read."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self
from zoneinfo import ZoneInfo

import orjson
from pydantic import ValidationError

from ledger.announcement import Spec
from ledger.delivery_options import DEFAULT_DESK, UserIdType
from ledger.errors import BadInput
from ledger.messages.blank import blank_problem
from ledger.messages.content import Message
from ledger.messages.images import LocalImage
from ledger.messages.json_fields import refusal_of, steering_problem
from ledger.messages.markdown_card import card_of_markdown
from ledger.messages.message_file import MessageTemplate
from ledger.messages.template import Template
from ledger.notification import MOST_KEY_CHARACTERS
from ledger.phrases import Phrase
from ledger.saved_template import Reference
from ledger.template_filling import FindTemplate
from ledger.times import Zone, check_expiry, given_time, zone_of
from producers.announcements.addressing import Options, zone_without_times
from producers.announcements.audience.definition import Definition
from producers.announcements.recipients.reading_options import ReadingOptions

__all__ = ["AnnouncementDraft"]

_FLAGS = ("skip_invalid", "allow_duplicates")


@dataclass(frozen=True, slots=True)
class AnnouncementDraft:
    """Checked but for its rows. Nothing in its repr tells the message."""

    spec: Spec  #: without the columns
    options: Options  #: for the check of the rows
    reading: ReadingOptions
    audience: Definition  #: whom it goes to besides its file
    key: str | None
    skip_invalid: bool
    image: LocalImage | None
    template: str | None  #: the name of the saved template, as it was given
    _asked: bytes = field(repr=False)

    @classmethod
    def build(
        cls,
        raw: Mapping[str, Any],
        *,
        now: datetime | None = None,
        caller: str | None = None,
        zone: Zone = None,
        find: FindTemplate | None = None,
    ) -> Self:
        """Reads the arguments of `Notifier.announce` but for its rows; None stands for the default. `caller` is the API
        key that asks; times without an offset are of `zone` unless they name one. Where saved templates are not known,
        `find` is None, and any message stands for one. Raises BadInput naming the field."""
        now, given = now or datetime.now(UTC), _given(raw)
        key = given.pop("key", None)
        flags = skip_invalid, allow_duplicates = [given.pop(name, False) for name in _FLAGS]
        reading, audience = ReadingOptions.take(given), Definition.take(given)
        message, times = _template_of(given, find), _times_of(given)
        is_zone_for_rows = list(times) == ["timezone"]
        zone = _zone_of_times(raw.get("timezone"), zone, times)
        source = {"markdown": message.markdown, "caller": caller}
        spec = _spec({**given, **source}, message, **_moments(times, now, zone))
        check_expiry(spec.expires_at, spec.at, now)
        _check_names(spec, key)
        _check_id_type(spec, audience)
        # With a key, what was asked for is the name: it may stand for another message when it is repeated.
        asked = spec if key is None or message.asked is None else _named(spec, message.asked)
        options = _options(spec, reading, allow_duplicates, now, zone, is_zone_for_rows)
        canonical = _canonical(asked, times, [reading.as_json(), audience.as_json()], *flags)
        return cls(spec, options, reading, audience, key, skip_invalid, message.image, message.asked, canonical)

    def digest(self, recipients_sha256: str) -> str:
        """A hash of everything that makes it this announcement: recipients, message and options, but not its name.

        Times count as they are written: the same command with `--at 1h` asks for the same announcement later on, too.
        """
        return hashlib.sha256(recipients_sha256.encode() + b"\0" + self._asked).hexdigest()


def _given(raw: Mapping[str, Any]) -> dict[str, Any]:
    if "caller" in raw:
        raise BadInput("caller", Phrase("is not a known field"))
    return {name: value for name, value in raw.items() if value is not None}


def _moments(times: Mapping[str, Any], now: datetime, zone: Zone) -> dict[str, datetime | None]:
    at, expires_at = (given_time(name, times.get(name), now, zone) for name in ("at", "expires"))
    return {"at": at, "expires_at": expires_at}


def _options(
    spec: Spec, reading: ReadingOptions, allow_duplicates: bool, now: datetime, zone: Zone, is_zone_for_rows: bool
) -> Options:
    ids, ends = reading.address_column, spec.expires_at
    return Options(
        spec.receive_type, spec.user_id_type, allow_duplicates, ids, ends, now, zone, is_zone_for_rows=is_zone_for_rows
    )


def _times_of(given: dict[str, Any]) -> dict[str, Any]:
    """Takes out the times, as they are written, and their zone, which rows share, unless the sending hours need it."""
    times: dict[str, Any] = {name: given.pop(name) for name in ("at", "expires") if name in given}
    if "timezone" in given and "between" not in given:
        times["timezone"] = given.pop("timezone")
    return times


def _zone_of_times(name: Any, zone: Zone, times: dict[str, Any]) -> Zone:
    """The one of this name, or else `zone`, which is then added to the times: in another zone they are others."""
    if name is not None:
        return zone_of(name)
    if isinstance(zone, ZoneInfo):
        times["timezone"] = zone.key
    return zone


def _template_of(given: dict[str, Any], find: FindTemplate | None) -> MessageTemplate:
    """Takes `text`, `markdown`, `message` or `template` out of the arguments."""
    if sum(name in given for name in ("text", "markdown", "message", "template")) != 1:
        raise BadInput("message", Phrase("give one of text, markdown, message and template"))
    if "template" in given:
        return _saved(given.pop("template"), given.get("desk", DEFAULT_DESK), find)
    if "markdown" in given:
        markdown = given.pop("markdown")
        return MessageTemplate(card_of_markdown(markdown, has_variables=True), markdown=markdown)
    if "text" in given:
        return MessageTemplate({"msg_type": "text", "content": {"text": given.pop("text")}})
    match given.pop("message"):
        case MessageTemplate() as template:
            return template
        case Message() as message:
            return MessageTemplate({"msg_type": str(message.msg_type), "content": message.content})
        case Mapping() as raw:
            return MessageTemplate(dict(raw))
    raise BadInput("message", Phrase("must be an object with msg_type and content"))


def _saved(written: Any, desk: str, find: FindTemplate | None) -> MessageTemplate:
    Reference.of(written)
    if find is None:
        return MessageTemplate({"msg_type": "text", "content": {"text": "…"}}, asked=written)
    return find(desk, written).for_announcement(written)


def _named(spec: Spec, template: str) -> Spec:
    return spec.model_copy(update={"message": {"template": template}})


def _spec(given: Mapping[str, Any], message: MessageTemplate, **times: datetime | None) -> Spec:
    Template.of(message.raw, may_have_others=True)
    if ("between" in given) != ("timezone" in given):
        raise BadInput("timezone", zone_without_times())
    try:
        spec = Spec(**given, message=dict(message.raw), **times)
    except ValidationError as error:
        refusal = refusal_of(error)
    else:
        spec.hours  # noqa: B018  raises for hours that are none
        return spec
    # Raised outside the except clause: as its context the ValidationError would carry the message along.
    raise refusal


def _check_names(spec: Spec, key: object) -> None:
    if key is not None and not (isinstance(key, str) and 0 < len(key) <= MOST_KEY_CHARACTERS):
        raise BadInput("key", Phrase("must be a text of 1 to {most} characters", most=MOST_KEY_CHARACTERS))
    for name, text in (("name", spec.name), ("key", key)):
        if isinstance(text, str) and (problem := steering_problem(text) or blank_problem(text)):
            raise BadInput(name, problem)


def _check_id_type(spec: Spec, audience: Definition) -> None:
    if audience and spec.user_id_type is not UserIdType.OPEN_ID:
        raise BadInput("user_id_type", Phrase("must be open_id: people of departments and groups have no other"))


def _canonical(spec: Spec, times: Mapping[str, Any], options: Sequence[Mapping[str, Any]], *flags: bool) -> bytes:
    left_out = {"name", "at", "expires_at", "columns", "people", "caller", "traceparent", "markdown"}
    # What is not given is left out, so that what an older version announced is known again.
    left_out |= {name for name in ("callback_url", "notify", "first", "stop_at") if getattr(spec, name) is None}
    content = spec.model_dump(mode="json", exclude=left_out)
    asked = [content, dict(times), flags, *filter(None, options)]
    return orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)
