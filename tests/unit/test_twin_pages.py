"""A page in two languages has the same sections, commands, tables, code, figures and links. Words are not compared."""

import re
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import pytest

from tests.all_of import all_of
from tests.english import english_in
from tests.unit.markdown_pages import ROOT, TWINS, Section, sections

__all__: list[str] = []

#: A remark behind a command, or a line of its own.
REMARK = re.compile(r"(^|\s+)#\s.*$")
CHINESE = r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]"
#: What a block of a Chinese page may say in its own words: a text in quotes, a column of a list, a label of a drawing.
QUOTED = re.compile(rf'"[^"\n]*{CHINESE}[^"\n]*"')
COLUMN = re.compile(rf"(?:(?<=  )|^)(?:(?!  ).)*?{CHINESE}(?:(?!  ).)*")
LABEL = re.compile(rf"(?<= : ).*{CHINESE}.*")
OWN_WORDS = {"text": COLUMN, "mermaid": LABEL}
#: Names of services, labels in other tools, a page in the glossary, a line of a log, and what Feishu says.
ENGLISH = {
    "Add alert description", "Add custom headers", "Aiven for Valkey", "Alert Rule Action", "Azure Cache for Redis",
    "Azure Event Grid", "Create a", "Google Memorystore for Redis", "Google Memorystore for Valkey",
    "Memorystore for Valkey", "Needs you", "Service Internal Error", "this worker does nothing",
}  # fmt: skip
OTHER = {**TWINS, **{chinese: english for english, chinese in TWINS.items()}}
PAIRS = [pytest.param(*pair, id=pair[0].relative_to(ROOT).as_posix()) for pair in TWINS.items()]


def test_each_page_is_in_both_languages() -> None:
    pages = {folder: {page.name for page in (ROOT / "docs" / folder).glob("*.md")} for folder in (".", "zh-CN")}
    assert pages["."] == pages["zh-CN"]


@pytest.mark.parametrize(("english", "chinese"), PAIRS)
def test_both_have_the_same_sections_with_the_same_anchors(english: Path, chinese: Path) -> None:
    have, wanted = ([(part.level, part.anchor) for part in sections(page)] for page in (chinese, english))
    different = next((pair for pair in zip_longest(have, wanted) if pair[0] != pair[1]), None)
    assert have == wanted, f"{name(chinese)}: (level, anchor) of the first section that differs: {different}"


@pytest.mark.parametrize(("english", "chinese"), PAIRS)
def test_each_section_says_the_same_in_both(english: Path, chinese: Path) -> None:
    found = [
        f'{name(chinese)}, section "{part.heading}" (#{part.anchor}) of the English page: {difference}'
        for part, twin in zip(sections(english), sections(chinese), strict=False)
        for difference in differences(part, twin, english, chinese)
    ]
    assert found == [], "carry what was changed in one language into the other:\n" + "\n".join(found)


@pytest.mark.parametrize(("english", "chinese"), PAIRS)
def test_each_links_to_the_other_at_its_top(english: Path, chinese: Path) -> None:
    there, back = (f"{folder}{page.name}" for folder, page in zip(folders(english), (chinese, english), strict=True))
    assert english.read_text("utf-8").splitlines()[2] == f"**English** · [简体中文]({there})"
    assert chinese.read_text("utf-8").splitlines()[2] == f"[English]({back}) · **简体中文**"


@all_of("chinese", TWINS.values(), ids=lambda page: page.name)
def test_no_english_sentence_is_left_in_a_chinese_page(chinese: Path) -> None:
    texts = {part.anchor: part.texts for part in sections(chinese)}
    found = {anchor: set(english_in("\n".join(texts[anchor]))) - ENGLISH for anchor in texts}
    assert {anchor: english for anchor, english in found.items() if english} == {}


def test_a_difference_is_told_with_its_section(tmp_path: Path) -> None:
    english, chinese = tmp_path / "en.md", tmp_path / "zh.md"
    text = "# A\n\n## Retry it\n\n{said}:\n\n```console\n$ deskbell retry ID{more}  # {now}\n```\n"
    english.write_text(text.format(said="In 20 s, with `--at`", more=" --json", now="now"), "utf-8")
    chinese.write_text(text.format(said="二十秒后", more="", now="现在"), "utf-8")
    [_, part], [_, twin] = sections(english), sections(chinese)
    assert list(differences(part, twin, english, chinese)) == [
        "`--at` is missing",
        "20 is missing",
        "a block of code has `$ deskbell retry ID` instead of `$ deskbell retry ID --json`",
    ]


def differences(part: Section, twin: Section, english: Path, chinese: Path) -> Iterator[str]:
    if part.shape != twin.shape:
        yield f"{counted(part)} became {counted(twin)}"
    if part.first_columns != twin.first_columns:
        pairs = zip_longest(part.first_columns, twin.first_columns)
        yield f"the first columns of the tables differ: {next(pair for pair in pairs if pair[0] != pair[1])}"
    yield from apart({f"`{code}`" for code in part.code}, {f"`{code}`" for code in twin.code})
    yield from apart(part.numbers, twin.numbers)
    yield from apart(*(pictures(each) for each in (part, twin)))
    yield from apart(*(links(each, page) for each, page in ((part, english), (twin, chinese))))
    yield from blocks_apart(part, twin)


def apart(wanted: set[str], have: set[str]) -> Iterator[str]:
    yield from (f"{each} is missing" for each in sorted(wanted - have))
    yield from (f"{each} stands in it alone" for each in sorted(have - wanted))


def counted(part: Section) -> str:
    kinds = ("paragraph_open", "list_item_open", "tr_open", "fence")
    return ", ".join(f"{part.shape.count(kind)} {kind.removesuffix('_open')}" for kind in kinds)


def pictures(part: Section) -> set[str]:
    """By their names: those of Chinese pages begin with `zh-`, where there are any."""
    return {Path(target).name.removeprefix("zh-") for target in part.targets("image")}


def links(part: Section, page: Path) -> set[str]:
    """Where they lead, but for the link to the other language, by the names of the English pages."""
    return {
        target if "://" in target else led(target, page)
        for target in part.targets("link_open")
        if (page.parent / target).resolve() != OTHER.get(page)
    }


def led(target: str, page: Path) -> str:
    path, _, anchor = target.partition("#")
    full = (page.parent / path).resolve() if path else page
    if page in TWINS.values() and full in TWINS:
        return f"the English {target}"
    english = OTHER[full] if full in TWINS.values() else full
    return f"{name(english)}#{anchor}" if path else f"#{anchor}"


def blocks_apart(part: Section, twin: Section) -> Iterator[str]:
    for (kind, wanted), (twin_kind, have) in zip(part.blocks, twin.blocks, strict=False):
        if kind != twin_kind:
            yield f"a block of code is {twin_kind or 'plain'} instead of {kind or 'plain'}"
        for line, twin_line in zip_longest(code_lines(wanted), code_lines(have), fillvalue=""):
            if not same(line, twin_line, OWN_WORDS.get(kind, QUOTED)):
                yield f"a block of code has `{twin_line}` instead of `{line}`"


def code_lines(block: str) -> list[str]:
    """Without remarks."""
    return [REMARK.sub("", line).rstrip() for line in block.splitlines()]


def same(line: str, twin: str, chinese: re.Pattern[str]) -> bool:
    """Where the Chinese line has Chinese, the other may have anything: in a drawing, all of the line."""
    line, twin = (re.sub("  +", " " if "│" in twin else "  ", each) for each in (line, twin))
    return re.fullmatch(".*?".join(map(re.escape, chinese.split(twin))), line) is not None


def folders(page: Path) -> tuple[str, str]:
    """What comes before the name of the other page, in the English and in the Chinese one."""
    return ("", "") if page.parent == ROOT else ("zh-CN/", "../")


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix() if page.is_relative_to(ROOT) else page.name
