"""`/v1/audit`: the acts of people, page by page, for keys that may see all of them."""

from typing import Any

import pytest

from ledger.api_key import Scope
from ledger.audit_log import record_action
from ledger.ledger import Ledger
from tests.integration.producers.web.web_thread import WebThread

__all__: list[str] = []

PATH = "/v1/audit"


def page(web: WebThread, **query: Any) -> tuple[list[str | None], int | None]:
    told = web.get(PATH, params=query).json()
    return [act["id"] for act in told["acts"]], told["next"]


def test_an_act_says_when_who_and_what(web: WebThread, ledger: Ledger) -> None:
    record_action(ledger, "key ada", "pause", "a_1")
    record_action(ledger, "key ada", "sign out")
    told = web.get(PATH).json()
    assert [(act["by"], act["did"], act["id"]) for act in told["acts"]] == [
        ("key ada", "sign out", None),
        ("key ada", "pause", "a_1"),
    ]
    assert told["acts"][0]["at"].endswith("Z")
    assert told["next"] is None


def test_pages_are_not_shifted_by_acts_that_are_recorded_meanwhile(web: WebThread, ledger: Ledger) -> None:
    record_action(ledger, "ada", "pause", *(f"a_{n}" for n in range(7)))
    first, cursor = page(web, limit=3)
    record_action(ledger, "ada", "resume", "a_8")
    second, following = page(web, limit=3, cursor=cursor)
    last, end = page(web, limit=3, cursor=following)
    assert [*first, *second, *last] == [f"a_{n}" for n in reversed(range(7))]
    assert end is None
    assert page(web, cursor=0) == ([], None)
    assert page(web, cursor=10**6)[0][0] == "a_8"


def test_an_empty_log_is_an_empty_page(web: WebThread) -> None:
    assert page(web) == ([], None)


@pytest.mark.parametrize("scope", Scope)
def test_it_takes_the_scope_read(web: WebThread, scope: Scope) -> None:
    answer = web.get(PATH, headers={"X-Api-Key": web.secret(scope)})
    assert answer.status_code == (200 if scope is Scope.READ else 403)


def test_a_key_for_some_desks_does_not_read_what_is_of_all(web: WebThread) -> None:
    answer = web.get(PATH, headers={"X-Api-Key": web.secret(desks=frozenset({"default"}))})
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:deskbell:problem:forbidden")
    assert "acts" not in answer.json()


@pytest.mark.parametrize("query", ["cursor=-1", "cursor=x", "limit=0", "limit=1001"])
def test_a_wrong_page_is_refused(web: WebThread, query: str) -> None:
    assert web.get(f"{PATH}?{query}").status_code == 422
