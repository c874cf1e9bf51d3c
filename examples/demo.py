"""`make demo`: all of Deskbell on this machine, against the sandbox, with everything that can go wrong.

`deskbell up --sandbox` starts a Valkey, two Celery workers and a simulated Feishu; 60 notifications go out at a quota
of 40 calls in 10 seconds.
"""

import os
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import orjson
import requests
from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from deskbell import Notifier, Outcome, Record, State

#: The quota of the demo: high enough to finish soon, low enough to see it kept.
RATE = "40/10second"
#: Feishu's code for a call over the quota.
THROTTLED = 99991400
#: Far more than it takes, for a machine that is busy.
UP_SECONDS = 120
DONE_SECONDS = 55

console = Console()


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="deskbell-demo-") as folder:
        data_dir = Path(folder)
        environment = {**os.environ, "DESKBELL_DATA_DIR": folder, "DESKBELL_RATE": RATE, "DESKBELL_WORKERS": "2"}
        environment["DESKBELL_PORT"] = "0"  # any free one
        environment.pop("DESKBELL_REDIS_URL", None)
        os.environ.update(environment)
        os.environ.pop("DESKBELL_REDIS_URL", None)
        console.print(f"[bold]Deskbell demo[/bold]: a Valkey, two workers and the sandbox, quota {RATE}")
        with everything_up(environment, data_dir / "up.log") as up:
            notifier = Notifier.from_env()
            ids = send_all(notifier, picture_in(data_dir))
            console.print(f"{len(ids)} notifications accepted and fsynced; the workers take them from Redis")
            records = follow(notifier, ids)
            show(records, up["sandbox"])
    return 0 if all(record.progress.state.is_final for record in records) else 1


@contextmanager
def everything_up(environment: dict[str, str], log: Path) -> Iterator[dict[str, Any]]:
    """Runs `deskbell up --sandbox`, and stops it afterwards. Yields the JSON it prints when it is ready."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("deskbell"), "up", "--sandbox", "--json"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=output,
            # ctrl-C must reach it only once, from here, and not from the terminal too: a second one means "hurry".
            process_group=0,
        )
    try:
        yield first_line(cast(IO[bytes], process.stdout), log)
    finally:
        process.terminate()
        process.wait()


def first_line(output: IO[bytes], log: Path) -> dict[str, Any]:
    readable, _, _ = select.select([output], [], [], UP_SECONDS)
    line = output.readline() if readable else b""
    if not line:
        console.print(log.read_text("utf-8", "replace"), markup=False)
        raise SystemExit(f"deskbell up did not start within {UP_SECONDS} s. What it said is above.")
    ready: dict[str, Any] = orjson.loads(line)
    return ready


def picture_in(folder: Path) -> Path:
    path = folder / "plan.png"
    Image.new("RGB", (64, 48), "steelblue").save(path)
    return path


def send_all(notifier: Notifier, picture: Path) -> list[str]:
    """Sends sixty notifications of all four kinds. A receiver's id tells the sandbox what to do."""
    post = {"post": {"zh_cn": {"title": "办公室搬迁", "content": [[{"tag": "text", "text": "周五搬到六楼。"}]]}}}
    card = {
        "header": {"title": {"tag": "plain_text", "content": "Laptop ready"}, "template": "green"},
        "elements": [{"tag": "div", "text": {"tag": "lark_md", "content": "Pick it up at the **service desk**."}}],
    }
    messages: list[dict[str, Any]] = [
        {"text": "Disk full on db-3"},
        {"message": {"msg_type": "post", "content": post}},
        {"image": picture},
        {"message": {"msg_type": "interactive", "content": card}},
    ]
    receivers = [f"ou_person{n:02}" for n in range(46)]
    receivers += [f"ou_ticket{n}" for n in range(6)] + [f"ou_flaky{n}" for n in range(6)] + ["ou_unknown1", "ou_cut1"]
    return [
        notifier.send(receiver_id=receiver, key=f"demo/{receiver}", **messages[n % 4]).id
        for n, receiver in enumerate(receivers)
    ]


def follow(notifier: Notifier, ids: list[str]) -> list[Record]:
    deadline = time.monotonic() + DONE_SECONDS
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("at rest", total=len(ids))
        while True:
            records = [notifier.get(id) for id in ids]
            counts = Counter(record.progress.state for record in records)
            resting = sum(number for state, number in counts.items() if state.is_final or state is State.UNKNOWN)
            description = ", ".join(f"{n} {state}" for state, n in sorted(counts.items()))
            progress.update(bar, completed=resting, description=description)
            if resting == len(ids) or time.monotonic() > deadline:
                return records
            time.sleep(0.2)


def story_of(record: Record) -> str:
    """What happened to a notification, by its attempts."""
    outcomes = [attempt.outcome for attempt in record.progress.attempts]
    if Outcome.TICKET_OPEN in outcomes:
        return "open ticket: rerouted from chat to user"
    if Outcome.UNKNOWN in outcomes:
        return "call cut, maybe sent: recorded, and sent again by policy"
    if Outcome.TRANSIENT in outcomes:
        return "155000: retried"
    if record.progress.state is State.FAILED:
        return f"refused: {record.progress.attempts[-1].code} {record.progress.attempts[-1].msg}"
    return "delivered by the first call"


def show(records: list[Record], sandbox: str) -> None:
    stories: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        stories.setdefault((str(record.progress.state), story_of(record)), []).append(record)
    table = Table("state", "what happened", "count", "calls", "example", title="Outcomes")
    for (state, story), group in sorted(stories.items(), key=lambda item: -len(item[1])):
        calls = sum(len(record.progress.attempts) for record in group)
        table.add_row(state, story, str(len(group)), str(calls), f"{group[0].id} {group[0].notification.receiver_id}")
    console.print(table)
    with_retries = max(records, key=lambda record: len(record.progress.attempts))
    attempts = Table("via", "outcome", "code", "ms", title=f"The attempts of {with_retries.id}")
    for attempt in with_retries.progress.attempts:
        attempts.add_row(str(attempt.via), str(attempt.outcome), str(attempt.code), str(attempt.ms))
    console.print(attempts)
    stats = requests.get(f"{sandbox}/sandbox/stats", timeout=10).json()
    received = stats["calls"]["message"]
    console.print(
        f"The sandbox received {sum(received.values())} calls, checked every rolling window of 10 s,\n"
        f"and had to refuse {received.get(str(THROTTLED), 0)} of them."
    )
    console.print(
        "[bold]Next[/bold]: `.venv/bin/deskbell up --sandbox` in one terminal, and in another\n"
        "  .venv/bin/deskbell send --to ou_ada --text Hello --wait\n"
        "  .venv/bin/deskbell list --notifications\n"
        "README.md says how to use your own helpdesk.\n"
        "The console, while it is up: http://127.0.0.1:8480/console/"
    )


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        console.print("stopped; no process is left running")
        sys.exit(130)
