"""A template that is broken is told in the words of Jinja, and in Chinese what is wrong with it."""

from itertools import product

import pytest

from console.i18n import language
from ledger.errors import BadInput
from ledger.messages.jinja_problems import template_problem
from ledger.messages.template import Template
from tests.english import english_in

__all__: list[str] = []


def refusal_of(text: str) -> BadInput:
    with pytest.raises(BadInput) as refused:
        Template.of({"msg_type": "text", "content": {"text": text}})
    return refused.value


@pytest.mark.parametrize(
    ("text", "english", "chinese"),
    [
        ("{{ a b }}", "expected token 'end of print statement', got 'b'", "此处应为“变量的结束符”，而不是“b”"),
        ("{{ a }", "unexpected '}'", "此处不应有“}”"),
        ("{{ (a] }}", "unexpected ']', expected ')'", "此处不应有“]”，应为“)”"),
        ("{{ }}", "Expected an expression, got 'end of print statement'", "此处应为表达式，而不是“变量的结束符”"),
        ("{% endfor %}", "Encountered unknown tag 'endfor'.", "没有标签“endfor”，或它不在对应的块内"),
        ("{{ a", "unexpected end of template, expected 'end of print statement'.", "模板提前结束，缺少“变量的结束符”"),
        ("{{ a! }}", "unexpected char '!' at 4", "位置 4 处不应有字符 '!'"),
        ("{{ a is b is c }}", "You cannot chain multiple tests with is", "不能连写多个 is"),
        ("{% if a %}x", "Unexpected end of template. Jinja was looking for", "模板提前结束，可能缺少 endif 或 endfor"),
    ],
)
def test_what_is_broken_is_told_in_the_language_of_the_reader(text: str, english: str, chinese: str) -> None:
    problem = refusal_of(text).problem
    assert english in problem
    told = language("zh-CN").meaning(problem)
    assert chinese in told
    assert english_in(told) == []


@pytest.mark.parametrize("line", [3, None])
def test_what_jinja_says_seldom_is_left_out_in_chinese(line: int | None) -> None:
    problem = template_problem("names starting with an underline can not be imported", line)
    assert problem.startswith("is not a valid template: names starting with an underline can not be imported")
    told = language("zh-CN").meaning(problem)
    assert told == ("不是有效的模板（此文本第 3 行）" if line else "不是有效的模板")


def test_no_way_to_break_a_template_is_told_in_english_on_a_chinese_page() -> None:
    """Every piece of a template in every place of another."""
    pieces = ("a", "|", ".", "(", ")", "[", "]", "'", '"', "!", "{{", "}}", "{%", "%}", "if", "for", "in", "is", "not")
    pieces += (
        "endif",
        "endfor",
        "else",
        "set",
        "x y",
        "|nope",
        "is nope",
        "1.",
        ",",
        "=",
        "*",
        "é",
        "#",
        "{#",
        "a(b=1, 2)",
    )
    texts = [whole.format(*pair) for pair in product(pieces, repeat=2) for whole in WHOLES]
    told = {text: language("zh-CN").meaning(problem) for text in texts if (problem := problem_of(text))}
    assert len(told) > 500
    assert {text: problem for text, problem in told.items() if english_in(problem, ["' '"])} == {}


#: With two places.
WHOLES = ("{{{{ a {} {} }}}}", "{{% if a %}}{{{{ {}{} }}}}{{% endif %}}", "{{% {} {} %}}", "{}{}")


def problem_of(text: str) -> str | None:
    try:
        Template.of({"msg_type": "text", "content": {"text": text}})
    except BadInput as error:
        return error.problem
    return None
