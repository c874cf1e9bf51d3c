"""Types and texts of the OpenAPI document as HTML."""

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from markdown_it import MarkdownIt
from markupsafe import Markup, escape

__all__ = ["Field", "fields_of", "inline_text", "long_text", "name_of", "type_of"]

_OR = Markup(" or ")


class Field(NamedTuple):
    """A parameter, or a property of an object."""

    name: str
    type: Markup
    is_required: bool
    text: Markup
    place: str = ""  #: of a parameter: path, query or header


@cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False})


def inline_text(text: str) -> Markup:
    """Of one line."""
    return Markup(_markdown().renderInline(text))  # noqa: S704  HTML is off


def long_text(text: str) -> Markup:
    """Of several paragraphs."""
    return Markup(_markdown().render(text))  # noqa: S704  HTML is off


def name_of(schema: Mapping[str, Any]) -> str | None:
    """Of the object that a reference leads to."""
    reference: str = schema.get("$ref", "")
    return reference.rpartition("/")[2] or None


def type_of(schema: Mapping[str, Any]) -> Markup:
    """`array of Notification`, with a link to what has a name."""
    if name := name_of(schema):
        return Markup('<a href="#{0}">{0}</a>').format(name)
    for several in ("anyOf", "oneOf"):
        if several in schema and not {"type", "properties"} & schema.keys():
            return _OR.join(map(type_of, schema[several]))
    if "const" in schema:
        return Markup("<code>{}</code>").format(schema["const"])
    if "enum" in schema:
        return _OR.join(Markup("<code>{}</code>").format(value) for value in schema["enum"])
    return _plain_type(schema)


def _plain_type(schema: Mapping[str, Any]) -> Markup:
    match schema.get("type"):
        case "array":
            return Markup("array of ") + type_of(schema.get("items", {}))
        case "object" if isinstance(schema.get("additionalProperties"), dict):
            return Markup("object of ") + type_of(schema["additionalProperties"])
        case list() as several:
            return _OR.join(map(escape, several))
        case str() as kind:
            return escape(f"{kind} ({schema['format']})" if "format" in schema else kind)
    return Markup("anything")


def fields_of(schema: Mapping[str, Any]) -> list[Field]:
    """The properties of an object, the required ones first."""
    required = schema.get("required", ())
    fields = [
        Field(name, type_of(of), name in required, inline_text(of["description"]))
        for name, of in schema.get("properties", {}).items()
    ]
    return sorted(fields, key=lambda field: not field.is_required)
