"""Who may see and do what in the console, and what keeps others out."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from ledger.api_key import Scope
from ledger.api_keys import ApiKeys
from ledger.audit_log import recent_actions
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.settings import Settings
from tests.integration.console.console_visitor import Visitor
from tests.integration.producers.cli.announcing_desk import people
from tests.integration.producers.web.serving import serving

__all__: list[str] = []


@pytest.fixture
def ledger(empty_valkey: Settings) -> Ledger:
    return Ledger(empty_valkey)


@pytest.fixture
def url(empty_valkey: Settings) -> Iterator[str]:
    with serving(empty_valkey) as served:
        yield served


def key(ledger: Ledger, *scopes: Scope, name: str = "mia", desks: frozenset[str] | None = None) -> str:
    return ApiKeys(ledger).create(name, frozenset(scopes), desks, None, "test")[1]


@pytest.fixture
def operator(ledger: Ledger, url: str) -> Visitor:
    return Visitor(url).sign_in(key(ledger, Scope.OPERATE))


# -- without a key


def test_without_a_key_this_machine_needs_not_sign_in_and_is_told_so(url: str) -> None:
    assert "No key is configured" in Visitor(url).look("/")


@pytest.mark.parametrize(
    "headers", [{"X-Forwarded-For": "10.0.0.1"}, {"Host": "console.example"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_without_a_key_nobody_from_elsewhere_gets_in(url: str, headers: dict[str, str]) -> None:
    visitor = Visitor(url)
    assert visitor.status("/", headers=headers) == 303
    assert "only this server's own machine has access" in visitor.look("/sign-in", headers=headers)


def test_even_without_a_key_a_form_of_another_site_does_nothing(ledger: Ledger, url: str) -> None:
    visitor = Visitor(url)
    visitor.look("/")
    assert visitor.act("/desks/default/resume", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert visitor.act("/desks/default/resume", token="0" * 64).status_code == 403
    assert recent_actions(ledger, 10) == []


# -- signing in


def test_the_first_key_closes_the_door_to_who_has_none(ledger: Ledger, url: str) -> None:
    visitor = Visitor(url)
    visitor.look("/")
    key(ledger, Scope.SEND)
    assert visitor.status("/") == 303


def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(ledger: Ledger, url: str) -> None:
    visitor, secret = Visitor(url), key(ledger, Scope.OPERATE)
    visitor.look("/sign-in")
    body = {"csrf": visitor.token(), "key": secret}
    answer = visitor.session.post(f"{visitor.url}/sign-in", data=body, allow_redirects=False, timeout=120)
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("deskbell_session=")
    assert {"HttpOnly", "SameSite=strict", "Path=/console"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    proxied = {"X-Forwarded-Proto": "https"}
    answer = visitor.session.post(
        f"{visitor.url}/sign-in", data=body, headers=proxied, allow_redirects=False, timeout=20
    )
    assert "Secure" in answer.headers["Set-Cookie"]


def test_redis_keeps_neither_the_cookie_nor_the_secret(ledger: Ledger, operator: Visitor) -> None:
    cookie = operator.session.cookies["deskbell_session"]
    [name] = ledger.redis.keys(ledger.keys.session("*"))
    assert cookie not in name.decode()
    assert b"dbk_" not in (ledger.redis.get(name) or b"")
    assert 0 < ledger.redis.ttl(name) <= 12 * 3600


@pytest.mark.parametrize("secret", ["", "dbk_wrong", "x" * 5000])
def test_a_wrong_key_is_refused(ledger: Ledger, url: str, secret: str) -> None:
    key(ledger, Scope.OPERATE)
    visitor = Visitor(url)
    visitor.look("/sign-in")
    answer = visitor.act("/sign-in", key=secret)
    assert answer.status_code == 401
    assert "This key is unknown or revoked" in answer.text


def test_a_key_that_may_only_send_opens_nothing(ledger: Ledger, url: str) -> None:
    visitor = Visitor(url)
    secret = key(ledger, Scope.SEND)
    visitor.look("/sign-in")
    assert visitor.act("/sign-in", key=secret).status_code == 401


def test_wrong_keys_have_to_wait_after_the_tenth_and_a_right_one_is_let_in(ledger: Ledger, url: str) -> None:
    secret, visitor = key(ledger, Scope.OPERATE), Visitor(url)
    visitor.look("/sign-in")
    statuses = [visitor.act("/sign-in", key="dbk_wrong").status_code for _ in range(12)]
    assert statuses == [401] * 10 + [429] * 2
    assert visitor.act("/sign-in", key=secret).status_code == 200
    assert Visitor(url).sign_in(secret).look("/")


def test_people_sign_in_and_act_while_redis_is_full(ledger: Ledger, url: str) -> None:
    secret = key(ledger, Scope.OPERATE)
    ledger.redis.config_set("maxmemory", 1)
    try:
        visitor = Visitor(url).sign_in(secret)
        visitor.look("/")
        visitor.act("/desks/default/resume")
    finally:
        ledger.redis.config_set("maxmemory", 0)
    assert [act.did for act in recent_actions(ledger, 2)] == ["resume desk", "sign in"]


def test_beyond_two_hundred_sessions_of_a_key_the_oldest_ends(
    ledger: Ledger, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.sessions.SESSIONS_OF_A_KEY", 2)
    secret = key(ledger, Scope.READ)
    visitors = [Visitor(url).sign_in(secret) for _ in range(3)]
    assert [visitor.status("/") for visitor in visitors] == [303, 200, 200]


@pytest.mark.parametrize("said", ["https", "HTTPS", "https, http", "Https ,http"])
def test_behind_a_proxy_that_speaks_https_cookies_are_never_sent_without_it(
    ledger: Ledger, url: str, said: str
) -> None:
    secret, visitor = key(ledger, Scope.OPERATE), Visitor(url)
    headers = {"X-Forwarded-Proto": said, "Cookie": "__Secure-deskbell_form=x"}
    page = requests.get(f"{visitor.url}/sign-in", headers=headers, timeout=20)
    token = page.text.partition('name="csrf" value="')[2][:64]
    form = {"csrf": token, "key": secret}
    answer = requests.post(f"{visitor.url}/sign-in", form, headers=headers, allow_redirects=False, timeout=20)
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Secure-deskbell_session=")
    assert "Secure" in cookie.split("; ")


def test_the_token_of_a_form_is_of_this_session_alone(ledger: Ledger, operator: Visitor) -> None:
    operator.look("/")
    planted = operator.token()
    operator.act("/sign-out")
    operator.sign_in(key(ledger, Scope.OPERATE, name="noa"))
    assert operator.act("/desks/default/resume", token=planted).status_code == 403


def test_pages_count_in_the_rate_of_their_key(ledger: Ledger, url: str) -> None:
    _, secret = ApiKeys(ledger).create("mia", frozenset({Scope.READ}), None, "3/minute", "test")
    visitor = Visitor(url).sign_in(secret)
    statuses = [visitor.status("/hooks") for _ in range(4)]
    assert statuses[-1] == 429
    page = visitor.session.get(f"{visitor.url}/hooks", timeout=20).text
    assert "mia is limited to 3/minute, console pages and HTTP API together." in page


def test_a_key_that_may_only_read_is_refused_before_a_file_is_read(ledger: Ledger, url: str) -> None:
    visitor = Visitor(url).sign_in(key(ledger, Scope.READ))
    head = {"Content-Type": "multipart/form-data; boundary=b", "Content-Length": "200000000"}
    cookies = "; ".join(f"{name}={value}" for name, value in visitor.session.cookies.items())
    lines = "".join(f"{name}: {value}\r\n" for name, value in (head | {"Cookie": cookies}).items())
    port = int(url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(f"POST /console/announcements/new HTTP/1.1\r\nHost: 127.0.0.1\r\n{lines}\r\n".encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 403 ")


def test_a_revoked_key_ends_its_sessions_at_once(ledger: Ledger, operator: Visitor) -> None:
    operator.look("/")
    ApiKeys(ledger).revoke("mia", "test")
    assert operator.status("/") == 303


def test_signing_out_ends_the_session_in_redis_too(ledger: Ledger, operator: Visitor) -> None:
    cookie = operator.session.cookies["deskbell_session"]
    operator.act("/sign-out")
    assert operator.status("/") == 303
    operator.session.cookies.set("deskbell_session", cookie)
    assert operator.status("/") == 303
    assert [act.did for act in recent_actions(ledger, 2)] == ["sign out", "sign in"]


@pytest.mark.parametrize("path", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_signing_in_leads_to_no_other_site(ledger: Ledger, url: str, path: str) -> None:
    secret, visitor = key(ledger, Scope.OPERATE), Visitor(url)
    visitor.look("/sign-in")
    assert visitor.act("/sign-in", key=secret, next=path).url == f"{visitor.url}/"


def test_signing_in_leads_back_to_the_page_that_was_asked_for(ledger: Ledger, url: str) -> None:
    secret, visitor = key(ledger, Scope.OPERATE), Visitor(url)
    visitor.look("/notifications?state=failed")
    assert "sign-in" in visitor.page.url
    answer = visitor.act("/sign-in", key=secret, next="/notifications?state=failed")
    assert answer.url == f"{visitor.url}/notifications?state=failed"


def test_a_link_from_another_site_is_followed_with_the_session(operator: Visitor) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    page = operator.look("/announcements", headers=headers)
    assert '<meta http-equiv="refresh" content="0">' in page
    assert "Set-Cookie" not in operator.page.headers


# -- what a key may do


def test_a_reader_may_not_act(ledger: Ledger, url: str) -> None:
    reader = Visitor(url).sign_in(key(ledger, Scope.READ))
    answer = reader.act("/desks/default/resume")
    assert answer.status_code == 403
    assert "mia may not do this. Use a key with the scope operate." in answer.text


def test_a_key_for_some_desks_sees_nothing_of_the_others(
    ledger: Ledger, tmp_path: Path, empty_valkey: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "desks.toml").write_text('[desk.hr]\napp_id = "cli_hr"\n')
    settings = Settings(data_dir=empty_valkey.data_dir, desks=tmp_path / "desks.toml", _env_file=None)
    both = Ledger(settings)
    [event] = both.accept([Notification.build({"receiver_id": "ou_1", "text": "Disk full"})])
    with serving(settings) as url:
        visitor = Visitor(url).sign_in(key(both, Scope.OPERATE, Scope.ANNOUNCE, desks=frozenset({"hr"})))
        now = visitor.look("/")
        assert "Desk hr" in now
        assert "Desk default" not in now
        assert visitor.status(f"/notifications/{event.id}") == 404
        assert event.id not in visitor.look("/notifications?desk=default")
        assert visitor.act("/desks/default/resume").status_code == 404
        assert "is not one of your desks" in propose(visitor, desk="default").text
        assert "limited to some desks" in visitor.look("/hooks")


def propose(visitor: Visitor, **fields: str) -> requests.Response:
    visitor.look("/announcements/new")
    with people(2).open("rb") as file:
        given = {"text": "Dear {{ name }}", **fields}
        return visitor.act("/announcements/new", files={"recipients": ("people.csv", file)}, **given)


def test_nobody_uploads_a_file_without_having_signed_in(ledger: Ledger, url: str) -> None:
    key(ledger, Scope.OPERATE)
    answer = requests.post(
        f"{url}/console/announcements/new", files={"recipients": b"x"}, allow_redirects=False, timeout=20
    )
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console/sign-in")


def test_a_page_says_what_to_do_while_redis_is_away(tmp_path: Path) -> None:
    with serving(Settings(redis_url=f"unix://{tmp_path}/nobody.sock", _env_file=None)) as url:
        answer = requests.get(f"{url}/console/", timeout=120)
    assert answer.status_code == 503
    assert "check DESKBELL_REDIS_URL and the server" in answer.text


# -- headers


@pytest.mark.parametrize("path", ["/", "/sign-in", "/nothing", "/static/console.css", "/notifications/n_nobody"])
def test_every_answer_forbids_what_is_not_ours(url: str, path: str) -> None:
    headers = requests.get(f"{url}/console{path}", timeout=120).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"].split(", ")[0] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


def test_pages_are_kept_by_no_cache_and_files_for_long(url: str) -> None:
    visitor = Visitor(url)
    page = visitor.look("/")
    assert visitor.page.headers["Cache-Control"] == "no-store"
    address = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    answer = requests.get(url + address, timeout=120)
    assert "immutable" in answer.headers["Cache-Control"]


def test_the_front_door_leads_to_the_console(url: str) -> None:
    for path in ("/", "/console"):
        assert requests.get(url + path, timeout=120).url == f"{url}/console/"


def test_a_page_that_is_not_there_says_so(url: str) -> None:
    answer = requests.get(f"{url}/console/nothing", timeout=120)
    assert answer.status_code == 404
    assert "Page not found." in answer.text


def test_addresses_are_shown_to_whoever_operates_alone(ledger: Ledger, url: str, operator: Visitor) -> None:
    reader = Visitor(url).sign_in(key(ledger, Scope.READ, name="ida"))
    ann = Notification.build({"email": "ann@corp.example", "text": "hello", "key": "disk ann@corp.example"})
    id = ledger.accept([ann])[0].id
    for path in ("/notifications", f"/notifications/{id}"):
        assert "ann@corp.example" in operator.look(path)
        assert "ann@corp.example" not in reader.look(path)
