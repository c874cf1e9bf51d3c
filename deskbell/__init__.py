"""Notifications through a Feishu helpdesk bot, from Python: `from deskbell import Notifier`.

Everything here is public and stays; everything else may change with any version.
"""

from ledger.errors import (
    BadInput,
    Changed,
    DeskbellError,
    FeishuFailed,
    Forbidden,
    KeyReused,
    LedgerFull,
    LedgerUnreachable,
    LedgerUnwritable,
    NotAllowed,
    NotDurable,
    NotFound,
    NotPermitted,
    WrongVersion,
)
from ledger.messages.content import Message
from ledger.record import Accepted, Announced, Record
from ledger.states import AnnouncementState, Outcome, State
from producers.client.announcement_handle import AnnouncementHandle, AnnouncementStatus, RowResult
from producers.client.arguments import AnnouncementArguments, EventArguments
from producers.client.http_problems import Unauthorized
from producers.client.notifier import Notifier

__all__ = [
    "Accepted",
    "Announced",
    "AnnouncementArguments",
    "AnnouncementHandle",
    "AnnouncementState",
    "AnnouncementStatus",
    "BadInput",
    "Changed",
    "DeskbellError",
    "EventArguments",
    "FeishuFailed",
    "Forbidden",
    "KeyReused",
    "LedgerFull",
    "LedgerUnreachable",
    "LedgerUnwritable",
    "Message",
    "NotAllowed",
    "NotDurable",
    "NotFound",
    "NotPermitted",
    "Notifier",
    "Outcome",
    "Record",
    "RowResult",
    "State",
    "Unauthorized",
    "WrongVersion",
]
