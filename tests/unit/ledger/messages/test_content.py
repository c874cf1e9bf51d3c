"""What `parse_message` takes, what it refuses and which field it names, and what it never shows."""

import json
import re
import traceback
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import BadInput
from ledger.messages.blank import is_blank
from ledger.messages.content import Message, MsgType, parse_message
from ledger.messages.template import Template
from tests.all_of import all_of

SECRET = "the body that nobody may see"


def a_post(*paragraphs: list[Any], **locale: Any) -> dict[str, Any]:
    return {"msg_type": "post", "content": {"post": {"zh_cn": {"content": list(paragraphs), **locale}}}}


def a_link(href: str) -> dict[str, Any]:
    return a_post([{"tag": "a", "text": "x", "href": href}])


def an_image(**content: str) -> dict[str, Any]:
    return {"msg_type": "image", "content": content}


def a_card(**content: Any) -> dict[str, Any]:
    return {"msg_type": "interactive", "content": content}


def nested_columns(layers: int) -> list[dict[str, Any]]:
    """`layers` column sets in each other, with a text in the innermost."""
    inner: list[dict[str, Any]] = [{"tag": "markdown", "content": "x"}]
    for _ in range(layers):
        inner = [{"tag": "column_set", "columns": [{"tag": "column", "elements": inner}]}]
    return inner


def tables(count: int) -> list[dict[str, Any]]:
    return [{"tag": "table", "columns": [], "rows": [{"tag": "table", "url": "not-a-link"}]} for _ in range(count)]


GOOD = {
    "text": {"msg_type": "text", "content": {"text": "Disk full on db-3"}},
    "text as a JSON string": {"msg_type": "text", "content": '{"text": "Disk full"}'},
    "post from the API page": a_post([{"tag": "text", "text": "some content"}], title="some title"),
    "every element": a_post(
        [
            {"tag": "text", "text": "", "un_escape": True, "style": ["bold", "underline", "lineThrough", "italic"]},
            {"tag": "a", "text": "here", "href": "https://example.com/a?b=c#d", "style": []},
            {"tag": "at", "user_id": "all"},
            {"tag": "at", "user_id": "ou_1", "user_name": "Tom", "style": ["bold"]},
            {"tag": "emotion", "emoji_type": "SMILE"},
        ],
        [{"tag": "img", "image_key": "img_v2_0a"}],
        [{"tag": "img", "image_key": "d640eeea-4d2f-4cb3-88d8-c964fab53987"}],
        [{"tag": "media", "file_key": "file_v2_0dcd", "image_key": "img_1"}],
        [{"tag": "media", "file_key": "file_v2_0dcd"}],
        [{"tag": "code_block", "language": "GO", "text": "func main()"}, {"tag": "hr"}],
        [{"tag": "md", "text": "**bold**"}],
        [],
    ),
    "a title alone": a_post(title="Office move"),
    "two locales": {
        "msg_type": "post",
        "content": {"post": {"zh_cn": {"title": "早", "content": []}, "en_us": {"title": "Hi", "content": []}}},
    },
    "image by key": {"msg_type": "image", "content": {"image_key": "img_7ea74629-9191"}},
    "image by digest": {"msg_type": "image", "content": {"image_sha256": "0" * 64}},
    "blank card": a_card(),
    "card 1.0 said aloud": a_card(schema="1.0", elements=[]),
    "full card": a_card(
        config={"update_multi": True},
        card_link={"url": "https://example.com", "pc_url": "", "ios_url": "lark://msgcard/unsupported_action"},
        header={"title": {"tag": "plain_text", "content": "x"}, "template": "wathet"},
        elements=[{"tag": "div", "text": {"tag": "lark_md", "content": "x"}}],
        i18n_elements={"ja_jp": [{"tag": "hr"}]},
        fallback={},
    ),
    "headers in each language": a_card(
        i18n_header={"zh_cn": {"title": {"tag": "plain_text", "content": "早"}, "template": "red"}, "en_us": {}},
        i18n_elements={"zh_cn": [{"tag": "hr"}]},
    ),
    "fields of earlier versions": a_post(
        [
            {"tag": "text", "text": "x", "lines": 1, "un_escape": True},
            {"tag": "a", "text": "x", "href": "http://x", "lines": 2},
        ],
        [{"tag": "img", "image_key": "img_v2_0a", "width": 300, "height": 200.5}],
    ),
    "a blank beside what is seen": a_post([{"tag": "text", "text": "\u200b"}, {"tag": "emotion", "emoji_type": "OK"}]),
    "five tables in each language": a_card(i18n_elements={"zh_cn": tables(5), "en_us": tables(5)}),
    "five layers": a_card(elements=nested_columns(5)),
    "a button's own data": a_card(elements=[{"tag": "button", "value": {"url": "anything at all"}}]),
    "template card": a_card(
        type="template",
        data={"template_id": "AAq", "template_version_name": "1.0.0", "template_variable": {"url": "x", "n": 1}},
    ),
    "card entity": a_card(type="card", data={"card_id": "7371713483664506900"}),
}

POST = "message.content.post.zh_cn"
CARD = "message.content"
#: input, the field to mend, and a part of what is said about it
BAD: dict[str, tuple[Any, str, str]] = {
    "no object": ([], "message", "must be an object with msg_type and content, not a list"),
    "nothing": ({}, "message.msg_type", "is missing"),
    "no content": ({"msg_type": "text"}, "message.content", "is missing"),
    "unknown type": ({"msg_type": "audio", "content": {}}, "message.msg_type", "'text', 'post', 'image' or"),
    "extra field": ({"msg_type": "text", "content": {"text": "x"}, "to": 1}, "message.to", "is not a known field"),
    "content a list": ({"msg_type": "text", "content": []}, "message.content", "must be an object"),
    "content a number in a string": ({"msg_type": "text", "content": "3"}, "message.content", "not a number"),
    "content no JSON": ({"msg_type": "text", "content": "Hi"}, "message.content", "not JSON (line 1, column 1)"),
    "no text": ({"msg_type": "text", "content": {}}, "message.content.text", "is missing"),
    "blank text": ({"msg_type": "text", "content": {"text": " \n"}}, "message.content.text", "must not be blank"),
    "text a number": ({"msg_type": "text", "content": {"text": 5}}, "message.content.text", "not a number"),
    "half a surrogate": ({"msg_type": "text", "content": {"text": "\ud83d"}}, "message.content.text", "surrogate"),
    "not JSON": ({"msg_type": "text", "content": {"text": b"x"}}, "message.content.text", "a Python bytes"),
    "a key that is a number": ({"msg_type": "text", "content": {1: "x"}}, "message.content", "keys must be strings"),
    "NaN": (a_card(config={"a": float("nan")}), f"{CARD}.config.a", "not a finite number"),
    "2**64": (a_card(config={"a": [2**64]}), f"{CARD}.config.a[0]", "more than 64 bits"),
    "endless": (a_card(config=json.loads('{"a":' * 120 + "1" + "}" * 120)), f"{CARD}.config" + ".a" * 99, "100 levels"),
    "odd key": ({"msg_type": "text", "content": {"a b": 1, "text": "x"}}, "message.content['a b']", "not a known"),
    "unknown locale": (
        {"msg_type": "post", "content": {"ja_jp": {"title": "x", "content": []}}},
        "message.content.post.ja_jp",
        "is not a locale of a post: use zh_cn or en_us",
    ),
    "no locale": ({"msg_type": "post", "content": {"post": {}}}, "message.content.post", "at least one locale"),
    "nothing of a post": ({"msg_type": "post", "content": {}}, "message.content.post", "is missing"),
    "title null": (a_post([], title=None), f"{POST}.title", "must be a string, not null"),
    "blank post": (a_post([], title=" "), POST, "nothing to show"),
    "paragraphs no lists": (a_post({"tag": "hr"}), f"{POST}.content[0]", "must be a list, not an object"),  # type: ignore[arg-type]
    "unknown tag": (a_post([{"tag": "table"}]), f"{POST}.content[0][0]", "whose tag is one of text, a, at"),
    "element a string": (a_post([], ["x"]), f"{POST}.content[1][0]", "must be an object whose tag"),
    "no text in text": (a_post([{"tag": "text"}]), f"{POST}.content[0][0].text", "is missing"),
    "extra in hr": (a_post([{"tag": "hr", "x": 1, "y": 2}]), f"{POST}.content[0][0].x", "known field; nor is 'y'"),
    "unknown style": (
        a_post([{"tag": "text", "text": "x", "style": ["bold", "blink"]}]),
        f"{POST}.content[0][0].style[1]",
        "'bold', 'underline', 'lineThrough' or 'italic'",
    ),
    "un_escape a string": (
        a_post([{"tag": "text", "text": "x", "un_escape": "true"}]),
        f"{POST}.content[0][0].un_escape",
        "must be true or false, not a string",
    ),
    "href of another scheme": (
        a_post([{"tag": "hr"}, {"tag": "a", "text": "x", "href": "ftp://x"}]),
        f"{POST}.content[0][1].href",
        "http:// or https://",
    ),
    "href without a host": (a_link("https:///x"), f"{POST}.content[0][0].href", "http:// or https://"),
    "href with a blank": (a_link("https://x/a b"), f"{POST}.content[0][0].href", "%20"),
    "href no link": (a_link("http://[::1"), f"{POST}.content[0][0].href", "is not a valid link"),
    "img beside text": (
        a_post([{"tag": "text", "text": "x"}, {"tag": "img", "image_key": "img_1"}]),
        f"{POST}.content[0]",
        "contains img next to other elements",
    ),
    "md beside md": (
        a_post([{"tag": "md", "text": "x"}, {"tag": "md", "text": "x"}]),
        f"{POST}.content[0]",
        "contains md next to other elements",
    ),
    "img by path": (a_post([{"tag": "img", "image_key": "a.png"}]), f"{POST}.content[0][0].image_key", "img_v2_"),
    "at nobody": (a_post([{"tag": "at", "user_id": ""}]), f"{POST}.content[0][0].user_id", "must not be empty"),
    "image by link": (an_image(image_key="https://x/y.png"), "message.content.image_key", "img_v2_"),
    "image by nothing": ({"msg_type": "image", "content": {}}, "message.content.image_key", "is missing"),
    "image by both": (an_image(image_key="i", image_sha256="0" * 64), "message.content.image_key", "not a known"),
    "image by a wrong digest": (an_image(image_sha256="F" * 64), "message.content.image_sha256", "64 lower-case"),
    "image by file": (an_image(file="a.png"), "message.content.file", "is only allowed in a message file"),
    "card 2.0": (a_card(schema="2.0", body={}), f"{CARD}.schema", "card JSON 2.0 is not supported by the helpdesk"),
    "card 2.0 by its body": (a_card(body={"elements": []}), f"{CARD}.body", "card JSON 2.0 is not supported"),
    "card of no version": (a_card(schema="3.0"), f"{CARD}.schema", "must be '1.0'"),
    "unknown keys of a card": (
        a_card(colour=1, element=[]),
        f"{CARD}.colour",
        "is not a known field; nor is 'element'",
    ),
    "unknown colour": (a_card(header={"template": "pink"}), f"{CARD}.header.template", "'carmine'"),
    "elements an object": (a_card(elements={}), f"{CARD}.elements", "must be a list, not an object"),
    "element a string in a card": (a_card(elements=["x"]), f"{CARD}.elements[0]", "must be an object"),
    "unknown colour in a language": (
        a_card(i18n_header={"en_us": {"template": "pink"}}),
        f"{CARD}.i18n_header.en_us.template",
        "'carmine'",
    ),
    "headers no objects": (a_card(i18n_header={"en_us": "x"}), f"{CARD}.i18n_header.en_us", "must be an object"),
    "a post that shows nothing": (
        a_post([{"tag": "text", "text": "\u200b"}, {"tag": "a", "text": " ", "href": "http://x"}]),
        POST,
        "nothing to show",
    ),
    "a custom bot's card": (
        {"msg_type": "interactive", "card": {}},
        "message.content",
        "this is a custom bot's message: content is missing; give card as content",
    ),
    "a custom bot's card as a string": (
        {"msg_type": "interactive", "card": "{}"},
        "message.content",
        "give card as content",
    ),
    "a bare card": ({"elements": []}, "message", "this is a card: put it under content, beside msg_type: interactive"),
    "a bare card 2.0": ({"schema": "2.0", "body": {}}, "message", "this is a card: put it under content"),
    "a bare template card": ({"type": "template", "data": {}}, "message", "this is a card: put it under content"),
    "a card named so": ({"card": {"elements": []}}, "message", "this is a card: put it under content instead of card"),
    "an export of the card builder": ({"name": "x", "dsl": {}}, "message", "put its dsl under content"),
    "a bare post": ({"zh_cn": {"title": "x"}}, "message", "this is the content of a post: put it under content"),
    "a bare text": ({"text": "x"}, "message", "this is the content of a text: put it under content"),
    "a message of DingTalk": ({"msgtype": "text", "text": {"content": "x"}}, "message", "of DingTalk or WeCom"),
    "unknown kind of card": (a_card(type="raw", data={}), f"{CARD}.type", "'template' or 'card'"),
    "data without type": (a_card(data={"template_id": "x"}), f"{CARD}.type", "is missing"),
    "template without id": (a_card(type="template", data={}), f"{CARD}.data.template_id", "is missing"),
    "entity without id": (a_card(type="card", data={"card_id": ""}), f"{CARD}.data.card_id", "must not be empty"),
    "card link": (a_card(card_link={"url": "javascript:alert(1)"}), f"{CARD}.card_link.url", "http:// or https://"),
    "link deep in a card": (
        a_card(elements=[{"tag": "action", "actions": [{"tag": "button", "multi_url": {"pc_url": "x"}}]}]),
        f"{CARD}.elements[0].actions[0].multi_url.pc_url",
        "http:// or https://",
    ),
    "six tables": (a_card(elements=tables(6)), f"{CARD}.elements", "contains 6 tables: at most 5"),
    "six tables in a language": (a_card(i18n_elements={"en_us": tables(6)}), f"{CARD}.i18n_elements.en_us", "6 tables"),
    "six layers": (
        a_card(elements=nested_columns(6)),
        f"{CARD}.elements[0]" + ".columns[0].elements[0]" * 5,
        "at most 5 levels are allowed",
    ),
}


@all_of("raw", GOOD.values(), ids=GOOD)
def test_a_good_message_is_taken_as_it_is(raw: dict[str, Any]) -> None:
    message = parse_message(raw)

    content = raw["content"]
    assert message.content == (json.loads(content) if isinstance(content, str) else content)
    assert message.msg_type == raw["msg_type"]


@all_of(("raw", "field", "problem"), BAD.values(), ids=BAD)
def test_a_bad_message_is_refused_with_the_field_to_mend(raw: Any, field: str, problem: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_message(raw)

    assert caught.value.field == field
    assert problem in caught.value.problem


#: What a reader does not see, by its name in Unicode or what it is for.
UNSEEN = {
    "zero width space": "\u200b",
    "word joiner": "\u2060",
    "byte order mark": "\ufeff",
    "soft hyphen": "\u00ad",
    "Hangul filler": "\u3164",
    "Braille blank": "\u2800",
    "variation selector": "\ufe0f",
    "tag": "\U000e0041",
    "right-to-left mark": "\u200f",
    "combining grapheme joiner": "\u034f",
    "controls": "\x08\x7f\x85",
    "ideographic space": "\u3000\t\n",
}


@pytest.mark.parametrize("unseen", UNSEEN.values(), ids=UNSEEN)
def test_a_text_that_shows_nothing_is_blank(unseen: str) -> None:
    for text in (unseen, f" {unseen}{unseen}"):
        with pytest.raises(BadInput, match=r"message.content.text: must not be blank"):
            Message.text(text)
    assert Message.text(f"{unseen}.").content == {"text": f"{unseen}."}


@pytest.mark.parametrize("text", ["👍🏽", "é", "\u0301", "한", "ก็", "\u200d👩", "…", "​早", "x"])
def test_a_text_that_shows_something_is_not(text: str) -> None:
    assert Message.text(text).content == {"text": text}


def test_what_a_card_leaves_out_as_null_is_left_out() -> None:
    content = {"header": None, "config": None, "i18n_header": {}, "elements": [{"tag": "hr", "extra": None}]}
    expected = {"i18n_header": {}, "elements": [{"tag": "hr", "extra": None}]}
    assert parse_message({"msg_type": "interactive", "content": content}).content == expected
    assert Template.of({"msg_type": "interactive", "content": content}).render({}).content == expected


def test_a_bare_post_is_wrapped_as_the_helpdesk_api_wants_it() -> None:
    locales = {"en_us": {"title": "Hi", "content": [[{"tag": "text", "text": "x"}]]}}

    assert parse_message({"msg_type": "post", "content": locales}).content == {"post": locales}


def test_the_path_starts_where_the_caller_says() -> None:
    with pytest.raises(BadInput, match=r"^rows\[3\].message.content.text: is missing$"):
        parse_message({"msg_type": "text", "content": {}}, where="rows[3].message")
    with pytest.raises(BadInput, match=r"^content.text: is missing$"):
        parse_message({"msg_type": "text", "content": {}}, where="")


def test_a_text_is_built_in_one_call() -> None:
    assert Message.text("Hi") == Message(msg_type=MsgType.TEXT, content={"text": "Hi"})
    with pytest.raises(BadInput, match=r"message.content.text: must not be blank"):
        Message.text("")


def test_a_message_cannot_be_built_past_the_checks() -> None:
    assert Message.model_validate(
        {"msg_type": "post", "content": {"en_us": {"title": "Hi", "content": []}}}
    ).content == {"post": {"en_us": {"title": "Hi", "content": []}}}
    with pytest.raises(BadInput, match=r"message.content.text: is missing"):
        Message(msg_type=MsgType.TEXT, content={})


def test_a_message_that_the_ledger_gives_back_is_not_checked_again() -> None:
    back = Message.model_construct(msg_type="image", content={"image_sha256": "ab" * 32})  # type: ignore[arg-type]

    assert back.image_sha256 == "ab" * 32
    assert repr(back).startswith("Message(msg_type='image', ")


def test_only_a_message_that_waits_for_its_upload_names_a_digest() -> None:
    digest = "ab" * 32

    assert parse_message({"msg_type": "image", "content": {"image_sha256": digest}}).image_sha256 == digest
    assert parse_message({"msg_type": "image", "content": {"image_key": "img_1"}}).image_sha256 is None
    assert Message.text("x").image_sha256 is None


def test_a_later_change_of_the_input_does_not_reach_the_message() -> None:
    raw = a_card(elements=[{"tag": "hr"}], config={"a": 1})
    message = parse_message(raw)
    raw["content"]["config"]["a"] = 2
    raw["content"]["elements"].clear()

    assert message.content == {"elements": [{"tag": "hr"}], "config": {"a": 1}}


def test_the_wire_content_is_compact_and_leaves_characters_as_they_are() -> None:
    assert Message.text('早上好 "Tom"\n').wire_content() == '{"text":"早上好 \\"Tom\\"\\n"}'


@pytest.mark.parametrize(
    ("text", "request_bytes"),
    [
        # {"text":"…"} is 11 bytes; as a JSON string 2 quotes more, and its 4 quotes escaped: 17; the envelope: 256
        ("x" * (150 * 1024 - 17 - 256), 153_600),
        ("x" * (150 * 1024 - 17 - 256 + 1), 153_601),
        ("汉" * ((150 * 1024 - 17 - 256) // 3 + 1), 153_603),  # 153,327 = 3 * 51,109: one character more is 3 bytes
        ("\n" + '"' * 50_000, 200_276),  # a quote is \\\" when escaped twice: 4 bytes; the line feed 3
    ],
)
def test_a_text_is_measured_as_it_stands_in_the_request(text: str, request_bytes: int) -> None:
    if request_bytes <= 153_600:
        assert Message.text(text)
        return
    told = f"message.content: makes a request of {request_bytes:,} bytes: at most 153,600 are allowed"
    with pytest.raises(BadInput, match=re.escape(told)):
        Message.text(text)


@pytest.mark.parametrize("kind", ["post", "card"])
def test_a_post_and_a_card_are_measured_by_their_content(kind: str) -> None:
    def of(text: str) -> dict[str, Any]:
        element = {"tag": "text", "text": text}
        return a_post([element]) if kind == "post" else a_card(elements=[element])

    room = 30 * 1024 - len(orjson.dumps(of("")["content"]))

    assert len(parse_message(of("x" * room)).wire_content()) == 30_720
    with pytest.raises(BadInput, match=r"message.content: serialises to 30,722 bytes: at most 30,720 are allowed"):
        parse_message(of("é" + "x" * room))


def test_no_repr_shows_the_content() -> None:
    message = Message.text(SECRET)

    assert repr(message) == "Message(msg_type='text', content='<39 bytes>')"
    assert SECRET not in f"{message} {message!r} {[message]} {message.__repr_args__()}"


@all_of(
    "raw",
    [
        {"msg_type": SECRET, "content": {}},
        {"msg_type": "text", "content": SECRET},
        {"msg_type": "text", "content": {"text": [SECRET]}},
        {"msg_type": "text", "content": {"text": SECRET, "to": SECRET}},
        {"msg_type": "text", "content": {"text": SECRET * 10_000}},
        {"msg_type": "text", "content": {"text": SECRET + "\ud800"}},
        {"msg_type": "text", "content": {"x" * 60 + SECRET: SECRET}},
        a_post([{"tag": SECRET}]),
        a_post([{"tag": "a", "text": SECRET, "href": SECRET}]),
        a_post([{"tag": "text", "text": "x", "style": [SECRET]}]),
        {"msg_type": "image", "content": {"image_key": SECRET}},
        a_card(schema=SECRET),
        a_card(type=SECRET),
        a_card(header={"template": SECRET}),
        a_card(card_link={"url": SECRET}),
        a_card(elements=SECRET),
    ],
)
def test_no_refusal_shows_the_content_not_even_in_its_traceback(raw: dict[str, Any]) -> None:
    with pytest.raises(BadInput) as caught:
        parse_message(raw)

    shown = "".join(traceback.format_exception(caught.value))
    assert SECRET not in shown
    assert caught.value.__context__ is None
    assert len(str(caught.value)) < 400


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
# fmt: off
KEYS = st.sampled_from([
    "msg_type", "content", "text", "post", "zh_cn", "en_us", "title", "tag", "href", "style", "image_key",
    "image_sha256", "file", "user_id", "url", "elements", "i18n_elements", "header", "template", "schema", "body",
    "type", "data", "template_id", "template_variable", "card_link", "table", "rows",
])
LEAVES = st.sampled_from([
    "text", "post", "image", "interactive", "a", "img", "md", "at", "hr", "bold", "2.0", "1.0", "template", "card",
    "table", "https://x",
])
# fmt: on
#: JSON that resembles messages, so that the checks below the first are reached.
LIKELY = st.recursive(
    LEAVES | JSON,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)


@given(
    raw=JSON
    | LIKELY
    | st.fixed_dictionaries({"msg_type": st.sampled_from(list(MsgType)), "content": JSON | LIKELY})
    | st.fixed_dictionaries({"msg_type": st.just("post"), "content": st.fixed_dictionaries({"post": LIKELY})})
)
def test_any_json_is_taken_or_refused_with_bad_input_and_nothing_else(raw: Any) -> None:
    try:
        message = parse_message(raw)
    except BadInput as refusal:
        assert refusal.field.startswith("message")  # noqa: PT017
        str(refusal).encode()
    else:
        assert orjson.loads(message.wire_content()) == message.content


#: Everything but halves of surrogate pairs, which are no characters.
CHARACTERS = st.text(alphabet=st.characters(exclude_categories=["Cs"]))


@given(text=CHARACTERS.filter(lambda text: not is_blank(text)))
def test_any_text_comes_back_from_the_wire_and_through_the_door_again(text: str) -> None:
    message = Message.text(text)

    assert orjson.loads(message.wire_content()) == {"text": text}
    assert parse_message({"msg_type": "text", "content": message.wire_content()}) == message


NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)


@given(variables=st.dictionaries(CHARACTERS, st.none() | st.booleans() | NUMBERS | CHARACTERS, max_size=5))
def test_any_value_of_json_comes_back_from_the_wire(variables: dict[str, Any]) -> None:
    content = {"type": "template", "data": {"template_id": "AAq", "template_variable": variables}}

    assert orjson.loads(parse_message({"msg_type": "interactive", "content": content}).wire_content()) == content


def test_what_is_too_large_is_not_looked_at_part_by_part() -> None:
    """A hundred thousand complaints about one card would take half a gigabyte."""
    with pytest.raises(BadInput, match=r"^message.content: serialises to 300,014 bytes"):
        parse_message({"msg_type": "interactive", "content": {"elements": [[]] * 100_000}})
