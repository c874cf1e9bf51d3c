"""`POST /v1/feishu/events`: Feishu's events, authenticated by their signature instead of an API key."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request

from ledger.phrases import Phrase
from producers.feishu_events.envelope import Challenge, Event, Pushed, open_envelope
from producers.feishu_events.events import take_event
from producers.web.context import ContextDep, WebContext
from producers.web.openapi.bodies import json_body
from producers.web.openapi.refusals import refusals
from producers.web.problems import Problem
from producers.web.turns import SMALL_BYTES

__all__ = ["router"]

router = APIRouter(tags=["feishu"])

#: Feishu waits for 3 seconds, its way here and back included, then pushes the event again: after 15 s, 5 min, 1 h, 6 h.
ANSWER_WITHIN_SECONDS = 2.0
#: Threads of their own: while Redis hangs, events must not use up those of everybody else.
_threads = ThreadPoolExecutor(4, "feishu-events")
_TAKEN: dict[str, Any] = {"description": "Accepted, or ignored. A challenge is returned as `{challenge}`."}
_ANSWERS: dict[int | str, dict[str, Any]] = refusals(400, 401, 403, 408, 413, 503) | {200: _TAKEN}
_CHALLENGE = {"type": "url_verification", "challenge": "ajls384k", "token": "xxxxxx"}


@router.post(
    "/v1/feishu/events",
    summary="Take an event of Feishu's",
    responses=_ANSWERS,
    openapi_extra=json_body({"type": "object", "additionalProperties": True}, {"A challenge": _CHALLENGE}),
)
async def receive_feishu_event(request: Request, context: ContextDep) -> dict[str, str]:
    """Receive an event from Feishu: tickets that open and close, people who change or leave.

    For the request URL of the app's event subscription. Every type of event is answered with 200; unused types
    change nothing. A repeated event gets the same answer, and changes nothing. What is not encrypted or signed with our
    secrets, or was signed more than 8 hours ago, is a 401; without DESKBELL_ENCRYPT_KEY and DESKBELL_VERIFICATION_TOKEN
    everything is a 403. After a 503 Feishu pushes the event again.
    """
    opened = await _opened(context, Pushed(request.headers, await request.body()))
    if isinstance(opened, Challenge):
        return {"challenge": opened.text}
    await _taken(context, opened)
    return {}


async def _opened(context: WebContext, pushed: Pushed) -> Challenge | Event:
    """One of Feishu's is small: it never waits for what strangers post, who have one turn together."""
    arguments = (pushed, context.settings.all_desks.values(), time.time())
    if len(pushed.body) <= SMALL_BYTES:
        return open_envelope(*arguments)
    return await context.parsing.run("somebody as Feishu", len(pushed.body), open_envelope, *arguments)


async def _taken(context: WebContext, event: Event) -> None:
    """Raises Problem (503) when Redis takes too long. It may be taken in all the same, and changes nothing when pushed
    again."""
    taking = asyncio.get_running_loop().run_in_executor(_threads, take_event, context.ledger, event)
    try:
        await asyncio.wait_for(taking, ANSWER_WITHIN_SECONDS)
    except TimeoutError:
        detail = Phrase(
            "Redis did not answer within {most:g} s; Feishu pushes the event again", most=ANSWER_WITHIN_SECONDS
        )
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            Phrase("Redis is not reached in time"),
            detail,
            headers={"Retry-After": "15"},
        ) from None
