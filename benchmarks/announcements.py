"""The cost of announcements: accepting, storing, releasing, pausing and sharing a desk."""

import csv
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import orjson

from benchmarks.bench_setup import running
from benchmarks.exact import NotExact
from benchmarks.figure import Figure
from benchmarks.size import Size, spread
from ledger.announcement import Spec
from ledger.delivery_options import ReceiveType
from ledger.embedded import EmbeddedValkey
from ledger.leases import Leases, Result
from ledger.ledger import Ledger
from ledger.progress import Attempt
from ledger.rate import Limit
from ledger.settings import Settings
from ledger.states import Outcome, State

__all__ = ["SPEC", "announced", "measure", "wait_for_rewrite"]

SPEC = Spec(
    name="Office move",
    message={"msg_type": "text", "content": {"text": "Dear {{ name }}, you move to {{ room }}, floor {{ floor }}."}},
    columns=("name", "room", "floor"),
)
MILLION = 1_000_000


def measure(size: Size) -> Iterator[Figure]:
    yield from accepting(size)
    yield from keeping(size)
    yield from releasing(size)
    yield from pausing(size)
    yield from sharing(size)


def announced(
    ledger: Ledger, rows: int, key: str, spec: Spec = SPEC, receiver: Callable[[int], str] = lambda _: uuid.uuid4().hex
) -> str:
    """Accepts an announcement with so many rows; `receiver` gives what stands behind the `ou_` of each."""
    id, _ = ledger.announcements.open(spec, key=key, digest=key)
    ledger.announcements.load(id, (_row(number, f"ou_{receiver(number)}", spec) for number in range(rows)))
    ledger.announcements.start(id, spec, rows)
    return id


def _row(number: int, receiver: str, spec: Spec) -> bytes:
    values = ["Ada Lovelace", f"{number % 900}", str(number % 9)] if spec.columns else []
    return orjson.dumps([number + 2, receiver, values])


@contextmanager
def a_ledger() -> Iterator[Ledger]:
    with tempfile.TemporaryDirectory(prefix="deskbell-bench-") as folder:
        settings = Settings(data_dir=Path(folder), _env_file=None)
        with EmbeddedValkey(settings):
            yield Ledger(settings)


def accepting(size: Size) -> Iterator[Figure]:
    for whole, seconds_asked in ((100_000, 5), (MILLION, 50)):
        rows = size.of(whole)
        rounds = [accepted(rows) for _ in range(size.rounds)]
        seconds, rss_mb = [each[0] for each in rounds], max(each[1] for each in rounds)
        yield Figure(
            f"`announce` of {rows:,} CSV rows with 3 variables, until accepted and fsynced, {size.rounds} rounds",
            f"≤ {seconds_asked} s" + (", ≤ 250 MB RSS" if whole == MILLION else ""),
            f"{spread(seconds, '{:.1f} s'.format)}, {rss_mb:.0f} MB peak RSS",
            median(seconds) <= seconds_asked and rss_mb <= 250,
        )


def accepted(rows: int) -> tuple[float, float]:
    """Seconds and peak RSS (MB) of one round. Raises NotExact."""
    with a_ledger() as ledger, tempfile.TemporaryDirectory() as folder:
        people = Path(folder) / "people.csv"
        write_people(people, rows)
        took = announce(ledger.settings.data_dir, people)
        totals = [announcement.total for announcement in ledger.announcements.newest()]
        if totals != [rows]:
            raise NotExact(f"announcements of {totals} rows, not one of {rows}")
        return took


def write_people(path: Path, rows: int) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["receiver_id", *SPEC.columns])
        writer.writerows([f"ou_{uuid.uuid4().hex}", "Ada Lovelace", number % 900, number % 9] for number in range(rows))


def announce(data_dir: Path, people: Path) -> tuple[float, float]:
    """Seconds and peak RSS (MB) of the whole command."""
    deskbell = Path(sys.executable).with_name("deskbell")
    text = str(SPEC.message["content"]["text"])  # type: ignore[index, call-overload]
    command = [deskbell, "announce", people, "--text", text, "--yes", "--json"]
    begun = time.monotonic()
    process = subprocess.Popen(
        command, env={**os.environ, "DESKBELL_DATA_DIR": str(data_dir)}, stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"announce ended with {process.returncode}")
    return seconds, usage.ru_maxrss / 1024


def keeping(size: Size) -> Iterator[Figure]:
    rows = size.of(MILLION)
    with a_ledger() as ledger:
        before = used_memory(ledger)
        announced(ledger, rows, "waiting")
        waiting = (used_memory(ledger) - before) / rows
    yield Figure(
        f"Redis memory per waiting row, {rows:,} rows of 3 variables",
        "≤ 200 bytes",
        f"{waiting:.0f} bytes",
        waiting <= 200,
    )
    rows = size.of(100_000)
    with a_ledger() as ledger:
        before = used_memory(ledger)
        announced(ledger, rows, "finished")
        deliver_all(ledger, rows)
        finished = (used_memory(ledger) - before) / rows
    yield Figure(
        f"Redis memory per finished row, {rows:,} rows with message id, log id and times",
        "≤ 400 bytes",
        f"{finished:.0f} bytes",
        finished <= 400,
    )


def used_memory(ledger: Ledger) -> int:
    return int(ledger.redis.info("memory")["used_memory"])


def deliver_all(ledger: Ledger, rows: int) -> None:
    leases = Leases(ledger.redis, ledger.settings, longest_call_ms=1000)
    desk = ledger.settings.desk("default").model_copy(update={"rate": ()})
    finished = 0
    while finished < rows:
        [released] = leases.release([(desk, 512, rows)])
        now_ms, claims = leases.claim(desk, "token", released.ids)
        log_id, message_id = f"20261122{uuid.uuid4().hex[:26]}", f"om_{uuid.uuid4().hex}"
        attempt = Attempt(now_ms, ReceiveType.CHAT, Outcome.DELIVERED, 0, 200, log_id, 153, message_id)
        leases.record(desk, "token", [Result(claim.id, State.DELIVERED, [attempt]) for claim in claims], "up")
        finished += len(claims)


def releasing(size: Size) -> Iterator[Figure]:
    """Measured in one run, in turns, since the machine's speed drifts."""
    with a_ledger() as few, a_ledger() as many:
        times, rows = size.of(200), size.of(MILLION, 2_000)
        announced(few, 2 * size.rounds * times, "few")
        announced(many, rows, "many")
        wait_for_rewrite(many)
        for ledger in (few, many):
            ledger.redis.config_set("slowlog-log-slower-than", 0)
            ledger.redis.config_set("slowlog-max-len", 10 * times)
        rounds = [compared(few, many, times) for _ in range(size.rounds)]
    what = f"with {rows:,} rows waiting against some thousand, {size.rounds} rounds of {times} in turns"
    for name, ratios in zip(
        ("cost of `release`, fsync included,", "the server's own time for `release`"),
        zip(*rounds, strict=True),
        strict=True,
    ):
        yield Figure(f"{name} {what}", "≤ 1.1×", spread(ratios, "{:.2f}×".format), median(ratios) <= 1.1)


def compared(few: Ledger, many: Ledger, times: int) -> tuple[float, float]:
    """The ratios of the medians of so many releases of each, in turns: of what the caller waits, and what the server
    takes for the script."""
    for ledger in (few, many):
        ledger.redis.slowlog_reset()
    pairs = [(one_release(few), one_release(many)) for _ in range(times)]
    waits = median(pair[1] for pair in pairs) / median(pair[0] for pair in pairs)
    return waits, script_microseconds(many) / script_microseconds(few)


def script_microseconds(ledger: Ledger) -> float:
    """The median since its log was reset."""
    entries = ledger.redis.slowlog_get(-1)
    return median(entry["duration"] for entry in entries if entry["command"].startswith(b"EVALSHA"))


def wait_for_rewrite(ledger: Ledger) -> None:
    """Loading this much makes the server rewrite its append-only file, and meanwhile each write copies a page."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        state = ledger.redis.info("persistence")
        if not state["aof_rewrite_in_progress"] and not state["aof_rewrite_scheduled"]:
            return
        time.sleep(0.2)


def one_release(ledger: Ledger) -> float:
    desk = ledger.settings.desk("default").model_copy(update={"rate": (Limit(calls=100_000, seconds=1),)})
    leases = Leases(ledger.redis, ledger.settings, longest_call_ms=1000)
    begun = time.perf_counter()
    leases.release([(desk, 1, 1_000_000)])
    return time.perf_counter() - begun


def pausing(size: Size) -> Iterator[Figure]:
    with running(rate="unlimited", sandbox=("--latency-ms", "50")) as setup:
        id = announced(setup.ledger, 10_000 * size.rounds, "pause")
        late = []
        for _ in range(size.rounds):
            time.sleep(3)
            setup.ledger.announcements.pause(id, by="benchmark")
            paused_at = time.time()
            time.sleep(2.5)
            late.append(max(call["at"] for call in setup.calls()) - paused_at)
            setup.ledger.announcements.resume(id, by="benchmark")
        setup.ledger.announcements.cancel(id, by="benchmark")
    yield Figure(
        f"`pause` until the last call started, 2 worker processes, 50 ms API, the worst of {size.rounds}",
        "≤ 1 s",
        spread(late, "{:.2f} s".format),
        max(late) <= 1,
    )


def sharing(size: Size) -> Iterator[Figure]:
    seconds = size.of(60)
    with running(rate="300/6second") as setup:
        ids = [announced(setup.ledger, 10_000, f"share {number}") for number in range(3)]
        time.sleep(seconds)
        sent = [setup.ledger.announcements.get(id).counts[State.DELIVERED] for id in ids]
        for id in ids:
            setup.ledger.announcements.cancel(id, by="benchmark")
    yield Figure(
        f"three announcements of one desk, equal weight, {seconds} s at 300/6second",
        "each within 5 % of a third",
        ", ".join(f"{n / sum(sent):.1%}" for n in sent) + f" of {sum(sent):,}",
        all(abs(n / sum(sent) * 3 - 1) <= 0.05 for n in sent),
    )
