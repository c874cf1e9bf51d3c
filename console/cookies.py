"""The console's cookies: hidden from scripts and other sites, and over https never sent without it."""

from starlette.requests import Request
from starlette.responses import Response

from console.sessions import SESSION_SECONDS

__all__ = ["FORM", "SESSION", "cookie_of", "set_cookie"]

#: The session.
SESSION = "deskbell_session"
#: The secret of form tokens, beside the session: the sign-in form needs a token too.
FORM = "deskbell_form"
#: Browsers accept a cookie of this name only over https, so that it cannot be planted over http.
_OVER_HTTPS = "__Secure-"
#: Where the console is mounted.
_PATH = "/console"


def cookie_of(request: Request, name: str) -> str | None:
    return request.cookies.get(_name(request, name))


def set_cookie(
    response: Response, request: Request, name: str, value: str, *, max_age_seconds: int = SESSION_SECONDS
) -> None:
    response.set_cookie(
        _name(request, name),
        value,
        max_age=max_age_seconds,
        path=_PATH,
        httponly=True,
        samesite="strict",
        secure=_is_https(request),
    )


def _name(request: Request, name: str) -> str:
    return _OVER_HTTPS + name if _is_https(request) else name


def _is_https(request: Request) -> bool:
    """As the first proxy in front says; a false claim harms only its sender."""
    said = request.headers.get("x-forwarded-proto", request.url.scheme)
    return said.partition(",")[0].strip().lower() == "https"
