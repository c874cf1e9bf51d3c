"""A thread's way to one server: an adapter of `requests` that writes a request in one piece and reads it back at once.

`requests` opens the connection (TLS, CA files, names) and gives request and answer their form. What lies between costs
it half a millisecond for a short answer, which is more than all the rest of a delivery; here it is a tenth of that.
"""

import threading
from collections.abc import Callable
from http.client import HTTPResponse
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.models import PreparedRequest
from requests.structures import CaseInsensitiveDict
from requests.utils import select_proxy
from urllib3 import HTTPHeaderDict
from urllib3 import HTTPResponse as RawResponse

from http_client.http1 import NeedsFullParser, PlainAnswer, read_plain, request_bytes
from http_client.transport import (
    FOREVER_SECONDS,
    Deadline,
    Response,
    TrackedAdapter,
    TrackedConnection,
    answered,
    on_the_wire,
)

__all__ = ["Session", "close_session", "exchange_prepared", "session_to"]

#: An answer that is longer is read by the general reader, whose caller bounds it.
_PLAIN_BYTES = 1 << 20


class FastAdapter(TrackedAdapter):
    """Keeps one connection, since a session is one thread's."""

    def __init__(self) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)
        self._kept: tuple[object, TrackedConnection] | None = None
        self._reading: HTTPResponse | None = None

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        """Through a proxy as `requests` does it: tunnels and absolute URLs are its business."""
        if select_proxy(str(request.url), options.get("proxies")):
            return super().send(request, *args, **options)
        connection = self._connection(request, options.get("verify", True), options.get("cert"))
        try:
            return self._exchanged(connection, request)
        except BaseException:
            connection.close()
            raise

    def connect_ahead(self, request: PreparedRequest, *, verify: Any, cert: Any, proxies: Any, **_: Any) -> None:
        """Connects to where the request will go, unless that is done, or a proxy's business."""
        if select_proxy(str(request.url), proxies):
            return
        self._connection(request, verify, cert).be_connected()

    def close(self) -> None:
        if self._kept is not None:
            self._kept[1].close()
        super().close()

    def _connection(self, request: PreparedRequest, verify: Any, cert: Any) -> TrackedConnection:
        parts = urlsplit(str(request.url))
        to = (parts.scheme, parts.netloc, verify, cert)
        if self._kept is None or self._kept[0] != to:
            self.close()
            pool: Any = self.get_connection_with_tls_context(request, verify, None, cert)
            self.cert_verify(pool, request.url, verify, cert)  # type: ignore[no-untyped-call]
            self._kept = to, pool._get_conn()
        return self._kept[1]

    def _exchanged(self, connection: TrackedConnection, request: PreparedRequest) -> requests.Response:
        if self._reading is not None and (self._reading.will_close or not self._reading.isclosed()):
            connection.close()  # what is left of the answer before would be taken for the next one
        self._reading = None
        body = request.body or b""
        connection.write(request_bytes(request, body if isinstance(body, bytes) else body.encode()))
        try:
            answer = read_plain(connection.receive, _PLAIN_BYTES)
        except NeedsFullParser as incomplete:
            self._reading = connection.read_on(str(request.method), incomplete.received)
            response: requests.Response = self.build_response(request, _raw(self._reading))
            return response
        connection.end_request()
        if not answer.reusable:
            connection.close()
        return _response(request, answer)


class Session(requests.Session):
    """It obeys the proxy and CA variables of the environment, except towards this machine."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.trust_env = not _is_loopback(urlsplit(url).hostname or "")
        for scheme in ("http://", "https://"):
            self.mount(scheme, FastAdapter())
        self._root = PreparedRequest()
        self._root.url = url
        # Read once: `requests` reads them for each request, and they do not change under a running process.
        self.surroundings: Any = self.merge_environment_settings(url, {}, True, None, None)

    def connect_ahead(self, deadline: Deadline) -> None:
        """So that the next request leaves at once. Raises as `wire.exchange`."""
        adapter = self.get_adapter(self._root.url or "")
        if isinstance(adapter, FastAdapter):
            with on_the_wire(deadline):
                adapter.connect_ahead(self._root, **self.surroundings)

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Nothing is ever redirected. Without this, requests reads and parses a target even if told not to follow."""


class _Sessions(threading.local):
    def __init__(self) -> None:
        self.by_url: dict[str, Session] = {}


_sessions = _Sessions()


def session_to(url: str) -> Session:
    """The calling thread's session for a server: hundreds of desks of one server share its connection."""
    if url not in _sessions.by_url:
        _sessions.by_url[url] = Session(url)
    return _sessions.by_url[url]


def close_session(url: str) -> None:
    """Closes the calling thread's connection to a server."""
    session = _sessions.by_url.pop(url, None)
    if session is not None:
        session.close()


def exchange_prepared(
    session: Session, deadline: Deadline, prepare: Callable[[], PreparedRequest], *, max_bytes: int
) -> Response:
    """Makes the request that `prepare` gives, without what a session adds to each. Raises as `wire.exchange`."""

    def ask() -> requests.Response:
        request = prepare()
        return session.get_adapter(str(request.url)).send(request, timeout=FOREVER_SECONDS, **session.surroundings)

    return answered(ask, deadline, max_bytes)


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


def _response(request: PreparedRequest, answer: PlainAnswer) -> requests.Response:
    response = requests.Response()
    response.request, response.url = request, str(request.url)
    response.status_code, response.headers = answer.http_status, CaseInsensitiveDict(answer.headers)
    response._content, response._content_consumed = answer.body, True  # type: ignore[attr-defined]
    return response


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
