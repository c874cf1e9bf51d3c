"""What the OpenAPI document says of `/v1/notifications`, with examples that work when pasted.

Bodies are read by our own strict code, so FastAPI cannot derive their schemas: they stand here, and the fields of a
notification come from the model itself.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ledger.delivery_options import OnOpenTicket, OnUnknown, ReceiveType, UserIdType
from ledger.ledger import MOST_AT_ONCE
from ledger.notification import Notification
from ledger.states import Outcome, State
from producers.web.notification_parser import FIELDS, KEY_CHARACTERS

__all__ = ["ACCEPTING", "DECIDING", "LISTING", "RESOLVING", "RETRYING", "SHOWING", "Refusal", "body", "refusals"]

_TIME = (
    "A time such as `2026-11-30T09:00+08:00` (without an offset: the server's), or a duration from now such as `1h`."
)
_TIME_PATTERN = r"^(\d{4}-\d\d-\d\dT\d\d:\d\d|\d{1,6}(ms|s|m|h|d)$)"
_EXAMPLES = {
    "text": {"summary": "A plain text", "value": {"receiver_id": "ou_ada", "text": "Disk full on db-3"}},
    "alert": {
        "summary": "An alert that is worth something for an hour only",
        "value": {"receiver_id": "ou_ada", "text": "Disk full on db-3", "key": "alert-8812", "expires": "1h"},
    },
    "post": {
        "summary": "A rich text",
        "value": {
            "receiver_id": "ou_ada",
            "message": {
                "msg_type": "post",
                "content": {"zh_cn": {"title": "Lift 2", "content": [[{"tag": "text", "text": "It is stuck."}]]}},
            },
        },
    },
    "batch": {
        "summary": "Several, each with a result of its own",
        "value": {
            "notifications": [
                {"receiver_id": "ou_ada", "text": "Lift 2 is stuck"},
                {"receiver_id": "ou_bob", "text": "Lift 2 is stuck"},
            ]
        },
    },
}


class Refusal(BaseModel):
    """A problem (RFC 9457)."""

    model_config = ConfigDict(extra="allow", title="Problem")
    type: str = Field(examples=["urn:deskbell:problem:bad-input"])
    title: str
    status: int
    detail: str
    field: str = Field("", description="The part of the input to mend.", examples=["receiver_id"])
    request_id: str


class AcceptedAnswer(BaseModel):
    """A notification is on record, and on disk."""

    model_config = ConfigDict(title="Accepted")
    id: str
    state: State
    duplicate: bool = Field(description="Whether an earlier request with this key had handed it in.")


class ItemProblem(BaseModel):
    """Why one item of a batch was not accepted."""

    problem: dict[str, Any]


class BatchAnswer(BaseModel):
    """A result for each item, in their order."""

    model_config = ConfigDict(title="Batch")
    accepted: int
    refused: int
    results: list[AcceptedAnswer | ItemProblem]


class Standing(BaseModel):
    """How a notification stands now."""

    id: str
    state: State


class AttemptAnswer(BaseModel):
    """One call of Feishu's API."""

    model_config = ConfigDict(title="Attempt")
    at: str | None
    via: ReceiveType | None
    outcome: Outcome
    code: int | None
    http_status: int | None
    log_id: str | None
    ms: int | None
    msg: str | None


class Shown(BaseModel):
    """All that is known of a notification, but for the message itself."""

    id: str
    state: State
    desk: str
    receiver_id: str
    receive_type: ReceiveType
    user_id_type: UserIdType
    msg_type: str
    via: ReceiveType | None
    message_id: str | None
    attempts: list[AttemptAnswer]
    acts: list[dict[str, str | None]]
    error: dict[str, Any] | None
    announcement: str | None
    key: str | None
    created_at: str | None
    due_at: str | None
    expires_at: str | None
    finished_at: str | None


class Listed(BaseModel):
    """A page of events."""

    notifications: list[Shown]
    next: str | None = Field(description="The cursor of the next page; null at the end.")


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems that a route may answer with, beside those that every route has."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    everywhere = (400, 401, 403, 429, 503)
    return {status: {"description": _SAYS[status], "content": content} for status in sorted({*everywhere, *statuses})}


_SAYS = {
    400: "The request is malformed",
    401: "There is no key, or it is not known",
    403: "The key lacks the scope or the desk; or none is configured, and the caller is elsewhere",
    404: "Nothing has this id",
    408: "The body came too slowly",
    409: "The state does not allow it",
    413: "The body is too large",
    415: "The body is no JSON",
    422: "The input cannot be accepted: `field` names the part to mend",
    429: "The key calls too often: see Retry-After",
    503: "Redis cannot take it now: repeat with the same key after Retry-After",
}
_BODY_REFUSALS = (408, 413, 415, 422)


def body(schema: dict[str, Any], examples: dict[str, Any], *, required: bool = True) -> dict[str, Any]:
    """For `openapi_extra`."""
    content = {"application/json": {"schema": schema, "examples": examples}}
    return {"requestBody": {"required": required, "content": content}}


def _object(properties: dict[str, Any], required: list[str], **more: Any) -> dict[str, Any]:
    schema = {"type": "object", "additionalProperties": False, "properties": properties, "required": required}
    return schema | more


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """null is as good as leaving it out."""
    return schema if "anyOf" in schema else {"anyOf": [schema, {"type": "null"}]}


def _notification() -> dict[str, Any]:
    found = Notification.model_json_schema(ref_template="#/components/schemas/{model}")["properties"]
    found["text"] = {"type": "string", "minLength": 1, "maxLength": 30000, "pattern": r"\S"}
    found["at"] = {"type": "string", "pattern": _TIME_PATTERN, "description": "When to send it. " + _TIME}
    found["expires"] = {"type": "string", "pattern": _TIME_PATTERN, "description": "Never sent after this. " + _TIME}
    found["message"] = {
        "description": "`msg_type` and `content` as Feishu's API has them; instead of `text`.",
        **_object({"msg_type": {"enum": ["text", "post", "image", "interactive"]}, "content": {"type": "object"}}, []),
    }
    for name, choices in _CHOICES.items():
        found[name] = {"enum": [*choices, None], "default": found[name].get("default")}
    properties = {
        name: schema if name in ("receiver_id", *_CHOICES) else _nullable(schema)
        for name, schema in found.items()
        if name in FIELDS
    }
    return _object(properties, ["receiver_id"], title="Notification")


_CHOICES: dict[str, Any] = {
    "receive_type": ReceiveType,
    "user_id_type": UserIdType,
    "on_unknown": OnUnknown,
    "on_open_ticket": OnOpenTicket,
}
_BATCH = _object(
    {"notifications": {"type": "array", "minItems": 1, "maxItems": MOST_AT_ONCE, "items": _notification()}},
    ["notifications"],
    title="Batch",
)
#: Read by our own code: FastAPI takes a tenth of the whole time of a request for one header.
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": KEY_CHARACTERS},
    "description": "The same key with the same body gives the first answer again, as a duplicate.",
}

ACCEPTING: dict[str, Any] = {
    "summary": "Hand in notifications",
    "responses": {
        202: {"model": AcceptedAnswer | BatchAnswer, "description": "On record, and on disk"},
        **refusals(*_BODY_REFUSALS),
    },
    "openapi_extra": {"parameters": [_IDEMPOTENCY_KEY], **body({"oneOf": [_notification(), _BATCH]}, _EXAMPLES)},
}
LISTING: dict[str, Any] = {"summary": "List events", "responses": {200: {"model": Listed}, **refusals(422)}}
SHOWING: dict[str, Any] = {"summary": "Show a notification", "responses": {200: {"model": Shown}, **refusals(404, 422)}}
DECIDING: dict[str, Any] = {
    "summary": "Cancel a notification",
    "responses": {200: {"model": Standing}, **refusals(404, 409, 422)},
}
RETRYING: dict[str, Any] = {
    "summary": "Send a notification again",
    "responses": {200: {"model": Standing}, **refusals(404, 409, *_BODY_REFUSALS)},
    "openapi_extra": body(
        _object({"state": {"enum": ["failed", "unknown"], "default": "failed"}}, []),
        {"failed": {"value": {"state": "failed"}}},
        required=False,
    ),
}
RESOLVING: dict[str, Any] = {
    "summary": "Settle a notification that was maybe sent",
    "responses": {200: {"model": Standing}, **refusals(404, 409, *_BODY_REFUSALS)},
    "openapi_extra": body(
        _object({"as": {"enum": ["delivered", "failed", "resend"]}}, ["as"]),
        {"delivered": {"value": {"as": "delivered"}}},
    ),
}
