"""Routes to pages and actions: authorisation, CSRF, and error pages."""

import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import replace
from http import HTTPStatus
from urllib.parse import quote

import redis
from anyio import CapacityLimiter, to_thread
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from console.cookies import FORM, SESSION, cookie_of, set_cookie
from console.forms import read_form
from console.i18n import Language, chosen_language
from console.live import Draw, away
from console.page_request import ROOT, ConsoleContext, PageRequest
from console.sessions import LOCAL, Viewer, anonymous_cookie
from ledger.api_key import Scope
from ledger.connection import reachable
from ledger.errors import DeskbellError, LedgerUnreachable
from ledger.phrases import Phrase

__all__ = [
    "View",
    "action",
    "context_of",
    "http_error",
    "lacks",
    "live",
    "open_action",
    "open_page",
    "page",
    "refused",
    "stream",
]

log = logging.getLogger(__name__)

#: Files that are checked concurrently. One may keep a processor busy for a minute; other pages must not wait for it.
_uploading = CapacityLimiter(2)
#: Messages that are rendered while they are written: each may take a quarter of a second.
_working = CapacityLimiter(2)

View = Callable[[PageRequest], Response]

#: Texts for refusals by the server itself.
_TOLD_HTTP = {
    HTTPStatus.BAD_REQUEST: "error.bad_form",
    HTTPStatus.NOT_FOUND: "error.no_page",
    HTTPStatus.REQUEST_TIMEOUT: "error.too_slow",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "error.too_large",
}


def page(path: str, view: View) -> Route:
    """A page that requires signing in."""
    return Route(path, _endpoint(view), methods=["GET"])


def live(path: str, draw: Draw) -> Route:
    """The stream of a page's live parts."""
    return stream(path, lambda request: request.stream(draw))


def stream(path: str, view: View) -> Route:
    """A stream that has to look for its page's subject first."""
    return Route(path, _endpoint(view, is_live=True), methods=["GET"])


def action(
    path: str, view: View, *, needs: Scope = Scope.OPERATE, uploads: bool = False, is_heavy: bool = False
) -> Route:
    """The action of a form, for keys with a scope. `uploads`: the form may contain files. `is_heavy`: it works much."""
    return Route(path, _endpoint(view, needs=needs, uploads=uploads, is_heavy=is_heavy), methods=["POST"])


def open_page(path: str, view: View) -> Route:
    """A page that requires no sign-in."""
    return Route(path, _endpoint(view, is_open=True), methods=["GET"])


def open_action(path: str, view: View) -> Route:
    """The action of a form that requires no sign-in."""
    return Route(path, _endpoint(view, is_open=True), methods=["POST"])


def _endpoint(
    view: View,
    *,
    is_open: bool = False,
    needs: Scope | None = None,
    uploads: bool = False,
    is_live: bool = False,
    is_heavy: bool = False,
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        if uploads and (refusal := await to_thread.run_sync(_early_refusal, request, needs)):
            return refusal
        form = await read_form(request, uploads=uploads) if request.method == "POST" else None
        try:
            limiter = _uploading if uploads else _working if is_heavy else None
            return await to_thread.run_sync(_answer, request, form, view, is_open, needs, is_live, limiter=limiter)
        finally:
            if form:
                await form.close()

    return endpoint


def _answer(
    request: Request, form: FormData | None, view: View, is_open: bool, needs: Scope | None, is_live: bool
) -> Response:
    """Runs in a thread, since Redis blocks."""
    context, say = context_of(request), _language(request)
    cookie = cookie_of(request, FORM) or anonymous_cookie()
    page_request = PageRequest(request, context, None, say, cookie, form)
    if _is_followed_link(request):
        return page_request.page("bounce.html", here=page_request.here)
    try:
        with reachable(context.ledger.settings):
            viewer = _viewer(request, context)
            page_request = PageRequest(request, context, viewer, say, cookie, form)
            response = _refusal(page_request, is_open, needs) or view(page_request)
    except LedgerUnreachable as error:
        page_request = replace(page_request, redis_is_away=True)
        response = _away(page_request) if is_live else _error_page(page_request, error)
    except (DeskbellError, redis.RedisError) as error:
        response = _error_page(page_request, error)
    if cookie_of(request, FORM) is None:
        set_cookie(response, request, FORM, cookie)
    return response


def _is_followed_link(request: Request) -> bool:
    """Whether a link on another site led here: strict cookies are not sent then, so the page reloads itself."""
    headers = request.headers
    is_link = request.method == "GET" and headers.get("sec-fetch-mode") == "navigate"
    return is_link and headers.get("sec-fetch-site") == "cross-site"


def _early_refusal(request: Request, needs: Scope | None) -> Response | None:
    """Refuses before reading a file, which may be large: without a session, or without the scope."""
    context = context_of(request)
    try:
        with reachable(context.ledger.settings):
            viewer = _viewer(request, context)
    except (DeskbellError, redis.RedisError):
        return None  # the page itself reports it
    if viewer is None:
        return RedirectResponse(f"{ROOT}/sign-in", 303)
    if needs is None or needs in viewer.scopes:
        return None
    return lacks(PageRequest(request, context, viewer, _language(request), ""), needs)


def _viewer(request: Request, context: ConsoleContext) -> Viewer | None:
    cookie = cookie_of(request, SESSION)
    viewer = context.sessions.viewer(cookie) if cookie else None
    if viewer is None and not context.sessions.are_needed() and context.callers.is_local(request):
        return LOCAL
    return viewer


def _refusal(page_request: PageRequest, is_open: bool, needs: Scope | None) -> Response | None:
    """Why the request is refused, if it is."""
    if page_request.form is not None and not _is_ours(page_request):
        return _told(page_request, HTTPStatus.FORBIDDEN, page_request.say("error.csrf"))
    if is_open:
        return None
    if page_request.viewer is None:
        query = (
            f"?next={quote(page_request.here)}"
            if page_request.http.method == "GET" and page_request.here != "/"
            else ""
        )
        return RedirectResponse(f"{ROOT}/sign-in{query}", 303)
    if needs is not None and needs not in page_request.viewer.scopes:
        return lacks(page_request, needs)
    return _too_much(page_request, page_request.viewer)


def lacks(page_request: PageRequest, scope: Scope) -> Response:
    """The page that names the scope to get."""
    problem = page_request.say("error.lacks_scope", name=page_request.who.name, scope=str(scope))
    return _told(page_request, HTTPStatus.FORBIDDEN, problem)


def _too_much(page_request: PageRequest, viewer: Viewer) -> Response | None:
    """The limits of a key, as in the HTTP API."""
    if viewer.rated and (seconds := page_request.context.callers.wait_seconds(viewer.rated)):
        problem = page_request.say("error.too_often", name=viewer.name, rate=viewer.rated.rate, n=math.ceil(seconds))
        return _told(page_request, HTTPStatus.TOO_MANY_REQUESTS, problem)
    if viewer.digest and not page_request.context.callers.have_room(page_request.http, viewer.name):
        return _told(
            page_request, HTTPStatus.SERVICE_UNAVAILABLE, page_request.say("error.too_much_at_once", name=viewer.name)
        )
    return None


def _is_ours(page_request: PageRequest) -> bool:
    """Whether the form came from the console: it has the token, and the browser does not contradict."""
    is_same_site = page_request.http.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")
    # Compared plainly: the token is a hash of values that the caller must have sent.
    return (
        is_same_site
        and cookie_of(page_request.http, FORM) is not None
        and page_request.field("csrf") == page_request.csrf
    )


def _away(page_request: PageRequest) -> Response:
    """A stream that says so and ends: the browser comes back every two seconds, where a refusal would be answered by
    waiting ever longer."""
    said = away(page_request.context.templates, page_request.say.name)
    return Response(said, media_type="text/event-stream")


def _error_page(page_request: PageRequest, error: Exception) -> Response:
    known = error if isinstance(error, DeskbellError) else DeskbellError(Phrase("see the server's log"))
    status = HTTPStatus(known.http_status)
    if status is HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("a page of the console failed: %s", type(error).__name__, exc_info=error)
    elif isinstance(error, LedgerUnreachable):
        log.warning("a page cannot be shown: %s", error)  # one line for the whole outage: ledger.outage_log
    return _told(page_request, status, page_request.say.meaning(known.detail))


async def http_error(request: Request, error: Exception) -> Response:
    """The error page for requests that reach no page: a wrong URL, a form that is too large."""
    status = HTTPStatus(error.status_code if isinstance(error, HTTPException) else HTTPStatus.INTERNAL_SERVER_ERROR)
    say = _language(request)
    page_request = PageRequest(request, context_of(request), None, say, cookie_of(request, FORM) or "")
    return _told(page_request, status, say(_TOLD_HTTP.get(status, "error.refused")))


async def refused(request: Request, error: Exception) -> Response:
    """The page for what the server around us refuses while a form is read, such as one that comes too slowly. It brings
    its status along."""
    headers = getattr(error, "headers", None)
    if not isinstance(error, DeskbellError) or headers is None:
        raise error
    response = await http_error(request, HTTPException(error.http_status))
    response.headers.update(headers)  # such as the end of the connection: more of the form is in transit
    return response


def _told(page_request: PageRequest, status: HTTPStatus, problem: str) -> Response:
    return page_request.page("error.html", status, status=int(status), problem=problem)


def _language(request: Request) -> Language:
    return chosen_language(cookie_of(request, "deskbell_language"), request.headers.get("accept-language", ""))


def context_of(request: Request) -> ConsoleContext:
    context: ConsoleContext = request.app.state.context
    return context
