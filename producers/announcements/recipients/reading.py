"""`python -P -m producers.announcements.recipients.reading`: the process that reads an uploaded file, see `foreign.py`.

The first line of stdin says which open file it is; each further line asks for a pass over the rows. stdout has frames:
four bytes of length, and JSON. The process ends when stdin does. Its memory and CPU are limited.
"""

import json
import os
import resource
import signal
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO

import orjson

from ledger.errors import BadInput
from ledger.phrases import phrase_json
from producers.announcements.recipients.reading_options import ReadingOptions
from producers.announcements.recipients.recipients import Recipients
from producers.announcements.recipients.row import LONE_SURROGATE, Row
from producers.announcements.recipients.source import Source

__all__ = ["main"]

#: Rows, and characters of them, in one frame. One row more may have ROW_CHARACTERS.
_FRAME_ROWS, _FRAME_CHARACTERS = 500, 512 * 1024
#: Others come first: a long file must not slow down whoever is served beside it.
_NICENESS = 5


def main() -> None:
    asked = json.loads(sys.stdin.buffer.readline())
    _bound(asked["memory_bytes"], asked["cpu_seconds"])
    answers = sys.stdout.buffer
    try:
        source = Source(os.fdopen(asked["file"], "rb"), asked["name"], None)
        with Recipients(source, ReadingOptions.take(asked["options"])) as recipients:
            _write(answers, "opened", _told(recipients))
            for _ in sys.stdin.buffer:
                for rows in _portions(recipients.rows()):
                    _write(answers, "rows", rows)
                _write(answers, "end", None)
    except BadInput as error:
        _write(answers, "refused", [error.field, error.problem])
    except MemoryError:
        _write(answers, "memory", None)
    except BrokenPipeError:  # nobody is there any more
        os._exit(0)


def _bound(memory_bytes: int, cpu_seconds: int) -> None:
    os.nice(_NICENESS)
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)  # whoever started the server may have it ignored
    _limit(resource.RLIMIT_CPU, cpu_seconds)
    _limit(resource.RLIMIT_CORE, 0)
    if sys.platform == "linux":  # macOS does not keep to it
        _limit(resource.RLIMIT_AS, memory_bytes)


def _limit(what: int, most: int) -> None:
    """Lower where the machine says so. The hard limit stays, so that SIGXCPU comes before SIGKILL."""
    _, hard = resource.getrlimit(what)
    resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _told(recipients: Recipients) -> dict[str, Any]:
    names = ("format", "columns", "encoding", "delimiter", "sha256")
    sheet = tuple(recipients.sheet) if recipients.sheet else None  # orjson takes no tuple with names
    return {name: getattr(recipients, name) for name in names} | {"sheet": sheet}


def _portions(rows: Iterator[Row]) -> Iterator[list[tuple[Any, ...]]]:
    portion: list[tuple[Any, ...]] = []
    characters = 0
    for row in rows:
        portion.append(tuple(row))  # orjson takes no tuple with names
        characters += sum([len(value) for value in row.values if value]) + len(row.text or "")
        if len(portion) == _FRAME_ROWS or characters > _FRAME_CHARACTERS:
            yield portion
            portion, characters = [], 0
    yield portion


def _write(answers: BinaryIO, kind: str, told: Any) -> None:
    try:
        frame = orjson.dumps([kind, told], default=phrase_json, option=orjson.OPT_PASSTHROUGH_SUBCLASS)
    except orjson.JSONEncodeError:
        raise BadInput("recipients", LONE_SURROGATE) from None
    answers.write(len(frame).to_bytes(4) + frame)
    answers.flush()


if __name__ == "__main__":
    main()
