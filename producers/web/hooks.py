"""`/v1/hooks/{name}`: requests from other systems, by the hooks file."""

import asyncio
import logging
import time
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, NotRequired

import redis
from fastapi import APIRouter, Path, Request, Response
from pydantic import Field, with_config
from pydantic.config import JsonDict
from typing_extensions import TypedDict

from ledger.api_keys import Scope
from ledger.connection import reachable
from ledger.errors import BadInput, DeskbellError
from ledger.hook_log import HookEntry, HookLog, HookOutcome
from ledger.ledger import AcceptResult
from ledger.record import Accepted
from producers.hooks.hook import NOTHING_HOLDS, Hook, Rendered
from producers.hooks.hook_request import HookRequest
from producers.hooks.signature import BadSignature
from producers.web.access import Caller, admit, secret_of
from producers.web.bodies import json_response
from producers.web.context import ContextDep, WebContext
from producers.web.openapi.refusals import ALWAYS, refusals
from producers.web.openapi.requests import json_body
from producers.web.problems import Problem, problem_of

__all__ = ["router"]

_log = logging.getLogger(__name__)

router = APIRouter(prefix="/v1/hooks", tags=["hooks"], responses=ALWAYS)
_EXAMPLES: JsonDict = {
    "examples": [
        {"accepted": [{"id": "n_06hzb2k1c9f3q8rd", "duplicate": False}], "skipped": 0},
        {"accepted": [], "skipped": 1, "reason": NOTHING_HOLDS},
    ]
}


class Taken(TypedDict):
    """One notification that came of it."""

    id: str
    duplicate: Annotated[bool, Field(description="Whether an earlier request created it.")]


@with_config(json_schema_extra=_EXAMPLES)
class HookAnswer(TypedDict):
    """The result of a request to a hook."""

    accepted: list[Taken]
    skipped: Annotated[int, Field(description="Items of the payload that became no message.")]
    reason: NotRequired[Annotated[str, Field(description="Why some or all were skipped.")]]


Name = Annotated[
    str,
    Path(description="As in the hooks file.", openapi_examples={"oncall": {"value": "oncall"}}),
]
_KEY = {
    "name": "key",
    "in": "query",
    "schema": {"type": "string"},
    "description": "The API key, for tools that can neither sign nor set a header.",
}


@router.post(
    "/{name}",
    status_code=HTTPStatus.ACCEPTED,
    summary="Post to a hook",
    response_model=HookAnswer,
    response_description="Notifications, on disk",
    responses=refusals(404, 408, 413) | {200: {"model": HookAnswer, "description": "Nothing to send"}},
    openapi_extra=json_body({"type": "object"}, {"generic": {"title": "Backup", "text": "3 of 3 done"}})
    | {"parameters": [_KEY]},
)
async def receive(name: Name, request: Request, context: ContextDep) -> Response:
    """Turn a tool's request into notifications. It is signed, or has a key with the scope `send`."""
    hook = _found(context, name)
    hook_request = HookRequest.of(request.headers.items(), await request.body())
    caller = await _admitted(context, hook, request, hook_request)
    by = caller.by if caller else "signature"
    try:
        rendered = await context.parsing.run(
            f"hook {hook.name}" if caller is None else caller.name, len(hook_request.body), hook.render, hook_request
        )
    except BadInput as error:
        await _note(context, HookEntry(_now_ms(), hook.name, HookOutcome.FAILED, by, reason=str(error)))
        raise
    if caller:
        await _check_desks(context, hook, caller, rendered)
    accepted = await _accepted(context, hook, rendered)
    await _note(context, _entry(hook, by, accepted, rendered))
    return _answer(accepted, rendered)


def _found(context: WebContext, name: str) -> Hook:
    hook = context.hooks.get(name)
    if hook is None:
        raise Problem(HTTPStatus.NOT_FOUND, "No hook has this name", "see `deskbell hook list`")
    return hook


async def _admitted(context: WebContext, hook: Hook, request: Request, hook_request: HookRequest) -> Caller | None:
    """Whose key it is; None when it is signed. Raises Problem: 401, 403 or 429."""
    try:
        if hook.signature_check is None:
            return await admit(request, Scope.SEND, secret_of(request) or request.query_params.get("key"))
        hook.signature_check.check(hook_request, time.time())
    except (BadSignature, Problem) as error:
        refusal = problem_of(error)
    else:
        return None
    await _note_refusal(context, hook, refusal)
    raise refusal


async def _check_desks(context: WebContext, hook: Hook, caller: Caller, rendered: Rendered) -> None:
    try:
        for desk in {notification.desk for notification in rendered.notifications}:
            caller.check_desk(desk)
    except Problem as error:
        await _note_refusal(context, hook, error)
        raise


async def _accepted(context: WebContext, hook: Hook, rendered: Rendered) -> list[tuple[str, bool]]:
    """Ids, and whether they were there before. A key stands for one state of things, however it is worded next time:
    so here, too, the first one with it is meant, although the text may differ."""
    if not rendered.notifications:
        return []
    if hook.images:
        await asyncio.to_thread(_keep_images, context, hook, rendered)
    results = await context.group_commit.accept(rendered.notifications)
    return [_taken(result) for result in results]


def _taken(result: AcceptResult) -> tuple[str, bool]:
    return (result.id, result.duplicate) if isinstance(result, Accepted) else (result.first_id, True)


def _keep_images(context: WebContext, hook: Hook, rendered: Rendered) -> None:
    with reachable(context.settings):
        for image in hook.images:
            context.ledger.keep_image(image.sha256, image.data, rendered.notifications)


def _entry(hook: Hook, by: str, accepted: Sequence[tuple[str, bool]], rendered: Rendered) -> HookEntry:
    return HookEntry(
        _now_ms(),
        hook.name,
        HookOutcome.ACCEPTED if accepted else HookOutcome.SKIPPED,
        by,
        ids=[id for id, _ in accepted],
        accepted=len(accepted),
        duplicates=sum(duplicate for _, duplicate in accepted),
        skipped=rendered.skipped,
        reason=rendered.reason,
    )


async def _note_refusal(context: WebContext, hook: Hook, refusal: Problem) -> None:
    await _note(context, HookEntry(_now_ms(), hook.name, HookOutcome.REFUSED, reason=refusal.detail))


async def _note(context: WebContext, entry: HookEntry) -> None:
    """What was accepted stays accepted when this fails: so it is no error of the request."""
    try:
        await asyncio.to_thread(_write, context, entry)
    except (DeskbellError, redis.RedisError) as error:
        _log.warning("the hook log was not written: %s", type(error).__name__, extra={"hook": entry.hook})


def _write(context: WebContext, entry: HookEntry) -> None:
    with reachable(context.settings):
        HookLog(context.ledger.redis, context.ledger.keys).add(entry)


def _answer(accepted: Sequence[tuple[str, bool]], rendered: Rendered) -> Response:
    told: HookAnswer = {
        "accepted": [{"id": id, "duplicate": duplicate} for id, duplicate in accepted],
        "skipped": rendered.skipped,
    }
    if rendered.reason:
        told["reason"] = rendered.reason
    status = HTTPStatus.ACCEPTED if accepted else HTTPStatus.OK
    return json_response(told, status)


def _now_ms() -> int:
    return round(time.time() * 1000)
