"""`/v1/hooks/{name}`: requests from other systems, by the hooks file; and the path of Feishu's custom bots."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from ledger.api_key import Scope
from ledger.phrases import Phrase
from producers.hooks.hook import Hook, token_digest
from producers.web.context import ContextDep, WebContext
from producers.web.hook_answers import BOT_SUCCESS, bot_refusal
from producers.web.hook_intake import HookAnswer, answered
from producers.web.openapi.bodies import json_body
from producers.web.openapi.refusals import ALWAYS, refusals
from producers.web.openapi.scopes import needing
from producers.web.problems import Problem

__all__ = ["bot_router", "router"]

router = APIRouter(tags=["hooks"], responses=ALWAYS)
#: Its refusals are Feishu's.
bot_router = APIRouter(tags=["hooks"])

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
_NOTHING = {
    "model": HookAnswer,
    "description": 'Nothing to send. `use = "slack"` has `ok` here for all that was taken, and `feishu-bot` Feishu\'s.',
    "content": {"text/plain": {"schema": {"const": "ok"}}},
}
_TAKING: dict[str, Any] = {
    "status_code": HTTPStatus.ACCEPTED,
    "response_model": HookAnswer,
    "response_description": "Notifications, on disk",
    "responses": refusals(404, 408, 413) | {200: _NOTHING},
    "openapi_extra": json_body(
        {"type": "object", "additionalProperties": True}, {"generic": {"title": "Backup", "text": "3 of 3 done"}}
    )
    | {"parameters": [_KEY]}
    | needing(Scope.SEND),
}

Token = Annotated[
    str,
    Path(description="Of the hook's `tokens`, or its name.", openapi_examples={"its name": {"value": "builds"}}),
]
_BOT_TEXT = {"msg_type": "text", "content": {"text": "Build 87 failed"}}
_BOT_REFUSAL = {"code": 19001, "data": {}, "msg": "param invalid: incoming webhook access token invalid"}


def _refusals_of_bot(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """In Feishu's form, or as a problem where the request did not come as far as the hook."""
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    answer = {"application/json": {"schema": {"type": "object", "additionalProperties": True}, "example": _BOT_REFUSAL}}
    return {status: told | {"content": problem | answer} for status, told in refusals(*statuses).items()}


_AS_BOT: dict[str, Any] = {
    "response_class": Response,
    "responses": {
        200: {
            "description": "Notifications, on disk",
            "content": {
                "application/json": {"schema": {"type": "object", "additionalProperties": True}, "example": BOT_SUCCESS}
            },
        }
    }
    | _refusals_of_bot(400, 401, 403, 408, 413, 429, 503),
    "openapi_extra": json_body({"type": "object", "additionalProperties": True}, {"A text": _BOT_TEXT})
    | {"parameters": [_KEY]}
    | needing(Scope.SEND),
}


@router.post("/v1/hooks/{name}", summary="Post to a hook", **_TAKING)
@router.put("/v1/hooks/{name}", summary="Put to a hook, which is the same", operation_id="putToHook", **_TAKING)
async def post_to_hook(name: Name, request: Request, context: ContextDep) -> Response:
    """Turn a tool's request into notifications. It is signed, or has a key with the scope `send`.

    Hooks with `use = "slack"` or `"feishu-bot"` answer as these services do.
    """
    return await answered(context, _found(context, name), request)


@bot_router.post("/open-apis/bot/v2/hook/{token}", summary="Post as to a Feishu custom bot", **_AS_BOT)
async def post_to_bot_hook(token: Token, request: Request, context: ContextDep) -> Response:
    """What is written for a Feishu custom bot, at the path that it has there: only the host changes.

    For hooks with `use = "feishu-bot"`. The token is one of the hook's `tokens`; or it is the hook's name, and the
    request is signed or has a key, as at `/v1/hooks/{name}`.
    """
    hook = context.hooks_by_token.get(token_digest(token))
    if hook is not None:
        return await answered(context, hook, request, has_token=True)
    hook = context.hooks.get(token)
    if hook is None or hook.format != "feishu-bot":
        return bot_refusal(
            Problem(HTTPStatus.UNAUTHORIZED, Phrase("No hook has this token"), Phrase("see the tokens of the hook"))
        )
    return await answered(context, hook, request)


@router.options(
    "/v1/hooks/{name}",
    summary="Ask whether events may be posted",
    response_class=Response,
    responses=refusals(404),
    openapi_extra={"security": []},
)
async def check_hook(name: Name, request: Request, context: ContextDep) -> Response:
    """Allow a sender of CloudEvents to post here, as it asks before it begins: no key goes with that, and no event.

    See [its protection against abuse](https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md#4-abuse-protection).
    """
    _found(context, name)
    headers = {"Allow": "OPTIONS, POST, PUT"}
    if origin := request.headers.get("webhook-request-origin"):
        headers["WebHook-Allowed-Origin"] = origin
        if "webhook-request-rate" in request.headers:
            headers["WebHook-Allowed-Rate"] = "*"
    return Response(status_code=HTTPStatus.OK, headers=headers)


def _found(context: WebContext, name: str) -> Hook:
    hook = context.hooks.get(name)
    if hook is None:
        raise Problem(HTTPStatus.NOT_FOUND, Phrase("No hook has this name"), Phrase("see `deskbell hook list`"))
    return hook
