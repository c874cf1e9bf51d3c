"""What the reference page shows: the operations of the OpenAPI document by tag, its objects, and its problems."""

import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from markupsafe import Markup

from producers.web.reference.curl import curl_of
from producers.web.reference.schema_text import Field, fields_of, inline_text, long_text, name_of, type_of

__all__ = ["Contents", "contents_of"]


class Example(NamedTuple):
    title: str
    text: str


class Body(NamedTuple):
    """What is sent or answered in one media type."""

    media_type: str
    type: Markup
    fields: list[Field]
    examples: list[Example]


class Answer(NamedTuple):
    status: int
    text: Markup
    bodies: list[Body]


class Operation(NamedTuple):
    id: str
    method: str
    path: str
    title: str
    text: Markup
    scopes: list[str]
    is_open: bool  #: needs no key
    parameters: list[Field]
    bodies: list[Body]
    examples: list[Example]  #: commands
    answers: list[Answer]
    refusals: list[tuple[int, str]]  #: statuses, and the names of the answers


class Group(NamedTuple):
    name: str
    text: Markup
    operations: list[Operation]


class Thing(NamedTuple):
    """An object, or a choice of values."""

    name: str
    text: Markup
    type: Markup | None  #: of what has no fields
    fields: list[Field]


class Refusal(NamedTuple):
    """An answer that refuses, with the problems that have its status."""

    name: str
    status: int
    text: Markup
    problems: list[Example]


class Contents(NamedTuple):
    version: str
    text: Markup
    groups: list[Group]
    refusals: list[Refusal]
    things: list[Thing]


def contents_of(document: Mapping[str, Any]) -> Contents:
    components = document["components"]
    operations = list(_operations(document))
    groups = [
        Group(tag["name"], inline_text(tag["description"]), [each for name, each in operations if name == tag["name"]])
        for tag in document["tags"]
    ]
    return Contents(
        document["info"]["version"],
        long_text(document["info"]["description"]),
        groups,
        [_refusal(name, answer, components) for name, answer in components["responses"].items()],
        [_thing(name, components["schemas"][name]) for name in sorted(components["schemas"])],
    )


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, Operation]]:
    schemas = document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield operation["tags"][0], _operation(method.upper(), path, operation, schemas)


def _operation(method: str, path: str, found: Mapping[str, Any], schemas: Mapping[str, Any]) -> Operation:
    content = found.get("requestBody", {}).get("content", {})
    commands = [
        Example(example.title, curl_of(method, path, found, kind, value))
        for kind, media in content.items()
        for example, value in zip(_examples(media), _values(media), strict=True)
    ]
    keys = found.get("security")
    answers = found["responses"].items()
    return Operation(
        found["operationId"],
        method,
        path,
        found["summary"],
        long_text(found["description"]),
        next(iter(keys[0].values())) if keys else [],
        keys == [],
        [_parameter(each) for each in found.get("parameters", ())],
        [_body(kind, media, schemas) for kind, media in content.items()],
        commands or [Example("", curl_of(method, path, found))],
        [_answer(int(status), answer, schemas) for status, answer in answers if "$ref" not in answer],
        sorted((int(status), name) for status, answer in answers if (name := name_of(answer))),
    )


def _parameter(found: Mapping[str, Any]) -> Field:
    is_required = found.get("required", False)
    return Field(found["name"], type_of(found["schema"]), is_required, inline_text(found["description"]), found["in"])


def _body(kind: str, media: Mapping[str, Any], schemas: Mapping[str, Any]) -> Body:
    schema = media.get("schema", {})
    name = name_of(schema)
    return Body(kind, type_of(schema), fields_of(schemas[name]) if name else [], _examples(media))


def _answer(status: int, found: Mapping[str, Any], schemas: Mapping[str, Any]) -> Answer:
    bodies = [_body(kind, media, schemas) for kind, media in found.get("content", {}).items()]
    return Answer(status, inline_text(found.get("description") or HTTPStatus(status).phrase), bodies)


def _values(media: Mapping[str, Any]) -> list[Any]:
    values = [each["value"] for each in media.get("examples", {}).values()]
    return values + ([media["example"]] if "example" in media else [])


def _examples(media: Mapping[str, Any]) -> list[Example]:
    titles = [each["summary"] for each in media.get("examples", {}).values()]
    titles += [""] if "example" in media else []
    return [Example(title, _written(value)) for title, value in zip(titles, _values(media), strict=True)]


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)


def _thing(name: str, schema: Mapping[str, Any]) -> Thing:
    fields = fields_of(schema)
    return Thing(name, inline_text(schema["description"]), None if fields else type_of(schema), fields)


def _refusal(name: str, answer: Mapping[str, Any], components: Mapping[str, Any]) -> Refusal:
    [media] = answer["content"].values()
    examples = [components["examples"][problem] for problem in media["examples"]]
    status = examples[0]["value"]["status"]
    problems = [Example(each["value"]["type"].rpartition(":")[2], _written(each["value"])) for each in examples]
    return Refusal(name, status, inline_text(answer["description"]), problems)
