"""Who is let in: keys, scopes, desks, rates, and whoever is on this machine while there is no key."""

import logging
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from ledger.api_key import Scope
from ledger.settings import Settings
from tests.integration.producers.web.web_thread import WebThread

__all__: list[str] = []

PATH = "/v1/notifications"
ADA = {"receiver_id": "ou_ada", "text": "Disk full on db-3"}


@pytest.fixture(scope="module")
def serving(valkey: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebThread]:
    desks = tmp_path_factory.mktemp("desks") / "desks.toml"
    desks.write_text("[desk.it]\n[desk.hr]\n")
    with WebThread(Settings(data_dir=valkey.data_dir, desks=desks, _env_file=None)) as running:
        yield running


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def told(answer: requests.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["type"].removeprefix("urn:deskbell:problem:")


def test_without_a_key_this_machine_may_do_everything(web: WebThread) -> None:
    id = web.post(PATH, ADA).json()["id"]
    assert web.get(f"{PATH}/{id}").status_code == 200
    assert web.post(f"{PATH}/{id}/cancel").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"Host": "attacker.example"},
        {"Host": "127.0.0.1.attacker.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"X-Forwarded-Host": "127.0.0.1"},
        {"X-Forwarded-Proto": "https"},
        {"X-Forwarded-Server": "proxy"},
        {"X-Original-Host": "127.0.0.1"},
        {"CF-Connecting-IP": "127.0.0.1"},
        {"CF-Ray": "1"},
        {"True-Client-IP": "127.0.0.1"},
        {"X-Client-IP": "127.0.0.1"},
        {"X-Cluster-Client-IP": "127.0.0.1"},
        {"Via": "1.1 proxy"},
        {"X-Real-IP": "127.0.0.1"},
    ],
    ids=str,
)
def test_without_a_key_nobody_comes_through_a_proxy_or_from_another_web_page(
    web: WebThread, headers: dict[str, str]
) -> None:
    answer = web.post(PATH, ADA, headers=headers)
    assert told(answer) == (403, "no-key-configured")
    assert "deskbell key create" in answer.json()["detail"]


@pytest.mark.parametrize("header", ["Authorization", "X-Api-Key"])
def test_a_key_is_taken_from_either_header(web: WebThread, header: str) -> None:
    key = web.secret()
    assert (
        web.post(PATH, ADA, headers={header: f"Bearer {key}" if header == "Authorization" else key}).status_code == 202
    )


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer dbk_wrong"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic YTpi"},
        {"Authorization": "dbk_wrong"},
        {"X-Api-Key": ""},
        {"X-Api-Key": "\xff\xfe"},
        {"Authorization": "Bearer " + "x" * 8000},
    ],
    ids=lambda headers: str(headers)[:40],
)
def test_once_there_is_a_key_nobody_comes_in_without_one(web: WebThread, headers: dict[str, str]) -> None:
    web.secret()
    answer = web.post(PATH, ADA, headers=headers)
    assert told(answer) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "dbk_wrong" not in answer.text


def test_a_revoked_key_is_out_at_once_and_nobody_else_is_let_in_for_it(web: WebThread) -> None:
    key = web.secret()
    assert web.post(PATH, ADA, headers=bearer(key)).status_code == 202
    web.context.keys.revoke("k0", by="ada")
    assert web.post(PATH, ADA, headers=bearer(key)).status_code == 401
    assert web.post(PATH, ADA).status_code == 401


def test_each_route_wants_its_scope(web: WebThread) -> None:
    id = web.post(PATH, ADA).json()["id"]
    calls = {
        Scope.SEND: [("POST", PATH)],
        Scope.READ: [("GET", PATH), ("GET", f"{PATH}/{id}")],
        Scope.OPERATE: [("POST", f"{PATH}/{id}/{verb}") for verb in ("retry", "cancel", "resolve")],
    }
    secrets = {scope: web.secret(scope) for scope in Scope}
    for wanted, routes in calls.items():
        for has, key in secrets.items():
            for method, path in routes:
                answer = requests.request(
                    method, web.url + path, headers=bearer(key), json={"as": "resend"}, timeout=20
                )
                assert (answer.status_code == 403) == (has is not wanted), (method, path, has, answer.text)
                if has is not wanted:
                    assert told(answer) == (403, "scope-missing")


def test_a_key_of_one_desk_sees_and_does_nothing_elsewhere(web: WebThread) -> None:
    ours = web.post(PATH, ADA | {"desk": "it"}).json()["id"]
    theirs = web.post(PATH, ADA | {"desk": "hr"}).json()["id"]
    key = bearer(web.secret(desks=frozenset({"it"})))
    assert web.post(PATH, ADA, headers=key).status_code == 403
    assert web.post(PATH, ADA | {"desk": "hr"}, headers=key).status_code == 403
    assert web.post(PATH, ADA | {"desk": "it"}, headers=key).status_code == 202
    batch = web.post(PATH, {"notifications": [ADA | {"desk": desk} for desk in ("it", "hr")]}, headers=key).json()
    assert (batch["accepted"], batch["results"][1]["problem"]["status"]) == (1, 403)
    assert {each["desk"] for each in web.get(PATH, headers=key).json()["notifications"]} == {"it"}
    assert web.get(f"{PATH}?desk=hr", headers=key).status_code == 403
    assert web.get(f"{PATH}/{ours}", headers=key).status_code == 200
    assert web.get(f"{PATH}/{theirs}", headers=key).status_code == 403
    assert web.post(f"{PATH}/{theirs}/cancel", headers=key).status_code == 403
    assert web.get(f"{PATH}/{theirs}", headers=bearer(web.secret())).json()["state"] == "queued"


def test_a_key_that_calls_too_often_is_told_how_long_to_wait(web: WebThread) -> None:
    slow, other = web.secret(rate="3/minute"), web.secret()
    statuses = [web.get(PATH, headers=bearer(slow)).status_code for _ in range(3)]
    answer = web.get(PATH, headers=bearer(slow))
    assert statuses == [200] * 3
    assert told(answer) == (429, "too-many-requests")
    assert 1 <= int(answer.headers["retry-after"]) <= 120
    assert web.get(PATH, headers=bearer(other)).status_code == 200
    ours = {name.decode().split(":")[0] for name in web.context.ledger.redis.scan_iter()}
    assert ours == {web.context.settings.prefix}


def test_what_a_key_decides_is_on_record_under_its_name(web: WebThread) -> None:
    key = bearer(web.secret())
    id = web.post(PATH, ADA, headers=key).json()["id"]
    web.post(f"{PATH}/{id}/cancel", headers=key)
    assert web.get(f"{PATH}/{id}", headers=key).json()["acts"][0]["by"] == "key k0"


def test_no_log_line_has_a_secret_a_query_or_a_body(web: WebThread, caplog: pytest.LogCaptureFixture) -> None:
    key = web.secret()
    with caplog.at_level(logging.DEBUG):
        web.post(f"{PATH}?key={key}", ADA, headers=bearer(key) | {"X-Request-Id": "r-77"})
        web.post(PATH, b"{broken " + key.encode(), headers=bearer(key) | {"Content-Type": "application/json"})
    ours = [record for record in caplog.records if record.name.startswith("producers")]
    assert [record.getMessage() for record in ours] == [f"POST {PATH} 202", f"POST {PATH} 400"]
    assert (ours[0].request_id, ours[0].caller) == ("r-77", "k0")  # type: ignore[attr-defined]
    of_client = "urllib3"
    said = " ".join(str(vars(record)) for record in caplog.records if not record.name.startswith(of_client))
    assert key not in said
    assert "Disk full" not in said


def test_calls_that_lack_the_scope_count_in_the_rate_of_a_key(web: WebThread) -> None:
    key = web.secret(Scope.SEND, rate="2/minute")
    assert [web.get(PATH, headers=bearer(key)).status_code for _ in range(4)] == [403, 403, 429, 429]


def test_a_key_has_half_of_the_connections_at_most(web: WebThread, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("producers.web.shares.MOST_UNDER_WAY", 2)
    key, other = web.secret(), web.secret()
    with opened_body(web, key) as first, opened_body(web, key):
        answer = eventually_refused(web, key)
        assert told(answer) == (503, "too-many-requests-under-way")
        assert answer.headers["retry-after"]
        assert web.get(PATH, headers=bearer(other)).status_code == 200
        first.close()
        deadline = time.monotonic() + 90
        while web.get(PATH, headers=bearer(key)).status_code != 200:
            assert time.monotonic() < deadline


@contextmanager
def opened_body(web: WebThread, key: str) -> Iterator[socket.socket]:
    """A request whose body does not come."""
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\nX-Api-Key: {key}"
    with socket.create_connection(("127.0.0.1", web.port), timeout=10) as connection:
        connection.sendall(f"{head}\r\n\r\n".encode())
        yield connection


def eventually_refused(web: WebThread, key: str) -> requests.Response:
    """Those before it may not be let in yet."""
    deadline = time.monotonic() + 90
    while (answer := web.get(PATH, headers=bearer(key))).status_code == 200:
        assert time.monotonic() < deadline
    return answer


@pytest.mark.parametrize("path", [PATH, f"{PATH}/n_1", "/v1/announcements", "/v1/nothing", "/healthz"])
def test_no_cache_keeps_an_answer(web: WebThread, path: str) -> None:
    assert web.get(path, headers={"X-Api-Key": web.secret()}).headers["cache-control"] == "no-store"


def test_a_key_that_only_reads_sees_no_addresses(web: WebThread) -> None:
    sender, reader, operator = (web.secret(scope) for scope in (Scope.SEND, Scope.READ, Scope.OPERATE))
    ann = {"email": "ann@corp.example", "text": "Disk full on db-3", "key": "disk ann@corp.example"}
    id = web.post(PATH, ann, headers=bearer(sender)).json()["id"]
    for path in (f"{PATH}/{id}", PATH):
        assert "ann@corp.example" not in web.get(path, headers=bearer(reader)).text
    assert web.get(f"{PATH}/{id}", headers=bearer(reader)).json()["email"] is None
    both = web.secret(Scope.READ, Scope.OPERATE)
    assert web.get(f"{PATH}/{id}", headers=bearer(both)).json()["email"] == "ann@corp.example"
    assert web.get(f"{PATH}/{id}", headers=bearer(operator)).status_code == 403
