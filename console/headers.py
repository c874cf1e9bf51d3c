"""Security headers: no foreign content, nothing inline, no framing."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["POLICY", "SafeHeaders"]

#: What a page may load and do. Pages have no inline scripts or styles, only the console's own files.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_ALWAYS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
#: The console's files have their version in the URL.
_STATIC = "public, max-age=31536000, immutable"


class SafeHeaders:
    """Sets the headers on every answer. No cache may keep pages."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                _set(MutableHeaders(scope=message), scope, message)
            await send(message)

        await self._app(scope, receive, safely)


def _set(headers: MutableHeaders, scope: Scope, message: Message) -> None:
    for name, value in _ALWAYS.items():
        headers[name] = value
    is_file = "/static/" in scope["path"] and message["status"] in (200, 304)
    headers["cache-control"] = _STATIC if is_file and scope["query_string"] else "no-store"
