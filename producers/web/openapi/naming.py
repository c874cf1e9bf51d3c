"""The names in the OpenAPI document: of operations, from their functions, and of schemas, from their classes."""

from collections.abc import Iterator
from typing import Any

from fastapi.routing import APIRoute

__all__ = ["name_schemas", "objects_in", "operation_id"]

Path = tuple[str | int, ...]

_REFERENCE = "#/components/schemas/"
#: Ends the name of a class that is the JSON of another; in the document there is only the one.
_SUFFIX = "Json"
#: Classes that a reader of the document does not know from their packages.
_RENAMED = {"State": "NotificationState", "Accepted": "AcceptedNotification", "Announced": "AcceptedAnnouncement"}
#: What FastAPI adds for its own errors, which are problems here.
_UNUSED = ("HTTPValidationError", "ValidationError")


def operation_id(route: APIRoute) -> str:
    """`sendNotification`, for the function `send_notification`."""
    first, *others = route.name.split("_")
    return first + "".join(word.capitalize() for word in others)


def objects_in(node: Any, path: Path = ()) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every object in a document with its path, but none of those in examples."""
    if isinstance(node, dict):
        yield path, node
        for name, value in node.items():
            if name not in ("example", "examples") or path[-1:] == ("properties",):
                yield from objects_in(value, (*path, name))
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from objects_in(value, (*path, number))


def name_schemas(document: dict[str, Any]) -> None:
    """Puts every object under `components`, by the name that it has as its title, and takes all other titles away."""
    schemas: dict[str, Any] = document["components"]["schemas"]
    for name in _UNUSED:
        schemas.pop(name, None)
    for path, node in list(objects_in(document)):
        if "properties" in node and path[:-1] != ("components", "schemas"):
            _move(node, schemas)
    document["components"]["schemas"] = {
        _named(name): schema | {"title": _named(name)} for name, schema in schemas.items()
    }
    for path, node in objects_in(document):
        if str(node.get("$ref")).startswith(_REFERENCE):
            node["$ref"] = _REFERENCE + _named(node["$ref"].removeprefix(_REFERENCE))
        elif path[:-1] != ("components", "schemas") and isinstance(node.get("title"), str) and path != ("info",):
            del node["title"]


def _move(node: dict[str, Any], schemas: dict[str, Any]) -> None:
    name = node["title"]
    schemas[name] = {**node}
    node.clear()
    node["$ref"] = _REFERENCE + name


def _named(name: str) -> str:
    return _RENAMED.get(name, name.removesuffix(_SUFFIX))
