"""Turns in the threads of the web process: no caller takes them all, and none waits for ever."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from producers.web import turns
from producers.web.problems import Problem
from producers.web.turns import ParsingPool

__all__: list[str] = []


def within(test: Callable[[ParsingPool], Coroutine[Any, Any, None]]) -> None:
    pool = ParsingPool()
    try:
        asyncio.run(asyncio.wait_for(test(pool), 20))
    finally:
        pool.close()


def test_a_caller_that_asks_for_much_leaves_a_thread_to_the_others() -> None:
    release = threading.Event()

    async def test(pool: ParsingPool) -> None:
        greedy = [asyncio.create_task(pool.run("greedy", 1, release.wait)) for _ in range(20)]
        await asyncio.sleep(0)
        assert await pool.run("other", 1, lambda: "done") == "done"
        release.set()
        assert all(await asyncio.gather(*greedy))

    within(test)


def test_callers_come_in_turns_however_many_one_of_them_has_waiting() -> None:
    done: list[str] = []
    release = threading.Event()

    async def test(pool: ParsingPool) -> None:
        asked = [pool.run(name, 1, release.wait) for name in ("slow 1", "slow 2")]
        asked += [pool.run("many", 1, done.append, f"many {n}") for n in range(5)]  # type: ignore[list-item]
        asked += [pool.run("one", 1, done.append, "one")]  # type: ignore[list-item]
        tasks = [asyncio.create_task(each) for each in asked]
        await asyncio.sleep(0.05)
        release.set()
        await asyncio.gather(*tasks)
        assert done.index("one") <= 2

    within(test)


def test_what_waits_of_one_caller_is_bounded_in_bytes_and_the_problem_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turns, "_MOST_WAITING_BYTES", 100)
    release = threading.Event()

    async def test(pool: ParsingPool) -> None:
        large = asyncio.create_task(pool.run("mia", 1_000, release.wait))
        await asyncio.sleep(0)
        with pytest.raises(Problem, match="send fewer at once and repeat this one") as caught:
            await pool.run("mia", 1, release.wait)
        assert (caught.value.http_status, caught.value.headers["Retry-After"]) == (503, "5")
        assert await pool.run("noa", 1, lambda: 1) == 1
        release.set()
        assert await large
        assert await pool.run("mia", 1_000, lambda: 1) == 1

    within(test)


def test_what_fails_there_is_raised_here_and_leaves_the_turn_to_the_next() -> None:
    def fail() -> None:
        raise KeyError("x")

    async def test(pool: ParsingPool) -> None:
        with pytest.raises(KeyError):
            await pool.run("mia", 1, fail)
        assert await pool.run("mia", 1, lambda: 1) == 1

    within(test)
