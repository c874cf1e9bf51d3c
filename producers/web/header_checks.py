"""Request heads that uvicorn accepts, although two servers might interpret them differently."""

import re
from functools import lru_cache
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from ledger.phrases import Phrase
from producers.web.problems import Problem, closing

__all__ = ["check_head"]

#: Of these a proxy may look at the first, and we at the last.
_ONCE = (b"host", b"authorization", b"x-api-key", b"content-type", b"content-encoding", b"idempotency-key")
#: Of a connection that began without TLS or an upgrade, as all of ours do, whatever its first line says.
_VERSIONS = ("1.1", "1.0")
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~-]*)(?::[0-9]{0,5})?")


def check_head(scope: Any, headers: dict[bytes, bytes]) -> None:
    """`headers` are the last ones of each name. Raises Problem (400)."""
    if scope["http_version"] not in _VERSIONS:
        raise _refused(Phrase("its HTTP version is not supported: use 1.1 or 1.0"))
    _check_host(scope, headers.get(b"host"))
    coding = headers.get(b"transfer-encoding")
    # RFC 9112, 6.1: a coding of which an older server knows nothing would make the body a second request to it.
    if coding is not None and (scope["http_version"] != "1.1" or coding.lower() != b"chunked"):
        raise _refused(Phrase("a body may be chunked, but nothing else, and not in an older version of HTTP"))
    if len(headers) < len(scope["headers"]):
        _check_once([name for name, _ in scope["headers"]])


def _check_host(scope: Any, host: bytes | None) -> None:
    """RFC 9112, 3.2: HTTP/1.1 has exactly one Host. The console builds its own address from it, too."""
    if host is None and scope["http_version"] == "1.1":
        raise _refused(Phrase("the header Host is missing"))
    if host is not None and not _is_host(host):
        raise _refused(Phrase("the header Host is not a host and port"))


def _check_once(names: list[bytes]) -> None:
    for name in _ONCE:
        if names.count(name) > 1:
            raise _refused(Phrase("the header {title} appears twice", title=name.decode().title()))


@lru_cache(maxsize=256)
def _is_host(host: bytes) -> bool:
    if not _HOST.fullmatch(host):
        return False
    try:
        parts = urlsplit(f"//{host.decode()}")
        return parts.port is None or parts.port > 0
    except ValueError:  # brackets without an address in them, or a port that is too large
        return False


def _refused(detail: Phrase) -> Problem:
    return closing(HTTPStatus.BAD_REQUEST, Phrase("The request is not clear"), detail)
