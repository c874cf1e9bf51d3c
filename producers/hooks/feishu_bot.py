"""What Feishu's custom bots take, as a message: `{"msg_type": "text", "content": {"text": "…"}}`, and with a sign.

Senders were written against Feishu, which passes over what it does not know: so members of a frame that we would refuse
in our own API are left out here. Nobody is mentioned.

Of Feishu's guide to custom bots: https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot
"""

from collections.abc import Iterator, Mapping
from typing import Any, get_args

import orjson

from ledger.errors import BadInput
from ledger.messages.card import CARD_MEMBERS, Colour
from ledger.messages.content import Message, MsgType, parse_message
from ledger.messages.json_fields import kind_of, link_problem
from ledger.messages.mentions import named_mentions
from ledger.messages.post import LOCALES
from ledger.phrases import Phrase

__all__ = ["bot_message"]

_TYPES = ", ".join(MsgType)
_COLOURS = frozenset(get_args(Colour))
#: Of a content in a string: its texts may have up to 150 KB, and each character an escape.
_MOST_CHARACTERS = 320 * 1024
#: Elements of a post that stand alone in their paragraph, and what each element may have.
_ALONE = frozenset({"img", "md"})
_MEMBERS = {
    "text": ("text", "un_escape", "style"),
    "a": ("text", "href", "un_escape", "style"),
    "img": ("image_key", "width", "height"),
    "md": ("text",),
    "code_block": ("language", "text"),
    "emotion": ("emoji_type",),
    "hr": (),
}


def bot_message(payload: Mapping[str, Any]) -> Message:
    """Raises BadInput: its field is `msg_type`, or is in `content` or `card`. It repeats nothing."""
    match payload.get("msg_type"):
        case "text":
            text = _text(_object(payload, "content"), "text", "content.text")
            return _message(MsgType.TEXT, {"text": named_mentions(text)}, "content")
        case "post":
            return _message(MsgType.POST, _post(_object(payload, "content")), "content")
        case "image":
            key = _text(_object(payload, "content"), "image_key", "content.image_key")
            return _message(MsgType.IMAGE, {"image_key": key}, "content")
        case "interactive":
            where = "card" if payload.get("card") is not None else "content"
            return _message(MsgType.INTERACTIVE, _card(_object(payload, where)), where)
        case "share_chat":
            raise BadInput("content", Phrase("a chat cannot be shared with one person: send a text with its link"))
        case None:
            raise BadInput("msg_type", Phrase("is missing: use one of {types}", types=_TYPES))
    raise BadInput("msg_type", Phrase("is not known: use one of {types}", types=_TYPES))


def _message(msg_type: MsgType, content: dict[str, Any], where: str) -> Message:
    try:
        return parse_message({"msg_type": msg_type, "content": content}, where="")
    except BadInput as error:
        refusal = BadInput(where + error.field.removeprefix("content"), error.problem)
    raise refusal


def _object(payload: Mapping[str, Any], name: str) -> dict[str, Any]:
    """An object, or the JSON of one in a string, as im/v1 has it."""
    found = payload.get(name)
    if isinstance(found, str):
        if len(found) > _MOST_CHARACTERS:
            raise BadInput(name, Phrase("is too large for a message: shorten it"))
        try:
            found = orjson.loads(found)
        except orjson.JSONDecodeError:
            found = None
    if not isinstance(found, dict):
        raise BadInput(name, Phrase("must be an object"))
    return found


def _text(of: Mapping[str, Any], name: str, where: str) -> str:
    found = of.get(name)
    if isinstance(found, str):
        return found
    if isinstance(found, int | float) and not isinstance(found, bool):
        return str(found)
    raise BadInput(where, Phrase("must be a text, not {kind}", kind=kind_of(found)))


def _card(card: Mapping[str, Any]) -> dict[str, Any]:
    """As it came, without what Feishu would pass over, and with names instead of mentions."""
    if "type" in card or "data" in card:  # a template, by its id
        return {name: _unmentioned(value) for name, value in card.items()}
    if card.get("schema") == "2.0" or "body" in card:
        return dict(card)  # refused, in the words that all cards have for it
    known = {name: _unmentioned(value) for name, value in card.items() if name in CARD_MEMBERS}
    header = known.get("header")
    if isinstance(header, dict) and _string(header, "template") not in _COLOURS:
        known["header"] = {name: value for name, value in header.items() if name != "template"}
    return known


def _unmentioned(value: Any) -> Any:
    match value:
        case str():
            return named_mentions(value)
        case dict():
            return {name: _unmentioned(inner) for name, inner in value.items()}
        case list():
            return [_unmentioned(inner) for inner in value]
    return value


def _post(content: Mapping[str, Any]) -> dict[str, Any]:
    post = content.get("post", content)
    if isinstance(post, str):
        post = _object(content, "post")
    if not isinstance(post, dict) or not post:
        raise BadInput("content.post", Phrase("must be an object with the languages of the post"))
    known = {locale: post[locale] for locale in LOCALES if locale in post} or {LOCALES[0]: next(iter(post.values()))}
    return {"post": {locale: _localised(each, f"content.post.{locale}") for locale, each in known.items()}}


def _localised(post: Any, where: str) -> dict[str, Any]:
    if not isinstance(post, dict) or not isinstance(post.get("content"), list):
        raise BadInput(f"{where}.content", Phrase("must be a list of paragraphs"))
    title = post.get("title")
    paragraphs = [part for each in post["content"] if isinstance(each, list) for part in _paragraphs(each)]
    return {"title": named_mentions(title) if isinstance(title, str) else "", "content": paragraphs}


def _paragraphs(elements: list[Any]) -> Iterator[list[dict[str, Any]]]:
    """What must stand alone does so."""
    together: list[dict[str, Any]] = []
    for element in filter(None, map(_element, elements)):
        if element["tag"] in _ALONE:
            yield from filter(None, (together, [element]))
            together = []
        else:
            together.append(element)
    if together or not elements:
        yield together


def _element(element: Any) -> dict[str, Any] | None:
    """None for what a post here cannot have, and what says nothing."""
    if not isinstance(element, dict):
        return None
    tag = _string(element, "tag")
    if tag == "at":
        return _words("@" + (_string(element, "user_name") or _string(element, "user_id")))
    if tag == "a" and link_problem(_string(element, "href")):
        return _words(" ".join(filter(None, (_string(element, "text"), _string(element, "href")))))
    if tag not in _MEMBERS:
        return _words(_string(element, "text")) if _string(element, "text") else None
    members = {name: _unmentioned(element[name]) for name in _MEMBERS[tag] if element.get(name) is not None}
    return {"tag": tag, **members}


def _words(text: str) -> dict[str, Any]:
    return {"tag": "text", "text": named_mentions(text)}


def _string(element: Mapping[str, Any], name: str) -> str:
    found = element.get(name)
    return found if isinstance(found, str) else ""
