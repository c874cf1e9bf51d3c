"""How the bodies of requests are described. Our own strict code reads them, so FastAPI cannot derive them."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any

from pydantic import BaseModel

from producers.web.openapi.field_texts import TEXTS

__all__ = ["REFERENCE", "choice_body", "fields_of", "fixed_object", "json_body", "json_object", "with_null"]

REFERENCE = "#/components/schemas/{model}"


def json_body(schema: Mapping[str, Any], examples: Mapping[str, Any], *, required: bool = True) -> dict[str, Any]:
    """For `openapi_extra`. `examples` are values by their summaries."""
    named = {name: {"summary": name, "value": value} for name, value in examples.items()}
    content = {"application/json": {"schema": schema, "examples": named}}
    return {"requestBody": {"required": required, "content": content}}


def choice_body(
    title: str, name: str, choices: type[StrEnum], text: str, default: StrEnum | None = None
) -> dict[str, Any]:
    """The body that `bodies.chosen` reads."""
    choice = {"enum": [*choices], "type": "string", "description": text} | ({"default": default} if default else {})
    schema = fixed_object(title, {name: choice}, () if default else (name,), description=text)
    return json_body(schema, {choice: {name: choice} for choice in choices}, required=default is None)


def fixed_object(title: str, properties: Mapping[str, Any], required: Collection[str], **more: Any) -> dict[str, Any]:
    """An object without further members; `title` is its name in the document."""
    fixed = {"type": "object", "additionalProperties": False, "properties": properties, "required": [*required]}
    return {"title": title} | fixed | more


def json_object(title: str, fields: Mapping[str, Any], required: Collection[str], **more: Any) -> dict[str, Any]:
    """null is as good as leaving a field out."""
    properties = {name: field if name in required else with_null(field) for name, field in fields.items()}
    return fixed_object(title, properties, required, **more)


def with_null(field: Mapping[str, Any]) -> dict[str, Any]:
    """The same or null. What people read stays at the field, where generators look for it."""
    if "anyOf" in field:
        return {**field}
    outside = {name: field[name] for name in ("description", "default") if name in field}
    inside = {name: value for name, value in field.items() if name not in outside}
    return {"anyOf": [inside, {"type": "null"}], **outside}


def fields_of(model: type[BaseModel], names: Collection[str], written: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a model by their names, and those that callers write in another form than the ledger keeps."""
    fields = model.model_json_schema(ref_template=REFERENCE)["properties"] | written
    return {name: {"description": TEXTS[name]} | fields[name] for name in sorted(names)}
