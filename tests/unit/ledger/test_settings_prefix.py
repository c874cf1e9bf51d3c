"""DESKBELL_PREFIX: plain characters, and at most one hash tag."""

import pytest

from ledger.errors import BadInput
from ledger.settings import Settings


@pytest.mark.parametrize("prefix", ["deskbell", "a", "bells-1", "{deskbell}", "{d}", "bells.{hr}", "{a}.b_c", "a{b}c"])
def test_a_prefix_may_hold_one_hash_tag(prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESKBELL_PREFIX", prefix)
    assert Settings.from_env().prefix == prefix


@pytest.mark.parametrize(
    "prefix",
    [
        *("", "{}", "a{}", "{a}{b}", "{a}b{c}", "{{a}}", "{a", "a}", "}a{", "{a b}", "{a:b}", "{a*}", "{ä}"),
        *("a b", "a:b", "a*", "a?", "[a]", "ä", "a\n", "deskbell\u200b", "٣"),
    ],
)
def test_any_other_prefix_is_refused_by_the_name_of_its_variable(prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESKBELL_PREFIX", prefix)
    with pytest.raises(BadInput, match=r"^DESKBELL_PREFIX: use letters .* at most one part of these in braces$"):
        Settings.from_env()
