"""How a worker stops: what it says, and when it is gone."""

from collections.abc import Callable

from tests.acceptance.site import Site, eventually


def test_a_worker_that_loses_redis_and_stops_prints_no_warning_of_python(new_site: Callable[..., Site]) -> None:
    """Each lost connection printed a page about a setting of Celery's; each start as root another one about pickle."""
    site = new_site(workers=1)
    [worker] = site.workers
    site.kill_valkey()
    eventually(lambda: "Cannot connect" in worker.log.read_text("utf-8"), 20, "the consumer has lost its connection")
    site.valkey.start()
    site.wait_until_delivered(site.accept("ou_after"), seconds=20)

    worker.terminate()

    assert worker.wait(seconds=20) == 0
    assert "Warning" not in worker.log.read_text("utf-8")
