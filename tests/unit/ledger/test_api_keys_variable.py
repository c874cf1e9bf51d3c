"""DESKBELL_API_KEYS."""

import pytest

from ledger.api_key import Scope
from ledger.api_key_variable import keys_of_variable
from ledger.errors import BadInput

__all__: list[str] = []

SECRET = "dbk_0123456789abcdef0123456789abcdef"
OTHER = SECRET.replace("0", "x")


def test_an_entry_has_a_name_a_secret_and_scopes_and_may_have_desks_and_a_rate() -> None:
    found = keys_of_variable(f"grafana:{SECRET}:send+read, ops:{OTHER}:operate:it+hr:600/minute;20/second,")
    grafana, ops = found.values()
    assert (grafana.id, grafana.scopes, grafana.desks) == (
        "variable:grafana",
        {Scope.SEND, Scope.ANNOUNCE, Scope.READ},  # as if written before there was `announce`
        None,
    )
    assert (ops.scopes, ops.desks, ops.rate) == ({Scope.OPERATE}, {"it", "hr"}, "600/minute;20/second")
    assert SECRET not in repr(found)


def test_nothing_is_no_key() -> None:
    assert keys_of_variable(" , ") == {}


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("grafana", "use name:secret:scope"),
        (f"grafana:{SECRET}", "use name:secret:scope"),
        (f"grafana:{SECRET}:send:it:1/second:more", "use name:secret:scope"),
        ("grafana:dbk_short:send", "at least 32 characters"),
        (f"grafana:{SECRET}:sned", "a scope is one of send, announce, read, approve, operate, admin"),
        (f"no name:{SECRET}:send", "must be 1 to 64 letters"),
        (f"grafana:{SECRET}:send::often", "is not a valid rate"),
        (f"a:{SECRET}:send,b:{SECRET}:send", "entry 2 has the name or the secret"),
        (f"a:{SECRET}:send,a:{OTHER}:send", "entry 2 has the name or the secret"),
    ],
)
def test_a_wrong_entry_is_told_by_its_number_and_without_its_secret(value: str, problem: str) -> None:
    with pytest.raises(BadInput, match="DESKBELL_API_KEYS: entry ") as caught:
        keys_of_variable(value)
    assert problem in str(caught.value)
    assert SECRET not in str(caught.value)


def test_an_entry_that_names_a_newer_scope_has_these_alone() -> None:
    [key] = keys_of_variable(f"hr:{SECRET}:send+approve").values()
    assert key.scopes == {Scope.SEND, Scope.APPROVE}
