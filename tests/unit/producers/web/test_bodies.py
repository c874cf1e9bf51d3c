"""JSON of a request's body: what is refused, and that nothing of it is repeated."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.web.bodies import parse_json
from producers.web.problems import Problem
from tests.all_of import all_of
from tests.growth import MOST_GROWTH, growth

__all__: list[str] = []

SECRET = "nobody-may-repeat-this"
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
)  # fmt: skip


@given(VALUES)
def test_it_reads_what_json_writes(value: Any) -> None:
    assert parse_json(json.dumps(value).encode()) == value
    assert parse_json(json.dumps(value, ensure_ascii=False).encode()) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    with suppress(Problem):
        parse_json(raw)


@all_of(
    ("raw", "detail"),
    [
        (b"", "it is empty"),
        (b"\xef\xbb\xbf \n", "it is empty"),
        (b'{"a": 1', "line 1, column 8"),
        (b'{"text": "' + SECRET.encode() + b'", "text": 1}', "the member 'text' appears twice"),
        (b'{"a": {"b": [{"c": 1, "c": 1}]}}', "the member 'c' appears twice"),
        (b"[NaN]", "NaN is not a JSON number"),
        (b"[-Infinity]", "-Infinity is not a JSON number"),
        (b"[1e999]", "too large"),
        (b"1" * 5000, "too many digits"),
        (b"\xff\xfe", "byte 0 is not UTF-8"),
        (b'"\xed\xa0\x80"', "byte 1 is not UTF-8"),
        (b'{"a": "\\ud800 ' + SECRET.encode() + b'"}', "half of a surrogate pair"),
        (b'{"\\udfff": 1}', "half of a surrogate pair"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"a":' * 100_000, "nested too deep"),
        (b"\xef\xbb\xbf\xef\xbb\xbf{}", "line 1, column 1"),
    ],
    ids=lambda value: repr(value[:12]),
)
def test_what_two_readers_might_read_in_two_ways_is_refused(raw: bytes, detail: str) -> None:
    with pytest.raises(Problem) as caught:
        parse_json(raw)
    assert caught.value.http_status == 400
    assert detail in caught.value.detail
    assert SECRET not in repr(caught.value) + caught.value.detail
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_a_byte_order_mark_is_no_part_of_the_json() -> None:
    assert parse_json(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def test_a_whole_pair_of_surrogates_is_one_character() -> None:
    assert parse_json(b'"\\ud83d\\ude00"') == "\N{GRINNING FACE}"


def twice(names: int) -> bytes:
    """An object of so many names, the last of them twice."""
    members = ",".join(f'"{n:07x}":1' for n in range(names))
    return f'{{{members},"{names - 1:07x}":2}}'.encode()


def test_a_name_that_stands_twice_is_found_in_linear_time() -> None:
    whole, quarter = twice(24_000), twice(6_000)

    def refused(raw: bytes) -> None:
        with pytest.raises(Problem, match="appears twice in an object"):
            parse_json(raw)

    assert growth(lambda: refused(whole), lambda: refused(quarter)) < MOST_GROWTH
