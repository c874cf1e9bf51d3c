"""Signing in with an API key and signing out; theme and language, which need no sign-in."""

from http import HTTPStatus

from starlette.responses import Response
from starlette.routing import Route

from console.cookies import SESSION, cookie_of, set_cookie
from console.i18n import LANGUAGES
from console.page_request import THEMES, PageRequest, own_path
from console.routing import open_action, open_page
from ledger.audit_log import record_action

__all__ = ["routes"]

#: How long theme and language are kept: a year, in seconds.
_KEPT_SECONDS = 365 * 86_400


def routes() -> list[Route]:
    return [
        open_page("/sign-in", _form),
        open_action("/sign-in", _sign_in),
        open_page("/sign-in/link", _link),
        open_action("/sign-in/link", _use_link),
        open_action("/sign-out", _sign_out),
        open_action("/preferences", _set_preferences),
    ]


def _form(request: PageRequest) -> Response:
    if request.viewer:
        return request.to(own_path(request.query("next")))
    # Without any key, a remote request cannot sign in yet.
    is_closed = not request.context.sessions.are_needed()
    return request.page("sign_in.html", next=request.query("next"), problem=None, is_closed=is_closed)


def _sign_in(request: PageRequest) -> Response:
    signed_in = request.context.sessions.sign_in(request.field("key"))
    if signed_in is None:
        return _failed(request)
    cookie, viewer = signed_in
    record_action(request.context.ledger, viewer.by, "sign in")
    response = request.to(own_path(request.field("next")))
    # A new cookie, so that knowing the old one gains nothing.
    set_cookie(response, request.http, SESSION, cookie)
    return response


def _link(request: PageRequest) -> Response:
    """Says whom the link signs in, and leaves it as it is: chat clients open links before people do."""
    key = request.context.sessions.links.key_of(request.query("token"))
    status = HTTPStatus.OK if key else HTTPStatus.GONE
    return request.page("sign_in_link.html", status, key=key, token=request.query("token"))


def _use_link(request: PageRequest) -> Response:
    signed_in = request.context.sessions.sign_in_by_link(request.field("token"))
    if signed_in is None:
        return request.page("sign_in_link.html", HTTPStatus.GONE, key=None, token="")
    cookie, viewer = signed_in
    record_action(request.context.ledger, viewer.by, "sign in by link")
    response = request.to("/")
    set_cookie(response, request.http, SESSION, cookie)
    return response


def _failed(request: PageRequest) -> Response:
    """Only failures count: a correct key works, even if others behind the same proxy fail."""
    address = request.http.client.host if request.http.client else "unknown"
    status, problem = HTTPStatus.UNAUTHORIZED, request.say("sign_in.wrong")
    if request.context.sessions.fails_too_often(address):
        status, problem = HTTPStatus.TOO_MANY_REQUESTS, request.say("sign_in.too_often")
    return request.page("sign_in.html", status, next=request.field("next"), problem=problem, is_closed=False)


def _sign_out(request: PageRequest) -> Response:
    cookie = cookie_of(request.http, SESSION)
    if request.viewer and request.viewer.digest and cookie:
        request.context.sessions.sign_out(cookie)
        request.context.live.check_logins()
        request.note("sign out")
    response = request.to("/sign-in")
    set_cookie(response, request.http, SESSION, "", max_age_seconds=0)
    return response


def _set_preferences(request: PageRequest) -> Response:
    """In cookies, so that a page is right from its first byte."""
    response = request.to(own_path(request.field("back")))
    for name, allowed in (("theme", THEMES), ("language", LANGUAGES)):
        if request.field(name):
            value = request.choice(name, allowed)
            set_cookie(response, request.http, f"deskbell_{name}", value, max_age_seconds=_KEPT_SECONDS)
    return response
