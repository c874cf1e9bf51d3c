"""Theme and language, in cookies, so that a page is right from its first byte."""

from starlette.responses import Response
from starlette.routing import Route

from console.cookies import set_cookie
from console.i18n import LANGUAGES
from console.page_request import THEMES, PageRequest
from console.routing import open_action
from console.sign_in import own_path

__all__ = ["routes"]

#: A year, in seconds.
_KEPT_SECONDS = 365 * 86_400


def routes() -> list[Route]:
    return [open_action("/preferences", _set)]


def _set(request: PageRequest) -> Response:
    response = request.to(own_path(request.field("back")))
    for name, allowed in (("theme", THEMES), ("language", LANGUAGES)):
        if request.field(name):
            value = request.choice(name, allowed)
            set_cookie(response, request.http, f"deskbell_{name}", value, max_age_seconds=_KEPT_SECONDS)
    return response
