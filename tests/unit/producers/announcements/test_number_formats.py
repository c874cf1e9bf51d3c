"""Numbers as Excel shows them, in a cell that is wide enough."""

from contextlib import suppress
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.announcements.recipients.number_formats import BUILT_IN, NotShown, NotUnderstood, NumberFormat
from tests.all_of import all_of

__all__: list[str] = []

DAY = 46356  #: 2026-11-30, a Monday


def shown(number: float, code: str, *, is_1904: bool = False) -> str:
    return NumberFormat.of(code).shown(Decimal(f"{number:.15g}"), is_1904=is_1904)


SHOWN = {
    "halves away from zero, on the decimal value": [
        (0.285, "0%", "29%"),
        (0.0725, "0.0%", "7.3%"),
        (2.5, "0", "3"),
        (-2.5, "0", "-3"),
        (0.125, "0.00", "0.13"),
        (1.005, "0.00", "1.01"),
        (1234.5, "#,##0", "1,235"),
    ],
    "General has eleven characters, and whole numbers are written out": [
        (0.1 + 0.2, "General", "0.3"),
        (3.14159265358979, "General", "3.141592654"),
        (1 / 3, "general", "0.333333333"),
        (-123456.789012, "General", "-123456.789"),
        (13812345678, "General", "13812345678"),
        (622202123456789, "General", "622202123456789"),
        (123456789012.5, "General", "1.23457E+11"),
        (0.00001234567, "General", "1.23457E-05"),
        (0.00001, "General", "0.00001"),
        (9999999.9999999, "General", "10000000"),
        (5, 'General"元"', "5元"),
        (5, "@", "5"),
        (5, "G/通用格式", "5"),
    ],
    "zeros, and what stands between the digits": [
        (-5, "000", "-005"),
        (7, "00000", "00007"),
        (12, '"EMP"0000', "EMP0012"),
        (-12, '"EMP"0000', "-EMP0012"),
        (1012345678, "000-0000-0000", "010-1234-5678"),
        (12345, "0\\.0,\"万\"", "1.2万"),
        (1234567, '#,##0,"K"', "1,235K"),
        (1234567, '0.0,,"M"', "1.2M"),
        (0, "#,##0", "0"),
        (1234567.5, "#,##0.##", "1,234,567.5"),
        (2, "0.##", "2."),
        (1.5, "?0.0??", "1.5"),
        (0.5, ".00", ".50"),
        (12.5, "0.0\\ _D_M", "12.5"),
        (3, "0\\ \\d", "3 d"),
    ],
    "money": [
        (1234.5, "¥#,##0.00", "¥1,234.50"),
        (-1234.5, "[$¥-804]#,##0.00", "-¥1,234.50"),
        (1234.5, "_-* #,##0.00 €_-", "1,234.50 €"),
        (-1234.5, '_(* #,##0.00_);_(* \\(#,##0.00\\);_(* "-"??_);_(@_)', "(1,234.50)"),
        (0, '_(* #,##0.00_);_(* \\(#,##0.00\\);_(* "-"??_);_(@_)', "-"),
        (1234.5, '"$"#,##0.00', "$1,234.50"),
    ],
    "sections, conditions and colours": [
        (-5, "0;[Red]-0", "-5"),
        (-5, "0;[红色](0)", "(5)"),
        (0, '0;-0;"none"', "none"),
        (-0.4, "0;(0)", "(0)"),
        (1, '"yes";;"no"', "yes"),
        (5551234567, "[<=9999999]###-####;(###) ###-####", "(555) 123-4567"),
        (5551234, "[<=9999999]###-####;(###) ###-####", "555-1234"),
        (49, "[Red][=50]General;[Blue]000", "049"),
        (5, "[>=100]0.0;[>=10]0.00;0.000", "5.000"),
        (-5, "[>=0]0;(0)", "(5)"),
        (-5, "[<0]0;(0)", "5"),
    ],
    "exponents and fractions": [
        (12345, "0.00E+00", "1.23E+04"),
        (99999, "0.00E+00", "1.00E+05"),
        (0.00012, "0.0E-0", "1.2E-4"),
        (12345, "##0.0E+0", "12.3E+3"),
        (0, "0.00E+00", "0.00E+00"),
        (0.5, "# ?/?", "1/2"),
        (-1.2, "# ?/?", "-1 1/5"),
        (5.25, "# ??/??", "5  1/4"),
        (2.375, "# ?/8", "2 3/8"),
        (1.99, "# ?/8", "2"),
        (0.3, "# ?/?", "2/7"),  # of the binary number, which is a little less
        (1.5, "?/?", "3/2"),
    ],
    "dates": [
        (DAY, "yyyy-mm-dd", "2026-11-30"),
        (DAY, 'yyyy"年"m"月"d"日"', "2026年11月30日"),
        (DAY, "yyyy年m月d日", "2026年11月30日"),
        (DAY, "[$-804]yyyy\\年mmmmd\\日 dddd", "2026年十一月30日 星期一"),
        (DAY, "[$-zh-CN]aaa", "一"),
        (DAY, "aaaa", "星期一"),
        (DAY, "d-mmm-yy", "30-Nov-26"),
        (DAY, "[$-409]dddd, mmmm d, yyyy;@", "Monday, November 30, 2026"),
        (DAY, "[$-en-US]mmmmm", "N"),
        (DAY, "ddd dd/mm/yy", "Mon 30/11/26"),
        (DAY, "[$-F800]dddd\\, mmmm dd\\, yyyy", "2026-11-30"),
        (DAY + 0.375, "m/d/yyyy h:mm", "11/30/2026 9:00"),
        (DAY + 0.375, "yyyy-mm-dd hh:mm:ss", "2026-11-30 09:00:00"),
        (59, "yyyy-mm-dd", "1900-02-28"),
        (60, "yyyy-mm-dd", "1900-02-29"),  # a day that only Excel knows
        (61, "yyyy-mm-dd", "1900-03-01"),
        (0.5, "yyyy-mm-dd h:mm", "1900-01-00 12:00"),
        (2958465, "yyyy-mm-dd", "9999-12-31"),
    ],
    "times and durations": [
        (0.375, "h:mm", "9:00"),
        (0.375, "hh:mm", "09:00"),
        (0.75, "h:mm AM/PM", "6:00 PM"),
        (0.0, "h AM/PM", "12 AM"),
        (0.5, "h A/P", "12 P"),
        (0.75, '上午/下午h"时"mm"分"', "下午6时00分"),
        (0.75, "[$-804]AM/PM h:mm", "下午 6:00"),
        (26 / 24, "[h]:mm", "26:00"),
        (1.25, "[mm]:ss", "1800:00"),
        (1 / 86400, "[s]", "1"),
        (1.5 / 86400, "mm:ss.0", "00:01.5"),
        (0.999999999, "h:mm:ss", "0:00:00"),  # rounded up to the next day
        (8.99 / 24, "h:mm", "8:59"),
        (0.0, "mm", "01"),  # a month, since no hours stand before it
    ],
}  # fmt: skip


@pytest.mark.parametrize("rows", SHOWN.values(), ids=SHOWN)
def test_a_number_looks_as_in_excel(rows: list[tuple[float, str, str]]) -> None:
    assert [(number, code, shown(number, code)) for number, code, _ in rows] == rows


@all_of(
    ("number", "text"),
    {
        1: "46356", 2: "46356.38", 3: "46,356", 4: "46,356.38", 9: "4635638%", 10: "4635637.50%", 11: "4.64E+04",
        12: "46356 3/8", 14: "2026-11-30", 15: "30-Nov-26", 16: "30-Nov", 17: "Nov-26", 18: "9:00 AM",
        19: "9:00:00 AM", 20: "9:00", 21: "9:00:00", 22: "2026-11-30 09:00", 31: "2026年11月30日", 32: "9时00分",
        34: "上午9时00分", 37: "46,356", 44: "$46,356.38", 45: "00:00", 46: "1112553:00:00", 57: "2026年11月",
    }.items(),
)  # fmt: skip
def test_the_formats_that_have_a_number_of_their_own(number: int, text: str) -> None:
    assert shown(DAY + 0.375, BUILT_IN[number]) == text


def test_dates_may_begin_in_1904() -> None:
    assert shown(DAY - 1462, "yyyy-mm-dd", is_1904=True) == "2026-11-30"
    assert shown(0, "yyyy-mm-dd", is_1904=True) == "1904-01-01"


@pytest.mark.parametrize(
    "code",
    [
        "0.0N",  # a letter that stands for nothing
        '"open',
        "[DBNum1][$-804]0",  # 一二三
        "[$-411]ggge年",  # an era
        "[$-40C]mmmm",  # a month in French
        "[$-D000409]h:mm",  # other digits
        "[$-130000]yyyy",  # another calendar
        "b",
        "0;0;0;@;0",
        "0.0.0",
        "yyyy 0",
        "[<-5]0;0",
    ],
)
def test_a_format_that_is_not_understood_is_never_guessed(code: str) -> None:
    with pytest.raises((NotUnderstood, NotShown)):
        shown(-10 if "<" in code else DAY, code)


@pytest.mark.parametrize(
    ("number", "code", "problem"),
    [
        (5, ";;;", "is hidden by its number format ';;;': use another"),
        (0, "#", "is hidden by its number format '#': use another"),
        (-1, "yyyy", "is not a date that Excel can show"),
        (2958466, "yyyy", "is not a date that Excel can show"),
    ],
)
def test_what_excel_does_not_show_is_told(number: float, code: str, problem: str) -> None:
    with pytest.raises(NotShown, match=problem):
        shown(number, code)


def test_a_format_may_be_about_texts_alone() -> None:
    assert NumberFormat.of('0;0;0;"Mr. "@').shown_text("Wu") == "Mr. Wu"
    assert NumberFormat.of("0.00").shown_text("Wu") == "Wu"
    assert NumberFormat.of(";;;").shown_text("Wu") == ""
    assert shown(5, '@" kg"') == "5"


NUMBERS = st.decimals(-(10**14), 10**14, allow_nan=False, places=4)


@given(NUMBERS, st.integers(0, 6), st.booleans(), st.booleans())
def test_decimals_and_groups_are_those_of_python(number: Decimal, places: int, groups: bool, percent: bool) -> None:
    code = ("#,##0" if groups else "0") + ("." + "0" * places if places else "") + ("%" if percent else "")
    exact = (abs(number) * (100 if percent else 1)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    sign = "-" if number < 0 else ""
    assert NumberFormat.of(code).shown(number) == f"{sign}{exact:{',' if groups else ''}f}{'%' if percent else ''}"


@given(NUMBERS, st.text(st.sampled_from('0#?.,%/@;E+-"\\_*[]ymdhs$¥年<>=5G'), max_size=12) | st.text(max_size=8))
def test_any_code_is_shown_or_refused(number: Decimal, code: str) -> None:
    with suppress(NotShown, NotUnderstood):
        assert NumberFormat.of(code).shown(number).strip()
