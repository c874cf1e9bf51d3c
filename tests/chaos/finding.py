"""A promise that was not kept."""

from dataclasses import dataclass

__all__ = ["Finding"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`what` says which promise, the same for all of a kind; `text` what was seen."""

    what: str
    where: str = ""  #: id of the notification or announcement, if it is about one
    text: str = ""
