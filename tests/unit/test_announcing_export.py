"""The files that an export writes."""

import csv
import io

import orjson
import pytest

from producers.export import RESULT_COLUMNS, csv_of, jsonl_of, names_of

__all__: list[str] = []


def test_the_columns_of_the_input_come_first_and_keep_their_names() -> None:
    assert names_of(("name", "room")) == ("receiver_id", "name", "room", *RESULT_COLUMNS)


def test_a_column_with_a_name_of_ours_is_called_input() -> None:
    assert names_of(("state", "input_state", "line")) == (
        "receiver_id", "input_input_state", "input_state", "input_line", *RESULT_COLUMNS,
    )  # fmt: skip
    assert len(set(names_of(("state", "input_state", "input_input_state", "via")))) == 5 + len(RESULT_COLUMNS)


@pytest.mark.parametrize("text", ["=1+1", "+8613800138000", "-5", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_begins_as_a_formula(text: str) -> None:
    written = b"".join(csv_of(("name", text), [("Ada", text)])).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(written, newline="")))
    assert rows == [["name", f"'{text}"], ["Ada", f"'{text}"]]


def test_csv_has_a_byte_order_mark_crlf_and_quotes_where_they_are_needed() -> None:
    written = b"".join(csv_of(("a", "b"), [('Ada, "the" first\nof two', None), ("张三", 7)]))
    assert written == '\ufeffa,b\r\n"Ada, ""the"" first\nof two",\r\n张三,7\r\n'.encode()


def test_jsonl_has_the_values_as_they_are() -> None:
    lines = b"".join(jsonl_of(("a", "b"), [("=1+1", None), ("张三", 7)])).splitlines()
    assert [orjson.loads(line) for line in lines] == [{"a": "=1+1", "b": None}, {"a": "张三", "b": 7}]


def test_an_export_is_written_in_pieces() -> None:
    pieces = list(csv_of(("a",), ([str(n)] for n in range(1200))))
    assert len(pieces) == 4  # the mark, and 500, 500 and 201 lines
    assert b"".join(pieces).count(b"\r\n") == 1201
    assert b"".join(jsonl_of(("a",), [])) == b""
