"""Text in a card's Markdown (`lark_md`): what is written for it, so that it stays text.

Feishu decodes these entities after it has looked for marks, so that none of them can become markup.
"""

import re
from urllib.parse import quote

from ledger.messages.json_fields import link_problem
from ledger.phrases import Phrase

__all__ = ["as_link", "as_literal", "as_text", "in_link"]

#: Of Feishu's table: every character that has a meaning in one of its elements.
_ENTITIES = {sign: f"&#{ord(sign)};" for sign in "<>*[]()_`#!-+:\\/\"'$"} | {"~": "&sim;", "&": "&#38;"}
#: An ampersand is one only where it would begin an entity.
_SIGNS = re.compile(r"[<>*\[\]()_`#!\-+:\\/\"'$~]|&(?=#?\w{1,31};)")
#: What begins or ends a mark. The others have a meaning beside these only, and stay as the author wrote them.
_MARKS = re.compile(r"[<>*\[\]_`~\\]|&(?=#?\w{1,31};)")
#: In the value of a whole link: what parts it has.
_OF_LINKS = "%/:?#@&=+,;"


def as_literal(text: str) -> str:
    """What the author of the message wrote as text."""
    return _MARKS.sub(_entity, text)


def as_text(value: str) -> str:
    """A value of a variable."""
    return _SIGNS.sub(_entity, value)


def _entity(sign: re.Match[str]) -> str:
    return _ENTITIES[sign[0]]


def as_link(value: str) -> str:
    """A value that is a whole link. Raises ValueError with what is wrong with it."""
    link = value.strip()
    problem = link_problem(link)
    if problem:
        raise ValueError(Phrase("links to a value that {problem}", problem=problem))
    return _without_marks(quote(link, safe=_OF_LINKS))


def in_link(value: str) -> str:
    """A value within a link, such as an id in its path."""
    return _without_marks(quote(value, safe=""))


def _without_marks(quoted: str) -> str:
    """`quote` leaves these as they are; within a card's Markdown they are marks."""
    return quoted.replace("_", "%5F").replace("~", "%7E")
