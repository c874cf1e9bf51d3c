"""Files are read in turns: one of a key at a time, and keys come one after another."""

import threading
from contextvars import ContextVar

import pytest

from producers.web.problems import Problem
from producers.web.turns import FileTurns

__all__: list[str] = []

WAIT_SECONDS = 20


def test_a_key_has_one_file_at_a_time_and_others_come_between() -> None:
    turns, gate, order = FileTurns(at_once=1), threading.Event(), list[str]()
    turns.take("held", lambda: gate.wait(WAIT_SECONDS))
    taken = [turns.take(key, lambda name=name: order.append(name)) for key, name in _many()]  # type: ignore[misc]
    gate.set()
    for each in taken:
        each.result(WAIT_SECONDS)
    assert order == ["a1", "b1", "a2", "b2", "a3"]


def _many() -> list[tuple[str, str]]:
    return [("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1"), ("b", "b2")]


def test_two_files_of_one_key_are_never_read_at_once() -> None:
    turns, inside, most, lock = FileTurns(at_once=4), [0], [0], threading.Lock()

    def work() -> None:
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        threading.Event().wait(0.01)
        with lock:
            inside[0] -= 1

    for each in [turns.take("a", work) for _ in range(4)]:
        each.result(WAIT_SECONDS)
    assert most == [1]


def test_the_fifth_file_of_a_key_is_refused_and_another_key_is_not() -> None:
    turns, gate = FileTurns(), threading.Event()
    taken = [turns.take("a", lambda: gate.wait(WAIT_SECONDS)) for _ in range(4)]
    with pytest.raises(Problem) as caught:
        turns.take("a", lambda: None)
    assert (caught.value.http_status, caught.value.headers) == (429, {"Retry-After": "5"})
    turns.take("b", lambda: None).result(WAIT_SECONDS)
    gate.set()
    assert all(each.result(WAIT_SECONDS) for each in taken)
    turns.take("a", lambda: None).result(WAIT_SECONDS)


def test_an_error_is_of_whoever_waits_and_the_next_has_its_turn() -> None:
    turns = FileTurns(at_once=1)

    def fails() -> None:
        raise ValueError("mine")

    first, second = turns.take("a", fails), turns.take("a", lambda: 2)
    with pytest.raises(ValueError, match="mine"):
        first.result(WAIT_SECONDS)
    assert second.result(WAIT_SECONDS) == 2


def test_what_is_cancelled_before_its_turn_is_not_begun() -> None:
    turns, gate, begun = FileTurns(at_once=1), threading.Event(), list[int]()
    turns.take("a", lambda: gate.wait(WAIT_SECONDS))
    waiting, last = turns.take("a", lambda: begun.append(1)), turns.take("a", lambda: begun.append(2))
    assert waiting.cancel()
    gate.set()
    last.result(WAIT_SECONDS)
    assert begun == [2]


def test_work_has_the_context_of_whoever_asked() -> None:
    name: ContextVar[str] = ContextVar("name")
    name.set("Ada")
    assert FileTurns().take("a", name.get).result(WAIT_SECONDS) == "Ada"
