"""Where the public names of `producers` are: each is loaded when it is first asked for.

A process that reads an uploaded file needs none of them, and starts in a tenth of the CPU.
"""

from importlib import import_module
from typing import Any

__all__ = ["__getattr__"]

_MODULES = {
    "ledger.messages.content": ("Message",),
    "ledger.errors": (
        *("BadInput", "DeskbellError", "KeyReused", "LedgerFull", "LedgerUnreachable"),
        *("LedgerUnwritable", "NotAllowed", "NotDurable", "NotFound", "WrongVersion"),
    ),
    "ledger.models": ("Accepted", "Record"),
    "ledger.states": ("State",),
    "producers.announcements.announcing": ("Announced",),
    "producers.client.notifier": ("Notifier",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    """What Python asks of the package for a name that it does not have yet."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'producers' has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name]), name)
