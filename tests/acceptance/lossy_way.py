"""A way to a server on which answers are lost."""

import socket
import threading
from contextlib import ExitStack
from typing import BinaryIO, Self

__all__ = ["LossyWay"]

#: Of one connection.
WAY_SECONDS = 30


class LossyWay:
    """Passes requests on, one connection each; the first `lost` answers do not come back, though they were given."""

    def __init__(self, url: str, *, lost: int) -> None:
        host, _, port = url.removeprefix("http://").rpartition(":")
        self._there = (host, int(port))
        self._lost = lost
        self.passed = 0
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        self._listening = self._closing.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, name="lossy way")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join(WAY_SECONDS)
        self._closing.close()

    def _serve(self) -> None:
        while True:
            try:
                here, _ = self._listening.accept()
            except OSError:  # it was closed
                return
            with here, socket.create_connection(self._there, WAY_SECONDS) as there:
                here.settimeout(WAY_SECONDS)
                self._pass(here, there)

    def _pass(self, here: socket.socket, there: socket.socket) -> None:
        with here.makefile("rb") as asked, there.makefile("rb") as answered:
            there.sendall(_message(asked))
            answer = _message(answered)
        self.passed += 1
        if self.passed > self._lost:
            here.sendall(answer.replace(b"\r\n", b"\r\nconnection: close\r\n", 1))


def _message(stream: BinaryIO) -> bytes:
    """One request or answer, head and body."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += stream.readline() or b"\r\n\r\n"
    length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0")
    return head + stream.read(int(length.partition(b":")[2]))
