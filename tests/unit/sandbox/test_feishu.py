"""Every endpoint of the sandbox, over a real socket: shapes, codes and statuses as Feishu's documents tell them."""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests

import sandbox

TOKEN_PATH = "/open-apis/auth/v3/tenant_access_token/internal"
MESSAGE_PATH = "/open-apis/helpdesk/v1/message"
TICKETS_PATH = "/open-apis/helpdesk/v1/tickets"
USERS_PATH = "/open-apis/contact/v3/users"
IMAGES_PATH = "/open-apis/im/v1/images"
HELPDESK = base64.b64encode(b"1000000000000000000:ht-sandbox").decode()
PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)


class Caller:
    """A session with the two headers that the helpdesk asks for."""

    def __init__(self, base_url: str, app_id: str = "cli_sandbox", secret: str = "sandbox-secret") -> None:
        self.base_url = base_url
        self.session = requests.Session()
        answer = self.post(TOKEN_PATH, {"app_id": app_id, "app_secret": secret})
        self.session.headers["Authorization"] = f"Bearer {answer.json()['tenant_access_token']}"
        self.session.headers["X-Lark-Helpdesk-Authorization"] = HELPDESK

    def post(self, path: str, document: Any) -> requests.Response:
        return self.session.post(self.base_url + path, json=document, timeout=120)

    def get(self, path: str, **query: Any) -> requests.Response:
        return self.session.get(self.base_url + path, params=query, timeout=120)

    def upload(self, image: bytes, image_type: str = "message") -> requests.Response:
        files = {"image": ("a.png", image, "image/png")}
        return self.session.post(self.base_url + IMAGES_PATH, data={"image_type": image_type}, files=files, timeout=120)

    def send(
        self, receiver: str = "ou_ann", msg_type: str = "text", content: Any = None, **more: Any
    ) -> requests.Response:
        text = json.dumps({"text": "hello"} if content is None else content)
        text = more.pop("raw_content", text)
        query = f"?user_id_type={more.pop('user_id_type', 'open_id')}"
        document = {"msg_type": msg_type, "content": text, "receiver_id": receiver, "receive_type": "chat"} | more
        return self.post(MESSAGE_PATH + query, document)


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with sandbox.running("--rate", "unlimited", "--app", "cli_sandbox:sandbox-secret", "--app", "cli_b:b") as url:
        yield url


@pytest.fixture(scope="module")
def caller(base_url: str) -> Iterator[Caller]:
    caller = Caller(base_url)
    with caller.session:
        yield caller


def code_of(answer: requests.Response) -> tuple[int, int]:
    return answer.status_code, answer.json()["code"]


class SetClock:
    """Unix seconds that move only when told."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("app_id", "secret", "code"),
    [("", "x", 10003), ("cli_nobody", "x", 10003), ("cli_sandbox", "", 10003), ("cli_sandbox", "wrong", 10015)],
)
def test_a_wrong_credential_is_told_by_code_with_http_200(base_url: str, app_id: str, secret: str, code: int) -> None:
    answer = requests.post(base_url + TOKEN_PATH, json={"app_id": app_id, "app_secret": secret}, timeout=120)
    assert code_of(answer) == (200, code)


@pytest.mark.parametrize(
    ("life_seconds", "same_at", "new_at"),
    [
        (7200, 7200 - 1800, 7200 - 1800 + 1),  # 30 minutes left: the same token; a second less: a new one
        (40, 30, 31),  # a life of 40 s shrinks the rule to 10 s
    ],
)
def test_the_same_token_comes_back_until_little_is_left_of_it(life_seconds: int, same_at: int, new_at: int) -> None:
    clock = SetClock()
    with sandbox.running("--tokens-live-seconds", str(life_seconds), clock=clock) as url:

        def token() -> tuple[str, int]:
            document = {"app_id": "cli_sandbox", "app_secret": "sandbox-secret"}
            answer = requests.post(url + TOKEN_PATH, json=document, timeout=120).json()
            return answer["tenant_access_token"], answer["expire"]

        def is_valid(text: str) -> bool:
            headers = {"Authorization": f"Bearer {text}"}
            return requests.get(f"{url}{USERS_PATH}/ou_a", headers=headers, timeout=120).status_code == 200

        started = clock.now
        first, expire = token()
        assert expire == life_seconds
        clock.now = started + same_at
        assert token() == (first, life_seconds - same_at)
        clock.now = started + new_at
        second, expire = token()
        assert (second != first, expire) == (True, life_seconds)
        assert is_valid(first)
        assert is_valid(second)
        clock.now = started + life_seconds
        assert not is_valid(first)
        assert is_valid(second)


def test_a_message_is_delivered_and_answered_with_its_id_and_a_log_id(caller: Caller) -> None:
    answer = caller.send()
    assert code_of(answer) == (200, 0)
    assert answer.json()["msg"] == "success"
    assert re.fullmatch(r"om_[0-9a-f]{32}", answer.json()["data"]["message_id"])
    assert re.fullmatch(r"\d{14}[0-9A-F]{20}", answer.headers["X-Tt-Logid"])


@pytest.mark.parametrize(
    ("header", "value", "expected"),
    [
        ("Authorization", None, (400, 99991661)),
        ("Authorization", "Bearer t-stale", (400, 99991663)),
        ("X-Lark-Helpdesk-Authorization", None, (401, 154001)),
        ("X-Lark-Helpdesk-Authorization", f"Bearer {HELPDESK}", (401, 154001)),
    ],
)
def test_a_message_needs_both_headers(caller: Caller, header: str, value: str | None, expected: Any) -> None:
    headers = dict(caller.session.headers)
    headers.pop(header)
    answer = requests.post(
        caller.base_url + MESSAGE_PATH, json={}, headers=headers | ({header: value} if value else {}), timeout=10
    )
    assert code_of(answer) == expected
    assert answer.json()["error"]["log_id"] == answer.headers["X-Tt-Logid"]


@pytest.mark.parametrize(
    ("msg_type", "content"),
    [
        ("text", {"text": "你好"}),
        ("post", {"post": {"zh_cn": {"title": "T", "content": [[{"tag": "text", "text": "x"}], []]}}}),
        ("image", {"image_key": "img_demo_1"}),
        ("interactive", {}),
        ("interactive", {"schema": "1.0", "elements": []}),
        ("interactive", {"type": "template", "data": {"template_id": "t"}}),
    ],
)
def test_every_kind_of_message_is_taken(caller: Caller, msg_type: str, content: Any) -> None:
    assert code_of(caller.send(msg_type=msg_type, content=content)) == (200, 0)


@pytest.mark.parametrize(
    ("msg_type", "content"),
    [
        ("text", {}),
        ("text", {"text": ""}),
        ("text", {"text": 1}),
        ("text", []),
        ("text", {"text": "x" * 150 * 1024}),
        ("post", {"zh_cn": {"title": "T", "content": [[]]}}),
        ("post", {"post": {}}),
        ("post", {"post": {"xx": {"content": [[]]}}}),
        ("post", {"post": {"zh_cn": {"content": [["no tag"]]}}}),
        ("image", {}),
        ("image", {"image_key": "img_v2_nobodys"}),
        ("interactive", {"schema": "2.0", "body": {"elements": []}}),
        ("interactive", {"elements": [], "note": "x" * 30 * 1024}),
    ],
)
def test_content_that_does_not_fit_its_type_is_a_bad_request(caller: Caller, msg_type: str, content: Any) -> None:
    assert code_of(caller.send(msg_type=msg_type, content=content)) == (400, 154000)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"msg_type": "video"}, 99992402),
        ({"msg_type": None}, 99992402),
        ({"raw_content": {"text": "an object, not a string"}}, 99992402),
        ({"raw_content": "no json"}, 154000),
        ({"receiver_id": ""}, 99992402),
        ({"receiver_id": 7}, 99992402),
        ({"receive_type": "group"}, 99992402),
        ({"user_id_type": "email"}, 99992402),
    ],
)
def test_a_wrong_field_is_told_with_http_400(caller: Caller, change: dict[str, Any], code: int) -> None:
    assert code_of(caller.send(**change)) == (400, code)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff"])
def test_a_body_that_is_no_json_object_is_a_bad_request(caller: Caller, body: bytes) -> None:
    answer = caller.session.post(caller.base_url + MESSAGE_PATH, data=body, timeout=120)
    assert code_of(answer) == (400, 154000)


def test_a_post_without_its_wrapper_can_be_allowed() -> None:
    with sandbox.running("--accept-unwrapped-post") as url:
        caller = Caller(url)
        with caller.session:
            assert code_of(caller.send(msg_type="post", content={"zh_cn": {"content": [[]]}})) == (200, 0)


@pytest.mark.parametrize(
    ("receiver", "id_type", "expected"),
    [
        ("ou_unknown_7", "open_id", (404, 154004)),
        ("on_ann", "open_id", (404, 154004)),
        ("ou_", "open_id", (404, 154004)),
        ("on_ann", "union_id", (200, 0)),
        ("u_ann", "user_id", (200, 0)),
    ],
)
def test_a_receiver_exists_by_rule(caller: Caller, receiver: str, id_type: str, expected: tuple[int, int]) -> None:
    assert code_of(caller.send(receiver, user_id_type=id_type)) == expected


def sent_to(*options: str, headers: dict[str, str | None] | None = None, **message: Any) -> tuple[int, int, str]:
    """Status and code of a message to a sandbox with these options, and its words for a refusal."""
    with sandbox.running("--rate", "unlimited", *options) as url:
        caller = Caller(url)
        with caller.session:
            caller.session.headers.update(headers or {})  # type: ignore[arg-type]
            answer = caller.send(**message)
            return *code_of(answer), answer.text


def test_the_prefix_that_node_sends_before_the_helpdesk_is_refused_by_name_or_allowed() -> None:
    headers: dict[str, str | None] = {"X-Lark-Helpdesk-Authorization": f"Bearer {HELPDESK}"}
    status, code, words = sent_to(headers=headers)
    assert (status, code) == (401, 154001)
    assert "must not begin with" in words
    assert sent_to("--accept-helpdesk-bearer", headers=headers)[:2] == (200, 0)


def test_a_post_in_japanese_is_a_choice() -> None:
    post = {"post": {"ja_jp": {"title": "t", "content": [[{"tag": "text", "text": "x"}]]}}}
    assert sent_to(msg_type="post", content=post)[:2] == (200, 0)
    status, code, words = sent_to("--post-locales", "zh_cn,en_us", msg_type="post", content=post)
    assert (status, code) == (400, 154000)
    assert "ja_jp" in words


@pytest.mark.parametrize(("token", "code"), [("t-gone", 99991663), ("u-person", 99991668), ("nonsense", 99991671)])
def test_wrong_kinds_of_tokens_are_told_apart_or_not(token: str, code: int) -> None:
    headers: dict[str, str | None] = {"Authorization": f"Bearer {token}"}
    assert sent_to("--token-kinds", headers=headers)[:2] == (400, code)
    assert sent_to(headers=headers)[:2] == (400, 99991663)


def test_a_content_type_is_demanded_or_not() -> None:
    plain: dict[str, str | None] = {"Content-Type": "text/plain"}
    assert sent_to(headers=plain)[:2] == (200, 0)
    assert sent_to("--demand-content-type", headers=plain)[:2] == (400, 154000)
    assert sent_to("--demand-content-type")[:2] == (200, 0)


def test_chat_is_refused_while_a_ticket_is_open_and_user_is_not(caller: Caller) -> None:
    ticket = caller.post("/sandbox/tickets", {"guest_id": "ou_busy", "status": 2}).json()["ticket_id"]
    assert code_of(caller.send("ou_busy")) == (401, 154405)
    assert code_of(caller.send("on_busy", user_id_type="union_id")) == (401, 154405)
    assert code_of(caller.send("ou_busy", receive_type="user")) == (200, 0)
    caller.post(f"/sandbox/tickets/{ticket}", {"status": 51})
    assert code_of(caller.send("ou_busy")) == (200, 0)


def test_the_answer_to_an_open_ticket_is_a_choice() -> None:
    with sandbox.running("--ticket-open-answer", "400:154000") as url:
        caller = Caller(url)
        with caller.session:
            caller.post("/sandbox/tickets", {"guest_id": "ou_busy", "status": 5})
            assert code_of(caller.send("ou_busy")) == (400, 154000)


def test_tickets_are_listed_by_guest_and_status_in_pages(caller: Caller) -> None:
    ids = [caller.post("/sandbox/tickets", {"guest_id": f"ou_g{n}", "status": 1}).json()["ticket_id"] for n in range(3)]
    caller.post("/sandbox/tickets", {"guest_id": "ou_g1", "status": 52})
    closed = caller.get(TICKETS_PATH, guest_id="ou_g1", status_list=[50, 52]).json()["data"]
    assert [ticket["ticket_id"] for ticket in closed["tickets"]] == [ids[1]]
    assert closed["tickets"][0]["closed_at"] > closed["tickets"][0]["created_at"] - 1
    assert closed["tickets"][0]["guest"] == {"id": "ou_g1", "name": "g1", "email": "g1@example.com"}
    assert caller.get(TICKETS_PATH, guest_id="ou_g1", status_list=[1, 2, 3, 4, 5]).json()["data"]["total"] == 0
    whole = caller.get(TICKETS_PATH, page_size=200).json()["data"]
    second = caller.get(TICKETS_PATH, page=2, page_size=2).json()["data"]
    assert second["total"] == whole["total"] == len(whole["tickets"])
    assert second["tickets"] == whole["tickets"][2:4]
    assert caller.get(TICKETS_PATH, ticket_id=ids[2]).json()["data"]["tickets"][0]["status"] == 1


@pytest.mark.parametrize("query", [{"page_size": 201}, {"page": 0}, {"page_size": "x"}, {"status_list": 9}])
def test_a_wrong_ticket_query_is_a_bad_request(caller: Caller, query: dict[str, Any]) -> None:
    assert code_of(caller.get(TICKETS_PATH, **query)) == (400, 154000)


def test_tickets_belong_to_one_helpdesk() -> None:
    with sandbox.running("--helpdesk", "1:a", "--helpdesk", "2:b") as url:
        caller = Caller(url)
        with caller.session:
            caller.post("/sandbox/tickets", {"guest_id": "ou_busy", "status": 2, "helpdesk_id": "2"})
            caller.session.headers["X-Lark-Helpdesk-Authorization"] = base64.b64encode(b"1:a").decode()
            assert code_of(caller.send("ou_busy")) == (200, 0)
            caller.session.headers["X-Lark-Helpdesk-Authorization"] = base64.b64encode(b"2:b").decode()
            assert code_of(caller.send("ou_busy")) == (401, 154405)


def test_an_uploaded_image_can_be_sent_by_the_app_that_uploaded_it(caller: Caller) -> None:
    key = caller.upload(PNG).json()["data"]["image_key"]
    assert code_of(caller.send(msg_type="image", content={"image_key": key})) == (200, 0)
    other = Caller(caller.base_url, "cli_b", "b")
    with other.session:
        assert code_of(other.send(msg_type="image", content={"image_key": key})) == (400, 154000)


@pytest.mark.parametrize(
    ("image", "image_type", "code"),
    [
        (PNG, "poster", 234001),
        (b"", "message", 234010),
        (PNG + bytes(10 * 1024 * 1024), "message", 234006),
        (b"%PDF-1.7", "message", 234011),
    ],
    ids=["wrong type", "empty", "above 10 MB", "no image"],
)
def test_a_wrong_image_is_told_by_its_own_code(caller: Caller, image: bytes, image_type: str, code: int) -> None:
    assert code_of(caller.upload(image, image_type)) == (400, code)


def test_an_upload_that_is_no_form_is_a_wrong_param(caller: Caller) -> None:
    assert code_of(caller.post(IMAGES_PATH, {"image_type": "message"})) == (400, 234001)


@pytest.mark.parametrize(
    "start", [b"\xff\xd8\xff\xe0", b"GIF89a", b"BM", b"RIFF\0\0\0\0WEBP", b"II*\0", b"\0\0\1\0", b"\0\0\0\x18ftypheic"]
)
def test_every_documented_format_is_known(caller: Caller, start: bytes) -> None:
    assert code_of(caller.upload(start + b"--rest\r\n--")) == (200, 0)


def test_users_are_found_by_mail_and_number_or_come_without_an_id(caller: Caller) -> None:
    contacts = {"emails": ["ann@x.cn", "unknown1@x.cn", "resigned2@x.cn"], "mobiles": ["+86 139"]}
    users = caller.post(USERS_PATH + "/batch_get_id?user_id_type=union_id", contacts).json()["data"]["user_list"]
    active = {
        "is_activated": True,
        "is_exited": False,
        "is_frozen": False,
        "is_resigned": False,
        "is_unjoin": False,
    }
    assert users == [
        {"user_id": "on_ann", "email": "ann@x.cn", "status": active},
        {"email": "unknown1@x.cn"},
        {"email": "resigned2@x.cn"},
        {"user_id": "on_m86139", "mobile": "+86 139", "status": active},
    ]


def test_at_most_fifty_addresses_are_looked_up_at_once(caller: Caller) -> None:
    answer = caller.post(USERS_PATH + "/batch_get_id", {"emails": ["a@x.cn"] * 51})
    assert code_of(answer) == (400, 99992402)


@pytest.mark.parametrize(("any_id", "id_type"), [("ou_ann", "open_id"), ("on_ann", "union_id"), ("u_ann", "user_id")])
def test_a_user_is_shown_with_all_three_ids(caller: Caller, any_id: str, id_type: str) -> None:
    user = caller.get(f"{USERS_PATH}/{any_id}", user_id_type=id_type).json()["data"]["user"]
    ids_and_name = {"open_id": "ou_ann", "union_id": "on_ann", "user_id": "u_ann", "name": "ann"}
    assert user | ids_and_name == user


def test_an_unknown_user_is_refused(caller: Caller) -> None:
    assert code_of(caller.get(f"{USERS_PATH}/ou_unknown")) == (400, 99992351)


def test_event_subscriptions_are_remembered_once(caller: Caller) -> None:
    event = {"type": "helpdesk.ticket", "subtype": "ticket.created_v1"}
    for _ in range(2):
        assert code_of(caller.post("/open-apis/helpdesk/v1/events/subscribe", {"events": [event]})) == (200, 0)
    assert caller.get("/sandbox/subscriptions").json() == {"subscriptions": [event]}
    assert code_of(caller.post("/open-apis/helpdesk/v1/events/subscribe", {"events": ["x"]})) == (400, 154000)


def test_unknown_paths_and_methods_are_refused_in_feishus_envelope(caller: Caller) -> None:
    assert code_of(caller.get("/open-apis/nothing")) == (404, 99991201)
    assert code_of(caller.get(MESSAGE_PATH)) == (405, 99991301)


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("tickets", {"guest_id": "ou_x", "status": 9}),
        ("tickets", {"guest_id": "on_x", "status": 1}),
        ("tickets", []),
        ("faults", {"do": {"explode": True}}),
        ("faults", {"match": {"path": "everything"}, "do": {"empty": 200}}),
        ("faults", {"do": {"cut": "sideways"}}),
        ("faults", {"do": {"answer": {"status": "500"}}}),
        ("faults", {"match": {}}),
    ],
)
def test_a_wrong_order_to_the_control_api_is_explained(caller: Caller, path: str, document: Any) -> None:
    answer = caller.post(f"/sandbox/{path}", document)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_the_control_api_knows_what_it_does_not_have(caller: Caller) -> None:
    assert caller.get("/sandbox/nothing").status_code == 404
    assert caller.post("/sandbox/tickets/7", {"status": 50}).status_code == 404
    assert caller.get("/sandbox/calls", since="x").status_code == 400
