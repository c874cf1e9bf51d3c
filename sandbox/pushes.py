"""Events, pushed to a URL as Feishu does: encrypted and signed if there is a key, and repeated until answered."""

import base64
import hashlib
import json
import secrets
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

__all__ = ["Pushes"]

#: Seconds before the first push, and after each that was not answered with 200 in time.
_WAITS_SECONDS = (0, 15, 300, 3600, 21600)
_ANSWER_SECONDS = 3
_BLOCK_BYTES = 16


class Pushes:
    """One thread per event. Without a URL nothing is pushed."""

    def __init__(
        self,
        url: str | None,
        encrypt_key: str = "",
        verification_token: str = "",
        *,
        clock: Callable[[], float] = time.time,
        waits_seconds: Iterable[float] = _WAITS_SECONDS,
    ) -> None:
        self._url = url
        self._encrypt_key = encrypt_key
        self._token = verification_token
        self._clock = clock
        self._waits_seconds = tuple(waits_seconds)
        # Neither a proxy from the environment nor redirects: Feishu uses neither.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)

    def push(self, app_id: str, event_type: str, event: dict[str, Any]) -> None:
        """Starts pushing; `event_type` is, for example, `helpdesk.ticket.created_v1`."""
        if self._url is None:
            return
        header = {
            "event_id": secrets.token_hex(16),
            "event_type": event_type,
            "app_id": app_id,
            "tenant_key": "sandbox",
            "create_time": str(int(self._clock() * 1000)),
            "token": self._token,
        }
        body = self._closed({"schema": "2.0", "header": header, "event": event})
        threading.Thread(target=self._push, args=(self._url, body), name="push", daemon=True).start()

    def _closed(self, document: dict[str, Any]) -> bytes:
        text = json.dumps(document).encode()
        if not self._encrypt_key:
            return text
        padder = PKCS7(8 * _BLOCK_BYTES).padder()
        vector = secrets.token_bytes(_BLOCK_BYTES)
        key = hashlib.sha256(self._encrypt_key.encode()).digest()
        encryptor = Cipher(algorithms.AES(key), modes.CBC(vector)).encryptor()
        ciphertext = encryptor.update(padder.update(text) + padder.finalize()) + encryptor.finalize()
        return json.dumps({"encrypt": base64.b64encode(vector + ciphertext).decode()}).encode()

    def _push(self, url: str, body: bytes) -> None:
        for wait_seconds in self._waits_seconds:
            time.sleep(wait_seconds)
            if self._is_answered(url, body):
                return

    def _is_answered(self, url: str, body: bytes) -> bool:
        request = urllib.request.Request(url, body, self._headers(body))  # noqa: S310  the operator's own URL
        try:
            with self._opener.open(request, timeout=_ANSWER_SECONDS) as answer:
                return bool(answer.status == 200)
        except OSError:  # HTTPError too, for any status but 2xx
            return False

    def _headers(self, body: bytes) -> dict[str, str]:
        headers = {"Content-Type": "application/json; charset=utf-8"}
        if self._encrypt_key:
            timestamp, nonce = str(int(self._clock())), secrets.token_hex(8)
            digest = hashlib.sha256(f"{timestamp}{nonce}{self._encrypt_key}".encode() + body).hexdigest()
            headers |= {
                "X-Lark-Request-Timestamp": timestamp,
                "X-Lark-Request-Nonce": nonce,
                "X-Lark-Signature": digest,
            }
        return headers


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None
