"""The check of an announcement before anything is accepted: every row, in one pass and in flat memory."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from typing import Any, NamedTuple, Self

import orjson

from feishu.contact import CONTACTS_PER_CALL, Resolved
from ledger.addresses import Contact
from ledger.announcement import RECEIVER_ID
from ledger.errors import BadInput
from ledger.messages.column_names import folded, no_column, quoted
from ledger.messages.content import Message
from ledger.messages.jinja_budget import BUDGET
from ledger.messages.template import LacksVariable, Template
from ledger.phrases import Phrase
from producers.announcements.addressing import Address, Addressing, Options, RowError, variables_of
from producers.announcements.check_store import CheckStore, Duplicate
from producers.announcements.recipients import Recipients, Row
from producers.announcements.recipients.header import AddressKind
from producers.announcements.sample_rows import SampleRows

__all__ = ["Checked", "Column", "Resolver", "Sample", "accepted_rows", "check"]

#: Problems and duplicates that are told one by one; the others are counted.
_TOLD = 1000
#: Asks Feishu about the contacts of as many rows as one call takes. The ids are of the options' `user_id_type`; what is
#: not in the answer leads to nobody.
Resolver = Callable[[Sequence[Contact]], Mapping[Contact, Resolved]]


@dataclass(frozen=True, slots=True)
class Sample:
    """What the receiver of the row at `line` would get."""

    line: int
    message: Message


class Column(NamedTuple):
    """A column of the file."""

    name: str
    used: bool  #: by the message, or to say to whom and how
    empty: int  #: rows without a value in it


@dataclass(frozen=True, slots=True)
class Checked:
    """What the check found. Close it, or use it in a `with`: it keeps a file open for `accepted_rows`."""

    rows: int  #: that are not blank
    accepted: int  #: without those that are invalid, and the duplicates unless they are allowed
    invalid: int
    problems: tuple[RowError, ...]  #: the first thousand; a row may have several
    problem_count: int
    duplicates: tuple[Duplicate, ...]  #: the first thousand
    duplicate_count: int
    samples: tuple[Sample, ...]  #: of the first row, of the one with the longest content, and of the last
    columns: tuple[str, ...]  #: of the values in `accepted_rows`
    all_columns: tuple[Column, ...]  #: in the order of the file
    addressed: Mapping[AddressKind, int]  #: rows that are accepted, by what named their receivers
    content_hash: str  #: the same when the same content goes to the same people, in whatever order and file
    sha256: str  #: of the file
    options: Options
    _findings: CheckStore = field(repr=False)

    def refuse_invalid(self) -> None:
        """Raises BadInput when a row is invalid, about the first problem."""
        if self.problems:
            first, others = self.problems[0], self.problem_count - 1
            problem = first.problem
            if others:
                problem = Phrase(
                    "{problem} (and {n:,} more problem) | {problem} (and {n:,} more problems)",
                    problem=problem,
                    n=others,
                )
            raise BadInput(first.as_bad_input().field, problem)

    def all_problems(self) -> Iterator[RowError]:
        """In the order of the lines."""
        return self._findings.problems()

    def due(self, most: int) -> list[tuple[int, int]]:
        """Times that rows are sent at, Unix ms, and how many of the rows are due then or later; the earliest first."""
        return self._findings.due(most)

    def close(self) -> None:
        self._findings.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def check(
    recipients: Recipients,
    message: Mapping[str, Any],
    options: Options | None = None,
    *,
    resolver: Resolver | None = None,
) -> Checked:
    """Reads and judges every row. `message` is a template, as a message file has it.

    Raises:
        BadInput: the file cannot be read on; the template names what is no column; there are emails or mobiles to
            resolve and no resolver. What is wrong with single rows is in the result.
    """
    addressing = Addressing(recipients.columns, options or Options())
    columns = [name for _, name in variables_of(recipients.columns)]
    template = Template.of(message, columns=[*columns, RECEIVER_ID])
    if template.constants:
        raise BadInput("message", no_column(min(template.constants), columns))
    if resolver is None and not addressing.has_ids:
        raise _needs_credentials(recipients.name)
    findings = CheckStore()
    try:
        return _Check(recipients, template, addressing, findings).run(resolver)
    except BaseException:
        findings.close()
        raise


def accepted_rows(recipients: Recipients, checked: Checked) -> Iterator[bytes]:
    """The second pass: what the ledger keeps of each accepted row, in the order of the file.

    JSON: `[line, receiver_id, values, extras]`. The values are those of `checked.columns`, null where the row has none:
    an empty text is a value to workers, as it was to the check of older versions. `extras` holds receive_type,
    user_id_type and send_at_ms where they differ from the options, and is left out when it is empty.

    Raises:
        BadInput: the file has changed since the check. It may be found out only after the last row, so the rows count
            as accepted when the iteration has ended.
    """
    addressing = Addressing(recipients.columns, checked.options)
    places = [at for at, _ in variables_of(recipients.columns)]
    kept = checked._findings.kept()
    line, receiver_id = next(kept, _NO_MORE)
    for row in recipients.rows():
        if row.line == line:
            found = [row.values[place] for place in places]
            values = [value if value and not value.isspace() else None for value in found]
            extras = addressing.extras(addressing.known(row, receiver_id))
            yield orjson.dumps([line, receiver_id, values, extras] if extras else [line, receiver_id, values])
            line, receiver_id = next(kept, _NO_MORE)
    if (line, receiver_id) != _NO_MORE:
        raise BadInput(recipients.name, Phrase("has fewer rows than when it was checked"))


#: No row has it.
_NO_MORE = (0, "")


#: What the messages of all rows may cost together, in the units of a message's budget (µs at most): so much, and so
#: much more for each row. A message with ten filters and a short loop costs a quarter of that.
_WORK, _ROW_WORK = 20_000_000, 1_000
#: So often it is looked at.
_COUNTED_ROWS = 8


class _Check:
    """One pass over the rows: what is counted on the way."""

    def __init__(
        self, recipients: Recipients, template: Template, addressing: Addressing, findings: CheckStore
    ) -> None:
        self._recipients = recipients
        self._template = template
        self._addressing = addressing
        self._findings = findings
        self._variables = {name for _, name in variables_of(recipients.columns)}
        self._used = [(name, at) for at, name in variables_of(recipients.columns) if name in template.variables]
        self._rows = self._invalid = self._problem_count = 0
        self._problems: list[RowError] = []
        self._samples = SampleRows()
        self._empty = [0] * len(recipients.columns)

    def run(self, resolver: Resolver | None) -> Checked:
        began = BUDGET.spent
        for row, resolved in self._resolved(resolver):
            self._rows += 1
            if self._rows % _COUNTED_ROWS == 0 and BUDGET.spent - began > _WORK + _ROW_WORK * self._rows:
                raise BadInput(
                    "message",
                    Phrase(
                        "needs too much work (after {n:,} row): use fewer filters, shorter loops or values"
                        " | needs too much work (after {n:,} rows): use fewer filters, shorter loops or values",
                        n=self._rows,
                    ),
                )
            problems = self._judge(row, resolved)
            if problems:
                self._reject(problems)
        self._findings.find_duplicates()
        if not self._addressing.options.allow_duplicates:
            self._findings.drop_duplicates()
        return self._result()

    def _resolved(self, resolver: Resolver | None) -> Iterator[tuple[Row, Mapping[Contact, Resolved]]]:
        """The rows, with what their emails and mobiles lead to."""
        rows = self._recipients.rows()
        if not self._addressing.has_contacts:
            yield from ((row, {}) for row in rows)
            return
        while batch := list(islice(rows, CONTACTS_PER_CALL)):
            contacts = [contact for row in batch if (contact := self._addressing.contact(row))]
            if contacts and resolver is None:
                raise _needs_credentials(self._recipients.name)
            resolved = resolver(list(dict.fromkeys(contacts))) if contacts and resolver else {}
            yield from ((row, resolved) for row in batch)

    def _judge(self, row: Row, resolved: Mapping[Contact, Resolved]) -> list[RowError]:
        """Keeps the row, or says what is wrong with it."""
        if row.problem:
            return [RowError(row.line, row.column, row.problem)]
        if not all(row.values):
            self._count_empty(row)
        if row.unusable and (problems := self._unusable(row)):
            return problems
        address = self._addressing.address(row, resolved)
        values = self._values(row, address)
        content = self._content(row, values)
        if isinstance(address, RowError) or isinstance(content, RowError):
            return [found for found in (address, content) if isinstance(found, RowError)]
        told = f"{address.user_id_type} {address.receiver_id} {self._template.msg_type} {content}"
        self._findings.keep(row.line, address.receiver_id, blake2b(told.encode(), digest_size=16).digest())
        if address.by != RECEIVER_ID or address.send_at_ms is not None:
            self._findings.mark(row.line, address.by, address.send_at_ms)
        self._samples.see(row.line, values, len(content))
        return []

    def _count_empty(self, row: Row) -> None:
        for at, value in enumerate(row.values):
            if not value:
                self._empty[at] += 1

    def _unusable(self, row: Row) -> list[RowError]:
        """A cell that neither the message nor the address needs may hold what it likes."""
        needed = {at for _, at in self._used} | self._addressing.needed(row)
        columns = self._recipients.columns
        return [RowError(row.line, columns[at], problem) for at, problem in row.unusable if at in needed]

    def _values(self, row: Row, address: Address | RowError) -> dict[str, str]:
        """What the message uses: an empty cell is no value."""
        cells = row.values
        values = {name: value for name, at in self._used if (value := cells[at]) and not value.isspace()}
        # Of a row without a receiver the rest is told, too.
        values[RECEIVER_ID] = "?" if isinstance(address, RowError) else address.receiver_id
        return values

    def _content(self, row: Row, values: Mapping[str, str]) -> str | RowError:
        try:
            return self._template.check(values)
        except LacksVariable as error:
            if error.name not in self._variables:
                raise BadInput(error.field, self._no_column(error.name)) from None
            return RowError(row.line, error.name, self._recipients.lacking(row, error.name))
        except BadInput as error:
            return RowError(row.line, None, error.args[0])

    def _no_column(self, name: str) -> Phrase:
        if folded(name) in map(folded, self._recipients.columns):
            return Phrase("the column {name} says how a row is sent, so it is not a variable", name=quoted(name))
        return no_column(name, [name for _, name in variables_of(self._recipients.columns)])

    def _reject(self, problems: list[RowError]) -> None:
        self._invalid += 1
        self._problem_count += len(problems)
        for problem in problems:
            self._findings.reject(problem)
            if len(self._problems) < _TOLD:
                self._problems.append(problem)

    def _result(self) -> Checked:
        findings = self._findings
        return Checked(
            rows=self._rows,
            accepted=findings.kept_count(),
            invalid=self._invalid,
            problems=tuple(self._problems),
            problem_count=self._problem_count,
            duplicates=tuple(findings.duplicates(_TOLD)),
            duplicate_count=findings.duplicate_count(),
            samples=tuple(Sample(line, self._template.render(values)) for line, values in self._samples.of(findings)),
            columns=tuple(name for _, name in variables_of(self._recipients.columns)),
            all_columns=self._all_columns(),
            addressed=findings.addressed(),
            content_hash=findings.content_hash(),
            sha256=self._recipients.sha256,
            options=self._addressing.options,
            _findings=findings,
        )

    def _all_columns(self) -> tuple[Column, ...]:
        used = {at for _, at in self._used} | self._addressing.used
        return tuple(
            Column(name, at in used, empty)
            for at, (name, empty) in enumerate(zip(self._recipients.columns, self._empty, strict=True))
        )


def _needs_credentials(name: str) -> BadInput:
    return BadInput(
        name,
        Phrase("has rows without receiver_id: set DESKBELL_APP_ID and DESKBELL_APP_SECRET to find people"),
    )
