"""A message with one more line at its end."""

from typing import Any

from ledger.messages.content import Message, MsgType, fitting

__all__ = ["with_last_line"]

_Content = dict[str, Any]


def with_last_line(message: Message, line: str) -> Message:
    """The same message if it has no place or no room for the line: an image, a card that is kept at Feishu."""
    return fitting(message, _content(message.msg_type, message.content, line)) or message


def _content(msg_type: MsgType, content: _Content, line: str) -> _Content | None:
    match msg_type:
        case MsgType.TEXT:
            return {"text": f"{content['text']}\n{line}"}
        case MsgType.POST:
            return {"post": {locale: _post(part, line) for locale, part in content["post"].items()}}
        case MsgType.INTERACTIVE if "elements" in content:
            element = {"tag": "div", "text": {"tag": "plain_text", "content": line}}
            return content | {"elements": [*content["elements"], element]}
    return None


def _post(part: _Content, line: str) -> _Content:
    return part | {"content": [*part["content"], [{"tag": "text", "text": line}]]}
