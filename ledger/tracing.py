"""Traces across Redis: what is accepted within a trace carries its `traceparent` (W3C), for the worker that sends it.

Of OpenTelemetry nothing is imported here, unless `export_traces` is told to export: a program that has not imported it
itself has no trace to carry.
"""

import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext, Tracer

__all__ = ["TRACEPARENT", "carrying", "export_traces", "remote_context", "traceparent", "tracer"]

log = logging.getLogger(__name__)

#: Version 00 of the header.
TRACEPARENT = r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"
#: OpenTelemetry's own variables: with one of them set, traces are exported.
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_OURS = "deskbell"

_carried: ContextVar[str | None] = ContextVar("carried", default=None)


def traceparent() -> str | None:
    """Of the span that is active here, else the one that is being carried. None outside of every trace."""
    api = _api()
    context = api.get_current_span().get_span_context() if api else None
    if context is None or not context.is_valid:
        return _carried.get()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


@contextmanager
def carrying(header: str | None) -> Iterator[None]:
    """Within, what is accepted belongs to the trace of the caller who sent this header, although no span is active.

    A header that cannot be read is as good as none, as the standard has it.
    """
    token = _carried.set(header if header and re.fullmatch(TRACEPARENT, header) else None)
    try:
        yield
    finally:
        _carried.reset(token)


def remote_context(header: str) -> "SpanContext":
    """The span that a `traceparent` names. Only where there is a tracer."""
    from opentelemetry.trace import SpanContext, TraceFlags

    _, trace_id, span_id, flags = header.split("-")
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))


def tracer() -> "Tracer | None":
    """None unless this process has set up a provider of traces, by `export_traces` or in its own way."""
    api = _api()
    if api is None or isinstance(api.get_tracer_provider(), api.ProxyTracerProvider):
        return None
    ours: Tracer = api.get_tracer(_OURS)
    return ours


def export_traces(service: str) -> None:
    """Exports this process's spans where OpenTelemetry's own variables say, under this name of a service.

    Does nothing without `OTEL_EXPORTER_OTLP_ENDPOINT`, or where a provider was set up already.
    """
    # Not among our settings: the exporter reads these, and more of them, itself.
    if tracer() or not any(map(os.environ.get, _ENDPOINTS)) or os.environ.get("OTEL_SDK_DISABLED") == "true":
        return
    try:
        trace, sdk = import_module("opentelemetry.trace"), import_module("opentelemetry.sdk.trace")
        batch = import_module("opentelemetry.sdk.trace.export").BatchSpanProcessor
        resource = import_module("opentelemetry.sdk.resources").Resource
        exporter = import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter").OTLPSpanExporter
    except ImportError as error:
        log.warning("no traces are exported, since %s is missing: install deskbell[otel]", error.name)
        return
    name = {} if "OTEL_SERVICE_NAME" in os.environ else {"service.name": service}
    provider = sdk.TracerProvider(resource=resource.create(name))
    provider.add_span_processor(batch(exporter()))
    trace.set_tracer_provider(provider)


def _api() -> Any:
    """OpenTelemetry's API, if the program has imported it; else None."""
    return sys.modules.get("opentelemetry.trace")
