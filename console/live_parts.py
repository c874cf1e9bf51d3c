"""Drawing the live parts of a page: by the page itself at first, then by its stream."""

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment
from starlette.responses import Response, StreamingResponse

from console.attention import attention_of
from console.i18n import language
from console.live import Drawing, LivePart
from console.page_request import PageRequest
from ledger.overview import Snapshot

__all__ = ["badge", "drawn", "part", "scene_of", "streamed"]


def scene_of(request: PageRequest, draw: Any, announcement: str = "") -> LivePart:
    return LivePart(draw, request.say.name, request.who.desks, announcement)


def streamed(request: PageRequest, scene: LivePart) -> Response:
    """The stream of a page. No proxy may hold it back."""
    events = request.context.live.stream(scene, request.who)
    return StreamingResponse(events, media_type="text/event-stream", headers={"x-accel-buffering": "no"})


def drawn(
    templates: Environment, snapshot: Snapshot, scene: LivePart, parts: Mapping[str, str], **context: Any
) -> dict[str, str]:
    """The parts, and the number beside *Needs you*. `parts` are templates by the name of their event."""
    attention = attention_of(snapshot, scene.sees)
    every = {"badge": "parts/badge.html", **parts}
    return {event: part(templates, scene, name, attention=attention, **context) for event, name in every.items()}


def part(templates: Environment, scene: LivePart, name: str, **context: Any) -> str:
    """One template, drawn for a scene."""
    return templates.get_template(name).render(say=language(scene.language), **context)


def badge(templates: Environment, snapshot: Snapshot, scene: LivePart) -> Drawing:
    """What is live on every page."""
    return drawn(templates, snapshot, scene, {})
