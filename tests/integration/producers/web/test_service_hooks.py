"""Hooks that stand in for Feishu's custom bots and Slack's incoming webhooks: senders that look at their answers find
what they look for."""

import base64
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from slack_sdk.webhook import WebhookClient

from ledger.api_key import Scope
from ledger.dropped_messages import DroppedMessages
from ledger.hook_log import HookLog, HookOutcome
from ledger.ledger import Ledger
from ledger.settings import Settings
from tests.integration.producers.web.web_thread import WebThread, with_files

__all__: list[str] = []

TOKEN = "q7w2ms0u4kq9t1xe"
BOT = "/open-apis/bot/v2/hook/"
TEXT = {"msg_type": "text", "content": {"text": "Build 87 failed"}}
DONE = {"StatusCode": 0, "StatusMessage": "success", "code": 0, "data": {}, "msg": "success"}
HOOKS = f"""
[hook.builds]
use = "feishu-bot"
to = "ou_ada"
tokens = ["{TOKEN}", "{TOKEN[::-1]}"]

[hook.signed]
use = "feishu-bot"
to = "ou_ada"
secret = "hush-hush"
tokens = ["signed-{TOKEN}"]

[hook.chat]
use = "slack"
to = "ou_ada"

[hook.strict]
use = "slack"
to = "ou_ada"
desk = "hr"

[hook.script]
use = "generic"
to = "ou_ada"
"""


@pytest.fixture(scope="module")
def serving(valkey: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebThread]:
    with WebThread(with_files(valkey, tmp_path_factory.mktemp("hooks"), hooks=HOOKS, desks="[desk.hr]\n")) as running:
        yield running


@pytest.fixture
def key(web: WebThread) -> str:
    return web.secret(Scope.SEND)


def signed(body: dict[str, Any], secret: str = "hush-hush", at: float | None = None) -> dict[str, Any]:
    timestamp = str(int(time.time() if at is None else at))
    digest = hmac.new(f"{timestamp}\n{secret}".encode(), b"", hashlib.sha256).digest()
    return {"timestamp": timestamp, "sign": base64.b64encode(digest).decode(), **body}


def log_of(ledger: Ledger) -> list[tuple[str, str, str | None]]:
    return [(each.hook, each.outcome, each.by) for each in HookLog(ledger.redis, ledger.keys).latest()]


# -- a bot of Feishu's


@pytest.mark.parametrize("token", [TOKEN, TOKEN[::-1]])
def test_a_token_is_enough_at_the_path_of_feishu(web: WebThread, ledger: Ledger, key: str, token: str) -> None:
    answer = web.post(BOT + token, TEXT)
    assert (answer.status_code, answer.json()) == (200, DONE)
    assert answer.headers["content-type"] == "application/json"
    assert log_of(ledger) == [("builds", HookOutcome.ACCEPTED, "token")]


@pytest.mark.parametrize("path", ["/v1/hooks/builds", BOT + "builds"])
def test_without_a_token_a_key_is_needed(web: WebThread, key: str, path: str) -> None:
    refused = web.post(path, TEXT)
    assert (refused.status_code, refused.json()["code"]) == (401, 19001)
    assert (web.post(f"{path}?key=dbk_wrong", TEXT).status_code, web.post(f"{path}?key={key}", TEXT).json()) == (
        401,
        DONE,
    )


@pytest.mark.parametrize("path", ["wrong-wrong-wrong-wrong", "script", "chat", "x", "é"])
def test_an_unknown_token_and_a_hook_of_another_kind_are_alike(web: WebThread, key: str, path: str) -> None:
    answer = web.post(f"{BOT}{path}?key={key}", TEXT)
    assert answer.status_code == 401
    told = {"code": 19001, "data": {}, "msg": "param invalid: incoming webhook access token invalid"}
    assert answer.json() == told


def test_a_sign_is_checked_at_both_paths_with_a_token_as_well(web: WebThread, ledger: Ledger, key: str) -> None:
    for path in ("/v1/hooks/signed", BOT + "signed", f"{BOT}signed-{TOKEN}"):
        assert web.post(path, signed(TEXT | {"content": {"text": path}})).json() == DONE
        for body in (TEXT, signed(TEXT, "other"), signed(TEXT, at=time.time() - 3700)):
            refused = web.post(path, body)
            assert (refused.status_code, refused.json()["code"]) == (401, 19021)
    assert {by for _, _, by in log_of(ledger)} == {"signature", None}


def test_a_large_body_with_a_sign_is_read_beside_others(web: WebThread, key: str) -> None:
    text = {"msg_type": "text", "content": {"text": "x" * 100_000}}
    assert web.post("/v1/hooks/signed", signed(text)).json() == DONE
    refused = web.post("/v1/hooks/signed", signed({"msg_type": "text", "content": {"text": "x" * 600_000}}))
    assert (refused.status_code, refused.json()["code"]) == (401, 19021)


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ({"content": {}}, 19002, "params error, msg_type need"),
        ({"text": "as to Slack"}, 19002, "params error, msg_type need"),
        ({"msg_type": "share_chat", "content": {"share_chat_id": "oc_1"}}, 9499, "Bad Request: content a chat cannot"),
        (
            {"msg_type": "interactive", "card": {"schema": "2.0", "body": {}}},
            9499,
            "Bad Request: card.schema card JSON 2",
        ),
        (b"{", 9499, "Bad Request: body is not JSON"),
        (b"", 9499, "Bad Request: body is empty"),
    ],
)
def test_what_cannot_be_sent_has_the_code_of_feishu(
    web: WebThread, ledger: Ledger, key: str, body: Any, code: int, said: str
) -> None:
    answer = web.post(BOT + TOKEN, body)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert answer.json()["msg"].startswith(said)
    assert DroppedMessages(ledger.redis, ledger.keys).summary().total == 1


def test_no_token_stands_in_a_log(web: WebThread, key: str, caplog: pytest.LogCaptureFixture) -> None:
    mistyped = (BOT + TOKEN + "/", "/open-apis/bot/v2/hooks/" + TOKEN, "//open-apis/" + TOKEN, "/bot/v2/hook/" + TOKEN)
    with caplog.at_level(logging.INFO):
        for path in (BOT + TOKEN, BOT + TOKEN[:-1], BOT.upper() + TOKEN, *mistyped):
            web.post(path, TEXT)
    written = "\n".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    assert "POST /open-apis/…" in written
    assert TOKEN[:-1] not in written


# -- a webhook of Slack's


def test_the_answer_to_slack_is_two_letters(web: WebThread, key: str) -> None:
    answer = web.post(f"/v1/hooks/chat?key={key}", {"text": "Disk full"})
    assert (answer.status_code, answer.content) == (200, b"ok")
    assert answer.headers["content-type"].startswith("text/plain")


def test_the_client_of_slack_is_content(web: WebThread, ledger: Ledger, key: str) -> None:
    client = WebhookClient(f"{web.url}/v1/hooks/chat?key={key}", timeout=60)
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "*Disk* full on <https://x.example|db-3>"}}]
    attachments = [{"color": "danger", "title": "Disk full", "text": "on db-3 <!channel>", "fallback": "Disk full"}]
    for posted in ({"text": "Disk full"}, {"text": "Disk full", "blocks": blocks}, {"attachments": attachments}):
        answer = client.send(**posted)  # type: ignore[arg-type]
        assert (answer.status_code, answer.body) == (200, "ok")
    refused = client.send(text="")
    assert (refused.status_code, refused.body) == (400, "no_text")
    assert [outcome for _, outcome, _ in log_of(ledger)] == ["failed", "accepted", "accepted", "accepted"]


def test_a_form_is_as_good_as_json(web: WebThread, key: str) -> None:
    form = {"payload": json.dumps({"text": "Disk full", "channel": "#ops"})}
    answer = requests.post(f"{web.url}/v1/hooks/chat?key={key}", data=form, timeout=60)
    assert (answer.status_code, answer.content) == (200, b"ok")


@pytest.mark.parametrize(
    ("path", "body", "status", "word"),
    [
        ("chat?key={key}", {"attachments": []}, 400, b"no_text"),
        ("chat?key={key}", b"{", 400, b"invalid_payload"),
        ("chat?key={key}", [1], 400, b"invalid_payload"),
        ("chat", {"text": "x"}, 403, b"invalid_token"),
        ("chat?key=dbk_wrong", {"text": "x"}, 403, b"invalid_token"),
        ("strict?key={key}", {"text": "x"}, 403, b"invalid_token"),
    ],
)
def test_a_refusal_is_a_word_of_slacks(web: WebThread, path: str, body: Any, status: int, word: bytes) -> None:
    answer = web.post("/v1/hooks/" + path.format(key=web.secret(Scope.SEND, desks=frozenset({"default"}))), body)
    assert (answer.status_code, answer.content) == (status, word)


def test_other_hooks_answer_as_before(web: WebThread, key: str) -> None:
    answer = web.post(f"/v1/hooks/script?key={key}", {"text": "x"})
    assert (answer.status_code, answer.json()["skipped"]) == (202, 0)


def test_while_the_ledger_is_away_senders_are_asked_to_come_again(web: WebThread, tmp_path: Path, key: str) -> None:
    (tmp_path / "hooks.toml").write_text(HOOKS.replace('desk = "hr"', ""), "utf-8")
    away = Settings(redis_url="redis://127.0.0.1:1/0", hooks=tmp_path / "hooks.toml", _env_file=None)
    with WebThread(away) as without:
        bot = without.post(BOT + TOKEN, TEXT)
        assert (bot.status_code, bot.json()["code"]) == (503, 11232)
        assert int(bot.headers["Retry-After"]) > 0
        slack = without.post("/v1/hooks/chat?key=dbk_any", {"text": "x"})
        assert (slack.status_code, slack.content) == (503, b"rollup_error")
