"""The OpenAPI document: what FastAPI derives, and the keys, problems and bodies that it cannot know."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from producers.web.openapi.refusals import ProblemJson
from producers.web.openapi.requests import SCHEMAS

__all__ = ["document"]

_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer dbk_…`"},
    "header": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
}
#: What may be called without a key.
_OPEN = ("/healthz", "/readyz", "/v1/feishu/events")


def document(app: FastAPI) -> None:
    """Has the application serve the completed document. It is made once, when somebody asks."""

    def made() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _made(app)
        return app.openapi_schema

    app.openapi = made  # type: ignore[method-assign]


def _made(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    schemas = found["components"]["schemas"]
    schemas |= SCHEMAS | {"Problem": TypeAdapter(ProblemJson).json_schema()}
    found["components"]["securitySchemes"] = _SCHEMES
    found["security"] = [{name: []} for name in _SCHEMES]
    for path in _OPEN:
        for operation in found["paths"][path].values():
            operation["security"] = []
    return found
