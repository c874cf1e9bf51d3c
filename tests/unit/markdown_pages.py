"""A page of the documentation as its sections, and what of each is the same in every language."""

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

__all__ = ["ROOT", "TWINS", "Section", "anchors", "sections"]

ROOT = Path(__file__).resolve().parents[2]
CHINESE = ROOT / "docs/zh-CN"
#: Each English page with its Chinese one.
TWINS = {
    ROOT / "README.md": ROOT / "README.zh-CN.md",
    **{ROOT / "docs" / page.name: page for page in sorted(CHINESE.glob("*.md"))},
}

_MARKDOWN = MarkdownIt("commonmark").enable("table")
#: Chinese headings say their anchor, which is the one that the English heading has by itself.
_ANCHOR = re.compile(r'<a id="([\w-]+)"></a>')
#: From ten on: smaller ones are often words, as is the name of a month.
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)+|\d\d+(?! 月)")


class Section(NamedTuple):
    """From a heading to the next one, whatever their levels."""

    level: int
    anchor: str  #: "" under the title
    heading: str
    tokens: tuple[Token, ...]

    @property
    def shape(self) -> list[str]:
        """Paragraphs, lists, tables, blocks of code, each with what it consists of."""
        return [token.type for token in self.tokens if token.nesting >= 0 and token.type != "inline"]

    @property
    def code(self) -> set[str]:
        return {token.content for token in self._inline("code_inline")}

    @property
    def numbers(self) -> set[str]:
        return {number for token in self._inline("text") for number in _NUMBER.findall(token.content)}

    @property
    def blocks(self) -> list[tuple[str, str]]:
        """The language of each block of code, and its text."""
        return [(token.info, token.content) for token in self.tokens if token.type == "fence"]

    @property
    def first_columns(self) -> list[list[str]]:
        """The code in the first cell of each row of the tables."""
        return [
            [part.content for part in cell.children or () if part.type == "code_inline"]
            for row, _, cell in zip(self.tokens, self.tokens[1:], self.tokens[2:], strict=False)
            if row.type == "tr_open"
        ]

    @property
    def texts(self) -> list[str]:
        """What is read, without code and links' addresses."""
        return [token.content for token in self._inline("text")]

    def targets(self, kind: str) -> set[str]:
        """Where links lead (`link_open`), or the files of pictures (`image`)."""
        return {str(token.attrGet("href" if kind == "link_open" else "src")) for token in self._inline(kind)}

    def _inline(self, kind: str) -> Iterator[Token]:
        return (part for token in self.tokens for part in token.children or () if part.type == kind)


def sections(page: Path) -> list[Section]:
    tokens = _MARKDOWN.parse(page.read_text("utf-8"))
    starts = [number for number, token in enumerate(tokens) if token.type == "heading_open"]
    return [_section(tokens[start:end]) for start, end in pairwise([*starts, len(tokens)])]


def _section(tokens: list[Token]) -> Section:
    level, heading = int(tokens[0].tag[1:]), tokens[1].content
    said = _ANCHOR.match(heading)
    slug = re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
    anchor = "" if level == 1 else said[1] if said else slug
    return Section(level, anchor, _ANCHOR.sub("", heading), tuple(tokens[3:]))


@cache
def anchors(page: Path) -> frozenset[str]:
    return frozenset(section.anchor for section in sections(page))
