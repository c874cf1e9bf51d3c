"""Calling the Feishu API for one desk: with its token, under a deadline, judged by the table of codes."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

import orjson
from requests import Request
from requests.models import PreparedRequest

from feishu.codes import CodeTable, Kind
from feishu.token import TURN_SECONDS, CachedToken, Token, Tokens, TokenStore, usable_seconds
from feishu.verdict import AskFailed, Call, NoToken, Verdict, envelope, verdict_of_answer, verdict_of_failure
from http_client.connection import Deadline
from http_client.errors import NoAnswer
from http_client.response import Response
from http_client.transport import Transport, close_transport, transport_to
from ledger.endings import Ending
from ledger.phrases import Phrase
from ledger.settings import Desk

__all__ = ["FeishuApi", "misshapen"]

_log = logging.getLogger(__name__)

#: An answer to a send is some 200 bytes.
_SEND_BYTES = 1 << 20
#: A page of 200 tickets may take some kB for each, with their custom fields.
_ASK_BYTES = 8 << 20
#: If connecting takes longer, it is left to the send, which has its own deadline.
_AHEAD_SECONDS = 1.0
#: Once a token is cached, the wait for a slot may last this long, seconds. Redis is not asked again after the wait:
#: where it is far away, the call would come too late for its slot.
_READY_SECONDS = 5.0


class FeishuApi:
    """The calls of one desk. Threads may share it: each has its own connections."""

    def __init__(
        self,
        desk: Desk,
        tokens: TokenStore,
        *,
        timeout: tuple[float, float],
        codes: CodeTable,
        private: tuple[str, ...] = (),
        on_verdict: Callable[[Verdict], None] = lambda _: None,
    ) -> None:
        """`private` are secrets beyond those of the app: no verdict repeats them. `on_verdict` is called after each
        call, in the thread that made it."""
        self.desk = desk
        self._connect_seconds, self._answer_seconds = timeout
        self._codes = codes
        self._on_verdict = on_verdict
        self._tokens = Tokens(desk, tokens, self._fetch_token)
        self._private = (desk.app_secret.get_secret_value(), *private)
        self._templates: dict[str, PreparedRequest] = {}

    @property
    def longest_call_seconds(self) -> float:
        """No call takes longer, its wait for a token included. A hanging DNS server may; then nothing is sent."""
        return 2 * (self._connect_seconds + self._answer_seconds) + TURN_SECONDS

    def token(self) -> CachedToken:
        """Raises NoToken."""
        return self._tokens.get()

    def connect_ahead(self) -> None:
        """Before a slot is taken, so that the call leaves right after it. If it fails, the send reports why."""
        deadline = Deadline(min(self._connect_seconds, _AHEAD_SECONDS), self._answer_seconds)
        try:
            self._transport.connect_ahead(deadline)
        except NoAnswer as failure:
            _log.debug("not connected ahead of a send: %s", failure.how, extra={"desk": self.desk.name})

    def call(
        self, name: str, method: str, path: str, *, max_bytes: int = _SEND_BYTES, **request: Any
    ) -> tuple[Verdict, Mapping[str, Any]]:
        """One call with the token; `request` as for `_exchange`. Returns the answer's JSON object too, maybe empty.

        Raises NoToken: nothing was called.
        """
        token = self._tokens.get()
        verdict, content = self._exchange(name, method, path, token, max_bytes=max_bytes, **request)
        return self._after_token(verdict, token), content

    def post(
        self, name: str, target: str, body: bytes, *, headers: Mapping[str, str], private: tuple[str, ...]
    ) -> Verdict:
        """A faster `call`, for the one that is made thousands of times. `headers` are the same for each `target`.

        Raises NoToken: nothing was called.
        """
        token = self._tokens.get(_READY_SECONDS)
        call = self._started(name, token, private)
        verdict, _ = self._judged(call, lambda: _filled(self._template(target, headers), body, token), _SEND_BYTES)
        return self._after_token(verdict, token)

    def ask(self, name: str, method: str, path: str, **request: Any) -> tuple[Verdict, Mapping[str, Any]]:
        """A call that may be made twice, as it is if the token was refused.

        Returns the verdict and `data`. Raises AskFailed.
        """
        try:
            verdict, content = self.call(name, method, path, max_bytes=_ASK_BYTES, **request)
            if verdict.kind is Kind.TOKEN:
                verdict, content = self.call(name, method, path, max_bytes=_ASK_BYTES, **request)
        except NoToken as failure:
            raise AskFailed(failure.verdict) from failure
        if verdict.kind is not Kind.DELIVERED:
            raise AskFailed(_harmless(verdict))
        data = content.get("data")
        return verdict, data if isinstance(data, dict) else {}

    def close(self) -> None:
        """Closes the connections of the calling thread."""
        close_transport(self.desk.feishu_url)

    def _exchange(
        self,
        name: str,
        method: str,
        path: str,
        token: CachedToken | None,
        *,
        max_bytes: int,
        headers: Mapping[str, str] | None = None,
        private: tuple[str, ...] = (),
        **request: Any,
    ) -> tuple[Verdict, Mapping[str, Any]]:
        """`private` is content that the verdict must not repeat; `request` goes to `requests`."""
        all_headers = {**(headers or {}), **_authorization(token)}
        question = Request(method, self.desk.feishu_url + path, headers=all_headers, **request)
        verdict, answer = self._judged(
            self._started(name, token, private), lambda: self._transport.prepare(question), max_bytes
        )
        return verdict, (envelope(answer) if answer else None) or {}

    def _judged(
        self, call: Call, prepare: Callable[[], PreparedRequest], max_bytes: int
    ) -> tuple[Verdict, Response | None]:
        deadline = Deadline(self._connect_seconds, self._answer_seconds)
        answer = None
        try:
            answer = self._transport.send(prepare(), deadline, max_bytes=max_bytes)
            verdict = verdict_of_answer(call, answer, self._codes)
        except NoAnswer as failure:
            verdict = verdict_of_failure(call, failure)
        self._on_verdict(verdict)
        return verdict, answer

    @property
    def _transport(self) -> Transport:
        return transport_to(self.desk.feishu_url)

    def _started(self, name: str, token: CachedToken | None, private: tuple[str, ...]) -> Call:
        return Call(name, (*self._private, *((token.value,) if token else ()), *private))

    def _template(self, target: str, headers: Mapping[str, str]) -> PreparedRequest:
        if target not in self._templates:
            # Nobody compresses an answer of 200 bytes, and an uncompressed one is read faster.
            all_headers = {"Accept-Encoding": "identity", **headers}
            request = Request("POST", self.desk.feishu_url + target, headers=all_headers)
            template = self._transport.prepare(request)
            # Only to be written: requests' own dict, which ignores case, costs more than the rest of the request.
            template.headers = cast(Any, dict(template.headers))
            self._templates[target] = template
        return self._templates[target]

    def _after_token(self, verdict: Verdict, token: CachedToken) -> Verdict:
        """Notes whether the token was accepted. A refused one is replaced once, then the row's `then` counts."""
        if verdict.code is None:
            return verdict
        if verdict.kind is not Kind.TOKEN:
            self._tokens.accepted(token)
            return verdict
        if self._tokens.refused(token):
            return verdict
        rule = self._codes.rule(verdict.code, verdict.http_status or 0, verdict.msg)
        return replace(verdict, kind=rule.then or Kind.DESK)

    def _fetch_token(self) -> Token:
        credentials = {"app_id": self.desk.app_id, "app_secret": self.desk.app_secret.get_secret_value()}
        verdict, content = self._exchange(
            "token",
            "POST",
            "/open-apis/auth/v3/tenant_access_token/internal",
            None,
            max_bytes=_SEND_BYTES,
            headers={"Content-Type": "application/json; charset=utf-8"},
            data=orjson.dumps(credentials),
        )
        if verdict.kind is not Kind.DELIVERED:
            raise NoToken(_of_the_desk(_harmless(verdict)))
        value, life_seconds = content.get("tenant_access_token"), content.get("expire")
        if not isinstance(value, str) or not _is_header_text(value):
            raise NoToken(misshapen(verdict))
        if type(life_seconds) is not int or life_seconds <= 0:
            raise NoToken(misshapen(verdict))
        return Token(value, usable_seconds(life_seconds))


def _authorization(token: CachedToken | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {token.value}"} if token else {}


def _filled(template: PreparedRequest, body: bytes, token: CachedToken) -> PreparedRequest:
    request = PreparedRequest()
    request.method, request.url, request.body = template.method, template.url, body
    request.headers = cast(Any, {**template.headers, "Content-Length": str(len(body)), **_authorization(token)})
    return request


def misshapen(verdict: Verdict) -> Verdict:
    """The verdict on a success that lacks the data asked for."""
    return replace(
        verdict,
        kind=Kind.TRANSIENT,
        ended=Ending.UNEXPECTED,
        means=Phrase("Feishu reported success, but its answer lacks what was asked for."),
        do=Phrase("It is retried automatically. If it persists, send the log id to Feishu support."),
    )


def _harmless(verdict: Verdict) -> Verdict:
    """A question that may have arrived can be asked again."""
    if verdict.kind is not Kind.UNKNOWN:
        return verdict
    means, do = Phrase("Feishu did not answer, or not completely."), Phrase("Try again.")
    return replace(verdict, kind=Kind.TRANSIENT, means=means, do=do)


def _of_the_desk(verdict: Verdict) -> Verdict:
    """A refused token request concerns the desk, never one notification."""
    concerns_one = (Kind.REFUSED, Kind.TOKEN, Kind.TICKET_OPEN)
    return replace(verdict, kind=Kind.DESK) if verdict.kind in concerns_one else verdict


def _is_header_text(value: str) -> bool:
    return bool(value) and value.isascii() and value.isprintable() and " " not in value
