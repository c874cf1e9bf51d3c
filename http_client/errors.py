"""How an HTTP exchange can fail, split by what the caller does about it.

Exception
└── NoAnswer              no complete answer came back; `how` says how it ended
    ├── NeverSent         the request did not leave whole, so nothing happened: try again
    ├── MaybeSent         it left whole: only the receiver knows
    └── Unsendable        the address is wrong: fix the settings

Exceptions of `requests` and urllib3 stop here: `translated` turns each into a NoAnswer. Their types cannot tell whether
the request was delivered (one ConnectionError covers a refused port and a cut answer, one ReadTimeout a stalled TLS
handshake and a missing answer), so it is watched on the connection instead (`http_client.connection`).
"""

import http.client
import ssl
from collections.abc import Iterator

import requests.exceptions
import urllib3.exceptions

__all__ = ["FOREIGN", "UNSENDABLE", "MaybeSent", "NeverSent", "NoAnswer", "Unsendable", "translated"]


class NoAnswer(Exception):
    """No complete answer came back. `how` is a few plain words, without addresses and content."""

    def __init__(self, how: str) -> None:
        super().__init__(how)
        self.how = how


class NeverSent(NoAnswer):
    """The request did not leave whole: the other side cannot have acted on it."""


class MaybeSent(NoAnswer):
    """The request left whole, and no complete answer came back."""


class Unsendable(NoAnswer):
    """No request can be made to this address or with these headers, now or later."""


#: What `requests` may raise: its own tree, and what it lets through from below.
FOREIGN = (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError)

#: Raised before a connection is made, because the address or a header cannot be used. All others are judged by what had
#: left when they were raised; a test names them.
UNSENDABLE: tuple[type[Exception], ...] = (
    requests.exceptions.InvalidHeader,
    requests.exceptions.InvalidProxyURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
    requests.exceptions.URLRequired,
    urllib3.exceptions.LocationValueError,
)

# The first row that matches anything in the chain counts, so the finer type stands before its parent:
# urllib3's NameResolutionError is a NewConnectionError, and that is a ConnectTimeoutError.
_HOW: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((urllib3.exceptions.ProxyError, requests.exceptions.ProxyError), "proxy failed"),
    ((urllib3.exceptions.NameResolutionError,), "name not found"),
    ((ConnectionRefusedError,), "connect refused"),
    ((urllib3.exceptions.NewConnectionError,), "not connected"),
    ((urllib3.exceptions.ConnectTimeoutError, requests.exceptions.ConnectTimeout), "connect timed out"),
    ((urllib3.exceptions.DecodeError, requests.exceptions.ContentDecodingError), "garbled"),
    ((http.client.IncompleteRead, urllib3.exceptions.IncompleteRead), "truncated"),
    ((urllib3.exceptions.TimeoutError, requests.exceptions.Timeout, TimeoutError), "timed out"),
    ((ssl.SSLError, urllib3.exceptions.SSLError, requests.exceptions.SSLError), "TLS failed"),
    ((http.client.RemoteDisconnected, ConnectionError), "cut"),
    ((http.client.BadStatusLine, http.client.LineTooLong, http.client.UnknownProtocol), "not HTTP"),
    ((urllib3.exceptions.ProtocolError, requests.exceptions.ChunkedEncodingError), "cut"),
    (UNSENDABLE, "wrong address"),
)


def translated(error: Exception, *, whole_request_left: bool) -> NoAnswer:
    """Our error for a foreign one. Only a request that left whole can have been carried out."""
    if whole_request_left:
        return MaybeSent(_how(error))
    return (Unsendable if isinstance(error, UNSENDABLE) else NeverSent)(_how(error))


def _how(error: Exception) -> str:
    chain = tuple(_chain(error))
    for types, how in _HOW:
        if any(isinstance(link, types) for link in chain):
            return how
    return f"broken ({type(error).__name__})"


def _chain(error: BaseException | None, depth: int = 8) -> Iterator[BaseException]:
    """The error and everything it wraps: requests and urllib3 keep the inner one in `args`, `reason` or `__cause__`."""
    if error is None or depth == 0:
        return
    yield error
    inner = [*error.args, getattr(error, "reason", None), error.__cause__]
    for link in inner:
        if isinstance(link, BaseException):
            yield from _chain(link, depth - 1)
