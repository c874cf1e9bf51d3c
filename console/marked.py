"""Markup in the text of a message as HTML: mentions, links, bold, italic, underlined and struck text.

One pass over the text, in linear time for any input: an expression that matches `<b>` together with its end would scan
the whole text for each `<b>` without one.
"""

import html
import re
from collections import Counter
from collections.abc import Callable

from markupsafe import Markup, escape

__all__ = ["MARKED_CHARACTERS", "markdown_html", "text_html"]

#: A longer text is shown as plain text: people do not write such long ones for a chat.
MARKED_CHARACTERS = 8 * 1024

_SPAN = (
    r"<at (?:user_)?id=[\"']?(?P<user>[^<>\"'\s]*)[\"']?>(?P<name>[^<\n]*)</at>"
    r"|\[(?P<label>[^\[\]]+)\]\((?P<url>[^()\s]+)\)"
)
#: No repetition in these runs past the beginning of another mark, so no character is scanned repeatedly.
_TEXT = re.compile(_SPAN + r"|<(?P<ends>/?)(?P<tag>[bius])>")
_MARKDOWN = re.compile(_SPAN + r"|</?font[^<>]*>|(?P<mark>\*\*|\*|~~)|(?P<line>\n)")
_TAG_OF_MARK = {"**": "b", "*": "i", "~~": "s"}


def text_html(text: str) -> Markup:
    """A text message, with the four tags it may have."""
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
    """A card's Markdown: a mark ends on the line where it begins, and fonts are left out."""
    if len(text) > MARKED_CHARACTERS:
        return escape(text)
    walk = _Walk(text, html.unescape)
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
    """The output so far. An opening tag stays as typed until its end is found."""

    def __init__(self, text: str, decoded: Callable[[str], str] = str) -> None:
        """`decoded` reads the entities of plain text."""
        self._text, self._rest, self._decoded = text, 0, decoded
        self._written: list[str] = []
        self._open: list[tuple[str, int]] = []  #: open tags with their positions in `_written`, the innermost last
        self._counts: Counter[str] = Counter()  #: of the open tags

    def write_up_to(self, match: re.Match[str]) -> None:
        self.write(self._text[self._rest : match.start()])
        self._rest = match.end()

    def write(self, text: str) -> None:
        if text:
            self._written.append(str(escape(self._decoded(text))))

    def write_span(self, match: re.Match[str]) -> None:
        """A link shows its target, but cannot be followed out of the console."""
        if match["label"]:
            span = Markup('<span class="link" title="{}">{}</span>').format(match["url"], self._decoded(match["label"]))
        else:
            span = Markup('<span class="at">@{}</span>').format(match["name"] or match["user"])
        self._written.append(str(span))

    def begin(self, tag: str, typed: str) -> None:
        self._open.append((tag, len(self._written)))
        self._counts[tag] += 1
        self.write(typed)

    def end(self, tag: str, typed: str) -> None:
        """Unclosed tags inside stay as typed: tags never overlap."""
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
        elif self._open[-1] == (tag, len(self._written) - 1):  # empty
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
