"""What the client asks of Feishu, word for word, and what it makes of the answers."""

import base64
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import fakeredis
import orjson
import pytest
from pydantic import SecretStr

from feishu.client import FeishuClient
from feishu.codes import CodeTable, Kind
from feishu.token import RedisTokens
from feishu.verdict import AskFailed, Verdict
from ledger.settings import Desk
from ledger.states import Outcome

CODES = CodeTable.load()
TOKEN = "/open-apis/auth/v3/tenant_access_token/internal"
SEND = "/open-apis/helpdesk/v1/message"
TICKETS = "/open-apis/helpdesk/v1/tickets"
IMAGES = "/open-apis/im/v1/images"

DELIVERED = {"code": 0, "msg": "success", "data": {"message_id": "om_1"}}
STALE = (400, {"code": 99991663, "msg": "Invalid access token for authorization. Please make a test attempt."})


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


@dataclass
class Feishu:
    """Answers each path with its answers in turn, the last of which stays; a token is a new one each time."""

    answers: dict[str, list[Any]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    url: str = ""

    def reply(self, path: str, *answers: Any) -> None:
        self.answers[path] = list(answers)

    def answer(self, request: Request) -> tuple[int, Any]:
        with self.lock:
            self.requests.append(request)
            number = len(self.calls(request.path))
        waiting = self.answers.get(request.path) or [{"code": 99991201, "msg": "no such path"}]
        answer = waiting[min(number, len(waiting)) - 1]
        return answer if isinstance(answer, tuple) else (200, answer)

    def calls(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.path == path]


def token(value: str, expire: Any = 7200) -> dict[str, Any]:
    return {"code": 0, "msg": "ok", "tenant_access_token": value, "expire": expire}


@pytest.fixture
def feishu() -> Iterator[Feishu]:
    known = Feishu()
    known.reply(TOKEN, token("t-1"), token("t-2"), token("t-3"))
    known.reply(SEND, DELIVERED)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_call(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            url = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, content = known.answer(Request(self.command, url.path, parse_qs(url.query), headers, body))
            data = orjson.dumps(content)
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = handle_call  # noqa: N815  the names that http.server looks for

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        known.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield known
        server.shutdown()
        thread.join(120)


def desk_at(url: str, **more: Any) -> Desk:
    fields = {
        "name": "hr",
        "app_id": "cli_1",
        "app_secret": SecretStr("app-secret-1"),
        "helpdesk_id": "12345",
        "helpdesk_token": SecretStr("ht-sometoken"),
        "rate": (),
        "feishu_url": url,
    }
    return Desk(**{**fields, **more})


def client_of(desk: Desk, redis: fakeredis.FakeRedis | None = None) -> FeishuClient:
    tokens = RedisTokens(redis or fakeredis.FakeRedis(), "bell")
    return FeishuClient(desk, tokens, timeout=(20, 20), codes=CODES)


@pytest.fixture
def client(feishu: Feishu) -> Iterator[FeishuClient]:
    made = client_of(desk_at(feishu.url))
    yield made
    made.close()


def sent(client: FeishuClient, receive_type: str = "chat", text: str = "hello") -> Verdict:
    return client.send("ou_1", receive_type, "open_id", "text", orjson.dumps({"text": text}).decode())


def test_a_send_says_what_the_documents_ask_for(feishu: Feishu, client: FeishuClient) -> None:
    verdict = client.send("u 1", "user", "user_id", "text", '{"text":"你好"}')
    assert (verdict.call, verdict.outcome, verdict.message_id) == ("send", Outcome.DELIVERED, "om_1")
    asked = feishu.calls(SEND)[0]
    assert (asked.method, asked.query) == ("POST", {"user_id_type": ["user_id"]})
    assert orjson.loads(asked.body) == {
        "msg_type": "text",
        "content": '{"text":"你好"}',
        "receiver_id": "u 1",
        "receive_type": "user",
    }
    assert asked.headers["authorization"] == "Bearer t-1"
    assert asked.headers["x-lark-helpdesk-authorization"] == "MTIzNDU6aHQtc29tZXRva2Vu"
    assert asked.headers["content-type"] == "application/json; charset=utf-8"
    assert asked.headers["user-agent"].startswith("deskbell/")


def test_the_token_is_fetched_with_the_app_s_credentials_alone(feishu: Feishu, client: FeishuClient) -> None:
    assert client.ready() is None
    asked = feishu.calls(TOKEN)[0]
    assert orjson.loads(asked.body) == {"app_id": "cli_1", "app_secret": "app-secret-1"}
    assert not {"authorization", "x-lark-helpdesk-authorization"} & set(asked.headers)


def test_one_token_serves_many_sends_of_many_threads_and_processes(feishu: Feishu) -> None:
    redis = fakeredis.FakeRedis()
    clients = [client_of(desk_at(feishu.url), redis) for _ in range(3)]

    def run(number: int) -> Outcome:
        outcome = sent(clients[number % 3]).outcome
        clients[number % 3].close()
        return outcome

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(run, range(12))) == {Outcome.DELIVERED}
    assert len(feishu.calls(TOKEN)) == 1
    assert {asked.headers["authorization"] for asked in feishu.calls(SEND)} == {"Bearer t-1"}


def test_a_refused_token_costs_one_call_and_the_next_send_uses_another(feishu: Feishu, client: FeishuClient) -> None:
    feishu.reply(SEND, STALE, DELIVERED)
    first = sent(client)
    assert (first.call, first.kind, first.outcome) == ("send", Kind.TOKEN, Outcome.TRANSIENT)
    assert len(feishu.calls(SEND)) == 1, "the second call needs a slot of its own"
    assert sent(client).kind is Kind.DELIVERED
    assert [asked.headers["authorization"] for asked in feishu.calls(SEND)] == ["Bearer t-1", "Bearer t-2"]


def test_a_token_that_comes_back_the_same_holds_the_desk_instead_of_a_loop(
    feishu: Feishu, client: FeishuClient
) -> None:
    feishu.reply(TOKEN, token("t-1"))
    feishu.reply(SEND, STALE)
    assert [sent(client).kind for _ in range(3)] == [Kind.TOKEN, Kind.DESK, Kind.DESK]


def test_a_second_refusal_for_a_user_token_is_permanent(feishu: Feishu, client: FeishuClient) -> None:
    feishu.reply(SEND, (400, {"code": 99991668, "msg": "Invalid access token"}))
    assert [sent(client).kind for _ in range(2)] == [Kind.TOKEN, Kind.REFUSED]


def test_401_keeps_the_token(feishu: Feishu, client: FeishuClient) -> None:
    feishu.reply(SEND, (401, {"code": 154402, "msg": "Helpdesk can't be see by user"}), DELIVERED)
    assert [sent(client).kind for _ in range(2)] == [Kind.REFUSED, Kind.DELIVERED]
    assert len(feishu.calls(TOKEN)) == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"code": 10003, "msg": "invalid param"}, Kind.DESK),
        ({"code": 10014, "msg": "app disabled"}, Kind.DESK),
        ({"code": 10015, "msg": "wrong secret app-secret-1"}, Kind.DESK),
        ({"code": 4711, "msg": "nobody knows"}, Kind.DESK),
        ({"code": 2200, "msg": "Internal Error"}, Kind.TRANSIENT),
        ((504, {"sorry": "gateway"}), Kind.TRANSIENT),
        ((200, {}), Kind.TRANSIENT),
        ((429, {"code": 99991400, "msg": "slow down"}), Kind.THROTTLED),
        ({"code": 0, "msg": "ok"}, Kind.TRANSIENT),
        (token("t-1\r\nX-Evil: 1"), Kind.TRANSIENT),
        (token(""), Kind.TRANSIENT),
        (token("t-1", None), Kind.TRANSIENT),
        (token("t-1", 0), Kind.TRANSIENT),
    ],
)
def test_without_a_token_nothing_is_sent_and_the_verdict_says_why(
    feishu: Feishu, client: FeishuClient, answer: Any, kind: Kind
) -> None:
    feishu.reply(TOKEN, answer)
    told = [client.ready(), sent(client)]
    assert [(verdict.call, verdict.kind) for verdict in told if verdict] == [("token", kind)] * 2
    assert not feishu.calls(SEND)
    assert "app-secret-1" not in repr(told)


def test_an_unreachable_token_endpoint_is_transient() -> None:
    verdict = sent(client_of(desk_at("http://127.0.0.1:1")))
    assert (verdict.call, verdict.kind, verdict.ended) == ("token", Kind.TRANSIENT, "connect refused")


def test_only_a_chat_send_can_mean_an_open_ticket(feishu: Feishu, client: FeishuClient) -> None:
    feishu.reply(SEND, (401, {"code": 154499, "msg": "?"}))
    assert (sent(client).kind, sent(client).may_mean_ticket) == (Kind.REFUSED, True)
    assert sent(client, "user").may_mean_ticket is False


def test_a_configured_ticket_code_needs_no_asking(feishu: Feishu) -> None:
    client = client_of(desk_at(feishu.url, ticket_codes=frozenset({154499})))
    feishu.reply(SEND, (401, {"code": 154499, "msg": "?"}))
    chat, user = sent(client), sent(client, "user")
    assert (chat.kind, chat.outcome, chat.may_mean_ticket) == (Kind.TICKET_OPEN, Outcome.TICKET_OPEN, False)
    assert user.kind is Kind.REFUSED
    client.close()


def test_neither_secrets_nor_content_show_anywhere(feishu: Feishu, client: FeishuClient) -> None:
    secrets = ("app-secret-1", "ht-sometoken", base64.b64encode(b"12345:ht-sometoken").decode(), "t-1", "解雇通知书")
    echo = " ".join(secrets[:3]) + ' Bearer t-1 {"text":"解雇通知书 for Ms Example"}'
    feishu.reply(TOKEN, token("t-1-very-long-token"))
    feishu.reply(SEND, (400, {"code": 230001, "msg": echo.replace("t-1", "t-1-very-long-token")}))
    verdict = client.send(
        "ou_1", "chat", "open_id", "text", '{"text": "\\u89e3\\u96c7\\u901a\\u77e5\\u4e66 for Ms Example"}'
    )
    shown = f"{verdict!r} {verdict} {client!r}"
    assert verdict.kind is Kind.REFUSED
    for secret in ("app-secret-1", "ht-sometoken", secrets[2], "very-long-token", "解雇通知书", "Ms Example"):
        assert secret not in shown


def ticket(number: int, guest: Any, status: int = 2) -> dict[str, Any]:
    return {"ticket_id": str(number), "guest": guest, "status": status, "comments": {"content": "x"}}


def test_open_tickets_are_asked_for_by_status_and_page(feishu: Feishu, client: FeishuClient) -> None:
    rows = [ticket(1, {"id": "ou_1", "name": "A"}), ticket(2, {"id": {"open_id": "ou_2"}}), ticket(3, None)]
    feishu.reply(TICKETS, {"code": 0, "data": {"total": 4, "tickets": [*rows, ticket(4, {"id": "ou_4"}, status=50)]}})
    page = client.open_tickets(page=3)
    assert [(each.ticket_id, each.guest_open_id, each.status) for each in page.tickets] == [
        ("1", "ou_1", 2),
        ("2", "ou_2", 2),
        ("3", None, 2),
    ]
    assert page.last
    asked = feishu.calls(TICKETS)[0]
    assert asked.query == {"status_list": ["1", "2", "3", "4", "5"], "page": ["3"], "page_size": ["200"]}
    assert asked.headers["x-lark-helpdesk-authorization"] == "MTIzNDU6aHQtc29tZXRva2Vu"


def test_a_full_page_has_another_behind_it_up_to_10000(feishu: Feishu, client: FeishuClient) -> None:
    rows = [ticket(number, {"id": "ou_1"}, status=51) for number in range(200)]
    feishu.reply(TICKETS, {"code": 0, "data": {"tickets": rows}})
    assert client.open_tickets(page=49).tickets == ()
    assert (client.open_tickets(page=49).last, client.open_tickets(page=50).last) == (False, True)


def test_no_tickets_is_an_answer(feishu: Feishu, client: FeishuClient) -> None:
    for data in ({"total": 0}, {"total": 0, "tickets": None}, {"total": 0, "tickets": []}, None):
        feishu.reply(TICKETS, {"code": 0, "data": data})
        assert client.has_open_ticket("ou_1") is False


def test_only_a_ticket_of_the_guest_counts(feishu: Feishu, client: FeishuClient) -> None:
    feishu.reply(TICKETS, {"code": 0, "data": {"tickets": [ticket(1, {"id": "ou_2"})]}})
    assert client.has_open_ticket("ou_1") is False
    assert client.has_open_ticket("ou_2") is True
    assert feishu.calls(TICKETS)[0].query["guest_id"] == ["ou_1"]


@pytest.mark.parametrize("rows", [{"1": 2}, "x", [1], [{}], [{"ticket_id": "1", "status": "2"}]])
def test_a_misshapen_list_is_not_taken_for_an_empty_one(feishu: Feishu, client: FeishuClient, rows: Any) -> None:
    feishu.reply(TICKETS, {"code": 0, "data": {"tickets": rows}})
    with pytest.raises(AskFailed) as caught:
        client.has_open_ticket("ou_1")
    assert (caught.value.verdict.kind, caught.value.verdict.ended) == (Kind.TRANSIENT, "unexpected answer")


def test_a_question_is_repeated_once_with_another_token(feishu: Feishu, client: FeishuClient) -> None:
    feishu.reply(TICKETS, STALE, {"code": 0, "data": {}})
    assert client.has_open_ticket("ou_1") is False
    feishu.reply(TICKETS, STALE)
    with pytest.raises(AskFailed) as caught:
        client.has_open_ticket("ou_1")
    assert caught.value.verdict.kind is Kind.DESK
    assert len(feishu.calls(TICKETS)) == 4


def test_a_question_that_failed_says_why(feishu: Feishu, client: FeishuClient) -> None:
    feishu.reply(TICKETS, (401, {"code": 154001, "msg": "Unauthorized"}))
    with pytest.raises(AskFailed, match=r"asked for tickets, HTTP 401, code 154001, msg Unauthorized") as caught:
        client.open_tickets()
    assert str(caught.value.verdict) == "tickets: desk (HTTP 401, code 154001)"
    assert caught.value.verdict.do in str(caught.value)
    assert caught.value.verdict.do
    feishu.reply(TOKEN, {"code": 10003, "msg": "invalid param"})
    with pytest.raises(AskFailed) as caught:
        client_of(desk_at(feishu.url)).open_tickets()
    assert str(caught.value.verdict).startswith("token: desk")


def test_an_unanswered_question_is_transient_never_unknown(feishu: Feishu, client: FeishuClient) -> None:
    feishu.reply(TICKETS, (502, "<html>"))
    with pytest.raises(AskFailed) as caught:
        client.open_tickets()
    assert caught.value.verdict.kind is Kind.TRANSIENT


def test_an_id_is_translated_whatever_is_in_it(feishu: Feishu, client: FeishuClient) -> None:
    feishu.reply("/open-apis/contact/v3/users/a%2Fb%20c", {"code": 0, "data": {"user": {"open_id": "ou_7"}}})
    assert client.open_id_of("a/b c", "union_id") == "ou_7"
    assert feishu.requests[-1].query == {"user_id_type": ["union_id"]}
    feishu.reply("/open-apis/contact/v3/users/u1", {"code": 0, "data": {"user": {}}})
    with pytest.raises(AskFailed):
        client.open_id_of("u1", "user_id")


def test_an_image_is_uploaded_as_a_form(feishu: Feishu, client: FeishuClient) -> None:
    feishu.reply(IMAGES, STALE, {"code": 0, "data": {"image_key": "img_v2_1"}})
    assert client.upload_image(b"\x89PNG bytes", "office.png") == "img_v2_1"
    asked = feishu.calls(IMAGES)[-1]
    assert asked.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert asked.headers["authorization"] == "Bearer t-2"
    assert b'name="image_type"\r\n\r\nmessage\r\n' in asked.body
    assert b'name="image"; filename="office.png"' in asked.body
    assert b"\x89PNG bytes" in asked.body
    feishu.reply(IMAGES, (400, {"code": 234006, "msg": "file too large"}))
    with pytest.raises(AskFailed) as caught:
        client.upload_image(b"x", "x.png")
    assert caught.value.verdict.kind is Kind.REFUSED


def test_the_lease_of_a_send_can_be_longer_than_any_call(client: FeishuClient) -> None:
    # a fetch of the token (20 + 20) after the wait for its turn (2), and the send (20 + 20)
    assert client.longest_call_seconds == 82
