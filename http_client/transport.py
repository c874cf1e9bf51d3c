"""One HTTP exchange, and a thread's way to one server.

`requests` gives a request its form, opens the connection (TLS, CA files, names), and knows proxies. What lies between
costs it half a millisecond for a short answer, which is more than all the rest of a delivery; writing the request in
one piece and reading the answer back at once costs a tenth of that.
"""

import threading
from functools import cache
from http.client import HTTPResponse
from importlib import metadata
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.models import PreparedRequest
from requests.utils import select_proxy
from urllib3 import HTTPConnectionPool, HTTPHeaderDict, HTTPSConnectionPool
from urllib3 import HTTPResponse as RawResponse

from http_client.connection import (
    Deadline,
    TrackedConnection,
    TrackedHTTPConnection,
    TrackedHTTPSConnection,
    current,
)
from http_client.errors import FOREIGN, MaybeSent, translated
from http_client.response import NeedsFullParser, Response, read_plain

__all__ = ["Transport", "close_transport", "transport_to"]

_CHUNK_BYTES = 64 * 1024

#: For the timeouts of `requests`, seconds: the deadline of the exchange always comes first.
_FOREVER_SECONDS = 3600


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = TrackedHTTPConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = TrackedHTTPSConnection


_POOLS: dict[str, type[HTTPConnectionPool]] = {"http": _HTTPPool, "https": _HTTPSPool}


class _Adapter(HTTPAdapter):
    """That of `requests`, with one connection, which is tracked."""

    def __init__(self, server_name: str | None) -> None:
        self._server_name = server_name
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **{**kwargs, "server_hostname": self._server_name})
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        if proxy.lower().startswith("socks"):
            # Its pools make connections of their own, on which nobody would see whether a request left.
            raise requests.exceptions.InvalidSchema("SOCKS proxies are not supported")
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager


class Transport:
    """One thread's connection to the server of `url`.

    It obeys the proxy and CA variables of the environment, except towards this machine. With a `server_name` the host
    of `url` is an address, and the server's certificate must be for that name. No proxy is used then, since a proxy
    would look the name up by itself, and the CA variables always count.
    """

    def __init__(self, url: str, *, server_name: str | None = None) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.headers["User-Agent"] = _user_agent()
        self._session.auth = _unchanged  # with none at all, requests would look for one in somebody's .netrc
        self._session.trust_env = server_name is not None or not _is_loopback(urlsplit(url).hostname or "")
        # Read once: `requests` reads them for each request, and they do not change under a running process.
        environment = self._session.merge_environment_settings(url, {}, True, None, None)
        self._verify: Any = environment["verify"]
        self._proxies = environment["proxies"] if server_name is None else {}
        self._has_proxy = bool(select_proxy(url, self._proxies))
        self._adapter = _Adapter(server_name)
        self._connection: TrackedConnection | None = None

    def prepare(self, request: requests.Request) -> PreparedRequest:
        """Gives a request its form. Raises Unsendable."""
        try:
            return self._session.prepare_request(request)
        except FOREIGN as error:
            raise translated(error, whole_request_left=False) from error

    def send(self, request: PreparedRequest, deadline: Deadline, *, max_bytes: int, truncate: bool = False) -> Response:
        """Makes one request and reads its answer. A redirect is an answer like any other.

        With `truncate`, no more than the first `max_bytes` of a body are read, and they stay as they were sent: what
        is compressed may grow a thousandfold.

        Raises:
            NeverSent, MaybeSent, Unsendable: no complete answer of at most `max_bytes` came by the deadline.
        """
        with _Exchange(deadline):
            if self._has_proxy:  # tunnels and absolute URLs are the business of `requests`
                return self._send_by_proxy(request, max_bytes, truncate=truncate)
            connection = self._connection_for(request)
            connection.write(_request_bytes(request))
            return _answer(connection, str(request.method), max_bytes, truncate=truncate)

    def connect_ahead(self, deadline: Deadline) -> None:
        """Connects, so that the next request leaves at once; through a proxy nothing is done. Raises as `send`."""
        if self._has_proxy or (self._connection is not None and self._connection.is_ready()):
            return
        request = PreparedRequest()
        request.url = self._url
        with _Exchange(deadline):
            self._connection_for(request).ensure_connected()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._adapter.close()

    def _send_by_proxy(self, request: PreparedRequest, max_bytes: int, *, truncate: bool) -> Response:
        with self._adapter.send(
            request, stream=True, timeout=_FOREVER_SECONDS, verify=self._verify, proxies=self._proxies
        ) as answer:
            response = _response(answer.raw, max_bytes, truncate=truncate)
            if current.connection is not None and not truncate:
                current.connection.end_request()
            return response

    def _connection_for(self, request: PreparedRequest) -> TrackedConnection:
        if self._connection is None:
            pool: Any = self._adapter.get_connection_with_tls_context(request, self._verify)
            self._adapter.cert_verify(pool, request.url, self._verify, None)  # type: ignore[no-untyped-call]
            self._connection = pool._get_conn()
        return self._connection


class _Transports(threading.local):
    def __init__(self) -> None:
        self.by_url: dict[str, Transport] = {}


_transports = _Transports()


def transport_to(url: str) -> Transport:
    """The calling thread's transport to a server: hundreds of desks of one server share its connection."""
    if url not in _transports.by_url:
        _transports.by_url[url] = Transport(url)
    return _transports.by_url[url]


def close_transport(url: str) -> None:
    """Closes the calling thread's connection to a server."""
    transport = _transports.by_url.pop(url, None)
    if transport is not None:
        transport.close()


class _Exchange:
    """Around everything that uses a connection. A class: generators around each call cost seven times as much."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline

    def __enter__(self) -> None:
        current.deadline, current.connection = self._deadline, None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        connection = current.connection
        if error is not None and connection is not None:
            connection.close()  # what is left of the answer would be taken for the next one
        del current.deadline
        current.connection = None
        if isinstance(error, FOREIGN):
            raise translated(error, whole_request_left=self._deadline.whole_request_left) from error


def _request_bytes(request: PreparedRequest) -> bytes:
    """All of it, to be written at once: two writes would be two packets, and wake the server twice."""
    lines = [f"{request.method} {request.path_url} HTTP/1.1"]
    if "Host" not in request.headers:
        lines.append(f"Host: {urlsplit(str(request.url)).netloc.rpartition('@')[2]}")
    lines += [f"{name}: {_as_text(value)}" for name, value in request.headers.items()]
    body = request.body or b""
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body if isinstance(body, bytes) else body.encode())


def _as_text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _answer(connection: TrackedConnection, method: str, max_bytes: int, *, truncate: bool) -> Response:
    received = b""
    if not truncate:
        try:
            response, is_reusable = read_plain(connection.receive, max_bytes)
        except NeedsFullParser as incomplete:
            received = incomplete.received
        else:
            connection.end_request(is_reusable=is_reusable)
            return response
    original = connection.parse_rest(method, received)
    response = _response(_raw(original), max_bytes, truncate=truncate)
    if original.isclosed():
        connection.end_request(is_reusable=not original.will_close)
    else:
        connection.close()  # what is left of the answer would be taken for the next one
    return response


def _response(raw: RawResponse, max_bytes: int, *, truncate: bool) -> Response:
    body = raw.read(max_bytes, decode_content=False) if truncate else _whole_body(raw, max_bytes)
    return Response(raw.status, {name.lower(): value for name, value in raw.headers.items()}, body)


def _whole_body(raw: RawResponse, max_bytes: int) -> bytes:
    body = bytearray()
    for chunk in raw.stream(_CHUNK_BYTES, decode_content=True):
        body += chunk
        if len(body) > max_bytes:
            raise MaybeSent("too long")
    return bytes(body)


def _raw(original: HTTPResponse) -> RawResponse:
    return RawResponse(
        original,
        HTTPHeaderDict(original.msg.items()),
        original.status,
        original.version,
        reason=original.reason,
        preload_content=False,
        decode_content=False,
        original_response=original,
        request_method=getattr(original, "_method", None),
    )


@cache
def _user_agent() -> str:
    return f"deskbell/{metadata.version('deskbell')}"


def _unchanged(request: PreparedRequest) -> PreparedRequest:
    return request


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
