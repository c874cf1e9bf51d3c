"""The console's application, which `deskbell web` mounts."""

from functools import partial
from importlib.resources import files

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from console import (
    announcements,
    documentation,
    drafts,
    editor,
    new_announcement,
    notifications,
    people,
    settling,
    sign_in,
)
from console import home as now
from console import hooks as hook_pages
from console import keys as keys_page
from console import needs_you as needs
from console.failures import Failures, meaning_of
from console.headers import SafeHeaders
from console.live import Live
from console.page_request import ConsoleContext
from console.ports import Ports
from console.routing import http_error, refused
from console.sessions import Sessions
from console.templating import environment
from feishu.codes import CodeTable
from ledger.api_keys import ApiKeys
from ledger.errors import DeskbellError
from ledger.ledger import Ledger

__all__ = ["application", "page_routes"]

_PAGES = (
    *(sign_in, now, people, new_announcement, editor, drafts, announcements, notifications, needs, hook_pages),
    *(keys_page, documentation, settling),
)


def page_routes() -> list[Route]:
    """Of all pages and actions."""
    return [route for module in _PAGES for route in module.routes()]


def application(ledger: Ledger, keys: ApiKeys, ports: Ports) -> Starlette:
    """Opens no connection yet. Mount it at `/console`.

    Raises BadInput for an invalid file of error codes.
    """
    templates = environment()
    sessions = Sessions(ledger, keys)
    codes = CodeTable.load(ledger.settings.error_codes)
    templates.globals["meaning_of"] = partial(meaning_of, codes)
    live = Live(ledger, templates, sessions)
    static = StaticFiles(directory=str(files("console").joinpath("static")))
    app = Starlette(
        routes=[Mount("/static", static, name="static"), *page_routes()],
        exception_handlers={HTTPException: http_error, DeskbellError: refused},
    )
    # A redirect would follow `Host`, and use http behind a TLS proxy.
    app.router.redirect_slashes = False
    app.add_middleware(SafeHeaders)
    failures = Failures(ledger, codes)
    app.state.context = ConsoleContext(ledger, keys, sessions, live, codes, failures, templates, **vars(ports))
    return app
