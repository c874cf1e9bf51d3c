"""Pages of a list, and the tokens that continue it."""

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from sandbox.answers import RefusalError
from sandbox.contacts.refusals import PAGE_SIZE, PAGE_TOKEN
from sandbox.queries import Query, last_value

__all__ = ["Pager", "whole_number"]

#: What a token is not bound to.
_OF_A_PAGE = frozenset({"page_token", "page_size"})


class Pager:
    """A token belongs to the question that it came from, and lives for a while."""

    def __init__(self, life_seconds: float, clock: Callable[[], float]) -> None:
        self._life_seconds, self._clock = life_seconds, clock

    def page(
        self, path: str, query: Query, rows: Sequence[Any], *, usual: int, most: int
    ) -> tuple[Sequence[Any], dict[str, Any]]:
        """The rows of this page, and `has_more` with, only if there are more, `page_token`. Raises RefusalError."""
        size = whole_number(query, "page_size", usual)
        if size is None or not 1 <= size <= most:
            raise RefusalError(PAGE_SIZE, f"page_size must be from 1 to {most}")
        question = _question(path, query)
        token = last_value(query, "page_token")
        start = self._start(token, question) if token else 0
        end = start + size
        if end >= len(rows):
            return rows[start:end], {"has_more": False}
        return rows[start:end], {"has_more": True, "page_token": self._token(end, question)}

    def _token(self, start: int, question: str) -> str:
        return base64.b64encode(f"{start}|{self._clock():.3f}|{question}".encode()).decode()

    def _start(self, token: str, question: str) -> int:
        try:
            start, at, of_question = base64.b64decode(token, validate=True).decode().split("|")
            is_alive = self._clock() - float(at) <= self._life_seconds
            if of_question == question and is_alive:
                return int(start)
        except (binascii.Error, ValueError):
            pass  # refused below, as one that fits another question
        raise RefusalError(PAGE_TOKEN, "page_token is not from the last answer to this question")


def whole_number(query: Query, name: str, usual: int) -> int | None:
    """None for anything that is not a whole number."""
    text = last_value(query, name)
    if not text:
        return usual
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def _question(path: str, query: Query) -> str:
    parts = sorted((name, *values) for name, values in query.items() if name not in _OF_A_PAGE)
    return hashlib.sha256(repr((path, parts)).encode()).hexdigest()[:16]
