"""Where the web process listens. Loads nothing of the web stack: `deskbell up` looks here before it starts one."""

import socket

from ledger.errors import DeskbellError
from ledger.phrases import Phrase, system_problem

__all__ = ["listen", "reachable_at", "url_of"]

#: Connections that wait to be taken.
_BACKLOG = 1024
#: Addresses that mean all of them; whoever is on this machine uses the loopback.
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 is any free one. Raises DeskbellError when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        where = f"{host} port {port} (DESKBELL_HOST, DESKBELL_PORT)"
        raise DeskbellError(
            Phrase("the web side cannot listen at {where}: {problem}", where=where, problem=system_problem(error))
        ) from None


def reachable_at(host: str, port: int) -> bool:
    """Whether somebody listens there."""
    try:
        with socket.create_connection((_ANY.get(host, host), port), timeout=1):
            return True
    except OSError:
        return False


def url_of(host: str, port: int) -> str:
    host = _ANY.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
