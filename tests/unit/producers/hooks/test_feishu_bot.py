"""`use = "feishu-bot"`: what is written for a custom bot of Feishu's becomes that message, or is refused as there."""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import BadInput
from producers.hooks.feishu_bot import bot_message
from producers.hooks.hook import Hook
from producers.hooks.signature import BadSignature
from tests.unit.producers.hooks.hook_cases import a_hook, incoming

__all__: list[str] = []

CARD: dict[str, Any] = {
    "config": {"wide_screen_mode": True},
    "header": {"template": "red", "title": {"tag": "plain_text", "content": "Build 87"}},
    "elements": [{"tag": "div", "text": {"tag": "lark_md", "content": "**failed** {{ look }}"}}],
}
PARAGRAPH = [{"tag": "text", "text": "See "}, {"tag": "a", "text": "the log", "href": "https://ci.example.net/87"}]
NOW = 1_661_860_880


def test_a_card_is_handed_on_as_it_is() -> None:
    for posted in (CARD, json.dumps(CARD)):
        assert bot_message({"msg_type": "interactive", "card": posted}).content == CARD
    assert bot_message({"msg_type": "interactive", "content": CARD}).content == CARD
    template = {"type": "template", "data": {"template_id": "AAqx1", "template_variable": {"n": "87"}}}
    assert bot_message({"msg_type": "interactive", "card": template}).content == template


def test_what_feishu_passes_over_in_the_frame_of_a_card_is_left_out() -> None:
    header = {**CARD["header"], "template": "pink"}
    card = {**CARD, "header": header, "open_ids": ["ou_ada"], "i18n_elements": None}
    content = bot_message({"msg_type": "interactive", "card": card}).content
    assert content == {**CARD, "header": {"title": CARD["header"]["title"]}}


@pytest.mark.parametrize("post", [{"post": {"zh_cn": {"title": "T", "content": [PARAGRAPH]}}}])
def test_a_post_may_be_wrapped_bare_or_a_string(post: dict[str, Any]) -> None:
    for content in (post, post["post"], json.dumps(post), {"post": json.dumps(post["post"])}):
        assert bot_message({"msg_type": "post", "content": content}).content == post


def test_a_post_has_its_pictures_alone_and_what_it_cannot_have_as_words() -> None:
    elements = [
        {"tag": "text", "text": "Look", "colour": "red"},
        {"tag": "img", "image_key": "img_1"},
        {"tag": "at", "user_id": "ou_bob", "user_name": "Bob"},
        {"tag": "a", "text": "page", "href": "ftp://files.example.net"},
        {"tag": "sticker", "text": "!"},
        {"tag": "sticker"},
        7,
    ]
    content = bot_message({"msg_type": "post", "content": {"ja_jp": {"title": "T", "content": [elements]}}}).content
    words = [{"tag": "text", "text": text} for text in ("@Bob", "page ftp://files.example.net", "!")]
    paragraphs = [[{"tag": "text", "text": "Look"}], [{"tag": "img", "image_key": "img_1"}], words]
    assert content == {"post": {"zh_cn": {"title": "T", "content": paragraphs}}}


def test_a_picture_is_handed_on_by_its_key() -> None:
    assert bot_message({"msg_type": "image", "content": {"image_key": "img_1"}}).content == {"image_key": "img_1"}


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ('<at user_id="ou_bob">Bob</at> look', "@Bob look"),
        ('<at user_id="all">everyone</at>', "@everyone"),
        ("<at id=all></at>", "@all"),
        ("<AT email='ann@corp.example'></AT>", "@ann@corp.example"),
        ('<at user_id="all">', '＜at user_id="all">'),
        ("a < b", "a < b"),
    ],
)
def test_nobody_is_mentioned(written: str, shown: str) -> None:
    assert bot_message({"msg_type": "text", "content": {"text": written}}).content == {"text": shown}
    element = {"tag": "markdown", "content": written}
    content = bot_message({"msg_type": "interactive", "card": {"elements": [element]}}).content
    assert content["elements"] == [{"tag": "markdown", "content": shown}]
    md = [[{"tag": "md", "text": written}]]
    post = bot_message({"msg_type": "post", "content": {"zh_cn": {"title": written, "content": md}}}).content
    assert post["post"] == {"zh_cn": {"title": shown, "content": [[{"tag": "md", "text": shown}]]}}


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        ({"content": {"text": "x"}}, "msg_type: is missing: use one of text, post, image, interactive"),
        ({"msg_type": "audio", "content": {}}, "msg_type: is not known"),
        ({"msg_type": ["text"]}, "msg_type: is not known"),
        ({"msg_type": "text"}, "content: must be an object"),
        ({"msg_type": "text", "content": "x"}, "content: must be an object"),
        ({"msg_type": "text", "content": {"text": None}}, "content.text: must be a text, not null"),
        ({"msg_type": "text", "content": {"text": " "}}, "content.text: "),
        ({"msg_type": "post", "content": {"post": {}}}, "content.post: must be an object with the languages"),
        ({"msg_type": "post", "content": {"zh_cn": {"title": "T"}}}, "content.post.zh_cn.content: must be a list"),
        ({"msg_type": "share_chat", "content": {"share_chat_id": "oc_1"}}, "content: a chat cannot be shared"),
        ({"msg_type": "interactive", "card": {"schema": "2.0", "body": {}}}, "card.schema: card JSON 2.0 is not"),
        ({"msg_type": "interactive", "card": {"elements": [{"url": "x"}]}}, "card.elements[0].url: must be a link"),
        ({"msg_type": "interactive", "card": {"elements": ["x"]}}, "card.elements[0]: "),
        ({"msg_type": "interactive", "card": {"elements": [{"tag": "x" * 31_000}]}}, "card: serialises to"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_its_part(payload: dict[str, Any], problem: str) -> None:
    with pytest.raises(BadInput) as caught:
        bot_message(payload)
    assert str(caught.value).startswith(problem)


@pytest.fixture
def signed(tmp_path: Path) -> Hook:
    return a_hook(tmp_path, 'use = "feishu-bot"', 'secret = "xxx"')


def sign(timestamp: int | str, secret: str = "xxx") -> str:
    digest = hmac.new(f"{timestamp}\n{secret}".encode(), b"", hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def check(hook: Hook, body: object, now: float = NOW) -> None:
    assert hook.signature_check is not None
    hook.signature_check.check(incoming(body), now)


def test_a_sign_is_that_of_feishu(signed: Hook, tmp_path: Path) -> None:
    known = "QnWVTSBe6FmQDE0bG6X0mURbI+DnvVyu1h+j5dHOjrU="  # of the documented way, worked out beforehand
    for timestamp in (NOW, str(NOW)):
        check(signed, {"timestamp": timestamp, "sign": known})
    other = a_hook(tmp_path, 'use = "feishu-bot"', 'secret = "demo"')
    check(other, {"timestamp": "1599360473", "sign": "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8="}, 1_599_360_473)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"timestamp": str(NOW), "sign": sign(NOW, "yyy")}, "sign does not match"),
        ({"timestamp": str(NOW)}, "sign does not match"),
        ({"timestamp": str(NOW), "sign": "é"}, "sign does not match"),
        ({"timestamp": str(NOW), "sign": [sign(NOW)]}, "sign does not match"),
        ({"sign": sign("")}, "the timestamp is not a number"),
        ({"timestamp": [NOW], "sign": sign(NOW)}, "the timestamp is not a number"),
        ({"timestamp": NOW - 3601, "sign": sign(NOW - 3601)}, "the timestamp is more than 3600 seconds off"),
        (b"{", "the body is not JSON"),
        (b'{"text": "' + b"x" * 600_000 + b'"}', "the body has 600,012 bytes: at most 524,288 are taken"),
    ],
)
def test_what_is_not_signed_right_is_refused(signed: Hook, body: object, problem: str) -> None:
    with pytest.raises(BadSignature) as caught:
        check(signed, body)
    assert str(caught.value).startswith(problem)


def test_a_sign_is_good_for_an_hour_and_the_same_body_is_the_same_message(signed: Hook) -> None:
    body = {"timestamp": str(NOW), "sign": sign(NOW), "msg_type": "text", "content": {"text": "x"}}
    check(signed, body, NOW + 3600)
    posted = incoming(body)
    assert signed.render(posted).notifications[0].key == f"hook/it/{posted.digest}/ou_ada"


def test_without_a_sign_each_post_is_a_message_of_its_own(tmp_path: Path) -> None:
    hook = a_hook(tmp_path, 'use = "feishu-bot"', 'tokens = ["0123456789abcdef"]')
    assert hook.render(incoming({"msg_type": "text", "content": {"text": "x"}})).notifications[0].key is None


def test_a_hook_may_have_a_text_of_its_own_instead(tmp_path: Path) -> None:
    hook = a_hook(tmp_path, 'use = "feishu-bot"', 'text = "{{ payload.content.text|upper }}"')
    [notification] = hook.render(incoming({"msg_type": "text", "content": {"text": "x"}})).notifications
    assert notification.message.content == {"text": "X"}


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (['use = "feishu-bot"', 'tokens = ["short"]'], "hook.it.tokens[0]: must be 16 to 64 letters, digits"),
        (['use = "feishu-bot"', 'tokens = ["0123456789abcdef/"]'], "hook.it.tokens[0]: must be 16 to 64"),
        (['use = "generic"', 'tokens = ["0123456789abcdef"]'], 'hook.it.tokens: goes with use = "feishu-bot" alone'),
        (['use = "feishu-bot"', 'for_each = "payload.x"'], "hook.it.text: is missing: give either text or message"),
    ],
)
def test_a_mistake_in_the_file_is_told_without_the_token(tmp_path: Path, lines: list[str], problem: str) -> None:
    with pytest.raises(BadInput) as caught:
        a_hook(tmp_path, *lines)
    assert str(caught.value).startswith(problem)
    assert "short" not in str(caught.value)
    assert "0123456789abcdef" not in str(caught.value)
