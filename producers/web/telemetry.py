"""What is counted, timed and traced of each HTTP request."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ledger import tracing
from ledger.tally import EVERYWHERE, CounterBuffer, Histogram

__all__ = ["Telemetry"]

#: Below it all is one route: people's pages are no interface.
_CONSOLE = "/console"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_ACCEPTED = 202


class Telemetry:
    """ASGI middleware. The trace that the caller names in `traceparent` goes on in what the request accepts."""

    def __init__(self, app: ASGIApp, *, counters: CounterBuffer) -> None:
        self._app = app
        self._sheet = counters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, began = 500, time.perf_counter()

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        header = dict(scope["headers"]).get(b"traceparent", b"").decode("ascii", "replace")
        try:
            with tracing.carrying(header), _span() as finish:
                try:
                    await self._app(scope, receive, send_on)
                finally:
                    finish(scope, status)
        finally:
            self._count(scope, status, time.perf_counter() - began)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        route = _route(scope)
        self._sheet.count(EVERYWHERE, "requests", _method(scope), route, str(status))
        if status == _ACCEPTED:
            self._sheet.time(EVERYWHERE, Histogram.ACCEPT, seconds, route)


def _route(scope: Scope) -> str:
    """The template of the path: a metric must not grow with what callers may ask for."""
    if scope["path"].startswith(_CONSOLE):
        return _CONSOLE
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else "other"


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in _METHODS else "other"


@contextmanager
def _span() -> Iterator[Callable[[Scope, int], None]]:
    """A span of this process, if it has a provider of traces. What is given is to be told how the request ended."""
    tracer = tracing.tracer()
    if tracer is None:
        yield lambda *_: None
        return
    from opentelemetry.context import Context
    from opentelemetry.trace import NonRecordingSpan, SpanKind, set_span_in_context

    outer = tracing.traceparent()
    within = set_span_in_context(NonRecordingSpan(tracing.remote_context(outer)), Context()) if outer else Context()
    with tracer.start_as_current_span("request", context=within, kind=SpanKind.SERVER) as span:

        def finish(scope: Scope, status: int) -> None:
            span.update_name(f"{_method(scope)} {_route(scope)}")
            span.set_attributes(
                {
                    "http.request.method": _method(scope),
                    "http.route": _route(scope),
                    "http.response.status_code": status,
                }
            )

        yield finish
