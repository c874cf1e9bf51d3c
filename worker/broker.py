"""The ledger's Redis as Celery's broker: kombu spells some URLs in another way."""

from typing import Any
from urllib.parse import quote

from ledger.connection import sentinels
from ledger.settings import Settings

__all__ = ["broker_url_of"]


def broker_url_of(settings: Settings) -> tuple[str, dict[str, Any]]:
    """kombu's URL and the transport options that go with it."""
    url = settings.ledger_url
    if url.startswith("unix://"):
        return f"redis+socket://{url.removeprefix('unix://')}", {}
    if not url.startswith("sentinel://"):
        return url, {}
    addresses, service, arguments = sentinels(url)
    user, password = (quote(str(arguments.get(part, "")), safe="") for part in ("username", "password"))
    credentials = f"{user}:{password}@" if password else ""
    urls = (f"sentinel://{credentials}{host}:{port}/{arguments['db']}" for host, port in addresses)
    return ";".join(urls), {"master_name": service}
