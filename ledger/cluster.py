"""A server in cluster mode holds the ledger if it is the only node with slots, and all keys share one of them.

A script, a transaction or a blocking pop may touch keys of one slot alone. The part of a key in braces, its hash tag,
decides the slot, so `DESKBELL_PREFIX={deskbell}` keeps all keys in one. With several nodes each client, Celery's too,
would have to follow that slot from node to node, and one node holds more than Deskbell can send.
"""

from typing import Any, NamedTuple

import redis

from ledger.errors import LedgerUnwritable
from ledger.phrases import Phrase
from ledger.redis_keys import has_hash_tag
from ledger.settings import Settings

__all__ = ["Unfit", "cluster_problem", "is_in_cluster", "refuse_cluster"]

#: The number of slots that the nodes of a cluster share.
SLOTS = 16384


class Unfit(NamedTuple):
    """Why a cluster cannot hold the ledger, and what to do."""

    found: Phrase
    do: Phrase


def is_in_cluster(client: redis.Redis) -> bool:
    """False if INFO is refused, since it is unknown then."""
    try:
        info: Any = client.info("cluster")
    except redis.ResponseError:
        return False
    return bool(info.get("cluster_enabled"))


def cluster_problem(client: redis.Redis, prefix: str) -> Unfit | None:
    """For a server in cluster mode."""
    if not has_hash_tag(prefix):
        return _spread(prefix)
    try:
        cluster: Any = client.execute_command("CLUSTER INFO")  # type: ignore[no-untyped-call]
    except redis.ResponseError as error:
        return Unfit(
            Phrase("this server is in cluster mode and hides its nodes ({error})", error=str(error)),
            Phrase("allow CLUSTER INFO for this user"),
        )
    if (nodes := int(cluster["cluster_size"])) > 1:
        return Unfit(
            Phrase("this server is one of {nodes} cluster nodes with slots", nodes=nodes),
            Phrase("use a cluster of one node (one shard), or a server without cluster mode"),
        )
    if int(cluster["cluster_slots_ok"]) < SLOTS:
        return Unfit(
            Phrase("this cluster serves {served} of {all} slots", served=int(cluster["cluster_slots_ok"]), all=SLOTS),
            Phrase("assign all slots to this node: CLUSTER ADDSLOTSRANGE, or valkey-cli --cluster fix"),
        )
    return None


def _spread(prefix: str) -> Unfit:
    return Unfit(
        Phrase(
            "this server is in cluster mode, and DESKBELL_PREFIX={prefix} spreads the keys over its slots",
            prefix=prefix,
        ),
        Phrase(
            "set DESKBELL_PREFIX={{{prefix}}}, which is another, empty ledger, or use a server without cluster mode",
            prefix=prefix,
        ),
    )


def refuse_cluster(client: redis.Redis, settings: Settings) -> None:
    """Raises LedgerUnwritable for a cluster that cannot hold the ledger."""
    if is_in_cluster(client) and (problem := cluster_problem(client, settings.prefix)):
        raise LedgerUnwritable(
            Phrase(
                "Redis at {where}: {found}, nothing was accepted: {do}",
                where=str(settings.redis),
                found=problem.found,
                do=problem.do,
            )
        )
