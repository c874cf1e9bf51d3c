"""What stands in for `parametrize` tries every case, and tells which have failed."""

import itertools

import pytest

from tests.all_of import all_of

__all__: list[str] = []


def test_every_case_is_tried_and_each_that_fails_is_told_by_its_name() -> None:
    tried = []

    @all_of(("number", "square"), [(1, 1), (2, 5), (3, 9), (4, 17)], ids=itertools.count())
    def is_square(number: int, square: int) -> None:
        tried.append(number)
        if square == 17:
            pytest.fail("no square")
        assert number * number == square

    with pytest.raises(BaseExceptionGroup, match="2 of 4 cases failed") as raised:
        is_square()
    assert tried == [1, 2, 3, 4]
    assert [error.__notes__ for error in raised.value.exceptions] == [["the case: 1"], ["the case: 3"]]


@all_of("number", [1, 2])
def test_a_fixture_is_there_for_every_case(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setenv("DESKBELL_NUMBER", str(number))
