"""Events by e-mail: how much later they go out than those by id, and how few questions thousands of them take."""

import time
from collections.abc import Callable, Iterator
from itertools import count
from statistics import median

from benchmarks.bench_setup import BenchSetup, running
from benchmarks.figure import Figure
from benchmarks.latency import p99_of, wait_until_delivered
from benchmarks.size import Size, spread
from ledger.notification import Notification

__all__ = ["measure"]

SENDS, MAILS, AT_ONCE = 200, 10_000, 500
#: Between two events, seconds: the desk is idle before each, and Feishu's limit on questions is kept.
PAUSE_SECONDS = 0.08
_numbers = count()
_QUESTION = "/batch_get_id"


def measure(size: Size) -> Iterator[Figure]:
    sends = size.of(SENDS)
    with running(rate="unlimited") as setup:
        ids, cached, fresh, questions = [], [], [], []
        for _ in range(size.rounds):
            ids.append(p99_of(_one_by_one(setup, sends, _by_id)))
            cached.append(p99_of(_one_by_one(setup, sends, _by_cached_mail(setup))))
            fresh.append(p99_of(_one_by_one(setup, sends, _by_mail)))
            questions.append(_p99_of_questions(setup))
    what = f"{size.rounds} rounds of {sends} sends, 2 worker processes"
    yield Figure(
        f"event by e-mail on an idle desk, cached, accept to call, {what}", "p99 ≤ that by id + 5 ms",
        f"p99 {spread(cached, _ms)}; by id {spread(ids, _ms)}", median(cached) <= median(ids) + 5,
    )  # fmt: skip
    yield Figure(
        f"event by e-mail on an idle desk, not cached, accept to call, {what}",
        "p99 ≤ that by id + the question + 20 ms",
        f"p99 {spread(fresh, _ms)}; the question {spread(questions, _ms)}",
        median(fresh) <= median(ids) + median(questions) + 20,
    )  # fmt: skip
    mails = size.of(MAILS)
    with running(rate="unlimited") as setup:
        asked = _questions_for(setup, mails)
    yield Figure(f"questions for {mails:,} events by distinct e-mails", "≤ 210", str(asked), asked <= 210)


def _ms(value: float) -> str:
    return f"{value:.1f} ms"


def _by_id(name: str) -> dict[str, str]:
    return {"receiver_id": f"ou_{name}"}


def _by_mail(name: str) -> dict[str, str]:
    return {"email": f"{name}@example.com"}


def _by_cached_mail(setup: BenchSetup) -> Callable[[str], dict[str, str]]:
    """One person for all, whom the cache knows."""
    known = f"known{next(_numbers)}"
    wait_until_delivered(setup, [_send(setup, _by_mail(known))])
    return lambda _: _by_mail(known)


def _one_by_one(setup: BenchSetup, sends: int, address: Callable[[str], dict[str, str]]) -> list[float]:
    """Times from acceptance to call, ms, shortest first. The first send is left out."""
    returned, ids = [], []
    for number in range(sends + 1):
        ids.append(_send(setup, address(f"a{next(_numbers)}")))
        returned.append(time.time())
        time.sleep(PAUSE_SECONDS if number else 1)
    wait_until_delivered(setup, ids)
    called = [record.progress.attempts[0].at_ms / 1000 for record in setup.ledger.get_many(ids)]
    return sorted((at - accepted) * 1000 for at, accepted in list(zip(called, returned, strict=True))[1:])


def _send(setup: BenchSetup, address: dict[str, str]) -> str:
    return setup.ledger.accept([Notification.build({**address, "text": "Disk full on db-3"})])[0].id


def _p99_of_questions(setup: BenchSetup) -> float:
    return p99_of(sorted(call["ended_ms"] - call["at"] * 1000 for call in setup.calls(_QUESTION)))


def _questions_for(setup: BenchSetup, mails: int) -> int:
    ids = []
    for first in range(0, mails, AT_ONCE):
        asked = [
            {"email": f"m{number}@example.com", "text": "x"} for number in range(first, min(first + AT_ONCE, mails))
        ]
        ids += [each.id for each in setup.ledger.accept([Notification.build(each) for each in asked])]
    for first in range(0, mails, AT_ONCE):
        wait_until_delivered(setup, ids[first : first + AT_ONCE])
    return len(setup.calls(_QUESTION))
