"""Light or dark, and the language: kept in cookies, so that a page is right from its first byte."""

from starlette.responses import Response
from starlette.routing import Route

from console.cookies import set_cookie
from console.doorway import open_act
from console.languages import LANGUAGES
from console.sign_in import own_path
from console.visit import THEMES, Visit

__all__ = ["routes"]

#: A year, seconds.
_KEPT_SECONDS = 365 * 86_400


def routes() -> list[Route]:
    return [open_act("/preferences", _set)]


def _set(visit: Visit) -> Response:
    response = visit.to(own_path(visit.field("back")))
    for name, allowed in (("theme", THEMES), ("language", LANGUAGES)):
        if visit.field(name):
            value = visit.choice(name, allowed)
            set_cookie(response, visit.request, f"deskbell_{name}", value, max_age_seconds=_KEPT_SECONDS)
    return response
