"""The quota as a strict server counts it."""

from collections.abc import Callable

from tests.acceptance.installation import Installation

RATE, CALLS, WINDOW = "20/2second", 20, "2s"


def test_sixty_events_use_the_quota_and_never_exceed_it(new_installation: Callable[..., Installation]) -> None:
    installation = new_installation(sandbox=("--rate", RATE), DESKBELL_RATE=RATE)
    receivers = [f"ou_paced{number}" for number in range(60)]

    ids = installation.accept(*receivers)
    installation.wait_until_delivered(ids, seconds=20)

    stats = installation.sandbox.stats()
    assert stats["calls"]["message"] == {"0": 60}, "an answer other than success: 99991400 is a 429"
    peaks = stats["max_in_window"].popitem()[1][WINDOW]
    assert peaks["arrived"] <= CALLS
    assert installation.sandbox.deliveries() == dict.fromkeys(receivers, 1)
