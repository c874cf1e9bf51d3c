"""A test of an announcement: one real message of one of its rows, to one named person.

It is an event of its own, and marked. Nothing of the announcement is accepted, counted or changed by it.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import Any

from ledger.announcement import Row, Spec
from ledger.draft import Person
from ledger.errors import BadInput
from ledger.ledger import Ledger
from ledger.messages.content import Message
from ledger.messages.marked import marked
from ledger.notification import Notification
from ledger.one_address import receiver_fields
from ledger.phrases import Phrase
from ledger.record import Accepted
from producers.announcements.check import accepted_rows
from producers.announcements.checked_announcement import CheckedAnnouncement
from producers.announcements.drafts import Drafts

__all__ = ["RowChoice", "accept_test_of_draft", "chosen_row", "events_of_draft", "events_of_file"]

#: What stands before the message, by the language of the desk.
_MARKS = {"en": "[Test]", "zh": "[测试]"}
#: Where the mark is a message of its own, the other one waits so long: a desk may send several at the same time.
_AFTER_THE_MARK = timedelta(seconds=2)
#: Of the ledger, or within the limits of a key.
Accept = Callable[[list[Notification]], list[Accepted]]


class RowChoice(StrEnum):
    """Which row, in a word."""

    FIRST = "first"
    LONGEST = "longest"
    EMPTIEST = "emptiest"


def chosen_row(given: object) -> RowChoice | int:
    """Reads a word, or the number of a row from 1; None is the first row. Raises BadInput."""
    if given is None:
        return RowChoice.FIRST
    if isinstance(given, str) and given in set(RowChoice):
        return RowChoice(given)
    number = int(given) if isinstance(given, str) and given.isascii() and given.isdecimal() else given
    if isinstance(number, int) and not isinstance(number, bool) and number > 0:
        return number
    raise BadInput("row", Phrase("must be the number of a row, from 1, or one of first, longest and emptiest"))


def events_of_file(
    announcement: CheckedAnnouncement, to: str, row: RowChoice | int, caller: str | None = None
) -> list[Notification]:
    """The events to accept, of which the last one is the message; a number counts the rows of the file.

    Raises BadInput for the address, for a row that is not there or left out, and as `refuse_unacceptable`.
    """
    announcement.refuse_unacceptable()
    spec, image = announcement.spec, announcement.draft.image
    events = _events(announcement.ledger, spec, _row_of_file(announcement, spec, row), to, caller)
    if image:
        announcement.ledger.keep_image(image.sha256, image.data, events)
    return events


def events_of_draft(
    ledger: Ledger, id: str, to: str, row: RowChoice | int, caller: str | None = None, key: str | None = None
) -> list[Notification]:
    """As `events_of_file`; a number counts the rows that the draft has. With a key it is sent once.

    Raises NotFound, and NotAllowed for what was started.
    """
    drafts = Drafts(ledger)
    draft = drafts.get(id, "test")
    if isinstance(row, int) and row > draft.total:
        raise _too_far(row, draft.total)
    found = next(drafts.rows(id, [row - 1])) if isinstance(row, int) else _by_word(drafts.rows(id), draft.spec, row)
    return _events(ledger, draft.spec, found, to, caller, f"{id}/{key}" if key else None)


def accept_test_of_draft(ledger: Ledger, id: str, events: list[Notification], by: Person, accept: Accept) -> str:
    """Has the events of `events_of_draft` accepted, and keeps the message's id with the draft. Returns that id."""
    message = accept(events)[-1].id
    draft = ledger.announcements.get(id).draft
    is_noted = not draft or message in {test for test, _ in draft.tests}
    if not is_noted and ledger.get_known([message]):  # of a test key nothing is kept or sent
        Drafts(ledger).note_test(id, message, by)
    return message


def _row_of_file(announcement: CheckedAnnouncement, spec: Spec, choice: RowChoice | int) -> Row:
    line = _line_of(announcement, choice) if isinstance(choice, int) else None
    rows = map(Row.of_json, accepted_rows(announcement.recipients, announcement.checked))
    found = next((row for row in rows if row.line == line), None) if line else _by_word(rows, spec, choice)
    _read_to_the_end(rows)
    if found is None:
        problem = Phrase("row {row} (line {line}) is invalid or a duplicate: choose another", row=choice, line=line)
        raise BadInput("row", problem)
    return found


def _line_of(announcement: CheckedAnnouncement, number: int) -> int:
    rows = announcement.recipients.rows()
    line = next((row.line for row in islice(rows, number - 1, None)), None)
    _read_to_the_end(rows)
    if line is None:
        raise _too_far(number, announcement.checked.rows)
    return line


def _read_to_the_end(rows: Iterator[Any]) -> None:
    """A pass that is left half way would end the process that reads a foreign file."""
    deque(rows, maxlen=0)


def _by_word(rows: Iterable[Row], spec: Spec, choice: RowChoice | int) -> Row:
    """Of several that are alike, the first."""
    match choice:
        case RowChoice.LONGEST:
            return max(rows, key=lambda row: len(row.message(spec).wire_content()))
        case RowChoice.EMPTIEST:
            return max(rows, key=lambda row: _empty(row, spec))
    return next(iter(rows))


def _empty(row: Row, spec: Spec) -> int:
    """How many values that the message uses it lacks."""
    used = spec.template.variables
    return sum(value is None for name, value in zip(spec.columns, row.values, strict=True) if name in used)


def _too_far(row: int, rows: int) -> BadInput:
    problem = Phrase("is {row}, but there is only {n:,} row | is {row}, but there are only {n:,} rows", row=row, n=rows)
    return BadInput("row", problem)


def _events(
    ledger: Ledger, spec: Spec, row: Row, to: str, caller: str | None, key: str | None = None
) -> list[Notification]:
    message, mark = row.message(spec), _MARKS[ledger.settings.desk(spec.desk).language]
    options = _options(spec, row, to)

    def event(message: Message, part: str = "", **more: Any) -> Notification:
        key_of_ours = f"test/{key}{part}" if key else None
        built = Notification.build({**options, **more, "message": message}, key_of_ours=key_of_ours, caller=caller)
        return built.model_copy(update={"test": True})

    if with_mark := marked(message, mark):
        return [event(with_mark)]
    return [event(Message.text(mark), "/mark"), event(message, at=datetime.now(UTC) + _AFTER_THE_MARK)]


def _options(spec: Spec, row: Row, to: str) -> dict[str, Any]:
    try:
        address = receiver_fields(to, spec.user_id_type)
    except ValueError as error:
        raise BadInput("to", error.args[0]) from None
    way = row.overrides.get("receive_type", spec.receive_type)
    return {**address, "desk": spec.desk, "receive_type": way, "on_open_ticket": spec.on_open_ticket}
