"""The cookies of the console: out of reach for scripts and for other sites, and with https never sent without it."""

from starlette.requests import Request
from starlette.responses import Response

from console.sessions import SESSION_SECONDS

__all__ = ["FORM", "SESSION", "cookie_of", "set_cookie"]

#: Who has signed in.
SESSION = "deskbell_session"
#: What the tokens of the forms are made of, beside the session: the form for signing in needs one, too.
FORM = "deskbell_form"
#: Browsers take a cookie of such a name over https only, so that nobody on the way can plant one with http.
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
    """A proxy in front that speaks https says so, the first one first; who lies about it only harms themselves."""
    said = request.headers.get("x-forwarded-proto", request.url.scheme)
    return said.partition(",")[0].strip().lower() == "https"
