"""`kill -9` of the web process, and of Valkey, under load: whatever was answered with 202 is in the ledger, once."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

import requests

from ledger.search import Search
from tests.acceptance.installation import MARKER, Installation, eventually
from tests.acceptance.web_process import WebProcess

__all__: list[str] = []

PRODUCERS, KILLS = 8, 3
#: Answered before each kill.
BETWEEN_KILLS = 150


@dataclass
class Producers:
    """Threads that hand in notifications, each until it is answered, with the key of the first try."""

    url: str
    accepted: dict[str, str] = field(default_factory=dict)  #: the id that each key was answered with
    repeated: int = 0
    _numbers: "count[int]" = field(default_factory=count)
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        with requests.Session() as session:
            while not self._stop.is_set():
                self._send(session, f"key-{next(self._numbers)}")

    def _send(self, session: requests.Session, key: str) -> None:
        body = {"receiver_id": f"ou_{key}", "text": MARKER}
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline:
            try:
                answer = session.post(
                    f"{self.url}/v1/notifications", json=body, headers={"Idempotency-Key": key}, timeout=10
                )
            except requests.RequestException:
                answer = None
            if answer is not None and answer.status_code == 202:
                self.accepted[key] = answer.json()["id"]
                return
            self.repeated += 1
            time.sleep(0.05)  # the web process or Valkey starts again

    def stop(self) -> None:
        self._stop.set()


def test_whatever_was_answered_is_on_record_once(new_installation: Callable[..., Installation]) -> None:
    installation = new_installation(workers=0)
    with WebProcess(installation.folder, installation.environment) as web:
        producers = Producers(web.url)
        threads = [threading.Thread(target=producers.run) for _ in range(PRODUCERS)]
        for thread in threads:
            thread.start()
        try:
            for kill in range(KILLS):
                wanted = len(producers.accepted) + BETWEEN_KILLS
                eventually(lambda wanted=wanted: len(producers.accepted) >= wanted, 60, "answers")  # type: ignore[misc]
                if kill == KILLS - 1:
                    installation.kill_valkey()
                    installation.valkey.start()
                else:
                    web.kill()
                    web.start()
        finally:
            producers.stop()
            for thread in threads:
                thread.join(120)
    assert producers.repeated > 0, "no kill hit a request"
    records = installation.ledger.get_many(list(producers.accepted.values()))
    assert {record.notification.key: record.id for record in records} == producers.accepted
    assert sum(installation.counts().values()) == len(producers.accepted) == len(set(producers.accepted.values()))
    assert len(Search().page(installation.ledger, 5000).records) == len(producers.accepted)
