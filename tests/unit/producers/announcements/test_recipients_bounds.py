"""Files made to take time, memory or room in Redis: each meets a bound, in words that somebody with a spreadsheet
understands; and what stays below the bounds costs in proportion to its size."""

import io
import struct
import time
import warnings
import zipfile
from collections.abc import Callable
from contextlib import closing, suppress

import openpyxl
import pytest

from ledger.errors import BadInput
from producers.announcements.recipients import Recipients, bounds
from producers.announcements.recipients.source import Source
from tests.growth import MOST_GROWTH, growth
from tests.unit.producers.announcements.hostile_workbooks import MAIN, ROW, sheet, texts, workbook

__all__: list[str] = []


def read(content: bytes, name: str = "people.xlsx") -> list[tuple[str | None, ...]]:
    with closing(Source.spooled(io.BytesIO(content), name)) as source:
        recipients = Recipients(source)
        return [row.values for row in recipients.rows()]


def refusal(content: bytes, name: str = "people.xlsx") -> str:
    with pytest.raises(BadInput) as caught:
        read(content, name)
    return str(caught.value)


def problems(content: bytes, name: str) -> list[tuple[int, str | None, str]]:
    with Recipients(Source.spooled(io.BytesIO(content), name)) as recipients:
        return [(row.line, row.column, row.problem) for row in recipients.rows() if row.problem]


def styles(formats: str = "", cells: str = "<xf/>") -> dict[str, str]:
    content = f"<styleSheet {MAIN}><numFmts>{formats}</numFmts><cellXfs>{cells}</cellXfs></styleSheet>"
    return {"xl/styles.xml": content}


def archive(parts: int, *, name: str = "part") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as written:
        for number in range(parts):
            written.writestr(f"{name}{number}", b"")
    return file.getvalue()


def with_a_part_twice() -> bytes:
    file = io.BytesIO(workbook())
    with zipfile.ZipFile(file, "a") as written, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        written.writestr("xl/workbook.xml", "<x/>")
    return file.getvalue()


def with_parts_that_overlap() -> bytes:
    """The second entry of the directory leads to the bytes of the first part."""
    content = bytearray(workbook())
    at = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 1)
    content[at + 42 : at + 46] = struct.pack("<I", 0)
    return bytes(content)


def patched(at: int, value: int) -> bytes:
    """With a field of two bytes of the first entry of the directory set to `value`."""
    content = bytearray(workbook())
    entry = content.index(b"PK\x01\x02")
    content[entry + at : entry + at + 2] = struct.pack("<H", value)
    return bytes(content)


def with_a_directory_of(size_bytes: int) -> bytes:
    entry = b"PK\x01\x02" + bytes(42)
    directory = entry * (size_bytes // len(entry) + 1)
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 0, 0, len(directory), 0, 0)
    return b"PK\x03\x04" + directory + end


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "a cell far to the right": (
        lambda: workbook('<row r="3"><c r="XFD3"/></row>'),
        "has a row of 16,384 columns; at most 1,000 are read: delete the rest",
    ),
    "a row of a hundred thousand cells": (
        lambda: workbook(f'<row r="3">{"<c/>" * 100_000}</row>'),
        "has a row of 1,001 columns; at most 1,000 are read: delete the rest",
    ),
    "a cell that stands there a hundred thousand times": (
        lambda: workbook('<row r="3">' + '<c r="A3"/>' * 100_000 + "</row>"),
        "has a row of more than 65,536 entries: copy the cells into a new workbook",
    ),
    "a row below the last one of Excel": (
        lambda: workbook('<row r="1048577"><c r="A1048577"/></row>'),
        "has a row 1,048,577; at most 1,048,576 are read: split the sheet",
    ),
    "rows out of order": (
        lambda: workbook('<row r="9"><c r="A9"/></row><row r="8"><c r="A8"/></row>'),
        "is not a readable XLSX workbook (ValueError)",
    ),
    "a text of a megabyte and more": (
        lambda: workbook(f'<row r="3"><c t="inlineStr"><is><t>{"x" * 1_100_000}</t></is></c></row>'),
        "has a row of more than 1,048,576 characters: shorten it",
    ),
    "one long text in every cell": (
        lambda: workbook(
            "".join(f'<row r="{row}"><c r="A{row}" t="s"><v>0</v></c></row>' for row in range(3, 400)),
            parts={"xl/texts.xml": f"<sst {MAIN}><si><t>{'x' * 32_767}</t></si></sst>"},
        ),
        "shows more than 8,388,608 characters in all: save it as CSV UTF-8",
    ),
    "a number format of a hundred thousand zeros": (
        lambda: workbook(parts=styles(f'<numFmt numFmtId="164" formatCode="{"0" * 100_000}"/>')),
        "has a number format of 100,000 characters; at most 255 are read: use another format",
    ),
    "a hundred thousand cell formats": (
        lambda: workbook(parts=styles(cells="<xf/>" * 100_000)),
        "has a part 'styles.xml' of more than 65,536 entries: copy the cells into a new workbook",
    ),
    "formats of five megabytes": (
        lambda: workbook(parts={"xl/styles.xml": f"<styleSheet {MAIN}>{'<a/>' * 1_400_000}</styleSheet>"}),
        "has a part 'styles.xml' of 6 MiB; at most 4 MiB are read: copy the cells into a new workbook",
    ),
    "a DOCTYPE": (
        lambda: workbook(parts={"xl/texts.xml": f'<!DOCTYPE a [<!ENTITY b "c">]><sst {MAIN}/>'}),
        "was not written by a spreadsheet program (DOCTYPE)",
    ),
    "elements a thousand deep": (
        lambda: workbook(f'<row r="3">{"<a>" * 1000}{"</a>" * 1000}</row>'),
        "is nested more than 100 levels deep",
    ),
    "a comment that goes on and on": (
        lambda: workbook(f"<!--{'x' * 5_000_000}-->"),
        "was not written by a spreadsheet program",
    ),
    "an attribute that goes on and on": (
        lambda: workbook(f'<row r="3" x="{"x" * 5_000_000}"/>'),
        "was not written by a spreadsheet program",
    ),
    "parts that unpack to a gigabyte together": (
        lambda: workbook(parts={f"xl/media/{n}": "\0" * 17 * 1024 * 1024 for n in range(4)}),
        "unpacks to 68 MiB, more than 100 times its size: save it as CSV UTF-8",
    ),
    "three thousand parts": (lambda: archive(3000), "has 3,000 parts; at most 2,000 are read"),
    "a directory of two megabytes": (
        lambda: with_a_directory_of(2_000_000),
        "is a zip file with a directory of more than 1 MiB",
    ),
    "a part that stands there twice": (with_a_part_twice, "contains a part twice, so it is damaged"),
    "parts that overlap": (with_parts_that_overlap, "was not packed by a spreadsheet program"),
    "an unusual compression": (lambda: patched(10, zipfile.ZIP_LZMA), "was not packed by a spreadsheet program"),
    "a password": (lambda: patched(8, 1), "is locked with a password: save it without one"),
}


@pytest.mark.parametrize(("content", "problem"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_workbook_is_told_which_bound_it_meets_and_what_to_do(
    content: Callable[[], bytes], problem: str
) -> None:
    hostile = content()
    began = time.process_time()
    assert f"people.xlsx: {problem}" in refusal(hostile)
    assert time.process_time() - began < 5


def test_shared_texts_are_found_by_their_content_type_whatever_their_name() -> None:
    cell = '<row r="3"><c r="A3" t="s"><v>7</v></c></row>'
    for name in ("xl/texts.xml", "anywhere/at.all", "xl/sharedStrings.xml"):
        assert read(workbook(cell, parts={name: texts(8)}, texts_part=name))[-1] == ("7",)


def test_a_workbook_of_a_hundred_sheets_is_read() -> None:
    made, file = openpyxl.Workbook(), io.BytesIO()
    made.active.append(["receiver_id", "when"])
    made.active.append(["ou_ada", 0.5])
    made.active["B2"].number_format = "0.00%"
    for number in range(100):
        made.create_sheet(f"sheet {number}").append(["x"] * 300)
    made.save(file)
    assert read(file.getvalue()) == [("ou_ada", "50.00%")]


# --- CSV and JSONL ---------------------------------------------------------------------------------------------------

LONG = "x" * (bounds.CELL_CHARACTERS + 1)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (f"receiver_id,name\nou_1,{LONG}\nou_2,{LONG[1:]}\n", "people.csv"),
        (
            f'{{"receiver_id": "ou_0"}}\n{{"receiver_id": "ou_1", "name": "{LONG}"}}\n{{"name": "{LONG[1:]}"}}\n',
            "people.jsonl",
        ),
    ],
)
def test_a_cell_has_at_most_as_many_characters_as_one_of_excel(content: str, name: str) -> None:
    problem = "has 32,768 characters; at most 32,767 are allowed: shorten it"
    assert problems(content.encode(), name) == [(2, "name", problem)]


def test_a_long_cell_of_a_workbook_is_a_problem_of_its_row_alone() -> None:
    cell = f'<row r="3"><c r="A3" t="inlineStr"><is><t>{LONG}</t></is></c></row>'
    found = problems(workbook(cell), "people.xlsx")
    assert found == [(3, "receiver_id", "has 32,768 characters; at most 32,767 are allowed: shorten it")]


def test_a_quote_that_takes_in_line_after_line_ends_at_a_megabyte() -> None:
    rows = '"\n",' * 1_000_000
    assert "line 2: a quote is never closed" in refusal(f"receiver_id,name\n{rows}".encode(), "people.csv")


def test_more_rows_than_a_sheet_has_are_refused_in_every_format(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("producers.announcements.recipients.recipients.MOST_ROWS", 3)
    lines = "receiver_id\nou_1\nou_2\nou_3\nou_4\n"
    assert "has more than 3 rows: split it into several files" in refusal(lines.encode(), "people.csv")


def test_a_thousand_empty_columns_in_each_row_do_not_fill_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("producers.announcements.recipients.recipients.MOST_CELLS", 6)
    content = '{"receiver_id": "ou_1", "a": 1, "b": 2}\n' + '{"receiver_id": "ou_2"}\n' * 2
    problem = "has more than 2 rows with 3 columns: leave out unused columns"
    assert problem in refusal(content.encode(), "people.jsonl")


# --- in proportion ---------------------------------------------------------------------------------------------------

#: What stays below every bound, by how much of it there is.
GROWING: dict[str, tuple[str, Callable[[int], bytes]]] = {
    "cell formats": ("people.xlsx", lambda n: workbook(parts=styles(cells="<xf/>" * n))),
    "texts": ("people.xlsx", lambda n: workbook(parts={"xl/texts.xml": texts(n)})),
    "elements between the rows": ("people.xlsx", lambda n: workbook("<a/>" * 4 * n)),
    "empty rows": ("people.xlsx", lambda n: workbook("<row/>" * n)),
    "wide rows": (
        "people.xlsx",
        lambda n: workbook("".join(f'<row r="{row}"><c r="ALL{row}"/></row>' for row in range(3, n // 10))),
    ),
    "cells in one row": ("people.xlsx", lambda n: workbook(f'<row r="3">{"<c/>" * (n // 60)}</row>')),
    "rows of quotes": ("people.csv", lambda n: b"receiver_id,a\n" + b'"a"b\n' * n),
    "lines of one name": ("people.jsonl", lambda n: b'{"receiver_id": "ou_1"}\n' * n),
    "names in one object": (
        "people.jsonl",
        lambda n: ("{" + ",".join(f'"{name % 900}": 1' for name in range(n)) + "}").encode(),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "content"), GROWING.values(), ids=GROWING)
def test_four_times_as_much_takes_about_four_times_as_long(name: str, content: Callable[[int], bytes]) -> None:
    def read_it(made: bytes) -> None:
        with suppress(BadInput):
            read(made, name)

    whole, quarter = content(60_000), content(15_000)
    assert growth(lambda: read_it(whole), lambda: read_it(quarter)) < MOST_GROWTH


def test_the_sheet_of_the_tests_is_read() -> None:
    assert read(workbook()) == [("ou_ada",)]
    assert sheet("").count(ROW) == 1
