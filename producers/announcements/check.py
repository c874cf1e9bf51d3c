"""The check of an announcement before anything is accepted: every row, in one pass and in flat memory."""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Self

import orjson

from feishu.contact import CONTACTS_PER_CALL, Contact, Resolved
from ledger.errors import BadInput
from ledger.messages.content import Message
from ledger.messages.jinja_budget import BUDGET
from ledger.messages.template import LacksVariable, Template
from ledger.phrases import Phrase
from producers.announcements.addressing import NO_VARIABLES, Addressing, Options, RowError
from producers.announcements.check_store import CheckStore, Duplicate
from producers.announcements.recipients import Recipients, Row

__all__ = ["Checked", "Resolver", "Sample", "accepted_rows", "check", "write_invalid"]

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

    def close(self) -> None:
        self._findings.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def check(
    recipients: Recipients, template: Template, options: Options | None = None, *, resolver: Resolver | None = None
) -> Checked:
    """Reads and judges every row.

    Raises:
        BadInput: the file cannot be read on; the template has a variable that is no column; there are emails or mobiles
            to resolve and no resolver. What is wrong with single rows is in the result.
    """
    addressing = Addressing(recipients.columns, options or Options())
    if resolver is None and "receiver_id" not in recipients.columns:
        raise _needs_credentials(recipients.name)
    findings = CheckStore()
    try:
        return _Check(recipients, template, addressing, findings).run(resolver)
    except BaseException:
        findings.close()
        raise


def accepted_rows(recipients: Recipients, checked: Checked) -> Iterator[bytes]:
    """The second pass: what the ledger keeps of each accepted row, in the order of the file.

    JSON: `[line, receiver_id, values, extras]`. The values are those of `checked.columns`, null where a JSONL row has
    none. `extras` holds receive_type, user_id_type and send_at_ms where they differ from the options, and is left out
    when it is empty.

    Raises:
        BadInput: the file has changed since the check. It may be found out only after the last row, so the rows count
            as accepted when the iteration has ended.
    """
    addressing = Addressing(recipients.columns, checked.options)
    places = [at for at, _ in _variables(recipients.columns)]
    kept = checked._findings.kept()
    line, receiver_id = next(kept, _NO_MORE)
    for row in recipients.rows():
        if row.line == line:
            values = [row.values[place] for place in places]
            extras = addressing.extras(addressing.known(row, receiver_id))
            yield orjson.dumps([line, receiver_id, values, extras] if extras else [line, receiver_id, values])
            line, receiver_id = next(kept, _NO_MORE)
    if (line, receiver_id) != _NO_MORE:
        raise BadInput(recipients.name, Phrase("has fewer rows than when it was checked"))


def write_invalid(path: Path, recipients: Recipients, checked: Checked) -> int:
    """Writes the invalid rows as CSV, their problems in the first column, and returns how many they are.

    Mended, the file can be announced as it is: the problem is a column like any other.
    """
    encoding = "gb18030" if recipients.encoding == "GB18030" else "utf-8-sig"
    problems = checked._findings.problems()
    problem = next(problems, None)
    count = 0
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, delimiter=recipients.delimiter or ",")
        writer.writerow(["problem", *recipients.columns])
        for row in recipients.rows():
            found = []
            while problem and problem.line == row.line:
                found.append(str(problem))
                problem = next(problems, None)
            if found:
                writer.writerow(["; ".join(found), *(value or "" for value in row.values)])
                count += 1
    return count


#: No row has it.
_NO_MORE = (0, "")


#: What the messages of all rows may cost together, in the units of a message's budget (µs at most): so much, and so
#: much more for each row. A message with ten filters and a short loop costs a quarter of that.
_WORK, _ROW_WORK = 20_000_000, 1_000
#: So often it is looked at.
_COUNTED_ROWS = 8


class _Rendered(NamedTuple):
    line: int
    values: dict[str, str]
    length: int


class _Check:
    """One pass over the rows: what is counted on the way."""

    def __init__(
        self, recipients: Recipients, template: Template, addressing: Addressing, findings: CheckStore
    ) -> None:
        self._recipients = recipients
        self._template = template
        self._addressing = addressing
        self._findings = findings
        self._used = [(name, at) for at, name in _variables(recipients.columns) if name in template.variables]
        self._rows = self._invalid = self._problem_count = 0
        self._problems: list[RowError] = []
        self._first: _Rendered | None = None
        self._longest: _Rendered | None = None
        self._last: _Rendered | None = None

    def run(self, resolver: Resolver | None) -> Checked:
        began = BUDGET.spent
        for row, resolved in self._resolved(resolver):
            self._rows += 1
            if self._rows % _COUNTED_ROWS == 0 and BUDGET.spent - began > _WORK + _ROW_WORK * self._rows:
                raise BadInput(
                    "message",
                    Phrase(
                        "needs too much work (after {n:,} rows): use fewer filters, shorter loops or values",
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
        if row.unusable and (problems := self._unusable(row)):
            return problems
        values = self._values(row)
        address = self._addressing.address(row, resolved)
        content = self._content(row, values)
        if isinstance(address, RowError) or isinstance(content, RowError):
            return [found for found in (address, content) if isinstance(found, RowError)]
        told = f"{address.user_id_type} {address.receiver_id} {self._template.msg_type} {content}"
        self._findings.keep(row.line, address.receiver_id, blake2b(told.encode(), digest_size=16).digest())
        self._note(_Rendered(row.line, values, len(content)))
        return []

    def _unusable(self, row: Row) -> list[RowError]:
        """A cell that neither the message nor the address needs may hold what it likes."""
        needed = {at for _, at in self._used} | self._addressing.needed(row)
        columns = self._recipients.columns
        return [RowError(row.line, columns[at], problem) for at, problem in row.unusable if at in needed]

    def _values(self, row: Row) -> dict[str, str]:
        values = {name: row.values[at] for name, at in self._used}
        return {name: value for name, value in values.items() if value is not None}

    def _content(self, row: Row, values: Mapping[str, str]) -> str | RowError:
        try:
            return self._template.check(values)
        except LacksVariable as error:
            if error.name not in self._recipients.columns or error.name in NO_VARIABLES:
                raise self._no_column(error) from None
            return RowError(row.line, error.name, Phrase("has no value, but the message needs one"))
        except BadInput as error:
            return RowError(row.line, None, error.args[0])

    def _no_column(self, error: LacksVariable) -> BadInput:
        names = ", ".join(name for _, name in _variables(self._recipients.columns)[:20])
        problem = Phrase(
            "uses the variable {name}, which is not a column: use {columns}",
            name=repr(error.name),
            columns=names or "–",
        )
        return BadInput(error.field, problem)

    def _note(self, rendered: _Rendered) -> None:
        self._first = self._first or rendered
        if self._longest is None or rendered.length > self._longest.length:
            self._longest = rendered
        self._last = rendered

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
            samples=self._samples(),
            columns=tuple(name for _, name in _variables(self._recipients.columns)),
            content_hash=findings.content_hash(),
            sha256=self._recipients.sha256,
            options=self._addressing.options,
            _findings=findings,
        )

    def _samples(self) -> tuple[Sample, ...]:
        shown = {each.line: each for each in (self._first, self._longest, self._last) if each}
        return tuple(Sample(line, self._template.render(shown[line].values)) for line in sorted(shown))


def _variables(columns: Sequence[str]) -> list[tuple[int, str]]:
    """The columns that are variables of the template, and where they stand."""
    return [(at, name) for at, name in enumerate(columns) if name not in NO_VARIABLES]


def _needs_credentials(name: str) -> BadInput:
    return BadInput(
        name,
        Phrase("has rows without receiver_id: set DESKBELL_APP_ID and DESKBELL_APP_SECRET to find people"),
    )
