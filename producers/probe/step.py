"""One call of a live test, and what came of it, without anything that names a person or a message."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Self

from feishu.codes import Kind
from feishu.verdict import Verdict
from ledger.endings import told_ending
from ledger.phrases import Phrase, listed
from ledger.progress import Attempt
from ledger.states import Outcome

__all__ = ["Step"]

#: Ids of people, chats, messages, departments and apps, tokens, long numbers, and mail addresses.
_IDS = re.compile(
    r"\b(?:ou|on|oc|om|od|cli|img|ht|t|u)[-_][\w.-]{3,}|\b\d{9,}\b|\b(?=[a-f]*\d)[0-9a-f]{16,}\b|[^\s@,;:]{1,64}@[^\s@,;:]+"
)


@dataclass(frozen=True, slots=True)
class Step:
    """Without a `code`, `ended` says how it ended in words. `message_id` is for the next step, and never shown."""

    name: str
    is_done: bool  #: Feishu carried it out
    http_status: int | None = None
    code: int | None = None
    msg: str | None = None
    log_id: str | None = None
    ms: int | None = None
    ended: str | None = None
    message_id: str | None = None

    @classmethod
    def of_attempt(cls, name: str, attempt: Attempt, private: Collection[str]) -> Self:
        """`private` are texts that must not be repeated, such as the id of the person."""
        return cls(
            name=name,
            is_done=attempt.outcome is Outcome.DELIVERED,
            http_status=attempt.http_status,
            code=attempt.code,
            msg=_public(attempt.msg, private) if attempt.code is not None else None,
            log_id=attempt.log_id,
            ms=attempt.ms,
            ended=_public(attempt.msg, private) if attempt.code is None else None,
            message_id=attempt.message_id,
        )

    @classmethod
    def of_verdict(cls, name: str, verdict: Verdict, private: Collection[str]) -> Self:
        return cls(
            name=name,
            is_done=verdict.kind is Kind.DELIVERED,
            http_status=verdict.http_status,
            code=verdict.code,
            msg=_public(verdict.msg, private),
            log_id=verdict.log_id,
            ms=verdict.elapsed_ms,
            ended=verdict.ended,
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "step": self.name,
            "http_status": self.http_status,
            "code": self.code,
            "msg": self.msg,
            "log_id": self.log_id,
            "ms": self.ms,
            "ended": self.ended,
        }

    @property
    def result(self) -> Phrase:
        """In one line: `HTTP 401, code 154405, 212 ms`."""
        parts: list[str] = [] if self.http_status is None else [f"HTTP {self.http_status}"]
        if self.code is not None:
            parts.append(Phrase("code {code}", code=self.code))
        parts += [told_ending(self.ended)] if self.ended else []
        parts += [] if self.ms is None else [Phrase("{ms} ms", ms=self.ms)]
        return listed(parts) if parts else Phrase("no call was made")


def _public(text: str | None, private: Collection[str]) -> str | None:
    if not text:
        return None
    for part in sorted(filter(None, private), key=len, reverse=True):
        text = text.replace(part, "…")
    return _IDS.sub("…", text)
