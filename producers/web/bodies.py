"""Request bodies: strict JSON, and choices in them; answers in JSON."""

from collections.abc import Callable, Mapping, Set
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Any, ParamSpec, TypeVar

import orjson
from fastapi import Depends, Request, Response

from ledger.errors import BadInput
from ledger.messages.json_fields import kind_of, shortened
from ledger.messages.strict_json import NotJson, strict_json
from ledger.phrases import Phrase
from producers.hooks.sent_json import charset_of, media_type_of
from producers.web.context import context_of
from producers.web.problems import Problem
from producers.web.turns import SMALL_BYTES

__all__ = [
    "Body",
    "BodyOrNothing",
    "check_known",
    "chosen",
    "in_turn",
    "json_object",
    "json_response",
    "parse_json",
    "without_delay",
]

Arguments = ParamSpec("Arguments")
ResultT = TypeVar("ResultT")
ChoiceT = TypeVar("ChoiceT", bound=StrEnum)


async def without_delay(
    request: Request, work: Callable[Arguments, ResultT], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> ResultT:
    """Work on what stands in the body: at once when it is small, else in its turn, so that nobody waits for it."""
    size = len(await request.body())
    return work(*args, **kwargs) if size <= SMALL_BYTES else await in_turn(request, size, work, *args, **kwargs)


async def in_turn(
    request: Request,
    size_bytes: int,
    work: Callable[Arguments, ResultT],
    *args: Arguments.args,
    **kwargs: Arguments.kwargs,
) -> ResultT:
    """Work in a thread, when the turn of whoever asks comes. Raises Problem (503) when too much of theirs waits."""
    caller = request.scope.get("caller", "somebody without a key")
    return await context_of(request).parsing.run(caller, size_bytes, work, *args, **kwargs)


async def json_object(request: Request) -> dict[str, Any]:
    """The JSON object in the body. Raises Problem: 415 for another content type, 400 for anything but a JSON object."""
    _check_content_type(request)
    found = await without_delay(request, parse_json, await request.body())
    if not isinstance(found, dict):
        raise _refused(Phrase("the body must be an object, not {kind}", kind=kind_of(found)))
    return found


async def _json_object_or_nothing(request: Request) -> dict[str, Any]:
    """As `json_object`; a request without a body is as good as an empty object."""
    return await json_object(request) if await request.body() else {}


#: For endpoints that block: FastAPI reads the body before it hands them to a thread. They stand behind the caller in
#: the arguments, so that nothing is read of whoever may not call.
Body = Annotated[dict[str, Any], Depends(json_object)]
BodyOrNothing = Annotated[dict[str, Any], Depends(_json_object_or_nothing)]


def parse_json(raw: bytes) -> Any:
    """Raises Problem (400), which repeats nothing of the body but the name of a member."""
    try:
        return strict_json(raw)
    except NotJson as error:
        problem = error.detail
    raise _refused(problem)


def chosen(body: dict[str, Any], name: str, choices: type[ChoiceT], default: ChoiceT | None = None) -> ChoiceT:
    """The one member that a body has. Raises BadInput for any other member or value."""
    for other in body:
        if other != name:
            raise BadInput(shortened(other), Phrase("is not a known field"))
    given = body.get(name, default)
    if given not in list(choices):  # a list: what was given may be one, and so not hashable
        raise BadInput(name, Phrase("must be one of {choices}", choices=", ".join(choices)))
    return choices(given)


def check_known(given: Mapping[str, Any], known: Set[str]) -> None:
    """Raises BadInput for a name that is not among those that are known."""
    if not given.keys() <= known:
        unknown = next(name for name in given if name not in known)
        raise BadInput(unknown if unknown.isidentifier() else shortened(unknown), Phrase("is not a known field"))


def json_response(value: object, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS), status, media_type="application/json")


def _check_content_type(request: Request) -> None:
    """Browsers send other types across sites without asking first, but not this one."""
    content_type = request.headers.get("content-type", "")
    media_type = media_type_of(content_type)
    if media_type != "application/json" and not (
        media_type.startswith("application/") and media_type.endswith("+json")
    ):
        raise _unsupported(Phrase("send JSON, with `Content-Type: application/json`"))
    if not _is_utf8(content_type):
        raise _unsupported(Phrase("JSON is UTF-8: send it so, or leave the charset out"))
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise _unsupported(Phrase("send the body as it is, without a Content-Encoding"))


def _is_utf8(content_type: str) -> bool:
    try:
        return charset_of(content_type) in ("utf-8", "ascii")
    except LookupError:
        return False


def _refused(problem: Phrase) -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, Phrase("The body is not the expected JSON"), problem, type="bad-json")


def _unsupported(detail: Phrase) -> Problem:
    return Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, Phrase("The type of the body is not supported"), detail)
