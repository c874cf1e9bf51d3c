"""Nothing is left over: workers do not grow, and Redis keeps what the retention explains.

12,000 notifications in some twenty seconds; `DESKBELL_TEST_LEAKS=200000` makes it the long run.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from ledger.announcement import Spec
from ledger.connection import text
from ledger.notification import Notification
from ledger.settings import Settings
from ledger.states import State
from tests.acceptance.installation import MARKER, Installation, eventually
from worker.pacer import prune

#: Read here: a test sees none of these variables.
NOTIFICATIONS = int(os.environ.get("DESKBELL_TEST_LEAKS", "12000"))
#: In a batch: events, of which some fail, and rows of an announcement. Some of both have an open ticket.
EVENTS, ROWS = 400, 600
BATCHES = NOTIFICATIONS // (EVENTS + ROWS)
#: Share of the batches after which a worker has seen everything that it keeps: code, connections, caches.
WARM_UP = 0.4
MOST_GROWTH = 0.05
#: How long results stay on record here, and what is added for keys, seconds.
RESULTS_FOR, RETRY_FOR = 2, 1
#: All that may be there when nothing is on record: what is true of the desk and of the workers, each a key, and what is
#: counted for the metrics, of which there is a key for each of the last 65 minutes.
STAYING = re.compile(
    r"deskbell:(schema|leader|workers|acts|aof|clock|dropped:unread|waitaof|lane:e_default|celery:.*|desk:\w*:(quarters|tally(:\d+)?)"
    r"|desk:default(:slots|:calls|:tickets.*|:token:\w+(:turn)?)?)"
    r"|_kombu\..*|deskbell\..*|unacked.*"
)


class ForgetfulSite(Installation):
    """Workers and producers that keep results for seconds."""

    def _settings(self) -> Settings:
        return Settings(
            data_dir=self.folder / "data", results_for=f"{RESULTS_FOR}s", retry_for=f"{RETRY_FOR}s", _env_file=None
        )


def _rss_kib(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    if found is None:
        raise RuntimeError(f"{pid} does not tell its size")
    return int(found[1])


def _announce(installation: Installation, number: int) -> None:
    spec = Spec(
        name=f"Batch {number}",
        message={"msg_type": "text", "content": {"text": f"{{{{ name }}}} {MARKER}"}},
        columns=("name",),
    )
    receivers = (f"ou_ticket{row % 10}" if row % 60 == 0 else f"ou_row{row}" for row in range(ROWS))
    rows = [orjson.dumps([row + 2, receiver, [f"Person {row}"]]) for row, receiver in enumerate(receivers)]
    announcements = installation.ledger.announcements
    id = announcements.open(spec, key=f"batch {number}", digest=f"{number}").id
    announcements.load(id, rows)
    assert announcements.start(id, spec, ROWS)


def _event(number: int, batch: int) -> dict[str, str]:
    """One in forty fails, one in forty has an open ticket, every second has a key."""
    kind = {0: "gone", 1: f"ticket{number % 10}"}.get(number % 40, "event")
    receiver_id = f"ou_{kind}" if kind.startswith("ticket") else f"ou_{kind}{number}"
    return {"receiver_id": receiver_id, "text": MARKER, **({"key": f"{batch}-{number}"} if number % 2 else {})}


def _send_batch(installation: Installation, number: int) -> None:
    _announce(installation, number)
    installation.ledger.accept([Notification.build(_event(event, number)) for event in range(EVENTS)])
    eventually(lambda: _is_idle(installation), 60, f"batch {number} is sent")


def _is_idle(installation: Installation) -> bool:
    keys, lane = installation.ledger.keys, "e_default"
    pipe = installation.ledger.redis.pipeline()
    pipe.exists(keys.leases("default"), keys.turns("default"), keys.due("default"), keys.waiting(lane))
    return pipe.execute() == [0]


def _unexplained(installation: Installation) -> list[str]:
    names = (text(name) for name in installation.ledger.redis.scan_iter(count=1000))
    return [name for name in names if not STAYING.fullmatch(name)]


def _kept(installation: Installation) -> list[str]:
    """Besides the indexes, which the leading pacer prunes once a minute."""
    indexes = {installation.ledger.keys(name) for name in ("events", "failed", "announcements")}
    return [name for name in _unexplained(installation) if name not in indexes]


@pytest.mark.slow
@pytest.mark.timeout(300 + NOTIFICATIONS // 100)
def test_workers_do_not_grow_and_redis_keeps_nothing_unexplained(folders: Callable[[], Path]) -> None:
    with ForgetfulSite(
        folders(), DESKBELL_RESULTS_FOR=f"{RESULTS_FOR}s", DESKBELL_RETRY_FOR=f"{RETRY_FOR}s"
    ) as installation:
        _send_all(installation)
        eventually(lambda: not _kept(installation), RESULTS_FOR + RETRY_FOR + 10, "the records have gone")
        prune(installation.ledger)
        assert _unexplained(installation) == []


def _send_all(installation: Installation) -> None:
    installation.sandbox.fault(
        {"prefix": "ou_gone"}, {"answer": {"status": 404, "code": 154004, "msg": "Resource not found"}}
    )
    for number in range(10):
        installation.sandbox.ticket(f"ou_ticket{number}")
    sizes: list[list[int]] = []
    for number in range(BATCHES):
        _send_batch(installation, number)
        sizes.append([_rss_kib(worker.pid) for worker in installation.workers])

    warm = sizes[round(BATCHES * WARM_UP)]
    growth = [last / first - 1 for first, last in zip(warm, sizes[-1], strict=True)]
    assert max(growth) <= MOST_GROWTH, f"KiB after each batch: {sizes}"
    counts = installation.counts()
    assert sum(counts.values()) == BATCHES * EVENTS
    assert counts.keys() == {State.DELIVERED, State.FAILED}
