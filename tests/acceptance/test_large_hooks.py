"""Two bodies of 25 MiB to a hook at once, of the worst shapes: what they take in memory, and `/healthz` beside them.

With `-s` it prints the figures of docs/performance.md.
"""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from ledger.settings import Settings
from tests.acceptance.test_web_work_is_bounded import assert_healthz_answers
from tests.acceptance.web_process import WebProcess, web_of_hooks

__all__: list[str] = []

SIZE = 25 * 1024 * 1024
#: Of the web process, and of one that reads a body: what was measured, and half as much again.
MOST_MIB, MOST_MIB_EACH = 400, 750
HOOKS = '[hook.script]\nuse = "generic"\nto = "ou_ada"\n[hook.oncall]\nuse = "alertmanager"\nto = "ou_ada"\n'


def filled(head: str, item: Callable[[int], str], most: int, tail: str) -> bytes:
    """`head`, up to `most` items with commas between them, as many as fit, and `tail`."""
    items, left = [], SIZE - len(head) - len(tail)
    while len(items) < most and (left := left - len(text := item(len(items))) - 1) >= 0:
        items.append(text)
    return (head + ",".join(items) + tail).encode()


def alert(n: int) -> str:
    labels = f'{{"alertname":"DiskFull","instance":"db-{n}:9100"}}'
    return f'{{"status":"firing","labels":{labels},"annotations":{{}},"startsAt":"2026-11-22T06:41:12Z"}}'


SHAPES = {
    "alerts": ("oncall", lambda: filled('{"status":"firing","groupKey":"k","alerts":[', alert, 10**9, "]}")),
    "small objects": ("script", lambda: filled('{"text":"x","a":[', lambda n: f'{{"k{n}":"v{n}"}}', 999_000, "]}")),
    "members": ("script", lambda: filled('{"text":"x",', lambda n: f'"k{n:07x}":"v"', 2_400_000, "}")),
    "texts": ("script", lambda: filled('{"text":"x","a":[', lambda n: f'"{n:07x}"', 2_400_000, "]}")),
    "more lists than are taken": ("script", lambda: filled('{"text":"x","a":[', lambda _: "[]", 10**9, "]}")),
}


@pytest.fixture(scope="module")
def web(valkey: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebProcess]:
    with web_of_hooks(valkey, tmp_path_factory.mktemp("web"), HOOKS) as process:
        yield process


@pytest.mark.parametrize(
    "shape",
    [
        *("members", "more lists than are taken"),
        *(pytest.param(shape, marks=pytest.mark.slow) for shape in ("alerts", "small objects", "texts")),
    ],
)
def test_two_bodies_of_25_mib_stay_within_their_memory_and_hold_up_nobody(web: WebProcess, shape: str) -> None:
    name, make = SHAPES[shape]
    body = make()
    with Watch(web.pid) as watch, ThreadPoolExecutor(2) as threads:
        began = time.monotonic()
        answers = [threads.submit(post, web.url, name, body) for _ in range(2)]
        assert_healthz_answers(web.url)
        statuses = {each.result() for each in answers}
        seconds = time.monotonic() - began
    assert statuses == ({422} if shape == "more lists than are taken" else {202})
    figures = f"{len(body):,} bytes, {seconds:.1f} s, web {watch.web_mib} MiB, each reader {watch.reader_mib} MiB"
    print(f"\n{shape}: {figures}")  # noqa: T201  for whoever measures
    assert watch.web_mib < MOST_MIB
    assert 0 < watch.reader_mib < MOST_MIB_EACH


def post(url: str, name: str, body: bytes) -> int:
    headers = {"Content-Type": "application/json"}
    return requests.post(f"{url}/v1/hooks/{name}", data=body, headers=headers, timeout=120).status_code


class Watch:
    """The largest memory that the web process and the readers that it starts have had while it is entered, in MiB."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.web_mib = self.reader_mib = 0

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.02):
            self.web_mib = max(self.web_mib, peak_mib(self._pid))
            tasks = Path(f"/proc/{self._pid}/task").glob("*/children")
            children = {int(pid) for task in tasks for pid in read(task).split()}
            self.reader_mib = max(self.reader_mib, *map(peak_mib, children), 0)


def peak_mib(pid: int) -> int:
    """0 for one that has ended."""
    found = [line.split()[1] for line in read(Path(f"/proc/{pid}/status")).splitlines() if line.startswith("VmHWM")]
    return int(found[0]) // 1024 if found else 0


def read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
