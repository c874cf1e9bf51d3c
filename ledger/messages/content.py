"""A message: its type and its content, checked against what the helpdesk API documents before anything is accepted.

Every Message passes `parse_message`, however it is built; only `model_construct`, for messages that the ledger has
accepted before, skips it.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, assert_never

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, PrivateAttr, model_validator
from pydantic_core import PydanticCustomError

from ledger.errors import BadInput
from ledger.messages.blank import blank_problem
from ledger.messages.card import check_card, without_nulls
from ledger.messages.foreign_forms import refuse_foreign_form
from ledger.messages.json_fields import Shape, check_json, dotted, kind_of, validated
from ledger.messages.post import ImageKey, check_post, wrapped_post
from ledger.phrases import Phrase

__all__ = [
    "CARD_AND_POST_KB",
    "TEXT_REQUEST_KB",
    "FilledMessage",
    "Message",
    "MsgType",
    "normalised",
    "parse_message",
    "size_problem",
]

#: Feishu's page on message content: the serialised content of a post or card, and the whole request of a text.
CARD_AND_POST_KB = 30
TEXT_REQUEST_KB = 150
#: Kept free in a text's request for the fields beside `content`: about 80 bytes, and a receiver's id.
_ENVELOPE_BYTES = 256
_MAKES, _SERIALISES = Phrase("makes a request of"), Phrase("serialises to")
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


class MsgType(StrEnum):
    """What kind of message it is, in the words of the API."""

    TEXT = "text"
    POST = "post"
    IMAGE = "image"
    INTERACTIVE = "interactive"


class Message(BaseModel):
    """One message, ready for the ledger. To build one raises BadInput, not a ValidationError, when it is wrong.

    `content` is the object; on the wire it becomes a JSON string. The content of an image is `image_key`, or
    `image_sha256` while its bytes wait in the ledger to be uploaded. No repr shows the content.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    msg_type: MsgType
    content: dict[str, JsonValue]

    @model_validator(mode="before")
    @classmethod
    def _checked_first(cls, raw: Any) -> Any:
        if isinstance(raw, Message):
            return raw
        message = parse_message(raw)
        return {"msg_type": message.msg_type, "content": message.content}

    @classmethod
    def text(cls, text: str) -> "Message":
        """A plain text. Raises BadInput when it is blank or too long."""
        where = "message.content"
        check_json(text, f"{where}.text")
        message = Message.model_construct(msg_type=MsgType.TEXT, content={"text": text})
        _check_size(message, where)
        if problem := blank_problem(text):
            raise BadInput(f"{where}.text", problem)
        return message

    def wire_content(self) -> str:
        """The content as the API takes it: JSON, compact, characters as themselves."""
        return orjson.dumps(self.content).decode()

    @property
    def image_sha256(self) -> str | None:
        """Of the image that must be uploaded before this can be sent; None when there is nothing to upload."""
        sha256 = self.content.get("image_sha256") if self.msg_type == MsgType.IMAGE else None
        return sha256 if isinstance(sha256, str) else None

    @property
    def asked(self) -> tuple[str, ...]:
        """What was asked for, which must be the same when a key is reused."""
        return self.msg_type, self.wire_content()

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        return [("msg_type", str(self.msg_type)), ("content", f"<{len(self.wire_content().encode())} bytes>")]


class FilledMessage(Message):
    """A message that was asked for by the name of a template and its variables, and remembers them until it is
    accepted: the name may stand for another message when the call is repeated."""

    _template: str = PrivateAttr("")
    _variables: Mapping[str, str] = PrivateAttr(default_factory=dict)

    @classmethod
    def of(cls, message: Message, template: str, variables: Mapping[str, str]) -> "FilledMessage":
        filled = cls.model_construct(msg_type=message.msg_type, content=message.content)
        filled._template, filled._variables = template, variables
        return filled

    @property
    def asked(self) -> tuple[str, ...]:
        variables = orjson.dumps(self._variables, option=orjson.OPT_SORT_KEYS).decode()
        return "template", self._template, variables

    @property
    def sent_variables(self) -> tuple[str, frozenset[str]]:
        """The name of the template as it was given, and those of the variables."""
        return self._template, frozenset(self._variables)


def _not_blank(text: str) -> str:
    if problem := blank_problem(text):
        raise PydanticCustomError("blank", problem)
    return text


def _hex_digest(text: str) -> str:
    if not _SHA256.fullmatch(text):
        raise PydanticCustomError("sha256", Phrase("must be 64 lower-case hexadecimal digits"))
    return text


class _Envelope(Shape):
    msg_type: MsgType = Field(strict=False)
    content: JsonValue


class _Text(Shape):
    text: Annotated[str, AfterValidator(_not_blank)]


class _ImageByKey(Shape):
    image_key: ImageKey


class _ImageBySha256(Shape):
    image_sha256: Annotated[str, AfterValidator(_hex_digest)]


def parse_message(raw: Mapping[str, object], *, where: str = "message") -> Message:
    """Checks a message as a producer got it: `msg_type` and `content`, an object or a string of JSON that holds one.

    A post may come as `{"post": {"zh_cn": …}}`, which the helpdesk API documents, or bare as `{"zh_cn": …}`, which
    im/v1 documents; the result, and the path in an error, is always that of the first form.

    Raises:
        BadInput: its field is the dotted path of what to fix, below `where`; its problem repeats no value.
    """
    if not isinstance(raw, Mapping):
        raise BadInput(where, Phrase("must be an object with msg_type and content, not {kind}", kind=kind_of(raw)))
    given = dict(raw)
    check_json(given, where)
    refuse_foreign_form(given, where)
    envelope = validated(_Envelope, given, where)
    field = dotted(where, ("content",))
    return _parsed_message(envelope.msg_type, _as_object(envelope.content, field), field)


def _parsed_message(msg_type: MsgType, content: dict[str, JsonValue], where: str) -> Message:
    message = Message.model_construct(msg_type=msg_type, content=normalised(msg_type, content))
    _check_size(message, where)  # first: of what is too large anyway, nobody reads a hundred thousand complaints
    _check(msg_type, message.content, where)
    return message


def _as_object(content: JsonValue, where: str) -> dict[str, JsonValue]:
    if isinstance(content, str):
        content = _parsed(content, where)
        check_json(content, where)
    if not isinstance(content, dict):
        raise BadInput(where, Phrase("must be an object, or a JSON string of one, not {kind}", kind=kind_of(content)))
    return content


def _parsed(text: str, where: str) -> JsonValue:
    try:
        parsed: JsonValue = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        problem = Phrase(
            "is a string that is not JSON (line {line}, column {column}): use an object",
            line=error.lineno,
            column=error.colno,
        )
    else:
        return parsed
    # Raised outside the except clause: a JSONDecodeError holds the whole text.
    raise BadInput(where, problem)


def normalised(msg_type: MsgType, content: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """The same content in the form that the API documents."""
    match msg_type:
        case MsgType.POST:
            return wrapped_post(content)
        case MsgType.INTERACTIVE:
            return without_nulls(content)
    return content


def _check(msg_type: MsgType, content: dict[str, JsonValue], where: str) -> None:
    match msg_type:
        case MsgType.TEXT:
            validated(_Text, content, where)
        case MsgType.POST:
            check_post(content, where)
        case MsgType.IMAGE:
            _check_image(content, where)
        case MsgType.INTERACTIVE:
            check_card(content, where)
        case _:
            assert_never(msg_type)


def _check_image(content: dict[str, JsonValue], where: str) -> None:
    if "file" in content:
        raise BadInput(dotted(where, ("file",)), Phrase("is only allowed in a message file: use image_key"))
    validated(_ImageBySha256 if "image_sha256" in content else _ImageByKey, content, where)


def _check_size(message: Message, where: str) -> None:
    if problem := size_problem(message):
        raise BadInput(where, problem)


def fitting(message: Message, content: dict[str, Any] | None) -> Message | None:
    """The message with this content; None if there is none, or Feishu would refuse it for its size."""
    if content is None:
        return None
    found = Message.model_construct(msg_type=message.msg_type, content=content)
    return None if size_problem(found) else found


def size_problem(message: Message) -> Phrase | None:
    """Why Feishu would refuse it for its size."""
    wire = message.wire_content()
    match message.msg_type:
        case MsgType.TEXT:
            # In the request the content is a JSON string: quotes and backslashes in it are escaped once more.
            found = len(orjson.dumps(wire)) + _ENVELOPE_BYTES
            return _bytes_problem(found, TEXT_REQUEST_KB, _MAKES)
        case MsgType.POST | MsgType.INTERACTIVE:
            return _bytes_problem(len(wire.encode()), CARD_AND_POST_KB, _SERIALISES)
    return None


def _bytes_problem(found: int, allowed_kb: int, verb: Phrase) -> Phrase | None:
    most = allowed_kb * 1024
    if found <= most:
        return None
    return Phrase("{verb} {n:,} bytes: at most {most:,} are allowed", verb=verb, n=found, most=most)
