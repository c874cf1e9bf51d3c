"""Workbooks as people have them: what is read is what Excel shows, or the cell says why it cannot be used."""

import io
import zipfile
from collections.abc import Callable
from contextlib import closing
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import openpyxl
import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.styles import numbers

from ledger.errors import BadInput
from producers.announcements.recipients import Recipients, Row
from producers.announcements.recipients.reading_options import HiddenRows, ReadingOptions, Sheet
from producers.announcements.recipients.source import Source
from tests.all_of import all_of
from tests.unit.producers.announcements.hostile_workbooks import MAIN, sheet, workbook

__all__: list[str] = []

ROUNDED = (
    "holds a number of more than 15 digits, of which Excel keeps 15:"
    " format the column as text and type the numbers again"
)
NOT_STORED = "holds a formula whose value is not stored: open the file in Excel and save it"
HEADER = '<row r="1"><c r="A1" t="inlineStr"><is><t>receiver_id</t></is></c><c r="B1" t="str"><v>a</v></c></row>'


def opened(content: bytes, hidden: HiddenRows | None = None) -> Recipients:
    return Recipients.of(Source.spooled(io.BytesIO(content), "people.xlsx"), ReadingOptions(hidden))


def rows_of(content: bytes, hidden: HiddenRows | None = None) -> list[Row]:
    with opened(content, hidden) as recipients:
        return list(recipients.rows())


def made(*rows: list[Any], change: Callable[[Any], object] = lambda book: None) -> bytes:
    """By openpyxl."""
    book, file = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    change(book)
    book.save(file)
    return file.getvalue()


def cell(xml: str, **parts: str) -> Row:
    """The one row whose cell B2 is `xml`."""
    ada = '<c r="A2" t="inlineStr"><is><t>ou_ada</t></is></c>'
    content = f'<worksheet {MAIN}><sheetData>{HEADER}<row r="2">{ada}{xml}</row></sheetData></worksheet>'
    [row] = rows_of(workbook(parts={"xl/worksheets/sheet1.xml": content, **parts}))
    return row


def in_format(code: str, xml: str = '<c r="B2" s="1"><v>{}</v></c>', value: object = "5") -> Row:
    styles = (
        f'<styleSheet {MAIN}><numFmts><numFmt numFmtId="164" formatCode="{code}"/></numFmts>'
        '<cellXfs><xf numFmtId="0"/><xf numFmtId="164"/></cellXfs></styleSheet>'
    )
    return cell(xml.format(value), **{"xl/styles.xml": styles})


def rewritten(content: bytes, change: Callable[[str, str], tuple[str, str]]) -> bytes:
    """With the name and the text of each part changed."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as given_parts, zipfile.ZipFile(file, "w") as changed:
        for name in given_parts.namelist():
            changed.writestr(*change(name, given_parts.read(name).decode()))
    return file.getvalue()


PEOPLE = (["receiver_id", "name"], ["ou_ada", "Ada"], ["ou_bob", "Bob"])
READ = [Row(2, ("ou_ada", "Ada")), Row(3, ("ou_bob", "Bob"))]


# --- texts -----------------------------------------------------------------------------------------------------------


@all_of(
    ("xml", "text"),
    [
        ('<c r="B2" t="inlineStr"><is><t>one_x000D_\ntwo</t></is></c>', "one\r\ntwo"),
        ('<c r="B2" t="str"><f>C2</f><v>A_x005F_x000D_B_x5F_</v></c>', "A_x000D_B_x5F_"),
        ('<c r="B2" t="inlineStr"><is><t>_xD83D__xDE00_</t></is></c>', "😀"),
        ('<c r="B2" t="inlineStr"><is><r><t>Wu</t></r><r><rPr><b/></rPr><t> Ming</t></r></is></c>', "Wu Ming"),
        (
            '<c r="B2" t="inlineStr"><is><t>東京</t><rPh sb="0" eb="2"><t>トウキョウ</t></rPh></is></c>',
            "東京",
        ),
        ('<c t="inlineStr"><is><t> two  blanks </t></is></c>', " two  blanks "),
        ('<c r="b2"><v>12</v></c>', "12"),
        ('<c r="B2" s=""><v>1.50</v></c>', "1.5"),
        ('<c r="B2" t="b"><v>1</v></c>', "TRUE"),
        ('<c r="B2" t="str"><f>IF(1=1,"","x")</f><v></v></c>', ""),
        ('<c r="B2"><f t="shared" si="0"/><v>7</v></c>', "7"),
        ('<c r="B2" cm="1"><f t="array" ref="B2:B9">C2:C9</f><v>8</v></c>', "8"),
        ('<c r="B2" t="d"><v>2026-11-30</v></c>', "2026-11-30"),
        ('<c r="B2"/>', ""),
        ('<c r="B2"><v/></c>', ""),
    ],
)
def test_a_cell_is_read_as_excel_shows_it(xml: str, text: str) -> None:
    assert cell(xml) == Row(2, ("ou_ada", text))


def test_shared_texts_are_read_without_reading_aids_and_formatting() -> None:
    texts = (
        f'<sst {MAIN}><si><t>a_x000D_</t></si><si><r><t>B</t></r><r><t>ob</t></r><rPh sb="0" eb="1"><t>x</t></rPh></si>'
        "<si/></sst>"
    )
    for number, text in enumerate(["a\r", "Bob", ""]):
        assert cell(f'<c r="B2" t="s"><v>{number}</v></c>', **{"xl/texts.xml": texts}).values == ("ou_ada", text)


def test_rows_and_cells_without_their_place_stand_one_behind_the_other() -> None:
    cells = "<c t='inlineStr'><is><t>{}</t></is></c>"
    content = "".join(f"<row>{''.join(cells.format(text) for text in row)}</row>" for row in PEOPLE)
    found = f"<worksheet {MAIN}><sheetData>{content}</sheetData></worksheet>"
    assert rows_of(workbook(parts={"xl/worksheets/sheet1.xml": found})) == READ


# --- what cannot be used ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("xml", "text", "problem"),
    [
        ('<c r="B2"><v>6222021234567890123</v></c>', "6.22202123456789E+18", ROUNDED),
        ('<c r="B2"><v>1E+15</v></c>', "1.00000000000000E+15", ROUNDED),
        ('<c r="B2"><f>C2&amp;D2</f></c>', "", NOT_STORED),
        ('<c r="B2"><f>C2</f><v></v></c>', "", NOT_STORED),
        ('<c r="B2" t="str"><f>C2</f></c>', "", NOT_STORED),
        ('<c r="B2" t="e"><v>#N/A</v></c>', "#N/A", "contains the formula error #N/A"),
        ('<c r="B2" t="str"><v>_xD83D_</v></c>', "?", "contains half of a surrogate pair, which is not a character"),
    ],
)
def test_a_cell_says_why_it_cannot_be_used(xml: str, text: str, problem: str) -> None:
    assert cell(xml) == Row(2, ("ou_ada", text), unusable=((1, problem),))


@pytest.mark.parametrize("number", ["999999999999999", "-999999999999999", "123456789012345"])
def test_fifteen_digits_are_all_there(number: str) -> None:
    assert cell(f'<c r="B2"><v>{number}</v></c>').values == ("ou_ada", number)


def test_a_zero_of_a_formula_that_excel_is_to_calculate_is_no_value() -> None:
    file = io.BytesIO()
    with closing(xlsxwriter.Workbook(file)) as book:
        page = book.add_worksheet()
        page.write_row(0, 0, ["receiver_id", "a", "b"])
        page.write_row(1, 0, ["ou_ada", 0])
        page.write_formula(1, 2, "=A2")
        page.write_row(2, 0, ["ou_bob", 1])
        page.write_formula(2, 2, "=A3", value="ou_bob")
    assert rows_of(file.getvalue()) == [
        Row(2, ("ou_ada", "0", ""), unusable=((2, NOT_STORED),)),
        Row(3, ("ou_bob", "1", "ou_bob")),
    ]


def test_the_cells_behind_merged_ones_cannot_be_used() -> None:
    rows = [["receiver_id", "team", "room"], *(["ou_" + name] for name in "abcd")]
    rows[1] += ["Lifts", 12]
    content = made(*rows, change=lambda book: [book.active.merge_cells(each) for each in ("B2:B3", "B4:C5")])
    b2, b4 = (f"is part of merged cells ({ref}): un-merge them, and fill each of them" for ref in ("B2:B3", "B4:C5"))
    assert rows_of(content) == [
        Row(2, ("ou_a", "Lifts", "12")),
        Row(3, ("ou_b", "", ""), unusable=((1, b2),)),
        Row(4, ("ou_c", "", ""), unusable=((2, b4),)),
        Row(5, ("ou_d", "", ""), unusable=((1, b4), (2, b4))),
    ]


def test_a_thousand_merged_cells_are_found_row_by_row() -> None:
    rows = [["receiver_id", "team"], *([f"ou_{number}", "x" if number % 2 == 0 else None] for number in range(2000))]
    merge = [f"B{line}:B{line + 1}" for line in range(2, 2002, 2)]
    content = made(*rows, change=lambda book: [book.active.merge_cells(each) for each in merge])
    assert [bool(row.unusable) for row in rows_of(content)] == [False, True] * 1000


# --- number formats --------------------------------------------------------------------------------------------------


def test_a_format_is_found_by_its_cell() -> None:
    assert in_format("&quot;EMP&quot;0000", value=12).values == ("ou_ada", "EMP0012")
    assert in_format("0.00", value="1.0049999999999999").values == ("ou_ada", "1.01")
    assert in_format("@", value="7").values == ("ou_ada", "7")
    assert in_format("&quot;Mr. &quot;@", '<c r="B2" s="1" t="str"><v>{}</v></c>', "Wu").values == ("ou_ada", "Mr. Wu")


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("[DBNum1]0", "has the number format '[DBNum1]0', which is not known here: format the column as text"),
        (";;;", "is hidden by its number format ';;;': use another"),
    ],
)
def test_a_format_that_is_not_known_makes_the_cell_unusable(code: str, problem: str) -> None:
    assert in_format(code).unusable == ((1, problem),)


def test_a_hidden_text_is_not_sent() -> None:
    row = in_format(";;;", '<c r="B2" s="1" t="str"><v>{}</v></c>')
    assert row == Row(2, ("ou_ada", ""), unusable=((1, "is hidden by its number format ';;;': use another"),))


def test_a_time_to_send_at_is_read_in_iso_form_whatever_its_format() -> None:
    def change(book: Any) -> None:
        book.active["B2"].number_format = book.active["C2"].number_format = "d.m. h:mm"

    moment = datetime(2026, 11, 30, 9, 30)  # noqa: DTZ001  a cell has no zone
    content = made(["receiver_id", "send_at", "day"], ["ou_ada", moment, moment], ["ou_bob", "2h", None], change=change)
    assert [row.values for row in rows_of(content)] == [
        ("ou_ada", "2026-11-30 09:30", "30.11. 9:30"),
        ("ou_bob", "2h", ""),
    ]


# --- sheets and rows that are not seen -------------------------------------------------------------------------------


def hide_sheets(book: Any) -> None:
    book.active.title = "old"
    book.active.sheet_state = "veryHidden"
    book.create_chartsheet("chart")
    for name in ("people", "rooms"):
        book.create_sheet(name).append(["receiver_id"])
        book[name].append([f"ou_{name}"])
    book.active = book["people"]


def test_the_first_sheet_that_can_be_seen_is_read_and_the_others_are_told() -> None:
    with opened(made(["receiver_id"], ["ou_old"], change=hide_sheets)) as recipients:
        assert [row.values for row in recipients.rows()] == [("ou_people",)]
        assert recipients.sheet == Sheet("people", ("old", "rooms"), 0)


def test_a_workbook_without_a_sheet_to_see_says_so() -> None:
    hidden = workbook(
        parts={
            "xl/workbook.xml": f'<workbook {MAIN} xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/'
            'relationships"><sheets><sheet name="a" sheetId="1" r:id="r1" state="hidden"/></sheets></workbook>'
        }
    )
    with pytest.raises(BadInput, match="has no sheet that can be seen: unhide the one with the receivers"):
        opened(hidden)


def filtered(book: Any) -> None:
    book.active.row_dimensions[3].hidden = True
    book.active.row_dimensions[5].height = 77
    book.active.row_dimensions[6].hidden = True  # nothing stands there
    book.active.column_dimensions["B"].hidden = True


FILTERED = rewritten(
    made(["receiver_id", "name"], *([f"ou_{name}", name] for name in "abcd"), change=filtered),
    lambda name, text: (name, text.replace('ht="77"', 'ht="0"')),
)


def test_rows_that_excel_hides_are_refused_unless_somebody_says_what_to_do() -> None:
    with pytest.raises(BadInput) as caught:
        opened(FILTERED)
    assert str(caught.value) == (
        "hidden: people.xlsx has 2 rows that Excel hides (the first is line 3), by a filter or by hand: say skip"
        " to leave them out, or include to send to them too (--hidden skip, --hidden include)"
    )


def test_hidden_rows_are_left_out_or_read() -> None:
    assert [row.line for row in rows_of(FILTERED, HiddenRows.SKIP)] == [2, 4]
    assert [row.line for row in rows_of(FILTERED, HiddenRows.INCLUDE)] == [2, 3, 4, 5]
    with opened(FILTERED, HiddenRows.SKIP) as recipients:
        assert recipients.sheet == Sheet("Sheet", (), 2)


def test_a_hidden_column_is_read_like_any_other() -> None:
    assert [row.values for row in rows_of(FILTERED, HiddenRows.SKIP)] == [("ou_a", "a"), ("ou_c", "c")]


def test_what_is_hidden_above_the_header_is_no_header() -> None:
    content = made(["id", "n"], *PEOPLE, change=lambda book: setattr(book.active.row_dimensions[1], "hidden", True))
    assert [row.values for row in rows_of(content, HiddenRows.SKIP)] == [row.values for row in READ]


# --- decorations -----------------------------------------------------------------------------------------------------


def strict(name: str, text: str) -> tuple[str, str]:
    main, office = "schemas.openxmlformats.org/spreadsheetml/2006", "schemas.openxmlformats.org/officeDocument/2006"
    return name, text.replace(main, "purl.oclc.org/ooxml/spreadsheetml").replace(
        office, "purl.oclc.org/ooxml/officeDocument"
    )


DECORATIONS: dict[str, Callable[[str, str], tuple[str, str]]] = {
    "Strict Open XML": strict,
    "names of parts in capitals": lambda name, text: (name.upper(), text),
    "names of parts as on Windows": lambda name, text: (name.replace("/", "\\"), text),
    "a colour of four digits": lambda name, text: (name, text.replace("<cellXfs", '<x><color rgb="FFF"/></x><cellXfs')),
    "a fill of no kind": lambda name, text: (
        name,
        text.replace("<fills", "<fills><fill/><fill>x</fill></fills><fills"),
    ),
    "a date of creation that is none": lambda name, text: (
        name,
        text.replace("<dcterms:created", "<dcterms:created>soon</dcterms:created><dcterms:created"),
    ),
    "no styles at all": lambda name, text: (
        name,
        "" if name == "docProps/core.xml" else text.replace("styles", "stile"),
    ),
    "a prefix before each name": lambda name, text: (
        name,
        text.replace("<", "<x:").replace("<x:/", "</x:").replace("<x:?", "<?").replace("xmlns=", "xmlns:x="),
    ),
}


@pytest.mark.parametrize("change", DECORATIONS.values(), ids=DECORATIONS)
def test_what_does_not_matter_to_rows_is_not_looked_at(change: Callable[[str, str], tuple[str, str]]) -> None:
    assert rows_of(rewritten(made(*PEOPLE), change)) == READ


def test_blank_rows_and_columns_around_the_table_are_none() -> None:
    content = made([], [], ["receiver_id", "name", " ", None], [], ["ou_ada", "Ada", None, " "], [" ", ""], ["ou_bob"])
    assert rows_of(content) == [Row(5, ("ou_ada", "Ada")), Row(7, ("ou_bob", ""))]


def test_what_stands_right_of_the_header_makes_its_row_invalid() -> None:
    content = made(["receiver_id"], ["ou_ada", None, "x"], ["ou_bob", "=1"])
    assert [(row.line, row.problem) for row in rows_of(content)] == [
        (2, "has 3 cells, but the header names 1"),
        (3, "has 2 cells, but the header names 1"),
    ]


def test_the_sheet_of_the_other_tests_is_read_without_more_than_a_look_for_merged_cells() -> None:
    assert rows_of(workbook(parts={"xl/worksheets/sheet1.xml": sheet("")})) == [Row(2, ("ou_ada",))]


# --- properties ------------------------------------------------------------------------------------------------------

TEXTS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="￾￿"), min_size=1, max_size=20
).filter(lambda text: text[0] not in "={")
VALUES = (
    TEXTS
    | st.integers(-(10**15) + 1, 10**15 - 1)
    | st.booleans()
    | st.decimals(-(10**6), 10**6, places=2).map(float)
    | st.dates(date(1900, 3, 1), date(9999, 12, 31))
    | st.timedeltas(timedelta(0), timedelta(days=300)).map(lambda span: timedelta(seconds=int(span.total_seconds())))
    | st.times().map(lambda moment: moment.replace(microsecond=0))
)
WRITTEN: dict[type, Callable[[Any], str]] = {
    str: str,
    int: str,
    bool: lambda truth: str(truth).upper(),
    float: lambda number: f"{Decimal(repr(number)).normalize():f}" if number else "0",
    date: date.isoformat,
    time: lambda moment: f"{moment.hour}:{moment:%M:%S}",
    timedelta: lambda span: "{}:{:02d}:{:02d}".format(
        *(int(span.total_seconds()) // each % most for each, most in ((3600, 10**9), (60, 60), (1, 60)))
    ),
}


@given(st.lists(VALUES, min_size=1, max_size=8))
def test_whatever_openpyxl_wrote_is_read_back(values: list[Any]) -> None:
    def change(book: Any) -> None:
        for at, value in enumerate(values, start=2):
            if isinstance(value, timedelta):
                book.active.cell(2, at).number_format = numbers.FORMAT_DATE_TIMEDELTA.replace("hh", "h")
            elif isinstance(value, time):
                book.active.cell(2, at).number_format = "h:mm:ss"

    [row] = rows_of(made(["receiver_id", *(f"c{at}" for at in range(len(values)))], ["ou_ada", *values], change=change))
    assert row.values[1:] == tuple(WRITTEN[type(value)](value) for value in values)
    assert not row.unusable


@given(st.lists(TEXTS | st.integers(-(10**15) + 1, 10**15 - 1) | st.booleans(), min_size=1, max_size=8), st.booleans())
def test_whatever_xlsxwriter_wrote_is_read_back(values: list[Any], in_memory: bool) -> None:
    file = io.BytesIO()
    with closing(xlsxwriter.Workbook(file, {"constant_memory": not in_memory, "strings_to_urls": False})) as book:
        page = book.add_worksheet()
        page.write_row(0, 0, ["receiver_id", *(f"c{at}" for at in range(len(values)))])
        page.write_row(1, 0, ["ou_ada", *values])
    [row] = rows_of(file.getvalue())
    assert row.values[1:] == tuple(WRITTEN[type(value)](value) for value in values)
