"""Imports Deskbell, then forks a process for each request until the socket closes.

The one that asked adopts each process (`tests/forking/popen.py`), so that it can wait for it like for any child. What
is forked off runs as if `python` had been started anew: its own arguments, variables, directory, streams and session.
"""

import faulthandler
import json
import os
import runpy
import socket
import sys
import time
from pathlib import Path
from typing import Any

import producers.cli
from tests.forking.preload import preload

__all__: list[str] = []

#: What the processes of the tests import. None of it reads the environment or starts a thread while it is imported.
_MODULES = (
    *("celery.bin.celery", "celery.apps.worker", "kombu.transport.redis", "uvloop", "httptools"),
    *("producers.web.app", "sandbox.server", "worker"),
)
_VERBS = Path(producers.cli.__path__[0])
_REQUEST_BYTES = 1 << 20
_STREAMS = 3


def main() -> None:
    channel = socket.socket(fileno=int(sys.argv[1]))
    preload([*_MODULES, *(f"producers.cli.{path.stem}" for path in _VERBS.glob("[!_]*.py"))])
    channel.send(b"ready")
    while message := (received := socket.recv_fds(channel, _REQUEST_BYTES, _STREAMS))[0]:
        streams = received[1]
        request = json.loads(message)
        pid = _forked(channel)
        if pid is None:
            _become(request, streams)
            _run(request["command"])
            return
        for stream in streams:
            os.close(stream)
        channel.send(str(pid).encode())
    sys.exit()


def _forked(channel: socket.socket) -> int | None:
    """The pid of a new process, or None within it. Its parent has ended by then, so whoever adopts orphans has it."""
    told, telling = os.pipe()
    waiting, going = os.pipe()
    middle = os.fork()
    if middle:
        pid = int(os.read(told, 20))
        os.waitpid(middle, 0)
        for end in (told, telling, waiting, going):
            os.close(end)
        return pid
    if pid := os.fork():
        os.write(telling, str(pid).encode())
        os._exit(0)
    os.close(going)
    os.read(waiting, 1)  # until the one in the middle is gone
    channel.close()
    return None


def _become(request: dict[str, Any], streams: list[int]) -> None:
    """This process, as `execve` would leave it."""
    if request["session"]:
        os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.closerange(_STREAMS, max(map(int, os.listdir("/proc/self/fd"))) + 1)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    if "PYTHONFAULTHANDLER" in os.environ:
        faulthandler.enable()
    _open_streams()


def _run(command: list[str]) -> None:
    """`python -m MODULE …` or `SCRIPT …`, in the main thread, so that its end is that of the process."""
    sys.orig_argv = list(command)
    sys.path[1:1] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    if command[1:2] == ["-m"]:
        module, sys.argv = command[2], command[2:]
        sys.path[0] = os.getcwd()
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    else:
        sys.argv = list(command)
        sys.path[0] = os.path.dirname(command[0])
        runpy.run_path(command[0], run_name="__main__")


def _open_streams() -> None:
    """As Python opens them; a terminal gets each line at once."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        before = getattr(sys, name)
        at_once = number == _STREAMS - 1 or os.isatty(number)
        how: dict[str, Any] = {"encoding": before.encoding, "errors": before.errors, "buffering": 1 if at_once else -1}
        stream = open(number, mode, closefd=False, **how)  # noqa: SIM115  open as long as the process lives
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


if __name__ == "__main__":
    main()
