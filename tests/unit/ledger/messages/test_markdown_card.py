"""Markdown as a card: what becomes of each part, what is refused with its line, and that no value becomes markup."""

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import BadInput
from ledger.messages.card_text import as_text
from ledger.messages.markdown_card import MARKDOWN_BYTES, card_of_markdown
from ledger.messages.template import Template
from tests.all_of import all_of

KEY = "img_v3_02ab-cd_ef"


def card(source: str) -> dict[str, Any]:
    """Of a text without variables."""
    content: dict[str, Any] = card_of_markdown(source, has_variables=False)["content"]
    return content


def texts(content: dict[str, Any]) -> list[str]:
    return [element["text"]["content"] for element in content["elements"] if element["tag"] == "div"]


def rendered(source: str, **values: str) -> dict[str, Any]:
    template = Template.of(card_of_markdown(source, has_variables=True), columns=list(values))
    content: dict[str, Any] = template.render(values).content
    return content


def test_a_whole_text_becomes_a_card() -> None:
    source = f"# Office move\n\nDear all,\nwe move.\n\n## When\n\n- Friday\n\n---\n\n![map]({KEY})\n"
    assert card(source) == {
        "config": {"update_multi": True},
        "header": {"title": {"tag": "plain_text", "content": "Office move"}},
        "elements": [
            {"tag": "div", "text": {"tag": "lark_md", "content": "Dear all,\nwe move."}},
            {"tag": "div", "text": {"tag": "lark_md", "content": "**When**"}},
            {"tag": "div", "text": {"tag": "lark_md", "content": "• Friday"}},
            {"tag": "hr"},
            {"tag": "img", "img_key": KEY, "alt": {"tag": "plain_text", "content": "map"}},
        ],
    }


@all_of(
    ("source", "text"),
    [
        ("a **b** __c__ *d* _e_ ~~f~~", "a **b** **c** *d* *e* ~~f~~"),
        ("**a *b* c**", "**a *b* c**"),
        ("**a __b__ c**", "**a b c**"),
        ("[the plan](https://corp.example/a_b)", "[the plan](https://corp.example/a_b)"),
        ("[x](https://corp.example/a(b)c)", "[x](https://corp.example/a%28b%29c)"),
        (
            "see https://corp.example/a_b, then go",
            "see [https://corp.example/a&#95;b](https://corp.example/a_b), then go",
        ),
        ("<https://corp.example/a>", "[https://corp.example/a](https://corp.example/a)"),
        ("`a*b*`", "a&#42;b&#42;"),
        ("a\\*b", "a&#42;b"),
        ("2 * 3 < 7 ~ 8", "2 &#42; 3 &#60; 7 &sim; 8"),
        ("<at id=all></at> <b>x</b>", "&#60;at id=all&#62;&#60;/at&#62; &#60;b&#62;x&#60;/b&#62;"),
        ("&lt;at id=all&gt;", "&#60;at id=all&#62;"),
        ("R&D & co; &#38;#60;", "R&D & co; &#38;#60;"),
        ("10:30 (room 2) - #4!", "10:30 (room 2) - #4!"),
        ("a  \nb\nc", "a\nb\nc"),
        ("> one\n> two\n>\n> three", "one\ntwo\nthree"),
        ("- a\n  - b\n- c", "• a\n\u2003• b\n• c"),
        ("3. a\n4. b", "3. a\n4. b"),
        ("- a\n\n  b", "• a\n  b"),
    ],
)
def test_each_part_is_written_as_the_card_knows_it(source: str, text: str) -> None:
    assert texts(card(source)) == [text]


@pytest.mark.parametrize(
    ("source", "line", "problem"),
    [
        ("a\n\n```\nb\n```", 3, "block of code"),
        ("a\n\n    b", 3, "block of code"),
        ("- a\n\n  ```\n  b\n  ```", 3, "block of code"),
        ("a\n\n| b |\n|---|\n| c |", 3, "table"),
        (f"a ![b]({KEY})", 1, "picture must stand alone"),
        (f"# ![b]({KEY})", 1, "picture must stand alone"),
        ("a\n\n![b](poster.png)", 3, "upload it first"),
        ("a\n\n[b](mailto:a@corp.example)", 3, "http:// or https://"),
        ("a\n\n[b](javascript:alert(1))", 3, ""),
        ("- a\n- ***", 2, "rule"),
        ("{% if a %}\n\nb\n\n{% endif %}", 1, "must end in the paragraph"),
        ("{{ a }}{#\n\n#}\n\n```\nb\n```", 5, "block of code"),
    ],
)
def test_what_a_card_cannot_show_is_refused_with_its_line(source: str, line: int, problem: str) -> None:
    if source.endswith("javascript:alert(1))"):  # no link for CommonMark, and so a text
        assert texts(card(source))[1].startswith("&#91;b&#93;")
        return
    with pytest.raises(BadInput) as caught:
        card_of_markdown(source, has_variables=True)
    assert caught.value.field == "markdown"
    assert caught.value.problem.startswith(f"line {line}: ")
    assert problem in caught.value.problem


@pytest.mark.parametrize("source", ["", "  \n", None, 7, "x" * (MARKDOWN_BYTES + 1)])
def test_what_is_no_text_for_a_card_is_refused(source: object) -> None:
    with pytest.raises(BadInput, match=r"^markdown: "):
        card_of_markdown(source, has_variables=False)


def test_without_variables_braces_are_text() -> None:
    assert texts(card("{{ name }} {% if %}")) == ["{{ name }} {% if %}"]


def test_statements_on_lines_of_their_own_are_no_lines_of_the_message() -> None:
    source = "Hello\n{% if city == 'Rome' %}\nCiao\n{% endif %}\nBye\n{% for n in range(2) %}\n{{ n }}\n{% endfor %}"
    assert texts(rendered(source, city="Rome")) == ["Hello\nCiao\nBye\n0\n1"]
    assert texts(rendered(source, city="Oslo")) == ["Hello\nBye\n0\n1"]


def test_any_header_is_a_variable() -> None:
    source = "{{ Full name }} {{ e-mail }} {{ 金额(元)|trim }} {{ row['a b']|upper }}"
    values = {"Full name": "A*a", "e-mail": "a@b.c", "金额(元)": " 5 ", "a b": "x_y"}
    assert texts(rendered(source, **values)) == ["A&#42;a a@b.c 5 X&#95;Y"]


def test_a_value_in_a_link_is_written_for_it() -> None:
    source = "[plan](https://corp.example/p/{{ id }}?q={{ id }}) [own]({{ url }}) https://corp.example/{{ id }}"
    [text] = texts(rendered(source, id="a/b c)(_", url="https://corp.example/x_y?(z)=1#a"))
    part = "a%2Fb%20c%29%28%5F"
    shown = "a&#47;b c&#41;&#40;&#95;"
    assert text == (
        f"[plan](https://corp.example/p/{part}?q={part}) [own](https://corp.example/x%5Fy?%28z%29=1#a)"
        f" [https://corp.example/{shown}](https://corp.example/{part})"
    )


@pytest.mark.parametrize("url", ["javascript:alert(1)", "ftp://a.b", "corp.example", "https://a b", "", "https://"])
def test_a_value_that_is_no_link_makes_its_row_invalid(url: str) -> None:
    with pytest.raises(BadInput, match="link"):
        rendered("[own]({{ url }})", url=url)


@pytest.mark.parametrize("expression", ["name|safe", "name ~ ''", "name or 'x'", "(name, name)|join('')", "name|e"])
def test_no_way_to_write_a_value_gets_around_it(expression: str) -> None:
    [text] = texts(
        rendered(f"a {{{{ {expression} }}}} {{% if name %}}{{{{ {expression} }}}}{{% endif %}}", name="<b>*")
    )
    assert not set("<>*") & set(text)


def test_a_place_that_there_is_not_is_refused() -> None:
    for wrong in ("{{ name|card }}", '{{ "html"|card }}', '{{ "text"|card("x")|card }}'):
        with pytest.raises(BadInput):
            rendered(wrong, name="a")


def test_the_example_is_a_card_for_each_receiver() -> None:
    source = (Path(__file__).parents[4] / "examples/office-move.md").read_text("utf-8")
    content = rendered(source, name="Ada", room="4.12", receiver_id="ou_ada")
    assert content["header"]["title"]["content"] == "We move on Friday"
    _, where, _, list_of_things, _ = texts(content)
    assert "*room 4.12*" in where
    assert "[the plan](https://intranet.corp.example/move?who=ou%5Fada)" in where
    assert list_of_things.startswith("• Pack your things by **Thursday, 17:00**.")


# -- whatever a value is

MARKUP = st.sampled_from(
    ["<at id=all></at>", "<at user_id='all'>", "**", "~~", "[a](https://evil.example)", "](https://evil.example)", "\n",
     "![x](img_v3_1)", "\n---\n", "```", "<font color=red>", ":OK:", "&#60;at id=all&#62;", "&lt;", "{{ name }}", "{%",
     "$a", '"}]}', "\\", "https://evil.example", "\u2028", "*", "_", "`", "<", "\r", ")", "x"]
)  # fmt: skip
VALUES = st.one_of(st.text(), st.lists(MARKUP, max_size=8).map("".join))
#: Every place in which a value can stand.
SOURCE = f"""# Title {{{{ name }}}} **{{{{ name }}}}**

Dear {{{{ name }}}}, **{{{{ name }}}}** *{{{{ name }}}}* ~~{{{{ name }}}}~~ `{{{{ name }}}}`
{{% if name %}}
{{{{ name }}}}
{{% endif %}}

## {{{{ name }}}}

- {{{{ name }}}}
  - {{{{ name }}}}

> {{{{ name }}}}

[{{{{ name }}}}](https://corp.example/{{{{ name }}}})

![{{{{ name }}}}]({KEY})
"""
ROWS = Template.of(card_of_markdown(SOURCE, has_variables=True), columns=["name"])


def shape(value: Any) -> Any:
    """A card without its texts."""
    match value:
        case dict():
            return {name: shape(inner) for name, inner in value.items()}
        case list():
            return [shape(inner) for inner in value]
        case str():
            return ""
    return value


def marks(text: str) -> list[str]:
    """All that means something in a card's Markdown."""
    return re.findall(r"[<>*_`\[\]()~#$!\\]|\w+://", re.sub(r"&#\d+;|&sim;", "", text))


def own_texts(content: Any) -> Iterator[str]:
    for element in content["elements"]:
        if element["tag"] == "div":
            yield element["text"]["content"]


@given(VALUES.filter(lambda value: bool(value.strip())))
def test_no_value_becomes_markup_or_breaks_the_card(value: str) -> None:
    content = ROWS.render({"name": value}).content
    plain = ROWS.render({"name": "x"}).content
    assert shape(content) == shape(plain)
    for text, usual in zip(own_texts(content), own_texts(plain), strict=True):
        assert marks(text) == marks(usual)
    assert json.loads(json.dumps(content)) == content


@given(VALUES)
def test_a_value_is_read_as_it_is(value: str) -> None:
    """By whoever decodes Feishu's entities once. The documented one for a tilde is another tilde."""
    assert html.unescape(as_text(value)).replace("\u223c", "~") == _as_html_reads(value)
    written = as_text(value)
    assert not set("<>*[]()_`!\\$~") & set(written)
    assert "://" not in written


def _as_html_reads(value: str) -> str:
    """`html.unescape` also takes `&lt` without its semicolon for an entity, as no card does."""
    return html.unescape(value) if re.search(r"&\w", value) and not re.search(r"&#?\w{1,31};", value) else value


@given(st.text(max_size=30))
def test_a_link_s_part_is_read_as_it_is(value: str) -> None:
    try:
        [text] = texts(rendered("[a](https://corp.example/{{ name }}/end)", name=value or "x"))
    except BadInput:
        return
    found = re.fullmatch(r"\[a\]\(https://corp\.example/([^/()\[\]*_~<>\s]*)/end\)", text)
    assert found
    assert unquote(found[1]) == (value or "x")
