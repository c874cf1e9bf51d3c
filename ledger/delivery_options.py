"""The options for delivering a notification."""

from enum import StrEnum

__all__ = ["DEFAULT_DESK", "OnOpenTicket", "OnUnknown", "ReceiveType", "UserIdType"]

#: The desk that the four `DESKBELL_…` credential variables describe, and the default.
DEFAULT_DESK = "default"


class ReceiveType(StrEnum):
    """How the receiver gets it: in the group that the helpdesk keeps for them, or in a chat with its bot."""

    CHAT = "chat"
    USER = "user"


class UserIdType(StrEnum):
    """The kind of id of `receiver_id`."""

    OPEN_ID = "open_id"
    UNION_ID = "union_id"
    USER_ID = "user_id"


class OnUnknown(StrEnum):
    """What to do after a maybe-sent message: send it again, or hold it for a person."""

    RESEND = "resend"
    HOLD = "hold"


class OnOpenTicket(StrEnum):
    """What to do when `chat` is refused because the receiver has an open ticket."""

    REROUTE = "reroute"
    WAIT = "wait"
    FAIL = "fail"
