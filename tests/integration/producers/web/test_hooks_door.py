"""`/v1/hooks/{name}`: how tools knock, how much they bring, and what is noted of those who are turned away."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from standardwebhooks import Webhook

from ledger.api_key import Scope
from ledger.hook_log import HookEntry, HookLog, HookOutcome
from ledger.ledger import Ledger
from ledger.settings import Settings
from producers.hooks.hook_request import MOST_BYTES
from producers.hooks.large_body import LARGE_BYTES
from tests.integration.producers.web.web_thread import WebThread, with_files

__all__: list[str] = []

TOKEN = "whsec_" + base64.b64encode(b"k" * 32).decode()
JSON = {"Content-Type": "application/json"}
HOOKS = f"""
[hook.script]
use = "generic"
to = "ou_ada"

[hook.oncall]
use = "alertmanager"
to = "ou_ada"

[hook.svix]
to = "ou_ada"
text = "{{{{ payload.text }}}}"
signature = "standard-webhooks"
secret = "{TOKEN}"

[hook.gitlab]
use = "gitlab"
to = "ou_ada"
secret = "{TOKEN}"

[hook.flux]
use = "generic"
to = "ou_ada"
signature = "hmac-sha256"
signature_header = "X-Signature"
signature_prefix = "sha256="
secret = "hush-hush"

[hook.events]
use = "cloudevents"
to = "ou_ada"
"""


@pytest.fixture(scope="module")
def serving(valkey: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebThread]:
    with WebThread(with_files(valkey, tmp_path_factory.mktemp("hooks"), hooks=HOOKS)) as running:
        yield running


def log_of(ledger: Ledger) -> list[HookEntry]:
    return HookLog(ledger.redis, ledger.keys).latest()


def text_of(ledger: Ledger, answer: requests.Response) -> str:
    assert answer.status_code == 202, answer.text
    return str(ledger.get(answer.json()["accepted"][0]["id"]).notification.message.content["text"])


def large(size: int) -> bytes:
    return b'{"title": "T", "text": "' + b"x" * (size - 26) + b'"}'


# -- how they knock


def test_a_put_is_as_good_as_a_post(web: WebThread) -> None:
    answer = requests.put(f"{web.url}/v1/hooks/script", json={"text": "x"}, timeout=120)
    assert answer.status_code == 202
    wrong = web.get("/v1/hooks/script")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST, PUT, OPTIONS")


def test_a_key_may_be_the_password_of_basic_authentication(web: WebThread, ledger: Ledger) -> None:
    secret = web.secret(Scope.SEND)
    for pair in (("grafana", secret), ("", secret), (secret, "")):
        assert web.post("/v1/hooks/script", {"text": "x"}, auth=pair).status_code == 202
    for pair in (("grafana", "wrong"), (secret, "wrong"), ("", "")):
        assert web.post("/v1/hooks/script", {"text": "x"}, auth=pair).status_code == 401
    malformed = {"Authorization": "Basic é".encode("latin-1")}
    assert web.post("/v1/hooks/script", {"text": "x"}, headers=malformed).status_code == 401
    assert web.post("/v1/notifications", {"receiver_id": "ou_a", "text": "x"}, auth=("", secret)).status_code == 401
    assert [each.outcome for each in log_of(ledger)] == [HookOutcome.REFUSED] * 4 + [HookOutcome.ACCEPTED] * 3
    assert secret not in repr(log_of(ledger))


def test_a_sender_of_events_is_allowed_to_post_when_it_asks(web: WebThread) -> None:
    asked = {"WebHook-Request-Origin": "eventgrid.example.net", "WebHook-Request-Rate": "120"}
    answer = requests.options(f"{web.url}/v1/hooks/events", headers=asked, timeout=120)
    assert answer.status_code == 200
    assert answer.headers["webhook-allowed-origin"] == "eventgrid.example.net"
    assert (answer.headers["webhook-allowed-rate"], answer.headers["allow"]) == ("*", "OPTIONS, POST, PUT")
    assert requests.options(f"{web.url}/v1/hooks/gone", headers=asked, timeout=120).status_code == 404
    plain = requests.options(f"{web.url}/v1/hooks/events", timeout=120)
    assert "webhook-allowed-origin" not in plain.headers


def signed(id: str, body: dict[str, Any], family: str, **more: str) -> dict[str, Any]:
    now, raw = datetime.now(UTC), json.dumps(body)
    signature = Webhook(TOKEN).sign(id, now, raw)
    stamps = {"id": id, "timestamp": str(int(now.timestamp())), "signature": signature}
    return {"headers": JSON | {f"{family}-{name}": value for name, value in stamps.items()} | more}


def test_svix_may_name_its_headers_after_itself(web: WebThread) -> None:
    body = {"text": "Stuck"}
    first = web.post("/v1/hooks/svix", json.dumps(body).encode(), **signed("msg_1", body, "svix"))
    again = web.post("/v1/hooks/svix", json.dumps(body).encode(), **signed("msg_1", body, "webhook"))
    other = web.post("/v1/hooks/svix", json.dumps(body).encode(), **signed("msg_2", body, "svix"))
    assert [each.json()["accepted"][0]["duplicate"] for each in (first, again, other)] == [False, True, False]


def test_what_gitlab_signed_cannot_be_sent_again_as_another_message(web: WebThread) -> None:
    body = {"object_kind": "issue", "object_attributes": {"iid": 1, "title": "Swing"}, "project": {"name": "lifts"}}
    raw = json.dumps(body).encode()
    sent = signed("msg_1", body, "webhook", **{"Idempotency-Key": "one"})
    replayed = {"headers": {**sent["headers"], "Idempotency-Key": "another", "X-Gitlab-Event-UUID": "more"}}
    assert web.post("/v1/hooks/gitlab", raw, **sent).json()["accepted"][0]["duplicate"] is False
    assert web.post("/v1/hooks/gitlab", raw, **replayed).json()["accepted"][0]["duplicate"] is True
    as_svix = {name.replace("webhook", "svix"): value for name, value in replayed["headers"].items()}
    assert web.post("/v1/hooks/gitlab", raw, headers=as_svix).status_code == 401


def test_a_plain_hmac_in_a_header_of_any_name_is_checked(web: WebThread) -> None:
    raw = b'{"text": "x"}'
    digest = hmac.new(b"hush-hush", raw, hashlib.sha256).hexdigest()
    for value, status in ((f"sha256={digest}", 202), (digest, 401), (f"sha256={'0' * 64}", 401)):
        assert web.post("/v1/hooks/flux", raw, headers={**JSON, "X-Signature": value}).status_code == status


def test_a_batch_of_events_is_a_message_for_each(web: WebThread, ledger: Ledger) -> None:
    event = {"specversion": "1.0", "source": "/lifts/2", "type": "stuck"}
    batch = [{**event, "id": "1"}, {**event, "id": "2", "source": ""}, {**event, "id": "3"}]
    headers = {"Content-Type": "application/cloudevents-batch+json"}
    answer = web.post("/v1/hooks/events", json.dumps(batch).encode(), headers=headers).json()
    assert [each["duplicate"] for each in answer["accepted"]] == [False, False]
    assert answer["skipped"] == 1
    assert answer["reason"].startswith("[1].source: must be a text that is not empty")
    assert log_of(ledger)[0].reason == answer["reason"]


# -- how much they bring


def test_a_body_of_25_mib_arrives(web: WebThread, ledger: Ledger) -> None:
    answer = web.post("/v1/hooks/script", large(MOST_BYTES), headers=JSON)
    assert text_of(ledger, answer).startswith("T\nxxx")


def test_a_storm_of_alerts_arrives_and_each_of_its_states_is_told(web: WebThread, ledger: Ledger) -> None:
    alert = {"status": "firing", "annotations": {"summary": "磁盘空间不足" * 20}, "startsAt": "2026-11-22T06:00:00Z"}
    alerts = [{**alert, "labels": {"alertname": "DiskFull", "instance": f"db-{n}"}} for n in range(6000)]
    firing = {"status": "firing", "groupKey": "{}", "alerts": alerts}
    first = web.post("/v1/hooks/oncall", firing)
    assert len(first.request.body or b"") > LARGE_BYTES
    assert text_of(ledger, first).startswith("🔴 Firing: DiskFull (6000 alerts)\n🔴 磁盘空间不足")
    again = web.post("/v1/hooks/oncall", firing)
    assert again.json()["accepted"][0]["duplicate"] is True
    one_more = web.post("/v1/hooks/oncall", {**firing, "alerts": [*alerts[:-1], {**alerts[-1], "status": "resolved"}]})
    assert one_more.json()["accepted"][0]["duplicate"] is False
    assert "(5999 firing, 1 resolved)" in text_of(ledger, one_more)


def test_a_large_body_that_cannot_be_read_is_refused_as_a_small_one(web: WebThread, ledger: Ledger) -> None:
    answer = web.post("/v1/hooks/script", large(2 * LARGE_BYTES)[:-1], headers=JSON)
    assert (answer.status_code, answer.json()["field"]) == (422, "body")
    assert "is not JSON" in answer.json()["detail"]
    many = web.post("/v1/hooks/script", b'{"a": [' + b"{}," * 1_000_001 + b"1]}", headers=JSON)
    assert "more than 1,000,000 objects and lists" in many.json()["detail"]
    commas = web.post("/v1/hooks/script", b'{"text": "' + b"1," * 3_000_000 + b'"}', headers=JSON)
    assert commas.status_code == 202, "commas within a text are no values"
    assert [each.outcome for each in log_of(ledger)][1:] == [HookOutcome.FAILED] * 2


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_is_refused_and_noted(web: WebThread, ledger: Ledger, chunked: bool) -> None:
    raw = large(MOST_BYTES + 1)
    data: Any = (raw[at : at + 65536] for at in range(0, len(raw), 65536)) if chunked else raw
    try:
        answer = requests.post(f"{web.url}/v1/hooks/script", data=data, headers=JSON, timeout=120)
        assert (answer.status_code, answer.json()["detail"]) == (413, "at most 26,214,400 bytes are taken")
    except requests.ConnectionError:
        pass  # the answer came, and the connection was closed, before all of it was written
    [entry] = log_of(ledger)
    assert (entry.hook, entry.outcome, entry.reason) == (
        "script",
        HookOutcome.REFUSED,
        "at most 26,214,400 bytes are taken",
    )


def test_without_a_key_no_large_body_is_read(web: WebThread) -> None:
    web.secret(Scope.SEND)
    taken: list[bool] = []
    web.context.large_bodies.take, kept = (lambda: taken.append(True)), web.context.large_bodies.take  # type: ignore[method-assign]
    try:
        answer = requests.post(
            f"{web.url}/v1/hooks/script",
            data=large(LARGE_BYTES + 1),
            headers={**JSON, "Connection": "close"},
            timeout=120,
        )
        assert answer.status_code == 401
    except requests.ConnectionError:
        pass  # as above
    finally:
        web.context.large_bodies.take = kept  # type: ignore[method-assign]
    assert not taken


def test_two_large_bodies_are_read_at_a_time_and_others_are_asked_to_come_again(web: WebThread, ledger: Ledger) -> None:
    release = threading.Event()

    def slowly() -> Iterator[bytes]:
        raw = large(LARGE_BYTES + 65536)
        yield raw[: LARGE_BYTES + 1024]
        release.wait(15)
        yield raw[LARGE_BYTES + 1024 :]

    def post() -> int:
        return requests.post(f"{web.url}/v1/hooks/script", data=slowly(), headers=JSON, timeout=120).status_code

    with ThreadPoolExecutor(2) as threads:
        answers = [threads.submit(post) for _ in range(2)]
        until(lambda: web.context.large_bodies.under_way == 2)
        refused = web.post("/v1/hooks/script", large(LARGE_BYTES + 1), headers=JSON)
        small = web.post("/v1/hooks/script", {"text": "small"})
        release.set()
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert small.status_code == 202
    assert [each.result() for each in answers] == [202, 202]
    assert web.post("/v1/hooks/script", large(LARGE_BYTES + 1), headers=JSON).status_code == 202, "there is room again"
    assert "2 bodies of more than 1,048,576 bytes are read at a time" in str([each.reason for each in log_of(ledger)])


def until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.005)
