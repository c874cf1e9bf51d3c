"""Answers to the caller: what is written, how much of it, and Feishu's refusals as values."""

import secrets
import time
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import orjson

__all__ = [
    "Answer",
    "Manner",
    "Refusal",
    "RefusalError",
    "html_page",
    "json_answer",
    "log_id_at",
    "refusal_answer",
    "success",
]

_JSON = "application/json; charset=utf-8"


class Manner(Enum):
    """How much of an answer reaches the caller."""

    WHOLE = auto()
    RESET = auto()  #: nothing; the connection is reset (RST)
    CLOSE = auto()  #: nothing; the connection is closed (FIN)
    HEAD_ONLY = auto()  #: status and headers, then the connection is closed
    HALF = auto()  #: the first half of the body, then the connection is closed
    DRIP = auto()  #: the head at once, the body one byte at a time


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer. `code` is Feishu's, None if the body has none; `drip_seconds` is for `Manner.DRIP`."""

    status: int
    body: bytes
    code: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = _JSON
    manner: Manner = Manner.WHOLE
    drip_seconds: float = 0.0

    def head(self, log_id: str, keep_alive: bool) -> bytes:
        """Status line and headers, with the final empty line."""
        extra = "".join(f"{name}: {value}\r\n" for name, value in self.headers)
        return (
            f"HTTP/1.1 {self.status} {_phrase(self.status)}\r\nContent-Type: {self.content_type}\r\n"
            f"Content-Length: {len(self.body)}\r\nX-Tt-Logid: {log_id}\r\n{extra}"
            f"Connection: {'keep-alive' if keep_alive else 'close'}\r\n\r\n"
        ).encode("latin-1", "replace")


@dataclass(frozen=True, slots=True)
class Refusal:
    """One error answer of Feishu's."""

    status: int
    code: int
    msg: str
    headers: tuple[tuple[str, str], ...] = field(default=())
    #: Scopes of which the app needs one.
    violations: tuple[str, ...] = ()


class RefusalError(Exception):
    """Raised by an endpoint; `detail` says which part of the request was wrong."""

    def __init__(self, refusal: Refusal, detail: str = "") -> None:
        super().__init__(refusal.code, detail)
        self.refusal = refusal
        self.detail = detail


def json_answer(document: Any, *, status: int = 200, code: int | None = None) -> Answer:
    return Answer(status, orjson.dumps(document), code)


def success(data: dict[str, Any]) -> Answer:
    return json_answer({"code": 0, "msg": "success", "data": data}, code=0)


def refusal_answer(refusal: Refusal, log_id: str, detail: str = "") -> Answer:
    """The error envelope: `code`, `msg`, and an `error` object with the log id and, if known, what was wrong."""
    error: dict[str, Any] = {"log_id": log_id, "message": detail} if detail else {"log_id": log_id}
    if refusal.violations:
        violations = ({"type": "action_scope_required", "subject": scope} for scope in refusal.violations)
        error["permission_violations"] = list(violations)
    body = orjson.dumps({"code": refusal.code, "msg": refusal.msg, "error": error})
    return Answer(refusal.status, body, refusal.code, refusal.headers)


def html_page(status: int) -> Answer:
    """The error page of a proxy in front of the API."""
    text = f"{status} {_phrase(status)}"
    page = (
        f"<html>\r\n<head><title>{text}</title></head>\r\n<body><center><h1>{text}</h1></center></body>\r\n</html>\r\n"
    )
    return Answer(status, page.encode(), content_type="text/html")


def log_id_at(unix_seconds: float) -> str:
    """34 characters in the shape of Feishu's: local time to the second, then 20 upper-case hex digits."""
    return _second(int(unix_seconds)) + secrets.token_hex(10).upper()


@lru_cache(4)
def _second(unix_seconds: int) -> str:
    return time.strftime("%Y%m%d%H%M%S", time.localtime(unix_seconds))


@lru_cache(128)
def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
