"""The console's port for the editor of a message: columns of a file, pictures."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import PurePath
from typing import BinaryIO

from console.editing_port import Uploaded
from feishu.member import SCOPES
from feishu.verdict import AskFailed
from ledger.errors import BadInput
from ledger.ledger import Ledger
from ledger.messages.images import IMAGE_MB, LocalImage
from producers.announcements.addressing import variables_of
from producers.announcements.recipients.reading_options import ReadingOptions
from producers.announcements.recipients.source import Source
from producers.pictures import uploaded_key
from producers.web.announcement_intake import foreign, turns
from producers.web.problems import Problem

__all__ = ["ConsoleEditing"]

#: Of the beginning of a text file that the page sends; its last line is left out if it was cut.
BEGINNING_BYTES = 64 * 1024
#: Characters of a value of the first row: enough to see how the message looks.
_VALUE_CHARACTERS = 80
_WORKBOOKS = frozenset({".xlsx", ".xlsm"})
_IMAGE_BYTES = IMAGE_MB * 1024 * 1024


class ConsoleEditing:
    """Thread-safe."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @property
    def of_people(self) -> Sequence[str]:
        return list(SCOPES)

    def columns(self, file: Uploaded, encoding: str, by: str) -> Mapping[str, str]:
        """In turn with files that are checked."""
        try:
            return turns.take(by, lambda: _columns(file, encoding)).result()
        except Problem as problem:
            refusal = BadInput("recipients", problem.detail)
        raise refusal

    def picture(self, desk: str, file: Uploaded) -> str:
        file.file.seek(0)
        image = LocalImage.check(file.file.read(_IMAGE_BYTES + 1), name=PurePath(file.name).name, where="picture")
        try:
            return uploaded_key(self._ledger, desk, image)
        except AskFailed as error:
            refusal = BadInput("picture", error.detail)
        raise refusal


def _columns(file: Uploaded, encoding: str) -> dict[str, str]:
    source = Source.spooled(_whole_lines(file), PurePath(file.name).name)
    # A hidden row may be the first that is shown here: nothing is sent.
    raw = {"encoding": encoding or None, "hidden": "include"}
    options = ReadingOptions.take({name: value for name, value in raw.items() if value})
    with foreign(source, options) as recipients:
        first = next(recipients.rows(), None)
        names = variables_of(recipients.columns)
        values = first.values if first and not first.problem else ("",) * len(recipients.columns)
        return {name: (values[at] or "")[:_VALUE_CHARACTERS] for at, name in names}


def _whole_lines(file: Uploaded) -> BinaryIO:
    """A text file that was cut ends with its last whole line: what begins behind it could be half a character."""
    file.file.seek(0)
    if PurePath(file.name).suffix.lower() in _WORKBOOKS:
        return file.file
    beginning = file.file.read(BEGINNING_BYTES)
    is_whole = len(beginning) < BEGINNING_BYTES
    return BytesIO(beginning if is_whole else beginning[: beginning.rfind(b"\n") + 1] or beginning)
