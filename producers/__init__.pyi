"""What type checkers see: at run time a name is loaded when it is first asked for, see `public.py`."""

from ledger.errors import (
    BadInput,
    DeskbellError,
    KeyReused,
    LedgerFull,
    LedgerUnreachable,
    LedgerUnwritable,
    NotAllowed,
    NotDurable,
    NotFound,
    WrongVersion,
)
from ledger.messages.content import Message
from ledger.models import Accepted, Record
from ledger.states import State
from producers.announcements.announcing import Announced
from producers.client.notifier import Notifier

__all__ = [
    "Accepted",
    "Announced",
    "BadInput",
    "DeskbellError",
    "KeyReused",
    "LedgerFull",
    "LedgerUnreachable",
    "LedgerUnwritable",
    "Message",
    "NotAllowed",
    "NotDurable",
    "NotFound",
    "Notifier",
    "Record",
    "State",
    "WrongVersion",
]
