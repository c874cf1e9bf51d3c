"""What one key has of the process at once."""

import asyncio
from typing import Any

import pytest

from producers.web import shares
from producers.web.shares import Shares

__all__: list[str] = []


def test_a_key_has_so_many_requests_under_way_and_each_gives_its_place_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "MOST_UNDER_WAY", 2)
    ours = Shares()
    scopes: list[dict[str, Any]] = [{}, {}, {}]
    assert [ours.take(scope, "mia") for scope in scopes] == [True, True, False]
    assert ours.take(scopes[0], "mia"), "it has its place already"
    assert ours.take({}, "noa")
    ours.give_back(scopes[0])
    ours.give_back(scopes[0])
    again: list[dict[str, Any]] = [{}, {}]
    assert [ours.take(scope, "mia") for scope in again] == [True, False]


def test_beyond_its_threads_a_key_waits_for_a_turn_of_its_own_and_nobody_else_does() -> None:
    async def test() -> None:
        ours = Shares()
        scopes: list[dict[str, Any]] = [{} for _ in range(17)]
        for scope in scopes:
            assert ours.take(scope, "mia")
        for scope in scopes[:16]:
            await ours.wait_for_turn(scope, "mia")
        last = asyncio.create_task(ours.wait_for_turn(scopes[16], "mia"))
        other: dict[str, Any] = {}
        assert ours.take(other, "noa")
        await asyncio.wait_for(ours.wait_for_turn(other, "noa"), 5)
        assert not last.done()
        ours.give_back(scopes[3])
        await asyncio.wait_for(last, 5)
        for scope in (*scopes, other):
            ours.give_back(scope)
        assert not ours._turns

    asyncio.run(test())
