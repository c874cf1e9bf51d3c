"""The tally for Prometheus: a counter with a name of several words becomes a metric with labels."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from ledger.leases import Swept
from ledger.tally import BUCKETS, ENDED, EVERYWHERE, MICROSECONDS, Histogram

__all__ = ["tallied"]


class _Family(NamedTuple):
    """`labels` name the words after the first one; a desk's metrics have its name before them."""

    name: str
    help: str
    labels: tuple[str, ...]


_REQUESTS = _Family("http_requests", "HTTP requests, by the route that answered.", ("method", "route", "status"))
_ENDED = _Family(
    "notifications",
    "Notifications by result: delivered, rerouted and delivered, and so on. A deferred one is counted again later.",
    ("outcome",),
)
_COUNTERS = {
    ENDED: _ENDED,
    "attempts": _Family(
        "attempts",
        "Sends to Feishu, each in a slot of its own. Codes that no table lists are one code: other.",
        ("via", "outcome", "code"),
    ),
    "calls": _Family("feishu_calls", "Calls of all APIs of Feishu, the sends among them.", ("call", "outcome")),
    "swept": _Family(
        "leases_swept",
        "Notifications taken back from lost workers: returned to their lane, sent again by policy, or left as unknown.",
        ("became",),
    ),
    "requests": _REQUESTS,
}
_ACCEPT = _Family("accept_seconds", "Time to answer a request that was accepted, its fsync included.", ("route",))
_HISTOGRAMS = {
    Histogram.CALL: _Family("feishu_call_seconds", "How long a call of Feishu took, answered or not.", ("call",)),
    Histogram.DELIVERY: _Family(
        "delivery_seconds",
        "Time from acceptance (or the due time, if later) to the result of a notification.",
        ("lane", "outcome"),
    ),
    Histogram.ACCEPT: _ACCEPT,
}
#: Of no desk: no label names one.
_SITE_WIDE = (_REQUESTS, _ACCEPT)
_OUTCOMES = ("delivered", "rerouted", "deferred", "failed", "unknown", "expired", "joined")
#: Told from the beginning, as 0: what has no series yet can neither rise nor be alerted on.
_FROM_THE_BEGINNING = (
    *((ENDED, outcome) for outcome in _OUTCOMES),
    *(("swept", became) for became in Swept._fields),
)


def tallied(totals: Mapping[str, Mapping[str, int]]) -> Iterator[Metric]:
    """The metrics of these desks, by name. Unknown counters of newer versions are left out."""
    counts = {(desk, *name.split(" ")): count for desk, of_desk in totals.items() for name, count in of_desk.items()}
    counts = {(desk, *name): 0 for desk in totals if desk != EVERYWHERE for name in _FROM_THE_BEGINNING} | counts
    for word, family in _COUNTERS.items():
        yield _counter(family, {(desk, *rest): n for (desk, first, *rest), n in counts.items() if first == word})
    for latency, family in _HISTOGRAMS.items():
        yield _histogram(latency, family, {(k[0], *k[2:]): n for k, n in counts.items() if k[1] == latency})


def _counter(family: _Family, counts: Mapping[tuple[str, ...], int]) -> Metric:
    metric = CounterMetricFamily(f"deskbell_{family.name}", family.help, labels=_label_names(family))
    for (desk, *words), count in counts.items():
        # Refused as too many is what a call came to, and told among the attempts.
        if len(words) == len(family.labels) and not (family is _ENDED and words[0] not in _OUTCOMES):
            metric.add_metric(_label_values(desk, words), count)
    return metric


def _histogram(latency: Histogram, family: _Family, counts: Mapping[tuple[str, ...], int]) -> Metric:
    metric = HistogramMetricFamily(f"deskbell_{family.name}", family.help, labels=_label_names(family))
    series: dict[tuple[str, ...], dict[str, int]] = defaultdict(dict)
    for (*words, bucket), count in counts.items():
        if len(words) == 1 + len(family.labels):
            series[tuple(words)][bucket] = count
    for (desk, *words), buckets in series.items():
        seconds = buckets.pop(MICROSECONDS, 0) / 1_000_000
        metric.add_metric(_label_values(desk, words), _cumulative(latency, buckets), seconds)
    return metric


def _cumulative(latency: Histogram, buckets: Mapping[str, int]) -> list[tuple[str, float]]:
    """Each bucket of Prometheus also counts those below it. One that our bounds no longer know counts at the end."""
    below, cumulative = 0, []
    for bound in (f"{bound:g}" for bound in BUCKETS[latency]):
        below += buckets.get(bound, 0)
        cumulative.append((bound, float(below)))
    return [*cumulative, ("+Inf", float(sum(buckets.values())))]


def _label_names(family: _Family) -> tuple[str, ...]:
    return family.labels if family in _SITE_WIDE else ("desk", *family.labels)


def _label_values(desk: str, words: list[str]) -> list[str]:
    return words if desk == EVERYWHERE else [desk, *words]
