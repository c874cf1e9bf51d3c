"""Drafts over HTTP, as far as rows are read: made, edited, made of another announcement. Each in the caller's turn."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from ledger.allowance import check_rows
from ledger.announcement import Announcement
from ledger.errors import BadInput
from ledger.messages.message_file import foreign_template
from ledger.phrases import Phrase
from ledger.states import AnnouncementState
from producers.announcements.drafts import Drafts
from producers.web.access import Caller, found_of
from producers.web.announcement_intake import checked_request, foreign, in_turn, refuse_invalid, submitted, turns
from producers.web.announcement_request import AnnouncementRequest
from producers.web.context import WebContext
from producers.web.key_limits import check_submitted

__all__ = ["DraftMade", "corrected", "edited", "kept", "told", "used_again"]

#: A request waits so long for calls that are under way, seconds: it takes the caller's turn meanwhile.
_SETTLE_SECONDS = 5.0
_TEXTS = ("text", "markdown", "name")


class DraftMade(TypedDict):
    """A draft that was made."""

    id: Annotated[str, Field(description="`a_…`")]
    state: Annotated[AnnouncementState, Field(description="Where it stands now.")]
    total: Annotated[int, Field(description="Its rows.")]
    url: Annotated[str | None, Field(description="Of its page; null unless DESKBELL_PUBLIC_URL is set.")]


async def kept(context: WebContext, caller: Caller, request: AnnouncementRequest) -> Mapping[str, Any]:
    """Makes a draft, and gives `{id, state, url}`. Raises as `accepted`."""
    return await in_turn(_keep, context, caller, request)


async def edited(context: WebContext, caller: Caller, id: str, request: AnnouncementRequest) -> Mapping[str, Any]:
    """Edits it, and gives it as it stands now. Raises Changed for another version, and as `kept`."""
    return await in_turn(partial(_edit, id), context, caller, request)


async def used_again(context: WebContext, caller: Caller, id: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Makes a draft of an announcement. Raises as `Drafts.again`."""
    given, rest_only = _given(body), body.get("rest") is True
    return await _made(context, caller, id, lambda drafts: drafts.again(id, caller.person, given, rest_only=rest_only))


async def corrected(context: WebContext, caller: Caller, id: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Stops an announcement, and makes a draft of the rest. Raises as `Drafts.correct`."""
    how = {"settle_seconds": _SETTLE_SECONDS}
    given = _given(body)
    return await _made(context, caller, id, lambda drafts: drafts.correct(id, caller.person, given, **how))


async def _made(
    context: WebContext, caller: Caller, id: str, make: Callable[[Drafts], Announcement]
) -> Mapping[str, Any]:
    drafts = Drafts(context.ledger)

    def work() -> Mapping[str, Any]:
        check_rows(caller.key, found_of(context.ledger, caller, id).total)
        return told(drafts, make(drafts))

    return await asyncio.wrap_future(turns.take(caller.by, work))


def told(drafts: Drafts, draft: Announcement) -> dict[str, Any]:
    return {"id": draft.id, "state": draft.state, "total": draft.total, "url": drafts.url(draft.id)}


def _keep(context: WebContext, caller: Caller, request: AnnouncementRequest) -> Mapping[str, Any]:
    drafts = Drafts(context.ledger)
    with checked_request(context, caller, request) as announcement:
        check_submitted(context.ledger, caller.key, submitted(announcement))
        return told(drafts, drafts.keep(announcement, caller.person))


def _edit(id: str, context: WebContext, caller: Caller, request: AnnouncementRequest) -> Mapping[str, Any]:
    drafts = Drafts(context.ledger)
    with closing(request):
        found_of(context.ledger, caller, id)
        opened = partial(foreign, request.source) if request.source else None
        how = {"caller": caller.key_id, "zone": None, "read": foreign}
        with drafts.checked(id, request.arguments, opened, **how) as announcement:
            refuse_invalid(announcement)
            check_submitted(context.ledger, caller.key, submitted(announcement))
            return drafts.edit(id, announcement, request.version, caller.person).as_json()


def _given(body: Mapping[str, Any]) -> dict[str, Any]:
    """What is changed of the original."""
    given = {name: body[name] for name in _TEXTS if body.get(name) is not None}
    for name, value in given.items():
        if not isinstance(value, str):
            raise BadInput(name, Phrase("must be a string"))
    if (message := body.get("message")) is not None:
        if not isinstance(message, dict):
            raise BadInput("message", Phrase("must be an object with msg_type and content"))
        given["message"] = foreign_template(message)
    return given
