"""A message with one more line at its end."""

from typing import Any

from ledger.messages.content import Message, MsgType, size_problem

__all__ = ["with_last_line"]

_Content = dict[str, Any]


def with_last_line(message: Message, line: str) -> Message:
    """As it is where there is no place for the line, or no room: an image, a card that is kept at Feishu."""
    content = _content(message.msg_type, message.content, line)
    if content is None:
        return message
    found = Message.model_construct(msg_type=message.msg_type, content=content)
    return message if size_problem(found) else found


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
