"""Where callbacks may go: to public internet addresses, and to what the operator also allows.

The URL comes from a caller that may send notifications, and is called from within the network. So the name is looked up
once, the address is checked, and the connection goes to that very address: a second look-up could return another one.
"""

import socket
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pycares

__all__ = ["Egress", "EgressRefused", "Resolver", "Target"]

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Sequence[str]]

_PORTS = {"http": 80, "https": 443}
#: All of IPv6 that is allocated so far. Outside of it are NAT64 (RFC 6052, RFC 8215), the addresses that stand for IPv4
#: ones, and everything local.
_ALLOCATED = IPv6Network("2000::/3")
#: IANA lists these as special addresses; `is_global` of older Pythons does not.
_SPECIAL = (IPv4Network("192.0.0.0/24"), IPv4Network("192.88.99.0/24"), IPv6Network("3fff::/20"))


class EgressRefused(Exception):
    """The host has no address that callbacks may go to. The text names the host and nothing else of the URL."""

    def __init__(self, problem: str, *, came_late: bool = False) -> None:
        super().__init__(problem)
        self.came_late = came_late  #: the look-up took too long


@dataclass(frozen=True, slots=True)
class Target:
    """The address to connect to, and the name it is called by."""

    url: str  #: with the address in place of the host
    host: str  #: for the certificate
    host_header: str

    @property
    def address(self) -> str:
        return urlsplit(self.url).hostname or ""


class Egress:
    """Checks targets. `allowed` are names, and networks in their canonical form (`DESKBELL_CALLBACK_ALLOW`)."""

    def __init__(self, allowed: Collection[str], resolve: Resolve | None = None) -> None:
        self._resolve = resolve or Resolver()
        self._networks = [ip_network(place) for place in allowed if "/" in place]
        self._names = frozenset(place for place in allowed if "/" not in place)

    def target(self, url: str) -> Target:
        """Looks the host up, once. Raises EgressRefused."""
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        port = parts.port or _PORTS[parts.scheme]
        address = self._address(host, port)
        literal = f"[{address}]" if address.version == 6 else str(address)
        return Target(
            urlunsplit((parts.scheme, f"{literal}:{port}", parts.path or "/", parts.query, "")), host, parts.netloc
        )

    def _address(self, host: str, port: int) -> Address:
        try:
            addresses = [ip_address(address) for address in self._resolve(host, port)]
        except (OSError, UnicodeError) as error:
            came_late = isinstance(error, TimeoutError)
            problem = "could not be looked up in time" if came_late else f"has no address ({type(error).__name__})"
            raise EgressRefused(f"{host} {problem}", came_late=came_late) from error
        for address in addresses:
            if host in self._names or self._is_allowed(address):
                return address
        raise EgressRefused(
            f"{host} leads to no address that callbacks may go to (DESKBELL_CALLBACK_ALLOW allows more)"
        )

    def _is_allowed(self, address: Address) -> bool:
        return _is_public(address) or any(address in network for network in self._networks)


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and (address not in _ALLOCATED or _holds_ipv4(address)):
        return False
    if any(address in network for network in _SPECIAL):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _holds_ipv4(address: IPv6Address) -> bool:
    """6to4 and Teredo: the address that counts is inside, and callbacks do not need this form."""
    return address.sixtofour is not None or address.teredo is not None


#: For one look-up, all its questions and name servers together, seconds.
LOOKUP_SECONDS = 3.0
#: For one question to one name server, seconds; and how many times it is asked, each time waiting longer.
_QUESTION_SECONDS, _TRIES = 1.0, 2


class Resolver:
    """The addresses of a host, within a time limit. Safe to share between threads.

    The operating system's own look-up (`getaddrinfo`) takes as long as the name servers make it take, half a minute and
    more, and cannot be interrupted. c-ares asks the same servers, and reads the same files, without a thread. `options`
    are of `pycares.Channel`, in place of /etc/resolv.conf.
    """

    def __init__(self, lookup_seconds: float = LOOKUP_SECONDS, **options: Any) -> None:
        self._lookup_seconds = lookup_seconds
        self._options = options

    def __call__(self, host: str, port: int) -> list[str]:
        """In the order to try them in. Raises OSError, and TimeoutError when none came in time."""
        answer: Future[list[str]] = Future()

        def take(result: Any, error: int | None) -> None:
            if error is None:
                answer.set_result([node.addr[0].decode() for node in result.nodes])
            else:
                answer.set_exception(_failure(error))

        self._channel.getaddrinfo(host, port, family=socket.AF_UNSPEC, type=socket.SOCK_STREAM, callback=take)
        return answer.result(self._lookup_seconds)

    @cached_property
    def _channel(self) -> pycares.Channel:
        return pycares.Channel(timeout=_QUESTION_SECONDS, tries=_TRIES, **self._options)


def _failure(error: int) -> OSError:
    if error == pycares.errno.ARES_ETIMEOUT:
        return TimeoutError(pycares.errno.strerror(error))
    return socket.gaierror(error, pycares.errno.strerror(error))
