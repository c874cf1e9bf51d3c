"""Values that somebody else leaves out: what a template may do with them, and where it fails."""

import pytest

from ledger.errors import BadInput
from ledger.messages.absent import Absent
from ledger.messages.jinja_filters import json_text
from ledger.messages.jinja_sandbox import Sandbox
from ledger.messages.jinja_text import Expression, Leaf
from tests.all_of import all_of

__all__: list[str] = []

SANDBOX = Sandbox(Absent, text=json_text, takes_empty=True)
VALUES = {"x": {"name": "Ann", "blank": " ", "zero": 0, "no": False, "none": [], "text": "a b c"}}


def text(source: str) -> str:
    return Leaf(source, "text", SANDBOX).text(VALUES)


@all_of(
    ("source", "expected"),
    [
        ("{{ x.a.b.c|default('d') }}", "d"),
        ("{{ x.a|upper|truncate(3)|default('d') }}", "d"),
        ("{{ x.a.removeprefix('refs/').split('/')[0]|default('d') }}", "d"),
        ("{{ (x.a + 1 - x.b * 2)|default('d') }}", "d"),
        ("{{ x.name.replace|default('d') if x.a else 'e' }}", "e"),
        ("{{ x.blank|default('d') }}{{ x.none|default('d') }}", "dd"),
        ("{{ x.zero|default('d') }}{{ x.no|default('d') }}{{ x.no|default('d', true) }}", "0falsed"),
        ("{{ x.name|default(1 // 0) }}", "Ann"),
        ("{{ x.name|default(default_value=x.a.b) }}", "Ann"),
        ("{% for each in x.a.b %}x{% endfor %}{{ x.a|length }}{{ x.a|list }}", "0[]"),
        ("{% if x.a == x.b or x.a > 1 or 'y' in x.a or not x.a is defined %}yes{% endif %}", "yes"),
        ("{% if x.a != 'info' and x.a not in ['info'] %}yes{% endif %}", "yes"),
        ("{{ [1, 'a', true, none] }} {{ 1 == 1 }} {{ [true, 'b']|join(' ') }} {{ [1] ~ true }}", None),
        ("{{ x.text|truncate(3) }}|{{ '磁盘 空间不足'|truncate(5) }}|{{ x.text|truncate(5) }}", "a …|磁盘 空…|a b c"),
        ("{{ x.text|truncate(4, false, '~') }}", "a~"),
        ("{{ x.text|string }}{{ [1, 2]|string|upper }}", "a b c[1,2]"),
    ],
)
def test_what_is_absent_chains_and_is_covered_by_a_default(source: str, expected: str | None) -> None:
    assert text(source) == (expected if expected is not None else '[1,"a",true,null] true true b [1]true')


@pytest.mark.parametrize(
    "source",
    ["{{ x.gone }}", "{{ x.gone.far|upper }}", "{{ x.gone ~ '' }}", "{{ '%s'|format(x.gone) }}", "{{ [x.gone] }}"],
)
def test_it_fails_where_it_is_shown_and_names_the_first_part(source: str) -> None:
    with pytest.raises(BadInput, match="uses the field 'gone', which a value does not have"):
        text(source)


def test_a_condition_on_what_is_absent_does_not_hold() -> None:
    assert Expression("x.a.b", "when", SANDBOX).holds(VALUES) is False
    assert Expression("x.a.b == 'c'", "when", SANDBOX).holds(VALUES) is False
    with pytest.raises(BadInput, match="uses the field 'a'"):
        Expression("x.a.b", "to", SANDBOX).value(VALUES)


def test_a_long_chain_of_defaults_is_gone_through_once() -> None:
    assert text("{{ x.a" + "|default(x.a)" * 30 + "|default('end') }}") == "end"
