"""The cost of an audience: the walk through the contacts, until everybody is accepted; and of a row that waits."""

import json
import os
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

import sandbox
from benchmarks.announcements import SPEC, a_ledger, used_memory
from benchmarks.bench_setup import CREDENTIALS
from benchmarks.exact import NotExact
from benchmarks.figure import Figure
from benchmarks.size import Size, spread
from ledger.ledger import Ledger

__all__ = ["measure"]

PEOPLE, DEPARTMENTS = 100_000, 2_000
NAME = "Ada Lovelace"
#: The command, without the pace that it keeps for Feishu's sake.
_UNPACED = (
    "from feishu.contact_pace import ContactPace; ContactPace.wait = lambda self: None;"
    " from producers.cli.command_line import main; main()"
)
_PACED = "from producers.cli.command_line import main; main()"


def measure(size: Size) -> Iterator[Figure]:
    people, departments = size.of(PEOPLE), size.of(DEPARTMENTS)
    for what, code, rounds in (("at Feishu's limit", _PACED, 1), ("without limits", _UNPACED, size.rounds)):
        runs = [walked(people, departments, code) for _ in range(rounds)]
        seconds, rss_mb = [each[0] for each in runs], max(each[1] for each in runs)
        calls, different = runs[0][2]
        yield Figure(
            f"`announce --everyone` to {people:,} people in {departments:,} departments, {what}, until accepted",
            "≤ 250 MB RSS, no page asked for twice",
            f"{spread(seconds, '{:.0f} s'.format)}, {rss_mb:.0f} MB peak RSS, {calls:,} calls",
            rss_mb <= 250 and calls == different,
        )
    yield waiting(people)


def waiting(people: int) -> Figure:
    """Memory of a row besides its values."""
    spec = SPEC.model_copy(
        update={"columns": ("name",), "message": {"msg_type": "text", "content": {"text": "{{ name }}"}}}
    )
    with a_ledger() as ledger:
        before = used_memory(ledger)
        id, _ = ledger.announcements.open(spec, key="waiting", digest="waiting")
        rows = (orjson.dumps([number, f"ou_{uuid.uuid4().hex}", [NAME]]) for number in range(1, people + 1))
        ledger.announcements.load(id, rows)
        ledger.announcements.start(id, spec, people)
        each = (used_memory(ledger) - before) / people - len(NAME)
    what = f"Redis memory per waiting row of an audience, besides the values that it uses, {people:,} rows"
    return Figure(what, "≤ 140 bytes", f"{each:.0f} bytes", each <= 140)


def walked(people: int, departments: int, code: str) -> tuple[float, float, tuple[int, int]]:
    """Seconds, peak RSS (MB); calls of the contact API, and how many of them differ. Raises NotExact."""
    options = ("--people", str(people), "--departments", str(departments), "--contact-rate", "unlimited")
    with a_ledger() as ledger, sandbox.running("--rate", "unlimited", *options) as url:
        seconds, rss_mb = announce(ledger, url, code)
        announced = list(ledger.announcements.newest())
        totals = [each.total for each in announced]
        receivers = {found.row.receiver_id for each in announced for found in ledger.announcements.rows(each.id)}
        if totals != [len(receivers)]:
            raise NotExact(f"announcements of {totals} rows to {len(receivers)} people")
        calls = _calls(url)
        return seconds, rss_mb, (len(calls), len(set(calls)))


def announce(ledger: Ledger, url: str, code: str) -> tuple[float, float]:
    environment = {
        **os.environ,
        **CREDENTIALS,
        "DESKBELL_DATA_DIR": str(ledger.settings.data_dir),
        "DESKBELL_FEISHU_URL": url,
    }
    command = [sys.executable, "-c", code, "announce", "--everyone", "--text", "Dear {{ name }}", "--yes", "--json"]
    begun = time.monotonic()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, cwd=Path(__file__).parents[1])
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise NotExact(f"the command ended with {process.returncode}")
    return time.monotonic() - begun, used.ru_maxrss / 1024


def _calls(url: str) -> list[str]:
    with urllib.request.urlopen(f"{url}/sandbox/calls", timeout=120) as answer:
        calls: list[dict[str, Any]] = json.loads(answer.read())["calls"]
    return [json.dumps([call["path"], call.get("query")]) for call in calls if "/contact/v3/" in call["path"]]
