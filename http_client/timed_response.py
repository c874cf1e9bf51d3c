"""Reads an answer by a deadline, and past what comes before it. `http.client` does neither as it is needed here."""

import io
import socket
from http.client import BadStatusLine, HTTPResponse, parse_headers
from typing import Any

from http_client.deadline import current
from http_client.http1 import MOST_INTERIM, SWITCHED

__all__ = ["TimedResponse"]


class _TimedReader(io.RawIOBase):
    """Reads a socket with a timeout that shrinks towards the deadline, for headers and body alike."""

    def __init__(self, sock: socket.socket, received: bytes = b"") -> None:
        self._sock = sock
        self._received = received
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._received:
            portion, self._received = self._received[: len(buffer)], self._received[len(buffer) :]
            buffer[: len(portion)] = portion
            return len(portion)
        self._sock.settimeout(current.deadline.seconds_left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class TimedResponse(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, received: bytes = b"", **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_TimedReader(sock, received))

    def _read_status(self) -> tuple[str, int, str]:
        """Skips all interim answers. `http.client` skips 100 alone, however many, and takes a 103 for the answer."""
        for _ in range(MOST_INTERIM + 1):
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if status == SWITCHED or status > 599:  # asked for by nobody; no status of HTTP
                break
            if status >= 200:
                return version, status, reason
            parse_headers(self.fp)
        raise BadStatusLine(f"HTTP status {status}")
