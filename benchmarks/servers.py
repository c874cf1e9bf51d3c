"""One server against two, where a server's own CPU is the limit.

With workers it never is on two cores: they take several times as much CPU as their server. So the ledger's part alone
is repeated: `claim` and `record` of notifications of desks with a quota, which were released before. The commands are
written to files, and programs that only copy bytes send them over several connections, so that a server always has some
to do, and an fsync is for many. The servers' files are in memory: on one machine they would share one disk.
"""

import hashlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from socket import create_connection
from statistics import median
from threading import Event, Thread
from typing import IO, Any, NamedTuple, cast

import hiredis

from benchmarks.exact import check_all_delivered
from benchmarks.figure import Figure
from benchmarks.size import Size, spread
from benchmarks.systems import CREDENTIALS, TEXT
from ledger.lead import ClockStep
from ledger.leases import Leases
from ledger.ledger import MOST_AT_ONCE, Ledger
from ledger.notification import Notification
from ledger.rate import limit_arguments
from ledger.settings import Desk, Settings
from ledger.spread_ledger import open_ledgers
from ledger.store import Argument, source
from tests.valkey_process import ValkeyProcess

__all__ = ["copy", "measure"]

#: On each server; each connection serves as many as the others.
DESKS, CONNECTIONS, NOTIFICATIONS = 16, 8, 16_000
#: Never reached, so that each notification has a slot at once.
RATE = "1000000/minute"
#: Of a desk in one verb: about what a worker has in a message of a desk with a quota.
AT_ONCE = 4
#: As a worker records it.
ATTEMPT = '[[1,"chat","delivered",0,200,null,12,"om_1"]]'
#: A lease that lasts until the commands come, and a slot that is good until then, ms.
LASTS_MS = 3_600_000
#: Where files are in memory.
_IN_MEMORY = "/dev/shm"
#: Between two words about the clock, seconds, and how long each leads, ms.
_VOUCH_SECONDS, _LEAD_MS = 0.2, 5000
#: The last command of a connection, and its answer.
_END = b"the end"


class Run(NamedTuple):
    """What was measured with one or two servers."""

    per_second: float
    server_ms: float  #: CPU of a server for a notification
    busy: float  #: the share of a core that each server used


def measure(size: Size) -> Iterator[Figure]:
    count = size.of(NOTIFICATIONS, DESKS * AT_ONCE) // DESKS * DESKS
    one, two = [], []
    for _ in range(size.rounds):
        one.append(_run(1, count))
        two.append(_run(2, count))
    ratios = [double.per_second / single.per_second for single, double in zip(one, two, strict=True)]
    yield Figure(
        f"two servers against one, where a server's CPU is the limit: claim and record, {AT_ONCE} to a verb, of {DESKS}"
        " desks with a quota on each, appendfsync always, files in memory, on one machine",
        "≥ 1.5×",
        f"{spread(ratios, '{:.2f}×'.format)}: {_told(two)} against {_told(one)}",
        median(ratios) >= 1.5,
    )


def _told(runs: list[Run]) -> str:
    per_second = spread([run.per_second for run in runs], "{:,.0f}/s".format)
    server_ms, busy = median(run.server_ms for run in runs), median(run.busy for run in runs)
    return f"{per_second}, {server_ms:.2f} ms of a server's CPU each, which is busy {busy:.0%}"


def _run(servers: int, count: int) -> Run:
    """`count` notifications on each of so many servers."""
    with tempfile.TemporaryDirectory(prefix="deskbell-bench-", dir=_IN_MEMORY) as name, ExitStack() as stack:
        folder = Path(name)
        started = [
            stack.enter_context(ValkeyProcess(folder / f"v{n}", appendonly="yes", appendfsync="always"))
            for n in range(servers)
        ]
        ledger = open_ledgers(_settings(folder, [server.url for server in started]))
        stack.callback(ledger.close)
        for server in ledger.servers:
            stack.enter_context(_vouched(server))
        programs = []
        for number, server in enumerate(started):
            _write(ledger.at(f"s{number}d0"), number, count // DESKS, folder)
            files = [str(folder / f"{number}-{connection}") for connection in range(CONNECTIONS)]
            programs.append(stack.enter_context(_Copying(server.port, files)))
        before, began = [_cpu_ms(server) for server in started], time.monotonic()
        for program in programs:
            program.begin()
        for program in programs:
            if program.wait(300):
                raise RuntimeError("a program failed: see above")
        seconds = time.monotonic() - began
        used_ms = sum(map(_cpu_ms, started)) - sum(before)
        desks = [name for name in ledger.settings.all_desks if name != "default"]
        check_all_delivered(ledger, desks, servers * count)
    return Run(servers * count / seconds, used_ms / (servers * count), used_ms / 1000 / seconds / servers)


def _settings(folder: Path, urls: Sequence[str]) -> Settings:
    desks = [
        f'[desk.s{server}d{number}]\nredis = "{url}/0"\n{CREDENTIALS}'
        for server, url in enumerate(urls)
        for number in range(DESKS)
    ]
    file = folder / "desks.toml"
    file.write_text("".join(desks), "utf-8")
    return Settings(redis_url=f"{urls[0]}/0", desks=file, data_dir=folder, rate=RATE, _env_file=None)


def _write(ledger: Ledger, server: int, count: int, folder: Path) -> None:
    """Has all notifications of a server released, and writes the commands for a worker's part of each."""
    leases = Leases(ledger.redis, ledger.settings, longest_call_ms=25_000)
    for verb in ("claim", "record"):
        ledger.redis.script_load(source(verb))
    for number in range(DESKS):
        desk = ledger.settings.desk(f"s{server}d{number}")
        ids = _released(ledger, leases, desk, count)
        with (folder / f"{server}-{number % CONNECTIONS}").open("ab") as file:
            for start in range(0, len(ids), AT_ONCE):
                some = ids[start : start + AT_ONCE]
                file.write(_command(leases, "claim", desk, _claim(leases, desk, some)))
                file.write(_command(leases, "record", desk, _record(leases, some)))
    for connection in range(CONNECTIONS):
        with (folder / f"{server}-{connection}").open("ab") as file:
            file.write(hiredis.pack_command(("ECHO", _END)))


def _released(ledger: Ledger, leases: Leases, desk: Desk, count: int) -> list[str]:
    ids: list[str] = []
    events = [Notification.build({"receiver_id": f"ou_{n}", "text": TEXT, "desk": desk.name}) for n in range(count)]
    for start in range(0, count, MOST_AT_ONCE):
        ledger.accept(events[start : start + MOST_AT_ONCE])
        answer = leases.verbs.call(
            "release",
            desk.name,
            MOST_AT_ONCE,
            10**6,
            LASTS_MS,
            leases.results_for_ms,
            0,
            0,
            0,
            *limit_arguments(desk.rate),
        )
        ids += [id.decode() for id in answer[3:]]
    return ids


def _command(leases: Leases, verb: str, desk: Desk, arguments: Sequence[Argument]) -> bytes:
    written = [part if isinstance(part, (bytes, str)) else str(part) for part in arguments]
    sha = hashlib.sha1(source(verb).encode(), usedforsecurity=False).hexdigest()
    return bytes(hiredis.pack_command(("EVALSHA", sha, "1", leases.keys.prefix, desk.name, *written)))


def _claim(leases: Leases, desk: Desk, ids: Sequence[str]) -> Sequence[Argument]:
    """As of `Leases.claim`."""
    times = (leases.lease_ms, LASTS_MS, LASTS_MS, leases.results_for_ms, 0, 0, 0)
    return ("benchmark", *times, *limit_arguments(desk.rate), *ids)


def _record(leases: Leases, ids: Sequence[str]) -> Sequence[Argument]:
    """As of `Leases.record`."""
    results = [argument for id in ids for argument in (id, "delivered", ATTEMPT, 0, "", "")]
    return ("benchmark", leases.results_for_ms, "up", *results)


class _Copying(subprocess.Popen[bytes]):
    """A program that sends files to a server, each over a connection of its own, once it is told to."""

    def __init__(self, port: int, files: Sequence[str]) -> None:
        command = [sys.executable, "-m", "benchmarks.servers", str(port), *files]
        super().__init__(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        cast(IO[bytes], self.stdout).readline()

    def begin(self) -> None:
        cast(IO[bytes], self.stdin).write(b"\n")
        cast(IO[bytes], self.stdin).flush()

    def __exit__(self, *error: Any) -> None:
        self.kill()
        super().__exit__(*error)


@contextmanager
def _vouched(server: Ledger) -> Iterator[None]:
    """Says of a server that its clock is right, as a leading pacer does: else no slot is taken."""
    leases, ended = Leases(server.redis, server.settings, longest_call_ms=25_000), Event()

    def vouch() -> None:
        state = leases.lead("benchmark", _LEAD_MS).clock_state
        while not ended.wait(_VOUCH_SECONDS):
            state = leases.lead("benchmark", _LEAD_MS, ClockStep(0, state)).clock_state

    thread = Thread(target=vouch)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _cpu_ms(server: ValkeyProcess) -> float:
    used = cast(dict[str, float], server.client.info("cpu"))
    return 1000 * (used["used_cpu_user"] + used["used_cpu_sys"])


def copy(port: str, *files: str) -> None:
    """Sends the files when a line comes, and ends when all is answered."""
    connections = [create_connection(("127.0.0.1", int(port))) for _ in files]
    contents = [Path(file).read_bytes() for file in files]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    threads = [
        Thread(target=connection.sendall, args=(content,))
        for connection, content in zip(connections, contents, strict=True)
    ]
    for thread in threads:
        thread.start()
    readers = [Thread(target=_read_to_end, args=(connection,)) for connection in connections]
    for thread in readers:
        thread.start()
    for thread in (*threads, *readers):
        thread.join()


def _read_to_end(connection: Any) -> None:
    """Without a look at the answers: that all was done is checked afterwards."""
    tail = b""
    while not tail.endswith(_END + b"\r\n"):
        if not (answers := connection.recv(1 << 18)):
            raise ConnectionError("the server has closed the connection")
        tail = tail[-len(_END) - 2 :] + answers


if __name__ == "__main__":
    copy(*sys.argv[1:])
