"""The keys and scopes that operations need, as the OpenAPI document has them."""

from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute

from ledger.api_key import Scope
from producers.web.access import Needs

__all__ = ["SCHEMES", "add_scopes", "needing"]

SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer dbk_…`"},
    "header": {"type": "apiKey", "in": "header", "name": "X-Api-Key", "description": "`X-Api-Key: dbk_…`"},
}
#: What may be called without a key.
_OPEN = ("/healthz", "/readyz", "/v1/feishu/events")


def needing(*scopes: Scope) -> dict[str, Any]:
    """For `openapi_extra`: either way of sending a key, which has the scopes."""
    return {"security": [{scheme: [*scopes]} for scheme in SCHEMES]}


def add_scopes(document: dict[str, Any], routers: Iterable[APIRouter]) -> None:
    """To each operation what its dependencies check. FastAPI knows only its own classes for that."""
    document |= needing()
    for path in _OPEN:
        for operation in document["paths"][path].values():
            operation["security"] = []
    for route in (route for router in routers for route in router.routes):
        if isinstance(route, APIRoute) and (scopes := _scopes_of(route)):
            for method in route.methods or ():
                document["paths"][route.path][method.lower()] |= needing(*scopes)


def _scopes_of(route: APIRoute) -> list[Scope]:
    checks = [each.call for each in route.dependant.dependencies]
    return [check.scope for check in checks if isinstance(check, Needs) and check.scope]
