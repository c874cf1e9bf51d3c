"""Descriptions for what the classes of the ledger say of themselves to those who work on it."""

from typing import Any

from producers.web.openapi.naming import objects_in

__all__ = ["add_texts"]

_OF_FASTAPI = "Successful Response"
#: By the names in the document.
_SCHEMAS = {
    "AcceptedNotification": "A notification is on record, and on disk.",
    "AcceptedAnnouncement": "An announcement is on record with all its rows, and on disk.",
    "AnnouncementState": "The state of an announcement; `draft`, `awaiting_approval` and `approved` until it starts.",
    "MsgType": "The type of a message, in Feishu's words.",
    "ReceiveType": "`chat`: the group of the helpdesk; `user`: the bot's own chat.",
    "Format": "The form of a file.",
    "Status": "`warn`: it works, or will; `fail`: somebody must act.",
}
_FIELDS = {
    "AcceptedNotification": {
        "id": "`n_…`",
        "duplicate": "Whether an earlier request with the same key created it.",
        "state": "Where it stands now.",
        "into": "Of a joined event: the notification that tells of it.",
    },
    "AcceptedAnnouncement": {
        "id": "`a_…`",
        "total": "Its rows.",
        "duplicate": "Whether an earlier request with the same key, or of the same content, created it.",
    },
}


def add_texts(document: dict[str, Any]) -> None:
    """Where there is none, or one for others."""
    schemas: dict[str, Any] = document["components"]["schemas"]
    for name, text in _SCHEMAS.items():
        schemas[name]["description"] = text
    for name, fields in _FIELDS.items():
        for field, text in fields.items():
            schemas[name]["properties"][field]["description"] = text
    for _, node in objects_in(document):
        if isinstance(node.get("description"), str):
            node["description"] = _unwrapped(_told(node, schemas))


def _told(node: dict[str, Any], schemas: dict[str, Any]) -> str:
    """What FastAPI says of every answer becomes what this one has."""
    text: str = node["description"]
    name = node.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "").rpartition("/")[2]
    return schemas[name]["description"] if text == _OF_FASTAPI and name else text


def _unwrapped(text: str) -> str:
    """A docstring has lines of our width; a description has paragraphs."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))
