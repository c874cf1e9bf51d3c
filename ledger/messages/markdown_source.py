"""Markdown with Jinja in it: Jinja's parts stand aside as words while the Markdown is read."""

import hashlib
import re
from collections import Counter

from ledger.errors import BadInput
from ledger.messages.jinja_names import jinja_parts
from ledger.messages.jinja_places import place_mark
from ledger.phrases import Phrase

__all__ = ["MarkdownSource", "line_problem"]

#: Statements that reach over what stands behind them, and what ends them.
_BEGINS, _ENDS = re.compile(r"\{%[-+]?\s{0,9}(if|for)\b"), re.compile(r"\{%[-+]?\s{0,9}end(if|for)\b")
#: What stands for a part of Jinja's: to Markdown it is a word like any other, also within a link.
_WORD = re.compile(r"v([0-9a-f]{12})x([0-9]{1,9})z")


def line_problem(line: int, problem: str) -> BadInput:
    return BadInput("markdown", Phrase("line {line}: {problem}", line=line, problem=problem))


class MarkdownSource:
    """`text` is what a parser of Markdown reads. Its lines are those of the source, less what Jinja's parts have."""

    def __init__(self, source: str, *, has_variables: bool) -> None:
        parts = list(jinja_parts(source)) if has_variables else [(source, False)]
        # No word of the source is one of ours: they have a hash of it.
        self._hash = hashlib.sha256(source.encode("utf-8", "replace")).hexdigest()[:12]
        self._jinja: list[str] = []
        self._lines, line = [1], 1
        pieces: list[str] = []
        for part, is_jinja in parts:
            pieces.append(self._aside(part) if is_jinja else part)
            for _ in range(part.count("\n")):
                line += 1
                if not is_jinja:
                    self._lines.append(line)
        self.text = "".join(pieces)

    def line(self, parsed_line: int) -> int:
        """The line of the source, from 1, for one of `text`, from 0."""
        return self._lines[min(parsed_line, len(self._lines) - 1)]

    def has_jinja(self, text: str) -> bool:
        return any(self._jinja_of(word) is not None for word in _WORD.finditer(text))

    def begins_with_jinja(self, text: str) -> bool:
        word = _WORD.match(text)
        return word is not None and self._jinja_of(word) is not None

    def plain(self, text: str, line: int) -> str:
        """With Jinja's parts in their places, for a text in which nothing is markup. Raises BadInput."""
        text = self._without_lines_of_their_own(text)
        self._check_whole(text, line)
        return _WORD.sub(self._part, text)

    def marked(self, text: str, line: int) -> str:
        """The same for a card's Markdown. Raises BadInput."""
        plain = self.plain(text, line)
        return place_mark("text") + plain if self.has_jinja(text) else plain

    def in_link(self, url: str) -> str:
        """A link, in which Jinja's parts are still words, so that their values are written for it."""
        if not self.has_jinja(url):
            return url
        place = "link" if self.begins_with_jinja(url) else "part"
        return f"{self._aside(place_mark(place))}{url}{self._aside(place_mark('text'))}"

    def _without_lines_of_their_own(self, text: str) -> str:
        """A statement on a line of its own adds no line to the message: one of its two ends of line goes."""
        first, *others = text.split("\n")
        goes_behind = before = self._is_statement(first)
        pieces = [first]
        for number, line in enumerate(others, 1):
            alone = self._is_statement(line)
            joined = before or (alone and number == len(others)) if goes_behind else alone
            pieces += ("" if joined else "\n", line)
            before = alone
        return "".join(pieces)

    def _is_statement(self, line: str) -> bool:
        parts = [self._jinja_of(word) or "" for word in _WORD.finditer(line)]
        return bool(parts) and not _WORD.sub("", line) and all(part.startswith("{%") for part in parts)

    def _aside(self, jinja: str) -> str:
        """A word that stands for a part."""
        self._jinja.append(jinja)
        return f"v{self._hash}x{len(self._jinja) - 1}z"

    def _jinja_of(self, word: re.Match[str]) -> str | None:
        return self._jinja[int(word[2])] if word[1] == self._hash else None

    def _part(self, word: re.Match[str]) -> str:
        part = self._jinja_of(word)
        return word[0] if part is None else "" if part.startswith("{#") else part

    def _check_whole(self, text: str, line: int) -> None:
        """A statement ends in the paragraph in which it begins: each is a text of its own."""
        open_ones: Counter[str] = Counter()
        for word in _WORD.finditer(text):
            part = self._jinja_of(word) or ""
            for pattern, step in ((_BEGINS, 1), (_ENDS, -1)):
                if found := pattern.match(part):
                    open_ones[found[1]] += step
            if min(open_ones.values(), default=0) < 0:
                break
        if any(open_ones.values()):
            problem = Phrase("an if or a for must end in the paragraph or list in which it begins")
            raise line_problem(line, problem)
