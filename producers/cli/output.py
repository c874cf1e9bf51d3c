"""Plain output: answers to stdout for scripts, notes to stderr for people."""

import json
import sys

__all__ = ["answer", "answer_json", "is_interactive", "note", "printable"]


def printable(text: str) -> str:
    """One line without control characters: what others wrote (a key, a text of Feishu's) must not steer a terminal."""
    return "".join(character if character.isprintable() else "�" for character in text)


def answer(line: str) -> None:
    """Writes a line to stdout, at once: whoever reads a pipe waits for it."""
    sys.stdout.write(printable(line) + "\n")
    sys.stdout.flush()


def answer_json(value: object) -> None:
    """Writes one line of JSON to stdout. ASCII only, so that no locale can spoil it."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """Writes `deskbell: …` to stderr: an error, or a remark."""
    sys.stderr.write(f"deskbell: {printable(text)}\n")
    sys.stderr.flush()


def is_interactive() -> bool:
    """Whether both streams are a terminal: then tables take the place of plain answers."""
    return sys.stdout.isatty() and sys.stderr.isatty()
