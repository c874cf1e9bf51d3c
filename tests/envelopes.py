"""Envelopes as Feishu closes them: encrypted, signed, marked. Written apart from the code that opens them."""

import base64
import hashlib
import json
import os
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from producers.feishu_events.envelope import Pushed

__all__ = ["APP", "KEY", "NOW", "TOKEN", "challenge", "encrypted", "event", "plain", "signed"]

KEY, TOKEN, APP = "test key", "v-token", "cli_it"
NOW = 1_700_000_000


def encrypted(document: object, key: str = KEY) -> bytes:
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    padding = 16 - len(text) % 16
    vector = os.urandom(16)
    cipher = Cipher(algorithms.AES(hashlib.sha256(key.encode()).digest()), modes.CBC(vector)).encryptor()
    blob = vector + cipher.update(text + bytes([padding]) * padding) + cipher.finalize()
    return json.dumps({"encrypt": base64.b64encode(blob).decode()}).encode()


def signed(body: bytes, key: str = KEY, timestamp: int | str = NOW, nonce: str = "abc123") -> Pushed:
    told = hashlib.sha256(str(timestamp).encode() + nonce.encode() + key.encode() + body).hexdigest()
    headers = {"x-lark-request-timestamp": str(timestamp), "x-lark-request-nonce": nonce, "x-lark-signature": told}
    return Pushed(headers, body)


def plain(document: object) -> Pushed:
    return Pushed({}, json.dumps(document).encode())


def event(**header: object) -> dict[str, Any]:
    told = {"event_id": "e1", "event_type": "t", "app_id": APP, "token": TOKEN, "create_time": "1666593118336"}
    return {"schema": "2.0", "header": {**told, **header}, "event": {"a": 1}}


def challenge(**fields: object) -> dict[str, Any]:
    return {"challenge": "c-1", "token": TOKEN, "type": "url_verification", **fields}
