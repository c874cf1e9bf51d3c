"""What is asked while one call is under way goes together into the next."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from producers.web.batcher import Batcher

__all__: list[str] = []


class Leases:
    """Doubles numbers, when it is let; remembers what was asked together."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may = threading.Event()

    def __call__(self, asked: Sequence[int]) -> list[int]:
        self.batches.append(list(asked))
        self.may.wait(120)
        if 13 in asked:
            raise ValueError("no thirteen")
        return [2 * number for number in asked]


def run(scene: Callable[[Batcher[int, int], Leases], Awaitable[None]], **options: int) -> list[list[int]]:
    work = Leases()

    async def play() -> None:
        with ThreadPoolExecutor(1) as pool:
            gathering = Batcher(work, pool, at_once=options.get("at_once", 100), weight=lambda number: number)
            try:
                await scene(gathering, work)
            finally:
                work.may.set()

    asyncio.run(play())
    return work.batches


async def begun(work: Leases) -> None:
    while not work.batches:
        await asyncio.sleep(0.001)


def test_the_first_goes_at_once_and_who_comes_meanwhile_goes_together() -> None:
    async def scene(gathering: Batcher[int, int], work: Leases) -> None:
        first = asyncio.create_task(gathering.ask(1))
        await begun(work)
        others = [asyncio.create_task(gathering.ask(number)) for number in (2, 3, 4)]
        await asyncio.sleep(0)
        work.may.set()
        assert await asyncio.gather(first, *others) == [2, 4, 6, 8]

    assert run(scene) == [[1], [2, 3, 4]]


def test_a_batch_is_no_heavier_than_allowed_and_what_is_heavier_goes_alone() -> None:
    async def scene(gathering: Batcher[int, int], work: Leases) -> None:
        first = asyncio.create_task(gathering.ask(1))
        await begun(work)
        others = [asyncio.create_task(gathering.ask(number)) for number in (6, 4, 1, 50, 2)]
        await asyncio.sleep(0)
        work.may.set()
        assert await asyncio.gather(first, *others) == [2, 12, 8, 2, 100, 4]

    assert run(scene, at_once=10) == [[1], [6, 4], [1], [50], [2]]


def test_an_error_is_for_all_of_the_batch_and_for_nobody_else() -> None:
    async def scene(gathering: Batcher[int, int], work: Leases) -> None:
        first = asyncio.create_task(gathering.ask(1))
        await begun(work)
        others = [asyncio.create_task(gathering.ask(number)) for number in (2, 13)]
        await asyncio.sleep(0)
        work.may.set()
        assert await first == 2
        for other in others:
            with pytest.raises(ValueError, match="no thirteen"):
                await other
        assert await gathering.ask(5) == 10

    assert run(scene) == [[1], [2, 13], [5]]


def test_who_gives_up_waiting_holds_nobody_up() -> None:
    async def scene(gathering: Batcher[int, int], work: Leases) -> None:
        first = asyncio.create_task(gathering.ask(1))
        await begun(work)
        second, third = (asyncio.create_task(gathering.ask(number)) for number in (2, 3))
        await asyncio.sleep(0)
        second.cancel()
        work.may.set()
        assert await first == 2
        assert await third == 6

    assert run(scene) == [[1], [2, 3]]


@pytest.mark.timeout(60)
def test_work_that_answers_too_few_leaves_nobody_waiting() -> None:
    async def ask_two(pool: ThreadPoolExecutor) -> list[int | BaseException]:
        gathering: Batcher[int, int] = Batcher(lambda _: [], pool, at_once=100)
        return await asyncio.gather(gathering.ask(1), gathering.ask(2), return_exceptions=True)

    with ThreadPoolExecutor(1) as pool:
        answers = asyncio.run(ask_two(pool))
    assert [type(answer) for answer in answers] == [ValueError, ValueError]
