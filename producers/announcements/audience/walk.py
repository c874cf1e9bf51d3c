"""The walk through departments and user groups, with the fewest calls that there can be.

All departments below one come in pages of 50, all at once; then each has one call for its direct members, and one more
for each further 50: the API has no way to ask about two departments in one call. Members of groups are asked about
last, 50 in a call, and only those whom no department has brought.

Questions stand in the roster, so a walk that was killed goes on with those that are open.
"""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from feishu.contact_answers import Department
from feishu.directory import (
    IDS_PER_CALL,
    OPEN_DEPARTMENT,
    ROOT,
    Directory,
    NotVisible,
    Range,
    StalePage,
    TooDeep,
    no_scope,
)
from feishu.verdict import AskFailed
from ledger.errors import BadInput
from ledger.phrases import Phrase
from producers.announcements.audience.listing import RESTARTS
from producers.announcements.audience.roster import RANGE_PEOPLE, Question, Roster, Walked

__all__ = ["Walk"]

#: Calls under way at once: with an answer within 240 ms they go out as fast as the pace lets them.
_AT_ONCE = 4


class Walk:
    """Through what somebody named. `names` are the fields of people that are kept."""

    def __init__(self, directory: Directory, roster: Roster, names: Sequence[str], tell: Walked) -> None:
        self._directory, self._roster, self._tell = directory, roster, tell
        self._names = [name for name in names if name != "department"]
        self._needs_departments = "department" in names
        self._all_levels = True
        self._falls_back = False

    def run(
        self,
        departments: Iterable[str],
        groups: Iterable[str],
        *,
        everyone: bool = False,
        direct: bool = False,
        partial: bool = False,
    ) -> None:
        """`direct`: without those below the departments. `partial`: of everyone, those in the app's range, if it is not
        all staff. Raises AskFailed, and StalePage when Feishu forgets a page again and again."""
        self._all_levels, self._falls_back = not direct, partial
        with self._roster.one_step():
            self._begin(set(departments) - {ROOT}, everyone=everyone or ROOT in departments)
            self._roster.ask("group_people", *groups)
            self._roster.ask("group_departments", *groups)
        with ThreadPoolExecutor(_AT_ONCE, "walk") as pool:
            try:
                while questions := self._roster.open_questions(_AT_ONCE) or self._last_questions():
                    for question, answer in zip(questions, pool.map(self._asked, questions), strict=True):
                        with self._roster.one_step():
                            self._note(question, answer)
                    self._tell(*self._roster.progress())
            finally:
                self._close_connections(pool)

    def _close_connections(self, pool: ThreadPoolExecutor) -> None:
        """Each thread has one of its own, and they meet, so that each of them closes it."""
        together = Barrier(_AT_ONCE)

        def close(_: int) -> None:
            together.wait()
            self._directory.close()

        list(pool.map(close, range(_AT_ONCE)))

    def _begin(self, departments: set[str], *, everyone: bool) -> None:
        """First it is asked whether the departments are there: one that was deleted would seem to have no members."""
        ids = sorted(departments)
        self._roster.ask("named", *(",".join(ids[at : at + IDS_PER_CALL]) for at in range(0, len(ids), IDS_PER_CALL)))
        if everyone:
            self._walk_departments([ROOT], all_levels=True)

    def _walk_departments(self, ids: Iterable[str], *, all_levels: bool) -> None:
        ordered = sorted(ids)
        if all_levels:
            self._roster.ask("below", *ordered)
        self._roster.ask("members", *ordered)

    def _last_questions(self) -> list[Question]:
        """About members of groups whom no department has brought, and the names of departments."""
        with self._roster.one_step():
            if strangers := self._roster.strangers():
                self._roster.ask("people", ",".join(strangers))
            elif self._needs_departments and (nameless := self._roster.nameless()):
                self._roster.ask("names", ",".join(nameless))
        return self._roster.open_questions(_AT_ONCE)

    def _asked(self, question: Question) -> Any:
        """The answer, or why there is none. In a thread of its own."""
        directory, about, token = self._directory, question.about, question.token
        try:
            match question.kind:
                case "below" | "level":
                    return directory.children(about, token, all_levels=question.kind == "below")
                case "members":
                    return directory.members(about, token)
                case "group_people":
                    return directory.group_people(about, token)
                case "group_departments":
                    return directory.group_departments(about, token)
                case "people":
                    return directory.people(question.ids)
                case "named":
                    return self._named(question.ids)
                case "names":
                    return directory.departments(question.ids)
                case "range":
                    return directory.range(token)
        except (NotVisible, StalePage, TooDeep) as refusal:
            gives_up = isinstance(refusal, StalePage) and question.restarts == RESTARTS
            # What has no levels to go down would be left out without a word.
            if gives_up or (isinstance(refusal, TooDeep) and question.kind != "below"):
                raise
            return refusal

    def _named(self, ids: Sequence[str]) -> Mapping[str, Department]:
        """Those that are there. The scope of an app may let it walk, and not read about departments: then all are."""
        try:
            return self._directory.departments(ids)
        except AskFailed as failure:
            if not no_scope(failure) or not all(id.startswith(OPEN_DEPARTMENT) for id in ids):
                raise
        return {id: Department(id, None, None, None, False) for id in ids}

    def _note(self, question: Question, answer: Any) -> None:
        roster = self._roster
        match question.kind, answer:
            case _, StalePage():
                roster.restart(question)
                return
            case _, NotVisible():
                self._note_unseen(question.about)
            case _, TooDeep():
                roster.ask("level", question.about)
            case "below" | "level", _:
                self._note_departments(question, answer.items)
            case "members", _:
                roster.add_people(question.about, answer.items, self._names, department=question.about)
            case "group_people", _:
                roster.add_listed(question.about, answer.items)
            case "group_departments", _:
                self._walk_departments(answer.items, all_levels=True)
            case "people", _:
                self._note_strangers(question, answer)
            case "named" | "names", _:
                self._note_names(question, answer)
            case "range", (found, _):
                self._note_range(found)
        roster.note_page(question, _next_token(question, answer))

    def _note_unseen(self, id: str) -> None:
        self._roster.add_unseen([id])
        for kind in ("below", "members", "group_people", "group_departments"):
            self._roster.ask_no_more(kind, id)
        if id == ROOT and self._falls_back:
            self._roster.ask("range", ROOT)

    def _note_departments(self, question: Question, found: Sequence[Any]) -> None:
        """With `below` those below them are in the list too, and need not be asked for again."""
        there = [each for each in found if not each.is_deleted]
        self._roster.add_departments(there)
        for each in there:
            if question.kind == "below":
                self._roster.ask_no_more("below", each.id)
            else:
                self._roster.ask("below", each.id)
            self._roster.ask("members", each.id)

    def _note_strangers(self, question: Question, found: dict[str, Any]) -> None:
        self._roster.add_people("", found.values(), self._names)
        unseen = [id for id in question.ids if id not in found]
        self._roster.add_unseen(unseen)
        self._roster.forget_listed(unseen)

    def _note_names(self, question: Question, found: dict[str, Any]) -> None:
        self._roster.add_departments(found.values())
        missing = [id for id in question.ids if id not in found]
        if question.kind == "named":
            _refuse_deleted(found)
            self._roster.add_unseen(missing)
            self._walk_departments([each.id for each in found.values()], all_levels=self._all_levels)
        else:
            self._roster.note_asked(missing)

    def _note_range(self, found: Range) -> None:
        self._roster.add_listed("range", found.people)
        if found.tells_people:
            self._roster.note_given(RANGE_PEOPLE)
        self._walk_departments(found.departments, all_levels=True)
        self._roster.ask("group_people", *found.groups)
        self._roster.ask("group_departments", *found.groups)


def _refuse_deleted(found: Mapping[str, Department]) -> None:
    if deleted := sorted(id for id, department in found.items() if department.is_deleted):
        said = Phrase(
            "{ids} was deleted in Feishu: leave it out | {ids} were deleted in Feishu: leave them out",
            n=len(deleted),
            ids=", ".join(deleted),
        )
        raise BadInput("departments", said)


def _next_token(question: Question, answer: Any) -> str | None:
    if question.kind == "range" and isinstance(answer, tuple):
        token: str | None = answer[1]
        return token
    return getattr(answer, "token", None)
