"""A workbook's XML as a stream of the relevant elements, each bounded."""

from collections.abc import Iterator
from typing import IO
from xml.etree.ElementTree import Element, TreeBuilder, XMLParser

from ledger.phrases import Phrase
from producers.announcements.recipients.bounds import NEW_WORKBOOK, ROW_CHARACTERS, TooMuch

__all__ = ["NAMESPACE", "repeated"]

#: Of sheets, texts, formats and the workbook.
NAMESPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_BLOCK_BYTES = 64 * 1024
#: Of one tag, comment or attribute that goes on and on, which the parser holds until its end.
_TOKEN_BYTES = 1024 * 1024
#: Within one of those elements. Excel keeps at most 65,490 cell formats.
_MOST_PARTS = 65_536
_DEEPEST_LEVEL = 100


def repeated(part: IO[bytes], tag: str, what: str, *, until: str = "") -> Iterator[Element]:
    """Each element `tag`, complete; it stops at the end of the element `until`.

    Raises ParseError for what is no XML, and TooMuch, where `what` stands for the element.
    """
    target = _Target(tag, what, until)
    parser = XMLParser(target=target)  # noqa: S314  the target refuses a DOCTYPE, and with it every entity
    silent_bytes = 0
    while not target.is_done and (block := part.read(_BLOCK_BYTES)):
        target.is_silent = True
        parser.feed(block)
        yield from target.take()
        silent_bytes = silent_bytes + len(block) if target.is_silent else 0
        if silent_bytes > _TOKEN_BYTES:
            raise TooMuch(Phrase("was not written by a spreadsheet program: {do}", do=NEW_WORKBOOK))
    if not target.is_done:
        parser.close()


class _Target:
    """Builds the elements that are asked for, and passes over the others."""

    def __init__(self, tag: str, what: str, until: str) -> None:
        self.is_done = False
        self.is_silent = True  #: nothing was heard of since it was set
        self._tag, self._what, self._until = tag, what, until
        self._found: list[Element] = []
        self._builder: TreeBuilder | None = None
        self._level = self._opened_at = self._parts = self._characters = 0

    def take(self) -> list[Element]:
        found, self._found = self._found, []
        return found

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.is_silent = False
        self._level += 1
        if self._level > _DEEPEST_LEVEL:
            raise TooMuch(Phrase("is nested more than {most} levels deep: {do}", most=_DEEPEST_LEVEL, do=NEW_WORKBOOK))
        if self._builder is None:
            if name != self._tag or self.is_done:
                return
            self._builder = TreeBuilder()
            self._opened_at, self._parts, self._characters = self._level, 0, 0
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise TooMuch(
                Phrase(
                    "has {what} of more than {most:,} entries: {do}", what=self._what, most=_MOST_PARTS, do=NEW_WORKBOOK
                )
            )
        self._builder.start(name, attributes)

    def data(self, text: str) -> None:
        self.is_silent = False
        if self._builder is not None:
            self._characters += len(text)
            if self._characters > ROW_CHARACTERS:
                raise TooMuch(
                    Phrase(
                        "has {what} of more than {most:,} characters: shorten it", what=self._what, most=ROW_CHARACTERS
                    )
                )
            self._builder.data(text)

    def end(self, name: str) -> None:
        self.is_silent = False
        if self._builder is not None:
            element = self._builder.end(name)
            if self._level == self._opened_at:
                self._found.append(element)
                self._builder = None
        elif name == self._until:
            self.is_done = True
        self._level -= 1

    def doctype(self, *_: str | None) -> None:
        raise TooMuch(Phrase("was not written by a spreadsheet program (DOCTYPE): {do}", do=NEW_WORKBOOK))

    def close(self) -> None:
        """What the parser calls at the end of the part."""
