"""Python's garbage collector, in processes that make many short-lived objects for a long time."""

import gc

__all__ = ["tune_gc"]

#: Objects made, and collections of the generation before, between two collections. Python's own first one is 700.
_THRESHOLDS = (20_000, 20, 100)


def tune_gc() -> None:
    """Called once when everything is loaded. What is there by now stays, and need not be looked through again; and
    what a notification takes goes without the collector's help, so that it may look seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
