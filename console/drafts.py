"""The page of a draft, and what is done to it before it is started: test, submit, approve, reject, start, discard."""

from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from starlette.responses import Response
from starlette.routing import Route

from console.draft_diff import diff_of
from console.live import version_of
from console.page_request import PageRequest
from console.routing import View, action, lacks, page
from ledger.announcement import Announcement
from ledger.api_key import Scope
from ledger.errors import BadInput, Changed, NotAllowed, NotFound
from ledger.record import Record
from ledger.states import AnnouncementState, State

__all__ = ["Test", "draft_page", "draft_version", "may_start", "routes"]

#: Tests that are shown, the newest.
TESTS = 5
#: More rows than any draft has.
MOST_ROWS = 100_000_000
#: Rows that a test shows by what they are; others by their number.
ROWS = ("first", "longest", "emptiest")
#: A test is over.
_AT_REST = frozenset({*(state for state in State if state.is_final), State.UNKNOWN})


class Test(NamedTuple):
    """A message that somebody got to see. `is_current`: it showed what the draft has now."""

    record: Record
    is_current: bool

    @property
    def is_over(self) -> bool:
        return self.record.progress.state in _AT_REST


def routes() -> list[Route]:
    return [
        page("/announcements/{id}/tests", _tests_part),
        action("/announcements/{id}/test", _test, needs=Scope.ANNOUNCE),
        action("/announcements/{id}/submit", _acted(_submit, "draft_submitted"), needs=Scope.ANNOUNCE),
        action("/announcements/{id}/approve", _acted(_approve, "draft_approved"), needs=Scope.APPROVE),
        action("/announcements/{id}/reject", _acted(_reject, "draft_rejected"), needs=Scope.APPROVE),
        action("/announcements/{id}/start", _acted(_start, "announced"), needs=Scope.ANNOUNCE),
        action("/announcements/{id}/start-unapproved", _acted(_start_unapproved, "announced"), needs=Scope.OPERATE),
        action("/announcements/{id}/discard", _discard, needs=Scope.ANNOUNCE),
        action("/announcements/{id}/again", _again, needs=Scope.ANNOUNCE),
        action("/announcements/{id}/correct", _correct, needs=Scope.OPERATE),
    ]


# -- the page


def draft_page(
    request: PageRequest, it: Announcement, problem: BadInput | None = None, conflict: Changed | None = None
) -> Response:
    """Of an announcement that has a `draft`."""
    context = {
        "it": it,
        "draft": it.draft,
        "summary": request.context.drafting.summary(it),
        "diff": diff_of(request.say, it) if request.who.may_see_messages else None,
        "may": _allowed(request, it),
        "approval_above": request.context.ledger.settings.approval_above,
        "tests": _tests(request, it),
        "given": {name: request.field(name) for name in ("to", "row", "number")},
        "shown": draft_version(it),
        "version": version_of(draft_version(it)),
    }
    status = 422 if problem else 409 if conflict else 200
    return request.page("draft.html", status, **context, problem=problem, conflict=conflict)


def draft_version(it: Announcement) -> str:
    """Changes with all that the page of a draft says, but for the results of its tests."""
    return f"{it.state} {it.draft.version} {len(it.draft.tests)}" if it.draft else "started"


def _allowed(request: PageRequest, it: Announcement) -> dict[str, bool]:
    """What this person may do to it now."""
    who, waits = request.who, it.state is AnnouncementState.AWAITING_APPROVAL
    return {
        "edit": who.may_announce,
        "submit": who.may_announce and it.state is AnnouncementState.DRAFT,
        "start": who.may_announce and may_start(it),
        "start_unapproved": who.may_operate and not may_start(it),
        "approve": who.may_approve and waits and _is_by_others(request, it),
        "reject": who.may_approve and it.state in (AnnouncementState.AWAITING_APPROVAL, AnnouncementState.APPROVED),
        "see": who.may_see_messages,
    }


def may_start(it: Announcement) -> bool:
    """Whether it needs no approval, or has one."""
    needs_none = it.draft is not None and not it.draft.needs_approval
    return it.state is AnnouncementState.APPROVED or (it.state is AnnouncementState.DRAFT and needs_none)


def _is_by_others(request: PageRequest, it: Announcement) -> bool:
    return it.draft is not None and it.draft.may_approve(request.who.person)


# -- tests


def _tests(request: PageRequest, it: Announcement) -> list[Test]:
    tests = []
    for id, version in it.draft.tests[:TESTS] if it.draft else ():
        with suppress(NotFound):  # its record has gone first
            tests.append(Test(request.context.ledger.get(id), it.draft is not None and version == it.draft.version))
    return tests


def _tests_part(request: PageRequest) -> Response:
    """Asked again until all have come to an end."""
    it = request.announcement()
    return request.page("parts/tests.html", it=it, tests=_tests(request, it))


def _test(request: PageRequest) -> Response:
    it = request.announcement()
    row = request.field("row")
    try:
        if row not in ROWS:
            row = str(request.number("number", MOST_ROWS, least=1) or 1)
        id = request.context.drafting.test(it.id, request.field("to"), row, request.who.person, request.who.key)
    except BadInput as problem:
        return draft_page(request, it, problem)
    request.context.live.forget()
    return request.to(f"/announcements/{it.id}", flash="tested", id=id)


# -- what is done to it


Act = Callable[[PageRequest, Announcement], None]


def _acted(act: Act, flash: str) -> View:
    """The page of the draft says what is wrong, or that somebody changed it meanwhile."""

    def acted(request: PageRequest) -> Response:
        it = request.announcement()
        if it.draft is None:
            raise NotAllowed(it.id, "start", it.state)
        try:
            act(request, it)
        except BadInput as problem:
            return draft_page(request, it, problem)
        except Changed as conflict:
            return draft_page(request, request.announcement(), conflict=conflict)
        request.context.live.forget(it.id)
        has_sent_nothing = flash == "announced" and request.who.key is not None and request.who.key.test
        return request.to(f"/announcements/{it.id}", flash="test_key" if has_sent_nothing else flash)

    return acted


def _submit(request: PageRequest, it: Announcement) -> None:
    request.context.drafting.submit(it.id, request.who.person)


def _approve(request: PageRequest, it: Announcement) -> None:
    request.context.drafting.approve(it.id, request.field("fingerprint"), request.who.person)


def _reject(request: PageRequest, it: Announcement) -> None:
    request.context.drafting.reject(it.id, request.field("why"), request.who.person)


def _start(request: PageRequest, it: Announcement) -> None:
    _start_for(request, it, None)


def _start_unapproved(request: PageRequest, it: Announcement) -> None:
    _start_for(request, it, request.field("reason"))


def _start_for(request: PageRequest, it: Announcement, reason: str | None) -> None:
    request.context.drafting.start(it, request.version(), request.who.person, request.who.key, reason)


def _discard(request: PageRequest) -> Response:
    request.context.drafting.discard(request.announcement().id, request.who.person)
    request.context.live.forget()
    return request.to("/announcements", flash="draft_discarded")


# -- drafts of what was announced before


def _again(request: PageRequest) -> Response:
    whom = request.choice("whom", ("all", "rest"))
    drafting = request.context.drafting
    id = drafting.again(request.announcement().id, request.who.person, rest_only=whom == "rest")
    return _to_edit(request, id, "draft_again")


def _correct(request: PageRequest) -> Response:
    it = request.announcement()
    if not request.who.may_announce:
        return lacks(request, Scope.ANNOUNCE)
    id = request.context.drafting.correct(it.id, request.who.person)
    request.context.live.forget(it.id)
    return _to_edit(request, id, "draft_correct")


def _to_edit(request: PageRequest, id: str, flash: str) -> Response:
    request.context.live.forget()
    return request.to(f"/announcements/{id}/edit", flash=flash)
