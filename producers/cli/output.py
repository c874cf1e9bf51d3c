"""What a command leaves: answers on stdout for scripts, notes on stderr for people, and an exit code."""

import json
import sys
from enum import IntEnum

__all__ = ["ExitCode", "answer", "answer_id", "answer_json", "answer_line", "is_interactive", "note", "printable"]


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
    """One line without control characters: what others wrote (a key, a text of Feishu's) must not steer a terminal."""
    return "".join(character if character.isprintable() else "�" for character in text)


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


def note(text: str) -> None:
    """Writes `deskbell: …` to stderr: an error, or a remark."""
    sys.stderr.write(f"deskbell: {printable(text)}\n")
    sys.stderr.flush()


def is_interactive() -> bool:
    """Whether both streams are a terminal: then tables take the place of plain answers."""
    return sys.stdout.isatty() and sys.stderr.isatty()
