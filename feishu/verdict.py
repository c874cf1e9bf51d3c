"""The result of one call of the Feishu API, and the errors that carry it.

What the HTTP exchange itself raises is in `http_client.errors`.
"""

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson

from feishu.codes import CodeTable, Kind
from http_client.errors import MaybeSent, NoAnswer, Unsendable
from http_client.response import Response
from ledger.endings import Ending, told_ending
from ledger.errors import DeskbellError, FeishuFailed
from ledger.phrases import Phrase, listed
from ledger.states import Outcome

__all__ = ["AskFailed", "Call", "NoToken", "Verdict", "envelope", "verdict_of_answer", "verdict_of_failure"]

#: Characters of `msg` that are kept: Feishu's own texts are shorter, and records are many.
_MSG_CHARS = 200
#: `msg` is searched for quotes up to here.
_MSG_SCAN_CHARS = 2000
#: A stretch of `msg` that also stands in the request counts as a quote from this length on.
_QUOTE_CHARS = 10
#: A text shorter than a quote is hidden where it appears whole, but not if it is shorter than this.
_SECRET_CHARS = 4
_LOG_ID_CHARS = 100
_SECONDS = re.compile(r"\d{1,7}(\.\d{1,3})?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")

_HOW_MEANS = {
    Kind.TRANSIENT: (
        Phrase("The request did not leave this machine completely, so nothing was sent."),
        Phrase("It is retried automatically."),
    ),
    Kind.UNKNOWN: (
        Phrase("The request was sent, but no complete answer came: it may have been executed."),
        Phrase("Ask the receiver whether it arrived, then resolve it."),
    ),
    Kind.DESK: (
        Phrase("The address of Feishu, or of the proxy, is not usable."),
        Phrase("Check DESKBELL_FEISHU_URL and the proxy."),
    ),
}


class Call:
    """A call under way: its name, when it started, and what no log may repeat of it."""

    def __init__(self, name: str, private: tuple[str, ...] = ()) -> None:
        """`private` are the secrets and the content of the request."""
        self.name = name
        self.private = private
        self.started_at_ms = int(time.time() * 1000)
        self._started = time.monotonic()

    def elapsed_ms(self) -> int:
        return int((time.monotonic() - self._started) * 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The class of one call's result, and the evidence for it. Free of secrets and of message content."""

    call: str  #: send, token, tickets, user or image. A verdict of `send` that says `token` means: nothing was sent
    kind: Kind
    may_mean_ticket: bool = False  #: of a `chat` send: look at the ticket list before believing `kind`
    code: int | None = None
    http_status: int | None = None
    msg: str = ""  #: of a failure: Feishu's text, 200 characters at most. It may change: decide nothing by it
    log_id: str | None = None  #: what Feishu's support asks for
    message_id: str | None = None
    retry_after_seconds: float | None = None
    rate_limit: int | None = None
    ended: str | None = None  #: how it ended without a readable answer, such as "connect refused" or "not JSON"
    means: str = ""
    do: str = ""
    started_at_ms: int  #: Unix time by the clock of this machine
    elapsed_ms: int

    @property
    def outcome(self) -> Outcome:
        """What goes on record for the attempt."""
        return self.kind.outcome

    @property
    def reason(self) -> Phrase:
        """Why a desk is held: what was asked, how it ended, and Feishu's text."""
        found = Phrase("{call}: {answer}", call=self.call, answer=listed(list(self._answer()) or [Ending.NO_CODE.told]))
        return Phrase("{reason}: {msg}", reason=found, msg=self.msg) if self.msg else found

    @property
    def evidence(self) -> Phrase:
        """What was asked and how it ended; Feishu's code and text, and the log id that its support asks for."""
        said = [f"msg {self.msg}"] if self.msg else []
        log_id = [Phrase("log id {id}", id=self.log_id)] if self.log_id else []
        return listed([Phrase("asked for {call}", call=self.call), *self._answer(), *said, *log_id])

    def _answer(self) -> Iterator[str]:
        if self.ended:
            yield told_ending(self.ended)
        if self.http_status is not None:
            yield f"HTTP {self.http_status}"
        if self.code is not None:
            yield Phrase("code {code}", code=self.code)

    def __str__(self) -> str:
        code = f"code {self.code}" if self.code is not None else self.ended or Ending.NO_CODE
        status = f"HTTP {self.http_status}, " if self.http_status is not None else ""
        return f"{self.call}: {self.kind.value} ({status}{code})"


class NoToken(DeskbellError):
    """No access token could be got. Nothing was sent."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(Phrase("no access token: {verdict}", verdict=str(verdict)))
        self.verdict = verdict


class AskFailed(FeishuFailed):
    """A question to Feishu, or an upload, failed. Asking again does no harm.

    Its text tells a person what it means and what helps, then Feishu's own words.
    """

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(_told(verdict))
        self.verdict = verdict
        if verdict.kind not in (Kind.TRANSIENT, Kind.THROTTLED):
            # Asking again at once would not help: clients repeat calls that were answered with a 502.
            self.http_status = HTTPStatus.FAILED_DEPENDENCY


def _told(verdict: Verdict) -> Phrase:
    found = Phrase("({evidence})", evidence=verdict.evidence)
    for part in filter(None, (verdict.do, verdict.means)):
        found = Phrase("{sentence} {more}", sentence=part, more=found)
    return found


def envelope(answer: Response) -> Mapping[str, Any] | None:
    """The JSON object of an answer, if it has an integer `code`; else None."""
    try:
        content = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None
    return content if isinstance(content, dict) and type(content.get("code")) is int else None


def verdict_of_answer(call: Call, answer: Response, codes: CodeTable) -> Verdict:
    """Judges a complete answer. Only code 0 under an HTTP status 2xx is a success."""
    content = envelope(answer)
    fields = content or {}
    code, msg = fields.get("code"), fields.get("msg")
    msg = msg if isinstance(msg, str) else ""
    rule = codes.rule(code, answer.http_status, msg)
    delivered = rule.kind is Kind.DELIVERED
    return Verdict(
        call=call.name,
        kind=rule.kind,
        may_mean_ticket=rule.ticket,
        code=code,
        http_status=answer.http_status,
        msg="" if delivered else _presentable(msg, call.private),
        log_id=_log_id(answer.headers, fields),
        message_id=_text_at(fields, "data", "message_id") if delivered else None,
        retry_after_seconds=None if delivered else _retry_after(answer.headers),
        rate_limit=None if delivered else _whole_number(answer.headers.get("x-ogw-ratelimit-limit")),
        ended=None if content is not None else _why_unreadable(answer.body),
        means=rule.means,
        do=rule.do,
        started_at_ms=call.started_at_ms,
        elapsed_ms=call.elapsed_ms(),
    )


def verdict_of_failure(call: Call, failure: NoAnswer) -> Verdict:
    """Judges a call without an answer, by whether the request left whole."""
    kind = Kind.TRANSIENT
    if isinstance(failure, MaybeSent):
        kind = Kind.UNKNOWN
    elif isinstance(failure, Unsendable):
        kind = Kind.DESK
    means, do = _HOW_MEANS[kind]
    return Verdict(
        call=call.name,
        kind=kind,
        ended=failure.how,
        means=means,
        do=do,
        started_at_ms=call.started_at_ms,
        elapsed_ms=call.elapsed_ms(),
    )


def _why_unreadable(body: bytes) -> str:
    if not body.strip():
        return Ending.EMPTY
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return Ending.NOT_JSON
    return Ending.NO_CODE


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """`x-ogw-ratelimit-reset` is documented, `Retry-After` a courtesy; its form with a date is not read."""
    for name in ("x-ogw-ratelimit-reset", "retry-after"):
        value = headers.get(name, "").strip()
        if _SECONDS.fullmatch(value):
            return float(value)
    return None


def _whole_number(value: str | None) -> int | None:
    return int(value) if value is not None and re.fullmatch(r"[0-9]{1,9}", value.strip()) else None


def _log_id(headers: Mapping[str, str], fields: Mapping[str, Any]) -> str | None:
    """From the header, else from the body: real answers call it `log_id`, one page of the documentation `logid`."""
    log_id = headers.get("x-tt-logid") or _text_at(fields, "error", "log_id") or _text_at(fields, "error", "logid")
    return _CONTROL.sub(" ", log_id)[:_LOG_ID_CHARS] if log_id else None


def _text_at(fields: Mapping[str, Any], *path: str) -> str | None:
    value: Any = fields
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str) and value else None


def _presentable(msg: str, private: tuple[str, ...]) -> str:
    """`msg` on one line, cut, with every longer quote from the request replaced by an ellipsis."""
    return _CONTROL.sub(" ", _without_quotes(msg[:_MSG_SCAN_CHARS], private))[:_MSG_CHARS]


def _without_quotes(msg: str, private: tuple[str, ...]) -> str:
    parts, start = [], 0
    while start < len(msg):
        length = max((_quote_length(msg, start, text) for text in private), default=0)
        parts.append("…" if length else msg[start])
        start += length or 1
    return "".join(parts)


def _quote_length(msg: str, start: int, text: str) -> int:
    """How long the stretch of `msg` from `start` is that also stands in `text`; 0 if too short to be a quote."""
    shortest = min(_QUOTE_CHARS, max(len(text), _SECRET_CHARS))
    if msg[start : start + shortest] not in text or start + shortest > len(msg):
        return 0
    end = start + shortest
    while end < len(msg) and msg[start : end + 1] in text:
        end += 1
    return end - start
