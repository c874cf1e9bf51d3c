"""The spans of a worker: one for each delivery, in the trace in which the notification was accepted, and inside it one
for each call of Feishu. Without a trace provider (`ledger.tracing`) this does nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from feishu.verdict import Verdict
from ledger import tracing
from ledger.claim import Claim
from ledger.leases import Result
from ledger.states import Outcome, State

__all__ = ["delivering", "trace_call"]

_FAILURES = frozenset({State.FAILED, State.UNKNOWN})


@contextmanager
def delivering(claim: Claim) -> Iterator[Callable[[Result], None]]:
    """Around one delivery. Yields a function to call with its result."""
    tracer = tracing.tracer()
    if tracer is None:
        yield lambda _: None
        return
    with tracer.start_as_current_span("deliver", **_origin(claim)) as span:

        def note(result: Result) -> None:
            span.set_attribute("deskbell.state", result.to)
            if result.to in _FAILURES:
                _mark_failed(span, result.to)

        yield note


def trace_call(verdict: Verdict) -> None:
    """A call that has just ended, in the thread that made it.

    A call outside of a delivery, such as for the list of all open tickets, belongs to no trace.
    """
    tracer = tracing.tracer()
    if tracer is None or tracing.traceparent() is None:
        return
    from opentelemetry.trace import SpanKind

    started_ns = verdict.started_at_ms * 1_000_000
    values = {
        "deskbell.outcome": str(verdict.outcome),
        "deskbell.code": verdict.code,
        "http.response.status_code": verdict.http_status,
        "feishu.log_id": verdict.log_id,
    }
    attributes = {name: value for name, value in values.items() if value is not None}
    span = tracer.start_span(
        f"feishu {verdict.call}", kind=SpanKind.CLIENT, start_time=started_ns, attributes=attributes
    )
    if verdict.outcome is not Outcome.DELIVERED:
        _mark_failed(span, str(verdict.outcome))
    span.end(started_ns + verdict.elapsed_ms * 1_000_000)


def _origin(claim: Claim) -> dict[str, Any]:
    """An event's delivery is part of the trace that asked for it. A row's is a separate trace, linked to the trace of
    its announcement: nobody could view a trace of a million spans."""
    from opentelemetry.context import Context
    from opentelemetry.trace import Link, NonRecordingSpan, SpanKind, set_span_in_context

    started: dict[str, Any] = {
        "kind": SpanKind.CONSUMER,
        "attributes": {"deskbell.notification": claim.id, "deskbell.desk": claim.notification.desk},
        "context": Context(),
    }
    if claim.traceparent is None:
        return started
    parent = tracing.remote_context(claim.traceparent)
    if claim.row:
        return {**started, "links": [Link(parent)]}
    return {**started, "context": set_span_in_context(NonRecordingSpan(parent), Context())}


def _mark_failed(span: Any, why: str) -> None:
    from opentelemetry.trace import Status, StatusCode

    span.set_status(Status(StatusCode.ERROR, why))
