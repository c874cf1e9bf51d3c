"""What the rows of a program may hold, and how the rest is refused."""

import datetime
import decimal
import enum
import sqlite3
import uuid
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import BadInput
from producers.announcements.recipients.row_values import row_line


class Size(enum.Enum):
    LARGE = "L"


class Text(str):
    """As numpy's `str_` is one."""


class NoTime(datetime.datetime):
    """As pandas' NaT is one."""


def read_back(row: Any) -> Any:
    return orjson.loads(row_line(row, 0))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x", "x"),
        (Text("x"), "x"),
        (7, "7"),
        (12345678901234567890123, "12345678901234567890123"),
        (-(2**64), "-18446744073709551616"),
        (1.5, 1.5),
        (True, True),
        (None, None),
        (datetime.date(2027, 1, 31), "2027-01-31"),
        (datetime.datetime(2027, 1, 31, 9, tzinfo=datetime.UTC), "2027-01-31T09:00:00+00:00"),
        (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (Size.LARGE, "L"),
    ],
)
def test_a_value_is_its_text_where_it_has_one(value: Any, text: Any) -> None:
    assert read_back({"receiver_id": "ou_a", "v": value}) == {"receiver_id": "ou_a", "v": text}


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (decimal.Decimal("1.50"), "must be a text, not a Decimal"),
        (b"x", "must be a text, not a bytes"),
        (NoTime(2027, 1, 1), "must be a text, not a NoTime"),
        (object(), "must be a text, not an object"),
        (datetime.timedelta(1), "must be a text, not a timedelta"),
        (float("nan"), "is not a finite number"),
        (float("inf"), "is not a finite number"),
        pytest.param(10**5000, "has too many digits", id="huge"),
        ("\ud800", "contains half of a surrogate pair, which is not a character"),
    ],
)
def test_what_has_none_is_named_and_not_repeated(value: Any, problem: str) -> None:
    with pytest.raises(BadInput) as caught:
        row_line({"receiver_id": "ou_a", "v": value}, 2)
    assert str(caught.value) == f"rows[2].v: {problem}"


@pytest.mark.parametrize("row", [5, "ab", [1], None, {1: "x"}, {b"a": "x"}])
def test_a_row_is_a_mapping_of_names(row: Any) -> None:
    with pytest.raises(BadInput, match=r"^rows\[0\]: must be a mapping of names to texts$"):
        row_line(row, 0)


def test_a_row_of_a_database_is_one() -> None:
    database = sqlite3.connect(":memory:")
    database.row_factory = sqlite3.Row
    assert read_back(database.execute("select 'ou_a' as receiver_id, 7 as n").fetchone()) == {
        "receiver_id": "ou_a",
        "n": "7",
    }
    database.close()


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.booleans() | st.none()))
def test_no_digit_and_no_letter_is_changed(row: dict[str, Any]) -> None:
    expected = {name: str(value) if type(value) is int else value for name, value in row.items()}
    assert read_back(row) == expected
