"""Errors as the HTTP API tells them: `application/problem+json` (RFC 9457), which name the field and the request.

Routers raise the ledger's errors, or `Problem` for what only HTTP knows. No problem repeats a value of the request.
"""

import logging
import traceback
from collections.abc import Mapping, MutableMapping
from http import HTTPStatus
from typing import Any

import redis
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from ledger.connection import translated
from ledger.errors import URN, BadInput, DeskbellError, LedgerUnreachable
from ledger.messages.field_problems import field_problem
from ledger.phrases import Phrase, said
from ledger.settings import Settings
from producers.web.languages import told_response

__all__ = [
    "RETRY_AFTER_SECONDS",
    "Problem",
    "as_response",
    "closing",
    "handle_problems",
    "problem_of",
    "tell_unexpected",
]

#: What a 503 asks for: Redis restarts within seconds, and a caller that repeats with its key loses nothing.
RETRY_AFTER_SECONDS = 5
#: What a bug is told as.
_UNEXPECTED = Phrase("see the server's log")
#: What Starlette refuses by itself, as phrases, so that they can be translated.
_PHRASES: Mapping[str, Phrase] = {
    phrase: phrase
    for phrase in (
        Phrase("Bad Request"),
        Phrase("Not Found"),
        Phrase("Method Not Allowed"),
        Phrase("Not Acceptable"),
        Phrase("Invalid host header"),
    )
}
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_log = logging.getLogger(__name__)


class Problem(DeskbellError):
    """What HTTP alone refuses. `type` is a short name such as `body-too-large`; `more` are further members."""

    def __init__(
        self,
        status: int,
        title: Phrase,
        detail: Phrase,
        *,
        type: str | None = None,  # noqa: A002  the word of RFC 9457
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.http_status, self.title, self.field = status, title, field
        self.type = type or _slug(HTTPStatus(status).phrase)
        self.headers = dict(headers or {})
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            self.headers.setdefault("Retry-After", str(RETRY_AFTER_SECONDS))
        self.more = more

    def as_json(self) -> dict[str, Any]:
        """Without the id of the request."""
        told = {"type": URN + self.type, "title": self.title, "status": self.http_status, "detail": self.detail}
        return told | ({"field": str(self.field)} if self.field else {}) | self.more


def closing(status: HTTPStatus, title: Phrase, detail: Phrase, **more: Any) -> Problem:
    """The connection is closed then: what is still to come of the body would be taken for the next request."""
    return Problem(status, title, detail, headers={"Connection": "close"}, **more)


def problem_of(error: Exception) -> Problem:
    """The problem that an error is told as."""
    if isinstance(error, Problem):
        return error
    known = error if isinstance(error, DeskbellError) else DeskbellError(_UNEXPECTED)
    detail = known.detail if known.http_status != HTTPStatus.INTERNAL_SERVER_ERROR else _UNEXPECTED
    return Problem(
        known.http_status,
        known.title,
        error.problem if isinstance(error, BadInput) else detail,
        type=known.type,
        **{name: getattr(known, name) for name in known.members},
    )


def as_response(problem: Problem, scope: MutableMapping[str, Any]) -> Response:
    """In the language of the request with this scope."""
    body = problem.as_json() | {"request_id": scope.get("request_id")}
    return told_response(body, scope, problem.http_status, problem.headers, "application/problem+json")


def handle_problems(app: FastAPI, settings: Settings) -> None:
    """Has every exception of a route answered as a problem. Redis's own are translated here, so that no router need."""

    def tell(request: Request, error: Exception) -> Response:
        known = translated(error, settings) or error
        problem = problem_of(known)
        if isinstance(known, LedgerUnreachable):
            _log.warning("a request was refused: %s", known)  # one line for the whole outage: ledger.outage_log
        if problem.http_status == HTTPStatus.INTERNAL_SERVER_ERROR:
            tell_unexpected(error, request.scope.get("request_id"))
        return as_response(problem, request.scope)

    for kind in (DeskbellError, redis.RedisError):
        app.add_exception_handler(kind, tell)
    app.add_exception_handler(RequestValidationError, _tell_invalid)
    app.add_exception_handler(HTTPException, _tell_http)


def tell_unexpected(error: BaseException, request_id: str | None) -> None:
    """Logs where it happened, but not the text of the exception, which may repeat a message."""
    where = "".join(traceback.format_tb(error.__traceback__))
    _log.error("a request failed: %s\n%s", type(error).__name__, where, extra={"request_id": request_id})


def _tell_invalid(request: Request, error: Exception) -> Response:
    """Of path, query and headers: bodies are read by our own code."""
    if not isinstance(error, RequestValidationError):
        raise error
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"][1:])
    problem = problem_of(BadInput(field or "request", field_problem(first)))
    return as_response(problem, request.scope)


def _tell_http(request: Request, error: Exception) -> Response:
    """What Starlette answers by itself: no such path, no such method."""
    if not isinstance(error, HTTPException):
        raise error
    status = HTTPStatus(error.status_code)
    headers = dict(error.headers or {})
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_allowed(request))
    problem = Problem(status, _PHRASES.get(status.phrase) or said(status.phrase), said(error.detail), headers=headers)
    return as_response(problem, request.scope)


def _allowed(request: Request) -> list[str]:
    """Of all routes of this path: Starlette names the methods of the first one."""
    routes = request.app.router.routes
    asked = {method: "GET" if method == "HEAD" else method for method in _METHODS}  # the guard answers HEAD as GET
    return [
        method
        for method, as_method in asked.items()
        if any(route.matches({**request.scope, "method": as_method})[0] is Match.FULL for route in routes)
    ]


def _slug(phrase: str) -> str:
    return phrase.lower().replace(" ", "-").replace("'", "")
