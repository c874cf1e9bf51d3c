"""The bodies of requests as the OpenAPI document has them, with examples that work when pasted.

Our own strict code reads the bodies, so FastAPI cannot derive them. Fields and limits come from the models; here are
those that callers write in another form than the ledger keeps.
"""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any

from pydantic import BaseModel

from ledger.addresses import ADDRESS_FIELDS
from ledger.announcement import Spec
from ledger.ledger import MOST_AT_ONCE
from ledger.notification import MOST_KEY_CHARACTERS, Notification
from producers.announcements.recipients.reading_options import HiddenRows
from producers.announcements.testing import RowChoice
from producers.web.announcement_request import FLAGS, NOT_OF_EDIT, OPTIONS, RECIPIENTS, TEST
from producers.web.notification_parser import FIELDS, KEY_CHARACTERS

__all__ = [
    "ANNOUNCEMENT",
    "EDITED",
    "NOTIFICATIONS",
    "RESCHEDULE",
    "RESCHEDULE_FIELDS",
    "SCHEMAS",
    "TEMPLATE",
    "TEST_BODY",
    "TEST_FIELDS",
    "choice_body",
    "json_body",
    "json_object",
]

_REFERENCE = "#/components/schemas/{model}"
_TIME = {
    "type": "string",
    "pattern": r"^(\d{4}-\d\d-\d\dT\d\d:\d\d|\d{1,6}(ms|s|m|h|d)$)",
    "description": "A time such as `2026-11-30T09:00+08:00` (without an offset it is one of `timezone`), or a duration"
    " from now such as `1h`.",
}
_SPAN = {"type": "string", "pattern": r"^\d{1,6}(\.\d+)?(ms|s|m|h|d)$"}
_TEXT = {"type": "string", "minLength": 1, "pattern": r"\S"}
_MARKDOWN = _TEXT | {"description": "A text in Markdown, sent as a card: see docs/announcements.md."}
_TEMPLATE_NAME = {
    "type": "string",
    "pattern": r"^\w[\w.-]{0,63}(@[1-9]\d{0,8})?$",
    "description": "A saved template of the desk: its latest version, or `NAME@3`.",
}
_FLAG = {"type": "boolean", "default": False}
_FILE = {"type": "string", "format": "binary"}


def json_body(schema: Mapping[str, Any], examples: Mapping[str, Any], *, required: bool = True) -> dict[str, Any]:
    """For `openapi_extra`. `examples` are values by their summaries."""
    named = {name: {"summary": name, "value": value} for name, value in examples.items()}
    content = {"application/json": {"schema": schema, "examples": named}}
    return {"requestBody": {"required": required, "content": content}}


def choice_body(name: str, choices: type[StrEnum], default: StrEnum | None = None) -> dict[str, Any]:
    """The body that `bodies.chosen` reads."""
    choice = {"enum": [*choices]} | ({"default": default} if default else {})
    schema = _object({name: choice}, () if default else (name,))
    return json_body(schema, {choice: {name: choice} for choice in choices}, required=default is None)


def _object(properties: Mapping[str, Any], required: Collection[str], **more: Any) -> dict[str, Any]:
    fixed = {"type": "object", "additionalProperties": False, "properties": properties, "required": [*required]}
    return fixed | more


def _fields(model: type[BaseModel], names: Collection[str], written: Mapping[str, Any]) -> dict[str, Any]:
    fields = model.model_json_schema(ref_template=_REFERENCE)["properties"] | written
    return {name: fields[name] for name in sorted(names)}


def json_object(fields: Mapping[str, Any], required: Collection[str], **more: Any) -> dict[str, Any]:
    """null is as good as leaving a field out."""
    properties = {
        name: field if name in required or "anyOf" in field else {"anyOf": [field, {"type": "null"}]}
        for name, field in fields.items()
    }
    return _object(properties, required, **more)


# -- notifications

_ZONE = {"type": "string", "description": "Time zone of `between`, and of times without an offset: `Asia/Shanghai`."}
_NOTIFICATION = _fields(
    Notification,
    FIELDS,
    {
        "text": _TEXT | {"maxLength": 30_000},
        "markdown": _MARKDOWN,
        "template": _TEMPLATE_NAME,
        "variables": {
            "type": "object",
            "additionalProperties": {"type": ["string", "integer", "null"]},
            "description": "Of the template: all that it needs, and no other.",
        },
        "at": _TIME,
        "expires": _TIME,
        "timezone": _ZONE,
        "throttle": _SPAN
        | {"description": "`30m`: the first event to the receiver goes at once; what follows joins one message."},
        "digest": _SPAN | {"description": "`5m`: all events to the receiver within this time go as one message."},
    },
)
_ONE_RECEIVER = {"oneOf": [{"required": [field]} for field in ADDRESS_FIELDS]}
_ITEM = {"$ref": _REFERENCE.format(model="NotificationRequest")}
_BATCH = _object(
    {"notifications": {"type": "array", "minItems": 1, "maxItems": MOST_AT_ONCE, "items": _ITEM}}, ["notifications"]
)
#: Read by our own code: FastAPI takes a tenth of the whole time of a request for one header.
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": KEY_CHARACTERS},
    "description": "The same key with the same body gives the first answer again, as a duplicate.",
}
_ALERT = {"receiver_id": "ou_ada", "text": "Disk full on db-3"}
_POST = {"zh_cn": {"title": "Lift 2", "content": [[{"tag": "text", "text": "It is stuck."}]]}}
#: Of `POST /v1/notifications`.
NOTIFICATIONS = {"parameters": [_IDEMPOTENCY_KEY]} | json_body(
    {"oneOf": [_ITEM, {"$ref": _REFERENCE.format(model="NotificationsRequest")}]},
    {
        "A plain text": _ALERT,
        "An alert that is useful for an hour only": _ALERT | {"key": "alert-8812", "expires": "1h"},
        "To whom an e-mail address belongs": {"email": "ann@corp.example", "text": "Disk full on db-3"},
        "One message for all alerts of five minutes": _ALERT | {"digest": "5m"},
        "A saved template": {"receiver_id": "ou_ada", "template": "disk@2", "variables": {"host": "db-3"}},
        "A rich text": {"receiver_id": "ou_ada", "message": {"msg_type": "post", "content": _POST}},
        "Several, each with a result of its own": {"notifications": [_ALERT, _ALERT | {"receiver_id": "ou_bob"}]},
    },
)

# -- announcements

_ROWS = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "properties": {"receiver_id": _NOTIFICATION["receiver_id"]},
        # The rest is of the message's template. A fraction would have lost how it was written.
        "additionalProperties": {"type": ["string", "integer", "boolean", "null"]},
        "anyOf": [{"required": ["receiver_id"]}, {"required": ["email"]}, {"required": ["mobile"]}],
    },
    "description": "`receiver_id` (or `email` or `mobile`), perhaps `receive_type`, `user_id_type` and `send_at`; what"
    " else a row has are the variables of the message.",
}
_AUDIENCE_FLAGS = {
    "everyone": "The whole company; needs the contact range of all staff.",
    "direct": "Without those below the departments.",
    "partial": "Leave out what the app cannot see, instead of refusing all.",
}
_IDS = {
    "departments": {"type": "array", "items": {"type": "string"}, "description": "Everybody in these, and below them."},
    "groups": {"type": "array", "items": {"type": "string"}, "description": "Everybody in these user groups."},
}
_EXCLUDE = {
    "type": "array",
    "items": {"type": ["string", "object"]},
    "description": "Who gets nothing: addresses (ids, e-mail addresses, mobile numbers with +), or rows as `rows` has"
    " them.",
}
_WHO = "Who gets the message of one row, marked as a test: an id, an e-mail address, `+86…` or `mobile:138…`."
_TESTED_ROW = {
    "anyOf": [{"type": "integer", "minimum": 1}, {"enum": [*RowChoice]}, {"type": "null"}],
    "default": RowChoice.FIRST,
    "description": "Of a test: the number of a row from 1, or a word.",
}
_ANNOUNCEMENT = _fields(
    Spec,
    OPTIONS | FLAGS | TEST,
    {
        "markdown": _MARKDOWN,
        "template": _TEMPLATE_NAME,
        "text": _TEXT | {"description": "`{{ name }}` is a column."},
        "key": {"type": "string", "minLength": 1, "maxLength": MOST_KEY_CHARACTERS},
        "at": _TIME,
        "expires": _TIME,
        "between": {"type": "string", "pattern": r"^\d\d:\d\d-\d\d:\d\d$", "description": "Goes with `timezone`."},
        "timezone": _ZONE,
        "stop_at": {
            "type": "string",
            "pattern": r"^\d{1,2}(\.\d{1,2})?%$",
            "description": "Pause when, of at least 20 rows that ended, more than this share failed: `5%`.",
        },
        "notify": {
            "type": "string",
            "minLength": 1,
            "description": "Who gets a message when it pauses by itself, and when it ends: an address.",
        },
        "hidden": {"enum": [*HiddenRows], "description": "What is done with hidden rows of a workbook."},
        "encoding": {
            "type": "string",
            "description": "Of a CSV or JSONL file, such as `cp949`, if it is neither UTF-8 nor GB18030.",
        },
        "address_column": {
            "type": "string",
            "description": "The column that says to whom: ids, e-mail addresses or mobile numbers.",
        },
        "test_to": {"type": "string", "minLength": 1, "description": f"{_WHO} Nothing else is accepted."},
        "row": _TESTED_ROW,
        "new_since": {"type": "string", "description": "Without the receivers of this announcement: `a_…`."},
        **dict.fromkeys(FLAGS, _FLAG),
        **{name: _FLAG | {"description": text} for name, text in _AUDIENCE_FLAGS.items()},
        **_IDS,
    },
)
_TOGETHER = {"dependentRequired": {"between": ["timezone"], "row": ["test_to"]}}
_SOMEBODY = {"anyOf": [{"required": [name]} for name in ("rows", "departments", "groups", "everyone")]}
_SOMEBODY_IN_A_FORM = {"anyOf": [{"required": [name]} for name in (RECIPIENTS, "departments", "groups", "everyone")]}
_FILES = {
    RECIPIENTS: {**_FILE, "description": "CSV, JSONL or XLSX. The announcement gets the file's name."},
    "message": {**_FILE, "description": "JSON or YAML with `msg_type` and `content`; instead of `text`."},
    "image": {**_FILE, "description": "An image to send instead of `text`."},
    "exclude": {
        "anyOf": [_FILE, {"type": "string"}],
        "description": "Who gets nothing: a file such as that of the recipients, or in a field without a file name"
        " addresses (ids, e-mail addresses, mobile numbers with +), divided by commas or in lines of their own.",
    },
    **{
        name: {"type": "string", "description": f"{ids['description']} Divided by commas."}
        for name, ids in _IDS.items()
    },
}
_ONE_MESSAGE = {"oneOf": [{"required": [name]} for name in ("text", "markdown", "message", "template", "image")]}
_PEOPLE = [{"receiver_id": "ou_ada", "name": "Ada"}, {"receiver_id": "ou_bob", "name": "Bob"}]
_MOVE = {"name": "Office move", "text": "Dear {{ name }}, we move on Friday", "rows": _PEOPLE}
_WELCOME = {"name": "Welcome", "text": "Dear {{ name }}", "departments": ["od-4e6ac4d1"], "exclude": ["ou_ada"]}
_IN_JSON = _ANNOUNCEMENT | {
    "message": {"$ref": _REFERENCE.format(model="Message")},
    "rows": _ROWS,
    "exclude": _EXCLUDE,
}
#: Of `POST /v1/announcements`.
ANNOUNCEMENT = json_body(
    json_object(
        _IN_JSON,
        ["name"],
        title="AnnouncementWithRows",
        **_TOGETHER,
        **_SOMEBODY,
    ),
    {
        "A text to two people": _MOVE,
        "What would be sent": _MOVE | {"dry_run": True},
        "A draft": _MOVE | {"draft": True},
        "A test to one person": _MOVE | {"test_to": "ann@corp.example", "row": "longest"},
        "A department but for one of them": _WELCOME,
    },
)
ANNOUNCEMENT["requestBody"]["content"]["multipart/form-data"] = {
    "schema": _object(
        _ANNOUNCEMENT | _FILES,
        [],
        title="AnnouncementWithFile",
        allOf=[_ONE_MESSAGE, _SOMEBODY_IN_A_FORM],
        **_TOGETHER,
    )
}

#: What an edit of a draft may have, besides its version; null goes back to the default.
EDITED = {name: field for name, field in _IN_JSON.items() if name not in NOT_OF_EDIT}
#: Of `POST /v1/announcements/{id}/test`.
TEST_FIELDS = frozenset({"to", "row", "key"})
TEST_BODY = json_body(
    _object(
        {
            "to": {"type": "string", "minLength": 1, "description": _WHO},
            "row": _TESTED_ROW,
            "key": {"type": "string", "minLength": 1, "maxLength": KEY_CHARACTERS, "description": "Sent once with it."},
        },
        ["to"],
    ),
    {"The longest message": {"to": "ann@corp.example", "row": "longest"}, "The third row": {"to": "ou_ann", "row": 3}},
)

# -- another time

_ZONE_OF_TIME = {"type": "string", "description": "Time zone of a time without an offset: `Asia/Shanghai`."}
#: Of `POST /v1/announcements/{id}/reschedule`, and of notifications.
RESCHEDULE = json_body(
    json_object({"at": _TIME, "timezone": _ZONE_OF_TIME}, ["at"]),
    {"Nine o'clock in Shanghai": {"at": "2026-12-01T09:00", "timezone": "Asia/Shanghai"}, "In an hour": {"at": "1h"}},
)
RESCHEDULE_FIELDS = frozenset({"at", "timezone"})

# -- templates

_TEMPLATE_TEXT = _TEXT | {"description": "`{{ name }}` is a variable."}
#: Of `PUT /v1/templates/{name}`.
TEMPLATE = json_body(
    _object(
        {"text": _TEMPLATE_TEXT, "markdown": _MARKDOWN, "message": {"$ref": _REFERENCE.format(model="Message")}},
        [],
        oneOf=[{"required": [name]} for name in ("text", "markdown", "message")],
    ),
    {
        "A text": {"text": "Disk {{ free }} free on {{ host }}"},
        "A card in Markdown": {"markdown": "# Office move\n\nDear **{{ name }}**, we move on Friday."},
    },
)

#: What the bodies refer to.
SCHEMAS: dict[str, Any] = Notification.model_json_schema(ref_template=_REFERENCE)["$defs"] | {
    "NotificationRequest": json_object(_NOTIFICATION, (), title="NotificationRequest", **_ONE_RECEIVER),
    "NotificationsRequest": _BATCH | {"title": "NotificationsRequest"},
}
