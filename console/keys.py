"""The page *Keys*, for keys with the scope admin: making them, sign-in links, revoking them."""

from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from console.page_request import PageRequest
from console.routing import action, lacks, page
from ledger.api_key import Scope
from ledger.errors import BadInput, NotFound
from ledger.key_grants import manages
from ledger.key_request import KeyRequest
from ledger.sign_in_links import SignInLink

__all__ = ["routes"]

#: More than any limit that a key may have.
MOST = 10**9


def routes() -> list[Route]:
    return [
        page("/keys", _page),
        action("/keys", _create, needs=Scope.ADMIN),
        action("/keys/{id}/link", _link, needs=Scope.ADMIN),
        action("/keys/{id}/revoke", _revoke, needs=Scope.ADMIN),
    ]


def _page(request: PageRequest) -> Response:
    return _shown(request) if request.who.may_manage_keys else lacks(request, Scope.ADMIN)


def _shown(request: PageRequest, status: int = 200, **more: Any) -> Response:
    """`made` is a key with its secret, `link` a sign-in link: both are shown by this one answer, and by no other."""
    who, ledger = request.who, request.context.ledger
    keys = [key for key in request.context.keys.list() if manages(who.key, key)]
    return request.page(
        "keys.html",
        status,
        keys=sorted(keys, key=lambda key: key.revoked_at is not None),
        scopes=[scope for scope in Scope if scope in who.scopes],
        desks=[name for name in ledger.settings.all_desks if who.sees(name)],
        public_url=ledger.settings.public_url,
        **{"made": None, "link": None, "problem": None, **more},
    )


def _create(request: PageRequest) -> Response:
    """The secret stands in this answer, and is not led on to a page: a URL or a store would keep it."""
    try:
        made = _asked(request).make(request.context.keys, request.who.by, request.who.key)
    except BadInput as problem:
        return _shown(request, 422, problem=problem)
    return _shown(request, 201, made=made)


def _asked(request: PageRequest) -> KeyRequest:
    """Raises BadInput."""
    return KeyRequest.build(
        {
            "name": request.field("name"),
            "scopes": request.values("scope"),
            "desks": request.values("desk") or _all_desks(request),
            "rate": request.field("rate") or None,
            "max_rows": request.number("max_rows", MOST, least=1),
            "daily": request.number("daily", MOST, least=1),
            "only": request.addresses("only") or None,
            "test": bool(request.field("test")),
        }
    )


def _all_desks(request: PageRequest) -> list[str] | None:
    """What no box ticked means: all desks that this person has."""
    return None if request.who.desks is None else sorted(request.who.desks)


def _link(request: PageRequest) -> Response:
    """As a secret, it stands in this answer alone."""
    link = request.context.sessions.links.make(_managed(request), request.who.by, request.who.key)
    return _shown(request, 201, link=link, link_url=_url_of(request, link))


def _url_of(request: PageRequest, link: SignInLink) -> str:
    """Without DESKBELL_PUBLIC_URL it is a path, which the browser completes: no URL is built from `Host`."""
    return link.url(request.context.ledger.settings.public_url)


def _revoke(request: PageRequest) -> Response:
    key = request.context.keys.revoke(_managed(request), request.who.by, request.who.key)
    request.context.live.check_logins()
    return request.to("/keys", flash="key_revoked", id=key.name)


def _managed(request: PageRequest) -> str:
    """The id in the path. Raises NotFound, also for a key of other desks."""
    id = request.part("id")
    if not any(key.id == id and manages(request.who.key, key) for key in request.context.keys.list()):
        raise NotFound(id[:40])
    return id
