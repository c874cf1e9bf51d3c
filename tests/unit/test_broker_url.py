"""The URLs and options that Celery gets for the ledger's Redis."""

import pytest

from ledger.settings import Settings
from worker.broker import broker_url_of


@pytest.mark.parametrize(
    ("redis_url", "broker_url", "options"),
    [
        ("redis://:secret@host:6379/2", "redis://:secret@host:6379/2", {}),
        ("unix:///run/valkey.sock", "redis+socket:///run/valkey.sock", {}),
        ("sentinel://a:1,b/main/3", "sentinel://a:1/3;sentinel://b:26379/3", {"master_name": "main"}),
        ("sentinel://:p%40ss%3A@a:1/main", "sentinel://:p%40ss%3A@a:1/0", {"master_name": "main"}),
        ("sentinel://bell:pass@a:1/main", "sentinel://bell:pass@a:1/0", {"master_name": "main"}),
    ],
)
def test_celery_is_led_to_the_same_redis(redis_url: str, broker_url: str, options: dict[str, str]) -> None:
    assert broker_url_of(Settings(redis_url=redis_url, _env_file=None)) == (broker_url, options)
