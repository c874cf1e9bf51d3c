"""A way to a Redis that is far away: every byte arrives later, in both directions."""

import asyncio
import threading
from typing import Self

__all__ = ["FarRedis"]

#: For the proxy's thread to listen, and to end, seconds.
_THREAD_SECONDS = 10


class _Late(asyncio.Protocol):
    """One end of a connection: what comes in goes out at the other end after `seconds`, in its order."""

    def __init__(self, seconds: float, open_ends: set[asyncio.BaseTransport]) -> None:
        self._seconds = seconds
        self._open_ends = open_ends
        self.other: asyncio.Transport | None = None
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._open_ends.add(transport)

    def joined(self, other: asyncio.Transport) -> None:
        self.other = other
        for data in self._early:
            self.data_received(data)

    def data_received(self, data: bytes) -> None:
        if self.other is None:
            self._early.append(data)
        else:
            asyncio.get_running_loop().call_later(self._seconds, self.other.write, data)

    def connection_lost(self, error: Exception | None) -> None:
        self._open_ends.discard(self.transport)
        if self.other is not None:
            asyncio.get_running_loop().call_later(self._seconds, self.other.close)


class FarRedis:
    """Listens on a free loopback port, in a thread of its own, before the server at `port` or the socket `path`."""

    def __init__(self, round_trip_ms: float, *, port: int | None = None, path: str | None = None) -> None:
        self._seconds = round_trip_ms / 2000
        self._there_port, self._there_path = port, path
        self._loop = asyncio.new_event_loop()
        self._open_ends: set[asyncio.BaseTransport] = set()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, name="far redis", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._listening.wait(_THREAD_SECONDS):
            raise RuntimeError("the proxy does not listen")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_THREAD_SECONDS)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(self._loop.create_server(self._accept, "127.0.0.1", 0, backlog=256))
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        self._loop.run_forever()
        server.close()
        for end in list(self._open_ends):
            end.close()
        for task in (joining := asyncio.all_tasks(self._loop)):
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*joining, return_exceptions=True))
        while self._open_ends:
            self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def _accept(self) -> _Late:
        here = _Late(self._seconds, self._open_ends)
        self._loop.create_task(self._join(here))
        return here

    async def _join(self, here: _Late) -> None:
        there = _Late(self._seconds, self._open_ends)
        if self._there_path:
            transport, _ = await self._loop.create_unix_connection(lambda: there, self._there_path)
        else:
            transport, _ = await self._loop.create_connection(lambda: there, "127.0.0.1", self._there_port)
        here.joined(transport)
        there.joined(here.transport)  # type: ignore[arg-type]  # of a socket: a Transport
