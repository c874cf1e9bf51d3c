"""The calls of a live test beside its sends: a conversation with the helpdesk, and who has read a message.

Each is made once, whatever comes: the test shows it.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import orjson

from feishu.client import FeishuClient
from feishu.codes import Kind
from feishu.verdict import NoToken, Verdict

__all__ = ["read_users", "start_service"]


def start_service(feishu: FeishuClient, open_id: str, *, with_agent: bool) -> Verdict:
    """Opens a ticket, which no call can close. Without an agent the helpdesk's bot has it, and agents are not told."""
    body = orjson.dumps({"open_id": open_id, "human_service": with_agent})
    headers = {**feishu.helpdesk_headers, "Content-Type": "application/json; charset=utf-8"}
    path = "/open-apis/helpdesk/v1/start_service"
    return _called(feishu, "start_service", "POST", path, data=body, headers=headers, private=(open_id,))[0]


def read_users(feishu: FeishuClient, message_id: str) -> tuple[Verdict, int]:
    """Whether Feishu tells who has read the message, and how many have."""
    path = f"/open-apis/im/v1/messages/{quote(message_id, safe='')}/read_users"
    params = {"user_id_type": "open_id", "page_size": 100}
    verdict, content = _called(feishu, "read_users", "GET", path, params=params, private=(message_id,))
    data = content.get("data")
    readers = data.get("items") if isinstance(data, dict) else None
    return verdict, len(readers) if isinstance(readers, list) else 0


def _called(
    feishu: FeishuClient, name: str, method: str, path: str, **request: Any
) -> tuple[Verdict, Mapping[str, Any]]:
    try:
        verdict, content = feishu.call(name, method, path, **request)
        # A refused token is replaced, and nothing was done with it.
        return feishu.call(name, method, path, **request) if verdict.kind is Kind.TOKEN else (verdict, content)
    except NoToken as failure:
        return failure.verdict, {}
