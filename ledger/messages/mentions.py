"""Neutralises mentions in texts that other people wrote."""

import re

__all__ = ["named_mentions", "without_mentions"]

#: A mention, however it is spelt, and also what may become one together with the value that follows. Which characters
#: Feishu passes over within a tag is not known: so all that are not ASCII, or not visible, count as passed over.
_MENTION = re.compile(r"<(?=[^!-.0-~ａＡ]*(?:[aAａＡ][^!-.0-~ｔＴ]*(?:[tTｔＴ]|\Z)|\Z))")
#: A mention as Feishu documents it: its attributes, and the name that it may show. Bounded, so that the time is linear.
_WHOLE = re.compile(r"<at\s([^<>]{1,200})>([^<>]{0,100})</at>", re.IGNORECASE)
_VALUE = re.compile(r"=\s*[\"']?([\w@.+-]+)")


def without_mentions(text: str) -> str:
    """Feishu documents no escape for a text, and entities for some parts of a card only: so `&lt;at` could be shown as
    it stands. The full-width `＜` looks right in every kind of message, and none reads it as markup.
    """
    return _MENTION.sub("＜", text) if "<" in text else text


def named_mentions(text: str) -> str:
    """The text with `@name` for each mention: it reads the same, and reaches nobody."""
    return without_mentions(_WHOLE.sub(_named, text)) if "<" in text else text


def _named(mention: re.Match[str]) -> str:
    value = _VALUE.search(mention[1])
    return "@" + (mention[2].strip().removeprefix("@") or (value[1] if value else ""))
