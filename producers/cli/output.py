"""What a command leaves: answers on stdout for scripts, notes on stderr for people, and an exit code."""

import json
import sys
from enum import IntEnum

from typer import Abort

from ledger.phrases import Phrase
from producers.cli.language import translated

__all__ = [
    "COLUMNS",
    "ExitCode",
    "answer",
    "answer_id",
    "answer_json",
    "answer_line",
    "confirmed",
    "is_interactive",
    "note",
    "printable",
]

#: Long lines are broken at this width at the latest, between words, before a terminal cuts them.
COLUMNS = 80
#: Of what people type at a question.
_ANSWERS = {"y": True, "yes": True, "是": True, "n": False, "no": False, "否": False}


class ExitCode(IntEnum):
    """Part of the outside contract: scripts rely on them. Which error ends with which is said by the errors."""

    DONE = 0
    OTHER = 1
    BAD_INPUT = 2  #: bad usage too
    UNREACHABLE = 3  #: Redis was not reached
    NOT_DELIVERED = 4  #: of `send --wait`
    NO_SUCH_ID = 5
    INTERRUPTED = 130  #: ctrl-C; the number that shells give it


def printable(text: str) -> str:
    """One line in the language of the environment, without control characters: what others wrote (a key, a text of
    Feishu's) must not steer a terminal."""
    return "".join(character if character.isprintable() else "�" for character in translated(text))


def answer(line: str) -> None:
    """Writes a line to stdout, at once: whoever reads a pipe waits for it."""
    answer_line(printable(line))


def answer_line(line: str) -> None:
    """The same for a line whose parts are printable, and divided by tabs."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def answer_json(value: object) -> None:
    """Writes one line of JSON to stdout. ASCII only, so that no locale can spoil it."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def answer_id(id: str, as_json: bool) -> None:
    """The id of what was accepted."""
    if as_json:
        answer_json({"id": id})
    else:
        answer(id)


def note(text: Phrase) -> None:
    """Writes `deskbell: …` to stderr: an error, or a remark."""
    sys.stderr.write(f"deskbell: {printable(text)}\n")
    sys.stderr.flush()


def confirmed(question: Phrase, *, default: bool = False) -> bool:
    """Asks on stderr, until the answer is one. Raises Abort when there is none: ctrl-C, or the end of stdin."""
    while True:
        sys.stderr.write(f"{printable(question)} [{'Y/n' if default else 'y/N'}] ")
        sys.stderr.flush()
        try:
            given = input().strip().lower()
        except (EOFError, KeyboardInterrupt):
            raise Abort from None
        if given in _ANSWERS:
            return _ANSWERS[given]
        if not given:
            return default
        note(Phrase("answer y or n"))


def is_interactive() -> bool:
    """Whether both streams are a terminal: then tables take the place of plain answers."""
    return sys.stdout.isatty() and sys.stderr.isatty()
