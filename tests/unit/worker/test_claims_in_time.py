"""How long a claim may wait for its answer."""

from ledger.leases import RELEASED_LEASE_MS
from worker.runtime import ANSWER_SECONDS


def test_a_claim_over_a_half_open_connection_is_repeated_while_the_notification_is_released() -> None:
    """It was given up after 8 s. Every 5 s the notification went back to its lane, and the next claim began anew."""
    assert ANSWER_SECONDS * 1000 <= RELEASED_LEASE_MS - 1000
