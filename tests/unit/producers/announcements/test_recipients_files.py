"""Recipients files as real programs write them, and what is said about those that cannot be read."""

import codecs
import csv
import hashlib
import io
import os
import threading
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.errors import BadInput
from producers.announcements.recipients import Recipients, Row

__all__: list[str] = []

DATA = Path(__file__).parent / "data"


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    def write(content: bytes | str, name: str = "people.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def rows_of(path: Path) -> list[Row]:
    with Recipients.open(path) as recipients:
        return list(recipients.rows())


def lines_and_values(path: Path) -> list[tuple[int, tuple[str | None, ...]]]:
    return [(row.line, row.values) for row in rows_of(path)]


def refusal(path: Path) -> str:
    with pytest.raises(BadInput) as caught:
        rows_of(path)
    return str(caught.value)


# --- files from programs ---------------------------------------------------------------------------------------------


def test_a_csv_with_mark_and_semicolons_as_a_western_excel_saves_it() -> None:
    with Recipients.open(DATA / "excel_semicolon.csv") as recipients:
        assert (recipients.encoding, recipients.delimiter) == ("UTF-8", ";")
        assert recipients.columns == ("receiver_id", "Name", "Betrag")
        assert list(recipients.rows()) == [
            Row(2, ("ou_1", "Jürgen Groß", "1.234,50")),
            Row(3, ("ou_2", "Weiß; Anna", "12,00")),
        ]


def test_a_csv_in_gb18030_as_a_chinese_excel_saves_it() -> None:
    with Recipients.open(DATA / "excel_china.csv") as recipients:
        assert (recipients.encoding, recipients.delimiter) == ("GB18030", ",")
        assert recipients.columns == ("receiver_id", "姓名", "部门")
        assert [row.values for row in recipients.rows()] == [
            ("ou_1", "张三", "研发部"),
            ("ou_2", "李四", "市场部,华东"),
        ]


def test_quotes_and_line_ends_in_cells_keep_the_lines_that_an_editor_shows() -> None:
    assert lines_and_values(DATA / "quotes_and_newlines.csv") == [
        (2, ("ou_1", 'Ann "Boss" Lee', "first\r\nsecond")),
        (5, ("ou_2", "Bob", "a, b\nc")),
        (7, ("ou_3", "Cy", "plain")),
    ]


def test_a_workbook_laid_out_as_libreoffice_does_shows_what_a_person_sees() -> None:
    with Recipients.open(DATA / "libreoffice_layout.xlsx") as recipients:
        assert (recipients.format, recipients.encoding, recipients.delimiter) == ("xlsx", None, None)
        first, second = recipients.rows()
    assert first == Row(
        2, ("ou_1", "张三", "2026-11-30", "12.5%", "1,234.50", "00042", "TRUE", "2469", "", "2026-11-30 09:00")
    )
    assert second == Row(5, ("ou_2", "Ann & Co", "2026-12-01", "100.0%", "0.10", "00007", "FALSE", "0.3", "", ""))


def test_a_workbook_that_openpyxl_wrote_is_read_and_its_empty_columns_are_none(tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    for cells in (
        ["receiver_id", "name", None],
        ["ou_1", 12345678901234, None],
        [],
        ["ou_2", "#N/A"],
        ["x", 1, None, 9],
    ):
        workbook.active.append(cells)
    workbook.save(tmp_path / "people.xlsx")
    one, two, three = rows_of(tmp_path / "people.xlsx")
    assert one == Row(2, ("ou_1", "12345678901234"))
    assert two == Row(4, ("ou_2", "#N/A"), unusable=((1, "contains the formula error #N/A"),))
    assert (three.line, three.problem) == (5, "has 4 cells, but the header names 2")


def test_jsonl_has_the_columns_of_all_its_objects_and_numbers_as_they_are_written(file: Callable[..., Path]) -> None:
    path = file(
        '{"receiver_id": "ou_1", "n": 1.50}\n\n'
        '{"receiver_id": 123456789012345678901234567890, "ok": true, "n": null}\r\n'
        '{"receiver_id": "ou_3", "n": [1]}\n{"receiver_id": "ou_4", "n": "\\ud800"}\nnope\n[1]\n{"a": 1, "a": 2}\n',
        "people.jsonl",
    )
    with Recipients.open(path) as recipients:
        assert recipients.columns == ("receiver_id", "n", "ok")
        rows = list(recipients.rows())
    assert rows[0] == Row(1, ("ou_1", "1.50", None))
    assert rows[1] == Row(3, ("123456789012345678901234567890", None, "true"))
    assert [(row.line, row.column, row.problem) for row in rows[2:]] == [
        (4, "n", "must be a text, a number, true or false, not a list"),
        (5, "n", "contains half of a surrogate pair, which is not a character"),
        (6, None, "is not valid JSON: Expecting value (column 1)"),
        (7, None, 'must be an object such as {"receiver_id": …}, not a list'),
        (8, None, "has the same name twice in its object"),
    ]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_each_delimiter_goes_with_each_line_end(file: Callable[..., Path], delimiter: str, line_end: str) -> None:
    lines = [f"name{delimiter} receiver_id ", f"a{delimiter}b", "", f" {delimiter}", f"c{delimiter}d"]
    assert lines_and_values(file(line_end.join(lines))) == [(2, ("a", "b")), (5, ("c", "d"))]


@pytest.mark.parametrize(
    "content", [b"receiver_id\nou_1", b'{"receiver_id": "ou_1"}', (DATA / "excel_china.csv").read_bytes()]
)
def test_stdin_and_pipes_are_read_by_their_content_and_twice(content: bytes) -> None:
    with Recipients.open("-", io.BytesIO(content)) as recipients:
        assert list(recipients.rows()) == list(recipients.rows())
        assert recipients.sha256 == hashlib.sha256(content).hexdigest()


def test_a_workbook_on_stdin_is_known_by_its_first_bytes() -> None:
    with Recipients.open("-", io.BytesIO((DATA / "libreoffice_layout.xlsx").read_bytes())) as recipients:
        assert recipients.format == "xlsx"
        assert len(list(recipients.rows())) == 2


def test_a_named_pipe_is_spooled(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"receiver_id\nou_1\n",))
    writer.start()
    assert lines_and_values(pipe) == [(2, ("ou_1",))]
    writer.join(120)


def test_two_passes_may_run_side_by_side(file: Callable[..., Path]) -> None:
    with Recipients.open(file("receiver_id\n" + "ou_1\n" * 50_000)) as recipients:
        assert all(one == two for one, two in zip(recipients.rows(), recipients.rows(), strict=True))


@pytest.mark.slow
def test_reading_holds_a_few_blocks_whatever_the_size_of_the_file(file: Callable[..., Path]) -> None:
    path = file("receiver_id,name\n" + "ou_1,somebody with a name\n" * 400_000)
    with Recipients.open(path) as recipients:
        tracemalloc.start()
        for _, _ in zip(range(100_000), recipients.rows(), strict=False):
            pass
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak_bytes < 6_000_000 < path.stat().st_size


# --- bad input -------------------------------------------------------------------------------------------------------

BAD = [
    ("", "people.csv: is empty"),
    ("\n\r\n \n", "people.csv: is empty: the first line must name the columns"),
    ("receiver_id,name\n", "people.csv: has a header but no rows"),
    ("receiver_id,name\n\n,\n", "people.csv: has a header but no rows"),
    ("name,room\na,b\n", 'people.csv: has no column receiver_id (nor email or mobile): its columns are "name", "room"'),
    ("姓名\n张三\n", 'people.csv: has no column receiver_id (nor email or mobile): its columns are "姓名"'),
    ("receiver_id,,b\n1,2,3\n", "line 1: column 2 has no name"),
    ("\nreceiver_id,a, a\n1,2,3\n", 'line 2, column "a": appears 2 times: each name must be unique'),
    ('receiver_id,a\nou_1,b\nou_2,"c\nou_3,d\n', "line 3: a quote is never closed, or a cell has more than 32,767"),
    ("receiver_id,a\nou_1," + "x" * 131_073, "line 2: a quote is never closed, or a cell has more than 32,767"),
    ("receiver_id\n" + "x," * 600_000, "line 2: is longer than 1 MiB"),
    (b"receiver_id\nou_1\n\xff\xff", "people.csv: is not valid UTF-8 at byte 17 and does not look like GB18030"),
    (
        "receiver_id\nJérôme\nAndré\n".encode("latin-1"),
        "is not valid UTF-8 at byte 13 and does not look like GB18030",
    ),
    ("receiver_id\n张三李四\n".encode().replace("三".encode(), b"\xe4\xb8"), "is not valid UTF-8 at byte 15"),
    (
        "receiver_id\n张三李四".encode("gb18030") + b"\xff\xff",
        "not valid UTF-8 at byte 12, nor valid GB18030 at byte 20",
    ),
    ("receiver_id\nou_1".encode("utf-16"), "is UTF-16 text: save it as CSV UTF-8"),
    (b"receiver_id\nou_1\0\n", "contains a NUL byte (byte 16)"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1", "is an old workbook (.xls) or has a password"),
]


@pytest.mark.parametrize(("content", "problem"), BAD)
def test_what_is_no_recipients_file_says_where_and_why(file: Callable[..., Path], content: bytes, problem: str) -> None:
    assert problem in refusal(file(content))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("x\n", "line 1: is not valid JSON: Expecting value (column 1)"),
        ("[1]\n", "line 1: must be an object"),
        ("[" * 100_000, "line 1: is not readable JSON"),
        ('{"name": "x"}', 'has no column receiver_id (nor email or mobile): its columns are "name"'),
        ('{"receiver_id": NaN}', "line 1: is not readable JSON"),
        ('{" receiver_id": 1}', "has spaces around the name ' receiver_id'"),
        (
            "\n".join(f'{{"{n}": 1}}' for n in range(1001)),
            "line 1001: brings the file to more than 1,000 different names",
        ),
        (" \n", "is empty"),
    ],
)
def test_what_is_no_jsonl_says_where_and_why(file: Callable[..., Path], content: str, problem: str) -> None:
    assert problem in refusal(file(content, "people.jsonl"))


def test_a_list_of_json_is_told_what_to_write_instead() -> None:
    with pytest.raises(BadInput, match="contains a JSON list: write one object per line"):
        Recipients.open("-", io.BytesIO(b'[{"receiver_id": 1}]'))


def test_a_row_of_the_wrong_width_says_what_was_expected_and_found(file: Callable[..., Path]) -> None:
    rows = rows_of(file('receiver_id,a\nou_1\nou_2,b\nou_3,"b"c\nou_4,b,c\n'))
    assert [(row.line, row.problem) for row in rows] == [
        (2, "has 1 cell, but the header names 2"),
        (3, None),
        (4, 'has a quote inside a cell: put the cell in quotes, and write each quote in it twice ("")'),
        (5, "has 3 cells, but the header names 2"),
    ]


@pytest.mark.parametrize(
    "damage", [lambda data: b"PK\x03\x04", lambda data: data[:-600], lambda data: b"receiver_id\nou_1"]
)
def test_what_is_no_workbook_says_so(file: Callable[..., Path], damage: Callable[[bytes], bytes]) -> None:
    data = damage((DATA / "libreoffice_layout.xlsx").read_bytes())
    assert "is not an XLSX workbook" in refusal(file(data, "people.xlsx"))


@pytest.mark.parametrize(
    "part", ["xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/sharedStrings.xml", "xl/styles.xml"]
)
@pytest.mark.parametrize("content", [b"", b"<x", b"<x/>", b"\0\0"])
@pytest.mark.filterwarnings("ignore:Workbook contains no:UserWarning")
def test_a_workbook_with_a_damaged_part_says_so(file: Callable[..., Path], part: str, content: bytes) -> None:
    path = file(b"", "people.xlsx")
    with zipfile.ZipFile(DATA / "libreoffice_layout.xlsx") as given, zipfile.ZipFile(path, "w") as damaged:
        for name in given.namelist():
            damaged.writestr(name, content if name == part else given.read(name))
    with suppress(BadInput):
        rows_of(path)


def test_a_workbook_that_unpacks_to_gigabytes_is_refused_before_it_is_unpacked(file: Callable[..., Path]) -> None:
    path = file(b"", "people.xlsx")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as bomb:
        bomb.writestr("xl/worksheets/sheet1.xml", bytes(80 * 1024 * 1024))
    assert "unpacks to 80 MiB" in refusal(path)


@pytest.mark.parametrize("garbage", ["/dev/zero", "holes", "one endless line"])
def test_ten_gigabytes_of_garbage_fail_at_once(tmp_path: Path, garbage: str) -> None:
    path = Path(garbage) if garbage.startswith("/") else tmp_path / "people.csv"
    if garbage == "holes":
        path.touch()
        os.truncate(path, 10 * 1024**3)
    elif garbage == "one endless line":
        path.write_bytes(b"receiver_id," * 500_000)
    began = time.process_time()
    assert "NUL byte" in refusal(path) if garbage != "one endless line" else "line 1: is longer" in refusal(path)
    assert time.process_time() - began < 2


@pytest.mark.parametrize("path", ["nowhere.csv", ".", "a\0b"])
def test_a_file_that_cannot_be_opened_says_why(path: str) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        Recipients.open(path)


# --- a file that changes ---------------------------------------------------------------------------------------------


def appended(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"ou_9\n")


def replaced(path: Path) -> None:
    path.with_suffix(".new").write_bytes(path.read_bytes())
    path.with_suffix(".new").replace(path)


def rewritten_with_the_same_size_and_time(path: Path) -> None:
    status = path.stat()
    with path.open("r+b") as file:
        file.write(b"Receiver_id\nou_2\n")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize("change", [appended, replaced, Path.unlink, rewritten_with_the_same_size_and_time])
def test_a_file_that_changes_between_two_passes_is_found_out(
    file: Callable[..., Path], change: Callable[[Path], None]
) -> None:
    path = file("receiver_id\nou_1\n")
    with Recipients.open(path) as recipients:
        change(path)
        with pytest.raises(BadInput, match=r"people\.csv: changed while it was read"):
            list(recipients.rows())


@pytest.mark.parametrize("change", [appended, replaced, Path.unlink])
def test_a_file_that_changes_within_a_pass_is_found_out_at_its_end(
    file: Callable[..., Path], change: Callable[[Path], None]
) -> None:
    path = file("receiver_id\nou_1\n")
    with Recipients.open(path) as recipients:
        rows = recipients.rows()
        next(rows)
        change(path)
        with pytest.raises(BadInput, match=r"people\.csv: changed while it was read"):
            list(rows)


# --- properties ------------------------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [b",", b'"', b"\n", b"\r", b"receiver_id", b"\xef\xbb\xbf", b";", "张".encode(), "张".encode("gb18030")]
)


@given(st.binary() | st.lists(PIECES | st.binary(max_size=3)).map(b"".join), st.booleans())
def test_any_bytes_are_rows_or_bad_input(data: bytes, header: bool) -> None:
    for suffix in (b"", codecs.BOM_UTF8):
        content = suffix + b"receiver_id,a\n" * header + data
        with suppress(BadInput), Recipients.open("-", io.BytesIO(content)) as recipients:
            assert all(row.problem or len(row.values) == len(recipients.columns) for row in recipients.rows())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.binary(max_size=12) | st.sampled_from([b'{"receiver_id": "a"}', b"{}", b'{"b": -0.0e1}'])))
def test_any_bytes_named_jsonl_are_rows_or_bad_input(tmp_path: Path, lines: list[bytes]) -> None:
    path = tmp_path / "any.jsonl"
    path.write_bytes(b"\n".join(lines))
    with suppress(BadInput):
        rows_of(path)


@given(
    st.lists(
        st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=2, max_size=2),
        min_size=1,
    )
)
def test_whatever_a_csv_writer_wrote_is_read_back(cells: list[list[str]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([["receiver_id", "a"], *cells, ["ou", "x"]])
    with Recipients.open("-", io.BytesIO(text.getvalue().encode())) as recipients:
        found = [list(row.values) for row in recipients.rows()]
    assert found == [row for row in [*cells, ["ou", "x"]] if any(cell.strip() for cell in row)]
