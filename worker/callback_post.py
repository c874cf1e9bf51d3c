"""One callback on its way: signed by the Standard Webhooks scheme, and posted to the address that was judged."""

import base64
import hashlib
import hmac
from functools import cache
from importlib import metadata
from typing import Any

import requests

from http_client.egress import Target
from http_client.transport import FOREVER_SECONDS, Deadline, TrackedAdapter, on_the_wire

__all__ = ["post", "signed_headers"]

#: To connect, and to answer, seconds.
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 10.0
#: Of an answer no more is read; all that counts is its status.
_ANSWER_BYTES = 64 * 1024


def post(target: Target, headers: dict[str, str], body: bytes) -> int:
    """Makes one POST to that very address, and gives the HTTP status. A redirect is not followed. Raises NoAnswer."""
    with (
        _Session(target.host) as session,
        on_the_wire(Deadline(CONNECT_SECONDS, ANSWER_SECONDS)),
        session.post(
            target.url,
            data=body,
            headers={**headers, "Host": target.host_header},
            stream=True,
            allow_redirects=False,
            timeout=FOREVER_SECONDS,
        ) as answer,
    ):
        # As it is on the wire: what claims to be packed may unpack to a thousand times as much.
        answer.raw.read(_ANSWER_BYTES, decode_content=False)
        return answer.status_code


def signed_headers(name: str, body: bytes, key: bytes, now_seconds: float) -> dict[str, str]:
    """The headers of Standard Webhooks: https://www.standardwebhooks.com/ has the scheme."""
    timestamp = str(int(now_seconds))
    digest = hmac.new(key, f"{name}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "User-Agent": _user_agent(),
        "Accept-Encoding": "identity",
        "webhook-id": name,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


class _Session(requests.Session):
    """For URLs whose host is an address: it goes there, past every proxy of the environment, which would look a name up
    by itself. Over TLS it expects the certificate of `server_name`, and obeys the CA variables.
    """

    def __init__(self, server_name: str) -> None:
        super().__init__()
        self.auth = _as_it_is  # with none at all, requests would look for one in somebody's .netrc
        self.mount("http://", TrackedAdapter(pool_connections=1, pool_maxsize=1, max_retries=0))
        self.mount("https://", _NamedAdapter(server_name))

    def merge_environment_settings(self, *args: Any, **kwargs: Any) -> Any:
        return super().merge_environment_settings(*args, **kwargs) | {"proxies": {}}

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Nothing is ever redirected. Without this, requests reads and parses a target even if told not to follow."""


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


class _NamedAdapter(TrackedAdapter):
    def __init__(self, server_name: str) -> None:
        self._server_name = server_name
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, server_hostname=self._server_name, assert_hostname=self._server_name)


@cache
def _user_agent() -> str:
    return f"deskbell/{metadata.version('deskbell')}"
