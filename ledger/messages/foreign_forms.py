"""Messages in a form of somebody else's: what it is, and how to make a message of it."""

from collections.abc import Mapping

from ledger.errors import BadInput
from ledger.messages.json_fields import dotted
from ledger.phrases import Phrase

__all__ = ["refuse_foreign_form"]

_CARD = Phrase("this is a card: put it under content, beside msg_type: interactive")
#: Members that tell what an object without `msg_type` is, and what to do with it; the first that is there.
_BARE = {
    "msgtype": Phrase("this is a message of DingTalk or WeCom: write msg_type, and what it says under content"),
    "dsl": Phrase("this is an export of the card builder: put its dsl under content, beside msg_type: interactive"),
    "elements": _CARD,
    "i18n_elements": _CARD,
    "header": _CARD,
    "i18n_header": _CARD,
    "schema": _CARD,
    "card_link": _CARD,
    "config": _CARD,
    "type": _CARD,
    "post": Phrase("this is the content of a post: put it under content, beside msg_type: post"),
    "zh_cn": Phrase("this is the content of a post: put it under content, beside msg_type: post"),
    "en_us": Phrase("this is the content of a post: put it under content, beside msg_type: post"),
    "image_key": Phrase("this is the content of an image: put it under content, beside msg_type: image"),
    "text": Phrase("this is the content of a text: put it under content, beside msg_type: text"),
    "card": Phrase("this is a card: put it under content instead of card, beside msg_type: interactive"),
}


def refuse_foreign_form(given: Mapping[str, object], where: str) -> None:
    """Raises BadInput for a form that is known, but is not a message."""
    if "content" in given:
        return
    if "msg_type" in given:
        if "card" in given:
            problem = Phrase("this is a custom bot's message: content is missing; give card as content")
            raise BadInput(dotted(where, ("content",)), problem)
        return
    known = next((problem for member, problem in _BARE.items() if member in given), None)
    if known:
        raise BadInput(where, known)
