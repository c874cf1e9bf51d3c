"""The tally of real workers: what they did is in it, also when they were told to stop the moment after."""

from collections import Counter
from collections.abc import Callable

from ledger.connection import text
from ledger.tally import Tally
from tests.acceptance.installation import MARKER, Installation, eventually

__all__: list[str] = []

RECEIVERS = [*(f"ou_{number}" for number in range(30)), "ou_unknown_1", "ou_ticket_1"]


def totals(installation: Installation) -> dict[str, int]:
    [found] = Tally(installation.ledger.redis, installation.ledger.keys).totals(["default"])
    return found


def test_workers_that_stop_have_counted_everything_that_they_did(new_installation: Callable[..., Installation]) -> None:
    installation = new_installation(sandbox=("--rate", "unlimited", "--demo"))
    installation.accept(*RECEIVERS)
    eventually(
        lambda: installation.counts().get("failed") == 1 and installation.counts().get("delivered") == 31,
        30,
        "all of them",
    )  # type: ignore[call-overload]
    installation.stop_workers()
    found = totals(installation)
    ended = {name.removeprefix("ended "): count for name, count in found.items() if name.startswith("ended ")}
    assert ended == {"delivered": 30, "rerouted": 1, "failed": 1}
    attempts: Counter[str] = Counter()
    for name, count in found.items():
        if name.startswith("attempts "):
            attempts[name.split()[2]] += count
    calls = installation.ledger.redis.hgetall(installation.ledger.keys.calls("default"))
    assert attempts == {text(outcome): int(count) for outcome, count in calls.items()}
    seconds, _ = installation.ledger.redis.time()
    last = seconds // 60
    tally = Tally(installation.ledger.redis, installation.ledger.keys)
    hour = tally.minutes("default", range(last - 59, last + 1))
    assert sum(sum(minute.counts.values()) for minute in hour) == 32
    assert MARKER not in str(found)


def test_a_worker_counts_while_it_runs(installation: Installation) -> None:
    before = totals(installation).get("ended delivered", 0)
    installation.wait_until_delivered(installation.accept("ou_alice", "ou_bob"), 20)
    eventually(lambda: totals(installation).get("ended delivered", 0) >= before + 2, 10, "the tally")
