"""The bodies of the requests about drafts."""

from producers.web.openapi.announcements import EDITED
from producers.web.openapi.bodies import json_body, json_object

__all__ = ["AGAIN", "APPROVE", "CORRECT", "EDIT", "REJECT", "START"]

_WORDS = {"type": "string", "minLength": 1, "maxLength": 500, "pattern": r"\S"}
_VERSION = {"type": "integer", "minimum": 1, "description": "The one that was read: another one is a 409."}
_FINGERPRINT = {"type": "string", "minLength": 1, "description": "Of what was seen: another one is a 409."}
_MADE = {name: EDITED[name] for name in ("text", "markdown", "message", "name")}
_REST = {
    "type": "boolean",
    "default": False,
    "description": "Only to those who did not get it.",
}

#: Of `PUT /v1/announcements/{id}`.
EDIT = json_body(
    json_object(
        "DraftEdit",
        EDITED | {"version": _VERSION},
        ["version"],
        description="What changes; what is not given stays as it is, and null goes back to the default.",
    ),
    {
        "Another text": {"version": 1, "text": "Dear {{ name }}, we move on Monday"},
        "Without a pause after its first rows": {"version": 1, "first": None},
    },
)
APPROVE = json_body(
    json_object("Approval", {"fingerprint": _FINGERPRINT}, ["fingerprint"], description="Of exactly what was seen."),
    {"What was seen": {"fingerprint": "5d0a6c3f9b1e4f72a8c0d4e6b2f19a37"}},
)
REJECT = json_body(
    json_object(
        "RejectionRequest", {"why": _WORDS | {"description": "For its author."}}, ["why"], description="Why not."
    ),
    {"A reason": {"why": "The date is wrong"}},
)
START = json_body(
    json_object(
        "Start",
        {"reason": _WORDS | {"description": "Why it starts without an approval."}, "version": _VERSION},
        (),
        description="How the draft is started.",
    ),
    {
        "As it was approved": {},
        "Without an approval": {"reason": "The building is closed, and nobody else is awake"},
    },
    required=False,
)
AGAIN = json_body(
    json_object("Again", _MADE | {"rest": _REST}, (), description="What the new draft has of its own."),
    {"To all of them": {}, "To those who did not get it": {"rest": True, "text": "Dear {{ name }}, once more"}},
    required=False,
)
CORRECT = json_body(
    json_object("Correction", _MADE, (), description="What the new draft has of its own."),
    {"Another text": {"text": "Dear {{ name }}, the right day is Monday"}},
    required=False,
)
