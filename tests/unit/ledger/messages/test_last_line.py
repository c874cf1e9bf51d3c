"""A message with one more line at its end."""

from typing import Any

import pytest

from ledger.messages.content import Message, parse_message
from ledger.messages.last_line import with_last_line

LINE = "Fired for 4 min, since 14:05"
DIV = {"tag": "div", "text": {"tag": "plain_text", "content": "x"}}
POST = {"title": "t", "content": [[{"tag": "text", "text": "x"}]]}


@pytest.mark.parametrize(
    ("given", "content"),
    [
        ({"msg_type": "text", "content": {"text": "x"}}, {"text": f"x\n{LINE}"}),
        (
            {"msg_type": "post", "content": {"post": {"zh_cn": POST, "en_us": POST}}},
            {
                "post": {
                    locale: {"title": "t", "content": [*POST["content"], [{"tag": "text", "text": LINE}]]}
                    for locale in ("zh_cn", "en_us")
                }
            },
        ),
        (
            {"msg_type": "interactive", "content": {"elements": [DIV]}},
            {"elements": [DIV, {"tag": "div", "text": {"tag": "plain_text", "content": LINE}}]},
        ),
    ],
)
def test_it_stands_behind_the_rest(given: dict[str, Any], content: dict[str, Any]) -> None:
    message = with_last_line(parse_message(given), LINE)
    assert message.content == content
    assert parse_message({"msg_type": message.msg_type, "content": message.content}) == message


@pytest.mark.parametrize(
    "message",
    [
        parse_message({"msg_type": "image", "content": {"image_key": "img_v2_1"}}),
        parse_message({"msg_type": "interactive", "content": {"type": "template", "data": {"template_id": "ctp_1"}}}),
        Message.text("x" * (150 * 1024 - 280)),
    ],
)
def test_without_place_or_room_the_message_stays_as_it_is(message: Message) -> None:
    assert with_last_line(message, LINE) is message
