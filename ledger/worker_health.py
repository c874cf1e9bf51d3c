"""`python -m ledger.worker_health`: has a worker of this machine reported to the ledger within the last seconds?

The health check of a worker's container, where there is one worker. It loads neither Celery nor anything of the worker,
whose own start costs more than all that an idle worker does between two checks.

The exit code is 0 if one has, else 1, with a sentence on stderr. A Redis that is away counts as unhealthy: nothing is
sent then, and nobody knows how the worker does.
"""

import socket
import sys
from collections.abc import Sequence

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from ledger.connection import connect, reachable
from ledger.errors import DeskbellError
from ledger.redis_keys import RedisKeys
from ledger.settings import Settings
from ledger.workers import FRESH_MS, Worker, live_workers

__all__ = ["main"]

#: For the ledger's answer. With the time to connect it is less than the container's check may take, seconds.
ANSWER_SECONDS = 3.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints a problem, and returns the exit code. The argument is a host name, by default this host's."""
    [host] = arguments or [socket.gethostname()]
    try:
        found = _workers_of(host)
    except (DeskbellError, redis.RedisError) as error:
        return _told(f"unhealthy: {error}", 1)
    if not found:
        return _told(f"unhealthy: no worker of {host} has reported within {FRESH_MS // 1000} s, its log says why", 1)
    latest = min(found, key=lambda worker: worker.silent_ms)
    return _told(f"healthy: process {latest.pid} of {host} reported {latest.silent_ms / 1000:.1f} s ago", 0)


def _workers_of(host: str) -> list[Worker]:
    settings = Settings.from_env()
    with reachable(settings), connect(settings, answer_seconds=ANSWER_SECONDS) as client:
        # The next check is the next try.
        client.set_retry(Retry(NoBackoff(), 0))
        return [worker for worker in live_workers(client, RedisKeys(settings.prefix)) if worker.host == host]


def _told(sentence: str, exit_code: int) -> int:
    stream = sys.stderr if exit_code else sys.stdout
    stream.write(sentence + "\n")
    return exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
