"""The vendor's SDK as the other side, of the sandbox and of envelopes.

Only these tests import it, and when they run: its 12,000 modules take seconds, and memory
that the garbage collection of every later test would walk through.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests

import sandbox
from ledger.settings import Desk
from producers.feishu_events.envelope import Event, Pushed, Unproven, decrypt, open_envelope
from tests.envelopes import APP, KEY, NOW, TOKEN, challenge, encrypted, event, signed

__all__: list[str] = []

pytestmark = [
    pytest.mark.slow,
    *map(
        pytest.mark.filterwarnings,
        ("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning", "ignore::UserWarning"),
    ),
]
HELPDESK = "MTAwMDAwMDAwMDAwMDAwMDAwMDpodC1zYW5kYm94"
DESK = Desk(
    name="it",
    rate="100/minute",
    feishu_url="http://127.0.0.1:1",
    app_id=APP,
    encrypt_key=KEY,  # type: ignore[arg-type]
    verification_token=TOKEN,  # type: ignore[arg-type]
)
Answering = Callable[[Pushed], int]


@pytest.fixture(scope="module", autouse=True)
def _sdk() -> None:
    from lark_oapi.ws import client

    client.loop.close()  # for its long connection; it opens one when it is imported, and leaves it open


def test_the_sdks_client_is_understood() -> None:
    import lark_oapi
    from lark_oapi.api.helpdesk.v1 import BotMessage, CreateBotMessageRequest

    message = (
        BotMessage.builder().msg_type("text").content('{"text": "你好"}').receiver_id("ou_sdk").receive_type("user")
    )
    request = CreateBotMessageRequest.builder().user_id_type("open_id").request_body(message.build()).build()
    option = lark_oapi.RequestOption.builder().headers({"X-Lark-Helpdesk-Authorization": HELPDESK}).build()
    with sandbox.running() as url:
        client = lark_oapi.Client.builder().app_id("cli_sandbox").app_secret("sandbox-secret").domain(url).build()
        answer = client.helpdesk.v1.bot_message.create(request, option)
        [delivered] = requests.get(f"{url}/sandbox/messages", timeout=120).json()["messages"]
    assert answer.success(), answer.msg
    assert answer.data.message_id == delivered["message_id"]
    assert (delivered["receiver_id"], delivered["content"]) == ("ou_sdk", '{"text": "你好"}')
    assert answer.get_log_id()


def test_what_the_sdk_can_open_we_can_and_the_other_way_round() -> None:
    from lark_oapi.core.utils import AESCipher

    for document in (event(), challenge()):
        blob = json.loads(encrypted(document))["encrypt"]
        assert json.loads(AESCipher(KEY).decrypt_str(blob)) == json.loads(decrypt(blob, KEY)) == document


@pytest.fixture
def handler() -> Any:
    from lark_oapi.event.dispatcher_handler import EventDispatcherHandler

    return EventDispatcherHandler.builder(KEY, TOKEN)


def sdk_answer(handle: Callable[[Any], Any], pushed: Pushed) -> int:
    from lark_oapi.core.model import RawRequest

    request = RawRequest()
    names = {"x-lark-request-timestamp": "X-Lark-Request-Timestamp", "x-lark-request-nonce": "X-Lark-Request-Nonce"}
    names["x-lark-signature"] = "X-Lark-Signature"
    request.uri, request.body = "/", pushed.body
    request.headers = {names[name]: value for name, value in pushed.headers.items()}
    return int(handle(request).status_code)


def test_the_sdk_takes_the_same_envelopes_and_refuses_the_same(handler: Any) -> None:
    seen: list[str] = []
    handler.register_p2_helpdesk_ticket_updated_v1(lambda data: seen.append(data.header.event_id))
    handle = handler.build().do
    kind = {"event_type": "helpdesk.ticket.updated_v1"}
    good = signed(encrypted({**event(**kind), "event": {"object": {"ticket_id": "1"}}}))
    assert sdk_answer(handle, good) == 200
    assert seen == ["e1"]
    opened = open_envelope(good, [DESK], NOW)
    assert isinstance(opened, Event)
    assert opened.type == kind["event_type"]
    for bad in (signed(encrypted(event(**kind)), key="x"), signed(encrypted(event(**kind, token="x")))):
        assert sdk_answer(handle, bad) == 500
        with pytest.raises(Unproven):
            open_envelope(bad, [DESK], NOW)
    assert sdk_answer(handle, Pushed({}, encrypted(challenge()))) == 200
