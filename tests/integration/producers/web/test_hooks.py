"""`/v1/hooks/{name}` over a real socket and a real Valkey: what is let in, what it becomes, what the log says of it."""

import base64
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import redis
import requests
from PIL import Image
from standardwebhooks import Webhook

from ledger.api_key import Scope
from ledger.dropped_messages import DroppedMessages
from ledger.hook_log import HookEntry, HookLog, HookOutcome
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.settings import Settings
from tests.integration.producers.web.web_thread import WebThread, with_files
from tests.unit.producers.hooks.hook_cases import payload

__all__: list[str] = []

TOKEN = "whsec_" + base64.b64encode(b"k" * 32).decode()
HOOKS = f"""
[hook.oncall]
use = "alertmanager"
to = ["ou_ada", "ou_bob"]

[hook.github]
use = "github"
to = "ou_ada"
secret = "hush-hush"

[hook.signed]
use = "generic"
to = "ou_ada"
signature = "standard-webhooks"
secret = "{TOKEN}"

[hook.script]
use = "generic"
to = "ou_ada"

[hook.hr]
use = "generic"
to = "ou_ada"
desk = "hr"

[hook.each]
for_each = "payload.alerts"
to = "{{{{ item.owner }}}}"
text = "{{{{ item.name }}}}"

[hook.strict]
to = "ou_ada"
text = "{{{{ payload.name }}}} {{{{ payload.text }}}}"

[hook.picture]
to = "ou_ada"
message = "picture.yaml"
"""


@pytest.fixture(scope="module")
def serving(valkey: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebThread]:
    folder = tmp_path_factory.mktemp("hooks")
    Image.new("RGB", (2, 2)).save(folder / "red.png")
    (folder / "picture.yaml").write_text("msg_type: image\ncontent: {file: red.png}\n", "utf-8")
    with WebThread(with_files(valkey, folder, hooks=HOOKS, desks="[desk.hr]\n")) as running:
        yield running


def log_of(ledger: Ledger) -> list[HookEntry]:
    return HookLog(ledger.redis, ledger.keys).latest()


def github(web: WebThread, body: dict[str, Any], event: str, delivery: str = "d1", secret: str = "hush-hush") -> Any:
    raw = json.dumps(body).encode()
    signature = "sha256=" + hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": delivery,
        "X-Hub-Signature-256": signature,
    }
    return web.post("/v1/hooks/github", raw, headers=headers)


def standard(web: WebThread, body: dict[str, Any], id: str, at: datetime | None = None) -> requests.Response:
    at, raw = at or datetime.now(UTC), json.dumps(body)
    signature = Webhook(TOKEN).sign(id, at, raw)
    headers = {
        "webhook-id": id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signature,
        "Content-Type": "application/json",
    }
    return web.post("/v1/hooks/signed", raw.encode(), headers=headers)


# -- what it becomes


def test_a_group_of_alerts_is_one_message_to_each_receiver_however_often_it_is_repeated(
    web: WebThread, ledger: Ledger
) -> None:
    firing = payload("alertmanager_firing")
    first = web.post("/v1/hooks/oncall", firing)
    assert first.status_code == 202
    assert [each["duplicate"] for each in first.json()["accepted"]] == [False, False]
    again = web.post("/v1/hooks/oncall", {**firing, "externalURL": "http://standby.example.net:9093"})
    assert again.status_code == 202
    assert again.json()["accepted"] == [{**each, "duplicate": True} for each in first.json()["accepted"]]
    assert web.post("/v1/hooks/oncall", payload("alertmanager_resolved")).json()["accepted"][0]["duplicate"] is False
    assert [ledger.get(each["id"]).notification.receiver_id for each in first.json()["accepted"]] == [
        "ou_ada",
        "ou_bob",
    ]
    assert [(each.outcome, each.accepted, each.duplicates) for each in reversed(log_of(ledger))] == [
        (HookOutcome.ACCEPTED, 2, 0),
        (HookOutcome.ACCEPTED, 2, 2),
        (HookOutcome.ACCEPTED, 2, 0),
    ]


def test_a_push_signed_by_github_is_accepted_and_a_replay_under_another_delivery_id_is_the_same(
    web: WebThread, ledger: Ledger
) -> None:
    first = github(web, payload("github_push"), "push")
    assert (first.status_code, first.json()["skipped"]) == (202, 0)
    assert github(web, payload("github_push"), "push").json()["accepted"][0]["duplicate"] is True
    # The signature covers the body alone: the headers are anybody's.
    assert github(web, payload("github_push"), "push", delivery="d2").json()["accepted"][0]["duplicate"] is True
    other = github(web, payload("github_push") | {"after": "0" * 40}, "push", delivery="d2")
    assert other.json()["accepted"][0]["duplicate"] is False
    assert log_of(ledger)[0].by == "signature"


def test_what_became_no_message_is_dropped_and_told_until_somebody_has_seen_it(web: WebThread, ledger: Ledger) -> None:
    """Alertmanager reads no answer, and repeats nothing after a 422: the alert was lost unseen."""
    alerts = [{"name": "a", "owner": "ou_a"}, {"name": "b", "owner": "team infra"}, {"name": "c"}, 7]
    key = {"X-Api-Key": web.secret(Scope.SEND, name="key-send")}
    answer = web.post("/v1/hooks/each", {"alerts": alerts}, headers=key)
    assert (answer.status_code, answer.json()["skipped"]) == (202, 3)
    assert web.post("/v1/hooks/each", {"alerts": alerts[2:3]}, headers=key).status_code == 422
    assert web.post("/v1/hooks/each", {"alerts": []}, headers=key).status_code == 200
    found = DroppedMessages(ledger.redis, ledger.keys).summary()
    assert (found.total, found.unseen) == (2, 2)
    whole, part = found.latest
    assert whole.reason.startswith("a post became no message: hook.each.to: uses the field 'owner'")
    assert part.reason.startswith("3 parts of a post became no message: hook.each.for_each: must be a list")
    assert (part.queue, part.headers) == ("/v1/hooks/each", {"origin": "key key-send"})


def test_items_beyond_the_hundredth_are_dropped_too(web: WebThread, ledger: Ledger) -> None:
    alerts = [{"name": str(at), "owner": "ou_a"} for at in range(102)]
    assert web.post("/v1/hooks/each", {"alerts": alerts}).status_code == 202
    [dropped] = DroppedMessages(ledger.redis, ledger.keys).summary().latest
    assert dropped.reason.startswith("2 parts of a post became no message: for_each has 102 items")


def test_a_ping_of_github_is_answered_and_sends_nothing(web: WebThread, ledger: Ledger) -> None:
    answer = github(web, payload("github_ping"), "ping")
    assert answer.status_code == 200
    assert answer.json() == {"accepted": [], "skipped": 1, "reason": "no condition is true, or there is no receiver"}
    assert [each.outcome for each in log_of(ledger)] == [HookOutcome.SKIPPED]
    assert not list(ledger.events())


def test_a_replay_of_a_standard_webhook_is_the_same_message_and_an_old_one_is_refused(web: WebThread) -> None:
    first = standard(web, {"text": "Stuck"}, "msg_1")
    replayed = standard(web, {"text": "Stuck"}, "msg_1")
    assert replayed.json()["accepted"] == [{**first.json()["accepted"][0], "duplicate": True}]
    assert standard(web, {"text": "Stuck"}, "msg_2").json()["accepted"][0]["duplicate"] is False
    old = standard(web, {"text": "Stuck"}, "msg_3", datetime.fromtimestamp(time.time() - 600, UTC))
    assert old.status_code == 401
    assert "300 seconds off" in old.json()["detail"]


def test_a_picture_beside_the_hooks_file_is_in_the_ledger_before_its_notification(
    web: WebThread, ledger: Ledger
) -> None:
    [accepted] = web.post("/v1/hooks/picture", {}).json()["accepted"]
    sha256 = ledger.get(accepted["id"]).notification.message.image_sha256
    assert sha256 is not None
    assert ledger.redis.exists(ledger.keys.image(sha256))


# -- what is not let in


@pytest.mark.parametrize(
    ("headers", "detail"),
    [
        ({}, "the header X-Hub-Signature-256 is missing"),
        ({"X-Hub-Signature-256": "sha256=" + "0" * 64}, "X-Hub-Signature-256 does not match the secret"),
        ({"X-Hub-Signature-256": "é"}, "X-Hub-Signature-256 does not match the secret"),
        ({"X-Api-Key": "dbk_x"}, "the header X-Hub-Signature-256 is missing"),
    ],
)
def test_what_is_not_signed_is_refused_and_noted_without_its_body(
    web: WebThread, ledger: Ledger, headers: dict[str, str], detail: str
) -> None:
    sent = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = web.post("/v1/hooks/github", {"text": "forged"}, headers=sent)
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert answer.json()["detail"] == detail
    [entry] = log_of(ledger)
    assert (entry.hook, entry.outcome, entry.by, entry.reason) == ("github", HookOutcome.REFUSED, None, detail)
    kept: Any = [ledger.redis.lrange(key, 0, -1) for key in (ledger.keys.hook_log, ledger.keys.hook_refusals)]
    assert b"forged" not in b"".join(raw for entries in kept for raw in entries)


def test_a_wrong_secret_of_the_tool_is_refused(web: WebThread) -> None:
    assert github(web, payload("github_push"), "push", secret="another").status_code == 401


def test_once_there_is_a_key_a_hook_without_a_signature_asks_for_one(web: WebThread, ledger: Ledger) -> None:
    body = {"text": "Backup done"}
    secret, reader = web.secret(Scope.SEND, name="key-send"), web.secret(Scope.READ)
    assert web.post("/v1/hooks/script", body).status_code == 401
    assert web.post("/v1/hooks/script?key=dbk_wrong", body).status_code == 401
    assert web.post(f"/v1/hooks/script?key={reader}", body).status_code == 403
    for allowed in (
        {"headers": {"Authorization": f"Bearer {secret}"}},
        {"headers": {"X-Api-Key": secret}},
        {"params": {"key": secret}},
    ):
        assert web.post("/v1/hooks/script", body, **allowed).status_code == 202
    assert [each.outcome for each in log_of(ledger)] == [HookOutcome.ACCEPTED] * 3 + [HookOutcome.REFUSED] * 3
    assert log_of(ledger)[0].by == "key key-send"
    web.context.keys.revoke("key-send", "test")
    assert web.post("/v1/hooks/script", body, params={"key": secret}).status_code == 401


def test_a_key_for_one_desk_opens_no_hook_of_another(web: WebThread, ledger: Ledger) -> None:
    secret = web.secret(Scope.SEND, name="key-send", desks=frozenset({"default"}))
    assert web.post("/v1/hooks/hr", {"text": "x"}, params={"key": secret}).status_code == 403
    assert web.post("/v1/hooks/script", {"text": "x"}, params={"key": secret}).status_code == 202
    assert not [each for each in ledger.events() if each.notification.desk == "hr"]
    assert log_of(ledger)[1].reason == "key-send may not use desk hr"


def test_a_key_that_calls_too_often_is_told_when_to_come_back(web: WebThread) -> None:
    secret = web.secret(Scope.SEND, rate="2/minute")
    answers = [web.post("/v1/hooks/script", {"text": "x"}, params={"key": secret}) for _ in range(3)]
    assert [each.status_code for each in answers] == [202, 202, 429]
    assert int(answers[2].headers["retry-after"]) > 0


def test_a_key_in_the_address_stands_in_no_log(
    web: WebThread, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    secret = web.secret(Scope.SEND)
    with caplog.at_level(logging.DEBUG):
        assert web.post("/v1/hooks/script", {"text": "x"}, params={"key": secret}).status_code == 202
        assert web.post("/v1/hooks/script", b"[]", params={"key": secret}).status_code == 422
    ours = [record for record in caplog.records if not record.name.startswith("urllib3")]
    assert "/v1/hooks/script" in "".join(record.getMessage() for record in ours)
    assert secret not in "".join(f"{record.getMessage()} {record.__dict__}" for record in ours)
    assert not [key for key in ledger.redis.keys("*") if secret.encode() in key]
    assert secret not in repr(log_of(ledger))


@pytest.mark.parametrize(
    "path",
    [
        "gone",
        "Oncall",
        "..",
        "../hooks/oncall",
        "%2e%2e",
        "oncall%2f..",
        "oncall/",
        "oncall%00",
        "a/b",
        "",
        "é",
        "x" * 500,
    ],
)
def test_a_name_that_is_no_hook_is_not_found(web: WebThread, ledger: Ledger, path: str) -> None:
    # requests would resolve the dots itself.
    request = requests.Request("POST", web.url, json={"text": "x"}).prepare()
    request.url = f"{web.url}/v1/hooks/{path}"
    answer = requests.Session().send(request, timeout=120)
    assert answer.status_code in (404, 405)
    assert answer.headers["content-type"] == "application/problem+json"
    assert not log_of(ledger)


# -- what cannot be read


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"", 422, "is empty"),
        (b"{", 422, "is not JSON in UTF-8"),
        (b"[]", 422, "must be a JSON object"),
        (b'{"name": 5}', 422, "uses the field 'text', which a value does not have"),
        (b'{"name": " ", "text": ""}', 422, "must not be blank"),
        (b'{"a":' * 100 + b"1" + b"}" * 100, 422, "is nested more than 64 levels deep"),
        (b"[" * 500_000, 422, "is not JSON in UTF-8"),
    ],
)
def test_what_cannot_be_read_is_a_clear_problem_and_is_noted(
    web: WebThread, ledger: Ledger, body: bytes, status: int, detail: str
) -> None:
    answer = web.post("/v1/hooks/strict", body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert detail in answer.json()["detail"]
    [entry] = log_of(ledger)
    assert (entry.outcome, entry.by) == (HookOutcome.FAILED, "loopback")
    assert detail in (entry.reason or "")
    assert not list(ledger.events())


def test_a_long_payload_arrives_shortened(web: WebThread, ledger: Ledger) -> None:
    answer = web.post("/v1/hooks/strict", {"name": "x", "text": "y" * 900_000})
    assert answer.status_code == 202
    text = ledger.get(answer.json()["accepted"][0]["id"]).notification.message.content["text"]
    assert isinstance(text, str)
    assert text.startswith("x yyy")
    assert text.endswith("…")


def test_a_hook_log_that_cannot_be_written_keeps_nothing_out(
    web: WebThread, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    ledger.redis.set(ledger.keys.hook_log, "no list")
    assert web.post("/v1/hooks/script", {"text": "x"}).status_code == 202
    assert "the hook log was not written: " in caplog.text
    assert "WRONGTYPE" in caplog.text


def test_the_logs_are_capped_and_refusals_push_out_nothing_else(client: redis.Redis, ledger: Ledger) -> None:
    log = HookLog(client, ledger.keys)
    log.add(HookEntry(1, "oncall", HookOutcome.ACCEPTED, "key it", ids=[f"n_{n}" for n in range(30)], accepted=30))
    for at_ms in range(2, 700):
        log.add(HookEntry(at_ms, "oncall", HookOutcome.REFUSED, reason="no"))
    assert {client.llen(ledger.keys.hook_log), client.llen(ledger.keys.hook_refusals)} == {1, 500}
    latest = log.latest(1000, hook="oncall")
    assert [each.at_ms for each in latest] == [*range(699, 199, -1), 1]
    assert (len(latest[-1].ids), latest[-1].accepted) == (20, 30)
    assert log.latest(hook="other") == []


# -- keys that are the hooks' own


def test_nobody_silences_a_hook_by_taking_its_key_first(web: WebThread, ledger: Ledger) -> None:
    squat = {"receiver_id": "ou_zz", "text": "squat", "key": "hook/script/backup-1/ou_ada", "at": "30d"}
    refused = web.post("/v1/notifications", squat)
    assert (refused.status_code, refused.json()["field"]) == (422, "key")
    by_header = {name: value for name, value in squat.items() if name != "key"}
    assert web.post("/v1/notifications", by_header, headers={"Idempotency-Key": squat["key"]}).status_code == 422
    batch = web.post("/v1/notifications", {"notifications": [by_header]}, headers={"Idempotency-Key": "hook/script"})
    assert batch.status_code == 422
    [taken] = web.post("/v1/hooks/script", {"text": "volumes FAILED", "key": "backup-1"}).json()["accepted"]
    assert taken["duplicate"] is False
    assert ledger.get(taken["id"]).notification.receiver_id == "ou_ada"


def test_what_a_hook_accepted_before_such_keys_were_kept_for_it_is_known_again(web: WebThread, ledger: Ledger) -> None:
    given = {"receiver_id": "ou_ada", "text": "volumes FAILED"}
    [before] = ledger.accept([Notification.build(given, key_of_ours="hook/script/backup-1/ou_ada")])
    [again] = web.post("/v1/hooks/script", {"text": "volumes FAILED", "key": "backup-1"}).json()["accepted"]
    assert again == {"id": before.id, "duplicate": True}
