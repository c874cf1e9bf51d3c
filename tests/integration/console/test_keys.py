"""The page *Keys*, and links that sign in once: over a real ledger, without a browser."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from ledger.api_key import KeyLimits, Scope
from ledger.api_keys import ApiKeys
from ledger.audit_log import recent_actions
from ledger.errors import BadInput, GrantRefused
from ledger.ledger import Ledger
from ledger.settings import Settings
from ledger.sign_in_links import MOST_LINKS, WORKS_FOR, SignInLinks
from producers.cli.command_line import run
from tests.integration.console.console_visitor import Visitor
from tests.integration.producers.web.serving import serving

__all__: list[str] = []

ADMIN = frozenset({Scope.ADMIN, Scope.READ, Scope.SEND})


@pytest.fixture
def ledger(empty_valkey: Settings) -> Iterator[Ledger]:
    ledger = Ledger(empty_valkey)
    yield ledger
    ledger.redis.close()


@pytest.fixture
def keys(ledger: Ledger) -> ApiKeys:
    return ApiKeys(ledger)


@pytest.fixture
def url(ledger: Ledger) -> Iterator[str]:
    with serving(ledger.settings) as served:
        yield served


def signed_in(url: str, keys: ApiKeys, *scopes: Scope, name: str = "ada", **limits: Any) -> Visitor:
    _, secret = keys.create(name, frozenset(scopes) or ADMIN, None, None, "test", KeyLimits(**limits))
    return Visitor(url).sign_in(secret)


def id_of(keys: ApiKeys, name: str) -> str:
    return next(key.id for key in keys.list() if key.name == name)


def link_in(page: requests.Response) -> str:
    """The path of a sign-in link in a page, below the console."""
    found = re.search(r'data-copy="/console(/sign-in/link\?token=[\w-]+)"', page.text)
    assert found, page.text[:500]
    return found[1]


# -- the page


def test_an_admin_makes_a_key_whose_secret_is_shown_once(url: str, keys: ApiKeys) -> None:
    admin = signed_in(url, keys)
    admin.look("/keys")
    fields = {"name": "grafana", "scope": ["send", "read"], "daily": "100", "only": "ou_ada\nann@corp.example"}
    answer = admin.act("/keys", **fields)
    assert answer.status_code == 201
    secret = re.search(r'data-copy="(dbk_[\w-]+)"', answer.text)
    assert secret
    made = keys.find(secret[1])
    assert made is not None
    assert (made.name, made.created_by, made.daily) == ("grafana", "key ada", 100)
    assert made.only == ("ou_ada", "ann@corp.example")
    page = admin.look("/keys")
    assert secret[1] not in page
    assert "only to 2 addresses" in page
    assert "Last used" in page
    assert '"/console/keys"' in admin.look("/")
    assert "只发给 2 个地址" in admin.look("/keys", headers={"Accept-Language": "zh-CN"})


def test_nobody_without_the_scope_sees_or_makes_keys(url: str, keys: ApiKeys) -> None:
    keys.create("boss", ADMIN, None, None, "test")
    operator = signed_in(url, keys, Scope.OPERATE, Scope.READ, name="op")
    assert operator.status("/keys") == 403
    assert '"/console/keys"' not in operator.look("/")
    assert "Last used" not in operator.look("/hooks")
    for path in ("/keys", f"/keys/{id_of(keys, 'boss')}/link", f"/keys/{id_of(keys, 'boss')}/revoke"):
        assert operator.act(path, name="x", scope="send").status_code == 403
    assert [key.name for key in keys.usable()] == ["boss", "op"]


def test_the_page_grants_no_more_than_its_viewer_has(url: str, keys: ApiKeys) -> None:
    admin = signed_in(url, keys)
    page = admin.look("/keys")
    assert [scope for scope in Scope if f'name="scope" value="{scope}"' in page] == ["send", "read", "admin"]
    assert admin.act("/keys", name="x", scope="operate").status_code == 403
    wrong = admin.act("/keys", name="two words", scope="send", only="nobody@")
    assert wrong.status_code == 422
    assert 'value="two words"' in wrong.text, "what was typed stays"
    assert [key.name for key in keys.list()] == ["ada"]


def test_revoking_asks_first_ends_sessions_and_keeps_the_last_admin(url: str, keys: ApiKeys) -> None:
    admin = signed_in(url, keys)
    other = signed_in(url, keys, Scope.READ, name="bob")
    page = admin.look("/keys")
    assert f'id="confirm-revoke-{id_of(keys, "bob")}"' in page
    assert "The key bob is revoked." in admin.act(f"/keys/{id_of(keys, 'bob')}/revoke").text
    assert other.status("/") == 303, "sign in again"
    refused = admin.act(f"/keys/{id_of(keys, 'ada')}/revoke")
    assert refused.status_code == 409
    assert "create another one first" in refused.text


def test_the_first_key_is_made_on_this_machine(url: str, keys: ApiKeys) -> None:
    local = Visitor(url)
    local.look("/keys")
    answer = local.act("/keys", name="ada", scope=["admin", "read"])
    assert answer.status_code == 201
    assert "From now on the console and the HTTP API need a key" in answer.text
    assert local.status("/") == 303


# -- links


def test_a_link_tells_for_whom_it_is_and_signs_in_once(url: str, keys: ApiKeys, ledger: Ledger) -> None:
    admin = signed_in(url, keys)
    keys.create("hr-team", frozenset({Scope.READ}), None, None, "test")
    admin.look("/keys")
    path = link_in(admin.act(f"/keys/{id_of(keys, 'hr-team')}/link"))
    guest = Visitor(url)
    for _ in range(3):  # as chat clients do that show what a link leads to
        page = guest.look(path)
    assert "<b>hr-team</b>" in page
    assert "Sign in as hr-team" in page
    token = path.rpartition("=")[2]
    answer = guest.session.post(f"{guest.url}/sign-in/link", data={"csrf": guest.token(), "token": token}, timeout=60)
    assert answer.url == f"{guest.url}/"
    assert guest.look("/announcements")
    assert Visitor(url).status(path) == 410
    acts = [(act.did, act.by, act.id) for act in recent_actions(ledger, 2)]
    assert acts == [("sign in by link", "key hr-team", ""), ("make link", "key ada", "hr-team")]


def test_a_link_needs_its_form_and_a_head_request_leaves_it(url: str, keys: ApiKeys, ledger: Ledger) -> None:
    keys.create("ada", ADMIN, None, None, "test")
    token = SignInLinks(ledger, keys).make("ada", "test").token
    address = f"{url}/console/sign-in/link?token={token}"
    assert requests.head(address, timeout=60).status_code == 200
    assert requests.post(address, data={"token": token}, timeout=60).status_code == 403
    assert SignInLinks(ledger, keys).key_of(token) is not None


def test_of_many_who_use_a_link_at_once_one_is_signed_in(url: str, keys: ApiKeys, ledger: Ledger) -> None:
    keys.create("ada", ADMIN, None, None, "test")
    token = SignInLinks(ledger, keys).make("ada", "test").token

    def use(_: int) -> int:
        guest = Visitor(url)
        guest.look("/sign-in")
        fields = {"csrf": guest.token(), "token": token}
        return guest.session.post(f"{guest.url}/sign-in/link", data=fields, timeout=60).status_code

    with ThreadPoolExecutor(6) as executor:
        answers = sorted(executor.map(use, range(6)))
    assert answers == [200] + [410] * 5


def test_a_link_of_a_revoked_key_or_an_unknown_one_is_gone(url: str, keys: ApiKeys, ledger: Ledger) -> None:
    keys.create("ada", ADMIN, None, None, "test")
    token = SignInLinks(ledger, keys).make("ada", "test").token
    keys.revoke("ada", "test")
    for path in (f"/sign-in/link?token={token}", "/sign-in/link?token=x", "/sign-in/link"):
        assert Visitor(url).status(path) == 410


def test_a_link_is_kept_as_a_hash_for_ten_minutes(keys: ApiKeys, ledger: Ledger) -> None:
    keys.create("ada", ADMIN, None, None, "test")
    made = SignInLinks(ledger, keys).make("ada", "test")
    everything = b"".join(name + (ledger.redis.dump(name) or b"") for name in ledger.redis.scan_iter())
    assert made.token.encode() not in everything
    assert made.token not in repr(made)
    [name] = ledger.redis.scan_iter(f"{ledger.keys.sign_in_link('*')}")
    assert 0 < ledger.redis.ttl(name) <= WORKS_FOR.total_seconds() == 600


def test_links_are_bounded_and_grant_nothing_that_their_maker_lacks(keys: ApiKeys, ledger: Ledger) -> None:
    links, operating = SignInLinks(ledger, keys), frozenset({Scope.OPERATE})
    admin, _ = keys.create("ada", ADMIN, None, None, "test")
    keys.create("op", operating, None, None, "test")
    keys.create("sender", frozenset({Scope.SEND}), None, None, "test")
    with pytest.raises(GrantRefused, match="ada cannot grant what it lacks: the scope operate"):
        links.make("op", "key ada", admin)
    with pytest.raises(BadInput, match="sender cannot sign in"):
        links.make("sender", "key ada", admin)
    for _ in range(MOST_LINKS):
        links.make("op", "test")
    with pytest.raises(BadInput, match="op has had 20 links within ten minutes"):
        links.make("op", "test")


def test_the_command_line_prints_a_link(
    empty_valkey: Settings, keys: ApiKeys, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DESKBELL_DATA_DIR", str(empty_valkey.data_dir))
    monkeypatch.setenv("DESKBELL_PUBLIC_URL", "https://bell.corp.example")
    keys.create("hr-team", frozenset({Scope.READ}), None, None, "test")
    assert run(["key", "link", "hr-team"]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("https://bell.corp.example/console/sign-in/link?token=")
    assert "signs in as hr-team, once, until " in printed.err
    assert run(["key", "link", id_of(keys, "hr-team"), "--json"]) == 0
    assert '"key":"hr-team"' in capsys.readouterr().out.replace(" ", "")
    assert run(["key", "link", "nobody"]) == 5
