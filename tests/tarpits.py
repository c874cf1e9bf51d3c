"""Hosts on the loopback that are as slow as can be: they take a connection, or a question, and say nothing."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

__all__ = ["silent_name_server", "tarpits"]


@contextmanager
def tarpits(count: int) -> Iterator[list[str]]:
    """URLs of so many; the kernel takes the connections."""
    with ExitStack() as listening:
        sockets = [listening.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        yield [f"http://127.0.0.1:{each.getsockname()[1]}/tar" for each in sockets]


@contextmanager
def silent_name_server() -> Iterator[int]:
    """Its UDP port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]
