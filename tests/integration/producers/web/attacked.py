"""A web server to attack, and the proof that it came to no harm."""

import base64
import json
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ledger.hook_log import HookLog
from ledger.settings import Settings
from tests.integration.producers.web.web_thread import WebThread

__all__ = ["ADA", "JSON", "MARK", "PATH", "TOKEN", "problem_of", "said", "to_attack", "unharmed"]

PATH = "/v1/notifications"
#: Stands in everything that is sent, and must stand nowhere afterwards.
MARK = "fnord-8812"
ADA = {"receiver_id": "ou_ada", "text": MARK}
JSON = {"Content-Type": "application/json"}
TOKEN = "whsec_" + base64.b64encode(b"k" * 32).decode()
_HOOKS = f"""
[hook.script]
use = "generic"
to = "ou_ada"

[hook.github]
use = "github"
to = "ou_ada"
secret = "hush-hush"

[hook.signed]
use = "generic"
to = "ou_ada"
signature = "standard-webhooks"
secret = "{TOKEN}"
"""


@contextmanager
def to_attack(valkey: Settings, folder: Path) -> Iterator[WebThread]:
    """With the desks it and hr, and a hook each for a key, for GitHub's signature, and for one of id and time."""
    (folder / "hooks.toml").write_text(_HOOKS)
    (folder / "desks.toml").write_text("[desk.it]\n[desk.hr]\n")
    more = {"hooks": folder / "hooks.toml", "desks": folder / "desks.toml"}
    with WebThread(valkey.model_copy(update=more)) as running:
        yield running


@contextmanager
def unharmed(web: WebThread, caplog: pytest.LogCaptureFixture) -> Iterator[WebThread]:
    """Whatever is sent within, afterwards nothing is accepted, nothing of it is logged, and the server is well."""
    ledger = web.context.ledger
    with caplog.at_level(logging.DEBUG):
        yield web
    logged = " ".join(str(vars(record)) for record in caplog.records if not record.name.startswith("urllib3"))
    assert MARK not in logged
    assert "a request failed" not in logged
    assert "ASGI" not in logged
    assert not list(ledger.events())
    assert not ledger.announcements.ids()
    assert MARK not in repr(HookLog(ledger.redis, ledger.keys).latest())
    assert web.get("/healthz").status_code == 200


def said(web: WebThread, request: bytes, *, seconds: float = 10) -> bytes:
    """All that is answered, until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", web.port), timeout=seconds) as connection:
        connection.sendall(request)
        answer = b""
        while part := connection.recv(65536):
            answer += part
        return answer


def problem_of(answer: bytes) -> dict[str, Any]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head.lower(), answer
    problem: dict[str, Any] = json.loads(body)
    assert head.startswith(f"HTTP/1.1 {problem['status']} ".encode())
    return problem
