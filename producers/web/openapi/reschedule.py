"""The body of the requests that give another time."""

from producers.web.openapi.bodies import json_body, json_object
from producers.web.openapi.field_texts import TEXTS, TIME, TIME_ZONE

__all__ = ["RESCHEDULE", "RESCHEDULE_FIELDS"]

#: Of `POST /v1/announcements/{id}/reschedule`, and of notifications.
RESCHEDULE = json_body(
    json_object(
        "Reschedule",
        {
            "at": TIME | {"description": TEXTS["at"]},
            "timezone": {"type": "string", "description": TIME_ZONE},
        },
        ["at"],
        description="Another time.",
    ),
    {"Nine o'clock in Shanghai": {"at": "2026-12-01T09:00", "timezone": "Asia/Shanghai"}, "In an hour": {"at": "1h"}},
)
RESCHEDULE_FIELDS = frozenset({"at", "timezone"})
