"""What is timed for the metrics, and how finely."""

from bisect import bisect_left
from collections.abc import Mapping
from enum import StrEnum

__all__ = ["BUCKETS", "Histogram", "bucket_of"]


class Histogram(StrEnum):
    """The values are also words in the names of the tally."""

    ACCEPT = "accept"  #: an HTTP request that asks to accept something, by its route
    DELIVERY = "delivery"  #: from when a notification was accepted, or was due if that is later, to what came of it
    CALL = "call"  #: one call of the Feishu API


#: Upper bounds, seconds; what takes longer than the last is counted all the same. An announcement may take days.
BUCKETS: Mapping[Histogram, tuple[float, ...]] = {
    Histogram.ACCEPT: (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    Histogram.DELIVERY: (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400, 43200, 86400, 604800),
    Histogram.CALL: (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25),
}


def bucket_of(latency: Histogram, seconds: float) -> str:
    """The upper bound of the bucket that so many seconds belong to, as a word; `inf` above the last one."""
    bounds = BUCKETS[latency]
    index = bisect_left(bounds, seconds)
    return f"{bounds[index]:g}" if index < len(bounds) else "inf"
