"""A large body, rendered in a process of its own: what it takes there in memory and CPU, it takes from that process.

A reader of JSON keeps the interpreter to itself for as long as it reads, which for 25 MiB is most of a second: in a
thread it would hold up the event loop, and everybody with it.
"""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import IO, Any, cast

import orjson

from ledger.errors import BadInput, DeskbellError
from ledger.phrases import Phrase, as_phrase, phrase_of
from ledger.saved_template import SavedTemplate
from producers.hooks.hook import Hook, Rendered
from producers.hooks.hook_request import HookRequest

__all__ = ["LARGE_BYTES", "render_large"]

#: A body of more than this is rendered elsewhere. Starting a process takes as long as reading some MiB.
LARGE_BYTES = 1024 * 1024
#: `python -P`: what lies in the current directory must not stand in for a package of ours.
_COMMAND = (sys.executable, "-P", "-m", "producers.hooks.rendering")
#: Of the other process, Python among it: twice what the worst body of 25 MiB takes.
_MEMORY_BYTES = 1024 * 1024 * 1024
#: Some ten times what the worst body takes; and how long it may take, on a machine that is busy otherwise.
_CPU_SECONDS, _SECONDS = 30, 120
#: What the other process may know of our environment: no secret stands in these.
_VARIABLES = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME")


def render_large(hook: Hook, request: HookRequest) -> Rendered:
    """As `Hook.render`. Blocks until the other process has ended.

    Raises:
        BadInput: as `Hook.render`, or when it takes too much memory or time.
        OSError: no process can start.
    """
    process = subprocess.Popen(  # noqa: S603
        _COMMAND,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # a traceback may repeat what stands in the body
        env={name: os.environ[name] for name in _VARIABLES if name in os.environ},
        umask=0o077,
        process_group=0,
        bufsize=0,
    )
    try:
        with suppress(BrokenPipeError):  # it has ended: why, its code says
            _write(process, hook, request)
        answer, _ = process.communicate(timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        answer = b""
    finally:
        process.kill()  # it has nothing to lose
        code = process.wait()
    return _rendered(answer, code)


def _write(process: "subprocess.Popen[bytes]", hook: Hook, request: HookRequest) -> None:
    asked = {
        "recipe": hook.recipe.as_json(),
        "headers": dict(request.headers),
        "message_id": hook.signed_id(request),
        "templates": [[*of, _told(each)] for of, each in request.templates.items()],
        "memory_bytes": _MEMORY_BYTES,
        "cpu_seconds": _CPU_SECONDS,
    }
    with cast(IO[bytes], process.stdin) as pipe:
        _write_all(pipe, json.dumps(asked).encode() + b"\n")
        _write_all(pipe, request.body)
    process.stdin = None  # `communicate` would close it once more


def _told(found: SavedTemplate | DeskbellError) -> dict[str, Any] | str:
    if isinstance(found, SavedTemplate):
        return found.to_process()
    return str(found.problem if isinstance(found, BadInput) else found)


def _write_all(pipe: IO[bytes], text: bytes) -> None:
    """An unbuffered pipe takes what it has room for."""
    left = memoryview(text)
    while left:
        left = left[pipe.write(left) :]


def _rendered(answer: bytes, code: int) -> Rendered:
    told: dict[str, Any] = orjson.loads(answer) if code == 0 and answer else {}
    if "refused" in told:
        field, problem = map(phrase_of, told["refused"])
        raise BadInput(field, as_phrase(problem))
    if "memory" in told or code == -signal.SIGKILL:
        most = _MEMORY_BYTES // 1024**2
        problem = Phrase("takes more than {most:,} MiB of memory to read: post less at once", most=most)
        raise BadInput("body", problem)
    if not told:
        raise BadInput("body", Phrase("could not be read within {most} s: post less at once", most=_CPU_SECONDS))
    return Rendered.of_json(told)
