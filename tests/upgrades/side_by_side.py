"""Workers of a commit and of today on one ledger: `python -m tests.upgrades.side_by_side COMMIT`.

Both versions accept, lead and deliver, and the lead changes between them, as in a rolling restart that is taken back
half way. The sandbox counts.
"""

import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from ledger.states import State
from tests import surroundings
from tests.acceptance.installation import Installation, WorkerProcess, eventually
from tests.acceptance.sandbox_process import MESSAGE_PATH
from tests.upgrades.tree import tree_of

__all__ = ["SideBySide", "run"]

#: Of the desk and of the sandbox, which refuses every call beyond it.
RATE = "10/second"
#: Who leads, one after the other; beside it runs the next one, and what it leads is accepted by its own version.
LEADERS = ("older", "today", "older", "today")
#: Accepted for each leader. It is stopped when so many of them are delivered.
EVENTS, ROWS, BEFORE_STOP = 10, 40, 15
ACCEPTED = len(LEADERS) * (EVENTS + ROWS)


@dataclass(frozen=True, slots=True)
class SideBySide:
    """What came of a run."""

    states: dict[str, int]
    messages: dict[int, int]  #: how many receivers got so many
    delivered_by: dict[str, int]  #: calls of the workers of each version
    refused: int  #: calls beyond the rate
    dropped: int  #: Celery messages
    leaders: list[str]
    seconds: float

    def is_right(self) -> bool:
        return (
            self.states == {State.DELIVERED: ACCEPTED}
            and self.messages == {1: ACCEPTED}
            and len(self.delivered_by) == 2
            and not self.refused
            and not self.dropped
            and self.leaders == list(LEADERS)
        )


class _Fleet:
    """The processes of both versions, one worker of each at the most. They know the sandbox by different names."""

    def __init__(self, installation: Installation, tree: Path) -> None:
        self._at = installation
        url = installation.sandbox.url.replace("127.0.0.1", "localhost")
        older = {"PYTHONPATH": str(tree), "DESKBELL_FEISHU_URL": url}
        self._environments = {"older": {**installation.environment, **older}, "today": installation.environment}
        self._running: dict[str, WorkerProcess] = {}

    def start(self, version: str) -> None:
        self._running[version] = self._at.start_worker(**self._environments[version])
        self._at.wait_for_workers(len(self._running))

    def stop(self, version: str) -> None:
        self._running.pop(version).stop()

    def leader(self) -> str:
        versions = {worker.pid: version for version, worker in self._running.items()}
        return eventually(lambda: versions.get(self._at.leader_pid or 0), 10, "a leader that runs")

    def accept(self, version: str, name: str) -> str:
        """An announcement and some events. Returns the id of the announcement."""
        rows = "\n".join(["receiver_id", *(f"ou_{name}_row{number}" for number in range(ROWS))])
        (self._at.folder / f"{name}.csv").write_text(rows)
        environment = self._environments[version]
        announced = self._at.deskbell_json(
            "announce", f"{name}.csv", "--text", "Hello", "--yes", environment=environment
        )
        receivers = ",".join(self._address(version, f"{name}_event{number}", number) for number in range(EVENTS))
        self._at.deskbell_json("send", "--to", receivers, "--text", "Hello", environment=environment)
        return str(announced["id"])

    @staticmethod
    def _address(version: str, name: str, number: int) -> str:
        """Today's version addresses every other event by e-mail: the older one's workers send what has its receiver."""
        return f"{name}@example.com" if version == "today" and number % 2 else f"ou_{name}"


def run(commit: str, folder: Path) -> SideBySide:
    """Raises NoSuchCommit."""
    tree = tree_of(commit, folder)
    begun = time.monotonic()
    with Installation(folder, sandbox=("--rate", RATE), workers=0, DESKBELL_RATE=RATE) as installation:
        fleet, leaders, announcements = _Fleet(installation, tree), list[str](), list[str]()
        fleet.start(LEADERS[0])
        for number, (leader, following) in enumerate(pairwise((*LEADERS, None))):
            leaders.append(fleet.leader())
            if following:
                fleet.start(following)
            announcements.append(fleet.accept(leader, f"stage{number}"))
            _wait_for(installation, number * (EVENTS + ROWS) + BEFORE_STOP)
            if following:
                fleet.stop(leader)
        _wait_for(installation, ACCEPTED)
        eventually(lambda: not _moving(installation, announcements), 10, "all recorded")
        return _counted(installation, announcements, leaders, time.monotonic() - begun)


def _wait_for(installation: Installation, delivered: int) -> None:
    def enough() -> bool:
        return sum(installation.sandbox.deliveries().values()) >= delivered

    eventually(enough, 30, f"{delivered} delivered")


def _states(installation: Installation, announcements: list[str]) -> Counter[str]:
    counts = Counter[str](installation.counts())
    for id in announcements:
        counts.update(installation.ledger.announcements.get(id).counts)
    return +counts


def _moving(installation: Installation, announcements: list[str]) -> int:
    states = _states(installation, announcements)
    return sum(states[state] for state in (State.QUEUED, State.SENDING, State.DEFERRED))


def _counted(installation: Installation, announcements: list[str], leaders: list[str], seconds: float) -> SideBySide:
    calls = installation.sandbox.calls(MESSAGE_PATH)
    by = Counter("older" if call["headers"]["host"].startswith("localhost") else "today" for call in calls)
    return SideBySide(
        states=dict(_states(installation, announcements)),
        messages=dict(Counter(installation.sandbox.deliveries().values())),
        delivered_by=dict(by),
        refused=sum(call["http_status"] == 429 for call in calls),
        dropped=installation.dropped(),
        leaders=leaders,
        seconds=seconds,
    )


def main(commit: str) -> int:
    surroundings.settle()
    with tempfile.TemporaryDirectory(prefix="deskbell-side-by-side-") as folder:
        found = run(commit, Path(folder))
    sys.stdout.write(f"{commit}: {'right' if found.is_right() else 'WRONG'}: {found}\n")
    return 0 if found.is_right() else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
