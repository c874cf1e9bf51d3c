"""A workbook's XML as a stream, bounded: what a part says is taken up by a target, element by element."""

from collections.abc import Iterator
from typing import IO
from xml.etree.ElementTree import Element, TreeBuilder, XMLParser

from ledger.phrases import Phrase
from producers.announcements.recipients.bounds import NEW_WORKBOOK, ROW_CHARACTERS, TooMuch

__all__ = ["MAIN", "MOST_PARTS", "Target", "fed", "main_names", "repeated"]

#: Of sheets, texts, formats and the workbook. Each has two names: that of "Strict Open XML" is told as the usual one.
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_STRICT = "{http://purl.oclc.org/ooxml/spreadsheetml/main}"
_BLOCK_BYTES = 64 * 1024
#: Of one tag, comment or attribute that goes on and on, which the parser holds until its end.
_TOKEN_BYTES = 1024 * 1024
#: Within one element that is held. Excel keeps at most 65,490 cell formats.
MOST_PARTS = 65_536
_DEEPEST_LEVEL = 100


def main_names(*names: str) -> dict[str, str]:
    """By the full names of the elements, in either form, their short ones."""
    return {f"{space}{name}": name for name in names for space in (MAIN, _STRICT)}


class Target:
    """What the parser tells of a part, one call for each tag and text."""

    def __init__(self, what: str) -> None:
        """`what` names, in errors, the element that is held: at most so many entries and characters of it are."""
        self.is_done = False
        self.is_silent = True  #: nothing was heard of since it was set
        self._what = what
        self._level = self._parts = self._characters = 0

    def start(self, name: str, attributes: dict[str, str], /) -> None:
        raise NotImplementedError

    def end(self, name: str, /) -> None:
        raise NotImplementedError

    def data(self, text: str) -> None:
        raise NotImplementedError

    def doctype(self, *_: str | None) -> None:
        raise TooMuch(Phrase("was not written by a spreadsheet program (DOCTYPE): {do}", do=NEW_WORKBOOK))

    def close(self) -> None:
        """What the parser calls at the end of the part."""

    def check_level(self) -> None:
        if self._level > _DEEPEST_LEVEL:
            raise TooMuch(Phrase("is nested more than {most} levels deep: {do}", most=_DEEPEST_LEVEL, do=NEW_WORKBOOK))

    def check_size(self) -> None:
        if self._parts > MOST_PARTS:
            raise TooMuch(
                Phrase(
                    "has {what} of more than {most:,} entries: {do}", what=self._what, most=MOST_PARTS, do=NEW_WORKBOOK
                )
            )
        if self._characters > ROW_CHARACTERS:
            raise TooMuch(
                Phrase("has {what} of more than {most:,} characters: shorten it", what=self._what, most=ROW_CHARACTERS)
            )


def fed(part: IO[bytes], target: Target) -> Iterator[None]:
    """Gives the part to the target, and comes back after each block, until the target is done.

    Raises ParseError for what is no XML, and TooMuch.
    """
    parser = XMLParser(target=target)  # noqa: S314  the target refuses a DOCTYPE, and with it every entity
    silent_bytes = 0
    while not target.is_done and (block := part.read(_BLOCK_BYTES)):
        target.is_silent = True
        parser.feed(block)
        yield
        silent_bytes = silent_bytes + len(block) if target.is_silent else 0
        if silent_bytes > _TOKEN_BYTES:
            raise TooMuch(Phrase("was not written by a spreadsheet program: {do}", do=NEW_WORKBOOK))
    if not target.is_done:
        parser.close()


def repeated(part: IO[bytes], tag: str, what: str) -> Iterator[Element]:
    """Each element `tag`, complete. Raises as `fed`; `what` stands for the element."""
    target = _Elements(tag, what)
    for _ in fed(part, target):
        yield from target.take()


class _Elements(Target):
    """Builds the elements that are asked for, and passes over the others."""

    def __init__(self, tag: str, what: str) -> None:
        super().__init__(what)
        self._tag = tag
        self._found: list[Element] = []
        self._builder: TreeBuilder | None = None
        self._opened_at = 0

    def take(self) -> list[Element]:
        found, self._found = self._found, []
        return found

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.is_silent = False
        self._level += 1
        self.check_level()
        if name.startswith(_STRICT):
            name = MAIN + name.removeprefix(_STRICT)
        if self._builder is None:
            if name != self._tag:
                return
            self._builder = TreeBuilder()
            self._opened_at, self._parts, self._characters = self._level, 0, 0
        self._parts += 1
        self.check_size()
        self._builder.start(name, attributes)

    def data(self, text: str) -> None:
        self.is_silent = False
        if self._builder is not None:
            self._characters += len(text)
            self.check_size()
            self._builder.data(text)

    def end(self, name: str) -> None:
        self.is_silent = False
        if self._builder is not None:
            element = self._builder.end(name)
            if self._level == self._opened_at:
                self._found.append(element)
                self._builder = None
        self._level -= 1
