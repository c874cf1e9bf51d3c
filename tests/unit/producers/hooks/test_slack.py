"""`use = "slack"`: what is written for Slack's incoming webhooks becomes a text, or a card that reads the same."""

import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import BadInput
from ledger.messages.content import CARD_AND_POST_KB, MsgType
from producers.hooks.hook import Hook
from producers.hooks.payload import Cut
from producers.hooks.slack_card import slack_message
from producers.hooks.slack_colour import header_colour
from producers.hooks.slack_text import SlackText
from producers.hooks.template_context import WHOLE
from tests.all_of import all_of
from tests.unit.producers.hooks.hook_cases import a_hook, incoming, payload, with_headers

__all__: list[str] = []

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def slack(tmp_path: Path) -> Hook:
    return a_hook(tmp_path, 'use = "slack"')


def content_of(body: dict[str, Any]) -> dict[str, Any]:
    return dict(slack_message(body, WHOLE).content)


def shown(body: dict[str, Any]) -> str:
    """All of a card in one text, as JSON."""
    return json.dumps(content_of(body), ensure_ascii=False)


# -- its text


@all_of(
    ("written", "markdown", "plain"),
    [
        ("*bold* _slanted_ ~struck~", "**bold** *slanted* ~~struck~~", "bold slanted struck"),
        ("**Firing** and *_both_*", "**Firing** and ***both***", "Firing and both"),
        ("2 * 3 * 4, a*b*c, *not\nbold*", "2 &#42; 3 &#42; 4, a&#42;b&#42;c, &#42;not\nbold&#42;", None),
        ("disk_full_now and __init__.py", "disk&#95;full&#95;now and *init*.py", "disk_full_now and init.py"),
        (
            "<https://x.example/?a=1&amp;b=2|the &lt;log&gt;>",
            "[the &#60;log&#62;](https://x.example/?a=1&b=2)",
            "the <log>",
        ),
        ("see <https://x.example/a_b>", "see [https://x.example/a&#95;b](https://x.example/a%5Fb)", None),
        ("*<https://x.example|all>*", "**[all](https://x.example)**", "all"),
        ("<mailto:a@b.example|a@b.example> <mailto:a@b.example|Ann>", "a@b.example Ann (mailto:a@b.example)", None),
        (
            "<javascript:alert(1)|x> <foo> a <b c> d",
            "&#60;javascript:alert(1)|x&#62; &#60;foo&#62; a &#60;b c&#62; d",
            None,
        ),
        ("<@U1|ann> <@U2> <#C1|ops> <!subteam^S1|@oncall>", "@ann @U2 #ops @oncall", "@ann @U2 #ops @oncall"),
        ("<!channel> <!here> <!everyone> <!date^1^{date}|noon>", "@channel @here @everyone noon", None),
        ("&lt;!channel&gt; &amp;lt; &amp;amp; &quot;", "&#60;!channel&#62; &#38;lt; &#38;amp; &#38;quot;", None),
        (
            "`a *b* <c>` and ```\n*d*\n<e>\n```",
            "a &#42;b&#42; &#60;c&#62; and &#42;d&#42;\n&#60;e&#62;",
            "a *b* <c> and *d*\n<e>",
        ),
        ("``` never *closed*", "&#96;&#96;&#96; never **closed**", "``` never closed"),
        ("<at id=all></at>", "&#60;at id=all&#62;&#60;/at&#62;", None),
        ("\ufdd0\ufdd1x\ufdd1 [a](b)", "��x� &#91;a&#93;(b)", "��x� [a](b)"),
        ("&gt; quoted", "&#62; quoted", "> quoted"),
    ],
)
def test_a_text_is_written_in_the_markdown_of_cards(written: str, markdown: str, plain: str | None) -> None:
    text = SlackText.of(written)
    assert text.markdown == markdown
    if plain is not None:
        assert text.plain == plain


@given(st.text(st.sampled_from("*_~`<>|@#!& \nab:/&lt;\ufdd0\ufdd1http://x"), max_size=60))
def test_no_text_fails_or_mentions_anyone(written: str) -> None:
    text = SlackText.of(written)
    assert "<" not in text.markdown
    assert len(text.plain) <= len(written) + 20


# -- a message


def test_a_text_without_links_and_marks_is_a_text() -> None:
    message = slack_message({"text": "Disk full on db_3 &amp; db-4 {{ look }}", "channel": "#ops"}, WHOLE)
    assert message.msg_type is MsgType.TEXT
    assert message.content == {"text": "Disk full on db_3 & db-4 {{ look }}"}


def test_a_text_with_links_and_marks_is_a_card() -> None:
    assert content_of({"text": "*Disk* <https://x.example|full>"})["elements"] == [
        {"tag": "div", "text": {"tag": "lark_md", "content": "**Disk** [full](https://x.example)"}}
    ]
    assert content_of({"text": "*Disk* full", "mrkdwn": False}) == {"text": "*Disk* full"}


@pytest.mark.parametrize("tag", ["<!channel>", '<at user_id="all">all</at>', "<at id=all></at>", "&lt;at id=all&gt;"])
def test_nobody_is_mentioned_wherever_it_stands(tag: str) -> None:
    text = {"type": "plain_text", "text": tag}
    attachment = dict.fromkeys(("title", "pretext", "text", "footer", "author_name"), tag)
    fields = [{"title": tag, "value": tag}]
    actions = [{"text": tag, "url": "https://x.example"}]
    blocks = [
        {"type": "header", "text": text},
        {"type": "section", "text": text},
        {"type": "context", "elements": [text]},
    ]
    markdown = [{"type": "markdown", "text": tag}, {"type": "markdown", "text": f"# {tag}"}]
    told = [
        shown({"text": tag}),
        shown({"text": f"*x* {tag}"}),
        shown({"attachments": [{**attachment, "fields": fields, "actions": actions}, attachment]}),
        shown({"blocks": [*blocks, *markdown]}),
    ]
    assert all("<at" not in each for each in told)


def test_the_text_beside_blocks_is_not_said_twice_and_stands_in_for_unknown_ones() -> None:
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "Deployed"}}
    assert content_of({"text": "Deploy", "blocks": [section]}) == {"text": "Deployed"}
    assert content_of({"text": "Deploy", "blocks": [{"type": "video", "title": 5}]}) == {"text": "Deploy"}
    attachment = {"fallback": "Deploy", "blocks": [section]}
    assert content_of({"attachments": [attachment]}) == {"text": "Deployed"}
    assert content_of({"attachments": [{"fallback": "one"}, {"fallback": "two"}]}) == {"text": "one two"}


def test_several_attachments_have_their_titles_in_bold() -> None:
    first = {"title": "One *a*", "title_link": "https://x.example/1", "color": "good", "text": "a"}
    card = content_of({"text": "Two things", "attachments": [first, {"title": "Two", "text": "b"}]})
    assert "header" not in card
    assert [each["text"]["content"] for each in card["elements"]] == [
        *("Two things", "**[One a](https://x.example/1)**", "a", "**Two**", "b")
    ]


def test_links_that_lead_nowhere_are_words_and_buttons_without_one_are_left_out() -> None:
    attachment = {
        "title": "T",
        "title_link": "not a link",
        "author_name": "Ann",
        "author_link": "ftp://x.example",
        "image_url": "https://x.example/a.png",
        "actions": [
            {"text": "No", "url": "x"},
            {"text": "", "url": "https://x.example"},
            {"text": {"text": "Yes"}, "url": "https://x.example"},
        ],
    }
    card = content_of({"attachments": [attachment]})
    assert card["header"]["title"]["content"] == "T"
    texts = [each["text"]["content"] for each in card["elements"] if each["tag"] == "div"]
    assert texts == ["Ann", "not a link", "[https://x.example/a.png](https://x.example/a.png)"]
    [action] = [each for each in card["elements"] if each["tag"] == "action"]
    assert [each["text"]["content"] for each in action["actions"]] == ["Yes"]


@all_of(
    ("colour", "header"),
    [
        *(("good", "green"), ("warning", "orange"), ("Danger", "red"), ("#D63232", "red"), ("36a64f", "green")),
        *(("#FF9830", "orange"), ("#439FE0", "blue"), ("#808080", "grey"), ("#ff00aa", "purple"), ("#000000", "grey")),
        *(("", "blue"), ("pink", "blue"), ("#12", "blue"), ("#ff0010", "red"), ("#ffee00", "yellow")),
    ],
)
def test_a_colour_is_that_of_a_header(colour: str, header: str) -> None:
    assert header_colour(colour) == header


@pytest.mark.parametrize(
    "body", [{}, {"text": ""}, {"attachments": [{}]}, {"attachments": 5, "blocks": {}}, {"text": []}]
)
def test_where_there_is_nothing_to_read_nothing_is_sent(slack: Hook, body: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="there are neither a text, nor blocks, nor attachments") as caught:
        slack.render(incoming(body))
    assert caught.value.field == "text"


# -- its request


@pytest.mark.parametrize(
    "posted",
    [
        with_headers({"text": "a + b & ü"}, {"Content-Type": "application/json; charset=utf-8"}),
        with_headers({"text": "a + b & ü"}, {}),
        with_headers({"text": "a + b & ü"}, FORM),  # some senders leave the type that their library sets
        with_headers(urlencode({"payload": json.dumps({"text": "a + b & ü"})}).encode(), FORM),
        with_headers(b"x=1&payload=%7B%22text%22%3A+%22a+%2B+b+%26+%C3%BC%22%7D", FORM),
    ],
)
def test_json_and_a_form_are_the_same(slack: Hook, posted: Any) -> None:
    [notification] = slack.render(posted).notifications
    assert notification.message.content == {"text": "a + b & ü"}
    assert notification.key is None


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"text=hi", "body: is a form without the field payload"),
        (b"payload=hi", "body: is not JSON"),
        (b"payload=[1]", "body: must be a JSON object"),
        (b"payload=", "body: is empty"),
        (b"", "body: is a form without the field payload"),
        (b"a=&" * 101, "body: has more than 100 fields"),
    ],
)
def test_a_form_without_json_is_refused(slack: Hook, body: bytes, problem: str) -> None:
    with pytest.raises(BadInput) as caught:
        slack.render(with_headers(body, FORM))
    assert str(caught.value).startswith(problem)


# -- its bounds


def test_a_message_that_is_too_large_is_shortened_and_that_is_told(slack: Hook) -> None:
    attachments = [{"title": f"Alert {number}", "text": "磁" * 2_000} for number in range(100)]
    rendered = slack.render(incoming({"attachments": attachments}))
    [notification] = rendered.notifications
    assert len(notification.message.wire_content().encode()) <= CARD_AND_POST_KB * 1024
    assert "Alert 1" in notification.message.wire_content()
    assert rendered.reason is not None
    assert "was too large with all items of its lists: only the first" in rendered.reason


def test_what_no_cut_makes_small_enough_becomes_a_plain_text(slack: Hook) -> None:
    link = "https://x.example/" + "a" * 10_000
    actions = [{"text": "Open", "url": link} for _ in range(5)]
    rendered = slack.render(incoming({"text": "Disk full", "attachments": [{"actions": actions}]}))
    assert "Disk full" in rendered.notifications[0].message.wire_content()
    assert rendered.reason is not None
    assert "a plain text was sent instead" in rendered.reason


@pytest.mark.parametrize(
    "text",
    ["*a" * 200_000, "<a" * 200_000, "`" * 400_000, "*a* " * 100_000, "<https://x|y>" * 30_000, "&amp;" * 80_000],
)
def test_a_hostile_text_takes_no_more_time_than_another(text: str) -> None:
    """Half a second is a hundred times what it takes."""
    pieces = [text[at : at + 4_000] for at in range(0, len(text), 4_000)]
    body = {"attachments": [{"text": piece, "title": piece} for piece in pieces], "text": text}
    began = time.process_time()
    for cut in (WHOLE, Cut(4000), Cut(1000, 40), Cut(250, 20), Cut(60, 5)):
        try:
            slack_message(body, cut)
        except BadInput:
            continue
    assert time.process_time() - began < 0.5


def test_a_cut_says_less_of_the_same() -> None:
    whole, cut = (slack_message(payload("slack_blocks"), each) for each in (WHOLE, Cut(60, 5)))
    assert len(whole.content["elements"]) == 9  # type: ignore[arg-type]
    assert len(cut.content["elements"]) == 5  # type: ignore[arg-type]
