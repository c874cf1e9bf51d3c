"""The editor of a message: its look while it is written, the columns that it may name, and its pictures.

The look is made by the code that makes the card, and shown by that of every other preview.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from starlette.responses import Response
from starlette.routing import Route

from console.editing_port import Uploaded
from console.page_request import PageRequest
from console.routing import action
from ledger.announcement import RECEIVER_ID, Announcement
from ledger.api_key import Scope
from ledger.delivery_options import DEFAULT_DESK
from ledger.errors import BadInput, DeskbellError
from ledger.messages.column_names import no_column
from ledger.messages.content import Message
from ledger.messages.markdown_card import card_of_markdown
from ledger.messages.template import LacksVariable, Template
from ledger.phrases import Phrase
from ledger.saved_templates import SavedTemplates

__all__ = ["columns_of", "routes", "templates_of"]

#: Stands for the receiver, whose id is known when it is sent.
_RECEIVER = "ou_…"
#: Bytes of the first row, as the page sends it again: of more, no value is shown.
_SAMPLE_BYTES = 32 * 1024


def routes() -> list[Route]:
    return [
        action("/editor/look", _look, needs=Scope.ANNOUNCE, is_heavy=True),
        action("/editor/columns", _columns, needs=Scope.ANNOUNCE, uploads=True),
        action("/editor/picture", _picture, needs=Scope.ANNOUNCE, uploads=True),
    ]


# -- what the form begins with


def columns_of(request: PageRequest, draft: Announcement | None, *, has_people: bool) -> dict[str, str]:
    """What the message may name, as far as that is known when the form is shown; without values."""
    names = list(draft.spec.columns) if draft else []
    names += request.context.editing.of_people if has_people else []
    return dict.fromkeys(names, "")


def templates_of(request: PageRequest, desks: Sequence[str]) -> dict[str, Sequence[str]]:
    """The names of the saved templates of these desks."""
    templates = SavedTemplates(request.context.ledger)
    return {desk: names for desk in desks if (names := templates.names(desk))}


# -- what it asks for


def _look(request: PageRequest) -> Response:
    values = _sample(request)
    try:
        message = _message(request, values)
    except BadInput as problem:
        return request.page("parts/editor_look.html", message=None, problem=problem)
    return request.page("parts/editor_look.html", message=message, problem=None)


def _columns(request: PageRequest) -> Response:
    try:
        found = request.context.editing.columns(_file(request, "recipients"), request.field("encoding"), request.who.by)
    except BadInput as problem:
        return request.page("parts/editor_columns.html", columns={}, problem=problem)
    return request.page("parts/editor_columns.html", columns=dict(found), problem=None)


def _picture(request: PageRequest) -> Response:
    """What to insert; or why there is nothing."""
    try:
        desk = _desk(request)
        key = request.context.editing.picture(desk, _file(request, "picture"))
    except DeskbellError as error:
        problem = error.problem if isinstance(error, BadInput) else error.args[0]
        return Response(request.say.meaning(problem), 422, media_type="text/plain")
    return Response(key, media_type="text/plain")


def _message(request: PageRequest, values: Mapping[str, str]) -> Message | None:
    """None where nothing is written. Raises BadInput."""
    raw = _written(request)
    if raw is None:
        return None
    known = [*values, RECEIVER_ID] if values else None
    template = Template.of(raw, columns=known, may_have_others=known is None)
    if template.constants and known:
        raise BadInput("message", no_column(min(template.constants), list(values)))
    # A value that is not known is shown by its name.
    shown = {name: values.get(name) or f"‹{name}›" for name in values or template.variables} | {RECEIVER_ID: _RECEIVER}
    try:
        return template.render(shown)
    except LacksVariable as error:
        refusal = BadInput("message", no_column(error.name, list(values)))
    raise refusal


def _written(request: PageRequest) -> Mapping[str, Any] | None:
    """The message that is written or named. Raises BadInput."""
    given = {name: _field(request, name) for name in ("text", "markdown", "template")}
    names = [name for name, value in given.items() if value.strip()]
    if len(names) > 1:
        raise BadInput(names[1], Phrase("write one of them: a text, Markdown, or a template"))
    match names:
        case ["text"]:
            return {"msg_type": "text", "content": {"text": given["text"].strip()}}
        case ["markdown"]:
            return card_of_markdown(given["markdown"], has_variables=True)
        case ["template"]:
            return SavedTemplates(request.context.ledger).find(_desk(request), given["template"].strip()).message
    return None


def _field(request: PageRequest, name: str) -> str:
    """As it stands: blank lines at its beginning are lines."""
    value = request.form.get(name) if request.form else None
    return value if isinstance(value, str) else ""


def _desk(request: PageRequest) -> str:
    desk = request.field("desk") or DEFAULT_DESK
    request.check_desk(desk)
    request.context.ledger.settings.desk(desk)
    return desk


def _sample(request: PageRequest) -> dict[str, str]:
    """Columns and what stands in the first row, as a page of ours has sent them; anything else is nothing."""
    raw = request.field("sample").encode()
    try:
        found = orjson.loads(raw) if len(raw) <= _SAMPLE_BYTES else {}
    except orjson.JSONDecodeError:
        found = {}
    items = found.items() if isinstance(found, dict) else ()
    return {name: value for name, value in items if isinstance(value, str)}


def _file(request: PageRequest, name: str) -> Uploaded:
    file = request.file(name)
    if file is None:
        raise BadInput(name, Phrase("choose a file"))
    return Uploaded(file.filename or "", file.file)
