"""`subprocess.Popen` and `run` for Deskbell's own commands: forked off a process that has imported them.

Nothing else differs: it is a child of the test with its own streams, directory, variables and signals. What a test
says about a fresh interpreter (its imports, memory, `-P`) needs `subprocess` itself.
"""

import ctypes
import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["Popen", "run"]

_SCRIPT = str(Path(sys.executable).with_name("deskbell"))
_MODULES = frozenset({"celery", "sandbox", "tests.chaos.producer", "worker"})
#: Variables that the interpreter, its libraries or the loader read once, at their start.
_READ_AT_START = re.compile(r"(PYTHON(?!FAULTHANDLER)|LC_|LANG|LD_|MALLOC_|GLIBC_|SSL_|UV_).*")
#: The modules that have been imported come from here.
_CHECKOUT = str(Path(__file__).parents[2])
_IS_LINUX = sys.platform == "linux"
#: See PR_SET_CHILD_SUBREAPER in prctl(2).
_SET_CHILD_SUBREAPER = 36


class Popen(subprocess.Popen[Any]):
    """Like its base; forked where the command is one of Deskbell's and its variables allow it."""

    def _execute_child(self, args: Any, executable: Any, preexec_fn: Any, *more: Any) -> None:
        """As in CPython 3.11 to 3.14: `rest` has `shell` third, then the six ends of pipes, and `start_new_session`
        last but one."""
        close_fds, pass_fds, cwd, env, *rest = more
        command = [os.fspath(word) for word in args] if isinstance(args, (list, tuple)) else []
        variables = dict(os.environ if env is None else env)
        is_plain = close_fds and not (executable or preexec_fn or pass_fds or rest[2])
        if not (_IS_LINUX and is_plain and _is_ours(command) and _starts_alike(variables)):
            super()._execute_child(args, executable, preexec_fn, *more)  # type: ignore[misc]
            return
        ends = rest[3:9]
        streams = [number if end == -1 else end for number, end in enumerate((ends[0], ends[3], ends[5]))]
        self.pid = _server().fork(
            {
                "command": command,
                "folder": os.path.abspath(cwd or "."),
                "environment": variables,
                "session": bool(rest[-2]),
            },
            streams,
        )
        self._child_created = True
        self._close_pipe_fds(*ends)  # type: ignore[attr-defined]


def run(command: Any, *, timeout: float, input: Any = None, **options: Any) -> "subprocess.CompletedProcess[Any]":
    """`subprocess.run` with `capture_output`, for a command that may fail."""
    options = {"stdin": subprocess.PIPE if input is not None else None} | options
    with Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options) as process:
        try:
            out, err = process.communicate(input, timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def _is_ours(command: list[str]) -> bool:
    if command[:2] == [sys.executable, "-m"]:
        return command[2] in _MODULES
    return command[:1] == [_SCRIPT]


def _starts_alike(variables: Mapping[str, str]) -> bool:
    names = filter(_READ_AT_START.fullmatch, {*variables, *os.environ})
    differ = {name for name in names if variables.get(name) != os.environ.get(name)}
    return not differ or (differ == {"PYTHONPATH"} and variables.get("PYTHONPATH") == _CHECKOUT)


class _Server:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._channel, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.forking.server", str(theirs.fileno())],
                cwd=_CHECKOUT, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        self._answer()

    def fork(self, request: Mapping[str, Any], streams: list[int]) -> int:
        """The pid of the new process, a child of this one."""
        with self._lock:
            _adopt_orphans(True)
            try:
                socket.send_fds(self._channel, [json.dumps(request).encode()], streams)
                return int(self._answer())
            finally:
                _adopt_orphans(False)

    def _answer(self) -> bytes:
        if not (answer := self._channel.recv(100)):
            raise RuntimeError(f"the process to fork from has ended: {self._process.wait()}")
        return answer


@cache
def _server() -> _Server:
    return _Server()


def _adopt_orphans(adopt: bool) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_SET_CHILD_SUBREAPER, int(adopt), 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
