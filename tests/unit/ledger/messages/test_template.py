"""What a message template renders, what it refuses, and that no value can break out of it."""

import json
import time
import traceback
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import BadInput
from ledger.messages.content import Message, MsgType, parse_message
from ledger.messages.template import LacksVariable, Template
from tests.all_of import all_of
from tests.few import few

__all__: list[str] = []

SECRET = "the value that nobody may see"


def a_text(text: str) -> dict[str, Any]:
    return {"msg_type": "text", "content": {"text": text}}


def a_post(*paragraphs: list[Any], **locale: Any) -> dict[str, Any]:
    return {"msg_type": "post", "content": {"post": {"zh_cn": {"content": list(paragraphs), **locale}}}}


def a_card(*elements: Any, **content: Any) -> dict[str, Any]:
    return {"msg_type": "interactive", "content": {"elements": list(elements), **content}}


def a_reference(**content: Any) -> dict[str, Any]:
    return {"msg_type": "interactive", "content": content}


def rendered(source: str, **values: str) -> str:
    text = Template.of(a_text(source)).render(values).content["text"]
    assert isinstance(text, str)
    return text


def refusal(source: str, **values: str) -> str:
    with pytest.raises(BadInput) as caught:
        rendered(source, **values)
    shown = "".join(traceback.format_exception(caught.value))
    assert SECRET not in shown
    return str(caught.value)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("Dear {{ name }}", "Dear Ann"),
        ("Dear {{name|upper}}\n", "Dear ANN\n"),
        ("{% if name == 'Ann' %}yes{% else %}no{% endif %}", "yes"),
        ("{{ 'a' if name in ['Ann', 'Bob'] else 'b' }}", "a"),
        ("{% for part in parts.split(';') %}{{ loop.index }}. {{ part|trim }}\n{% endfor %}", "1. one\n2. two\n"),
        ("{% for p in parts.split(';') %}{% for w in p.split(' ') %}[{{ w }}]{% endfor %}{% endfor %}", "[one][][two]"),
        ("{{ missing|default('nobody') }}", "nobody"),
        ("{% if missing is defined %}x{% else %}y{% endif %}", "y"),
        ("{{ '%.2f'|format(price|float) }} {{ (price|float * 2)|round(1) }}", "3.50 7.0"),
        ("{{ parts|replace(';', ' and') }} {{ parts.split(';')|join('/') }}", "one and two one/ two"),
        ("{{ name ~ '!' }}{# no one sees this #} {% raw %}{{ x }}{% endraw %}", "Ann! {{ x }}"),
        ("{{ 姓名 }}", "张三"),
        ("no markup at all", "no markup at all"),
    ],
)
def test_jinja_works_in_a_text(source: str, expected: str) -> None:
    assert rendered(source, name="Ann", parts="one; two", price="3.5", 姓名="张三") == expected


def test_the_variables_are_those_of_all_leaves() -> None:
    post = a_post([{"tag": "text", "text": "{{ a }} {{ b|upper }}"}], title="{% if c %}{{ range(2)|join }}{% endif %}")
    assert Template.of(post).variables == {"a", "b", "c"}


def test_every_string_of_a_card_is_rendered_but_no_key() -> None:
    card = a_card(
        {"tag": "div", "text": {"tag": "lark_md", "content": "{{ a }}"}, "value": {"{{ a }}": ["{{ a }}", 1]}}
    )
    content = Template.of(card).render({"a": 'x"}\\'}).content
    assert content["elements"] == [
        {"tag": "div", "text": {"tag": "lark_md", "content": 'x"}\\'}, "value": {"{{ a }}": ['x"}\\', 1]}}
    ]


def test_a_content_given_as_a_string_of_json_is_rendered_leaf_by_leaf() -> None:
    template = Template.of({"msg_type": "text", "content": '{"text": "Dear {{ name }}"}'})
    assert template.render({"name": '", "x": "'}).content == {"text": 'Dear ", "x": "'}


def test_a_bare_post_is_wrapped_as_the_helpdesk_api_wants_it() -> None:
    template = Template.of({"msg_type": "post", "content": {"zh_cn": {"title": "{{ a }}", "content": []}}})
    assert template.render_unchecked({"a": "x"}) == (MsgType.POST, '{"post":{"zh_cn":{"title":"x","content":[]}}}')


def test_a_message_without_variables_is_checked_when_it_is_compiled() -> None:
    with pytest.raises(BadInput, match=r"message\.content\.text: must not be blank"):
        Template.of(a_text("{{ '' }}"))
    assert Template.of(a_text("{{ 1 + 1 }}")).render_unchecked({}) == (MsgType.TEXT, '{"text":"2"}')


# --- mentions --------------------------------------------------------------------------------------------------------

#: What a reader of tags may pass over: blanks, controls, marks of direction, fillers, joiners, selectors.
UNSEEN = "\x00\x0b\x7f\x85\xa0\u00ad\u034f\u061c\u115f\u180e\u200b\u202e\u2066\u3000\u3164\ufe0f\ufeff\U000e0001"
HIDDEN = [f"<{each}at id=all>" for each in UNSEEN] + [f"<a{each}t id=all>" for each in UNSEEN] + [f"<{UNSEEN}a{UNSEEN}"]
MENTIONS = [
    *HIDDEN,
    "<ａｔ id=all>",
    "<a",
    "<at user_id='all'>",
    "<AT id=all>",
    "< at>",
    "<\n\tAt>",
    "</at>",
    "<\u200bat>",
    "<at",
    "<",
    "<a",
    "< a",
]


@all_of("value", MENTIONS)
def test_a_value_can_mention_nobody(value: str) -> None:
    assert (
        rendered("x {{ a }}{{ b }}", a=value, b="t user_id='all'>") == f"x {value.replace('<', '＜')}t user_id='all'>"
    )


def test_what_is_built_from_values_can_mention_nobody_either() -> None:
    assert rendered("{{ a ~ b }} {{ c|lower }}", a="<", b="at>", c="<AT>") == "＜at> ＜at>"


def test_other_angle_brackets_stay() -> None:
    assert rendered("{{ a }}", a="1 < 2, <b>bold</b>, a<c, <apple>") == "1 < 2, <b>bold</b>, a<c, <apple>"


def test_the_author_may_mention_and_may_call_a_value_safe() -> None:
    source = "<at user_id='{{ id }}'></at> {{ a|safe }}"
    assert (
        rendered(source, id="ou_1", a="<at user_id='all'></at>") == "<at user_id='ou_1'></at> <at user_id='all'></at>"
    )


# --- errors ----------------------------------------------------------------------------------------------------------


def test_an_undefined_variable_is_named() -> None:
    template = Template.of(a_text("Dear {{ name }}"))
    for render in (template.render, template.check, template.render_unchecked):
        with pytest.raises(LacksVariable, match=r"message\.content\.text: uses the variable 'name'") as caught:
            render({"Name": SECRET})
        assert caught.value.name == "name"


def test_a_syntax_error_names_the_leaf_and_the_line() -> None:
    with pytest.raises(BadInput) as caught:
        Template.of(a_post([{"tag": "text", "text": "one\n{{ two"}]))
    assert caught.value.field == "message.content.post.zh_cn.content[0][0].text"
    assert "line 2 of this text" in caught.value.problem


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("{{ a.b }}", "uses the field 'b', which a value does not have"),
        ("{{ a|int + 'x' }}", "cannot be rendered with these values (TypeError)"),
        ("{{ 1 // (a|length - a|length) }}", "cannot be rendered with these values (ZeroDivisionError)"),
        ("{% set b = a %}{{ b }}", "uses {% set %}, which is not allowed in a message"),
        ("{% macro m() %}{% endmacro %}{{ m() }}", "uses {% macro %}"),
        ("{% include 'x' %}", "uses {% include %}"),
        ("{{ a|nosuch }}", "uses the unknown filter 'nosuch': use one of abs, "),
        ("{{ a|attr('x') }}", "uses the unknown filter 'attr'"),
        ("{{ a is nosuch }}", "uses the test 'nosuch', which does not exist"),
        ("{{ a.__class__.__mro__ }}", "cannot be rendered with these values (SecurityError)"),
        ("{{ a.format(1) }}", "calls something other than range"),
        ("{{ lipsum() }}", "calls something other than range"),
        ("{{ 2 ** 99 }}{{ a }}", "uses **, which is not allowed"),
    ],
)
def test_what_cannot_be_rendered_says_why(source: str, problem: str) -> None:
    assert problem in refusal(source, a=SECRET)


@pytest.mark.parametrize(
    "source",
    [
        "{{ range(10**9)|join }}{{ a }}",
        "{{ range(999999999)|join }}{{ a }}",
        "{% for i in range(99999) %}{{ a }}{% endfor %}",
        "{% for i in range(400) %}{% for j in range(400) %}{{ a }}{% endfor %}{% endfor %}",
        "{% for i in range(400) %}{% for j in range(400) %}{% if a == 'x' %}{% endif %}{% endfor %}{% endfor %}",
        pytest.param("{% if a|sort %}{% endif %}" * 100, marks=pytest.mark.slow),
        "{% for c in a * 999999999 %}x{% endfor %}",
        "{{ 'x' * 999999999 }}{{ a }}",
        "{{ '%999999999d' % 1 }}{{ a }}",
        "{{ '%999999999d'|format(1) }}{{ a }}",
        "{{ a|replace('', a) }}",
        "{{ a|list|join(a) }}",
        "{{ a }}" * 400,
        "{{ a }}" * 4000,
        "{{ " + "(" * 4000 + "a" + ")" * 4000 + " }}",
        "{{ " + "-" * 600 + "1 }}{{ a }}",
        "{{ " + "9" * 5000 + " }}{{ a }}",
        "{{ 1.5|round(999999999) }}" * 30 + "{{ a|center(999999999) }}",
        "{% if a %}" * 120 + "{% endif %}" * 120,
    ],
)
def test_a_bomb_goes_off_in_no_ones_face(source: str) -> None:
    began = time.thread_time()  # of its own: a busy machine is no bomb
    assert len(refusal(source, a="x" * 100_000)) < 1000
    assert time.thread_time() - began < 10  # a bomb that went off would take minutes, or all memory


#: Together a second of work and more for each leaf, while they shared no budget.
HEAVY = [
    "{% for i in range(90) %}{{ (a|title)[:0] }}{% endfor %}",
    "{% for i in range(90) %}{{ (a|urlencode)[:0] }}{% endfor %}",
    "{% for i in range(90) %}{{ (a.split(' ')|sort)|length }}{% endfor %}",
    "{% for i in range(90) %}{{ ([a, a, a, a]|sort)|length }}{% endfor %}",
    "{% for i in range(400) %}{{ range(99999)|length + a|length }}{% endfor %}",
    "{% for i in range(400) %}{{ (a + a + a + a + a + a)|length }}{% endfor %}",
    "{% for i in range(400) %}{{ (a ~ a ~ a ~ a ~ a ~ a)|length }}{% endfor %}",
    "{% for i in range(400) %}{{ 'b' in a }}{% endfor %}",
    "{{ 1 if a == a ~ '' }}" * 60,
]


@pytest.mark.parametrize("leaf", few(HEAVY, one_in=4))
def test_all_leaves_of_a_message_share_one_budget(leaf: str) -> None:
    post = a_post(*[[{"tag": "text", "text": leaf}] for _ in range(100)])
    began = time.thread_time()
    with pytest.raises(BadInput):
        Template.of(post).render({"a": "ab " * 10_000})
    assert time.thread_time() - began < 2


def test_leaves_without_variables_share_one_budget_too() -> None:
    leaf = "{% for i in range(90) %}{{ ('" + "ab " * 1100 + "'|title)[:0] }}{% endfor %}"
    began = time.thread_time()
    with pytest.raises(BadInput, match="needs too much work for one message"):
        Template.of(a_post(*[[{"tag": "text", "text": leaf}] for _ in range(300)]))
    assert time.thread_time() - began < 2


def test_a_message_has_a_bound_for_the_expressions_of_all_its_strings() -> None:
    post = a_post(*[[{"tag": "text", "text": "{{ a }}" * 100}] for _ in range(31)])
    with pytest.raises(BadInput, match="message: is too long: more than 3,000 expressions and texts in all"):
        Template.of(post)


def test_a_rich_message_of_long_values_has_budget_to_spare() -> None:
    leaf = (
        "{{ a|upper }} {{ a|truncate(80) }} {% for p in a[:300].split(' ') %}{{ loop.index }} {{ p|trim }}{% endfor %}"
    )
    post = a_post(*[[{"tag": "text", "text": leaf}] for _ in range(10)])
    Template.of(post).render({"a": "ab " * 500})


@all_of(
    "source",
    [
        "{{ [].append }}",
        "{{ range(3).count }}",
        "{{ a.upper }}",
        "{{ [a, [a.upper]] }}",
        "{{ a.upper ~ 'x' }}",
        "{{ a.upper|string }}",
        "{{ [a.upper]|join }}",
        "{{ '%s'|format(a.upper) }}",
        "{{ a|replace('x', [].append) }}",
        "{{ a.upper|default('x') }}",
        "{{ [a.upper]|first }}",
        "{{ a.upper|trim }}{{ a.upper|lower }}",
        "{% for x in a %}{{ loop }}{% endfor %}",
        "{% for x in a %}{{ loop.cycle }}{% endfor %}",
        "{% for x in a %}{{ loop ~ '' }}{% endfor %}",
    ],
)
def test_no_text_has_the_type_or_address_of_a_python_object(source: str) -> None:
    assert "writes something other than text, a number or a list" in refusal(source, a="x")


def test_a_list_and_a_truth_are_written_as_before() -> None:
    assert (
        rendered("{{ [1, 'a'] }} {{ a|unique }} {{ 1 == 1 }} {{ 'x' if a == 'b' }}", a="aba")
        == "[1, 'a'] ['a', 'b'] True "
    )


def test_a_value_that_fits_no_message_is_refused_by_name() -> None:
    assert "the variable 'a' has 200,000 characters" in refusal("{{ a|truncate(10) }}", a="x" * 200_000)


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"msg_type": "text"},
        {"msg_type": "fax", "content": {}},
        {"msg_type": ["text"], "content": {}},
        {"msg_type": "text", "content": "{{ a }}"},
        {"msg_type": "text", "content": "[1]"},
        {"msg_type": "text", "content": None},
        {**a_text("{{ a }}"), "extra": 1},
        {"msg_type": "text", "content": {"text": "{{ a }}", "number": 2**70}},
    ],
)
def test_what_is_no_message_is_refused_when_it_is_compiled(raw: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        Template.of(raw)


# --- the check of each row -------------------------------------------------------------------------------------------


def test_a_card_that_grows_over_30_kb_is_refused_for_that_row_only() -> None:
    template = Template.of(a_card({"tag": "markdown", "content": "{{ a }}"}))
    template.check({"a": "x"})
    with pytest.raises(BadInput, match=r"message\.content: serialises to 3\d,\d+ bytes"):
        template.check({"a": "汉" * 11_000})
    template.check({"a": "x"})


def test_a_link_is_judged_for_each_row() -> None:
    template = Template.of(a_post([{"tag": "a", "text": "x", "href": "{{ url }}"}]))
    template.check({"url": "https://example.com"})
    with pytest.raises(BadInput, match=r"content\[0\]\[0\]\.href: must be a link"):
        template.check({"url": "javascript:x"})


def test_half_a_character_is_refused_by_its_leaf() -> None:
    template = Template.of(a_text("{{ a }}"))
    for render in (template.render, template.render_unchecked):
        with pytest.raises(BadInput, match=r"message\.content\.text: contains half of a surrogate pair"):
            render({"a": "\ud800"})


SHAPES = [
    a_text("{{ a }}{{ b }}"),
    a_text("{{ a|trim }}"),
    a_post([{"tag": "text", "text": "{{ a }}"}, {"tag": "a", "text": "{{ b }}", "href": "{{ a }}"}], title="{{ b }}"),
    a_post([], title="{{ a }}"),
    a_post([{"tag": "at", "user_id": "{{ a }}", "user_name": "{{ b }}", "style": ["{{ b }}"]}]),
    a_post([{"tag": "{{ a }}", "text": "{{ b }}"}]),
    a_post([{"tag": "img", "image_key": "{{ a }}"}]),
    a_post([{"tag": "emotion", "emoji_type": "{{ a }}"}], [{"tag": "md", "text": "{{ b }}"}]),
    {"msg_type": "image", "content": {"image_key": "{{ a }}"}},
    a_card({"tag": "button", "url": "{{ a }}", "multi_url": {"ios_url": "{{ b }}"}, "value": {"url": "{{ b }}"}}),
    a_card({"tag": "{{ a }}", "text": "{{ b }}"}, *[{"tag": "table"}] * 5),
    a_card(header={"template": "{{ a }}", "title": {"tag": "plain_text", "content": "{{ b }}"}}),
    a_card(schema="{{ a }}"),
    a_reference(type="{{ a }}", data={"template_id": "{{ b }}"}),
    a_reference(type="template", data={"template_id": "x", "template_variable": {"a": "{{ a }}", "b": ["{{ b }}"]}}),
    a_reference(type="card", data={"card_id": "{{ a }}"}),
]
VALUES = st.sampled_from(
    [
        *("", " ", "x", "text", "img", "table", "column_set", "blue", "2.0", "1.0", "template", "card", "bold"),
        *("img_v2_0a", "https://example.com/a", "http://x y", "lark://msgcard/unsupported_action"),
        # Escaped, these quotes are too large for a request; two of them together are not for a leaf.
        *("汉" * 12_000, '"' * 76_750),
    ]
) | st.text(max_size=5)


@given(st.sampled_from(SHAPES), st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=6))
def test_a_row_passes_exactly_when_parse_message_takes_it(shape: dict[str, Any], rows: list[tuple[str, str]]) -> None:
    template = Template.of(shape)
    for a, b in rows:
        values = {"a": a, "b": b}
        msg_type, wire = template.render_unchecked(values)
        expected, refusal = verdict(lambda: parse_message({"msg_type": msg_type, "content": orjson.loads(wire)}))  # noqa: B023
        assert verdict(lambda: template.render(values)) == (expected, refusal)  # noqa: B023
        if expected:
            assert template.check(values) == wire == expected.wire_content()


def verdict(work: Callable[[], Message]) -> tuple[Message | None, str | None]:
    try:
        return work(), None
    except BadInput as error:
        return None, str(error)


# --- properties ------------------------------------------------------------------------------------------------------


@given(st.text(), st.text())
def test_no_value_can_break_the_json(a: str, b: str) -> None:
    template = Template.of(a_post([{"tag": "text", "text": 'say "{{ a }}" \\ {{ b }}'}], title="{{ b }}"))
    locale = json.loads(template.render_unchecked({"a": a, "b": b})[1])["post"]["zh_cn"]
    a, b = shown(a), shown(b)
    assert locale == {"title": b, "content": [[{"tag": "text", "text": f'say "{a}" \\ {b}'}]]}


def shown(value: str) -> str:
    return json.loads(Template.of(a_text("{{ a }}")).render_unchecked({"a": value})[1])["text"]


@given(st.text(alphabet="ab{}%#|.()[]'\" 019if*+-~,<", max_size=40))
def test_whatever_a_template_holds_it_works_or_is_bad_input(source: str) -> None:
    message, problem = verdict(lambda: Template.of(a_text(source)).render({"a": "x", "b": "y"}))
    assert message or str(problem).startswith("message")


def test_nothing_of_the_message_is_in_the_repr() -> None:
    assert repr(Template.of(a_text(f"{SECRET} {{{{ a }}}}"))) == "Template(msg_type='text', variables=['a'])"


@pytest.mark.parametrize("value", ["", " ", "\u200b", "\u3164\ufeff"])
def test_a_row_whose_message_shows_nothing_is_refused_after_one_that_shows_something(value: str) -> None:
    text = Template.of({"msg_type": "text", "content": {"text": "{{ name }}"}})
    element = {"tag": "text", "text": "{{ name }}"}
    post = Template.of({"msg_type": "post", "content": {"zh_cn": {"title": "{{ name }}", "content": [[element]]}}})
    for template in (text, post):
        template.check({"name": "Ada"})
        with pytest.raises(BadInput, match=r"must not be blank|nothing to show"):
            template.check({"name": value})
