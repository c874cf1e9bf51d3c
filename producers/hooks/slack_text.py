"""Slack's text, mrkdwn, as the Markdown of a card's texts, `lark_md`; its links, marks and entities are not Markdown's.

Of https://docs.slack.dev/messaging/formatting-message-text
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from ledger.messages.card_text import as_link, as_literal

__all__ = ["SlackText", "link", "unescaped"]

#: A link, a mention, a date, or code within a line.
_TOKEN = re.compile(r"<([^<>\n]+)>|`([^`\n]+)`")
_FENCE = "```"
#: `*bold*`: the mark stands before what it marks, and behind it, in a line. Senders write Markdown's `**bold**`, too.
_MARKED = {
    "*": re.compile(r"(?<![\w*])\*{1,2}(?=[^\s*])([^*\n]++)(?<=\S)\*{1,2}(?![\w*])"),
    "_": re.compile(r"(?<![\w_])_{1,2}(?=[^\s_])([^_\n]++)(?<=\S)_{1,2}(?![\w_])"),
    "~": re.compile(r"(?<![\w~])~{1,2}(?=[^\s~])([^~\n]++)(?<=\S)~{1,2}(?![\w~])"),
}
#: Stand in a text for what is written in Markdown at last. Unicode has no characters here, so none can be meant.
_PLACE, _SIGNS = "\ufdd0", ("\ufdd1", "\ufdd2", "\ufdd3")
_WRITTEN = dict(zip(_SIGNS, ("**", "*", "~~"), strict=True))
_OURS = str.maketrans(dict.fromkeys((_PLACE, *_SIGNS), "\ufffd"))
#: How mentions begin, of a person, a channel and a group. They are shown as words and reach nobody.
_KINDS = ("@", "#", "!")


@dataclass(frozen=True, slots=True)
class SlackText:
    """A text taken apart. `is_plain`: it has neither links nor marks."""

    _text: str
    _pieces: list[tuple[str, str]] = field(default_factory=list)  #: Markdown and plain text, for each place

    @classmethod
    def of(cls, text: str) -> Self:
        """Takes time in proportion to the text."""
        pieces: list[tuple[str, str]] = []
        *fenced, rest = text.translate(_OURS).split(_FENCE)
        parts = [*fenced, rest] if len(fenced) % 2 == 0 else [*fenced[:-1], _FENCE.join((fenced[-1], rest))]
        taken = [_code(part, pieces) if at % 2 else _tokens(part, pieces) for at, part in enumerate(parts)]
        marked = "".join(taken)
        for (mark, pattern), sign in zip(_MARKED.items(), _SIGNS, strict=True):
            if mark in marked:
                marked = pattern.sub(rf"{sign}\1{sign}", marked)
        return cls(unescaped(marked), pieces)

    @property
    def is_plain(self) -> bool:
        return not any(sign in self._text for sign in _SIGNS) and all(one == other for one, other in self._pieces)

    @property
    def markdown(self) -> str:
        text = as_literal(self._text)
        for sign, mark in _WRITTEN.items():
            text = text.replace(sign, mark)
        return self._filled(text, lambda piece: piece[0])

    @property
    def plain(self) -> str:
        """Without its marks, and with the names of its links."""
        return self._filled(self._text.translate(dict.fromkeys(map(ord, _SIGNS))), lambda piece: piece[1])

    def _filled(self, text: str, shown: Callable[[tuple[str, str]], str]) -> str:
        first, *others = text.split(_PLACE)
        return first + "".join(shown(piece) + part for piece, part in zip(self._pieces, others, strict=True))


def unescaped(text: str) -> str:
    """These three are the only entities."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def link(label: str, url: str) -> tuple[str, str]:
    """In Markdown, and as plain text. What is not a web link has its address behind the label."""
    try:
        return f"[{as_literal(label)}]({as_link(url)})", label
    except ValueError:
        shown = label if url.removeprefix("mailto:").removeprefix("tel:") == label else f"{label} ({url})"
        return as_literal(shown), shown


def _code(text: str, pieces: list[tuple[str, str]]) -> str:
    """Markdown of these texts has no code."""
    return _placed(unescaped(text.strip("\n")), pieces)


def _placed(text: str, pieces: list[tuple[str, str]]) -> str:
    pieces.append((as_literal(text), text))
    return _PLACE


def _tokens(text: str, pieces: list[tuple[str, str]]) -> str:
    def taken(token: re.Match[str]) -> str:
        if token[2] is not None:
            return _placed(unescaped(token[2]), pieces)
        found = _angled(token[1])
        if found is None:
            return token[0]
        pieces.append(found)
        return _PLACE

    return _TOKEN.sub(taken, text)


def _angled(inner: str) -> tuple[str, str] | None:
    """What stands in angle brackets, in Markdown and plain; None for a text that its sender has not escaped."""
    target, _, label = inner.partition("|")
    target, label = unescaped(target.strip()), unescaped(label.strip())
    if target.startswith(("http://", "https://", "mailto:", "tel:")):
        return link(label or target.removeprefix("mailto:").removeprefix("tel:"), target)
    if not target.startswith(_KINDS) or len(target) < 2:
        return None
    return (as_literal(shown), shown) if (shown := _mention(target, label)) else None


def _mention(target: str, label: str) -> str:
    """`@name` for somebody, `#name` for a channel, and what a date or group is called."""
    kind, name = target[0], target[1:]
    if kind == "!":
        return label or "@" + name.partition("^")[0]
    return kind + (label.lstrip(kind) or name)
