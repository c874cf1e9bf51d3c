"""The call of every peer: Deskbell's body, sent with `requests`, one session per thread.

Runs inside the peers' environments, so it imports nothing of Deskbell.
"""

import json
import os
import threading

import requests

__all__ = ["REDIS_URL", "TEXT", "call"]

REDIS_URL = os.environ["BENCH_REDIS_URL"]
TEXT = "The backup of db-3 has failed twice. " + "Please look at the disk and at the log of the night. " * 3
_URL = os.environ["BENCH_API_URL"] + "/open-apis/helpdesk/v1/message"
_HEADERS = {
    "Authorization": "Bearer t-benchmark",
    "X-Lark-Helpdesk-Authorization": "MTpodA==",
    "Content-Type": "application/json; charset=utf-8",
}
_TIMEOUT_SECONDS = (5, 20)
_thread = threading.local()


def call(receiver_id: str, text: str) -> str:
    """Sends, and returns the message id. Raises requests' exceptions."""
    if not hasattr(_thread, "session"):
        _thread.session = requests.Session()
        _thread.session.trust_env = False  # as Deskbell does for loopback
    message = {
        "msg_type": "text",
        "content": json.dumps({"text": text}),
        "receiver_id": receiver_id,
        "receive_type": "chat",
    }
    answer = _thread.session.post(
        _URL, params={"user_id_type": "open_id"}, data=json.dumps(message), headers=_HEADERS, timeout=_TIMEOUT_SECONDS
    )
    answer.raise_for_status()
    return str(answer.json()["data"]["message_id"])
