"""The client against the sandbox: one call, one verdict, whatever goes wrong."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import fakeredis
import pytest
from pydantic import SecretStr

import sandbox
from feishu.client import FeishuClient
from feishu.codes import CodeTable, Kind
from feishu.token import RedisTokens
from feishu.verdict import Verdict
from ledger.settings import Desk

CODES = CodeTable.load()


@contextmanager
def client_of(*options: str) -> Iterator[FeishuClient]:
    with sandbox.running(*options) as url:
        desk = Desk(
            name="hr",
            app_id="cli_sandbox",
            app_secret=SecretStr("sandbox-secret"),
            helpdesk_id="1000000000000000000",
            helpdesk_token=SecretStr("ht-sandbox"),
            rate=(),
            feishu_url=url,
        )
        tokens = RedisTokens(fakeredis.FakeRedis(), "bell")
        made = FeishuClient(desk, tokens, timeout=(20, 20), codes=CODES)
        with closing(made):
            yield made


def sent(client: FeishuClient, receiver_id: str, receive_type: str = "chat") -> Verdict:
    return client.send(receiver_id, receive_type, "open_id", "text", '{"text":"hello"}')


def order(client: FeishuClient, path: str, document: Any) -> None:
    request = urllib.request.Request(
        f"{client.desk.feishu_url}/sandbox/{path}",
        json.dumps(document).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=120) as answer:
        answer.read()


@pytest.fixture
def client() -> Iterator[FeishuClient]:
    with client_of("--demo", "--rate", "unlimited") as made:
        yield made


def test_a_message_is_delivered(client: FeishuClient) -> None:
    verdict = sent(client, "ou_alice")
    assert verdict.kind is Kind.DELIVERED
    assert (verdict.message_id or "").startswith("om_")


def test_an_open_ticket_is_found_by_asking(client: FeishuClient) -> None:
    refused = sent(client, "ou_ticket_1")
    assert (refused.kind, refused.may_mean_ticket) == (Kind.REFUSED, True)
    assert client.has_open_ticket(client.open_id_of("u_ticket_1", "user_id")) is True
    assert client.has_open_ticket("ou_alice") is False
    assert sent(client, "ou_ticket_1", "user").kind is Kind.DELIVERED


def test_the_demo_s_misbehaviour_has_its_classes(client: FeishuClient) -> None:
    assert sent(client, "ou_flaky_1").kind is Kind.TRANSIENT
    assert sent(client, "ou_cut_1").kind is Kind.UNKNOWN
    assert sent(client, "ou_unknown_1").kind is Kind.REFUSED


def test_an_expired_token_costs_one_call(client: FeishuClient) -> None:
    assert sent(client, "ou_alice").kind is Kind.DELIVERED
    order(client, "faults", {"times": 1, "do": {"expire_token": True}})
    assert [sent(client, "ou_alice").kind for _ in range(2)] == [Kind.TOKEN, Kind.DELIVERED]


def test_a_call_over_the_quota_says_how_long_to_wait() -> None:
    with client_of("--rate", "1/minute") as client:
        sent(client, "ou_alice")
        verdict = sent(client, "ou_alice")
        assert (verdict.kind, verdict.http_status, verdict.code) == (Kind.THROTTLED, 429, 99991400)
        assert 0 < (verdict.retry_after_seconds or 0) <= 60
