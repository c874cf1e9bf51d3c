"""Cluster mode, which Deskbell cannot use: its keys lie in many slots, and a script or a pop may reach into one."""

from typing import Any

import redis

from ledger.errors import LedgerUnwritable
from ledger.redis_url import RedisUrl

__all__ = ["is_in_cluster", "refuse_cluster"]


def is_in_cluster(client: redis.Redis) -> bool:
    """False where INFO is refused: nobody can tell then."""
    try:
        info: Any = client.info("cluster")
    except redis.ResponseError:
        return False
    return bool(info.get("cluster_enabled"))


def refuse_cluster(client: redis.Redis, url: RedisUrl) -> None:
    """Raises LedgerUnwritable. Else what is accepted would wait for ever: popping from its queues is refused."""
    if is_in_cluster(client):
        raise LedgerUnwritable(
            f"Redis at {url} is part of a cluster, nothing was accepted:"
            " use a server without cluster mode (cluster-enabled no)"
        )
