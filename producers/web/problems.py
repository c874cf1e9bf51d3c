"""Errors as the HTTP API tells them: `application/problem+json` (RFC 9457), which name the field and the request.

Routers raise the ledger's errors, or `Problem` for what only HTTP knows. No problem repeats a value of the request.
"""

import logging
import traceback
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
import redis
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from ledger.connection import reachable
from ledger.errors import (
    BadInput,
    DeskbellError,
    KeyReused,
    LedgerFull,
    LedgerUnreachable,
    LedgerUnwritable,
    NotAllowed,
    NotDurable,
    NotFound,
    WrongVersion,
)
from ledger.settings import Settings

__all__ = ["RETRY_AFTER_SECONDS", "Problem", "as_response", "handle_problems", "problem_of", "tell_unexpected"]

#: What a 503 asks for: Redis restarts within seconds, and a caller that repeats with its key loses nothing.
RETRY_AFTER_SECONDS = 5
#: Of every `type`. It is a name, not an address.
_TYPES = "urn:deskbell:problem:"
#: The first kind that fits counts: a class stands before its base.
_KINDS: tuple[tuple[type[DeskbellError], tuple[HTTPStatus, str, str]], ...] = (
    (KeyReused, (HTTPStatus.UNPROCESSABLE_ENTITY, "key-reused", "The key stands for another content")),
    (BadInput, (HTTPStatus.UNPROCESSABLE_ENTITY, "bad-input", "The input cannot be accepted")),
    (NotFound, (HTTPStatus.NOT_FOUND, "not-found", "Nothing has this id")),
    (NotAllowed, (HTTPStatus.CONFLICT, "not-allowed", "The state does not allow it")),
    (LedgerUnreachable, (HTTPStatus.SERVICE_UNAVAILABLE, "ledger-unreachable", "Redis is not reached")),
    (LedgerFull, (HTTPStatus.SERVICE_UNAVAILABLE, "ledger-full", "Redis has no room left")),
    (LedgerUnwritable, (HTTPStatus.SERVICE_UNAVAILABLE, "ledger-unwritable", "Redis takes no writes")),
    (WrongVersion, (HTTPStatus.SERVICE_UNAVAILABLE, "wrong-version", "The ledger is of another version")),
    (NotDurable, (HTTPStatus.SERVICE_UNAVAILABLE, "not-durable", "Redis did not confirm the fsync")),
)
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_UNEXPECTED = (HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "Something went wrong")
_log = logging.getLogger(__name__)


class Problem(DeskbellError):
    """What HTTP alone refuses. `type` is a short name such as `body-too-large`; `more` are further members."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        *,
        type: str | None = None,  # noqa: A002  the word of RFC 9457
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.status, self.title, self.detail, self.field = status, title, detail, field
        self.type = type or _slug(HTTPStatus(status).phrase)
        self.headers = dict(headers or {})
        self.more = more

    def as_json(self) -> dict[str, Any]:
        """Without the id of the request."""
        told = {"type": _TYPES + self.type, "title": self.title, "status": self.status, "detail": self.detail}
        return told | ({"field": self.field} if self.field else {}) | self.more


def problem_of(error: Exception) -> Problem:
    """The problem that an error is told as."""
    if isinstance(error, Problem):
        return error
    status, name, title = next((how for kind, how in _KINDS if isinstance(error, kind)), _UNEXPECTED)
    detail = str(error) if status != HTTPStatus.INTERNAL_SERVER_ERROR else "the log of the server says more"
    return Problem(
        status,
        title,
        error.problem if isinstance(error, BadInput) else detail,
        type=name,
        field=error.field if isinstance(error, BadInput) else None,
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)} if status == HTTPStatus.SERVICE_UNAVAILABLE else None,
        **_members_of(error),
    )


def _members_of(error: Exception) -> dict[str, Any]:
    """What a program can use of it, without reading the sentence."""
    match error:
        case KeyReused():
            return {"first_id": error.first_id}
        case NotAllowed():
            return {"id": error.id, "verb": error.verb, "state": error.state}
    return {}


def as_response(problem: Problem, request_id: str | None) -> Response:
    body = problem.as_json() | {"request_id": request_id}
    return Response(orjson.dumps(body), problem.status, headers=problem.headers, media_type="application/problem+json")


def handle_problems(app: FastAPI, settings: Settings) -> None:
    """Has every exception of a route answered as a problem. Redis's own are translated here, so that no router need."""

    def tell(request: Request, error: Exception) -> Response:
        problem = problem_of(_translated(error, settings))
        if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            tell_unexpected(error, request.scope.get("request_id"))
        return as_response(problem, request.scope.get("request_id"))

    for kind in (DeskbellError, redis.RedisError):
        app.add_exception_handler(kind, tell)
    app.add_exception_handler(RequestValidationError, _tell_invalid)
    app.add_exception_handler(HTTPException, _tell_http)


def tell_unexpected(error: BaseException, request_id: str | None) -> None:
    """Logs where it happened, but not the text of the exception, which may repeat a message."""
    where = "".join(traceback.format_tb(error.__traceback__))
    _log.error("a request failed: %s\n%s", type(error).__name__, where, extra={"request_id": request_id})


def _translated(error: Exception, settings: Settings) -> Exception:
    try:
        with reachable(settings):
            raise error
    except (DeskbellError, redis.RedisError) as translated:
        return translated


def _tell_invalid(request: Request, error: Exception) -> Response:
    """Of path, query and headers: bodies are read by our own code."""
    first = error.errors()[0] if isinstance(error, RequestValidationError) else {"loc": (), "msg": ""}
    field = ".".join(str(part) for part in first["loc"][1:])
    problem = problem_of(BadInput(field or "request", str(first["msg"]).removeprefix("Value error, ")))
    return as_response(problem, request.scope.get("request_id"))


def _tell_http(request: Request, error: Exception) -> Response:
    """What Starlette answers by itself: no such path, no such method."""
    if not isinstance(error, HTTPException):
        raise error
    status = HTTPStatus(error.status_code)
    headers = dict(error.headers or {})
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_allowed(request))
    problem = Problem(status, status.phrase, str(error.detail), headers=headers)
    return as_response(problem, request.scope.get("request_id"))


def _allowed(request: Request) -> list[str]:
    """Of all routes of this path: Starlette names the methods of the first one."""
    routes = request.app.router.routes
    return [
        method
        for method in _METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    ]


def _slug(phrase: str) -> str:
    return phrase.lower().replace(" ", "-").replace("'", "")
