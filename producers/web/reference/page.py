"""`/docs/api`: the reference of the HTTP API for people, in the look of the console and from the server itself."""

from collections.abc import Callable
from functools import cache
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route, request_response

from console.headers import SafeHeaders
from console.i18n import LANGUAGES, chosen_language, language
from console.templating import environment
from producers.web.reference.contents import contents_of

__all__ = ["PATH", "reference_route"]

PATH = "/docs/api"
#: The variables of the examples.
_SHELL = """\
export DESKBELL=http://127.0.0.1:8480
export KEY=$(deskbell key create --name me --scope send --scope read)"""


def reference_route(document: Callable[[], dict[str, Any]]) -> Route:
    """The page of this document, for anybody who may read that."""

    @cache
    def rendered(name: str) -> str:
        template = environment().get_template("reference.html")
        return template.render(
            say=language(name), api=contents_of(document()), path=PATH, languages=LANGUAGES, shell=_SHELL
        )

    def page(request: Request) -> Response:
        say = chosen_language(request.query_params.get("language"), request.headers.get("accept-language", ""))
        return HTMLResponse(rendered(say.name), headers={"Vary": "Accept-Language"})

    return Route(PATH, SafeHeaders(request_response(page)), methods=["GET"], name="reference")
