"""Messages as they look in Feishu: everything escaped, every tag closed, nothing that leads elsewhere."""

from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.marked import markdown_html, text_html
from console.message_preview import is_plain, preview_of
from ledger.messages.content import Message, MsgType
from tests.growth import MOST_GROWTH, growth

__all__: list[str] = []


def message(msg_type: str, content: dict[str, Any]) -> Message:
    return Message.model_construct(msg_type=MsgType(msg_type), content=content)


class Tags(HTMLParser):
    """The tags of a piece of HTML; fails on one that is closed without having been opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "hr":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.open.remove(tag)


def tags_of(html: str) -> Tags:
    tags = Tags()
    tags.feed(html)
    tags.close()
    return tags


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("Dear <b>Ada</b>", "Dear <b>Ada</b>"),
        ("<b>never closed", "&lt;b&gt;never closed"),
        ('<at user_id="ou_1">Ada</at>', '<span class="at">@Ada</span>'),
        ('<at user_id="ou_1"></at>', '<span class="at">@ou_1</span>'),
        ("see [here](https://a.example/x)", 'see <span class="link" title="https://a.example/x">here</span>'),
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("a*b*c **d**", "a*b*c **d**"),
        ("<b>bold <i>both</b> bold", "<b>bold &lt;i&gt;both</b> bold"),
        ("<b>[here](https://a.example)</b>", '<b><span class="link" title="https://a.example">here</span></b>'),
        ("</i><b></b>", "&lt;/i&gt;<b></b>"),
    ],
)
def test_a_text_looks_as_feishu_shows_it(given: str, shown: str) -> None:
    assert preview_of(message("text", {"text": given})) == f'<div class="bubble">{shown}</div>'


def test_a_post_has_its_title_and_paragraphs() -> None:
    line = [
        {"tag": "text", "text": "Move <now> ", "style": ["bold"]},
        {"tag": "a", "text": "plan", "href": "javascript:alert(1)"},
        {"tag": "at", "user_id": "all"},
    ]
    look = preview_of(message("post", {"post": {"zh_cn": {"title": "Office", "content": [line, [{"tag": "hr"}]]}}}))
    assert '<p class="title">Office</p>' in look
    assert "<b>Move &lt;now&gt; </b>" in look
    assert '<span class="link" title="javascript:alert(1)">plan</span>' in look
    assert '<span class="at">@all</span>' in look
    assert "href=" not in look


def test_a_card_has_its_header_words_fields_and_buttons() -> None:
    card = {
        "header": {"title": {"tag": "plain_text", "content": "Laptop"}, "template": "green"},
        "elements": [
            {"tag": "div", "text": {"tag": "lark_md", "content": "**Pick** it *up* <font color='red'>now</font>"}},
            {"tag": "div", "fields": [{"text": {"tag": "plain_text", "content": "**plain**"}}]},
            {"tag": "action", "actions": [{"tag": "button", "type": "primary", "text": {"content": "Go"}}]},
            {"tag": "chart"},
        ],
    }
    look = preview_of(message("interactive", card))
    assert '<div class="head green">Laptop</div>' in look
    assert "<b>Pick</b> it <i>up</i> now" in look
    assert "**plain**" in look
    assert '<span class="act primary">Go</span>' in look
    assert '<span class="placeholder">chart</span>' in look


@pytest.mark.parametrize("content", [{"type": "template", "data": {}}, {"elements": "no list"}, {"header": 3}, {}])
def test_a_card_that_cannot_be_drawn_is_still_a_card(content: dict[str, Any]) -> None:
    assert 'class="card"' in preview_of(message("interactive", content))


PIECES = st.lists(
    st.sampled_from(
        ["<b>", "</b>", "<i>", "*", "**", "~~", "[", "](", ")", '"', "'", "<at id=x>", "</at>", "<", "x", "\n"]
    ),
    max_size=12,
).map("".join)


@given(PIECES)
def test_whatever_a_message_holds_every_tag_is_ours_and_closed(text: str) -> None:
    markdown = {"elements": [{"tag": "markdown", "content": text}, {"tag": "note", "elements": [{"content": text}]}]}
    post = {"zh_cn": {"title": text, "content": [[{"tag": "md", "text": text}, {"tag": "text", "text": text}]]}}
    for kind, content in (("text", {"text": text}), ("interactive", markdown), ("post", post)):
        tags = tags_of(preview_of(message(kind, content)))
        assert tags.open == []
        assert tags.seen <= {"div", "p", "span", "b", "i", "u", "s", "hr"}
        assert tags.attributes <= {"class", "title"}


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("**a** *b* ~~c~~", "<b>a</b> <i>b</i> <s>c</s>"),
        ("**a *b* c**", "<b>a <i>b</i> c</b>"),
        ("**a\nb**", "**a\nb**"),
        ("****", "****"),
        ("<font color='red'>a</font> < b", "a &lt; b"),
        ("*[a](https://b.example)*", '<i><span class="link" title="https://b.example">a</span></i>'),
    ],
)
def test_marks_of_a_card_are_read_in_pairs_and_end_in_their_line(given: str, shown: str) -> None:
    card = message("interactive", {"elements": [{"tag": "markdown", "content": given}]})
    assert preview_of(card) == f'<div class="card"><div class="part">{shown}</div></div>'


def test_a_text_of_more_than_8192_characters_is_shown_as_it_was_written() -> None:
    long, short = "<b>x</b>" * 1025, "<b>x</b>" * 1024
    assert preview_of(message("text", {"text": long})) == f'<div class="bubble">{"&lt;b&gt;x&lt;/b&gt;" * 1025}</div>'
    assert is_plain(message("post", {"post": {"zh_cn": {"content": [[{"tag": "md", "text": long}]]}}}))
    assert "<b>x</b>" in preview_of(message("text", {"text": short}))
    assert not is_plain(message("text", {"text": short}))


MARKS = (
    *("<b>", "</b>", "<b><i>", "<b></i>", "<at id=a>", "<at id=", "</at>", "<font", "<font '", "<font>", "<"),
    *("[", "[a](", "[a](b", "](", "*", "**", "**a", "~~", "~~a\n", "*a**", "**\n", "&", '"', "\n"),
)


@pytest.mark.slow
@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("html_of", [text_html, markdown_html])
def test_whatever_mark_is_repeated_it_takes_linear_time(
    html_of: Callable[[str], str], mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.marked.MARKED_CHARACTERS", 10**9)

    def look(times: int) -> None:
        html_of(f"[<at id=a>{mark * times}{'</b>' * times}")

    assert growth(lambda: look(8_000), lambda: look(2_000)) < MOST_GROWTH


def test_a_style_that_is_given_ten_thousand_times_counts_once() -> None:
    node = {"tag": "text", "text": "x", "style": ["bold"] * 10_000}
    assert "<p><b>x</b></p>" in preview_of(message("post", {"zh_cn": {"content": [[node]]}}))
