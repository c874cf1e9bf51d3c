"""Asking Feishu for people and open tickets through a process of the worker's side, which producers do not import."""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Any, Self, cast

from ledger.delivery_options import DEFAULT_DESK
from ledger.errors import BadInput, DeskbellError, LedgerUnreachable
from producers.announcements.addressing import Contact, Unresolved

__all__ = ["Lookup", "OpenTickets", "ask_once"]

#: `python -P`: what lies in the current directory must not stand in for a package of ours.
COMMAND = (sys.executable, "-P", "-m", "feishu.lookup")
#: The most that one line of the process may ask; Feishu takes no more in one call.
CONTACTS_PER_LINE = 50
#: Longest for all pages of the ticket list: 50 at most, each in less than a second as a rule.
TICKETS_SECONDS = 180.0
#: How long a process may take to end once its pipes are closed or it was told to.
_END_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class OpenTickets:
    """Who has an open ticket. Unless `complete`, there may be others: Feishu shows 10,000, and not always whose."""

    open_ids: frozenset[str]
    complete: bool


class Lookup:
    """Asks for one desk. Its process starts with the first question for people and is kept until `close`.

    Not for several threads at once.
    """

    def __init__(self, desk: str = DEFAULT_DESK, *, command: Sequence[str] = COMMAND) -> None:
        self.desk = desk
        self._command = tuple(command)
        self._process: _Process | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def people(self, contacts: Sequence[Contact]) -> list[str | Unresolved]:
        """The open_id of each contact, or why it has none, in their order. Waits for as long as Feishu makes it.

        Raises BadInput for wrong settings, LedgerUnreachable, DeskbellError with what Feishu said.
        """
        found: list[str | Unresolved] = []
        for start in range(0, len(contacts), CONTACTS_PER_LINE):
            found += self._ask(contacts[start : start + CONTACTS_PER_LINE])
        return found

    def resolve(self, contacts: Sequence[Contact]) -> dict[Contact, str | Unresolved]:
        """`people`, by contact: the `Resolver` of a check whose options say `open_id`. No other id comes from here."""
        return dict(zip(contacts, self.people(contacts), strict=True))

    def open_tickets(self) -> set[str]:
        """The open_ids of who has an open ticket, as far as Feishu shows them. Raises as `people` does."""
        return set(self.tickets().open_ids)

    def tickets(self) -> OpenTickets:
        """Asks for all pages of the ticket list, in a process of its own. Raises as `people` does."""
        match ask_once((*self._command, "tickets", "--desk", self.desk), TICKETS_SECONDS, "list its open tickets"):
            case {"open_ids": [*open_ids], "complete": bool(complete)}:
                return OpenTickets(frozenset(open_ids), complete)
        raise _unreadable()

    def close(self) -> None:
        """Ends the process. It holds nothing that would be lost."""
        process, self._process = self._process, None
        if process is not None:
            process.close()

    def _ask(self, contacts: Sequence[Contact]) -> list[str | Unresolved]:
        if self._process is None:
            self._process = _Process((*self._command, "people", "--desk", self.desk))
        try:
            answers = _json(self._process.answer_to([{contact.kind: contact.value} for contact in contacts]))
            if not isinstance(answers, list) or len(answers) != len(contacts):
                raise _unreadable()
            return [_answer(answer) for answer in answers]
        except BaseException:
            # Interrupted between question and answer, the old answer would be taken for that of the next question.
            self.close()
            raise


class _Process:
    """A process that answers each line with a line."""

    def __init__(self, command: Sequence[str]) -> None:
        # A file instead of a pipe: nobody reads it before the end, and a full pipe would stop the process.
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  closed by `close`
        # A group of its own: on ctrl-C it is this side that ends the other.
        self._popen = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, process_group=0
        )

    def answer_to(self, question: Any) -> bytes:
        """Raises DeskbellError with what the process said if it ended instead."""
        questions, answers = cast(IO[bytes], self._popen.stdin), cast(IO[bytes], self._popen.stdout)
        try:
            questions.write(json.dumps(question).encode() + b"\n")
            questions.flush()
        except BrokenPipeError:  # it ended before this question; what it said tells why
            raise self._failure() from None
        line = answers.readline()
        if not line.endswith(b"\n"):
            raise self._failure()
        return line

    def close(self) -> None:
        self._popen.terminate()
        self._end()
        self._said.close()

    def _failure(self) -> DeskbellError:
        self._end()
        self._said.seek(0)
        return _error(self._popen.returncode, self._said.read())

    def _end(self) -> None:
        """Waits until it is gone, and kills it if that takes too long."""
        try:
            self._popen.communicate(timeout=_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.communicate()


def ask_once(command: Sequence[str], timeout_seconds: float, what: str) -> Any:
    """Runs a process of the worker's side to its end, and reads the JSON that it prints. `what` is asked of Feishu.

    Raises as `people` does.
    """
    try:
        done = subprocess.run(  # noqa: S603
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_seconds, process_group=0
        )
    except subprocess.TimeoutExpired:
        raise DeskbellError(f"Feishu did not {what} within {timeout_seconds:g} s") from None
    if done.returncode:
        raise _error(done.returncode, done.stderr)
    return _json(done.stdout)


def _error(code: int, said: bytes) -> DeskbellError:
    """The last line that the process wrote, as the error that it stands for (see `feishu/lookup.py`)."""
    lines = said.decode("utf-8", "replace").strip().splitlines() or [f"the lookup ended with {code} and said nothing"]
    line = re.sub(r"^feishu\.\w+: ", "", lines[-1])
    if code == 2:
        field, _, problem = line.partition(": ")
        return BadInput(field, problem)
    return LedgerUnreachable(line) if code == 3 else DeskbellError(line)


def _answer(answer: Any) -> str | Unresolved:
    match answer:
        case {"open_id": str(open_id)} if open_id:
            return open_id
        case {"problem": str(text)}:
            return Unresolved(text)
    raise _unreadable()


def _json(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        raise _unreadable() from None


def _unreadable() -> DeskbellError:
    return DeskbellError("the lookup gave an answer that cannot be read: run `python -m feishu.lookup` of one version")
