"""The console's ports, implemented by producers: drafts, contacts, callers and exports."""

from fastapi import APIRouter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse

from console.app import application
from console.ports import Ports
from ledger.api_key import ApiKey
from ledger.api_keys import ApiKeys
from producers.announcements.export import Format, export_of
from producers.web.access import is_local
from producers.web.console_contacts import DeskContacts
from producers.web.console_drafts import ConsoleDrafts
from producers.web.console_editing import ConsoleEditing
from producers.web.console_hooks import WebHooks
from producers.web.context import WebContext

__all__ = ["console_of", "router"]

#: Leads those who come to the front door to the console.
router = APIRouter(include_in_schema=False)


@router.get("/")
@router.get("/console")
async def to_the_console() -> RedirectResponse:
    return RedirectResponse("/console/", 307)


def console_of(context: WebContext) -> Starlette:
    """The console of this web process. Raises BadInput for an invalid file of error codes."""
    ports = Ports(
        drafting=ConsoleDrafts(context.ledger),
        editing=ConsoleEditing(context.ledger),
        contacts=DeskContacts(context.ledger),
        exports=lambda id, written_as, whole: export_of(context.ledger, id, Format(written_as), whole=whole),
        callers=WebCallers(context),
        hooks=WebHooks(context),
    )
    return application(context.screen, ApiKeys(context.screen), ports)


class WebCallers:
    """Shares counts with the HTTP API."""

    def __init__(self, context: WebContext) -> None:
        self._context = context

    def is_local(self, request: Request) -> bool:
        return is_local(request)

    def wait_seconds(self, key: ApiKey) -> float:
        return self._context.key_verifier.wait_seconds(key)

    def have_room(self, request: Request, key: str) -> bool:
        return self._context.shares.take(request.scope, key)
