"""The OpenAPI document lacks nothing that people and generators look for: names, words, formats, examples."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import validate

from ledger.errors import URN, DeskbellError
from ledger.settings import Settings
from producers.web.app import create_app
from producers.web.openapi.naming import objects_in
from tests.all_of import all_of
from tests.unit.source_tree import ROOT, nodes

__all__: list[str] = []

DOCUMENT: dict[str, Any] = create_app(Settings(_env_file=None)).openapi()
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
OPERATIONS: dict[str, dict[str, Any]] = {
    operation["operationId"]: operation for methods in DOCUMENT["paths"].values() for operation in methods.values()
}
#: Names of properties that are times. Those of a request may be durations, too: they have a pattern.
TIMES = re.compile(r"at|since|until|(?!stop_|looked_)\w+_at")
#: The packages whose errors are told as problems.
SOURCES = [*(ROOT / "producers/web").rglob("*.py"), *(ROOT / "producers/hooks").rglob("*.py")]
#: What ends a command or a worker, and is never told over HTTP.
NOT_OVER_HTTP = {"internal"}


def errors_in(value: object, schema: dict[str, Any]) -> list[str]:
    whole = schema | {"components": DOCUMENT["components"]}  # where its references lead
    validator = Draft202012Validator(whole, format_checker=FormatChecker())
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """What a reference leads to."""
    if "$ref" not in node:
        return node
    found: Any = DOCUMENT
    for name in node["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return found


def values_of(media: dict[str, Any]) -> list[Any]:
    """The examples of a body, of an answer or of a parameter."""
    several = [resolved(each)["value"] for each in media.get("examples", {}).values()]
    return several + ([media["example"]] if "example" in media else [])


def bodies() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, operation in OPERATIONS.items():
        for kind, media in operation.get("requestBody", {}).get("content", {}).items():
            yield f"{name} {kind}", media


def answers() -> Iterator[tuple[str, dict[str, Any]]]:
    """But those that stand under `components`, once for all."""
    for name, operation in OPERATIONS.items():
        for status, answer in operation["responses"].items():
            for kind, media in answer.get("content", {}).items():
                yield f"{name} {status} {kind}", media


# -- operations


def test_the_document_is_a_sound_one() -> None:
    validate(DOCUMENT)
    assert [server["url"] for server in DOCUMENT["servers"]] == ["/"]
    assert DOCUMENT["info"]["license"]


def test_every_operation_has_a_name_of_its_own_as_programs_have_them() -> None:
    assert len(OPERATIONS) == sum(len(methods) for methods in DOCUMENT["paths"].values())
    assert [name for name in OPERATIONS if not re.fullmatch(r"[a-z]+([A-Z][a-z]*)+", name)] == []
    assert {"sendNotification", "pauseAnnouncement", "createKey", "resumeDesk", "listAudit"} <= OPERATIONS.keys()


@all_of("name", OPERATIONS)
def test_an_operation_has_one_tag_a_title_a_text_and_an_example_of_what_is_sent(name: str) -> None:
    operation = OPERATIONS[name]
    [tag] = operation["tags"]
    assert [each["description"] for each in DOCUMENT["tags"] if each["name"] == tag]
    assert operation["summary"]
    assert operation["description"]
    for media in operation.get("requestBody", {}).get("content", {}).values():
        assert values_of(media)
    for parameter in operation.get("parameters", ()):
        assert parameter["description"]
        assert not parameter.get("required") or values_of(parameter), parameter["name"]


@all_of("name", OPERATIONS)
def test_an_operation_has_an_example_of_each_answer(name: str) -> None:
    for status, answer in OPERATIONS[name]["responses"].items():
        content = resolved(answer).get("content", {})
        has_body = int(status) != HTTPStatus.NO_CONTENT and name != "checkHook"
        assert any(map(values_of, content.values())) or not has_body, status


def test_every_tag_is_used() -> None:
    used = {tag for operation in OPERATIONS.values() for tag in operation["tags"]}
    assert [tag["name"] for tag in DOCUMENT["tags"] if tag["name"] not in used] == []


# -- schemas


def test_every_object_stands_under_its_name_once() -> None:
    inner = [path for path, node in objects_in(DOCUMENT) if "properties" in node and "type" in node]
    assert [path for path in inner if path[:-1] != ("components", "schemas")] == []
    same = Counter(str({**schema, "title": None, "description": None}) for schema in SCHEMAS.values())
    assert [text for text, times in same.items() if times > 1 and "properties" in text] == []


def test_schemas_have_the_names_of_what_they_are() -> None:
    assert [name for name in SCHEMAS if not re.fullmatch(r"([A-Z][a-z]+)+", name) or name.endswith("Json")] == []
    named = {"Notification", "NotificationPage", "NotificationState", "Announcement", "AnnouncementPage", "Problem"}
    assert named <= SCHEMAS.keys()


@all_of("name", SCHEMAS)
def test_every_schema_and_every_property_says_what_it_is(name: str) -> None:
    schema = SCHEMAS[name]
    assert schema.get("description")
    assert [field for field, of in schema.get("properties", {}).items() if not of.get("description")] == []
    assert not re.search(r"Raises|BadInput|the ledger\b|repr\b", str(schema))


def test_every_time_has_its_format() -> None:
    for name, schema in SCHEMAS.items():
        for field, of in schema.get("properties", {}).items():
            if TIMES.fullmatch(field):
                kinds = [of, *of.get("anyOf", ())]
                assert any(kind.get("format") == "date-time" or "pattern" in kind for kind in kinds), (name, field)


# -- examples


@all_of(("where", "media"), [*bodies(), *answers()])
def test_an_example_is_what_its_schema_says(where: str, media: dict[str, Any]) -> None:
    if "schema" in media:
        assert [errors_in(value, media["schema"]) for value in values_of(media)] == [[]] * len(values_of(media)), where


@all_of("name", OPERATIONS)
def test_an_example_of_a_parameter_is_what_its_schema_says(name: str) -> None:
    for parameter in OPERATIONS[name].get("parameters", ()):
        for value in values_of(parameter):
            assert errors_in(value, parameter["schema"]) == []


# -- problems


def raised() -> set[str]:
    """The types of all problems: those of the classes, and those of the calls that make one."""
    found = {kind.type for kind in kinds_below(DeskbellError) if kind.http_status != HTTPStatus.INTERNAL_SERVER_ERROR}
    calls = (node for path in SOURCES for node in nodes(path))
    return found | {kind for call in calls if isinstance(call, ast.Call) for kind in type_in(call)} - NOT_OVER_HTTP


def kinds_below(kind: type[DeskbellError]) -> Iterator[type[DeskbellError]]:
    for below in kind.__subclasses__():
        if below.__module__.partition(".")[0] in ("ledger", "producers", "feishu"):
            yield below
            yield from kinds_below(below)


def type_in(call: ast.Call) -> Iterator[str]:
    if not isinstance(call.func, ast.Name) or call.func.id not in ("Problem", "closing") or not call.args:
        return
    named = [each.value.value for each in call.keywords if each.arg == "type" and isinstance(each.value, ast.Constant)]
    status = ast.unparse(call.args[0]).rpartition(".")[2]
    yield from map(str, named)
    if not any(each.arg == "type" for each in call.keywords) and status in HTTPStatus.__members__:
        yield HTTPStatus[status].phrase.lower().replace(" ", "-")


def test_each_problem_has_an_example() -> None:
    shown = {each["value"]["type"].removeprefix(URN) for each in DOCUMENT["components"]["examples"].values()}
    assert len(raised()) > 20
    assert raised() - shown == set()


@all_of("name", DOCUMENT["components"]["examples"])
def test_the_example_of_a_problem_is_one(name: str) -> None:
    example = DOCUMENT["components"]["examples"][name]
    assert example["summary"]
    assert errors_in(example["value"], SCHEMAS["Problem"] | {"additionalProperties": False}) == []
