"""What a process does before others are forked off it."""

import gc
import threading
from collections.abc import Iterable
from importlib import import_module

__all__ = ["preload"]


def preload(modules: Iterable[str]) -> None:
    """Imports them, and keeps what the processes share shared. Raises RuntimeError if one has started a thread."""
    for module in modules:
        import_module(module)
    if threading.active_count() > 1:
        raise RuntimeError(f"a thread would be missing in what is forked: {threading.enumerate()}")
    gc.collect()
    gc.freeze()
