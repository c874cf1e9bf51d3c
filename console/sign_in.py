"""Signing in with an API key, and signing out."""

from http import HTTPStatus

from starlette.responses import Response
from starlette.routing import Route

from console.cookies import SESSION, cookie_of, set_cookie
from console.doorway import open_act, open_look
from console.visit import Visit
from ledger.audit_log import record_action

__all__ = ["own_path", "routes"]


def routes() -> list[Route]:
    return [open_look("/sign-in", _form), open_act("/sign-in", _sign_in), open_act("/sign-out", _sign_out)]


def _form(visit: Visit) -> Response:
    if visit.viewer:
        return visit.to(own_path(visit.query("next")))
    # Without a key, and from another machine: there is nothing to sign in with yet.
    is_closed = not visit.site.sessions.are_needed()
    return visit.page("sign_in.html", next=visit.query("next"), problem=None, is_closed=is_closed)


def _sign_in(visit: Visit) -> Response:
    found = visit.site.sessions.sign_in(visit.field("key"))
    if found is None:
        return _failed(visit)
    cookie, viewer = found
    record_action(visit.site.ledger, viewer.by, "sign in")
    response = visit.to(own_path(visit.field("next")))
    # A new one: whoever knew the cookie from before gains nothing.
    set_cookie(response, visit.request, SESSION, cookie)
    return response


def _failed(visit: Visit) -> Response:
    """Failures alone are counted: a right key is let in, however often others behind the same proxy fail."""
    address = visit.request.client.host if visit.request.client else "unknown"
    if visit.site.sessions.fails_too_often(address):
        return _refused(visit, HTTPStatus.TOO_MANY_REQUESTS, "sign_in.too_often")
    return _refused(visit, HTTPStatus.UNAUTHORIZED, "sign_in.wrong")


def _refused(visit: Visit, status: HTTPStatus, problem: str) -> Response:
    return visit.page("sign_in.html", status, next=visit.field("next"), problem=visit.say(problem), is_closed=False)


def _sign_out(visit: Visit) -> Response:
    cookie = cookie_of(visit.request, SESSION)
    if visit.viewer and visit.viewer.digest and cookie:
        visit.site.sessions.sign_out(cookie)
        visit.site.live.check_logins()
        visit.note("sign out")
    response = visit.to("/sign-in")
    set_cookie(response, visit.request, SESSION, "", max_age_seconds=0)
    return response


def own_path(path: str) -> str:
    """A path of the console, and nothing that leads elsewhere. Browsers take a backslash for a slash, and leave tabs
    and line ends out."""
    is_ours = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if is_ours else "/"
