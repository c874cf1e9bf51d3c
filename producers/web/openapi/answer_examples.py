"""An example of what each operation answers, as a caller gets it."""

from typing import Any

import orjson

from producers.web.hook_answers import BOT_SUCCESS
from producers.web.openapi.parameters import ANNOUNCEMENT_ID, NOTIFICATION_ID

__all__ = ["ANSWERS"]

_TIME, _LATER = "2026-11-30T01:00:00.000Z", "2026-11-30T01:00:02.310Z"
_MOVED_ON = {"at": "2026-11-30T01:00:01.000Z", "by": "key ada", "did": "pause"}
_ATTEMPT = {
    "at": "2026-11-30T01:00:02.090Z",
    "via": "chat",
    "outcome": "delivered",
    "code": 0,
    "http_status": 200,
    "log_id": "20261130090002A1B2C3D4E5F6",
    "ms": 220,
    "msg": "success",
}
_NOTIFICATION = {
    "id": NOTIFICATION_ID,
    "state": "delivered",
    "desk": "default",
    "receiver_id": "ou_ada",
    "email": None,
    "mobile": None,
    "receive_type": "chat",
    "user_id_type": "open_id",
    "msg_type": "text",
    "via": "chat",
    "message_id": "om_8f2c1d",
    "attempts": [_ATTEMPT],
    "acts": [],
    "error": None,
    "announcement": None,
    "key": "alert-8812",
    "created_at": _TIME,
    "due_at": None,
    "expires_at": "2026-11-30T02:00:00.000Z",
    "finished_at": _LATER,
}
_ROW = _NOTIFICATION | {
    "id": f"n_{ANNOUNCEMENT_ID[2:]}-0",
    "announcement": ANNOUNCEMENT_ID,
    "key": None,
    "expires_at": None,
    "line": 2,
    "person": {"name": "Ada"},
}
_ANNOUNCEMENT = {
    "id": ANNOUNCEMENT_ID,
    "name": "Office move",
    "desk": "default",
    "state": "paused",
    "paused_by": "operator",
    "ended": None,
    "total": 2,
    "counts": {"delivered": 1, "queued": 1},
    "rerouted": 0,
    "rate": 1.0,
    "eta_seconds": None,
    "weight": 1,
    "first": None,
    "stop_at": None,
    "acts": [_MOVED_ON],
    "created_at": _TIME,
    "due_at": None,
    "expires_at": None,
    "finished_at": None,
}
_DRAFT = {
    "version": 1,
    "fingerprint": "5d0a6c3f9b1e4f72a8c0d4e6b2f19a37",
    "author": "k_0123456789ab",
    "author_name": "key ada",
    "edited_at": _TIME,
    "needs_approval": True,
    "approver": None,
    "approver_name": None,
    "approved_at": None,
    "rejected": None,
    "tests": [NOTIFICATION_ID],
}
_EDITED: dict[str, Any] = _ANNOUNCEMENT | {
    "state": "draft",
    "paused_by": None,
    "counts": {"queued": 2},
    "acts": [],
    "draft": _DRAFT,
}
_RESULT = {
    "receiver_id": "ou_ada",
    "name": "Ada",
    "line": 2,
    "state": "delivered",
    "via": "chat",
    "message_id": "om_8f2c1d",
    "attempts": 1,
    "error_code": None,
    "error_msg": None,
    "created_at": _TIME,
    "finished_at": _LATER,
}
_CSV = (
    '"receiver_id","name","line","state","via","message_id","attempts","error_code","error_msg","created_at","finished_at"'
    f'\r\n"ou_ada","Ada",2,"delivered","chat","om_8f2c1d",1,"","","{_TIME}","{_LATER}"\r\n'
)
_DRY_RUN = {
    "name": "Office move",
    "desk": "default",
    "source": "JSON",
    "encoding": None,
    "columns": [{"name": "name", "used": True, "empty": 0}],
    "addressed": {"receiver_id": 2},
    "sheet": None,
    "other_sheets": None,
    "hidden_rows": None,
    "rows": 2,
    "accepted": 2,
    "invalid": 0,
    "problems": [],
    "problem_count": 0,
    "duplicates": 0,
    "duplicates_dropped": True,
    "open_tickets": 0,
    "open_tickets_note": None,
    "calls": 2,
    "running_beside": 0,
    "starts_at": _TIME,
    "seconds": 1,
    "finishes_at": _LATER,
    "same_content": None,
    "audience": None,
    "people": [],
    "samples": [{"line": 1, "msg_type": "text", "content": {"text": "Dear Ada, we move on Friday"}}],
}
_MADE = {"id": ANNOUNCEMENT_ID, "state": "draft", "total": 2, "url": None}
_TEMPLATE = {
    "desk": "default",
    "name": "disk",
    "version": 2,
    "variables": ["free", "host"],
    "saved_at": _TIME,
    "saved_by": "key ada",
    "message": {"msg_type": "text", "content": {"text": "Disk {{ free }} free on {{ host }}"}},
    "markdown": None,
}
_DESK = {
    "name": "default",
    "windows": [{"limit": 100, "seconds": 60, "used": 12}],
    "lowered_to": None,
    "in_flight": 1,
    "calls": {"used": 1204, "wasted": {"throttled": 3}},
    "lanes": [
        {"lane": "events", "waiting": 0, "oldest_seconds": None},
        {"lane": ANNOUNCEMENT_ID, "waiting": 1, "oldest_seconds": 2.31},
    ],
    "eta_seconds": None,
    "tickets": {"open": 4, "age_seconds": 61.5},
    "hold": {"kind": "outage", "reason": "Feishu does not answer", "since": _TIME, "until": _LATER},
    "addresses": {"unresolved": 0, "hold": None},
    "feishu_url": "https://open.feishu.cn",
    "rate": "100/60second",
    "missing": [],
    "ticket_codes": [154009],
    "counts": {"delivered": 1201},
}
_KEY = {
    "id": "k_0123456789ab",
    "name": "grafana",
    "scopes": ["send"],
    "desks": None,
    "rate": "600/minute",
    "max_rows": None,
    "daily": None,
    "only": None,
    "test": False,
    "created_at": _TIME,
    "created_by": "key ada",
    "last_used_at": _LATER,
    "revoked_at": None,
    "revoked_by": None,
}
_HOOK = {
    "Accepted": {"accepted": [{"id": NOTIFICATION_ID, "duplicate": False}], "skipped": 0},
}
_NOTHING = {"Nothing to send": {"accepted": [], "skipped": 1, "reason": "no condition of the hook holds"}}
_METRICS = "# TYPE deskbell_up gauge\ndeskbell_up 1.0\n"


def _event(state: str, **more: Any) -> dict[str, Any]:
    return {"id": NOTIFICATION_ID, "state": state, **more}


def _announcement(state: str, **more: Any) -> dict[str, Any]:
    return {"id": ANNOUNCEMENT_ID, "state": state, **more}


#: By operation and status: values by their summaries.
ANSWERS: dict[str, dict[int, dict[str, Any]]] = {
    "checkHealth": {200: {"It lives": {"status": "ok"}}},
    "checkReadiness": {
        200: {"Ready": {"status": "ok", "checks": []}},
        503: {"Redis is away": {"status": "unready", "reasons": ["redis: it does not answer"], "checks": []}},
    },
    "sendNotification": {
        202: {
            "One": _event("queued", duplicate=False),
            "Several": {
                "accepted": 1,
                "refused": 1,
                "results": [
                    _event("queued", duplicate=False),
                    {
                        "problem": {
                            "type": "urn:deskbell:problem:bad-input",
                            "title": "The input cannot be accepted",
                            "status": 422,
                            "detail": "must not be blank",
                            "field": "text",
                        }
                    },
                ],
            },
        }
    },
    "listNotifications": {200: {"A page": {"notifications": [_NOTIFICATION], "next": None}}},
    "getNotification": {200: {"Delivered": _NOTIFICATION}},
    "retryNotification": {200: {"It waits again": _event("queued")}},
    "cancelNotification": {200: {"Cancelled": _event("cancelled")}},
    "resolveNotification": {200: {"Settled": _event("delivered")}},
    "rescheduleNotification": {200: {"Its new time": _event("scheduled", due_at="2026-12-01T01:00:00.000Z")}},
    "sendAnnouncement": {
        202: {
            "Accepted": {"id": ANNOUNCEMENT_ID, "total": 2, "duplicate": False},
            "A test was sent": {"id": NOTIFICATION_ID},
        },
        200: {"What would be sent": _DRY_RUN},
        201: {"A draft": _MADE},
    },
    "listAnnouncements": {200: {"A page": {"announcements": [_ANNOUNCEMENT], "next": None}}},
    "getAnnouncement": {200: {"Paused": _ANNOUNCEMENT}},
    "getAnnouncementResults": {200: {"A page": {"results": [_RESULT], "next": None}}},
    "pauseAnnouncement": {200: {"Paused": _announcement("paused")}},
    "resumeAnnouncement": {200: {"It goes on": _announcement("running")}},
    "cancelAnnouncement": {200: {"Cancelled": _announcement("cancelled")}},
    "retryAnnouncement": {200: {"Seven rows": {"id": ANNOUNCEMENT_ID, "rows": 7}}},
    "resolveAnnouncement": {200: {"Two rows": {"id": ANNOUNCEMENT_ID, "rows": 2}}},
    "rescheduleAnnouncement": {200: {"Its new time": _announcement("scheduled", due_at="2026-12-01T01:00:00.000Z")}},
    "testAnnouncement": {202: {"Sent": {"id": NOTIFICATION_ID}}},
    "editDraft": {200: {"The draft as it is now": _EDITED}},
    "submitDraft": {200: {"Somebody is asked": _announcement("awaiting_approval")}},
    "approveDraft": {200: {"Approved": _announcement("approved")}},
    "rejectDraft": {200: {"A draft again": _announcement("draft")}},
    "startDraft": {200: {"Under way": _announcement("running")}},
    "discardDraft": {200: {"Gone": {"id": ANNOUNCEMENT_ID}}},
    "useAnnouncementAgain": {201: {"A new draft": _MADE}},
    "correctAnnouncement": {201: {"A draft of the rest": _MADE | {"total": 1}}},
    "listTemplates": {200: {"All": {"templates": [_TEMPLATE | {"message": None}]}}},
    "getTemplate": {200: {"One": _TEMPLATE | {"versions": [1, 2]}}},
    "saveTemplate": {
        200: {
            "Saved": {
                "desk": "default",
                "name": "disk",
                "version": 2,
                "is_new": True,
                "variables": ["free", "host"],
                "dropped": [{"name": "mount", "last_sent_at": _TIME}],
            }
        }
    },
    "findAnnouncementRows": {
        200: {"A page": {"rows": [_ROW], "next": None, "looked_at": {"first": 1, "last": 2, "of": 2}}}
    },
    "listDesks": {200: {"One that is held": {"desks": [_DESK]}}},
    "resumeDesk": {200: {"It sends again": {"desk": "default", "resumed": True}}},
    "listAudit": {200: {"A page": {"acts": [_MOVED_ON | {"id": ANNOUNCEMENT_ID}], "next": 41}}},
    "listKeys": {200: {"All": {"keys": [_KEY]}}},
    "createKey": {201: {"With its secret": _KEY | {"last_used_at": None, "secret": "dbk_…"}}},
    "revokeKey": {200: {"Revoked": _KEY | {"revoked_at": _LATER, "revoked_by": "key ada"}}},
    "postToHook": {202: _HOOK, 200: _NOTHING},
    "putToHook": {202: _HOOK, 200: _NOTHING},
    "postToBotHook": {200: {"Accepted": BOT_SUCCESS}},
    "receiveFeishuEvent": {200: {"A challenge": {"challenge": "ajls384k"}, "Taken": {}}},
    "getMetrics": {200: {"A part of them": _METRICS}},
}
#: Of answers in another form than JSON, by operation and media type.
FILES = {
    "getAnnouncementResults": {"text/csv": _CSV, "application/x-ndjson": orjson.dumps(_RESULT).decode() + "\n"},
    "postToHook": {"text/plain": "ok"},
    "putToHook": {"text/plain": "ok"},
}
