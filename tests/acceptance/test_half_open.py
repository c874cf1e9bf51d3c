"""Every connection to Redis leads nowhere, as after a firewall forgot them: nobody is told, and all must find out."""

import asyncio
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.installation import Installation, eventually, soon
from tests.calm import Stopwatch
from tests.chaos.proxy import Proxy

#: Until a consumer has noticed (`worker.celery.config`), maybe after it lost a wake-up, whose lease ends after 5 s; and
#: then a claim over a half-open connection, 3 s. With a margin, seconds. It was 17 to 21 s.
HEARD_AGAIN_SECONDS = 15
#: Until a pacer leads again: 3 s for an answer (`worker.runtime`), the lead of the last one, and a margin. It was 8 s
#: for each connection of the pool.
LED_AGAIN_SECONDS = 7


@pytest.fixture
def installation(folders: Callable[[], Path]) -> Iterator[tuple[Installation, Proxy]]:
    """Two workers behind a proxy, which have sent something; the test itself reaches Redis without it."""
    with Installation(folders(), workers=0) as installation:
        socket_path = installation.valkey.socket_path
        with Proxy(lambda: asyncio.open_unix_connection(socket_path)) as way:
            installation.environment["DESKBELL_REDIS_URL"] = f"redis://127.0.0.1:{way.port}/0"
            for _ in range(2):
                installation.start_worker()
            installation.wait_for_workers(2)
            installation.wait_until_delivered(
                installation.accept(*(f"ou_before{number}" for number in range(40))), seconds=30
            )
            yield installation, way
            installation.stop_workers()


@pytest.mark.parametrize("requests", [True, False], ids=["nothing gets through", "answers get lost"])
def test_half_open_connections_are_found_out_within_seconds(
    installation: tuple[Installation, Proxy], requests: bool
) -> None:
    desk, way = installation
    way.lose(1.0, random.Random(1), requests=requests)
    lost = Stopwatch()
    soon(lambda: desk.leader_pid is None, 5, "the lead has ended")
    soon(lambda: desk.leader_pid, LED_AGAIN_SECONDS, "a pacer leads again")
    accepted = desk.send("ou_after")
    eventually(lambda: desk.sandbox.sends("ou_after"), HEARD_AGAIN_SECONDS, "the call")
    assert lost.calm_seconds < HEARD_AGAIN_SECONDS + LED_AGAIN_SECONDS
    desk.wait_until_delivered([accepted.id], seconds=10)
