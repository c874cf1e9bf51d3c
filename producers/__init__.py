"""What asks: the Python client and the command line. It imports the ledger alone, no Celery and no web stack."""

from ledger.content import Message
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
from ledger.models import Accepted, Record
from ledger.states import State
from producers.announcing import Announced
from producers.notifier import Notifier

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
