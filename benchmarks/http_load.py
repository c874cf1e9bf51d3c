"""Load on the HTTP API from a separate process, with raw keep-alive sockets to save the server's cores.

`python -m benchmarks.http_load PORT CONNECTIONS REQUESTS BATCH` prints {seconds, statuses, p50_ms, p99_ms, max_ms}.
"""

import selectors
import socket
import sys
import time
from collections import Counter
from typing import Any

import orjson

__all__ = ["body_of", "press"]


class _Connection:
    """One request at a time."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent_at = 0.0
        self._received = b""

    def send(self, request: bytes) -> None:
        self._received = b""
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def status(self) -> int | None:
        """Reads available data. Returns the status once the answer is complete."""
        part = self.socket.recv(1 << 18)
        if not part:
            raise ConnectionError("the server has closed the connection")
        self._received += part
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator:
            return None
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        return int(head[9:12]) if len(body) >= length else None


def press(port: int, connections: int, requests: int, batch: int) -> dict[str, Any]:
    """Sends requests of `batch` notifications each, over concurrent connections."""
    bodies = iter([_request(number, batch) for number in range(min(requests, 2000))] * (requests // 2000 + 1))
    selector = selectors.DefaultSelector()
    begun = time.perf_counter()
    for _ in range(connections):
        connection = _Connection(port)
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        connection.send(next(bodies))
    statuses: Counter[int] = Counter()
    waited: list[float] = []
    started = connections
    while len(waited) < requests:
        for key, _ in selector.select():
            connection = key.data
            status = connection.status()
            if status is None:
                continue
            waited.append(time.perf_counter() - connection.sent_at)
            statuses[status] += 1
            if started < requests:
                connection.send(next(bodies))
                started += 1
    seconds = time.perf_counter() - begun
    waited.sort()
    p50, p99 = (round(waited[int(len(waited) * share)] * 1000, 1) for share in (0.5, 0.99))
    worst = round(waited[-1] * 1000, 1)
    return {"seconds": seconds, "statuses": dict(statuses), "p50_ms": p50, "p99_ms": p99, "max_ms": worst}


def body_of(number: int, batch: int) -> bytes:
    items = [
        {"receiver_id": f"ou_{number:08d}{item:08d}", "text": "Disk full on db-3 at 10:30"} for item in range(batch)
    ]
    return orjson.dumps(items[0] if batch == 1 else {"notifications": items})


def _request(number: int, batch: int) -> bytes:
    body = body_of(number, batch)
    head = "POST /v1/notifications HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


if __name__ == "__main__":
    result = press(*(int(argument) for argument in sys.argv[1:5]))
    sys.stdout.write(orjson.dumps(result, option=orjson.OPT_NON_STR_KEYS).decode() + "\n")
