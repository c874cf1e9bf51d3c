"""redis-py's client for what must go on when Redis is full."""

from typing import Any, cast

import redis
from redis.client import Pipeline
from redis.exceptions import NoPermissionError, OutOfMemoryError

__all__ = ["RedisWhenFull"]

#: What workers write outside of verbs: signs of life, caches, turns, Celery's messages. None of it grows with what is
#: accepted. A script is never sent again: those that accept shall be refused.
_SMALL_WRITES = frozenset({"SET", "INCR", "HINCRBY", "HSET", "ZADD", "SADD", "LPUSH", "RPUSH"})
#: What stands beside them in the same pipeline.
_FREEING = frozenset({"DEL", "HDEL", "ZREM", "ZREMRANGEBYSCORE", "ZREMRANGEBYRANK", "LTRIM", "EXPIRE", "PEXPIRE"})

# Arguments, for each command: how many words it has, and the words.
# The first write needs no memory, and the key is never there: it lets all writes after it through.
_SCRIPT = """redis.call('DEL', KEYS[1] .. ':none')
local answers, at = {}, 1
while at <= #ARGV do
  local words = {}
  for index = at + 1, at + ARGV[at] do table.insert(words, ARGV[index]) end
  table.insert(answers, redis.call(unpack(words)) or false)
  at = at + 1 + ARGV[at]
end
return answers"""


#: What a log says beside the server's words, which name neither the command nor the key: too little to act on.
_KEY_IN_ACL_LOG = "ACL LOG on the server names the key"


class _PipelineWhenFull(Pipeline):
    def execute(self, raise_on_error: bool = True) -> list[Any]:
        commands = [tuple(arguments) for arguments, _ in self.command_stack]  # before it is emptied
        try:
            return super().execute(raise_on_error)
        except OutOfMemoryError:
            if not all(words[0] in _SMALL_WRITES | _FREEING for words in commands):
                raise
            # A transaction was refused as a whole; in a mere pipeline others were done, and may be done twice.
            return _sent_again(self, commands)

    def annotate_exception(self, exception: Exception, number: int, command: Any) -> None:
        """redis-py puts the command before the server's words."""
        super().annotate_exception(exception, number, command)  # type: ignore[no-untyped-call]
        if isinstance(exception, NoPermissionError):
            exception.args = (f"{exception} ({_KEY_IN_ACL_LOG})",)


class RedisWhenFull(redis.Redis):
    """redis-py's client, whose small writes go through when `maxmemory` is reached: those of workers, and of people who
    sign in to see what is wrong.

    Redis then refuses every command that may need memory. Accepting has to fail, but sending has to go on: it is what
    frees memory in the end. A script may write all the same once its first write was one that needs none
    (`scriptVerifyOOM` in script.c of Redis and Valkey), so a refused command is sent again within one. The flag
    `allow-oom` would say the same more plainly, but Redis 6 and fakeredis do not know it.
    """

    def execute_command(self, *args: Any, **options: Any) -> Any:
        try:
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        except OutOfMemoryError:
            if args[0] not in _SMALL_WRITES:
                raise
            return _sent_again(self, [args])[0]

    def parse_response(self, connection: Any, command_name: str, **options: Any) -> Any:
        try:
            return super().parse_response(connection, command_name, **options)  # type: ignore[no-untyped-call]
        except NoPermissionError as error:
            raise NoPermissionError(f"{error} ({command_name}; {_KEY_IN_ACL_LOG})") from error

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> Pipeline:
        return _PipelineWhenFull(self.connection_pool, self.response_callbacks, transaction, shard_hint)


def _sent_again(client: redis.Redis, commands: list[tuple[Any, ...]]) -> list[Any]:
    flat = [word for words in commands for word in (len(words), *words)]
    plain = redis.Redis(connection_pool=client.connection_pool)
    answers = plain.eval(_SCRIPT, 1, commands[0][1], *flat)
    parsers = client.response_callbacks
    return [
        parsers[words[0]](answer) if words[0] in parsers and answer is not None else answer
        for words, answer in zip(commands, cast(list[Any], answers), strict=True)
    ]
