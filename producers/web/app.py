"""The web application: the HTTP API, and the console beside it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import metadata
from typing import Any

from fastapi import FastAPI

from ledger.settings import Settings
from ledger.tracing import export_traces
from producers.web import (
    announcements,
    audit,
    console_adapter,
    desks,
    documentation,
    drafts,
    feishu_events,
    health,
    hooks,
    keys,
    metrics,
    notifications,
    rescheduling,
    row_search,
    templates,
    testing,
)
from producers.web.console_adapter import console_of
from producers.web.context import WebContext
from producers.web.openapi.document import document
from producers.web.openapi.naming import operation_id
from producers.web.problems import handle_problems
from producers.web.reference.page import reference_route
from producers.web.request_guard import RequestGuard
from producers.web.telemetry import Telemetry

__all__ = ["create_app"]

_ROUTERS = (
    health.router,
    notifications.router,
    hooks.router,
    hooks.bot_router,
    feishu_events.router,
    announcements.router,
    row_search.router,
    rescheduling.router,
    templates.router,
    drafts.router,
    testing.router,
    desks.router,
    keys.router,
    audit.router,
    metrics.router,
    documentation.router,
    console_adapter.router,
)
#: FastAPI's own would put queries, where a hook's key may stand, and what failed validation into traces and logs. Ours
#: is `producers.web.telemetry`. A FastAPI that has none takes no notice.
_NO_TELEMETRY: Any = {"tracing": False, "metrics": False, "logs": False}
_DESCRIPTION = """Notifications through a Feishu helpdesk bot: accepted durably, paced, retried, rerouted, and recorded.

Send the key as `Authorization: Bearer dbk_…`. Without any key configured, this machine alone is served. Errors are
problems (RFC 9457). After a 503, or no answer at all, repeat with the same `Idempotency-Key`."""


def create_app(settings: Settings | None = None) -> FastAPI:
    """Opens no connection yet. Raises BadInput for an invalid variable."""
    settings = settings or Settings.from_env()
    context = WebContext.of(settings)
    export_traces("deskbell-web")
    # FastAPI's pages of documentation would load their scripts from another host: ours is `producers.web.reference`.
    app = FastAPI(
        title="Deskbell",
        version=metadata.version("deskbell"),
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
        telemetry=_NO_TELEMETRY,
        generate_unique_id_function=operation_id,
    )
    app.state.context = context
    document(app, _ROUTERS)
    app.add_middleware(Telemetry, counters=context.counters)
    app.add_middleware(RequestGuard, shares=context.shares)
    handle_problems(app, settings)
    for router in _ROUTERS:
        app.include_router(router)
    app.router.routes.append(reference_route(app.openapi))
    console = console_of(context)
    app.mount("/console", console)
    app.state.stop_streams = console.state.context.live.stop
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    app.state.context.close()
