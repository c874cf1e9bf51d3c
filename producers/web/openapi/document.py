"""The OpenAPI document: what FastAPI derives, and the keys and problems that all routes share."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from producers.web.openapi.notifications import Refusal

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
    components = found.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = Refusal.model_json_schema()
    components["securitySchemes"] = _SCHEMES
    found["security"] = [{name: []} for name in _SCHEMES]
    for path, operations in found["paths"].items():
        for operation in operations.values():
            if path in _OPEN:
                operation["security"] = []
            _drop_derived_refusal(operation)
    return found


def _drop_derived_refusal(operation: dict[str, Any]) -> None:
    """FastAPI announces a 422 of its own shape wherever there are parameters; ours are problems."""
    content = operation["responses"].get("422", {}).get("content", {})
    if "application/json" in content:
        del operation["responses"]["422"]
