"""Ports of the loopback for servers of the tests that are told theirs."""

import secrets
import socket

__all__ = ["free_port"]

#: Below those that the kernel gives to whoever connects or asks for any port (from 32768 on Linux): one of them could
#: be taken before the server is there, or while it starts again. A cluster takes a second one, 10,000 above.
_PORTS = range(10_000, 22_000)


def free_port() -> int:
    """Nobody listens there. By chance, since the tests run in several processes."""
    while True:
        port = secrets.choice(_PORTS)
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
