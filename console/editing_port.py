"""The console's interface to the producers for the editor of a message."""

from collections.abc import Mapping, Sequence
from typing import BinaryIO, NamedTuple, Protocol

__all__ = ["Editing", "Uploaded"]


class Uploaded(NamedTuple):
    """An uploaded file of a form."""

    name: str
    file: BinaryIO


class Editing(Protocol):
    """What the editor of a message needs beside the ledger. Each raises BadInput."""

    @property
    def of_people(self) -> Sequence[str]:
        """What the message may say of people whom the contacts have."""
        ...

    def columns(self, file: Uploaded, encoding: str, by: str) -> Mapping[str, str]:
        """Those that the message may name, with their values in the first row. Of a text its beginning is enough."""
        ...

    def picture(self, desk: str, file: Uploaded) -> str:
        """Uploads a picture to Feishu, and returns its key."""
        ...
