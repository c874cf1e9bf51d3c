"""Marks in the text of a message as HTML: mentions, links, and what makes words bold, italic, underlined or struck.

One walk over the text, in linear time whatever stands in it: an expression that looks for `<b>` and its end together
goes through all of the text for each `<b>` that has none.
"""

import re
from collections import Counter

from markupsafe import Markup, escape

__all__ = ["MARKED_CHARACTERS", "markdown_html", "text_html"]

#: A longer text is shown as it was written. No person writes one that long to be read in a chat.
MARKED_CHARACTERS = 8 * 1024

_SPAN = (
    r"<at (?:user_)?id=[\"']?(?P<user>[^<>\"'\s]*)[\"']?>(?P<name>[^<\n]*)</at>"
    r"|\[(?P<label>[^\[\]]+)\]\((?P<url>[^()\s]+)\)"
)
#: Nothing in these repeats over the beginning of another mark, so that no character is looked at again and again.
_TEXT = re.compile(_SPAN + r"|<(?P<ends>/?)(?P<tag>[bius])>")
_MARKDOWN = re.compile(_SPAN + r"|</?font[^<>]*>|(?P<mark>\*\*|\*|~~)|(?P<line>\n)")
_TAG_OF_MARK = {"**": "b", "*": "i", "~~": "s"}


def text_html(text: str) -> Markup:
    """Of a text message: the four tags that it may have."""
    if len(text) > MARKED_CHARACTERS:
        return escape(text)
    walk = _Walk(text)
    for match in _TEXT.finditer(text):
        walk.write_up_to(match)
        if match["tag"] is None:
            walk.write_span(match)
        elif match["ends"]:
            walk.end(match["tag"], match[0])
        else:
            walk.begin(match["tag"], match[0])
    return walk.finished()


def markdown_html(text: str) -> Markup:
    """Of the Markdown of cards: a mark ends in the line in which it begins, and fonts are left out."""
    if len(text) > MARKED_CHARACTERS:
        return escape(text)
    walk = _Walk(text)
    for match in _MARKDOWN.finditer(text):
        walk.write_up_to(match)
        if match["line"]:
            walk.forget_open()
            walk.write("\n")
        elif match["mark"]:
            walk.begin_or_end(_TAG_OF_MARK[match["mark"]], match["mark"])
        elif not match[0].startswith(("<font", "</font")):
            walk.write_span(match)
    return walk.finished()


class _Walk:
    """What has been written so far. A tag that begins stands there as the reader typed it until its end is found."""

    def __init__(self, text: str) -> None:
        self._text, self._rest = text, 0
        self._written: list[str] = []
        self._open: list[tuple[str, int]] = []  #: tags, and where in `_written` they stand; those within stand behind
        self._counts: Counter[str] = Counter()  #: of the open ones

    def write_up_to(self, match: re.Match[str]) -> None:
        self.write(self._text[self._rest : match.start()])
        self._rest = match.end()

    def write(self, text: str) -> None:
        if text:
            self._written.append(str(escape(text)))

    def write_span(self, match: re.Match[str]) -> None:
        """Nothing leads out of the console: a link shows where it would lead."""
        if match["label"]:
            span = Markup('<span class="link" title="{}">{}</span>').format(match["url"], match["label"])
        else:
            span = Markup('<span class="at">@{}</span>').format(match["name"] or match["user"])
        self._written.append(str(span))

    def begin(self, tag: str, typed: str) -> None:
        self._open.append((tag, len(self._written)))
        self._counts[tag] += 1
        self.write(typed)

    def end(self, tag: str, typed: str) -> None:
        """What began within it and has no end stays as it was typed: tags never cross."""
        if not self._counts[tag]:
            self.write(typed)
            return
        begun, at = self._take()
        while begun != tag:
            begun, at = self._take()
        self._written[at] = f"<{tag}>"
        self._written.append(f"</{tag}>")

    def begin_or_end(self, tag: str, typed: str) -> None:
        if not self._counts[tag]:
            self.begin(tag, typed)
        elif self._open[-1] == (tag, len(self._written) - 1):  # there is nothing between them
            self._take()
            self.write(typed)
        else:
            self.end(tag, typed)

    def forget_open(self) -> None:
        self._open.clear()
        self._counts.clear()

    def _take(self) -> tuple[str, int]:
        begun, at = self._open.pop()
        self._counts[begun] -= 1
        return begun, at

    def finished(self) -> Markup:
        self.write(self._text[self._rest :])
        return Markup("".join(self._written))  # noqa: S704  escaped piece by piece; every tag of ours has its end
