"""The bodies of `POST /v1/announcements` and of the tests and edits of drafts, with examples that work when pasted."""

from collections.abc import Mapping
from typing import Any

from ledger.announcement import Spec
from ledger.notification import MOST_KEY_CHARACTERS
from producers.announcements.recipients.reading_options import HiddenRows
from producers.announcements.testing import RowChoice
from producers.web.announcement_request import FLAGS, NOT_OF_EDIT, OPTIONS, RECIPIENTS, TEST
from producers.web.notification_parser import KEY_CHARACTERS
from producers.web.openapi.bodies import REFERENCE, fields_of, fixed_object, json_body, json_object
from producers.web.openapi.field_texts import TEXTS, TIME
from producers.web.openapi.notifications import TEMPLATE_NAME, TEXT

__all__ = ["ANNOUNCEMENT", "EDITED", "SCHEMAS", "TEST_BODY", "TEST_FIELDS"]

_FLAG = {"type": "boolean", "default": False}
_FILE = {"type": "string", "format": "binary"}
_STRING = {"type": "string"}
_ADDRESS = {"type": "string", "minLength": 1}
_ROW = {
    "title": "AnnouncementRow",
    "type": "object",
    "description": "Who gets it, and the variables of the message.",
    "properties": {
        "receiver_id": {"type": "string", "description": "An id of the kind `user_id_type`; or else email or mobile."}
    },
    # The rest is of the message's template. A fraction would have lost how it was written.
    "additionalProperties": {"type": ["string", "integer", "boolean", "null"]},
    "allOf": [{"anyOf": [{"required": ["receiver_id"]}, {"required": ["email"]}, {"required": ["mobile"]}]}],
}
#: What the bodies refer to.
SCHEMAS = {"AnnouncementRow": _ROW}
_ROWS = {"type": "array", "minItems": 1, "items": {"$ref": REFERENCE.format(model="AnnouncementRow")}}
_IDS = {name: {"type": "array", "items": _STRING} for name in ("departments", "groups")}
_EXCLUDE = {"type": "array", "items": {"anyOf": [_STRING, {"$ref": REFERENCE.format(model="AnnouncementRow")}]}}
_TESTED_ROW = {
    "anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "enum": [*RowChoice]}, {"type": "null"}],
}
_ANNOUNCEMENT = fields_of(
    Spec,
    OPTIONS | FLAGS | TEST,
    {
        **dict.fromkeys(("callback_url", "encoding", "address_column", "timezone", "new_since"), _STRING),
        **dict.fromkeys(("notify", "test_to"), _ADDRESS),
        **dict.fromkeys(("text", "markdown"), TEXT),
        **dict.fromkeys(("at", "expires"), TIME),
        **dict.fromkeys(FLAGS, _FLAG),
        **_IDS,
        "template": TEMPLATE_NAME,
        "key": {"type": "string", "minLength": 1, "maxLength": MOST_KEY_CHARACTERS},
        "between": {"type": "string", "pattern": r"^\d\d:\d\d-\d\d:\d\d$"},
        "first": {"type": "integer", "minimum": 1},
        "stop_at": {"type": "string", "pattern": r"^\d{1,2}(\.\d{1,2})?%$"},
        "hidden": {"type": "string", "enum": [*HiddenRows]},
        "row": _TESTED_ROW,
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
        "anyOf": [_FILE, _STRING],
        "description": "Who gets nothing: a file such as that of the recipients, or in a field without a file name"
        " addresses (ids, e-mail addresses, mobile numbers with +), divided by commas or in lines of their own.",
    },
    **{name: {**_STRING, "description": f"{TEXTS[name]} Divided by commas."} for name in _IDS},
}
_ONE_MESSAGE = {"oneOf": [{"required": [name]} for name in ("text", "markdown", "message", "template", "image")]}
_PEOPLE = [{"receiver_id": "ou_ada", "name": "Ada"}, {"receiver_id": "ou_bob", "name": "Bob"}]
_MOVE = {"name": "Office move", "text": "Dear {{ name }}, we move on Friday", "rows": _PEOPLE}
_WELCOME = {"name": "Welcome", "text": "Dear {{ name }}", "departments": ["od-4e6ac4d1"], "exclude": ["ou_ada"]}
_IN_JSON = _ANNOUNCEMENT | {
    "message": {"$ref": REFERENCE.format(model="Message"), "description": TEXTS["message"]},
    "rows": _ROWS | {"description": TEXTS["rows"]},
    "exclude": _EXCLUDE | {"description": TEXTS["exclude"]},
}
#: Of `POST /v1/announcements`.
ANNOUNCEMENT = json_body(
    json_object(
        "AnnouncementWithRows",
        _IN_JSON,
        ["name"],
        description="An announcement to rows in the request, to an audience, or to both.",
        allOf=[_SOMEBODY],
        **_TOGETHER,
    ),
    {
        "A text to two people": _MOVE,
        "What would be sent": _MOVE | {"dry_run": True},
        "A draft": _MOVE | {"draft": True},
        "A test to one person": _MOVE | {"test_to": "ann@corp.example", "row": "longest"},
        "A department but for one of them": _WELCOME,
    },
)
_CSV = "receiver_id,name\nou_ada,Ada\nou_bob,Bob\n"
ANNOUNCEMENT["requestBody"]["content"]["multipart/form-data"] = {
    "schema": fixed_object(
        "AnnouncementWithFile",
        _ANNOUNCEMENT | _FILES,
        [],
        description="An announcement to the rows of a file.",
        allOf=[_ONE_MESSAGE, _SOMEBODY_IN_A_FORM],
        **_TOGETHER,
    ),
    "examples": {
        "A file of two people": {
            "summary": "A file of two people",
            "value": {"recipients": _CSV, "text": _MOVE["text"], "name": _MOVE["name"]},
        }
    },
}


def _without_default(field: Mapping[str, Any]) -> dict[str, Any]:
    """What is not given stays as it is: a generated client would send the default, and so change it."""
    return {name: value for name, value in field.items() if name != "default"}


#: What an edit of a draft may have, besides its version; null goes back to the default.
EDITED = {name: _without_default(field) for name, field in _IN_JSON.items() if name not in NOT_OF_EDIT}
#: Of `POST /v1/announcements/{id}/test`.
TEST_FIELDS = frozenset({"to", "row", "key"})
TEST_BODY = json_body(
    fixed_object(
        "TestRequest",
        {
            "to": {"type": "string", "minLength": 1, "description": TEXTS["to"]},
            "row": _TESTED_ROW | {"description": TEXTS["row"], "default": RowChoice.FIRST},
            "key": {"type": "string", "minLength": 1, "maxLength": KEY_CHARACTERS, "description": TEXTS["key"]},
        },
        ["to"],
        description="To whom the message of one row goes.",
    ),
    {"The longest message": {"to": "ann@corp.example", "row": "longest"}, "The third row": {"to": "ou_ann", "row": 3}},
)
