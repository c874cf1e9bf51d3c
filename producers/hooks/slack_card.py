"""What is posted to Slack's incoming webhooks, as a message: a text, or a card for attachments, blocks and links.

Senders were written against Slack, which passes over what it does not know, and so does this. Of
https://docs.slack.dev/reference/messaging/payload and https://docs.slack.dev/legacy/legacy-messaging/legacy-secondary-message-attachments
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ledger.errors import BadInput
from ledger.messages.content import Message, MsgType, parse_message
from ledger.messages.mentions import without_mentions
from ledger.phrases import Phrase
from producers.hooks.payload import Cut
from producers.hooks.readable import time
from producers.hooks.slack_blocks import blocks_of
from producers.hooks.slack_colour import header_colour
from producers.hooks.slack_elements import Elements, Member, members, string

__all__ = ["slack_message"]

#: What Slack takes at most.
_MOST_ATTACHMENTS = 100


def slack_message(payload: Mapping[str, Any], cut: Cut) -> Message:
    """Raises BadInput: for a card that is too large, or where there is nothing to read."""
    elements = Elements(cut)
    attachments = members(payload, "attachments", min(cut.items, _MOST_ATTACHMENTS))
    has_blocks = blocks_of(payload, elements)
    if not has_blocks:  # with blocks it is for notifications, and says the same
        elements.text(string(payload, "text"), is_marked=payload.get("mrkdwn") is not False)
    for attachment in attachments:
        _attached(attachment, elements, may_head=len(attachments) == 1)
    if not elements:
        elements.text(string(payload, "text") or " ".join(string(each, "fallback") for each in attachments))
    if not elements:
        raise BadInput("text", Phrase("is missing: there are neither a text, nor blocks, nor attachments to show"))
    if elements.only_text is not None:
        return Message.text(elements.only_text)
    colour = next(filter(None, (string(each, "color") for each in attachments)), "")
    card = {"config": {"update_multi": True}, **_header(elements.title, colour), "elements": elements.written()}
    return parse_message({"msg_type": MsgType.INTERACTIVE, "content": card})


def _header(title: str, colour: str) -> dict[str, Any]:
    if not title:
        return {}
    return {
        "header": {
            "template": header_colour(colour),
            "title": {"tag": "plain_text", "content": without_mentions(title)},
        }
    }


def _attached(attachment: Member, elements: Elements, *, may_head: bool) -> None:
    """In the order in which Slack shows it."""
    elements.text(string(attachment, "pretext"))
    elements.line(string(attachment, "author_name"), string(attachment, "author_link"))
    elements.heading(string(attachment, "title"), string(attachment, "title_link"), may_head=may_head)
    has_blocks = blocks_of(attachment, elements)
    if not has_blocks:
        elements.text(string(attachment, "text"))
    elements.fields(_fields(attachment, elements.cut.items))
    for name in ("image_url", "thumb_url"):
        elements.line(string(attachment, name), string(attachment, name))
    elements.buttons(members(attachment, "actions", elements.cut.items))
    elements.note(" · ".join(filter(None, (string(attachment, "footer"), _time(attachment.get("ts"))))))


def _fields(attachment: Member, most: int) -> Iterator[tuple[str, str, bool]]:
    for field in members(attachment, "fields", most):
        yield string(field, "title"), string(field, "value"), field.get("short") is True


def _time(stamp: Any) -> str:
    """Of a number, or of one in a text."""
    is_number = isinstance(stamp, str) and stamp.replace(".", "", 1).isascii() and stamp.replace(".", "", 1).isdigit()
    shown = time(float(stamp) if is_number else stamp)
    return shown if isinstance(shown, str) and shown != stamp else ""
