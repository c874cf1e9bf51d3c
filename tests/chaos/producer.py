"""`python -m tests.chaos.producer`: asks for its share of the traffic, and writes down what it is told.

Killed at any moment and started again, it goes on from its journal: what it had asked for without an answer is asked
for again, with the same key.
"""

import argparse
import itertools
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TypeVar

import redis

from ledger.errors import NotDurable
from ledger.ledger import Ledger
from ledger.loading import RowsMissing
from tests.chaos.backend import AudienceBackend, Backend, CommandBackend, HttpBackend, LedgerBackend, NotNow
from tests.chaos.drafting import announce_draft
from tests.chaos.journal import Journal
from tests.chaos.traffic import Announced, Traffic

__all__ = ["main"]

#: Events to one call of the ledger, at most; and now and then a burst, so that the quota is reached.
MOST_AT_ONCE, BURST, BURSTS = 8, 100, 0.03
#: Between two tries while Redis is away, seconds.
AGAIN_SECONDS = 0.2
#: Between two steps of announcing, at most: long enough to be killed in, seconds.
STEP_SECONDS = 0.05

T = TypeVar("T")


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    traffic = Traffic(**{field.name: getattr(given, field.name) for field in fields(Traffic)})
    ledger, journal = Ledger.from_env(), Journal(given.journal)
    if given.to_audiences:
        _announce_to_audiences(traffic, ledger, given.url, journal, given.per_second)
    elif given.number is None:
        _announce_all(traffic, ledger, journal, given.per_second)
    else:
        backend = HttpBackend(given.url) if given.url else LedgerBackend(ledger)
        alone = CommandBackend() if given.number == 0 else backend
        _send_all(traffic, given.number, backend, alone, journal, given.per_second)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.producer")
    for field in fields(Traffic):
        parser.add_argument(f"--{field.name}", type=int, required=True)
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--per-second", type=float, required=True, help="notifications")
    parser.add_argument("--number", type=int, help="which of the producers of events; without it, of announcements")
    parser.add_argument("--url", help="of the web process: by this way instead of straight into the ledger")
    parser.add_argument("--to-audiences", action="store_true", help="announce to these, every other time over HTTP")
    return parser


def _send_all(
    traffic: Traffic, number: int, backend: Backend, alone: Backend, journal: Journal, per_second: float
) -> None:
    """Those that come `alone`, one at a time, may have a way of their own."""
    known, rng = journal.answers(), random.Random()
    left = iter([asked for i in range(traffic.events) if (asked := traffic.event(number, i)).marker not in known])
    while batch := list(itertools.islice(left, BURST if rng.random() < BURSTS else rng.randint(1, MOST_AT_ONCE))):
        journal.asking(*(asked.marker for asked in batch))
        way = alone if len(batch) == 1 else backend
        journal.accepted(_until_told(lambda batch=batch, way=way: way.accept(batch)))  # type: ignore[misc]
        time.sleep(len(batch) / per_second)


def _announce_all(traffic: Traffic, ledger: Ledger, journal: Journal, per_second: float) -> None:
    known, rng = journal.answers(), random.Random()
    for announced in map(traffic.announcement, range(traffic.announcements)):
        if announced.key not in known:
            journal.asking(announced.key)
            id = _until_told(lambda announced=announced: _announce(ledger, announced, journal, rng))  # type: ignore[misc]
            journal.accepted({announced.key: id})
            time.sleep(len(announced.rows) / per_second)


def _announce(ledger: Ledger, announced: Announced, journal: Journal, rng: random.Random) -> str:
    if announced.draft:
        return announce_draft(ledger, announced, journal, lambda: time.sleep(rng.uniform(0, STEP_SECONDS)))
    opened = ledger.announcements.open(announced.spec, key=announced.key, digest=announced.key)
    if not opened.started:
        ledger.announcements.load(opened.id, _hesitating(announced.loaded(), rng))
        time.sleep(rng.uniform(0, STEP_SECONDS))
        ledger.announcements.start(opened.id, announced.spec, len(announced.rows))
    return opened.id


def _announce_to_audiences(traffic: Traffic, ledger: Ledger, url: str, journal: Journal, per_second: float) -> None:
    """Some are asked for again while they are being sent, under the same key."""
    known, rng = journal.answers(), random.Random()
    ways = (AudienceBackend.of_ledger(ledger), AudienceBackend.over_http(url))
    for number, announced in enumerate(map(traffic.to_audience, range(traffic.audiences))):
        if announced.key in known:
            continue
        for _ in range(rng.choice((1, 2))):
            journal.asking(announced.key)
            id = _until_told(lambda way=ways[number % 2], announced=announced: way.announce(announced))  # type: ignore[misc]
            journal.accepted({announced.key: id})
            time.sleep(len(announced.rows) / per_second / 2)


def _hesitating(rows: Iterator[bytes], rng: random.Random) -> Iterator[bytes]:
    time.sleep(rng.uniform(0, STEP_SECONDS))
    yield from rows


def _until_told(ask: Callable[[], T]) -> T:
    """Asks again, with the same keys, for as long as Redis does not answer or cannot confirm.

    Rows that were loaded may be gone, too: a producer that was killed may have had a request under way that replaces
    them.
    """
    while True:
        try:
            return ask()
        except (redis.ConnectionError, redis.TimeoutError, NotDurable, NotNow, RowsMissing):
            time.sleep(AGAIN_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
