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
    "APP_SECRET_WRONG",
    "BAD_REQUEST",
    "FIELD_INVALID",
    "ID_NOT_FOUND",
    "IMAGE_EMPTY",
    "IMAGE_FORMAT",
    "IMAGE_PARAM",
    "IMAGE_TOO_BIG",
    "INVALID_PARAM",
    "NOT_FOUND",
    "NO_SUCH_METHOD",
    "NO_SUCH_PATH",
    "NO_TOKEN",
    "RATE_LIMIT_CODE",
    "TOKEN_INVALID",
    "TOO_LARGE",
    "UNAUTHORIZED",
    "Answer",
    "Manner",
    "Refusal",
    "RefusalError",
    "html_page",
    "json_answer",
    "log_id_at",
    "over_rate",
    "refusal_answer",
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


class RefusalError(Exception):
    """Raised by an endpoint; `detail` says which part of the request was wrong."""

    def __init__(self, refusal: Refusal, detail: str = "") -> None:
        super().__init__(refusal.code, detail)
        self.refusal = refusal
        self.detail = detail


def json_answer(document: Any, *, status: int = 200, code: int | None = None) -> Answer:
    return Answer(status, orjson.dumps(document), code)


def refusal_answer(refusal: Refusal, log_id: str, detail: str = "") -> Answer:
    """The error envelope: `code`, `msg`, and an `error` object with the log id and, if known, what was wrong."""
    error = {"log_id": log_id, "message": detail} if detail else {"log_id": log_id}
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


# All codes and statuses are from Feishu's public documentation; undocumented HTTP statuses (wrong path, wrong method,
# unknown id) are the usual HTTP ones.

#: Over the rate, for every API.
RATE_LIMIT_CODE = 99991400

# From the gateway, before any API sees the call.
NO_TOKEN = Refusal(400, 99991661, "Missing access token for authorization. Please make a request with token attached.")
TOKEN_INVALID = Refusal(400, 99991663, "Invalid access token for authorization.")
NO_SUCH_PATH = Refusal(404, 99991201, "path not found")
NO_SUCH_METHOD = Refusal(405, 99991301, "method not allowed")
FIELD_INVALID = Refusal(400, 99992402, "field validation failed")
ID_NOT_FOUND = Refusal(400, 99992351, "the id does not exist")
TOO_LARGE = Refusal(413, 9499, "request entity too large")

# The token endpoint refuses with HTTP 200.
INVALID_PARAM = Refusal(200, 10003, "invalid param")
APP_SECRET_WRONG = Refusal(200, 10015, "app secret invalid")

# The helpdesk.
BAD_REQUEST = Refusal(400, 154000, "Bad request, please check your request body")
UNAUTHORIZED = Refusal(401, 154001, "Unauthorized, please check you have the correct access")
NOT_FOUND = Refusal(404, 154004, "Resource not found")

# Image upload.
IMAGE_PARAM = Refusal(400, 234001, "Invalid request param.")
IMAGE_TOO_BIG = Refusal(400, 234006, "The file size exceed the max value.")
IMAGE_EMPTY = Refusal(400, 234010, "File's size can't be 0.")
IMAGE_FORMAT = Refusal(400, 234011, "Can't recognize the image format.")


def over_rate(calls: int, wait_seconds: int) -> Refusal:
    """HTTP 429, with the limit and the time to wait in two headers."""
    headers = (("x-ogw-ratelimit-limit", str(calls)), ("x-ogw-ratelimit-reset", str(wait_seconds)))
    return Refusal(429, RATE_LIMIT_CODE, "request trigger frequency limit", headers)
