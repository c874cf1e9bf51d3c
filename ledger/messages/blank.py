"""Text that shows nothing: blanks, and the characters that are there but not seen."""

import re

from ledger.phrases import Phrase

__all__ = ["blank_problem", "is_blank"]

#: Blanks, controls, what Unicode calls ignorable by default, and the fillers and the Braille pattern without dots.
_UNSEEN = (
    "\\s\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_SEEN = re.compile(f"[^{_UNSEEN}]")


def is_blank(text: str) -> bool:
    """Whether a reader would see nothing at all."""
    return _SEEN.search(text) is None


def blank_problem(text: str) -> Phrase | None:
    """What is wrong with a name or a key that people could not see, or None."""
    return Phrase("must not be blank") if is_blank(text) else None
