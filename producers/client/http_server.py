"""Calls of the HTTP API, repeated as long as that is safe and of use.

Safe, because every call may be repeated: a question, a notification with a key, or an announcement, for which its key
or its content stands. So an answer that was lost is no harm.
"""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.exceptions import NewConnectionError

from ledger.errors import BadInput, LedgerUnreachable
from ledger.phrases import Phrase, said
from ledger.tracing import traceparent
from producers.client.http_patience import Limits, TryAgain, repeated
from producers.client.http_problems import error_of
from producers.client.http_upload import Upload

__all__ = ["Server"]

#: A server that is busy takes a connection late, and one that is gone refuses it.
_CONNECT_SECONDS = 5.0
_LIMITS = Limits()
#: Answers after which the same call may come through: too often, or somebody behind the server is away.
_WORTH_REPEATING = frozenset({429, 500, 502, 503, 504})
#: Connections that are kept for the next calls; more threads than that make their own.
_KEPT_CONNECTIONS = 32
#: What may stand in a header, and so in a key.
_VISIBLE = re.compile(r"[!-~]+", re.ASCII)
#: What requests raises where another try may succeed. Every other of its errors comes from the URL or from us.
_LOST = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
_IN_VAIN = (requests.exceptions.SSLError, requests.exceptions.InvalidProxyURL)


class _Bearer(AuthBase):
    """An auth of our own keeps requests from sending a password of ~/.netrc instead of the key."""

    def __init__(self, key: str | None) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._key:
            request.headers["Authorization"] = f"Bearer {self._key}"
        return request


class Server:
    """One `deskbell web`, wherever it runs. Threads may share one. Its repr has no key."""

    def __init__(
        self,
        url: str,
        key: str | None,
        *,
        limits: Limits = _LIMITS,
        connect_seconds: float = _CONNECT_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Raises BadInput for what is no URL or cannot be a key."""
        self.url = _checked_url(url)
        if key is not None and not _VISIBLE.fullmatch(key):
            raise BadInput("key", Phrase("must be a key of `deskbell key create`, dbk_…, without blanks"))
        self.limits, self._connect_seconds, self._sleep = limits, connect_seconds, sleep
        self._auth = _Bearer(key)
        self._session = requests.Session()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=_KEPT_CONNECTIONS))

    def __repr__(self) -> str:
        return f"Server({self.url!r})"

    def get(self, path: str, *, id: str, limits: Limits | None = None) -> Any:
        """The JSON of the answer. Raises NotFound(id), and as `post`."""
        return self._ask("GET", path, None, limits, key=None, id=id)

    def post(
        self,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        id: str | None = None,
        limits: Limits | None = None,
    ) -> Any:
        """Posts an `Upload`, or anything else as JSON, and gives the JSON of the answer. `key` is told in a KeyReused.

        Only for what may be repeated. Raises what the server raised; LedgerUnreachable when it was not reached, or its
        answer never came: then nobody knows whether it was accepted.
        """
        return self._ask("POST", path, body, limits, key=key, id=id)

    def close(self) -> None:
        self._session.close()

    def _ask(self, method: str, path: str, body: Any, limits: Limits | None, **about: str | None) -> Any:
        def attempt(answer_seconds: float) -> Any:
            return self._answer_of(self._response(method, path, body, answer_seconds), **about)

        return repeated(attempt, limits or self.limits, self._sleep)

    def _answer_of(self, response: requests.Response, *, key: str | None, id: str | None) -> Any:
        answer = _json(response)
        if response.status_code < 300:
            if answer is not None:
                return answer
            if not response.content:  # cut within its head, which no library minds
                raise TryAgain(
                    LedgerUnreachable(Phrase("{url} cannot be reached (its answer was cut off)", url=self.url))
                )
        error = error_of(response.status_code, answer, url=self.url, key=key, id=id)
        if response.status_code in _WORTH_REPEATING:
            raise TryAgain(error, _retry_after_seconds(response))
        raise error

    def _response(self, method: str, path: str, body: Any, answer_seconds: float) -> requests.Response:
        is_upload = isinstance(body, Upload)
        headers = {"Accept": "application/json", "Content-Type": body.content_type if is_upload else "application/json"}
        if active := traceparent():
            headers["traceparent"] = active
        data = body if is_upload or body is None else orjson.dumps(body)
        # The time to connect is also that which a piece of the body may take: a busy server reads late.
        connect_seconds = self.limits.answer if is_upload else min(self._connect_seconds, answer_seconds)
        try:
            # A redirect is not followed: it would turn a POST into a GET, and take the key to who knows whom.
            return self._session.request(
                method,
                self.url + path,
                data=data,
                headers=headers,
                auth=self._auth,
                timeout=(connect_seconds, answer_seconds),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            lost = LedgerUnreachable(Phrase("{url} is not reached ({problem})", url=self.url, problem=_said(error)))
            if isinstance(error, _LOST) and not isinstance(error, _IN_VAIN):
                raise TryAgain(lost, was_refused=_was_refused(error)) from error
            raise lost from error


def _was_refused(error: requests.RequestException) -> bool:
    """Whether nobody took the connection, not even late."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, NewConnectionError)


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_one = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        is_one = False
    if not is_one or parts.query or parts.fragment:
        raise BadInput("url", Phrase("is not a server address: use https://deskbell.example.com"))
    if parts.username or parts.password:
        raise BadInput("url", Phrase("must not contain a user or password: only the key is used"))
    return url.rstrip("/")


def _said(error: requests.RequestException) -> Phrase:
    """Without the texts of the libraries, which are long and repeat the URL."""
    match error:
        case requests.ConnectTimeout():
            return Phrase("it refuses the connection")
        case requests.Timeout():
            return Phrase("no answer in time")
        case requests.exceptions.SSLError():
            return Phrase("its certificate is not valid, or it does not support TLS")
        case requests.exceptions.ChunkedEncodingError():
            return Phrase("its answer was cut off")
    return (
        Phrase("the connection failed") if isinstance(error, requests.ConnectionError) else said(type(error).__name__)
    )


def _json(response: requests.Response) -> Any:
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return None


def _retry_after_seconds(response: requests.Response) -> float:
    """What the header says, in seconds or as a date; 0 when it says nothing that can be read."""
    said = response.headers.get("Retry-After", "")
    if said.isascii() and said.isdigit():
        return float(said)
    try:
        return max(0.0, (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):  # TypeError: a date without an offset
        return 0.0
