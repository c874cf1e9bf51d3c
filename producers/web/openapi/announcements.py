"""What the OpenAPI document says of `/v1/announcements`, with examples that work when pasted.

The fields of an announcement come from the model itself, as those of a notification do in `description`.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ledger.announcement import Spec
from ledger.delivery_options import OnOpenTicket, OnUnknown, ReceiveType, UserIdType
from ledger.states import AnnouncementState, State
from producers.web.announcement_request import FLAGS, OPTIONS, RECIPIENTS
from producers.web.openapi.notifications import body, refusals

__all__ = ["ANNOUNCING", "EXPORTING", "LISTING", "RESOLVING", "RETRYING", "SHOWING", "steering"]

_TIME = {
    "type": "string",
    "pattern": r"^(\d{4}-\d\d-\d\dT\d\d:\d\d|\d{1,6}(ms|s|m|h|d)$)",
    "description": "A time such as `2026-11-30T09:00+08:00` (without an offset: the server's), or a duration from now"
    " such as `1h`.",
}
_FLAG = {"type": "boolean", "default": False}
_CHOICES: dict[str, Any] = {
    "receive_type": ReceiveType,
    "user_id_type": UserIdType,
    "on_unknown": OnUnknown,
    "on_open_ticket": OnOpenTicket,
}
_PEOPLE = [{"receiver_id": "ou_ada", "name": "Ada"}, {"receiver_id": "ou_bob", "name": "Bob"}]


class AcceptedAnswer(BaseModel):
    """An announcement is on record, and on disk."""

    model_config = ConfigDict(title="AcceptedAnnouncement")
    id: str
    total: int = Field(description="Its rows.")
    duplicate: bool = Field(description="Whether an earlier request with this key, or content, had handed it in.")


class ProblemAnswer(BaseModel):
    """What is wrong with one cell, or with one row."""

    model_config = ConfigDict(title="RowProblem")
    line: int = Field(description="Where the row starts, as an editor or Excel counts; of JSON rows the number from 1.")
    column: str | None
    problem: str


class Foretold(BaseModel):
    """What would be sent: the answer to `dry_run`, as `deskbell announce --dry-run --json` prints it."""

    model_config = ConfigDict(title="DryRun", extra="allow")
    name: str
    desk: str
    source: str = Field(description="How the file was read.")
    rows: int
    accepted: int
    invalid: int
    problems: list[ProblemAnswer] = Field(description="The first 1,000.")
    problem_count: int
    duplicates: int
    calls: int = Field(description="At least.")
    seconds: int | None
    finishes_at: str | None
    samples: list[dict[str, Any]] = Field(description="Messages as their receivers would get them.")


class Shown(BaseModel):
    """How an announcement stands."""

    model_config = ConfigDict(title="Announcement")
    id: str
    name: str
    desk: str
    state: AnnouncementState
    ended: str | None = Field(description="`complete` or `partial`; null while it is not finished.")
    total: int
    counts: dict[str, int] = Field(description="Rows by state. They sum to the total.")
    rerouted: int
    rate: float = Field(description="Rows that came to an end lately, per minute.")
    eta_seconds: int | None
    weight: int
    acts: list[dict[str, str | None]] = Field(description="What people did.")
    created_at: str | None
    expires_at: str | None
    finished_at: str | None


class Listed(BaseModel):
    """A page of announcements."""

    model_config = ConfigDict(title="Announcements")
    announcements: list[Shown]
    next: str | None = Field(description="The cursor of the next page; null at the end.")


class Results(BaseModel):
    """A page of rows: the columns of the input, and what came of them."""

    results: list[dict[str, Any]]
    next: int | None = Field(description="The cursor of the next page; null at the end.")


class Steered(BaseModel):
    """How an announcement stands now."""

    id: str
    state: AnnouncementState


class RowsDone(BaseModel):
    """To how many rows it was done."""

    id: str
    rows: int


def _options() -> dict[str, Any]:
    """The schemas of everything but the message and the rows."""
    found = {name: schema for name, schema in Spec.model_json_schema()["properties"].items() if name in OPTIONS}
    found |= {
        name: {"enum": list(choices), "default": found[name].get("default")} for name, choices in _CHOICES.items()
    }
    found |= {
        "text": {"type": "string", "minLength": 1, "pattern": r"\S", "description": "`{{ name }}` is a column."},
        "key": {"type": "string", "minLength": 1, "maxLength": 256},
        "at": _TIME,
        "expires": _TIME,
        "between": {"type": "string", "pattern": r"^\d\d:\d\d-\d\d:\d\d$", "description": "Goes with `timezone`."},
        "timezone": {"type": "string", "description": "Whose hours: `Asia/Shanghai`."},
    }
    return found | dict.fromkeys(sorted(FLAGS), _FLAG)


_MESSAGE = {
    "type": "object",
    "description": "`msg_type` and `content`, with Jinja in their strings; instead of `text`.",
    "properties": {"msg_type": {"enum": ["text", "post", "image", "interactive"]}, "content": {"type": "object"}},
    "required": ["msg_type", "content"],
}
_ROWS = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "properties": {"receiver_id": {"type": "string", "pattern": r"^[!-~]{1,128}$"}},
        "additionalProperties": {"type": ["string", "integer", "boolean", "null"]},
        "anyOf": [{"required": ["receiver_id"]}, {"required": ["email"]}, {"required": ["mobile"]}],
    },
    "description": "`receiver_id` (or `email` or `mobile`), perhaps `receive_type`, `user_id_type` and `send_at`; what"
    " else a row has are the variables of the message.",
}
_TOGETHER = {"between": ["timezone"], "timezone": ["between"]}
_JSON = {
    "type": "object",
    "title": "AnnouncementWithRows",
    "additionalProperties": False,
    "required": ["name", "rows"],
    # null is as good as leaving it out, so a schema cannot well say that it is either text or message.
    "properties": {
        **{
            name: {"anyOf": [schema, {"type": "null"}]} for name, schema in (_options() | {"message": _MESSAGE}).items()
        },
        "name": {"type": "string"},
        "rows": _ROWS,
    },
    "dependentRequired": _TOGETHER,
}
_FILE = {"type": "string", "format": "binary"}
_FORM = {
    "type": "object",
    "title": "AnnouncementWithFile",
    "additionalProperties": False,
    "required": [RECIPIENTS],
    "oneOf": [{"required": ["text"]}, {"required": ["message"]}, {"required": ["image"]}],
    "dependentRequired": _TOGETHER,
    "properties": {
        **_options(),
        RECIPIENTS: {**_FILE, "description": "CSV, JSONL or XLSX. The name of the file is that of the announcement."},
        "message": {**_FILE, "description": "JSON or YAML with `msg_type` and `content`; instead of `text`."},
        "image": {**_FILE, "description": "An image that is the message; instead of `text`."},
    },
}
_EXAMPLES = {
    "text": {
        "summary": "A text to two people",
        "value": {"name": "Office move", "text": "Dear {{ name }}, we move on Friday", "rows": _PEOPLE},
    },
    "dry run": {
        "summary": "What would be sent",
        "value": {"name": "Office move", "text": "Dear {{ name }}", "rows": _PEOPLE, "dry_run": True},
    },
}


def _announcing() -> dict[str, Any]:
    extra = body(_JSON, _EXAMPLES)
    extra["requestBody"]["content"]["multipart/form-data"] = {"schema": _FORM}
    return extra


_INVALID_ROWS = {
    "allOf": [
        {"$ref": "#/components/schemas/Problem"},
        {
            "type": "object",
            "properties": {
                "errors": {
                    "type": "array",
                    "items": ProblemAnswer.model_json_schema(),
                    "description": "Where rows are invalid: the first 100 of what is wrong with them.",
                },
                "error_count": {"type": "integer"},
                "rows": {"type": "integer"},
            },
        },
    ]
}


def _refusals() -> dict[int | str, dict[str, Any]]:
    found = refusals(408, 413, 415, 422)
    found[422]["content"] = {"application/problem+json": {"schema": _INVALID_ROWS}}
    return found


ANNOUNCING: dict[str, Any] = {
    "summary": "Hand in an announcement",
    "responses": {
        202: {"model": AcceptedAnswer, "description": "On record, and on disk"},
        200: {"model": Foretold, "description": "The answer to `dry_run`"},
        **_refusals(),
    },
    "openapi_extra": _announcing(),
}
LISTING: dict[str, Any] = {"summary": "List announcements", "responses": {200: {"model": Listed}, **refusals(422)}}
SHOWING: dict[str, Any] = {
    "summary": "Show an announcement",
    "responses": {200: {"model": Shown}, **refusals(404, 422)},
}
EXPORTING: dict[str, Any] = {
    "summary": "What came of each row",
    "responses": {
        200: {
            "model": Results,
            "description": "A page, or with `format` a file",
            "content": {
                "text/csv": {"schema": {"type": "string"}},
                "application/x-ndjson": {"schema": {"type": "string"}},
            },
        },
        **refusals(404, 422),
    },
}
RETRYING: dict[str, Any] = {
    "summary": "Send rows again",
    "responses": {200: {"model": RowsDone}, **refusals(404, 408, 409, 413, 415, 422)},
    "openapi_extra": body(
        {
            "type": "object",
            "additionalProperties": False,
            "properties": {"state": {"enum": [State.FAILED, State.UNKNOWN], "default": State.FAILED}},
        },
        {"unknown": {"value": {"state": "unknown"}}},
        required=False,
    ),
}
RESOLVING: dict[str, Any] = {
    "summary": "Settle rows that were maybe sent",
    "responses": {200: {"model": RowsDone}, **refusals(404, 408, 409, 413, 415, 422)},
    "openapi_extra": body(
        {
            "type": "object",
            "additionalProperties": False,
            "properties": {"as": {"enum": ["delivered", "failed", "resend"]}},
            "required": ["as"],
        },
        {"delivered": {"value": {"as": "delivered"}}},
    ),
}


def steering(summary: str) -> dict[str, Any]:
    """Of a route that pauses, resumes or cancels."""
    return {"summary": summary, "responses": {200: {"model": Steered}, **refusals(404, 409, 422)}}
