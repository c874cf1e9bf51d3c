"""The CPU of a notification of a batch of 100 over HTTP in the web process: `python -m benchmarks.batch_profile`.

Prints the CPU of the whole process under load, and that of each step alone, in this process, at its quickest.
"""

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from redis.connection import HiredisRespSerializer

from benchmarks.http import press, web_process
from benchmarks.http_load import body_of
from benchmarks.measured import cpu_seconds_of
from ledger.gc_tuning import tune_gc
from ledger.ids import new_notification_id
from ledger.ledger import Ledger
from ledger.messages.strict_json import strict_json
from ledger.notification import Notification
from ledger.record import Accepted
from ledger.settings import Settings
from ledger.states import State
from producers.web.access import Caller
from producers.web.bodies import json_response
from producers.web.notification_parser import NotificationParser

__all__ = ["main"]

BATCH = 100
#: Requests of each round under load, and rounds.
CALLS, ROUNDS = 200, 5
#: Repeats of a step in one measurement, and measurements.
REPEATS, MEASUREMENTS = 50, 20
_ANYBODY = Caller("profile", None, frozenset(), None)


def main() -> None:
    rounds = sorted(whole_process())
    print(f"web process, all of it: {rounds[len(rounds) // 2]:.1f} µs ({rounds[0]:.1f} to {rounds[-1]:.1f})")
    with tempfile.TemporaryDirectory() as folder:
        for name, microseconds in steps(Ledger(Settings(data_dir=Path(folder), _env_file=None))):
            print(f"  {name:42}{microseconds:6.2f}")


def whole_process() -> list[float]:
    """CPU µs of a notification, of each round."""
    found = []
    with web_process() as (pid, port, ledger):
        press(port, 8, CALLS, BATCH, ledger)
        for _ in range(ROUNDS):
            begun = cpu_seconds_of(pid)
            press(port, 8, CALLS, BATCH, ledger)
            found.append((cpu_seconds_of(pid) - begun) * 1_000_000 / (CALLS * BATCH))
    return found


def steps(ledger: Ledger) -> list[tuple[str, float]]:
    """Each step of a batch, and its CPU µs for each notification."""
    tune_gc()
    body = body_of(0, BATCH)
    raws = strict_json(body)["notifications"]
    parser = NotificationParser(ledger.settings, _ANYBODY, None, datetime.now(UTC), {})
    asked = [each for each in parser.each(raws) if isinstance(each, Notification)]
    acceptances = [ledger._acceptance(each) for each in asked]
    pack = HiredisRespSerializer().pack
    results = [Accepted(new_notification_id(), False, State.QUEUED) for _ in asked]
    return [
        ("JSON of the body", _cost(lambda: strict_json(body))),
        ("checks, and a Notification of each item", _cost(lambda: parser.each(raws))),
        ("JSON of the record", _cost(lambda: [each.to_input() for each in asked])),
        ("hash of the content", _cost(lambda: [each.content_hash for each in asked])),
        ("id, and what else the verb gets", _cost(lambda: [_rest(ledger, each) for each in asked])),
        ("encoding for Redis", _cost(lambda: pack("EVALSHA", "…", 1, "…", "default", *chain(*acceptances)))),
        ("answer", _cost(lambda: json_response({"results": [each.as_json() for each in results]}))),
    ]


def _rest(ledger: Ledger, notification: Notification) -> object:
    return new_notification_id(), ledger._more(notification)


def _cost(step: Callable[[], object]) -> float:
    """At its quickest, since other programs can only make it slower."""
    return min(_once(step) for _ in range(MEASUREMENTS)) * 1_000_000 / (REPEATS * BATCH)


def _once(step: Callable[[], object]) -> float:
    begun = time.process_time()
    for _ in range(REPEATS):
        step()
    return time.process_time() - begun


if __name__ == "__main__":
    main()
