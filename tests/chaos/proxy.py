"""A TCP proxy that cuts, delays and loses: what stands between a worker and Valkey, or a worker and the sandbox."""

import asyncio
import random
import threading
from collections.abc import Awaitable, Callable
from typing import Self

__all__ = ["Proxy", "Way"]

#: Connects to what is behind the proxy.
Way = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]

_CHUNK_BYTES = 64 * 1024
#: A server learns this much later than its client that a half-open connection is over, seconds.
_HALF_OPEN_SECONDS = 5.0
#: For the proxy's thread to listen, and to end, seconds.
_THREAD_SECONDS = 10


class _Link:
    """One connection through the proxy."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.client, self.server = client, server
        self.requests_lost = self.answers_lost = False

    def abort(self) -> None:
        for writer in (self.client, self.server):
            writer.transport.abort()


class Proxy:
    """Listens on a free loopback port, in a thread of its own. Its orders may come from any thread."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._links: set[_Link] = set()
        self._refuses = False
        self._answers_late_seconds = 0.0
        self._requests_late_seconds = 0.0
        self._listening = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._listening.wait(_THREAD_SECONDS):
            raise RuntimeError("the proxy does not listen")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_THREAD_SECONDS)

    # -- orders

    def make_whole(self) -> None:
        """From here on it only passes on. Connections that were cut or lost stay so."""
        self._refuses, self._answers_late_seconds, self._requests_late_seconds = False, 0.0, 0.0

    def delay(self, *, requests_seconds: float = 0.0, answers_seconds: float = 0.0) -> None:
        self._requests_late_seconds, self._answers_late_seconds = requests_seconds, answers_seconds

    def refuse(self) -> None:
        """Cuts all connections, and each new one at once."""
        self._refuses = True
        self._order(lambda link: link.abort())

    def cut(self, share: float, rng: random.Random) -> None:
        """Cuts this share of the connections."""
        self._order(lambda link: link.abort(), share, rng)

    def lose(self, share: float, rng: random.Random, *, requests: bool) -> None:
        """Leaves this share of the connections half open: requests and answers, or answers alone, get lost unsaid."""

        def lose(link: _Link) -> None:
            link.requests_lost, link.answers_lost = requests, True

        self._order(lose, share, rng)

    def _order(self, do: Callable[[_Link], None], share: float = 1.0, rng: random.Random | None = None) -> None:
        def all_of_them() -> None:
            for link in list(self._links):
                if rng is None or rng.random() < share:
                    do(link)

        self._loop.call_soon_threadsafe(all_of_them)

    # -- passing on

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=256))
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        self._loop.run_forever()
        server.close()
        for task in (open_links := asyncio.all_tasks(self._loop)):
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*open_links, return_exceptions=True))
        self._loop.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self._refuses:
                raise ConnectionRefusedError
            server_reader, server_writer = await self._way()
        except OSError:
            writer.transport.abort()
            return
        link = _Link(writer, server_writer)
        self._links.add(link)
        try:
            await asyncio.gather(self._requests(link, reader), self._answers(link, server_reader))
        except asyncio.CancelledError:  # the proxy ends
            link.abort()
        self._links.discard(link)

    async def _requests(self, link: _Link, reader: asyncio.StreamReader) -> None:
        try:
            while data := await reader.read(_CHUNK_BYTES):
                await asyncio.sleep(self._requests_late_seconds)
                if not link.requests_lost:
                    link.server.write(data)
        except OSError:
            pass  # a connection that broke is over, whatever the reason
        if link.answers_lost:
            await asyncio.sleep(_HALF_OPEN_SECONDS)
        link.abort()

    async def _answers(self, link: _Link, reader: asyncio.StreamReader) -> None:
        try:
            while data := await reader.read(_CHUNK_BYTES):
                await asyncio.sleep(self._answers_late_seconds)
                if not link.answers_lost:
                    link.client.write(data)
            await link.client.drain()
        except OSError:
            pass  # as above
        if not link.answers_lost:
            link.client.close()
            link.server.close()
