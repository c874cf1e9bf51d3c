"""An expression keeps the type of what it gives, and is as bounded as a template."""

import pytest

from ledger.errors import BadInput
from ledger.messages.jinja_text import Expression, LacksVariable

__all__: list[str] = []


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("x", [3, 1, 3]),
        ("x|length > 2", True),
        ("x|sort|first", 1),
        ("x|unique", [3, 1]),
        ("'{{ x }}'", "{{ x }}"),
        ("x[0] + 1", 4),
        ("y|default('none')", "none"),
        ("{1: 2}", None),
        ("[]", []),
    ],
)
def test_an_expression_keeps_the_type_of_its_value(source: str, value: object) -> None:
    if value is None:
        with pytest.raises(BadInput, match=r"uses \{…\}"):
            Expression(source, "when")
    else:
        assert Expression(source, "when").value({"x": [3, 1, 3]}) == value


def test_its_variables_are_known_before_it_is_used() -> None:
    assert Expression("a.b == c[d]", "when").variables == {"a", "c", "d"}


@pytest.mark.parametrize(
    "source",
    [
        "",
        " ",
        "a }} b {{ c",
        "a }}{% set b = 1 %}{{ b",
        "a; b",
        "a }}",
        "{{ a }}",
        "a b",
        "1 if",
        "(" * 5000,
        "a" * 200_000,
    ],
)
def test_what_is_no_single_expression_is_refused(source: str) -> None:
    with pytest.raises(BadInput, match=r"^when: "):
        Expression(source, "when")


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("x.gone", "when: uses the field 'gone', which a value does not have"),
        ("x[y]", "when: uses a field that a value does not have"),
        ("x.gone.far", "when: uses the field 'gone', which a value does not have"),
        ("x.__class__", "when: cannot be rendered with these values (SecurityError)"),
        ("x + 1", "when: cannot be rendered with these values (TypeError)"),
        ("x * 5", "when: uses * with something other than numbers"),
        ("range(9999999)|list|length", "when: cannot be rendered with these values (OverflowError)"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_without_being_repeated(source: str, problem: str) -> None:
    with pytest.raises(BadInput) as caught:
        Expression(source, "when").holds({"x": {"part": "hidden"}, "y": "hidden"})
    assert str(caught.value) == problem


def test_a_variable_without_a_value_is_named() -> None:
    with pytest.raises(LacksVariable, match="uses the variable 'gone', which has no value"):
        Expression("gone == 1", "when").holds({})
