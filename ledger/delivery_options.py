"""The choices of how a notification is delivered, and their words."""

from enum import StrEnum

__all__ = ["DEFAULT_DESK", "OnOpenTicket", "OnUnknown", "ReceiveType", "UserIdType"]

#: The desk that the four `DESKBELL_…` credential variables describe, and that speaks unless another is named.
DEFAULT_DESK = "default"


class ReceiveType(StrEnum):
    """How the receiver gets it: in the group that the helpdesk keeps for them, or in a chat with its bot."""

    CHAT = "chat"
    USER = "user"


class UserIdType(StrEnum):
    """Which kind of id `receiver_id` is."""

    OPEN_ID = "open_id"
    UNION_ID = "union_id"
    USER_ID = "user_id"


class OnUnknown(StrEnum):
    """What to do when a message was maybe sent: send it again (twice is better than never), or hold it for a person."""

    RESEND = "resend"
    HOLD = "hold"


class OnOpenTicket(StrEnum):
    """What to do when `chat` is refused because the receiver has an open ticket."""

    REROUTE = "reroute"
    WAIT = "wait"
    FAIL = "fail"
