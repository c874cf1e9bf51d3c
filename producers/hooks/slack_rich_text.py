"""Slack's rich text, which its own editor writes, in the Markdown of cards."""

from collections.abc import Iterator

from ledger.messages.card_text import as_literal
from producers.hooks.payload import Cut, cut_text
from producers.hooks.slack_elements import Member, members, string
from producers.hooks.slack_text import link

__all__ = ["rich_text"]

_MARKS = (("bold", "**"), ("italic", "*"), ("strike", "~~"))
#: Slack's sections within a block; a list of them is the deepest.
_DEEPEST = 3
_MENTIONS = {"user": "user_id", "usergroup": "usergroup_id", "broadcast": "range"}


def rich_text(block: Member, cut: Cut) -> str:
    return "\n".join(_lines(block, cut, _DEEPEST))


def _lines(outer: Member, cut: Cut, levels: int) -> Iterator[str]:
    for section in members(outer, "elements", cut.items):
        match section.get("type"):
            case "rich_text_list" if levels:
                yield from ("• " + line for line in _lines(section, cut, levels - 1))
            case "rich_text_section" | "rich_text_preformatted" | "rich_text_quote":
                yield "".join(_piece(each, cut) for each in members(section, "elements", cut.items)).rstrip("\n")


def _piece(piece: Member, cut: Cut) -> str:
    text = cut_text(string(piece, "text"), cut.characters)
    match piece.get("type"):
        case "text":
            return _marked(as_literal(text), piece)
        case "link":
            url = string(piece, "url")
            return link(text or cut_text(url, cut.characters), url)[0]
        case "emoji":
            return _emoji(piece)
        case "channel":
            return as_literal(f"#{string(piece, 'channel_id')}")
        case "date":
            return as_literal(cut_text(string(piece, "fallback"), cut.characters))
        case "user" | "usergroup" | "broadcast" as kind:
            return as_literal(f"@{cut_text(string(piece, _MENTIONS[kind]), cut.characters)}")
    return as_literal(text)


def _marked(text: str, piece: Member) -> str:
    """Marks stand at the words: those beside a blank would be read as they stand."""
    style, inner = piece.get("style"), text.strip()
    if not isinstance(style, dict) or not inner or "\n" in inner:
        return text
    marked = inner
    for name, mark in _MARKS:
        if style.get(name) is True:
            marked = f"{mark}{marked}{mark}"
    before, _, after = text.partition(inner)
    return before + marked + after


def _emoji(piece: Member) -> str:
    """The character, of which Slack gives the code points; else its name."""
    try:
        points = [int(point, 16) for point in string(piece, "unicode")[:64].split("-")]
        return as_literal("".join(map(chr, points)).encode("utf-8").decode())
    except (ValueError, OverflowError):
        return f":{as_literal(string(piece, 'name')[:100])}:"
