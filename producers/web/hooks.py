"""`/v1/hooks/{name}`: requests from other systems, by the hooks file."""

import asyncio
import time
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any, NotRequired

from fastapi import APIRouter, Path, Request, Response
from pydantic import Field, with_config
from pydantic.config import JsonDict
from typing_extensions import TypedDict

from ledger.api_keys import Scope
from ledger.connection import reachable
from ledger.errors import BadInput, KeyReused
from ledger.ledger import AcceptResult
from ledger.record import Accepted
from producers.hooks.hook import NOTHING_HOLDS, Hook, Rendered
from producers.hooks.hook_request import HookRequest
from producers.hooks.large_body import LARGE_BYTES, render_large
from producers.hooks.signature import BadSignature
from producers.web.access import Caller, admit, basic_password, secret_of
from producers.web.bodies import json_response
from producers.web.context import ContextDep, WebContext
from producers.web.hook_notes import note_failure, note_refusal, note_result
from producers.web.key_limits import accept_within
from producers.web.large_bodies import BodyReader
from producers.web.openapi.refusals import ALWAYS, refusals
from producers.web.openapi.requests import json_body
from producers.web.problems import Problem, problem_of
from producers.web.turns import SMALL_BYTES

__all__ = ["router"]

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
_TAKING: dict[str, Any] = {
    "status_code": HTTPStatus.ACCEPTED,
    "response_model": HookAnswer,
    "response_description": "Notifications, on disk",
    "responses": refusals(404, 408, 413) | {200: {"model": HookAnswer, "description": "Nothing to send"}},
    "openapi_extra": json_body({"type": "object"}, {"generic": {"title": "Backup", "text": "3 of 3 done"}})
    | {"parameters": [_KEY]},
}


@router.post("/{name}", summary="Post to a hook", **_TAKING)
@router.put("/{name}", summary="Put to a hook, which is the same", **_TAKING)
async def receive(name: Name, request: Request, context: ContextDep) -> Response:
    """Turn a tool's request into notifications. It is signed, or has a key with the scope `send`."""
    hook = _found(context, name)
    with BodyReader(context.large_bodies) as reader:
        try:
            caller = await _admitted(hook, request)
            hook_request = HookRequest.of(request.headers.items(), await reader.read(request))
            await _check_signature(hook, hook_request)
        except (BadSignature, Problem) as error:
            refusal = problem_of(error)
        else:
            return await _answered(context, hook, hook_request, caller)
    await note_refusal(context, hook, refusal)
    raise refusal


@router.options(
    "/{name}",
    summary="Ask whether events may be posted",
    response_class=Response,
    responses=refusals(404),
    openapi_extra={"security": []},
)
async def handshake(name: Name, request: Request, context: ContextDep) -> Response:
    """Allow a sender of CloudEvents to post here, as it asks before it begins: no key goes with that, and no event.

    https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md#4-abuse-protection
    """
    _found(context, name)
    headers = {"Allow": "OPTIONS, POST, PUT"}
    if origin := request.headers.get("webhook-request-origin"):
        headers["WebHook-Allowed-Origin"] = origin
        if "webhook-request-rate" in request.headers:
            headers["WebHook-Allowed-Rate"] = "*"
    return Response(status_code=HTTPStatus.OK, headers=headers)


async def _answered(context: WebContext, hook: Hook, hook_request: HookRequest, caller: Caller | None) -> Response:
    by = caller.by if caller else "signature"
    try:
        rendered = await _rendered(context, hook, hook_request, caller)
    except (BadInput, Problem) as error:
        await note_failure(context, hook, by, error)
        raise
    if caller:
        await _check_desks(context, hook, caller, rendered)
    accepted = await _accepted(context, hook, caller, rendered)
    await note_result(context, hook, by, accepted, rendered)
    return _answer(accepted, rendered)


def _found(context: WebContext, name: str) -> Hook:
    hook = context.hooks.get(name)
    if hook is None:
        raise Problem(HTTPStatus.NOT_FOUND, "No hook has this name", "see `deskbell hook list`")
    return hook


async def _admitted(hook: Hook, request: Request) -> Caller | None:
    """Whose key it is, before the body is read; None when it is signed. Raises Problem: 401, 403 or 429."""
    if hook.signature_check is not None:
        return None
    secret = basic_password(request) or secret_of(request) or request.query_params.get("key")
    return await admit(request, Scope.SEND, secret)


async def _check_signature(hook: Hook, hook_request: HookRequest) -> None:
    """Raises BadSignature. A large body takes a moment, which the event loop does not wait for."""
    if hook.signature_check is None:
        return
    if len(hook_request.body) > SMALL_BYTES:
        await asyncio.to_thread(hook.signature_check.check, hook_request, time.time())
    else:
        hook.signature_check.check(hook_request, time.time())


async def _rendered(context: WebContext, hook: Hook, hook_request: HookRequest, caller: Caller | None) -> Rendered:
    if len(hook_request.body) > LARGE_BYTES:
        try:
            return await asyncio.to_thread(render_large, hook, hook_request)
        except OSError:
            detail = "no process could start to read a large body: send it again"
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "The machine has no room", detail) from None
    of = f"hook {hook.name}" if caller is None else caller.name
    return await context.parsing.run(of, len(hook_request.body), hook.render, hook_request)


async def _check_desks(context: WebContext, hook: Hook, caller: Caller, rendered: Rendered) -> None:
    try:
        for desk in {notification.desk for notification in rendered.notifications}:
            caller.check_desk(desk)
    except Problem as error:
        await note_refusal(context, hook, error)
        raise


async def _accepted(
    context: WebContext, hook: Hook, caller: Caller | None, rendered: Rendered
) -> list[tuple[str, bool]]:
    """Ids, and whether they were there before. A key stands for one state of things, however it is worded next time:
    so here, too, the first one with it is meant, although the text may differ."""
    if not rendered.notifications:
        return []
    if hook.images:
        await asyncio.to_thread(_keep_images, context, hook, rendered)
    try:
        results = await accept_within(context, caller.key if caller else None, rendered.notifications)
    except Problem as error:
        await note_refusal(context, hook, error)
        raise
    return [_taken(result) for result in results]


def _taken(result: AcceptResult) -> tuple[str, bool]:
    match result:
        case Accepted():
            return result.id, result.duplicate
        case KeyReused():
            return result.first_id, True
    raise result


def _keep_images(context: WebContext, hook: Hook, rendered: Rendered) -> None:
    with reachable(context.settings):
        for image in hook.images:
            context.ledger.keep_image(image.sha256, image.data, rendered.notifications)


def _answer(accepted: Sequence[tuple[str, bool]], rendered: Rendered) -> Response:
    told: HookAnswer = {
        "accepted": [{"id": id, "duplicate": duplicate} for id, duplicate in accepted],
        "skipped": rendered.skipped,
    }
    if rendered.reason:
        told["reason"] = rendered.reason
    status = HTTPStatus.ACCEPTED if accepted else HTTPStatus.OK
    return json_response(told, status)
