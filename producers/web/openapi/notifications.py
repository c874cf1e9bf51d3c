"""The body of `POST /v1/notifications`, with examples that work when pasted."""

from typing import Any

from ledger.addresses import ADDRESS_FIELDS
from ledger.ledger import MOST_AT_ONCE
from ledger.notification import Notification
from producers.web.notification_parser import FIELDS, KEY_CHARACTERS
from producers.web.openapi.bodies import REFERENCE, fields_of, fixed_object, json_body, json_object
from producers.web.openapi.field_texts import TEXTS, TIME

__all__ = ["MARKDOWN", "NOTIFICATIONS", "SCHEMAS", "TEMPLATE_NAME", "TEXT"]

_SPAN = {"type": "string", "pattern": r"^\d{1,6}(\.\d+)?(ms|s|m|h|d)$"}
TEXT = {"type": "string", "minLength": 1, "pattern": r"\S"}
MARKDOWN = TEXT | {"description": TEXTS["markdown"]}
TEMPLATE_NAME = {"type": "string", "pattern": r"^\w[\w.-]{0,63}(@[1-9]\d{0,8})?$"}
_NOTIFICATION = fields_of(
    Notification,
    FIELDS,
    {
        "receiver_id": {"type": "string"},
        "text": TEXT | {"maxLength": 30_000},
        "markdown": TEXT,
        "message": {"$ref": REFERENCE.format(model="Message")},
        "template": TEMPLATE_NAME,
        "variables": {"type": "object", "additionalProperties": {"type": ["string", "integer", "null"]}},
        "at": TIME,
        "expires": TIME,
        "timezone": {"type": "string"},
        "throttle": _SPAN,
        "digest": _SPAN,
    },
)
_ONE_RECEIVER = {"oneOf": [{"required": [field]} for field in ADDRESS_FIELDS]}
_ITEM = {"$ref": REFERENCE.format(model="NotificationRequest")}
_ITEMS = {
    "type": "array",
    "minItems": 1,
    "maxItems": MOST_AT_ONCE,
    "items": _ITEM,
    "description": "Each is accepted or refused by itself.",
}
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
#: For `openapi_extra`.
NOTIFICATIONS = {"parameters": [_IDEMPOTENCY_KEY]} | json_body(
    {"oneOf": [_ITEM, {"$ref": REFERENCE.format(model="NotificationsRequest")}]},
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
_MESSAGE = {"description": "A message in Feishu's form: its type, and its content as an object."}
_MESSAGE_TEXTS = {
    "msg_type": "What kind of message it is.",
    "content": "As Feishu describes it for this type; an object, and not JSON in a string.",
}


def _schemas() -> dict[str, Any]:
    found: dict[str, Any] = Notification.model_json_schema(ref_template=REFERENCE)["$defs"]
    message = found["Message"] | _MESSAGE
    fields = {name: field | {"description": _MESSAGE_TEXTS[name]} for name, field in message["properties"].items()}
    return found | {
        "Message": message | {"properties": fields},
        "JsonValue": {"description": "Any JSON."},
        "NotificationRequest": json_object(
            "NotificationRequest",
            _NOTIFICATION,
            (),
            description="One message to one receiver: one of receiver_id, email and mobile, and one of text, markdown,"
            " message and template.",
            allOf=[_ONE_RECEIVER],  # beside the properties, generators would take it for a choice of types
        ),
        "NotificationsRequest": fixed_object(
            "NotificationsRequest",
            {"notifications": _ITEMS},
            ["notifications"],
            description="Several notifications in one request.",
        ),
    }


#: What the bodies refer to.
SCHEMAS = _schemas()
