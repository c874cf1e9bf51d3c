"""Posts one callback: signed by the Standard Webhooks scheme, to the address that was checked."""

import base64
import hashlib
import hmac
from contextlib import closing

from requests import Request

from http_client.connection import Deadline
from http_client.egress import Target
from http_client.transport import Transport

__all__ = ["post", "signed_headers"]

#: To connect, and to answer, seconds.
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 10.0
#: No more of an answer is read: only its status counts.
_ANSWER_BYTES = 64 * 1024


def post(target: Target, headers: dict[str, str], body: bytes) -> int:
    """Makes one POST to that very address, and returns the HTTP status. A redirect is not followed. Raises NoAnswer."""
    request = Request("POST", target.url, data=body, headers={**headers, "Host": target.host_header})
    with closing(Transport(target.url, server_name=target.host)) as transport:
        deadline = Deadline(CONNECT_SECONDS, ANSWER_SECONDS)
        return transport.send(transport.prepare(request), deadline, max_bytes=_ANSWER_BYTES, truncate=True).http_status


def signed_headers(name: str, body: bytes, key: bytes, now_seconds: float) -> dict[str, str]:
    """The headers of Standard Webhooks: https://www.standardwebhooks.com/ has the scheme."""
    timestamp = str(int(now_seconds))
    digest = hmac.new(key, f"{name}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "Accept-Encoding": "identity",
        "webhook-id": name,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
