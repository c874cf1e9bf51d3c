"""Rendering the live parts of a page, first in the page itself, then in its stream."""

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment
from starlette.responses import Response, StreamingResponse

from console.attention import attention_of
from console.i18n import language
from console.live import Drawing, LivePart
from console.page_request import PageRequest
from ledger.overview import Snapshot

__all__ = ["badge", "drawn", "part", "streamed", "view_of"]


def view_of(request: PageRequest, draw: Any, announcement: str = "") -> LivePart:
    return LivePart(draw, request.say.name, request.who.desks, announcement)


def streamed(request: PageRequest, view: LivePart) -> Response:
    """The stream of a page. Proxies must not buffer it."""
    events = request.context.live.stream(view, request.who)
    return StreamingResponse(events, media_type="text/event-stream", headers={"x-accel-buffering": "no"})


def drawn(
    templates: Environment, snapshot: Snapshot, view: LivePart, parts: Mapping[str, str], **context: Any
) -> dict[str, str]:
    """The parts, and the number beside *Needs you*. `parts` are templates by the name of their event."""
    attention = attention_of(snapshot, view.sees)
    every = {"badge": "parts/badge.html", **parts}
    return {event: part(templates, view, name, attention=attention, **context) for event, name in every.items()}


def part(templates: Environment, view: LivePart, name: str, **context: Any) -> str:
    """One template, rendered for a view."""
    return templates.get_template(name).render(say=language(view.language), **context)


def badge(templates: Environment, snapshot: Snapshot, view: LivePart) -> Drawing:
    """The live part of every page."""
    return drawn(templates, snapshot, view, {})
