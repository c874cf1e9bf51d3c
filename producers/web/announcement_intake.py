"""Announcements over HTTP: checked like a file of the command line, and accepted.

Checking a large file keeps a processor busy for a minute, so few are checked at once; others wait, with their files
on disk. A separate process reads the file.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from http import HTTPStatus
from typing import Any

from ledger.announcement import Row
from ledger.errors import BadInput
from ledger.phrases import Phrase, system_problem
from ledger.saved_template import SavedTemplate
from producers.announcements.announcement_draft import AnnouncementDraft
from producers.announcements.check import Checked, accepted_rows
from producers.announcements.checked_announcement import CheckedAnnouncement, checked_announcement
from producers.announcements.preview import open_ticket_rows, summarize
from producers.announcements.recipients import ReadingOptions, Recipients
from producers.announcements.recipients.foreign import ForeignRecipients
from producers.announcements.recipients.source import Source
from producers.announcements.repeat import AlreadyAnnounced
from producers.announcements.testing import RowChoice, events_of_file
from producers.web.access import Caller
from producers.web.announcement_request import AnnouncementRequest
from producers.web.context import WebContext
from producers.web.key_limits import Submitted, announce_within, check_submitted, send_within
from producers.web.problems import Problem, problem_of
from producers.web.turns import FileTurns

__all__ = [
    "accepted",
    "checked_request",
    "foreign",
    "foretold",
    "in_turn",
    "refuse_invalid",
    "submitted",
    "tested",
    "turns",
]

#: Invalid cells that a problem tells one by one; it has the number of all.
TOLD_ERRORS = 100
#: Of all that come in, over HTTP and from the console.
turns = FileTurns()


async def accepted(context: WebContext, caller: Caller, request: AnnouncementRequest) -> Mapping[str, Any]:
    """Accepts it durably, all rows or none, and gives `{id, total, duplicate}`.

    It goes on when the caller hangs up: who repeats the call then finds it done. Raises as `Notifier.announce`, and
    Problem with the first errors for a file with invalid rows.
    """
    return await in_turn(_accept, context, caller, request)


async def foretold(context: WebContext, caller: Caller, request: AnnouncementRequest) -> Mapping[str, Any]:
    """What would be sent, as `announce --dry-run --json` prints it. Accepts nothing. Raises as `accepted`, but not for
    invalid rows."""
    return await in_turn(_foretell, context, caller, request)


async def tested(context: WebContext, caller: Caller, request: AnnouncementRequest) -> Mapping[str, Any]:
    """Sends the message of one row, and gives its `{id}`. Accepts nothing else. Raises as `accepted`."""
    return await in_turn(_test, context, caller, request)


async def in_turn(
    work: Callable[[WebContext, Caller, AnnouncementRequest], Mapping[str, Any]],
    context: WebContext,
    caller: Caller,
    request: AnnouncementRequest,
) -> Mapping[str, Any]:
    try:
        turn = turns.take(caller.by, lambda: work(context, caller, request))
    except BaseException:
        request.close()
        raise
    try:
        return await asyncio.wrap_future(turn)
    finally:
        if turn.cancelled():  # before its turn came
            request.close()


def _accept(context: WebContext, caller: Caller, request: AnnouncementRequest) -> Mapping[str, Any]:
    repeat_by = None if caller.key and caller.key.test else caller.by  # what a test key repeats is its own
    try:
        with checked_request(context, caller, request, repeat_by=repeat_by) as announcement:
            announcement.refuse_unacceptable()
            if repeat_by is None:
                context.ledger.announcements.refuse_unapproved(announcement.checked.accepted)
            accept = partial(announcement.accept, caller.by)
            return announce_within(context.ledger, caller.key, submitted(announcement), accept).as_json()
    except AlreadyAnnounced as repeat:
        return repeat.announced.as_json()


def _test(context: WebContext, caller: Caller, request: AnnouncementRequest) -> Mapping[str, Any]:
    with checked_request(context, caller, request) as announcement:
        to, row = request.test or ("", RowChoice.FIRST)
        events = events_of_file(announcement, to, row, caller.key_id)
        return {"id": send_within(context.ledger, caller.key, events)[-1].id}


def _foretell(context: WebContext, caller: Caller, request: AnnouncementRequest) -> Mapping[str, Any]:
    with _checking(context, caller, request) as announcement:
        check_submitted(context.ledger, caller.key, submitted(announcement))
        return summarize(announcement, open_ticket_rows(announcement)).as_json()


def submitted(announcement: CheckedAnnouncement) -> Submitted:
    """For the limits of a key."""
    checked = announcement.checked

    def rows() -> Iterator[Row]:
        return map(Row.of_json, accepted_rows(announcement.recipients, checked))

    return Submitted(announcement.draft.spec, checked.accepted, announcement.key, announcement.digest, rows)


@contextmanager
def _checking(
    context: WebContext, caller: Caller, request: AnnouncementRequest, *, repeat_by: str | None = None
) -> Iterator[CheckedAnnouncement]:
    with closing(request):
        draft = _draft(context, caller, request)
        opened = partial(foreign, request.source) if request.source else None
        checking = checked_announcement(context.ledger, draft, opened, read=foreign, repeat_by=repeat_by)
        with checking as announcement:
            yield announcement


@contextmanager
def checked_request(
    context: WebContext, caller: Caller, request: AnnouncementRequest, *, repeat_by: str | None = None
) -> Iterator[CheckedAnnouncement]:
    """One whose rows are fine, or are left out where they are not. Raises Problem."""
    with _checking(context, caller, request, repeat_by=repeat_by) as announcement:
        refuse_invalid(announcement)
        yield announcement


def foreign(source: Source, options: ReadingOptions) -> Recipients:
    """Raises BadInput, and Problem (503) when there is no process to read it in."""
    try:
        return ForeignRecipients(source, options)
    except OSError as error:
        source.close()
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            Phrase("The file cannot be read now"),
            Phrase("the server cannot start the process that reads it ({problem})", problem=system_problem(error)),
            type="no-reader",
        ) from error


def _draft(context: WebContext, caller: Caller, request: AnnouncementRequest) -> AnnouncementDraft:
    def find(desk: str, written: object) -> SavedTemplate:
        context.settings.desk(desk)
        caller.check_desk(desk)
        return context.templates.find(desk, written)

    draft = AnnouncementDraft.build(request.arguments, caller=caller.key_id, find=find)
    context.settings.desk(draft.spec.desk)
    caller.check_desk(draft.spec.desk)
    return draft


def refuse_invalid(announcement: CheckedAnnouncement) -> None:
    """Raises Problem, with the first errors, unless its rows are fine or are left out where they are not."""
    if announcement.checked.problems and not announcement.draft.skip_invalid:
        raise _invalid(announcement.checked)


def _invalid(checked: Checked) -> Problem:
    try:
        checked.refuse_invalid()
    except BadInput as error:
        problem = problem_of(error)
    errors = [error.as_json() for error in checked.problems[:TOLD_ERRORS]]
    problem.more |= {"errors": errors, "error_count": checked.problem_count, "rows": checked.rows}
    return problem
