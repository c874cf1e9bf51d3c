"""Gauges for Prometheus: desks, announcements, workers, and Redis."""

from collections.abc import Callable, Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from ledger.desk_status import DeskStatus
from ledger.states import Outcome
from ledger.workers import Worker
from producers.doctor.doctor_check import Check, Status
from producers.doctor.redis_time import RedisTime

__all__ = ["ADDRESS_HOLDS", "HOLDS", "checked", "of_all_desks", "of_desks", "of_redis"]

#: What a desk can be held for.
HOLDS = ("throttled", "credentials", "quota", "outage")
#: What the questions about addresses can be held for.
ADDRESS_HOLDS = (*HOLDS, "refused")
_SEVERITY = {Status.OK: 0, Status.WARN: 1, Status.FAIL: 2}


def of_desks(desks: Sequence[DeskStatus]) -> Iterator[Metric]:
    """The counters among them are the ledger's own, and exact."""
    yield from _quota(desks)
    yield from _lanes(desks)
    yield from _calls(desks)
    held = _gauge("desk_held", "1 while the desk is held for this reason and sends only probes.", "desk", "reason")
    for desk in desks:
        for reason in HOLDS:
            held.add_metric([desk.name, reason], desk.hold is not None and desk.hold["kind"] == reason)
    yield held
    yield from _addresses(desks)
    yield _each(desks, "in_flight_notifications", "Released, or in a worker's hands.", lambda desk: desk.in_flight)
    yield _each(
        desks, "unknown_notifications", "Maybe sent; they wait until somebody settles them.", lambda desk: desk.unknown
    )
    yield _each(desks, "tickets_open", "Receivers known to have an open ticket.", lambda desk: desk.tickets_open)
    yield _each(
        [desk for desk in desks if desk.tickets_age_seconds is not None],
        "tickets_age_seconds",
        "Since the list of open tickets was last taken.",
        lambda desk: desk.tickets_age_seconds or 0.0,
    )


def _addresses(desks: Sequence[DeskStatus]) -> Iterator[Metric]:
    asked = _gauge(
        "addresses_held", "1 while Feishu does not say who addresses belong to, for this reason.", "desk", "reason"
    )
    for desk in desks:
        for reason in ADDRESS_HOLDS:
            asked.add_metric([desk.name, reason], desk.people_hold is not None and desk.people_hold["kind"] == reason)
    yield asked
    yield _each(
        desks, "unresolved_events", "By e-mail or mobile, without a receiver yet.", lambda desk: desk.unresolved
    )


def of_all_desks(workers: Sequence[Worker], dropped: int, callbacks: int, callbacks_dropped: int) -> Iterator[Metric]:
    """Metrics that belong to no desk."""
    yield _gauge("workers", "Worker processes that reported recently.", value=len(workers))
    yield _gauge("worker_threads", "Their threads.", value=sum(worker.concurrency for worker in workers))
    yield _gauge("callbacks_waiting", "Callbacks that are owed.", value=callbacks)
    yield CounterMetricFamily(
        "deskbell_callbacks_dropped",
        "Callbacks dropped because too many were owed to one key at one desk.",
        value=callbacks_dropped,
    )
    yield CounterMetricFamily(
        "deskbell_dropped_messages",
        "Celery messages that could not be accepted, and posts to hooks that became no message in whole or in part.",
        value=dropped,
    )


def of_redis(time: RedisTime, fsync_ms: float | None, restarts: int) -> Iterator[Metric]:
    """Its distance, its disk, its clock and its runs."""
    seconds = time.round_trip_ms / 1000
    yield _gauge("redis_round_trip_seconds", "How far away Redis is from this web process.", value=seconds)
    if fsync_ms is not None:
        says = "How long a write waited for its fsync, beyond the round trip."
        yield _gauge("redis_fsync_seconds", says, value=fsync_ms / 1000)
    steps = time.step.steps if time.step else 0
    yield CounterMetricFamily("deskbell_redis_clock_steps", "How often Redis' clock was set.", value=steps)
    last_seconds = time.step.by_ms / 1000 if time.step else 0
    says = "By how much Redis' clock was last set; negative is backward, 0 is never."
    yield _gauge("redis_clock_last_step_seconds", says, value=last_seconds)
    says = "How often Redis was restarted, or another server took over."
    yield CounterMetricFamily("deskbell_redis_restarts", says, value=restarts)


def checked(checks: Sequence[Check], *, reached: bool) -> Iterator[Metric]:
    """The checks of `deskbell doctor` for Redis and the workers."""
    yield _gauge("ledger_up", "1 when Redis answers.", value=reached)
    found = _gauge(
        "ledger_check", "What `deskbell doctor` looks at: 0 is fine, 1 needs attention, 2 breaks a promise.", "check"
    )
    for check in checks:
        found.add_metric([check.name], _SEVERITY[check.status])
    yield found


def _quota(desks: Sequence[DeskStatus]) -> Iterator[Metric]:
    labels = ("desk", "window_seconds")
    limit = _gauge("quota_calls", "Calls that the configured quota allows in any such window.", *labels)
    used = _gauge("quota_used_calls", "Calls granted in the window that ends now.", *labels)
    for desk in desks:
        for window in desk.windows:
            limit.add_metric([desk.name, str(window.seconds)], window.limit)
            used.add_metric([desk.name, str(window.seconds)], window.used)
    yield limit
    yield used
    yield _each(
        desks, "quota_share", "Share of its quota that the desk uses; below 1 after repeated throttles.",
        lambda desk: desk.lowered_to or 1.0,
    )  # fmt: skip


def _lanes(desks: Sequence[DeskStatus]) -> Iterator[Metric]:
    waiting = _gauge("waiting_notifications", "Waiting for their turn or their time.", "desk", "lane")
    oldest = _gauge(
        "oldest_waiting_seconds", "Since the oldest whose turn it is was accepted; 0 when none waits.", "desk", "lane"
    )
    for desk in desks:
        lanes = {
            "events": [lane for lane in desk.lanes if lane.name == "events"],
            "announcements": [lane for lane in desk.lanes if lane.name != "events"],
        }
        for name, of_kind in lanes.items():
            waiting.add_metric([desk.name, name], sum(lane.waiting for lane in of_kind))
            oldest.add_metric([desk.name, name], max((lane.oldest_seconds or 0.0 for lane in of_kind), default=0.0))
    yield waiting
    yield oldest


def _calls(desks: Sequence[DeskStatus]) -> Iterator[Metric]:
    used = CounterMetricFamily("deskbell_slots_used", "Slots that a call was made in.", labels=["desk"])
    wasted = CounterMetricFamily(
        "deskbell_slots_wasted", "Slots whose call delivered nothing, by outcome.", labels=["desk", "cause"]
    )
    for desk in desks:
        used.add_metric([desk.name], sum(desk.calls.values()))
        for cause in Outcome:
            if cause is not Outcome.DELIVERED:
                wasted.add_metric([desk.name, cause], desk.calls.get(cause, 0))
    yield used
    yield wasted


def _each(desks: Sequence[DeskStatus], name: str, says: str, value: Callable[[DeskStatus], float]) -> Metric:
    metric = _gauge(name, says, "desk")
    for desk in desks:
        metric.add_metric([desk.name], value(desk))
    return metric


def _gauge(name: str, says: str, *labels: str, value: float | None = None) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"deskbell_{name}", says, value=value, labels=labels or None)
