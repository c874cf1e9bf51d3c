"""Why Redis is not reached, in the words of redis-py, which can be translated."""

import re
from collections.abc import Mapping

import redis
from redis.exceptions import AuthenticationError

from ledger.phrases import Phrase, said

__all__ = ["connection_problem"]

#: The prefix of redis-py's message for a connection that was not made.
_CONNECTING = re.compile(r"^Error -?\d+ connecting to \S+\. ")
_READING = "Timeout reading from "
#: What redis-py says most often, as phrases, so that it can be translated.
_BY_REDIS_PY: Mapping[str, Phrase] = {
    phrase: phrase
    for phrase in (
        Phrase("Connection refused"),
        Phrase("Connection reset by peer"),
        Phrase("Connection closed by server"),
        Phrase("No such file or directory"),
        Phrase("No route to host"),
        Phrase("Network is unreachable"),
        Phrase("Timeout connecting to server"),
        Phrase("Name or service not known"),
        Phrase("Temporary failure in name resolution"),
    )
}


def connection_problem(error: redis.RedisError) -> Phrase:
    """redis-py's message in one line, without the address."""
    if isinstance(error, AuthenticationError) and "HELLO" in str(error):
        return Phrase("it needs a password")
    told = _CONNECTING.sub("", str(error).split("\n")[0]).rstrip(".")
    if told.startswith(_READING):
        return Phrase("Timeout reading from {host}", host=told.removeprefix(_READING))
    return _BY_REDIS_PY.get(told) or said(told)
