"""A message with a mark before it, such as `[Test]`, by which people tell it from the real one."""

from collections.abc import Mapping
from typing import Any

from ledger.messages.content import Message, MsgType, fitting

__all__ = ["marked"]

_Content = dict[str, Any]


def marked(message: Message, mark: str) -> Message | None:
    """Before the text, the title of a post, or the header of a card; as a line of its own where there is none.

    None for what has no place for it, or no room: a picture, a card that is kept at Feishu.
    """
    return fitting(message, _marked(message.msg_type, message.content, mark))


def _marked(msg_type: MsgType, content: _Content, mark: str) -> _Content | None:
    match msg_type:
        case MsgType.TEXT:
            return {"text": f"{mark} {content['text']}"}
        case MsgType.POST:
            return {"post": {locale: _post(part, mark) for locale, part in content["post"].items()}}
        case MsgType.INTERACTIVE if "data" not in content:
            return _card(content, mark)
    return None


def _post(part: _Content, mark: str) -> _Content:
    if title := part.get("title"):
        return part | {"title": f"{mark} {title}"}
    return part | {"content": [[{"tag": "text", "text": mark}], *part["content"]]}


def _card(card: _Content, mark: str) -> _Content:
    header = _header(card.get("header"), mark)
    localised = {locale: _header(each, mark) for locale, each in (card.get("i18n_header") or {}).items()}
    if not (header or localised) or not all(localised.values()):
        return card | _elements(card, mark)
    return card | ({"header": header} if header else {}) | ({"i18n_header": localised} if localised else {})


def _header(header: Any, mark: str) -> _Content | None:
    """None where it shows no title."""
    title = header.get("title") if isinstance(header, Mapping) else None
    if not isinstance(title, Mapping):
        return None
    texts = {"content": title.get("content"), **(title.get("i18n") or {})}
    if not any(texts.values()):
        return None
    told = {name: f"{mark} {text}" for name, text in texts.items() if text}
    content = {"content": told.pop("content")} if "content" in told else {}
    return {**header, "title": {**title, **content, **({"i18n": told} if told else {})}}


def _elements(card: _Content, mark: str) -> _Content:
    line = {"tag": "div", "text": {"tag": "plain_text", "content": mark}}
    localised = {locale: [line, *elements] for locale, elements in (card.get("i18n_elements") or {}).items()}
    if not localised:
        return {"elements": [line, *card.get("elements", [])]}
    return {"i18n_elements": localised} | ({"elements": [line, *card["elements"]]} if card.get("elements") else {})
