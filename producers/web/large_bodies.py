"""Large bodies of hooks: a few at a time, so that the memory of all of them is bounded."""

from http import HTTPStatus
from types import TracebackType
from typing import Self

from fastapi import Request

from ledger.phrases import Phrase
from producers.hooks.large_body import LARGE_BYTES
from producers.web.problems import Problem

__all__ = ["BodyReader", "LargeBodies"]

#: At a time, of one web process. Each takes up to half a GiB while it is read, in a process of its own.
_AT_ONCE = 2


class LargeBodies:
    """The places for them. For the event loop alone."""

    def __init__(self) -> None:
        self.under_way = 0  #: being received, or read

    def take(self) -> None:
        """Raises Problem (503). The connection stays: a sender that is cut while it writes does not see the answer."""
        if self.under_way >= _AT_ONCE:
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                Phrase("Too many large bodies at once"),
                Phrase(
                    "{count} bodies of more than {most:,} bytes are read at a time: send this one again",
                    count=_AT_ONCE,
                    most=LARGE_BYTES,
                ),
                type="too-much-at-once",
            )
        self.under_way += 1

    def give_back(self) -> None:
        self.under_way -= 1


class BodyReader:
    """Reads one body. A large one has its place until the block ends, so until its answer is made."""

    def __init__(self, places: LargeBodies) -> None:
        self._places = places
        self._has_place = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._has_place:
            self._places.give_back()

    async def read(self, request: Request) -> bytes:
        """Raises Problem: 503 when there is no place, and what the guard of all requests raises."""
        announced = request.headers.get("content-length", "")
        if announced.isdigit():
            self._need_place(int(announced))
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            self._need_place(len(body))
        return bytes(body)

    def _need_place(self, size: int) -> None:
        if size > LARGE_BYTES and not self._has_place:
            self._places.take()
            self._has_place = True
