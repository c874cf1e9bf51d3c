"""Who is silent for how many ticks is stuck."""

from worker.watchdog import FROZEN_TICKS, Watchdog


def watched(*names: str) -> tuple[Watchdog, list[str]]:
    ended: list[str] = []
    return Watchdog(names, ended.append), ended


def test_one_that_falls_silent_ends_the_process() -> None:
    watchdog, ended = watched("pacer", "consumer")
    for _ in range(FROZEN_TICKS + 1):
        assert not ended
        watchdog.beat("consumer")
        if watchdog._seen["pacer"] == 0:
            watchdog.beat("pacer")
        watchdog.tick()
    assert ended == ["pacer"]


def test_a_beat_now_and_then_is_enough() -> None:
    watchdog, ended = watched("pacer")
    for tick in range(10 * FROZEN_TICKS):
        if tick % (FROZEN_TICKS - 1) == 0:
            watchdog.beat("pacer")
        watchdog.tick()
    assert not ended


def test_one_that_has_not_begun_is_waited_for() -> None:
    """The ledger may be migrated before the pacer's first turn."""
    watchdog, ended = watched("pacer")
    for _ in range(10 * FROZEN_TICKS):
        watchdog.tick()
    assert not ended
