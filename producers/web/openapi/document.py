"""The OpenAPI document: what FastAPI derives, and the names, examples, keys and problems that it cannot know."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from producers.web.openapi import announcements, notifications
from producers.web.openapi.bodies import REFERENCE
from producers.web.openapi.examples import add_examples
from producers.web.openapi.naming import name_schemas
from producers.web.openapi.refusals import HEADERS, NAMES, ProblemJson, answers, problem_examples
from producers.web.openapi.scopes import SCHEMES, add_scopes
from producers.web.openapi.tags import TAGS
from producers.web.openapi.texts import add_texts

__all__ = ["document"]

_LANGUAGE = {
    "name": "Accept-Language",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "example": "zh-CN",
    "description": "The language of what people read in a problem: `zh` is Chinese, any other English.",
}
#: An address relative to the document's: whatever host it was fetched from.
_SERVERS: list[dict[str, Any]] = [{"url": "/", "description": "The server that this document comes from"}]
#: What FastAPI foresees for a route that says nothing of it. Ours are problems.
_OF_FASTAPI = "HTTPValidationError"


def document(app: FastAPI, routers: Sequence[APIRouter]) -> None:
    """Has the application serve the completed document. It is made once, when somebody asks."""

    def made() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _made(app, routers)
        return app.openapi_schema

    app.openapi = made  # type: ignore[method-assign]


def _made(app: FastAPI, routers: Sequence[APIRouter]) -> dict[str, Any]:
    # A copy: what the routes say of themselves is theirs, and below it changes in place.
    found = deepcopy(
        get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            servers=_SERVERS,
            tags=TAGS,
        )
    )
    found["info"]["license"] = {"name": "MIT", "identifier": "MIT"}
    components = found["components"]
    components["schemas"] |= notifications.SCHEMAS | announcements.SCHEMAS | _definitions(TypeAdapter(ProblemJson))
    components |= {"responses": answers(), "examples": problem_examples(), "securitySchemes": SCHEMES}
    components["headers"] = HEADERS
    add_scopes(found, routers)
    _refer_to_answers(found)
    _take_null_from_parameters(found)
    add_examples(found)
    name_schemas(found)
    add_texts(found)
    _take_languages(found)
    return found


def _take_languages(found: dict[str, Any]) -> None:
    """Every operation may refuse, in the language that was asked for."""
    for operations in found["paths"].values():
        for operation in operations.values():
            operation.setdefault("parameters", []).append(_LANGUAGE)


def _definitions(of: TypeAdapter[Any]) -> dict[str, Any]:
    schema = of.json_schema(ref_template=REFERENCE)
    definitions: dict[str, Any] = schema.pop("$defs", {})
    return definitions | {schema["title"]: schema}


def _take_null_from_parameters(found: dict[str, Any]) -> None:
    """What `X | None` means of a query is that it may be left out."""
    for operations in found["paths"].values():
        for parameter in (each for operation in operations.values() for each in operation.get("parameters", ())):
            match parameter["schema"]:
                case {"anyOf": [kind, {"type": "null"}]}:
                    parameter["schema"] = kind


def _refer_to_answers(found: dict[str, Any]) -> None:
    """Whatever a route says of a refusal only by its status stands once, under `components`."""
    for operations in found["paths"].values():
        for operation in operations.values():
            for status, answer in list(operation["responses"].items()):
                name, text = NAMES.get(int(status), (None, ""))
                if answer == {"description": text}:
                    operation["responses"][status] = {"$ref": f"#/components/responses/{name}"}
                elif _OF_FASTAPI in str(answer):
                    del operation["responses"][status]
