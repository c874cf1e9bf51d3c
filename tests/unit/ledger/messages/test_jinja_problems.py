"""A template that is broken is told in the words of Jinja, and in Chinese what is wrong with it."""

import pytest

from console.i18n import language
from ledger.errors import BadInput
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
        ("{% if a %}x", "Unexpected end of template. Jinja was looking for", "模板提前结束，可能缺少 endif 或 endfor"),
    ],
)
def test_what_is_broken_is_told_in_the_language_of_the_reader(text: str, english: str, chinese: str) -> None:
    problem = refusal_of(text).problem
    assert english in problem
    told = language("zh-CN").meaning(problem)
    assert chinese in told
    assert english_in(told) == []


def test_what_jinja_says_seldom_is_told_in_english() -> None:
    told = language("zh-CN").meaning(refusal_of("{{ a! }}").problem)
    assert "unexpected char '!'" in told
