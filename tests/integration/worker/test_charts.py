"""A pacer on a real Valkey that comes to lead: the charts have what it finds, and no more."""

from ledger.connection import connect
from ledger.ledger import Ledger
from ledger.quarters import QUARTER_MS, Quarters
from ledger.redis_clock import time_ms
from ledger.settings import Settings
from ledger.tally import KEPT_SECONDS, LATE_MS, MINUTE_MS
from tests.acceptance.installation import eventually
from tests.integration.worker.test_leader import Publisher, pacing

__all__: list[str] = []


def test_a_pacer_that_comes_to_lead_catches_up_on_what_minutes_are_left(empty_valkey: Settings) -> None:
    """As after workers of a version that did not add them up, or after none."""
    with connect(empty_valkey) as client:
        ledger = Ledger(empty_valkey, client)
        last = (time_ms(client.time()) - LATE_MS) // QUARTER_MS - 1
        for quarter in (last - 2, last):
            key = ledger.keys.tally_minute("default", str(quarter * QUARTER_MS // MINUTE_MS + 3))
            client.hset(key, "delivered", 7)
            client.expire(key, KEPT_SECONDS)

        def known() -> dict[int, dict[str, int]]:
            return {number: dict(counts) for number, counts in Quarters(ledger).read(["default"])["default"].items()}

        with pacing(empty_valkey, "new", Publisher()):
            eventually(lambda: known().keys() >= {last - 2, last}, 30, "the quarters")
        found = known()
        assert (found[last - 2], found[last]) == ({"delivered": 7}, {"delivered": 7})
        assert last - 1 not in found, "nobody knows whether a worker ran"
