"""A request to a hook on its way: who sent it, what it becomes, what is accepted, and how that is answered."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated, NotRequired

import redis
from fastapi import Request, Response
from pydantic import Field, with_config
from pydantic.config import JsonDict
from typing_extensions import TypedDict

from ledger.api_key import Scope
from ledger.connection import reachable, translated
from ledger.errors import BadInput, DeskbellError, KeyLimit, KeyReused
from ledger.notification import Notification
from ledger.phrases import Phrase
from ledger.record import Accepted
from ledger.saved_template import SavedTemplate
from producers.hooks.hook import NOTHING_HOLDS, Hook, Rendered
from producers.hooks.hook_request import HookRequest
from producers.hooks.large_body import LARGE_BYTES, render_large
from producers.hooks.signature import BadSignature
from producers.web.access import Caller, admit, basic_password, secret_of
from producers.web.bodies import json_response
from producers.web.context import WebContext
from producers.web.group_commit import Committed
from producers.web.hook_answers import AS_SERVICE
from producers.web.hook_notes import TakenIn, note_failure, note_refusal, note_result
from producers.web.key_limits import accept_within, refuse_foreign
from producers.web.large_bodies import BodyReader
from producers.web.problems import Problem, problem_of
from producers.web.turns import SMALL_BYTES

__all__ = ["HookAnswer", "answered", "templates_of"]

_EXAMPLES: JsonDict = {
    "examples": [
        {"accepted": [{"id": "n_06hzb2k1c9f3q8rd", "duplicate": False}], "skipped": 0},
        {"accepted": [], "skipped": 1, "reason": NOTHING_HOLDS},
    ]
}


class Taken(TypedDict):
    """One notification that came of it."""

    id: Annotated[str, Field(description="`n_…`")]
    duplicate: Annotated[bool, Field(description="Whether an earlier request created it.")]


@with_config(json_schema_extra=_EXAMPLES)
class HookAnswer(TypedDict):
    """The result of a request to a hook."""

    accepted: Annotated[list[Taken], Field(description="The notifications that were made of it.")]
    skipped: Annotated[int, Field(description="Items of the payload that became no message.")]
    reason: NotRequired[Annotated[str, Field(description="Why some or all were skipped.")]]


async def answered(context: WebContext, hook: Hook, request: Request, *, has_token: bool = False) -> Response:
    """The answer, in the form that the hook's senders expect. `has_token`: it came with a token of the hook."""
    as_service = AS_SERVICE.get(hook.format or "")
    if as_service is None:
        return _answer(*await _received(context, hook, request, has_token=has_token))
    try:
        await _received(context, hook, request, has_token=has_token)
    except (DeskbellError, redis.RedisError) as error:
        known = translated(error, context.settings) or error
        if not isinstance(known, DeskbellError):
            raise
        return as_service.refusal(known)
    return as_service.success()


async def _received(
    context: WebContext, hook: Hook, request: Request, *, has_token: bool
) -> tuple[list[TakenIn], Rendered]:
    """What was accepted, and what the payload became."""
    with BodyReader(context.large_bodies) as reader:
        try:
            caller = None if has_token else await _admitted(hook, request)
            hook_request = HookRequest.of(request.headers.items(), await reader.read(request))
            await _check_signature(context, hook, hook_request)
        except (BadSignature, Problem) as error:
            refusal = problem_of(error)
        else:
            by = caller.by if caller else "signature" if hook.signature_check else "token"
            return await _taken_in(context, hook, hook_request, caller, by)
    await note_refusal(context, hook, refusal)
    raise refusal


async def _taken_in(
    context: WebContext, hook: Hook, hook_request: HookRequest, caller: Caller | None, by: str
) -> tuple[list[TakenIn], Rendered]:
    try:
        rendered = await _rendered(context, hook, hook_request, caller)
    except (BadInput, Problem) as error:
        await note_failure(context, hook, by, error)
        raise
    if caller:
        await _check_desks(context, hook, caller, rendered)
    accepted = await _accepted(context, hook, caller, rendered)
    await note_result(context, hook, by, accepted, rendered)
    return accepted, rendered


async def _admitted(hook: Hook, request: Request) -> Caller | None:
    """Whose key it is, before the body is read; None when it is signed. Raises Problem: 401, 403 or 429."""
    if hook.signature_check is not None:
        return None
    secret = basic_password(request) or secret_of(request) or request.query_params.get("key")
    return await admit(request, Scope.SEND, secret)


async def _check_signature(context: WebContext, hook: Hook, hook_request: HookRequest) -> None:
    """Raises BadSignature. A large body takes a moment, which the event loop does not wait for."""
    check, size = hook.signature_check, len(hook_request.body)
    if check is None:
        return
    if size <= SMALL_BYTES:
        check.check(hook_request, time.time())
    elif check.reads_body:  # of a stranger: it takes turns, as all reading does
        await context.parsing.run(f"hook {hook.name}", size, check.check, hook_request, time.time())
    else:
        await asyncio.to_thread(check.check, hook_request, time.time())


async def _rendered(context: WebContext, hook: Hook, hook_request: HookRequest, caller: Caller | None) -> Rendered:
    if hook.template_names:
        templates = await asyncio.to_thread(templates_of, context, hook)
        hook_request = replace(hook_request, templates=templates)
    if len(hook_request.body) > LARGE_BYTES:
        try:
            return await asyncio.to_thread(render_large, hook, hook_request)
        except OSError:
            detail = Phrase("no process could start to read a large body: send it again")
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, Phrase("The machine has no room"), detail) from None
    of = f"hook {hook.name}" if caller is None else caller.name
    return await context.parsing.run(of, len(hook_request.body), hook.render, hook_request)


def templates_of(context: WebContext, hook: Hook) -> dict[tuple[str, str], SavedTemplate | DeskbellError]:
    """The saved templates that the hook names; where one is missing, why: the case that needs it raises that."""
    found: dict[tuple[str, str], SavedTemplate | DeskbellError] = {}
    with reachable(context.settings):
        for desk, written in hook.template_names:
            try:
                found[desk, written] = context.templates.find(desk, written)
            except BadInput as error:
                found[desk, written] = error
    return found


async def _check_desks(context: WebContext, hook: Hook, caller: Caller, rendered: Rendered) -> None:
    try:
        for desk in {notification.desk for notification in rendered.notifications}:
            caller.check_desk(desk)
    except Problem as error:
        await note_refusal(context, hook, error)
        raise


async def _accepted(context: WebContext, hook: Hook, caller: Caller | None, rendered: Rendered) -> list[TakenIn]:
    """Ids, and whether they were there before. A key stands for one state of things, however it is worded next time:
    so here, too, the first one with it is meant, although the text may differ."""
    if not rendered.notifications:
        return []
    key = caller.key if caller else None
    try:
        await refuse_foreign(context, key, rendered.notifications)
        if hook.images:
            await asyncio.to_thread(_keep_images, context, hook, rendered)
        results = await accept_within(context, key, rendered.notifications)
    except KeyLimit as error:
        await note_refusal(context, hook, problem_of(error))
        raise
    if hook.template_names:
        await asyncio.to_thread(context.templates.note_accepted, rendered.notifications)
    return [_taken(*each) for each in zip(rendered.notifications, results, strict=True)]


def _taken(notification: Notification, result: Committed) -> TakenIn:
    match result:
        case Accepted():
            joined = result.into is not None and not result.duplicate
            return TakenIn(result.id, result.duplicate, joined, joined and notification.is_throttled)
        case KeyReused():
            return TakenIn(result.first_id, duplicate=True)
    raise result


def _keep_images(context: WebContext, hook: Hook, rendered: Rendered) -> None:
    with reachable(context.settings):
        for image in hook.images:
            context.ledger.keep_image(image.sha256, image.data, rendered.notifications)


def _answer(accepted: Sequence[TakenIn], rendered: Rendered) -> Response:
    told: HookAnswer = {
        "accepted": [{"id": each.id, "duplicate": each.duplicate} for each in accepted],
        "skipped": rendered.skipped,
    }
    if rendered.reason:
        told["reason"] = rendered.reason
    status = HTTPStatus.ACCEPTED if accepted else HTTPStatus.OK
    return json_response(told, status)
