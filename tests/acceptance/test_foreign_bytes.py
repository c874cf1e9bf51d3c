"""What is served, given the worst at a quarter and at the whole of its limit: CPU, memory, and everybody's `/healthz`.

A real web process over real TCP. Its CPU time is that of the process and of those that it starts: nothing here looks at
how long others kept the machine busy, but for `/healthz`, whose median of five is far above what that takes.
"""

import os
import statistics
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
import requests

from ledger.api_key import Scope
from ledger.api_keys import ApiKeys
from ledger.ledger import Ledger
from ledger.settings import Settings
from tests.acceptance.web_process import WebProcess
from tests.foreign_bytes import SERVED, Caller, Served
from tests.integration.console.console_visitor import Visitor

#: Four times as much may take six times the CPU. What takes less than this is quick enough, seconds.
MOST_GROWTH, QUICK_SECONDS = 6, 0.25
#: The median of five calls beside it, seconds.
HEALTHZ_CALLS, HEALTHZ_SECONDS = 5, 0.25
#: CPU of one: the median of so many.
SENT = 3
HOOKS = """
[hook.script]
use = "generic"
to = "ou_ada"

[hook.oncall]
use = "alertmanager"
to = "ou_ada"

[hook.events]
use = "cloudevents"
to = "ou_ada"

[hook.builds]
use = "feishu-bot"
to = "ou_ada"

[hook.signed]
use = "feishu-bot"
to = "ou_ada"
secret = "hush-hush"

[hook.chat]
use = "slack"
to = "ou_ada"
"""
_TICKS = os.sysconf("SC_CLK_TCK")

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="CPU time is read off Linux's /proc")


@pytest.fixture(scope="module")
def web(valkey: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[WebProcess, Caller]]:
    folder = tmp_path_factory.mktemp("foreign")
    (folder / "hooks.toml").write_text(HOOKS)
    ledger = Ledger(valkey)
    ledger.redis.flushall()
    _, secret = ApiKeys(ledger).create("bob", frozenset(Scope), None, None, by="test")
    environment = {
        **os.environ,
        "DESKBELL_DATA_DIR": str(valkey.data_dir),
        "DESKBELL_HOOKS": str(folder / "hooks.toml"),
        "DESKBELL_ENCRYPT_KEY": "k",
    }
    with WebProcess(folder, environment) as process:
        yield process, Caller(process.url, secret, Visitor(process.url).sign_in(secret))
    ledger.redis.close()


@pytest.mark.parametrize("place", SERVED.values(), ids=list(SERVED))
def test_the_worst_of_it_is_bounded_work(web: tuple[WebProcess, Caller], place: Served) -> None:
    process, caller = web
    before_mib = _start_of_memory(process.pid)
    quarter, whole = (_seconds(process.pid, caller, place, place.most_bytes // share) for share in (4, 1))
    assert whole < QUICK_SECONDS or whole < MOST_GROWTH * quarter, (quarter, whole)
    assert _memory(process.pid, "VmHWM") - before_mib < place.memory_mib


def _seconds(pid: int, caller: Caller, place: Served, size: int) -> float:
    """CPU for one of this size, while somebody else looks whether the server is there."""
    body, spent = place.hostile(size), []
    assert len(body) <= size

    def send() -> None:
        for _ in range(SENT):
            began = _cpu_seconds(pid)
            status = place.send(caller, body).status_code
            assert status < 500
            assert status != HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "it is to be taken apart, not turned away"
            spent.append(_cpu_seconds(pid) - began)

    sending = threading.Thread(target=send)
    sending.start()
    beside = []
    while sending.is_alive() or len(beside) < HEALTHZ_CALLS:
        beside.append(_healthz_seconds(caller.url))
        time.sleep(0.02)
    sending.join()
    assert len(spent) == SENT, "the server did not answer"
    assert statistics.median(beside) < HEALTHZ_SECONDS
    return statistics.median(spent)


def _healthz_seconds(url: str) -> float:
    began = time.perf_counter()
    assert requests.get(f"{url}/healthz", headers={"Connection": "close"}, timeout=60).status_code == 200
    return time.perf_counter() - began


def _cpu_seconds(pid: int) -> float:
    """Of the process, of those that it started and has waited for, and of those that still run."""
    return sum(map(_own_cpu_seconds, (pid, *_children(pid))))


def _own_cpu_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(map(int, fields[11:15])) / _TICKS


def _children(pid: int) -> list[int]:
    return [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in _started_by(task)]


def _started_by(task: Path) -> list[str]:
    try:
        return (task / "children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _start_of_memory(pid: int) -> float:
    """Forgets the most that the process ever had, and tells what it has, MiB."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return _memory(pid, "VmRSS")


def _memory(pid: int, name: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))
