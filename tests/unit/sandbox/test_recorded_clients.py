"""The bytes that clients in Go, Java and C# send, replayed: their runtimes are not on every machine.

Each was recorded on the loopback: Feishu's client for Go (3.0.0, Go 1.19) and for Java (2.0.0, okhttp 3.13), and
RestSharp (105.2, Mono). Order and case of the headers, spaces and escapes of the body are theirs; the message is ours.
"""

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple
from urllib.parse import urlsplit

import fakeredis
import pytest
import requests
from pydantic import SecretStr

import sandbox
from feishu.client import FeishuClient
from feishu.codes import CodeTable, Kind
from feishu.token import RedisTokens
from ledger.settings import Desk
from tests.receiver import answering, receiving

HELPDESK = "MTAwMDAwMDAwMDAwMDAwMDAwMDpodC1zYW5kYm94"
TOKEN_BODY = b'{"app_id":"cli_sandbox","app_secret":"sandbox-secret"}'
CONTENT = {"post": {"zh_cn": {"title": "Lift 3 <停>", "content": [[{"tag": "text", "text": "Closed & locked"}]]}}}
TARGET = "/open-apis/helpdesk/v1/message?user_id_type=open_id"
TOKEN_TARGET = "/open-apis/auth/v3/tenant_access_token/internal"


class Recorded(NamedTuple):
    token_head: str  #: empty where the caller brings a token
    message_head: str
    message_body: str


GO = Recorded(
    """Host: 127.0.0.1:8470
User-Agent: oapi-sdk-go/v3.0.0
Content-Length: {length}
Content-Type: application/json; charset=utf-8
Accept-Encoding: gzip""",
    """Host: 127.0.0.1:8470
User-Agent: oapi-sdk-go/v3.0.0
Content-Length: {length}
Authorization: Bearer {token}
Content-Type: application/json; charset=utf-8
X-Lark-Helpdesk-Authorization: {helpdesk}
Accept-Encoding: gzip""",
    r'{"msg_type":"post","content":"{\"post\":{\"zh_cn\":{\"title\":\"Lift 3 \u003c停\u003e\",\"content\":'
    r'[[{\"tag\":\"text\",\"text\":\"Closed \u0026 locked\"}]]}}}","receiver_id":"ou_wire","receive_type":"chat"}',
)
JAVA = Recorded(
    """User-Agent: oapi-sdk-java/v2.0.0
Content-Type: application/json; charset=utf-8
Content-Length: {length}
Host: 127.0.0.1:8470
Connection: Keep-Alive
Accept-Encoding: gzip""",
    """Authorization: Bearer {token}
User-Agent: oapi-sdk-java/v2.0.0
X-Lark-Helpdesk-Authorization: {helpdesk}
Content-Type: application/json; charset=utf-8
Content-Length: {length}
Host: 127.0.0.1:8470
Connection: Keep-Alive
Accept-Encoding: gzip""",
    r'{"msg_type":"post","content":"{\"post\":{\"zh_cn\":{\"content\":[[{\"tag\":\"text\",\"text\":'
    r'\"Closed & locked\"}]],\"title\":\"Lift 3 <停>\"}}}","receiver_id":"ou_wire","receive_type":"chat"}',
)
RESTSHARP = Recorded(
    "",
    """Authorization: Bearer {token}
X-Lark-Helpdesk-Authorization: {helpdesk}
Accept: application/json, application/xml, text/json, text/x-json, text/javascript, text/xml
User-Agent: RestSharp/105.2.3.0
Content-Type: application/json
Content-Length: {length}
Connection: keep-alive
Host: 127.0.0.1:8470
Accept-Encoding: gzip, deflate""",
    r'{"content":"{\"post\":{\"zh_cn\":{\"title\":\"Lift 3 <停>\",\"content\":[[{\"tag\":\"text\",\"text\":'
    r'\"Closed & locked\"}]]}}}","msg_type":"post","receive_type":"chat","receiver_id":"ou_wire"}',
)
#: On .NET Framework it asks before it sends the body; Mono does not.
ASKING = RESTSHARP._replace(message_head=RESTSHARP.message_head + "\nExpect: 100-continue")
RECORDED = {"go": GO, "java": JAVA, "restsharp": RESTSHARP, "restsharp that asks first": ASKING}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with sandbox.running("--rate", "unlimited", "--token-kinds", "--demand-content-type") as url:
        yield url


@pytest.fixture
def connection(url: str) -> Iterator[socket.socket]:
    parts = urlsplit(url)
    with socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=60) as connection:
        yield connection


@pytest.mark.parametrize("recorded", RECORDED.values(), ids=list(RECORDED))
def test_what_was_recorded_is_delivered(recorded: Recorded, url: str, connection: socket.socket) -> None:
    token = _token(recorded, url, connection)
    body = recorded.message_body.encode()
    answer = _posted(
        connection, TARGET, recorded.message_head.format(length=len(body), token=token, helpdesk=HELPDESK), body
    )
    assert answer["code"] == 0, answer
    call = requests.get(f"{url}/sandbox/calls", timeout=120).json()["calls"][-1]
    assert answer["data"]["message_id"] == call["message_id"]
    assert (call["receiver_id"], call["receive_type"]) == ("ou_wire", "chat")
    assert (call["query"], call["raw_bytes"]) == ({"user_id_type": ["open_id"]}, len(body))
    assert json.loads(call["body"]["content"]) == CONTENT


@pytest.mark.parametrize("recorded", RECORDED.values(), ids=list(RECORDED))
def test_without_the_second_header_its_name_is_told(recorded: Recorded, url: str, connection: socket.socket) -> None:
    token, body = _token(recorded, url, connection), recorded.message_body.encode()
    lines = recorded.message_head.format(length=len(body), token=token, helpdesk=HELPDESK).splitlines()
    head = "\n".join(line for line in lines if "Helpdesk" not in line)
    answer = _posted(connection, TARGET, head, body)
    assert answer["code"] == 154001
    assert "X-Lark-Helpdesk-Authorization" in json.dumps(answer)


def test_our_body_is_the_one_of_the_client_for_go_to_the_byte() -> None:
    """Go escapes <, > and & as it writes JSON; nothing else differs."""
    token = json.dumps({"code": 0, "msg": "ok", "tenant_access_token": "t-a", "expire": 7200}).encode()
    sent = json.dumps({"code": 0, "msg": "success", "data": {"message_id": "om_1"}}).encode()
    with receiving(answering(200, token), answering(200, sent)) as receiver, closing(_client(receiver.url)) as client:
        content = json.dumps(CONTENT, ensure_ascii=False, separators=(",", ":"))
        assert client.send("ou_wire", "chat", "open_id", "post", content).kind is Kind.DELIVERED
        asked, message = receiver.received
    assert asked.body == TOKEN_BODY
    unescaped = GO.message_body.replace(r"\u003c", "<").replace(r"\u003e", ">").replace(r"\u0026", "&")
    assert message.body == unescaped.encode()
    assert message.headers["content-type"] == "application/json; charset=utf-8"
    assert message.headers["x-lark-helpdesk-authorization"] == HELPDESK


def _client(url: str) -> FeishuClient:
    desk = Desk(
        name="hr",
        app_id="cli_sandbox",
        app_secret=SecretStr("sandbox-secret"),
        helpdesk_id="1000000000000000000",
        helpdesk_token=SecretStr("ht-sandbox"),
        rate=(),
        feishu_url=url.removesuffix("/bell"),
    )
    return FeishuClient(desk, RedisTokens(fakeredis.FakeRedis(), "bell"), timeout=(60, 60), codes=CodeTable.load())


def _token(recorded: Recorded, url: str, connection: socket.socket) -> str:
    if not recorded.token_head:
        answer = requests.post(url + TOKEN_TARGET, data=TOKEN_BODY, timeout=60).json()
    else:
        answer = _posted(connection, TOKEN_TARGET, recorded.token_head.format(length=len(TOKEN_BODY)), TOKEN_BODY)
    return str(answer["tenant_access_token"])


def _posted(connection: socket.socket, target: str, head: str, body: bytes) -> dict[str, object]:
    """The answer's JSON. A caller that asks first sends the body once it is told to."""
    connection.sendall(f"POST {target} HTTP/1.1\n{head}\n\n".replace("\n", "\r\n").encode())
    reader = connection.makefile("rb")
    if "Expect:" in head:
        assert reader.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert reader.readline() == b"\r\n"
    connection.sendall(body)
    length = 0
    while (line := reader.readline()) != b"\r\n":
        assert line, "the connection ended"
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    found: dict[str, object] = json.loads(reader.read(length))
    return found
