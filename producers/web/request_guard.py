"""What every request passes: its id, the bounds of its body in bytes and time, the access log, and the last catch."""

import asyncio
import logging
import random
import re
import time
from http import HTTPStatus

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ledger.phrases import Phrase
from producers.hooks.hook_request import MOST_BYTES as HOOK_BYTES
from producers.web.header_checks import check_head
from producers.web.problems import Problem, as_response, closing, problem_of, tell_unexpected
from producers.web.shares import Shares

__all__ = ["RequestGuard"]

#: Largest body. The largest batch of ordinary notifications has a third of it.
BODY_BYTES = 1024 * 1024
#: Largest upload: about 2,000,000 rows.
UPLOAD_BYTES = 256 * 1024 * 1024
#: Of a hook's body the hook says how much it takes. It says so itself, so that the refusal is in its log.
_HOOKS = ("/v1/hooks/", "/open-apis/bot/v2/hook/")
#: Behind these a path may have the token of a hook: also where the path was mistyped.
_BEFORE_TOKENS = ("open-apis/", "/hook/")
#: Where uploads go, both to disk. Elsewhere nobody needs them.
_UPLOAD_PATHS = frozenset({"/v1/announcements", "/console/announcements/new"})
#: A body has to be here within this, seconds.
BODY_SECONDS = 20
#: Of an upload each part, and all of it.
UPLOAD_PART_SECONDS, UPLOAD_SECONDS = 20, 1800
#: What we take as a request's id from others: it goes into logs and answers.
_PLAIN_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_log = logging.getLogger("producers.web.access_log")


class RequestGuard:
    """ASGI middleware around everything but the server's own error page."""

    def __init__(self, app: ASGIApp, *, shares: Shares) -> None:
        self._app, self._shares = app, shares

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        method = scope["method"]
        if method == "HEAD":  # RFC 9110, 9.3.2: as GET, but without the body
            scope = {**scope, "method": "GET"}
        passage = _Passage(scope, headers, send, method)
        try:
            check_head(scope, headers)
            body = _Body(scope, headers, receive)
            await self._app(scope, body.receive, passage.send)
        except ClientDisconnect:
            pass  # nobody is left to be told
        except Exception as error:
            await passage.fail(error)
        finally:
            self._shares.give_back(scope)
            if _log.isEnabledFor(logging.INFO):
                passage.tell()


class _Passage:
    """One request on its way: its id, and what was answered."""

    def __init__(self, scope: Scope, headers: dict[bytes, bytes], send: Send, method: str) -> None:
        self._scope, self._send, self._method = scope, send, method
        given = headers.get(b"x-request-id", b"")
        self._id = given.decode() if _PLAIN_ID.fullmatch(given) else f"{random.getrandbits(64):016x}"
        scope["request_id"] = self._id
        self._status = 0
        self._began = time.perf_counter()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            added = [(b"x-request-id", self._id.encode()), (b"x-content-type-options", b"nosniff")]
            if not self._scope["path"].startswith("/console"):  # which has files of its own that may be kept
                # RFC 9111 forbids to keep what `Authorization` has asked for, but knows nothing of `X-Api-Key`.
                added.append((b"cache-control", b"no-store"))
            message["headers"] = [*message.get("headers", ()), *added]
        elif self._method == "HEAD" and message.get("more_body", False):
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
            raise ClientDisconnect  # or a stream would go on for ever, to nobody
        await self._send(message)

    async def fail(self, error: Exception) -> None:
        problem = problem_of(error)
        if problem.http_status == HTTPStatus.INTERNAL_SERVER_ERROR:
            tell_unexpected(error, self._id)
        if not self._status:
            await as_response(problem, self._scope)(self._scope, _no_body, self.send)

    def tell(self) -> None:
        """Without the query, where a hook's key may stand."""
        scope = self._scope
        _log.info(
            "%s %s %d",
            self._method,
            _shown_path(scope.get("raw_path", b"").decode("ascii", "replace")),
            self._status,
            extra={
                "request_id": self._id,
                "client": scope["client"][0] if scope.get("client") else None,
                "caller": scope.get("caller"),
                "ms": round((time.perf_counter() - self._began) * 1000, 1),
            },
        )


def _shown_path(path: str) -> str:
    """As it came, escapes and all, without what may be a token."""
    for part in _BEFORE_TOKENS:
        before, found, _ = path.lower().partition(part)
        if found:
            return path[: len(before) + len(found)] + "…"
    return path


class _Body:
    """Hands the body on while it keeps its bounds. Raises Problem: 413 or 408; the connection is then closed."""

    def __init__(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> None:
        self._receive = receive
        is_form = headers.get(b"content-type", b"").lower().startswith(b"multipart/")
        upload = is_form and scope["path"] in _UPLOAD_PATHS
        is_hook = scope["path"].startswith(_HOOKS)
        self._bytes_left = UPLOAD_BYTES if upload else HOOK_BYTES if is_hook else BODY_BYTES
        self._most_bytes = self._bytes_left
        self._part_seconds, seconds = (UPLOAD_PART_SECONDS, UPLOAD_SECONDS) if upload else (BODY_SECONDS, BODY_SECONDS)
        self._ends_at = asyncio.get_running_loop().time() + seconds
        self._complete = False
        announced = headers.get(b"content-length", b"0")
        self._is_too_large = announced.isdigit() and int(announced) > self._most_bytes
        if self._is_too_large and not is_hook:
            raise self._too_large()

    async def receive(self) -> Message:
        if self._is_too_large:
            raise self._too_large()
        if self._complete:  # what comes now is the end of the connection
            return await self._receive()
        now = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(min(now + self._part_seconds, self._ends_at)):
                message = await self._receive()
        except TimeoutError:
            raise closing(
                HTTPStatus.REQUEST_TIMEOUT, Phrase("The body came too slowly"), Phrase("send it again")
            ) from None
        self._complete = message["type"] != "http.request" or not message.get("more_body", False)
        self._bytes_left -= len(message.get("body", b""))
        if self._bytes_left < 0:
            raise self._too_large()
        return message

    def _too_large(self) -> Problem:
        detail = Phrase("at most {most:,} bytes are taken", most=self._most_bytes)
        return closing(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, Phrase("The body is too large"), detail, type="body-too-large"
        )


async def _no_body() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}
