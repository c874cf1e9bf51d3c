"""What an attacker tries in the console, beside what `test_console_access` has: sessions, forms, addresses, and texts
that would like to be a page."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from ledger.api_key import Scope
from ledger.api_keys import ApiKeys
from ledger.audit_log import recent_actions
from ledger.hook_log import HookEntry, HookLog, HookOutcome
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.settings import Settings
from tests.integration.console.console_visitor import Visitor
from tests.integration.producers.web.serving import serving
from tests.integration.producers.web.web_thread import with_files

__all__: list[str] = []

#: Would run, or at least break out, wherever a page forgot to escape it. Visible ASCII without blanks: also an id.
SCRIPT = "\"'><script>alert(1)</script><img/src=x/onerror=alert(1)>{{7*7}}"


@pytest.fixture
def ledger(empty_valkey: Settings) -> Ledger:
    return Ledger(empty_valkey)


@pytest.fixture
def url(empty_valkey: Settings, caplog: pytest.LogCaptureFixture) -> Iterator[str]:
    with serving(empty_valkey) as served, caplog.at_level(logging.WARNING):
        yield served
    failed = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert not failed, "a page failed"


def key(ledger: Ledger, *scopes: Scope, name: str = "mia") -> str:
    return ApiKeys(ledger).create(name, frozenset(scopes), None, None, "test")[1]


# -- sessions and forms


def test_a_cookie_that_an_attacker_chose_is_worth_nothing_after_signing_in(ledger: Ledger, url: str) -> None:
    secret, victim = key(ledger, Scope.OPERATE), Visitor(url)
    victim.session.cookies.set("deskbell_session", "chosen", domain="127.0.0.1", path="/console")
    victim.sign_in(secret)
    assert "chosen" not in [cookie.value for cookie in victim.session.cookies]
    attacker = Visitor(url)
    attacker.session.cookies.set("deskbell_session", "chosen", path="/console")
    assert attacker.status("/") == 303


@pytest.mark.parametrize("cookie", ["", "x", "../" * 50, "é\xff", "x" * 8000, "a" * 43, "*", "deskbell:session:*"])
def test_a_session_that_is_made_up_is_none(ledger: Ledger, url: str, cookie: str) -> None:
    key(ledger, Scope.OPERATE)
    header = {"Cookie": f"deskbell_session={cookie}; deskbell_form={cookie}".encode("latin-1")}
    answer = requests.get(f"{url}/console/", headers=header, allow_redirects=False, timeout=120)
    assert answer.status_code == 303


def forged(url: str, **options: Any) -> int:
    return requests.post(
        f"{url}/console/desks/default/resume", allow_redirects=False, timeout=120, **options
    ).status_code


def test_a_form_without_its_token_does_nothing(ledger: Ledger, url: str) -> None:
    operator, other = Visitor(url), Visitor(url)
    operator.look("/")
    other.look("/")
    cookies = dict(operator.session.cookies)
    assert forged(url) == 403
    assert forged(url, cookies=cookies) == 403
    assert forged(url, cookies=cookies, data={"csrf": ""}) == 403
    assert forged(url, cookies=cookies, data={"csrf": other.token()}) == 403
    assert forged(url, data={"csrf": operator.token()}) == 403
    assert forged(url, cookies=cookies, json={"csrf": operator.token()}) == 403
    assert forged(url, cookies=cookies, params={"csrf": operator.token()}) == 403
    assert forged(url, cookies=cookies, data={"csrf": operator.token()}, headers={"Sec-Fetch-Site": "same-site"}) == 403
    assert (
        forged(url, cookies=cookies, data={"csrf": operator.token()}, headers={"Origin": "https://evil.example"}) != 200
    )
    assert recent_actions(ledger, 10) == []


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b"--b\r\nnonsense"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n' * 60 + b"--b--",
        ),
        ("multipart/form-data; boundary=" + "b" * 5000, b"--"),
        ("application/x-www-form-urlencoded", b"&".join(b"a=%d" % n for n in range(2000))),
        ("application/x-www-form-urlencoded; charset=utf-16", b"\xff\xfe%zz=%ff"),
        ("text/plain", b"csrf=x"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_form_that_is_none_is_refused(url: str, content_type: str, body: bytes) -> None:
    for path in ("/console/sign-in", "/console/announcements/new"):
        answer = requests.post(
            url + path, body, headers={"Content-Type": content_type}, allow_redirects=False, timeout=20
        )
        assert answer.status_code in (400, 403)


# -- addresses


@pytest.mark.parametrize(
    "path",
    [
        "https:evil.example", "http:///evil.example", "///evil.example", "/\t/evil.example", "\t//evil.example",
        "/\r\nSet-Cookie: a=b", "/..//evil.example", "/@evil.example", ".evil.example", "@evil.example",
        "data:text/html,x", "\\\\evil.example", "/%2f%2fevil.example", "//evil.example%2f..", "/[", "//[",
    ],
)  # fmt: skip
def test_signing_in_leads_nowhere_else_however_the_address_is_written(ledger: Ledger, url: str, path: str) -> None:
    secret, visitor = key(ledger, Scope.OPERATE), Visitor(url)
    visitor.look("/sign-in", params={"next": path})
    body = {"csrf": visitor.token(), "key": secret, "next": path}
    answer = visitor.session.post(f"{visitor.url}/sign-in", data=body, allow_redirects=False, timeout=120)
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/console/")
    assert "a" not in visitor.session.cookies


@pytest.mark.parametrize(
    "path",
    ["../app.py", "%2e%2e/app.py", "..%2fapp.py", "%2fetc/passwd", "//etc/passwd", "%00", "console.css%00.html", ""],
)
def test_only_our_files_are_served(url: str, path: str) -> None:
    request = requests.Request("GET", url).prepare()
    request.url = f"{url}/console/static/{path}"
    answer = requests.Session().send(request, timeout=120)
    assert answer.status_code == 404
    assert "import" not in answer.text


@pytest.mark.parametrize("path", ["/", "/sign-in", "/nothing", "/notifications/n_nobody"])
def test_no_page_may_stand_in_a_frame(url: str, path: str) -> None:
    headers = requests.get(f"{url}/console{path}", timeout=120).headers
    assert headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/announcements?page=" + "9" * 5000, 422), ("/announcements?page=0", 422), ("/announcements?page=-1", 422),
        ("/announcements?page=1000000", 200), ("/announcements?page=\u0663", 422), ("/announcements?page=1e3", 422),
        ("/notifications?code=--1", 422), ("/notifications?code=" + "9" * 5000, 422), ("/notifications?code=-1", 200),
        ("/notifications?cursor=" + "9" * 5000, 422), ("/notifications?until=0001-01-01T00:00%2B14:00", 200),
        ("/notifications?until=9999-12-31T23:59-14:00", 200), ("/notifications/n_0-" + "9" * 5000, 404),
        ("/notifications/n_0-\u0663", 404), ("/notifications/n_" + "0" * 5000, 404), ("/notifications/x", 404),
        ("/announcements/a_" + "0" * 5000, 404), ("/announcements/a_*", 404), ("/announcements/x", 404),
        ("/notifications?id=n_0-" + "9" * 500, 303), ("/notifications?id=a_/../x", 303),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_no_number_and_no_id_of_an_address_breaks_a_page(url: str, path: str, status: int) -> None:
    assert Visitor(url).status(path) == status


@pytest.mark.parametrize("query", ["from=" + "9" * 5000, "from=-1", "state=failed&from=9223372036854775808", "from=x"])
def test_no_place_in_the_rows_breaks_their_page(url: str, query: str) -> None:
    rows = {"name": "x", "text": "x", "rows": [{"receiver_id": "ou_ada"}]}
    id = requests.post(f"{url}/v1/announcements", json=rows, timeout=20).json()["id"]
    visitor = Visitor(url)
    assert visitor.status(f"/announcements/{id}/rows?{query}") == 422
    assert visitor.status(f"/announcements/{id}/rows?from=99999999") == 200


def test_no_address_is_made_of_the_host_that_somebody_names(url: str) -> None:
    headers = {"Host": "evil.example", "Accept": "text/html"}
    for path in ("/console/announcements/", "/console/sign-in/", "/console/live/"):
        answer = requests.get(url + path, headers=headers, allow_redirects=False, timeout=20)
        assert answer.status_code == 404
        assert "evil.example" not in str(answer.headers) + answer.text


@pytest.mark.parametrize(
    ("content_type", "body", "status", "told"),
    [
        ("application/x-www-form-urlencoded", b"a&" * 40_000, 413, "Forms are limited to 64 KB"),
        ("application/x-www-form-urlencoded", b"a&" * 260, 400, "more than 250 fields"),
        ("multipart/form-data; boundary=" + "b;" * 2000, b"--b", 400, "more than 250 fields"),
    ],
    ids=["too large", "too many fields", "a long type"],
)
def test_a_form_beyond_its_bounds_gets_a_page_that_says_why(
    url: str, content_type: str, body: bytes, status: int, told: str
) -> None:
    answer = requests.post(f"{url}/console/sign-in", body, headers={"Content-Type": content_type}, timeout=20)
    assert (answer.status_code, told in answer.text) == (status, True)


# -- texts that would like to be a page


def is_harmless(page: requests.Response) -> None:
    assert page.status_code < 500
    assert "<script>alert" not in page.text
    assert "<img/src" not in page.text
    assert "49" not in page.text.partition("alert(1)&gt;")[2][:4]
    assert "\"'>" not in page.text


def test_no_payload_of_a_hook_becomes_part_of_a_page(ledger: Ledger, tmp_path: Path) -> None:
    hooks = '[hook.it]\nuse = "generic"\nto = "{{ payload.to|default(\'ou_ada\') }}"\ndigest = "5m"\n'
    hooks += 'digest_by = "{{ payload.text }}"\nalert = "{{ payload.text }}"'
    with serving(with_files(ledger.settings, tmp_path, hooks=hooks)) as url:
        secret = key(ledger, Scope.SEND, Scope.READ, Scope.OPERATE)
        posted = {"text": SCRIPT, "title": SCRIPT, "url": SCRIPT, "state": "resolved", "key": SCRIPT}
        taken = requests.post(f"{url}/v1/hooks/it?key={secret}", json=posted, timeout=20).json()["accepted"]
        for body in ({**posted, "to": SCRIPT}, [SCRIPT]):
            assert requests.post(f"{url}/v1/hooks/it?key={secret}", json=body, timeout=20).status_code == 422
        requests.post(f"{url}/v1/hooks/it?key={SCRIPT}", json=posted, timeout=20)
        visitor = Visitor(url).sign_in(secret)
        [event] = [each["id"] for each in taken]
        for path in (
            "/hooks",
            "/hooks/it",
            f"/notifications/{event}",
            f"/notifications/{ledger.get(event).progress.into}",
        ):
            is_harmless(visitor.session.get(visitor.url + path, timeout=120))
        visitor.look("/hooks/it")
        for fields in ({"payload": json.dumps(posted)}, {"payload": SCRIPT}, {"payload": "{}", "sent_headers": SCRIPT}):
            is_harmless(visitor.act("/hooks/it", **fields))
        assert visitor.status(f"/hooks/{SCRIPT}") == 404
        is_harmless(visitor.session.get(f"{visitor.url}/hooks/{SCRIPT}", timeout=120))


def test_no_text_of_others_becomes_part_of_a_page(ledger: Ledger, url: str) -> None:
    visitor = Visitor(url)
    event = Notification.build({"receiver_id": "ou_ada", "text": SCRIPT, "key": SCRIPT})
    # Refused today, but an older version may have accepted it.
    [accepted] = ledger.accept([event.model_copy(update={"receiver_id": SCRIPT})])
    HookLog(ledger.redis, ledger.keys).add(HookEntry(1, SCRIPT, HookOutcome.REFUSED, by=SCRIPT, reason=SCRIPT))
    files = {"recipients": (f"{SCRIPT}.csv", f'receiver_id,"{SCRIPT.replace(chr(34), chr(34) * 2)}"\nou_ada,x\n')}
    announced = requests.post(
        f"{url}/v1/announcements", files=files, data={"name": SCRIPT, "text": SCRIPT}, timeout=120
    )
    assert announced.status_code == 202, announced.text
    id = announced.json()["id"]
    pages = ("/", "/needs", "/hooks", "/announcements", f"/announcements/{id}", f"/announcements/{id}/rows")
    for path in (*pages, "/notifications", f"/notifications/{accepted.id}"):
        is_harmless(visitor.session.get(visitor.url + path, timeout=120))


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/notifications",
        "/announcements",
        "/hooks",
        "/sign-in",
        "/needs",
        "/announcements/new",
        f"/{SCRIPT}",
        f"/notifications/{SCRIPT}",
    ],
)
def test_no_part_of_an_address_becomes_part_of_a_page(url: str, path: str) -> None:
    names = (
        "q",
        "told",
        "n",
        "id",
        "state",
        "desk",
        "key",
        "receiver",
        "code",
        "next",
        "cursor",
        "from",
        "to",
        "problem",
    )
    visitor = Visitor(url)
    visitor.session.cookies.update({"deskbell_theme": "x", "deskbell_language": "x"})
    headers = {"Accept-Language": SCRIPT, "Referer": f"{url}/{SCRIPT}"}
    is_harmless(
        visitor.session.get(visitor.url + path, params=dict.fromkeys(names, SCRIPT), headers=headers, timeout=120)
    )
    is_harmless(
        visitor.session.get(visitor.url + path, params={"told": "retried", "n": SCRIPT, "id": SCRIPT}, timeout=120)
    )
