"""The ledger's Redis as Celery's broker. kombu reads URLs by its own rules, so it gets the parts already read."""

from typing import Any
from urllib.parse import quote

from ledger.redis_url import RedisUrl, written_address

__all__ = ["broker_url_of", "tls_of", "transport_options_of"]

#: The options that kombu itself needs: it has its own timers for these.
_TIMES = ("socket_timeout", "socket_connect_timeout", "health_check_interval")


def broker_url_of(url: RedisUrl) -> str:
    """What kombu chooses its transport by, and prints. User and password bypass it: `message_filter`."""
    if url.path:
        return f"redis+socket://{quote(url.path)}?virtual_host={url.db}"
    scheme = "sentinel" if url.service else url.scheme
    return f"{scheme}://{written_address(url.addresses[0])}/{url.db}"


def tls_of(url: RedisUrl) -> dict[str, Any] | None:
    """Celery's `broker_use_ssl`. By default kombu does not check the server's certificate."""
    return {"ssl_cert_reqs": "required", **url.tls_options} if url.tls else None


def transport_options_of(url: RedisUrl) -> dict[str, Any]:
    return {name: url.options[name] for name in _TIMES if name in url.options}
