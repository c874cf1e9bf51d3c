"""The problems that a route may answer with, as the OpenAPI document has them."""

from typing import Annotated, Any, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from producers.announcements.addressing import RowErrorJson
from producers.web.openapi.problem_examples import PROBLEMS

__all__ = ["ALWAYS", "HEADERS", "NAMES", "ON_BODY", "ProblemJson", "answers", "problem_examples", "refusals"]


@with_config(title="Problem", extra="allow")
class ProblemJson(TypedDict):
    """A problem (RFC 9457). The last part of its type says which it is."""

    type: Annotated[str, Field(description="The name of the problem: a URN, which leads nowhere.")]
    title: Annotated[str, Field(description="The same for all problems of a type, for people.")]
    status: Annotated[int, Field(description="That of the answer.")]
    detail: Annotated[str, Field(description="What is wrong here, and what to do about it, for people.")]
    field: NotRequired[Annotated[str, Field(description="The part of the input to fix.")]]
    id: NotRequired[Annotated[str, Field(description="Of `not-allowed` and `changed`: what was to be changed.")]]
    verb: NotRequired[Annotated[str, Field(description="Of `not-allowed`: what was to be done.")]]
    state: NotRequired[Annotated[str, Field(description="Of `not-allowed`: its state, which forbids it.")]]
    version: NotRequired[Annotated[int, Field(description="Of `changed`: the version that it has now.")]]
    first_id: NotRequired[Annotated[str, Field(description="Of `key-reused`: what the key was used for first.")]]
    errors: NotRequired[Annotated[list[RowErrorJson], Field(description="Of invalid rows: the first 100.")]]
    error_count: NotRequired[Annotated[int, Field(description="Of invalid rows: all that is wrong with them.")]]
    rows: NotRequired[Annotated[int, Field(description="Of invalid rows: how many rows there are in all.")]]
    results: NotRequired[
        Annotated[list[dict[str, Any]], Field(description="Of `nothing-accepted`: `{problem}` for each item.")]
    ]
    request_id: NotRequired[
        Annotated[
            str | None, Field(description="Of the line in the server's log; the header X-Request-Id has it, too.")
        ]
    ]


#: By status: the name of the answer in the document, and what it means.
NAMES = {
    400: ("Malformed", "The request is malformed"),
    401: ("Unauthorized", "There is no key, or it is unknown"),
    403: ("Forbidden", "The key may not do this; or no key is configured, and the caller is on another machine"),
    404: ("NotFound", "Nothing has this id or name"),
    408: ("TooSlow", "The body came too slowly"),
    409: ("Conflict", "The state does not allow it"),
    413: ("TooLarge", "The body is too large"),
    415: ("NotJson", "The body is not JSON"),
    422: ("BadInput", "The input cannot be accepted: `field` names the part to fix"),
    424: (
        "FeishuRefused",
        "Feishu refused a question about the receivers: nothing was accepted, and somebody must act",
    ),
    429: ("TooOften", "The key calls too often: see Retry-After"),
    502: ("FeishuAway", "Feishu did not answer a question about the receivers: repeat with the same key"),
    503: ("Unavailable", "It cannot be done now: repeat with the same key after Retry-After"),
}


#: Of problems, by their names in the document.
HEADERS = {
    "ContentLanguage": {
        "description": "That of `title` and `detail`, and of the problems of rows and items: see Accept-Language.",
        "schema": {"type": "string", "enum": ["en", "zh-CN"]},
    }
}
_TOLD = {"Content-Language": {"$ref": "#/components/headers/ContentLanguage"}}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For `responses`."""
    return {status: {"description": NAMES[status][1]} for status in statuses}


def answers() -> dict[str, dict[str, Any]]:
    """The answers in full, by their names in the document, with an example of each problem that has their status."""
    return {name: _answer(status, text) for status, (name, text) in NAMES.items()}


def _answer(status: int, text: str) -> dict[str, Any]:
    named = [name for name, each in PROBLEMS.items() if each["status"] == status]
    examples = {name: {"$ref": f"#/components/examples/{name}"} for name in named}
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}
    return {"description": text, "headers": _TOLD, "content": {"application/problem+json": content}}


def problem_examples() -> dict[str, dict[str, Any]]:
    """Of all problems, by their names in the document."""
    return {name: {"summary": each["title"], "value": each} for name, each in PROBLEMS.items()}


#: Of every route that needs a key, and further ones of every route that reads a body.
ALWAYS, ON_BODY = refusals(400, 401, 403, 422, 429, 503), refusals(408, 413, 415)
