"""A trace goes on across Redis: from what is accepted within it, to the worker's delivery and its calls."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased
from opentelemetry.trace import SpanKind, StatusCode

from ledger import tracing
from ledger.errors import BadInput
from ledger.notification import Notification
from ledger.settings import Settings
from tests.integration.worker.delivering import TEXT, DeskAtWork, desk_at_work
from worker.tracing import delivering

__all__: list[str] = []

ROOT = Path(__file__).resolve().parents[3]
TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
HEADER = f"00-{TRACE_ID}-{SPAN_ID}-01"


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> TracerProvider:
    """For this test alone: OpenTelemetry itself lets a process set one only once."""
    provider = TracerProvider()
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    return provider


@pytest.fixture
def spans(provider: TracerProvider) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter


@pytest.fixture
def at_work(empty_valkey: Settings) -> Iterator[DeskAtWork]:
    with desk_at_work(empty_valkey) as at_work:
        yield at_work


def named(spans: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in spans.get_finished_spans() if span.name == name]


def trace_of(span: ReadableSpan) -> str:
    return trace.format_trace_id(span.context.trace_id)


def parent_of(span: ReadableSpan) -> str | None:
    return trace.format_span_id(span.parent.span_id) if span.parent else None


def test_an_event_is_delivered_in_the_trace_in_which_it_was_accepted(
    at_work: DeskAtWork, spans: InMemorySpanExporter
) -> None:
    with trace.get_tracer("shop").start_as_current_span("order") as order:
        id = at_work.send("ou_alice")
    at_work.deliver()
    [delivery] = named(spans, "deliver")
    [send] = named(spans, "feishu send")
    assert not named(spans, "feishu tickets"), "the list of all open tickets is not for this one"
    asked = order.get_span_context()
    assert (trace_of(delivery), parent_of(delivery)) == (f"{asked.trace_id:032x}", f"{asked.span_id:016x}")
    assert delivery.kind is SpanKind.CONSUMER
    assert dict(delivery.attributes or {}) == {
        "deskbell.notification": id, "deskbell.desk": "default", "deskbell.state": "delivered"
    }  # fmt: skip
    assert send.parent == delivery.context
    assert (send.attributes or {})["deskbell.outcome"] == "delivered"
    assert send.end_time is not None
    assert send.start_time is not None
    assert send.end_time >= send.start_time


def test_a_reroute_is_two_calls_in_one_delivery(at_work: DeskAtWork, spans: InMemorySpanExporter) -> None:
    at_work.send("ou_ticket_1")
    at_work.deliver()
    [delivery] = named(spans, "deliver")
    sends = named(spans, "feishu send")
    assert [send.parent for send in sends] == [delivery.context, delivery.context]
    assert [send.status.status_code for send in sends] == [StatusCode.ERROR, StatusCode.UNSET]


def test_a_failed_delivery_is_marked_so(at_work: DeskAtWork, spans: InMemorySpanExporter) -> None:
    at_work.send("ou_unknown_1")
    at_work.deliver()
    [delivery] = named(spans, "deliver")
    assert (delivery.status.status_code, delivery.status.description) == (StatusCode.ERROR, "failed")


def test_rows_are_delivered_in_traces_of_their_own_linked_to_the_announcement(
    at_work: DeskAtWork, spans: InMemorySpanExporter
) -> None:
    at_work.announce("ou_alice", "ou_bob", traceparent=HEADER)
    at_work.deliver()
    deliveries = named(spans, "deliver")
    assert len({trace_of(span) for span in deliveries} | {TRACE_ID}) == 3
    for span in deliveries:
        assert parent_of(span) is None
        assert [trace.format_span_id(link.context.span_id) for link in span.links] == [SPAN_ID]


def test_a_header_is_carried_by_a_process_that_has_no_spans_of_its_own(
    at_work: DeskAtWork, spans: InMemorySpanExporter
) -> None:
    with tracing.carrying(HEADER):
        at_work.send("ou_alice")
    at_work.deliver()
    [delivery] = named(spans, "deliver")
    assert (trace_of(delivery), parent_of(delivery)) == (TRACE_ID, SPAN_ID)


def test_what_the_producer_does_not_sample_the_worker_does_not(
    at_work: DeskAtWork, spans: InMemorySpanExporter, provider: TracerProvider
) -> None:
    provider.sampler = ParentBased(ALWAYS_OFF)
    with trace.get_tracer("shop").start_as_current_span("order"):
        id = at_work.send("ou_alice")
    flags = (at_work.ledger.get(id).notification.traceparent or "")[-2:]
    assert int(flags, 16) & 1 == 0
    at_work.deliver()
    assert spans.get_finished_spans() == ()


def test_without_a_trace_nothing_of_one_is_kept(at_work: DeskAtWork) -> None:
    id = at_work.send("ou_alice")
    kept = at_work.ledger.redis.hget(at_work.ledger.keys.notification(id), "input")
    assert kept is not None
    assert b"traceparent" not in kept
    at_work.deliver()


def test_no_span_tells_the_message_or_the_receiver(at_work: DeskAtWork, spans: InMemorySpanExporter) -> None:
    for receiver in ("ou_alice", "ou_ticket_1", "ou_unknown_1", "ou_cut_1"):
        at_work.send(receiver, on_unknown="hold")
    at_work.deliver()
    told = "".join(span.to_json() for span in spans.get_finished_spans())
    assert "n_" in told
    assert TEXT not in told
    assert "ou_" not in told


def test_the_same_key_in_another_trace_is_the_same_content() -> None:
    """Or whoever repeats a request, in a new trace, would be told that the key stands for something else."""
    asked = {"receiver_id": "ou_alice", "text": "hello", "key": "alert-1"}
    with tracing.carrying(HEADER):
        first = Notification.build(asked)
    assert first.traceparent == HEADER
    assert first.content_hash == Notification.build(asked).content_hash


@pytest.mark.parametrize("header", [None, "", "00-1-2-3", HEADER.upper(), f"01-{TRACE_ID}-{SPAN_ID}-01", HEADER + "\n"])
def test_a_header_that_cannot_be_read_is_as_good_as_none(header: str | None) -> None:
    with tracing.carrying(header):
        assert tracing.traceparent() is None


def test_a_traceparent_that_is_given_as_a_field_must_be_one() -> None:
    with pytest.raises(BadInput, match="traceparent"):
        Notification.build({"receiver_id": "ou_alice", "text": "hello", "traceparent": "mine"})


def test_everything_goes_without_opentelemetry_being_there() -> None:
    program = """
import sys
sys.modules["opentelemetry"] = None  # importing it fails, as it does without the extra
from ledger import tracing
from ledger.notification import Notification
from tests.integration.worker.delivering import TEXT
from worker.tracing import delivering
tracing.export_traces("deskbell-worker")
notification = Notification.build({"receiver_id": "ou_alice", "text": TEXT})
with delivering(None) as note:
    note(None)
print(notification.traceparent, tracing.tracer())
"""
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT, timeout=60
    )
    assert (found.stdout.strip(), found.stderr) == ("None None", "")


def test_where_there_is_no_provider_a_span_is_never_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other packages import OpenTelemetry for themselves, redis-py among them: that alone must cost nothing."""
    monkeypatch.delattr(trace, "get_tracer")
    with delivering(None) as note:  # type: ignore[arg-type]
        note(None)  # type: ignore[arg-type]


def test_an_endpoint_without_the_extra_is_told_and_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    tracing.export_traces("deskbell-worker")
    assert "install deskbell[otel]" in caplog.text
    assert tracing.tracer() is None
