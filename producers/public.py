"""`from producers import Notifier`, as programs wrote it before there was `deskbell`: loaded when it is asked for."""

from importlib import import_module
from typing import Any

__all__ = ["__getattr__"]


def __getattr__(name: str) -> Any:
    """What Python asks of the package for a name that it does not have."""
    deskbell = None if name.startswith("__") else import_module("deskbell")  # Python asks for `__path__` by itself
    if deskbell is None or name not in deskbell.__all__:
        raise AttributeError(f"module 'producers' has no attribute {name!r}")
    return getattr(deskbell, name)
