"""The problems that a route may answer with, as the OpenAPI document has them."""

from typing import Annotated, Any, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

__all__ = ["ALWAYS", "ON_BODY", "ProblemJson", "invalid_rows", "refusals"]


@with_config(title="Problem", extra="allow")
class ProblemJson(TypedDict):
    """A problem (RFC 9457)."""

    type: Annotated[str, Field(examples=["urn:deskbell:problem:bad-input"])]
    title: str
    status: int
    detail: str
    field: NotRequired[Annotated[str, Field(description="The part of the input to fix.", examples=["receiver_id"])]]
    request_id: str


_PROBLEM = {"$ref": "#/components/schemas/Problem"}
_DESCRIPTIONS = {
    400: "The request is malformed",
    401: "There is no key, or it is unknown",
    403: "The key lacks the scope or the desk; or no key is configured, and the caller is on another machine",
    404: "Nothing has this id",
    408: "The body came too slowly",
    409: "The state does not allow it",
    413: "The body is too large",
    415: "The body is not JSON",
    422: "The input cannot be accepted: `field` names the part to fix",
    424: "Feishu refused a question about the receivers: nothing was accepted, and somebody must act first",
    429: "The key calls too often: see Retry-After",
    502: "Feishu did not answer a question about the receivers: repeat with the same key",
    503: "Redis cannot accept it now: repeat with the same key after Retry-After",
}


def refusals(
    *statuses: int, schema: dict[str, Any] = _PROBLEM, example: dict[str, Any] | None = None
) -> dict[int | str, dict[str, Any]]:
    """For `responses`. `example`: of a route that may also refuse in somebody else's form."""
    content = {"application/problem+json": {"schema": schema}}
    if example:
        content["application/json"] = {"schema": {"type": "object"}, "example": example}
    return {status: {"description": _DESCRIPTIONS[status], "content": content} for status in statuses}


def invalid_rows() -> dict[int | str, dict[str, Any]]:
    """The 422 of an announcement: where rows are invalid, it has the first 100 of what is wrong with them."""
    errors = {"type": "array", "items": {"$ref": "#/components/schemas/RowErrorJson"}}
    properties = {"errors": errors, "error_count": {"type": "integer"}, "rows": {"type": "integer"}}
    return refusals(422, schema={"allOf": [_PROBLEM, {"type": "object", "properties": properties}]})


#: Of every route that needs a key, and further ones of every route that reads a body.
ALWAYS, ON_BODY = refusals(400, 401, 403, 422, 429, 503), refusals(408, 413, 415)
