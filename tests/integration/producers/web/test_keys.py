"""`/v1/keys`: who may list, make and revoke keys, and what nobody can grant."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from ledger.api_key import KeyLimits, Scope
from ledger.audit_log import recent_actions
from ledger.settings import Settings
from tests.integration.producers.web.web_thread import WebThread

__all__: list[str] = []

PATH = "/v1/keys"
NAMED = {"name": "grafana", "scopes": ["send"]}


@pytest.fixture(scope="module")
def serving(valkey: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebThread]:
    desks = tmp_path_factory.mktemp("desks") / "desks.toml"
    desks.write_text("[desk.it]\n[desk.hr]\n")
    fixed = "fixed:" + "x" * 32 + ":read"
    settings = Settings(data_dir=valkey.data_dir, desks=desks, api_keys=fixed, _env_file=None)  # type: ignore[arg-type]
    with WebThread(settings) as running:
        yield running


def key_of(web: WebThread, *scopes: Scope, name: str = "ada", **how: Any) -> dict[str, str]:
    desks, rate, limits = how.get("desks"), how.get("rate"), how.get("limits", KeyLimits())
    _, secret = web.context.keys.create(name, frozenset(scopes or Scope), desks, rate, "test", limits)
    return {"Authorization": f"Bearer {secret}"}


def told(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("urn:deskbell:problem:")


def revoke(web: WebThread, id: str, headers: dict[str, str]) -> requests.Response:
    return requests.delete(f"{web.url}{PATH}/{id}", headers=headers, timeout=60)


def test_an_admin_makes_lists_and_revokes_keys_and_all_of_it_is_on_record(web: WebThread) -> None:
    admin = key_of(web)
    asked = {"name": "pilot", "scopes": ["announce", "read"], "desks": ["hr"], "rate": "60/minute", "max_rows": 10}
    answer = web.post(PATH, {**asked, "daily": 20, "only": ["ou_ada", "Ann@corp.example"], "test": None}, headers=admin)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert made["secret"].startswith("dbk_")
    assert made["only"] == ["ou_ada", "Ann@corp.example"]
    assert (made["created_by"], made["test"], made["daily"]) == ("key ada", False, 20)
    listed = web.get(PATH, headers=admin).json()["keys"]
    assert [key["name"] for key in listed] == ["fixed", "ada", "pilot"]
    assert all("secret" not in key for key in listed)
    assert web.get("/v1/announcements", headers={"X-Api-Key": made["secret"]}).status_code == 200
    revoked = revoke(web, made["id"], admin).json()
    assert revoked["revoked_by"] == "key ada"
    assert web.get("/v1/announcements", headers={"X-Api-Key": made["secret"]}).status_code == 401
    assert revoke(web, made["id"], admin).json() == revoked, "a repeat changes nothing"
    acts = [(act.did, act.by, act.id) for act in recent_actions(web.context.ledger, 2)]
    assert acts == [("revoke key", "key ada", "pilot"), ("create key", "key ada", "pilot")]


@pytest.mark.parametrize("scope", [scope for scope in Scope if scope is not Scope.ADMIN])
def test_no_other_scope_manages_keys(web: WebThread, scope: Scope) -> None:
    key_of(web)
    headers = key_of(web, scope, name="eve")
    assert told(web.get(PATH, headers=headers)) == (403, "scope-missing")
    assert told(web.post(PATH, NAMED, headers=headers)) == (403, "scope-missing")
    assert told(revoke(web, "k_0", headers)) == (403, "scope-missing")


@pytest.mark.parametrize(
    ("asked", "lacked"),
    [
        ({"scopes": ["send", "operate"]}, "the scope operate"),
        ({"desks": None}, "desks other than it"),
        ({"desks": ["it", "hr"]}, "desks other than it"),
        ({"rate": None}, "more calls than 60/minute"),
        ({"rate": "2/second"}, "more calls than 60/minute"),
        ({"rate": "3600/hour"}, "more calls than 60/minute"),
        ({"max_rows": 101}, "more than 100 rows at once"),
        ({"max_rows": None}, "more than 100 rows at once"),
        ({"daily": 1001}, "more than 1,000 notifications a day"),
        ({"daily": None}, "more than 1,000 notifications a day"),
    ],
    ids=str,
)
def test_nobody_grants_what_he_lacks(web: WebThread, asked: dict[str, Any], lacked: str) -> None:
    admin = key_of(
        web,
        *(Scope.SEND, Scope.ADMIN),
        desks=frozenset({"it"}),
        rate="60/minute",
        limits=KeyLimits(max_rows=100, daily=1000),
    )
    least = {**NAMED, "desks": ["it"], "rate": "1/second", "max_rows": 100, "daily": 1000}
    refused = web.post(PATH, least | asked, headers=admin)
    assert told(refused) == (403, "grant-refused")
    assert refused.json()["detail"] == f"ada cannot grant what it lacks: {lacked}"
    assert [key.name for key in web.context.keys.list()] == ["fixed", "ada"]
    assert web.post(PATH, least, headers=admin).status_code == 201
    assert web.post(PATH, {**least, "name": "b", "only": ["ou_ada"], "test": True}, headers=admin).status_code == 201


def test_an_admin_of_some_desks_sees_and_revokes_the_keys_of_these_alone(web: WebThread) -> None:
    admin = key_of(web, Scope.ADMIN, Scope.SEND, name="of-it", desks=frozenset({"it"}))
    for name, desks in (("of-all", None), ("of-hr", frozenset({"hr"})), ("of-both", frozenset({"it", "hr"}))):
        key_of(web, Scope.SEND, name=name, desks=desks)
    assert [key["name"] for key in web.get(PATH, headers=admin).json()["keys"]] == ["of-it"]
    for key in web.context.keys.list():
        assert told(revoke(web, key.id, admin)) == ((409, "not-allowed") if key.name == "of-it" else (404, "not-found"))
    assert all(key.revoked_at is None for key in web.context.keys.list())


def test_the_last_key_that_manages_keys_stays(web: WebThread) -> None:
    admin = key_of(web)
    [id] = [key.id for key in web.context.keys.list() if key.name == "ada"]
    refused = revoke(web, id, admin)
    assert told(refused) == (409, "not-allowed")
    assert "create another one first" in refused.json()["detail"]
    key_of(web, Scope.ADMIN, name="of-it", desks=frozenset({"it"}))
    assert told(revoke(web, id, admin)) == (409, "not-allowed"), "the other one is for fewer desks"
    key_of(web, Scope.ADMIN, name="bob")
    assert revoke(web, id, admin).status_code == 200
    assert told(web.get(PATH, headers=admin)) == (401, "unauthorized")


def test_two_admins_cannot_revoke_each_other_at_once(web: WebThread) -> None:
    admins = {name: key_of(web, name=name) for name in ("ada", "bob")}
    ids = {key.name: key.id for key in web.context.keys.list()}
    with ThreadPoolExecutor(2) as executor:
        pairs = [("ada", "bob"), ("bob", "ada")]
        done = executor.map(lambda pair: revoke(web, ids[pair[0]], admins[pair[1]]).status_code, pairs)
    assert min(done) == 200
    assert len([key for key in web.context.keys.usable() if Scope.ADMIN in key.scopes]) == 1


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({}, "name"),
        ({"name": "x"}, "scopes"),
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "scopes": ["all"]}, "scopes"),
        ({"name": "x", "scopes": "send"}, "scopes"),
        ({"name": "two words", "scopes": ["send"]}, "name"),
        ({"name": "ada", "scopes": ["send"]}, "name"),
        ({**NAMED, "desks": ["nowhere"]}, "desk"),
        ({**NAMED, "rate": "often"}, "rate"),
        ({**NAMED, "daily": 0}, "daily"),
        ({**NAMED, "daily": "9"}, "daily"),
        ({**NAMED, "max_rows": True}, "max_rows"),
        ({**NAMED, "only": []}, "only"),
        ({**NAMED, "only": ["ou_ada", "nobody@"]}, "only"),
        ({**NAMED, "only": ["ou_ada"], "scopes": ["operate"]}, "only"),
        ({**NAMED, "test": "yes"}, "test"),
        ({**NAMED, "secret": "dbk_x"}, "secret"),
    ],
    ids=str,
)
def test_a_request_that_makes_no_key_names_the_field(web: WebThread, asked: dict[str, Any], field: str) -> None:
    admin = key_of(web)
    answer = web.post(PATH, asked, headers=admin)
    assert told(answer) == (422, "bad-input"), answer.text
    assert answer.json()["field"].partition("[")[0] == field
    assert len(web.context.keys.list()) == 2


def test_a_key_of_the_variable_is_removed_there(web: WebThread) -> None:
    refused = revoke(web, "variable:fixed", key_of(web))
    assert told(refused) == (422, "bad-input")
    assert "DESKBELL_API_KEYS" in refused.json()["detail"]
    assert told(revoke(web, "ada", key_of(web, name="bob"))) == (404, "not-found"), "a name does not stand for an id"
