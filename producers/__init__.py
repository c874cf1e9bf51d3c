"""What asks: the Python client and the command line. It imports the ledger alone, no Celery and no web stack."""

from producers.public import __getattr__ as __getattr__

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
