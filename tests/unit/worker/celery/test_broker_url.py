"""What Celery gets for the ledger's Redis: no user and no password to print, and TLS that looks at the certificate."""

from typing import Any

import pytest
from kombu import Connection

from ledger.redis_url import RedisUrl
from worker.celery.broker import broker_url_of, tls_of, transport_options_of


@pytest.mark.parametrize(
    ("redis_url", "broker_url"),
    [
        ("redis://bell:secret@host:6379/2", "redis://host:6379/2"),
        ("redis://host?db=2", "redis://host:6379/2"),
        ("redis://:secret@[::1]:7", "redis://[::1]:7/0"),
        ("rediss://host", "rediss://host:6379/0"),
        ("unix:///run/valkey.sock", "redis+socket:///run/valkey.sock?virtual_host=0"),
        ("unix:///run/a%20b%3B.sock?db=2&password=secret", "redis+socket:///run/a%20b%3B.sock?virtual_host=2"),
        ("sentinel://:secret@[::1]:1,b/main/3", "sentinel://[::1]:1/3"),
        ("sentinels://a/main", "sentinel://a:26379/0"),
    ],
)
def test_celery_is_led_to_the_same_redis(redis_url: str, broker_url: str) -> None:
    assert broker_url_of(RedisUrl.parse(redis_url)) == broker_url
    connection = Connection(broker_url)
    virtual_host = connection.virtual_host if "socket" not in broker_url else broker_url[-1]
    assert int(virtual_host) == RedisUrl.parse(redis_url).db


@pytest.mark.parametrize(
    ("redis_url", "tls"),
    [
        ("redis://host", None),
        ("sentinel://host/main", None),
        ("rediss://host", {"ssl_cert_reqs": "required"}),
        ("rediss://host?ssl_cert_reqs=none", {"ssl_cert_reqs": "none"}),
        ("sentinels://host/main", {"ssl_cert_reqs": "required"}),
    ],
)
def test_celery_looks_at_the_certificate(redis_url: str, tls: dict[str, Any] | None) -> None:
    assert tls_of(RedisUrl.parse(redis_url)) == tls


def test_celery_has_the_timeouts_of_the_url() -> None:
    url = RedisUrl.parse("redis://host?socket_timeout=5&health_check_interval=7&protocol=2")
    assert transport_options_of(url) == {"socket_timeout": 5.0, "health_check_interval": 7}
