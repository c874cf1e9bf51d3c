"""A message in one line, for a message of several."""

import re
from collections.abc import Iterator
from typing import Any

from ledger.messages.content import Message, MsgType

__all__ = ["MOST_CHARACTERS", "one_line"]

#: Of a line.
MOST_CHARACTERS = 200
#: Of a text: the mention of somebody, whose name stays.
_TAGS = re.compile(r"</?at\b[^<>]*>")
#: The fields of posts and cards that hold what people read, in the order in which they are shown.
_READ = (
    "header",
    "title",
    "post",
    "zh_cn",
    "en_us",
    "body",
    "content",
    "text",
    "fields",
    "elements",
    "columns",
    "i18n_elements",
)


def one_line(message: Message) -> str:
    """What people read first of it, cut to MOST_CHARACTERS."""
    if message.msg_type == MsgType.IMAGE:
        return "[image]"
    found: list[str] = []
    length = 0
    for text in _texts(message.content):
        line = " ".join(_TAGS.sub("", text).split())
        if line:
            found.append(line)
            length += len(line)
        if length > MOST_CHARACTERS:
            break
    line = " · ".join(found) or f"[{message.msg_type}]"
    return line if len(line) <= MOST_CHARACTERS else line[: MOST_CHARACTERS - 1] + "…"


def _texts(value: Any) -> Iterator[str]:
    """The texts in it, a post's title and a card's header first. Of several languages, the first that is there."""
    match value:
        case str():
            yield value
        case list():
            for each in value:
                yield from _texts(each)
        case dict():
            yield from _fields(value)


def _fields(value: dict[str, Any]) -> Iterator[str]:
    languages = [name for name in ("zh_cn", "en_us") if name in value][:1]
    for name in languages or _READ:
        if name in value:
            yield from _texts(value[name])
