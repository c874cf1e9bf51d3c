"""The files that an export writes."""

import csv
import io

import orjson
import pytest

from producers.announcements.export import RESULT_COLUMNS, csv_of, jsonl_of, names_of
from tests.all_of import all_of

__all__: list[str] = []


def test_the_columns_of_the_input_come_first_and_keep_their_names() -> None:
    assert names_of(("name", "room")) == ("receiver_id", "name", "room", *RESULT_COLUMNS)


def test_a_column_with_a_name_of_ours_is_called_input() -> None:
    assert names_of(("state", "input_state", "line")) == (
        "receiver_id", "input_input_state", "input_state", "input_line", *RESULT_COLUMNS,
    )  # fmt: skip
    assert len(set(names_of(("state", "input_state", "input_input_state", "via")))) == 5 + len(RESULT_COLUMNS)


#: A spreadsheet passes over what cannot be seen, and so does whoever looks at the cell.
UNSEEN = [f"{each}{sign}1" for each in "\x00\x0b \xa0\xad\u180e\u200b\u202e\u2066\u3000\ufeff\ufe0f" for sign in "=＝"]


@all_of("text", ["=1+1", "+8613800138000", "-5", "@SUM(A1)", "\t=1", "\r=1", "\n", *UNSEEN])
def test_no_cell_begins_as_a_formula(text: str) -> None:
    written = b"".join(csv_of(("name", text), [("Ada", text)])).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(written, newline="")))
    assert rows == [["name", f"'{text}"], ["Ada", f"'{text}"]]


@pytest.mark.parametrize("text", ["a=1", "张三-李四", "1 + 1", "(-5)", "", " ", "'=1"])
def test_other_cells_stay_as_they_are(text: str) -> None:
    written = b"".join(csv_of(("name",), [(text,)])).decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(written, newline=""))) == [["name"], [text]]


def test_what_stands_behind_a_semicolon_or_a_tab_is_no_other_cell() -> None:
    written = b"".join(csv_of(("name",), [("a;=1+1",), ("b\t=1+1",)])).decode("utf-8-sig")
    assert written.splitlines() == ['"name"', '"a;=1+1"', '"b\t=1+1"']
    assert [len(row) for row in csv.reader(io.StringIO(written), delimiter=";")] == [1, 1, 1]


def test_csv_has_a_byte_order_mark_crlf_and_quotes_around_all_texts() -> None:
    written = b"".join(csv_of(("a", "b"), [('Ada, "the" first\nof two', None), ("张三", 7)]))
    assert written == '\ufeff"a","b"\r\n"Ada, ""the"" first\nof two",""\r\n"张三",7\r\n'.encode()


def test_jsonl_has_the_values_as_they_are() -> None:
    lines = b"".join(jsonl_of(("a", "b"), [("=1+1", None), ("张三", 7)])).splitlines()
    assert [orjson.loads(line) for line in lines] == [{"a": "=1+1", "b": None}, {"a": "张三", "b": 7}]


def test_an_export_is_written_in_pieces() -> None:
    pieces = list(csv_of(("a",), ([str(n)] for n in range(1200))))
    assert len(pieces) == 4  # the mark, and 500, 500 and 201 lines
    assert b"".join(pieces).count(b"\r\n") == 1201
    assert b"".join(jsonl_of(("a",), [])) == b""
