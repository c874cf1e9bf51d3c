"""The mark of a test: where it stands in each kind of message."""

from typing import Any

import pytest

from ledger.messages.content import Message, parse_message
from ledger.messages.markdown_card import card_of_markdown
from ledger.messages.marked import marked

__all__: list[str] = []

MARK = "[Test]"
LINE = {"tag": "div", "text": {"tag": "plain_text", "content": MARK}}
BODY = {"tag": "div", "text": {"tag": "lark_md", "content": "We move"}}


def title(text: str, **more: Any) -> dict[str, Any]:
    return {"title": {"tag": "plain_text", "content": text, **more}, "template": "blue"}


def content_of(msg_type: str, content: dict[str, Any]) -> dict[str, Any]:
    message = marked(parse_message({"msg_type": msg_type, "content": content}), MARK)
    assert message is not None
    parse_message({"msg_type": msg_type, "content": message.content})  # Feishu takes it as well as the real one
    return message.content


def test_it_stands_before_a_text() -> None:
    assert content_of("text", {"text": "Dear Ada"}) == {"text": "[Test] Dear Ada"}


def test_it_stands_before_the_title_of_a_post_in_each_language() -> None:
    line = [[{"tag": "text", "text": "It is stuck."}]]
    content = content_of("post", {"zh_cn": {"title": "电梯", "content": line}, "en_us": {"title": "", "content": line}})
    assert content["post"]["zh_cn"] == {"title": "[Test] 电梯", "content": line}
    assert content["post"]["en_us"]["content"] == [[{"tag": "text", "text": MARK}], *line]


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        ({"header": title("Move"), "elements": [BODY]}, {"header": title("[Test] Move"), "elements": [BODY]}),
        ({"elements": [BODY]}, {"elements": [LINE, BODY]}),
        ({"header": title(""), "elements": [BODY]}, {"header": title(""), "elements": [LINE, BODY]}),
        (
            {"header": title("Move", i18n={"zh_cn": "搬家", "en_us": ""}), "elements": [BODY]},
            {"header": title("[Test] Move", i18n={"zh_cn": "[Test] 搬家"}), "elements": [BODY]},
        ),
        (
            {"i18n_header": {"zh_cn": title("搬家")}, "i18n_elements": {"zh_cn": [BODY]}},
            {"i18n_header": {"zh_cn": title("[Test] 搬家")}, "i18n_elements": {"zh_cn": [BODY]}},
        ),
        ({"i18n_elements": {"zh_cn": [BODY]}}, {"i18n_elements": {"zh_cn": [LINE, BODY]}}),
    ],
)
def test_it_stands_before_the_title_of_a_card_or_on_a_line_of_its_own(card: Any, expected: Any) -> None:
    assert content_of("interactive", card) == expected


def test_a_card_of_markdown_is_marked_in_its_header_or_above_its_text() -> None:
    def card(text: str) -> dict[str, Any]:
        return content_of("interactive", card_of_markdown(text, has_variables=False)["content"])

    assert card("# Move\n\nOn Friday")["header"]["title"]["content"] == "[Test] Move"
    assert card("On Friday")["elements"][0] == LINE


@pytest.mark.parametrize(
    ("msg_type", "content"),
    [
        ("image", {"image_key": "img_v3_02ab"}),
        ("interactive", {"type": "template", "data": {"template_id": "AAq"}}),
        ("text", {"text": "a" * (150 * 1024 - 256 - len('"{\\"text\\":\\"\\"}"'))}),
    ],
)
def test_what_has_no_place_or_no_room_for_it_stays_unmarked(msg_type: str, content: dict[str, Any]) -> None:
    assert marked(Message(msg_type=msg_type, content=content), MARK) is None
