"""CSV and JSONL as people hand them in: encodings, delimiters, blanks, and files that are not what their names say."""

import codecs
import csv
import gzip
import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import BadInput
from producers.announcements.recipients import ReadingOptions, Recipients, Row
from producers.announcements.recipients.evidence import most_likely

__all__: list[str] = []

WORKBOOK = (Path(__file__).parent / "data/libreoffice_layout.xlsx").read_bytes()
AS_IT_IS = ReadingOptions()


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    def write(content: bytes | str, name: str = "people.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def rows_of(path: Path, **options: Any) -> list[Row]:
    with Recipients.open(path, options=ReadingOptions(**options)) as recipients:
        return list(recipients.rows())


def values_of(path: Path, **options: Any) -> list[tuple[str | None, ...]]:
    return [row.values for row in rows_of(path, **options)]


def refusal(path: Path, **options: Any) -> str:
    with pytest.raises(BadInput) as caught:
        rows_of(path, **options)
    return str(caught.value)


# --- encodings -------------------------------------------------------------------------------------------------------

CHINESE = ["欧阳娜娜", "钟汉良", "佟丽娅", "万茜", "于和伟", "岳云鹏", "石头科技 行政部"]
RARE = ["赵骉", "王翯", "周芃", "林昶", "吴玥", "陶喆", "顾燊"]
TRADITIONAL = ["歐陽鋒", "劉德華", "黃曉明", "鄭愁予", "羅大佑", "龔自珍", "業務部"]
KOREAN = ["손예진", "공유", "이병헌", "김태희", "강하늘", "총무팀 과장", "박보검"]
JAPANESE = ["宮崎駿", "村上春樹", "北野武", "中田英寿", "石原さとみ", "営業部", "タケダ"]
WESTERN = ["Müller", "Françoise", "Peña", "Åström", "Léa", "Weiß"]
RUSSIAN = ["Татьяна", "Владимир", "Екатерина", "Николай"]


@pytest.mark.parametrize("count", [2, 7])
@pytest.mark.parametrize("names", [CHINESE, RARE, TRADITIONAL])
def test_chinese_lists_in_gbk_are_read_however_short_or_rare(
    file: Callable[..., Path], names: list[str], count: int
) -> None:
    for start in range(0, len(names), count):
        chosen = names[start : start + count]
        content = "receiver_id,name\nou_0,Ada\n" + "".join(f"ou_x,{name}\n" for name in chosen)
        path = file(content.encode("gb18030"))
        assert [values[1] for values in values_of(path)] == ["Ada", *chosen]


@pytest.mark.parametrize(
    ("names", "encoding", "likely"),
    [
        (KOREAN, "cp949", "like Korean: save it as CSV UTF-8, or add --encoding cp949 if it is that"),
        (JAPANESE, "cp932", "like Japanese (Shift-JIS): save it as CSV UTF-8, or add --encoding cp932"),
        (JAPANESE, "euc_jp", "like Japanese: save it as CSV UTF-8, or add --encoding euc-jp"),
        (TRADITIONAL, "big5", "like traditional Chinese (Big5): save it as CSV UTF-8, or add --encoding cp950"),
        (WESTERN, "cp1252", ": save it as CSV UTF-8, or name its encoding with --encoding"),
        (RUSSIAN, "cp1251", "like Cyrillic: save it as CSV UTF-8, or add --encoding cp1251 if it is that"),
    ],
)
def test_other_encodings_are_refused_with_the_remedy_and_read_when_it_is_said(
    file: Callable[..., Path], names: list[str], encoding: str, likely: str
) -> None:
    path = file(("receiver_id,name\n" + "".join(f"ou_x,{name}\n" for name in names)).encode(encoding))
    assert f"does not look like GB18030{'' if likely[0] == ':' else ' but '}{likely}" in refusal(path)
    assert [values[1] for values in values_of(path, encoding=encoding)] == names
    with Recipients.open(path, options=ReadingOptions(encoding=encoding)) as recipients:
        assert recipients.encoding == codecs.lookup(recipients.encoding or "").name.upper()


@pytest.mark.parametrize(
    ("names", "encoding"),
    [(KOREAN, "cp949"), (JAPANESE, "cp932"), (JAPANESE, "euc_jp"), (WESTERN, "cp1252"), (RUSSIAN, "cp1251")],
)
def test_a_list_of_one_name_is_never_taken_for_chinese(names: list[str], encoding: str) -> None:
    for name in names:
        found = most_likely(f"receiver_id,name\nou_1,{name}\n".encode(encoding))
        assert found is None or found.encoding != "GB18030", name


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "utf-32"])
def test_unicode_in_another_form_is_read_when_it_is_said(file: Callable[..., Path], encoding: str) -> None:
    path = file("receiver_id,name\nou_1,张三\n".encode(encoding))
    assert values_of(path, encoding=encoding) == [("ou_1", "张三")]
    if encoding.startswith("utf-16"):
        assert "is UTF-16 text: save it as CSV UTF-8, or add --encoding utf-16" in refusal(path)


@pytest.mark.parametrize("name", ["klingon", "base64", "utf-7", "unicode_escape", "punycode", "", "a\0b"])
def test_what_is_no_encoding_of_files_is_refused(file: Callable[..., Path], name: str) -> None:
    assert refusal(file("receiver_id\nou_1\n"), encoding=name).startswith("encoding: is not an encoding of text files")


def test_an_encoding_that_the_file_is_not_in_says_where(file: Callable[..., Path]) -> None:
    assert "is not valid CP949 at byte 12" in refusal(file(b"receiver_id\n\xff\xff\n"), encoding="cp949")


def test_jsonl_may_be_in_gbk_too(file: Callable[..., Path]) -> None:
    path = file('{"receiver_id": "ou_1", "name": "张伟"}\n'.encode("gbk"), "people.jsonl")
    assert values_of(path) == [("ou_1", "张伟")]


# --- what the file is ------------------------------------------------------------------------------------------------


def zipped(**parts: bytes) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name.replace("__", "/"), content)
    return data.getvalue()


OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
UNPACK, SAVE = "unpack it, and give the file that is in it", "save the sheet as .xlsx or as CSV UTF-8"
FOREIGN: Mapping[str, tuple[bytes, str]] = {
    "gzip": (gzip.compress(b"receiver_id\nou_1\n", mtime=0), f"is a gzip file: {UNPACK}"),
    "bzip2": (b"BZh91AY&SY", f"is a bzip2 file: {UNPACK}"),
    "zip": (zipped(people=b"receiver_id\nou_1\n"), f"is a zip file: {UNPACK}"),
    "ods": (zipped(mimetype=b"application/vnd.oasis.opendocument.spreadsheet"), "is an OpenDocument file (.ods)"),
    "docx": (zipped(**{"[Content_Types].xml": b"", "word/document.xml": b""}), f"is a Word document: {SAVE}"),
    "xlsb": (zipped(**{"[Content_Types].xml": b"", "xl/workbook.bin": b""}), "is a binary workbook (.xlsb)"),
    "xls": (OLD + "Workbook".encode("utf-16-le") + bytes(48), "is a workbook of an old kind (.xls): save it as .xlsx"),
    "password": (OLD + "EncryptedPackage".encode("utf-16-le") + bytes(32), "has a password: save it without one"),
    "web page": (b"<html><table><tr><td>receiver_id</td></tr></table></html>", "is a web page: open it in Excel"),
    "a page with a mark": (codecs.BOM_UTF8 + b"\r\n<!DOCTYPE html><p>", "is a web page: open it in Excel"),
    "mail of a page": (b"MIME-Version: 1.0\r\nContent-Type: multipart/related\r\n", "is a web page"),
    "XML of Excel 2003": (b'<?xml version="1.0"?><Workbook xmlns="urn:schemas"/>', "is an XML file: open it in Excel"),
    "PDF": (b"%PDF-1.7\n", f"is a PDF: {SAVE}"),
    "a list of JSON": (b'[\n {"receiver_id": "ou_1"}\n]', "contains a JSON list: write one object per line"),
}


@pytest.mark.parametrize("name", ["people.csv", "people.xlsx", "people", "people.jsonl"])
@pytest.mark.parametrize(("content", "problem"), FOREIGN.values(), ids=FOREIGN)
def test_what_is_no_list_of_people_is_told_what_it_is(
    file: Callable[..., Path], content: bytes, problem: str, name: str
) -> None:
    if name == "people.xlsx" and problem.startswith(("is a zip", "contains a JSON")):
        problem = "is not a"  # the reader of workbooks says it
    assert problem in refusal(file(content, name))


@pytest.mark.parametrize("content", [FOREIGN["gzip"][0], FOREIGN["password"][0], FOREIGN["web page"][0]])
def test_stdin_is_told_what_it_is_too(content: bytes) -> None:
    with pytest.raises(BadInput, match=r"^stdin: (is a|has a password)"):
        Recipients.open("-", io.BytesIO(content))


@pytest.mark.parametrize("name", ["people.csv", "people.txt", "people.jsonl", "people.xls"])
def test_a_workbook_is_read_whatever_it_is_called(file: Callable[..., Path], name: str) -> None:
    with Recipients.open(file(WORKBOOK, name)) as recipients:
        assert (recipients.format, len(list(recipients.rows()))) == ("xlsx", 2)


def test_texts_are_read_by_what_is_in_them(file: Callable[..., Path]) -> None:
    assert values_of(file('{"receiver_id": "ou_1"}\n', "people.csv")) == [("ou_1",)]
    assert values_of(file("receiver_id,name\nou_1,A\n", "people.jsonl")) == [("ou_1", "A")]
    assert "is not an XLSX workbook but a text: rename it to .csv" in refusal(file("receiver_id\nou_1\n", "a.xlsx"))


# --- rows of CSV -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line_end", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "\ufeffSEP=;"])
def test_the_line_of_excel_names_the_delimiter(file: Callable[..., Path], first: str, line_end: str) -> None:
    [row] = rows_of(file(line_end.join([first, "receiver_id;name", "ou_1;a,b", ""])))
    assert (row.line, row.values) == (3, ("ou_1", "a,b"))


def test_any_delimiter_may_be_named(file: Callable[..., Path]) -> None:
    assert values_of(file("sep=|\nreceiver_id|name\nou_1|Ada\n")) == [("ou_1", "Ada")]


def test_empty_cells_at_the_end_of_lines_are_no_columns(file: Callable[..., Path]) -> None:
    with Recipients.open(file("receiver_id,name,,\r\nou_1,Ada,,\r\nou_2,Bob\r\nou_3,Cy,,x\r\n")) as recipients:
        assert recipients.columns == ("receiver_id", "name")
        rows = list(recipients.rows())
    assert [row.values for row in rows[:2]] == [("ou_1", "Ada"), ("ou_2", "Bob")]
    assert rows[2].problem == "has 4 cells, but the header names 2"


@pytest.mark.parametrize("blank", [" ", "\u00a0", "\u3000", "\ufeff", "\u200b"])
def test_blanks_around_names_and_values_are_taken_away(file: Callable[..., Path], blank: str) -> None:
    content = f"receiver_id{blank};{blank}内{blank}\nou_1{blank};{blank}加 州{blank}\n"
    with Recipients.open(file(content)) as recipients:
        assert recipients.columns == ("receiver_id", "内")
        assert [row.values for row in recipients.rows()] == [("ou_1", "加 州")]


def test_blanks_in_quotes_are_meant(file: Callable[..., Path]) -> None:
    path = file('receiver_id, name\nou_1,  " Ada "\n"ou_2", Bob \n "ou_3" , "a ""b"""\n'.replace('" ,', '",'))
    assert values_of(path) == [("ou_1", " Ada "), ("ou_2", "Bob"), ("ou_3", 'a "b"')]


def test_a_blank_that_hides_a_quote_is_told(file: Callable[..., Path]) -> None:
    [row] = rows_of(file('receiver_id,name\nou_1,\u3000"Ada"\n'))
    assert (row.column, row.problem) == ("name", "has a blank before its quote: begin the cell with the quote")


def test_the_end_of_a_file_of_dos_is_no_row(file: Callable[..., Path]) -> None:
    assert values_of(file(b"receiver_id,name\r\nou_1,Ada\r\n\x1a")) == [("ou_1", "Ada")]
    assert values_of(file(b"receiver_id,name\r\nou_1,Ada\x1a")) == [("ou_1", "Ada")]


def test_a_text_that_was_written_as_a_formula_is_what_excel_shows(file: Callable[..., Path]) -> None:
    path = file('receiver_id,code\n="ou_1",="007"\n"=""ou_2""",="a""b"\n')
    assert values_of(path) == [("ou_1", "007"), ("ou_2", 'a"b')]


def test_a_number_that_excel_rounded_cannot_be_used(file: Callable[..., Path]) -> None:
    [row] = rows_of(file("receiver_id,card\nou_1,6.22202E+18\n"))
    assert [(at, "looks like a number that a spreadsheet has rounded" in why) for at, why in row.unusable] == [
        (1, True)
    ]
    [row] = rows_of(file("receiver_id,note\nou_1,C++ and E+ 5\n"))
    assert row.unusable == ()


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ("#N/A", "contains the formula error #N/A"),
        ("#DIV/0!", "contains the formula error #DIV/0!"),
        ("#NAME?", "contains the formula error #NAME?"),
        ("#REF!", "contains the formula error #REF!"),
        (
            "########",
            "holds only # signs, as Excel saves a column that is too narrow: widen it, and save the file again",
        ),
    ],
)
def test_what_excel_saved_in_place_of_a_value_cannot_be_used(
    cell: str, problem: str, file: Callable[..., Path]
) -> None:
    [row] = rows_of(file(f"receiver_id,name\nou_1,{cell}\n"))
    assert row == Row(2, ("ou_1", cell), unusable=((1, problem),))


@pytest.mark.parametrize("cell", ["#1", "#", "##", "# 12", "#help-desk", "N/A", "see #REF!", "C#"])
def test_a_text_with_a_number_sign_is_a_value(cell: str, file: Callable[..., Path]) -> None:
    assert rows_of(file(f"receiver_id,name\nou_1,{cell}\n")) == [Row(2, ("ou_1", cell))]


def test_a_row_that_is_divided_otherwise_than_the_header_is_told_so(file: Callable[..., Path]) -> None:
    [row] = rows_of(file("receiver_id,name\nou_1;Ada\n"))
    assert row.problem == "has 1 cell, but the header names 2: it is divided by semicolons, the header by commas"


def test_an_unreadable_row_keeps_its_text(file: Callable[..., Path]) -> None:
    _, row, _ = rows_of(file('receiver_id,size\nou_a,ok\nou_b,"27" screen\nou_c,ok\n'))
    assert (row.line, row.values, row.text) == (3, (), 'ou_b,"27" screen')
    _, row = rows_of(file('{"receiver_id": "a"}\n  {"receiver_id": b}\n', "p.jsonl"))
    assert row.text == '{"receiver_id": b}'


# --- headers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["Receiver_ID", "E-Mail", "MAIL", "邮箱", "电子邮箱", "Ｐｈｏｎｅ", "手机号码", "Open_ID"]
)
def test_columns_of_addresses_are_known_by_any_of_their_names(file: Callable[..., Path], name: str) -> None:
    assert values_of(file(f"{name},Full name\nx,Ada\n")) == [("x", "Ada")]


@pytest.mark.parametrize(("one", "other"), [("name", "Name"), ("name", "ｎａｍｅ"), ("é", "e\u0301"), ("a b", "A  B")])
def test_names_that_people_cannot_keep_apart_are_one(file: Callable[..., Path], one: str, other: str) -> None:
    said = refusal(file(f"receiver_id,{one},{other}\nou_1,1,2\n"))
    assert "is the same name as" in said
    assert "each name must be unique" in said


@pytest.mark.parametrize("first", ["ou_7346,Ada", "ada@corp.example,Ada", "13800138000,Ada"])
def test_a_file_without_a_header_is_told_to_have_one(file: Callable[..., Path], first: str) -> None:
    said = refusal(file(f"{first}\nou_2,Bob\n"))
    assert "has no header: its first line is" in said
    assert "Put a line above it that names the columns, such as receiver_id,name" in said


def test_an_address_column_that_is_not_there_is_told_with_its_neighbour(file: Callable[..., Path]) -> None:
    said = refusal(file("Work mail,name\na@b.c,A\n"), address_column="Wrok mail")
    assert said == 'address_column: there is no column "Wrok mail"; did you mean "Work mail"?'
    assert values_of(file("Work mail,name\na@b.c,A\n"), address_column="work MAIL") == [("a@b.c", "A")]


def test_an_encoding_does_not_go_with_a_workbook(file: Callable[..., Path]) -> None:
    assert refusal(file(WORKBOOK, "people.xlsx"), encoding="gbk").startswith("encoding: goes with CSV and JSONL")


# --- properties ------------------------------------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)


@given(
    st.lists(st.lists(TEXT, min_size=2, max_size=2), min_size=1, max_size=5),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["\r\n", "\n"]),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    st.sampled_from(["utf-8", "utf-8-sig", "gb18030", "utf-16"]),
)
def test_what_csv_writes_in_any_dialect_is_read_back_or_refused(
    cells: list[list[str]], delimiter: str, line_end: str, quoting: Any, encoding: str
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=line_end, quoting=quoting)
    writer.writerows([["receiver_id", "a"], *cells, ["ou", "x"]])
    data = text.getvalue().encode(encoding)
    options = ReadingOptions(encoding=encoding)
    with Recipients.open("-", io.BytesIO(data), options=options) as recipients:
        rows = list(recipients.rows())
    expected = [row for row in [*cells, ["ou", "x"]] if any(cell.strip() for cell in row)]
    found = [list(row.values) for row in rows if not row.problem and not row.unusable]
    if quoting == csv.QUOTE_ALL and not any('="' in cell for row in cells for cell in row):
        assert found == expected or len(found) < len(rows)
    else:  # blanks around a cell without quotes are nobody's
        assert [[cell.strip() for cell in row] for row in found if any(cell.strip() for cell in row)] or not expected


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4))
def test_what_json_writes_is_read_back(pairs: list[tuple[str, str]]) -> None:
    import json

    lines = [json.dumps({"receiver_id": one, "a": other}) for one, other in pairs]
    with Recipients.open("-", io.BytesIO("\n".join(lines).encode()), options=AS_IT_IS) as recipients:
        assert [row.values for row in recipients.rows()] == pairs
