"""Whether the Redis user may do all that Deskbell does, asked by commands that change nothing."""

from collections.abc import Iterator

import redis

from ledger.ledger import Ledger
from ledger.phrases import Phrase
from ledger.queues import intake_queue
from producers.doctor.doctor_check import Check, Status

__all__ = ["check_rights"]

#: What the ledger, its verbs and Celery need, one command of each right. Their keys do not exist.
_COMMANDS = (
    ("EXISTS", "{prefix}:doctor"),
    ("SREM", "{prefix}:doctor", "nothing"),
    ("LREM", "{intake}", "0", "doctor"),
    ("RPOP", "{intake}:doctor"),
    ("EVAL", "return redis.call('EXISTS', KEYS[1])", "1", "{prefix}:doctor"),
    ("EVALSHA", "0" * 40, "0"),
    ("SCRIPT LOAD", "return 1"),
    ("WATCH", "{prefix}:doctor"),
    ("UNWATCH",),
    ("PUBLISH", "{prefix}:doctor", ""),
    ("PUBLISH", "{prefix}:celery:fanout:doctor", ""),
    ("SCAN", "0", "COUNT", "1"),
    ("TIME",),
    ("WAIT", "0", "0"),
    ("WAITAOF", "0", "0", "0"),
)


def check_rights(ledger: Ledger) -> Iterator[Check]:
    prefix = ledger.settings.prefix
    names = {"prefix": prefix, "intake": intake_queue(prefix)}
    # One connection: what is watched is unwatched.
    with ledger.redis.client() as connection:  # type: ignore[no-untyped-call]
        told = [_refused(connection, [part.format(**names) for part in command]) for command in _COMMANDS]
    if refused := [each for each in told if each]:
        commands = ", ".join(dict.fromkeys(refused))
        found = Phrase("the user of DESKBELL_REDIS_URL may not: {commands}", commands=commands)
        do = Phrase("give it the rights that deploy.md lists under *A dedicated Redis user*")
        yield Check("rights", Status.FAIL, found, do)


def _refused(client: redis.Redis, command: list[str]) -> str | None:
    """The command, with its key or channel where that is what is refused; None if it may be used."""
    try:
        client.execute_command(*command)  # type: ignore[no-untyped-call]
    except redis.exceptions.NoPermissionError as error:
        is_of_place = "key" in str(error) or "channel" in str(error)
        return f"{command[0]} {command[-1 if command[0] == 'EVAL' else 1]}" if is_of_place else command[0]
    except redis.ResponseError:  # an unknown script, or a server without WAITAOF
        return None
    return None
