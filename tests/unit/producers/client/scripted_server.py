"""An HTTP server that says what it is told to: real sockets, and answers that no decent server gives."""

import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

import orjson

__all__ = ["CUT", "SILENCE", "Scripted", "answer", "problem", "scripted"]

#: Instead of an answer: the connection is closed, or nothing is said until the client gives up.
CUT, SILENCE = b"", b"..."
#: For a client to send what it wants to send.
PATIENCE_SECONDS = 60


class Asked(NamedTuple):
    """One request as it came."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Scripted:
    url: str
    asked: list[Asked] = field(default_factory=list)


def answer(status: int, told: object = None, *more: str, media_type: str = "application/json") -> bytes:
    """`more` are header lines."""
    body = told if isinstance(told, bytes) else orjson.dumps(told)
    head = [
        f"HTTP/1.1 {status} X",
        f"Content-Type: {media_type}",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *more,
    ]
    return "\r\n".join([*head, "", ""]).encode() + body


def problem(status: int, name: str, *more: str, **members: object) -> bytes:
    told = {"type": f"urn:deskbell:problem:{name}", "title": "T", "status": status, "detail": "D", **members}
    return answer(status, told, *more, media_type="application/problem+json")


@contextmanager
def scripted(*answers: bytes, reads_after_seconds: float = 0.0) -> Iterator[Scripted]:
    """Answers one request after the other, each on a connection of its own; whoever asks more is not served."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(PATIENCE_SECONDS)
        server = Scripted(f"http://127.0.0.1:{listening.getsockname()[1]}")
        thread = threading.Thread(target=_serve, args=(listening, server, answers, reads_after_seconds))
        thread.start()
        try:
            yield server
        finally:
            # Wakes it where it waits for a request that nobody makes.
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(PATIENCE_SECONDS)


def _serve(listening: socket.socket, server: Scripted, answers: Iterable[bytes], reads_after_seconds: float) -> None:
    for said in answers:
        try:
            connection, _ = listening.accept()
        except OSError:  # the test is over
            return
        with connection, connection.makefile("rb") as stream:
            connection.settimeout(PATIENCE_SECONDS)
            time.sleep(reads_after_seconds)
            server.asked.append(_request(stream))
            if said is SILENCE:
                connection.recv(1)  # until the client hangs up
            elif said:
                connection.sendall(said)


def _request(stream: BinaryIO) -> Asked:
    line = stream.readline().decode().strip()
    headers: dict[str, str] = {}
    while (header := stream.readline().decode().strip()) != "":
        name, _, value = header.partition(": ")
        headers[name.lower()] = value
    return Asked(line, headers, stream.read(int(headers.get("content-length", 0))))
