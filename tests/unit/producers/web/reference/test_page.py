"""The reference page has all of the document, and each of its links leads somewhere."""

import re
from typing import Any

import pytest

from console.i18n import LANGUAGES, language
from console.templating import environment
from ledger.settings import Settings
from producers.web.app import create_app
from producers.web.reference.contents import contents_of
from producers.web.reference.curl import curl_of
from producers.web.reference.schema_text import type_of

__all__: list[str] = []

DOCUMENT: dict[str, Any] = create_app(Settings(_env_file=None)).openapi()
API = contents_of(DOCUMENT)


@pytest.fixture(scope="module", params=LANGUAGES)
def page(request: pytest.FixtureRequest) -> str:
    template = environment().get_template("reference.html")
    return template.render(say=language(request.param), api=API, path="/docs/api", languages=LANGUAGES, shell="")


def test_every_operation_object_and_problem_stands_on_it_once(page: str) -> None:
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    operations = [each["operationId"] for methods in DOCUMENT["paths"].values() for each in methods.values()]
    answers = [f"answer-{name}" for name in DOCUMENT["components"]["responses"]]
    assert {*operations, *answers, *DOCUMENT["components"]["schemas"]} <= set(ids)
    told = {each["value"]["type"].rpartition(":")[2] for each in DOCUMENT["components"]["examples"].values()}
    assert told - {"internal", "method-not-allowed"} <= set(re.findall(r"<summary[^>]*>([^<]+)<", page))


def test_every_link_within_the_page_leads_somewhere(page: str) -> None:
    ids = set(re.findall(r'\sid="([^"]+)"', page))
    assert {link for link in re.findall(r'href="#([^"]+)"', page) if link not in ids} == set()


def test_nothing_is_fetched_from_another_machine(page: str) -> None:
    assert re.findall(r'<(?:script|link|img|iframe)[^>]+(?:src|href)="(?!/console/static/)', page) == []


def test_an_operation_says_its_scope_its_fields_its_answers_and_its_refusals() -> None:
    [send] = [each for group in API.groups for each in group.operations if each.id == "retryNotification"]
    assert (send.method, send.path, send.scopes, send.is_open) == (
        "POST",
        "/v1/notifications/{id}/retry",
        ["operate"],
        False,
    )
    assert [(each.name, each.place, each.is_required) for each in send.parameters] == [
        ("id", "path", True),
        ("Accept-Language", "header", False),
    ]
    assert [field.name for body in send.bodies for field in body.fields] == ["state"]
    assert [answer.status for answer in send.answers] == [200]
    assert (409, "Conflict") in send.refusals


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"$ref": "#/components/schemas/Act"}, '<a href="#Act">Act</a>'),
        ({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}, "string (date-time) or null"),
        ({"type": "array", "items": {"$ref": "#/c/Act"}}, 'array of <a href="#Act">Act</a>'),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "object of integer"),
        ({"type": ["string", "null"]}, "string or null"),
        ({"enum": ["a", "b"], "type": "string"}, "<code>a</code> or <code>b</code>"),
        ({"const": "<ok>"}, "<code>&lt;ok&gt;</code>"),
        ({}, "anything"),
    ],
    ids=str,
)
def test_a_type_is_told_in_words(schema: dict[str, Any], told: str) -> None:
    assert str(type_of(schema)) == told


PARAMETERS = [{"name": "id", "in": "path", "examples": {"one": {"value": "n_1"}}}]


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (("GET", "/healthz", {"security": []}), "curl -sS $DESKBELL/healthz"),
        (
            ("DELETE", "/v1/keys/{id}", {"parameters": PARAMETERS}),
            'curl -sS $DESKBELL/v1/keys/n_1 -X DELETE \\\n  -H "Authorization: Bearer $KEY"',
        ),
        (
            ("POST", "/v1/x", {"security": []}, "application/json", {"text": "It's {{ name }}"}),
            'curl -sS $DESKBELL/v1/x \\\n  --json \'{"text": "It\'"\'"\'s {{ name }}"}\'',
        ),
        (
            (
                "POST",
                "/v1/x",
                {"security": []},
                "multipart/form-data",
                {"recipients": "a\nb\n", "text": "Dear {{ a }}"},
            ),
            (
                "printf 'a\\nb\\n' > people.csv\n"
                "curl -sS $DESKBELL/v1/x \\\n  -F recipients=@people.csv \\\n  -F 'text=Dear {{ a }}'"
            ),
        ),
    ],
    ids=["open", "without a body", "JSON", "a form"],
)
def test_a_command_works_when_pasted(arguments: tuple[Any, ...], command: str) -> None:
    assert curl_of(*arguments) == command
