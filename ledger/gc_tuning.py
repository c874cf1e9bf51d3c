"""Tuning of Python's garbage collector for long-running processes with many short-lived objects."""

import gc

__all__ = ["tune_gc"]

#: Objects made, and collections of the generation before, between two collections. Python's own first one is 700.
_THRESHOLDS = (20_000, 20, 100)


def tune_gc() -> None:
    """Call once, after loading. Objects that exist by then are never scanned again; later ones are mostly freed by
    reference counting, so the collector runs rarely."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
