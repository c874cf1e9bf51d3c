"""Batching: requests that arrive during a round trip share the next one."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

__all__ = ["Batcher"]

AskedT = TypeVar("AskedT")
AnswerT = TypeVar("AnswerT")


class Batcher(Generic[AskedT, AnswerT]):
    """Turns many waiting callers into few blocking calls, each started after all its callers asked.

    The first caller goes at once, and those that arrive meanwhile form the next batch. Everything but `work` runs on
    the event loop, so there is no lock.
    """

    def __init__(
        self,
        work: Callable[[Sequence[AskedT]], Sequence[AnswerT]],
        executor: ThreadPoolExecutor,
        *,
        at_once: int,
        weight: Callable[[AskedT], int] = lambda _: 1,
    ) -> None:
        """`work` runs in a thread, one call at a time, with askers of at most `at_once` in `weight` together (a heavier
        one goes alone). It answers each in order, or raises for all."""
        self._work, self._executor = work, executor
        self._at_once, self._weight = at_once, weight
        self._waiting: list[tuple[AskedT, asyncio.Future[AnswerT]]] = []
        self._turn: asyncio.Task[None] | None = None

    async def ask(self, asked: AskedT) -> AnswerT:
        """Raises what `work` raises."""
        answer: asyncio.Future[AnswerT] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, answer))
        if self._turn is None:
            self._turn = asyncio.get_running_loop().create_task(self._serve())
        return await answer

    async def _serve(self) -> None:
        try:
            while self._waiting:
                batch = self._next_batch()
                # A cancelled asker stays in the batch: its request is cut, but nobody knows how far it has come.
                await self._answer([asked for asked, _ in batch], [answer for _, answer in batch])
        finally:
            self._turn = None

    def _next_batch(self) -> list[tuple[AskedT, "asyncio.Future[AnswerT]"]]:
        total = 0
        for count, (asked, _) in enumerate(self._waiting):
            total += self._weight(asked)
            if count and total > self._at_once:
                break
        else:
            count = len(self._waiting)
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch

    async def _answer(self, asked: Sequence[AskedT], answers: Sequence["asyncio.Future[AnswerT]"]) -> None:
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._executor, self._work, asked)
            pairs = list(zip(answers, found, strict=True))
        except Exception as error:  # whatever it is, it is for those who wait
            for answer in answers:
                if not answer.done():
                    answer.set_exception(error)
            return
        for answer, value in pairs:
            if not answer.done():
                answer.set_result(value)
