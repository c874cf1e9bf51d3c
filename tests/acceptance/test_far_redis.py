"""Redis is far away: in another region, behind a VPN or a slow proxy."""

from collections.abc import Callable

import pytest

from tests.acceptance.installation import Installation
from tests.far_redis import FarRedis

EVENTS = 20


@pytest.mark.parametrize(("rate", "calls", "window"), [("100/minute", 100, "1m"), ("5/second", 5, "1s")])
def test_everything_is_sent_within_the_quota_70_ms_from_redis(
    new_installation: Callable[..., Installation], rate: str, calls: int, window: str
) -> None:
    """Nothing was, ever: a slot was too old before a worker had heard of it, and every claim gave it back."""
    installation = new_installation(sandbox=("--rate", rate), workers=0, DESKBELL_RATE=rate)
    with FarRedis(70, path=str(installation.valkey.socket_path)) as far:
        installation.start_worker(DESKBELL_REDIS_URL=far.url)
        installation.wait_for_workers(1)
        ids = installation.accept(*(f"ou_far{number}" for number in range(EVENTS)))
        installation.wait_until_delivered(ids, seconds=40)
        installation.stop_workers()
    assert installation.sandbox.stats()["calls"]["message"] == {"0": EVENTS}, (
        "an answer other than success: 99991400 is a 429"
    )
    peaks = installation.sandbox.stats()["max_in_window"].popitem()[1]
    assert all(peak["arrived"] <= calls for peak in peaks.values())
