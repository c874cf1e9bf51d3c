"""A file made to do harm, handed in at a real web process: it harms whoever handed it in, and nobody beside."""

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from ledger.api_key import Scope
from ledger.api_keys import ApiKeys
from ledger.ledger import Ledger
from ledger.settings import Settings
from tests.few import few
from tests.unit.producers.announcements.hostile_workbooks import texts, workbook

__all__: list[str] = []

DESKBELL = Path(sys.executable).with_name("deskbell")
#: Longer than any file here takes on a busy machine.
SECONDS = 120
#: What promise 15 says of /healthz beside whatever is handed in, and of the memory of the web process.
HEALTHZ_SECONDS, GROWTH_MIB = 0.25, 100


@dataclass(frozen=True, slots=True)
class Web:
    """A process of its own, with a key for each of two callers."""

    url: str
    pid: int
    keys: tuple[str, str]

    def hand_in(self, key: int, content: bytes, name: str, **fields: str) -> requests.Response:
        return requests.post(
            f"{self.url}/v1/announcements",
            headers={"Authorization": f"Bearer {self.keys[key]}"},
            files={"recipients": (name, content)},
            data={"text": "hi", **fields},
            timeout=SECONDS,
        )

    def healthz_seconds(self) -> float:
        return statistics.median(self._seconds() for _ in range(5))

    def _seconds(self) -> float:
        began = time.monotonic()
        assert requests.get(f"{self.url}/healthz", timeout=SECONDS).status_code == 200
        return time.monotonic() - began

    @property
    def most_mib(self) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) // 1024

    @property
    def children(self) -> list[str]:
        return Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()


@pytest.fixture
def web(empty_valkey: Settings, tmp_path: Path) -> Iterator[Web]:
    keys = ApiKeys(Ledger(empty_valkey))
    secrets = [keys.create(f"k{n}", frozenset(Scope), None, None, by="test")[1] for n in range(2)]
    environment = {**os.environ, "DESKBELL_REDIS_URL": str(empty_valkey.redis)}
    command = [DESKBELL, "web", "--port", "0", "--json"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield Web(json.loads(process.stdout.readline())["url"], process.pid, (secrets[0], secrets[1]))
        process.terminate()
        process.wait(SECONDS)


HOSTILE: dict[str, Callable[[], tuple[bytes, str]]] = {
    "empty rows": lambda: (workbook("<row/>" * 200_000), "people.xlsx"),
    "many texts": lambda: (workbook(parts={"xl/texts.xml": texts(100_000)}), "people.xlsx"),
    "one long text everywhere": lambda: (
        workbook(
            "".join(f'<row r="{row}"><c r="A{row}" t="s"><v>0</v></c></row>' for row in range(3, 5000)),
            parts={"xl/texts.xml": f"<sst><si><t>{'x' * 32_000}</t></si></sst>"},
        ),
        "people.xlsx",
    ),
    "lines of one name": lambda: (b'{"receiver_id": ""}\n' * 60_000, "people.jsonl"),
    "quotes that are never closed": lambda: (b"receiver_id,a\n" + b'"\n' * 1_000_000, "people.csv"),
}


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc")
@pytest.mark.parametrize("kind", few(HOSTILE, one_in=3))
def test_a_hostile_file_leaves_the_others_their_time_and_memory(web: Web, kind: str) -> None:
    content, name = HOSTILE[kind]()
    before_mib = web.most_mib
    answers: list[requests.Response] = []
    thread = threading.Thread(target=lambda: answers.append(web.hand_in(0, content, name)))
    thread.start()
    medians = []
    while thread.is_alive():
        medians.append(web.healthz_seconds())
    thread.join()
    assert answers[0].status_code in (202, 422)
    assert len(answers[0].json().get("detail", "")) < 300
    # Others may keep the machine busy for a while, but not all the while.
    assert min(medians, default=0) < HEALTHZ_SECONDS
    assert web.most_mib - before_mib < GROWTH_MIB
    assert web.children == []


def test_another_key_does_not_wait_behind_many_files_of_one(web: Web) -> None:
    content = workbook("<row/>" * 150_000)
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda: answers.append(web.hand_in(0, content, "people.xlsx", dry_run="1").status_code))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    answer = web.hand_in(1, b"receiver_id\nou_ada\n", "people.csv")
    # The first of them are read still, and those beyond the four of a key were refused at once.
    assert answer.status_code == 202
    assert set(answers) <= {429}
    for thread in threads:
        thread.join(SECONDS)
    assert sorted(answers) == [200] * 4 + [429] * 2
