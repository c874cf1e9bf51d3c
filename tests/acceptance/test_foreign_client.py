"""A client that nobody here wrote: Feishu's own SDK, against which the sandbox and our client are held."""

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from ledger.states import State
from tests.acceptance.installation import MARKER, Installation
from tests.acceptance.sandbox_process import APP_ID, APP_SECRET, HELPDESK_ID, HELPDESK_TOKEN

#: The message of the API page's sample, with a text that can be told from others.
POST = {"post": {"zh_cn": {"title": "some title", "content": [[{"tag": "text", "text": MARKER}]]}}}
#: Headers in which two clients may differ: who they are, what encodings they take, the token's value.
TELLING = ("authorization", "x-lark-helpdesk-authorization", "content-type")
#: In a process of its own: its import takes seconds and warns of what it will itself have to mend.
SDK_CALL = """
import json, sys
import lark_oapi
from lark_oapi.api.helpdesk.v1 import BotMessage, CreateBotMessageRequest

given = json.load(sys.stdin)
client = lark_oapi.Client.builder().app_id(given["app_id"]).app_secret(given["app_secret"]).domain(given["url"]).build()
message = BotMessage.builder().msg_type("post").content(given["content"]).receiver_id(given["receiver_id"])
request = CreateBotMessageRequest.builder().user_id_type("open_id").request_body(message.receive_type("chat").build())
headers = {"X-Lark-Helpdesk-Authorization": given["helpdesk"]}
option = lark_oapi.RequestOption.builder().headers(headers).build()
response = client.helpdesk.v1.bot_message.create(request.build(), option)
message_id = response.data and response.data.message_id
print(json.dumps({"code": response.code, "msg": response.msg, "message_id": message_id}))
"""
SECONDS = 180


def test_the_sdk_is_understood_and_our_client_sends_what_it_sends(installation: Installation, tmp_path: Path) -> None:
    answer = _send_by_sdk(installation, tmp_path, "ou_sdk")
    assert (answer["code"], answer["msg"]) == (0, "success")
    [theirs] = installation.sandbox.sends("ou_sdk")
    assert answer["message_id"] == theirs["message_id"]

    ours_sent = installation.send("ou_ours", message={"msg_type": "post", "content": POST})
    installation.wait_for_state(ours_sent.id, State.DELIVERED)
    [ours] = installation.sandbox.sends("ou_ours")

    assert _comparable(ours) == _comparable(theirs)
    assert _comparable(ours)["query"] == {"user_id_type": ["open_id"]}


def _send_by_sdk(installation: Installation, folder: Path, receiver_id: str) -> dict[str, Any]:
    helpdesk = base64.b64encode(f"{HELPDESK_ID}:{HELPDESK_TOKEN}".encode()).decode()
    given = {
        "url": installation.sandbox.url,
        "app_id": APP_ID,
        "app_secret": APP_SECRET,
        "helpdesk": helpdesk,
        "content": json.dumps(POST),
        "receiver_id": receiver_id,
    }
    done = subprocess.run(
        [sys.executable, "-c", SDK_CALL],
        cwd=folder, input=json.dumps(given), capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _comparable(call: dict[str, Any]) -> dict[str, Any]:
    """What must agree. The receiver is each test's own, and a JSON string may be spelled in several ways."""
    headers = {name: call["headers"].get(name) for name in TELLING}
    scheme, _, token = headers["authorization"].partition(" ")
    assert token.startswith("t-")
    body = {**call["body"], "receiver_id": None, "content": json.loads(call["body"]["content"])}
    same = {name: call[name] for name in ("method", "path", "query", "app_id", "http_status", "code", "receive_type")}
    media_type, _, parameters = headers["content-type"].partition(";")
    assert parameters.strip().lower() in ("charset=utf-8", "")
    return {**same, "headers": {**headers, "authorization": scheme, "content-type": media_type}, "body": body}
