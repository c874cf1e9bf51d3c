"""`/v1/templates`: the saved templates of the desks."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field
from typing_extensions import TypedDict

from ledger.delivery_options import DEFAULT_DESK
from ledger.errors import BadInput
from ledger.messages.json_fields import kind_of
from ledger.messages.markdown_card import card_of_markdown
from ledger.messages.message_file import foreign_template
from ledger.phrases import Phrase
from ledger.saved_templates import NoSuchTemplate
from ledger.times import IsoTime
from producers.web.access import Author, Caller, Reader
from producers.web.bodies import Body, check_known, json_response
from producers.web.context import ContextDep, WebContext
from producers.web.openapi.parameters import Desk as OfDesk
from producers.web.openapi.refusals import ALWAYS, ON_BODY, refusals
from producers.web.openapi.template_requests import TEMPLATE
from producers.web.problems import Problem

__all__ = ["router"]

router = APIRouter(prefix="/v1/templates", tags=["templates"], responses=ALWAYS)

_BODIES = frozenset({"text", "markdown", "message"})
Name = Annotated[str, Path(description="Its name.", openapi_examples={"disk": {"value": "disk"}})]
NameOrVersion = Annotated[
    str, Path(description="Its name, or with a version: `disk@2`.", openapi_examples={"disk": {"value": "disk"}})
]
Desk = Annotated[str, Query(description="The desk that it belongs to.")]


class TemplateJson(TypedDict):
    """One version of a template."""

    desk: Annotated[str, Field(description="The desk that it belongs to.")]
    name: Annotated[str, Field(description="Callers send it by this.")]
    version: Annotated[int, Field(description="Counts from 1; callers may name one, as `disk@2`.")]
    variables: Annotated[list[str], Field(description="What its message needs.")]
    saved_at: Annotated[IsoTime | None, Field(description="When this version was saved.")]
    saved_by: Annotated[str, Field(description="The key, or the user of the machine.")]
    message: Annotated[dict[str, Any] | None, Field(description="null in lists, and for a key that only reads.")]
    markdown: Annotated[str | None, Field(description="What the message was made from, if it was Markdown.")]


class TemplateList(TypedDict):
    """The latest version of each."""

    templates: Annotated[list[TemplateJson], Field(description="Without the messages.")]


class TemplateVersions(TemplateJson):
    """A version, and which others are kept."""

    versions: Annotated[list[int], Field(description="Those that are kept, this one included.")]


class Dropped(TypedDict):
    """A variable that callers sent with the template, and that it uses no longer."""

    name: Annotated[str, Field(description="The variable.")]
    last_sent_at: Annotated[IsoTime | None, Field(description="When a caller sent it last.")]


class SavedVersion(TypedDict):
    """The result of saving a template."""

    desk: Annotated[str, Field(description="The desk that it belongs to.")]
    name: Annotated[str, Field(description="Callers send it by this.")]
    version: Annotated[int, Field(description="The number of this version.")]
    is_new: Annotated[bool, Field(description="False: the last version has the same message.")]
    variables: Annotated[list[str], Field(description="What its message needs.")]
    dropped: Annotated[
        list[Dropped],
        Field(description="Callers that still send these are refused, unless they name an older version."),
    ]


@router.get("", summary="List templates", response_model=TemplateList)
def list_templates(
    caller: Reader,
    context: ContextDep,
    desk: OfDesk = None,
) -> Response:
    """List the latest version of each template, without the messages."""
    if desk is not None:
        _check(context, caller, desk)
    desks = [each for each in context.settings.all_desks if caller.may_use(each)] if desk is None else [desk]
    found = [each for of in desks for each in context.templates.list(of)]
    return json_response({"templates": [each.as_json(with_message=False) for each in found]})


@router.get("/{name}", summary="Show a template", response_model=TemplateVersions, responses=refusals(404))
def get_template(name: NameOrVersion, caller: Reader, context: ContextDep, desk: Desk = DEFAULT_DESK) -> Response:
    """Get a version of a template, and the numbers of those that are kept. A key that only reads gets no message."""
    _check(context, caller, desk)
    try:
        found = context.templates.find(desk, name)
    except NoSuchTemplate as error:
        raise _not_found(error) from None
    versions = [*context.templates.versions(desk, found.name)]
    return json_response(found.as_json(with_message=caller.sees_addresses) | {"versions": versions})


@router.put(
    "/{name}",
    summary="Save a template",
    response_model=SavedVersion,
    response_description="On disk",
    responses=ON_BODY,
    openapi_extra=TEMPLATE,
)
def save_template(name: Name, caller: Author, body: Body, context: ContextDep, desk: Desk = DEFAULT_DESK) -> Response:
    """Save a version of a template: a text, Markdown, or a message. The same message again makes no new version."""
    _check(context, caller, desk)
    check_known(body, _BODIES)
    if len(body) != 1:
        raise BadInput("message", Phrase("give one of text, markdown and message"))
    return json_response(context.templates.save(desk, name, _message(body), body.get("markdown"), caller.by).as_json())


@router.delete("/{name}", status_code=HTTPStatus.NO_CONTENT, summary="Delete a template", responses=refusals(404))
def delete_template(name: Name, caller: Author, context: ContextDep, desk: Desk = DEFAULT_DESK) -> Response:
    """Delete a template with all its versions. What was accepted with it is not changed."""
    _check(context, caller, desk)
    try:
        context.templates.delete(desk, name, caller.by)
    except NoSuchTemplate as error:
        raise _not_found(error) from None
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _check(context: WebContext, caller: Caller, desk: str) -> None:
    context.settings.desk(desk)
    caller.check_desk(desk)


def _message(given: dict[str, Any]) -> Any:
    match given:
        case {"text": str(text)}:
            return {"msg_type": "text", "content": {"text": text}}
        case {"text": other}:
            raise BadInput("text", Phrase("must be a string, not {kind}", kind=kind_of(other)))
        case {"markdown": markdown}:
            return card_of_markdown(markdown, has_variables=True)
        case {"message": dict(message)}:
            return foreign_template(message).raw
    raise BadInput("message", Phrase("must be an object with msg_type and content"))


def _not_found(error: NoSuchTemplate) -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, Phrase("Nothing has this name"), error.problem, type="not-found")
