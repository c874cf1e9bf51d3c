"""A minimal Feishu: `python -m benchmarks.responder [LATENCY_MS]` gives every send the same answer.

At thousands of calls a second the sandbox, which checks and records each, would dominate the measurement. This server
costs about 0.02 CPU s per 1,000 calls and serves all systems alike. `GET /count` returns the number of answered sends,
`GET /times` how many different messages were sent so many times, `2 10` a line.
"""

import asyncio
import sys
from collections import Counter
from functools import partial
from typing import ClassVar

import uvloop

__all__ = ["main"]

_OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nX-Tt-Logid: 20261122aa\r\nContent-Length: "
_BODIES = {
    b"/open-apis/helpdesk/v1/message": (
        b'{"code":0,"msg":"success","data":{"message_id":"om_d4be107c616aed9c1da8ed8068570a9f"}}'
    ),
    b"/open-apis/auth/v3/tenant_access_token/internal": (
        b'{"code":0,"msg":"ok","tenant_access_token":"t-benchmark","expire":7200}'
    ),
    b"/open-apis/helpdesk/v1/tickets": b'{"code":0,"msg":"success","data":{"total":0,"tickets":[]}}',
}
_ANSWERS = {path: _OK + str(len(body)).encode() + b"\r\n\r\n" + body for path, body in _BODIES.items()}
_MESSAGE = b"/open-apis/helpdesk/v1/message"


class _Responder(asyncio.Protocol):
    """One connection, with one request at a time, as `requests` sends them."""

    answered = 0
    #: Sends by their whole body, which differs with the receiver.
    bodies: ClassVar[Counter[bytes]] = Counter()

    def __init__(self, latency_seconds: float) -> None:
        self._latency_seconds = latency_seconds
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if end and len(body) >= _content_length(head):
            self._received = b""
            self._answer(head.split(b" ", 2)[1].partition(b"?")[0], body)

    def _answer(self, path: bytes, body: bytes) -> None:
        if path == b"/count":
            self._tell(str(_Responder.answered))
        elif path == b"/times":
            times = Counter(_Responder.bodies.values())
            self._tell("\n".join(f"{often} {number}" for often, number in times.items()))
        elif path == _MESSAGE and self._latency_seconds:
            asyncio.get_running_loop().call_later(self._latency_seconds, self._send, path, body)
        else:
            self._send(path, body)

    def _tell(self, text: str) -> None:
        self._transport.write(_OK + str(len(text)).encode() + b"\r\n\r\n" + text.encode())

    def _send(self, path: bytes, body: bytes) -> None:
        if self._transport.is_closing():  # the caller was killed at the end of a run
            return
        if path == _MESSAGE:
            _Responder.answered += 1
            _Responder.bodies[body] += 1
        self._transport.write(_ANSWERS[path])


def _content_length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"content-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0


async def _serve(latency_seconds: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(partial(_Responder, latency_seconds), "127.0.0.1", 0, backlog=1024)
    print(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


def main(latency_ms: float = 0) -> None:
    uvloop.run(_serve(latency_ms / 1000))


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
