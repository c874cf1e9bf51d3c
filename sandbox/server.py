"""The server, for the command line and for tests."""

import asyncio
import contextlib
import functools
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future

from sandbox.connection import Connection
from sandbox.gateway import Gateway
from sandbox.options import Options, parse_options
from sandbox.speech import said

__all__ = ["main", "running", "steady_clock"]

#: Longest wait for a sandbox thread to listen, and to end.
_THREAD_SECONDS = 10
#: Connections that may wait to be accepted: many workers connect at once.
_BACKLOG = 1024


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until SIGTERM or SIGINT. Returns the exit code: 0, or 1 if it cannot listen."""
    options = parse_options(arguments)
    if options.check:
        return 0
    try:
        asyncio.run(_serve(options, steady_clock(), functools.partial(_announce, options)))
    except OSError as error:
        problem = f"sandbox: cannot listen on {options.host}:{options.port}: {error.strerror or error}"
        sys.stderr.write(f"{said(problem, options.lang)}\n")
        return 1
    return 0


@contextlib.contextmanager
def running(*arguments: str, clock: Callable[[], float] | None = None) -> Iterator[str]:
    """Runs a sandbox in a thread of this process, by default on a free port of 127.0.0.1. Yields its base URL.

    `arguments` are those of the command line; `clock` returns unix seconds.
    Raises OSError if it cannot listen.
    """
    options = parse_options(["--port", "0", *arguments])
    listening: Future[tuple[str, Callable[[], object]]] = Future()
    thread = threading.Thread(target=_run, args=(options, clock or steady_clock(), listening), daemon=True)
    thread.start()
    base_url, stop = listening.result(_THREAD_SECONDS)
    try:
        yield base_url
    finally:
        stop()
        thread.join(_THREAD_SECONDS)


def steady_clock() -> Callable[[], float]:
    """Unix seconds that never jump: the wall clock is read once, and the monotonic clock continues it."""
    offset = time.time() - time.monotonic()
    return lambda: offset + time.monotonic()


async def _serve(
    options: Options, clock: Callable[[], float], on_listening: Callable[[str, asyncio.Event], None]
) -> None:
    """Serves until the event is set that `on_listening` gets beside the base URL."""
    stop = asyncio.Event()
    gateway = Gateway(options, clock)
    connections: set[Connection] = set()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(gateway, connections), options.host, options.port, backlog=_BACKLOG
    )
    on_listening(_base_url(server), stop)
    await stop.wait()
    server.close()
    # Before wait_closed: newer Pythons wait there for every open connection, and callers keep theirs alive.
    for connection in list(connections):
        connection.abort()
    await server.wait_closed()


def _announce(options: Options, base_url: str, stop: asyncio.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    line = f"sandbox listening on {base_url} for {_accounts(options)} at {base_url}"
    sys.stdout.write(f"{said(line, options.lang)}\n")
    sys.stdout.flush()


def _accounts(options: Options) -> str:
    """The credentials that callers need. They open nothing but this sandbox."""
    apps = [f"app {id} with secret {secret}" for id, secret in options.apps.items()]
    helpdesks = [f"helpdesk {id} with token {token}" for id, token in options.helpdesks.items()]
    return ", ".join(apps + helpdesks)


def _run(options: Options, clock: Callable[[], float], listening: "Future[tuple[str, Callable[[], object]]]") -> None:
    def announce(base_url: str, stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        listening.set_result((base_url, functools.partial(loop.call_soon_threadsafe, stop.set)))

    try:
        asyncio.run(_serve(options, clock, announce))
    except OSError as error:
        listening.set_exception(error)


def _base_url(server: asyncio.Server) -> str:
    host, port = server.sockets[0].getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
