"""The tally of real workers: what they did is in it, also when they were told to stop the moment after."""

from collections import Counter
from collections.abc import Callable

from ledger.connection import text
from ledger.tally import Tally
from tests.acceptance.site import MARKER, Site, eventually

__all__: list[str] = []

RECEIVERS = [*(f"ou_{number}" for number in range(30)), "ou_unknown_1", "ou_ticket_1"]


def totals(site: Site) -> dict[str, int]:
    [found] = Tally(site.ledger.redis, site.ledger.keys).totals(["default"])
    return found


def test_workers_that_stop_have_counted_everything_that_they_did(new_site: Callable[..., Site]) -> None:
    site = new_site(sandbox=("--rate", "unlimited", "--demo"))
    site.accept(*RECEIVERS)
    eventually(lambda: site.counts().get("failed") == 1 and site.counts().get("delivered") == 31, 30, "all of them")  # type: ignore[call-overload]
    site.stop_workers()
    found = totals(site)
    ended = {name.removeprefix("ended "): count for name, count in found.items() if name.startswith("ended ")}
    assert ended == {"delivered": 30, "rerouted": 1, "failed": 1}
    attempts: Counter[str] = Counter()
    for name, count in found.items():
        if name.startswith("attempts "):
            attempts[name.split()[2]] += count
    calls = site.ledger.redis.hgetall(site.ledger.keys.calls("default"))
    assert attempts == {text(outcome): int(count) for outcome, count in calls.items()}
    seconds, _ = site.ledger.redis.time()
    hour = Tally(site.ledger.redis, site.ledger.keys).last_hour("default", seconds * 1000)
    assert sum(sum(minute.counts.values()) for minute in hour) == 32
    assert MARKER not in str(found)


def test_a_worker_counts_while_it_runs(site: Site) -> None:
    before = totals(site).get("ended delivered", 0)
    site.wait_until_delivered(site.accept("ou_alice", "ou_bob"), 20)
    eventually(lambda: totals(site).get("ended delivered", 0) >= before + 2, 10, "the tally")
