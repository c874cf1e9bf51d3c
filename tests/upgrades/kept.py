"""The file of a kept ledger: one line of JSON that tells its story, then one Redis command a line.

A command is a Python list of bytes, so that values of any kind stand in it and most can be read. Times are relative to
that of recording: `<ms+3600000>` is a time in ms an hour later, `<s…>` one in seconds, `<iso…>` one in ISO 8601
without its zone (UTC).
"""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import redis

__all__ = ["LEDGERS", "Story", "keep", "kept_ledgers", "load", "story_of"]

LEDGERS = Path(__file__).with_name("ledgers")
#: What a file tells beside its commands: `commit`, when it was `committed`, and what the recording noted by name.
Story = dict[str, Any]
#: What is further from the recording than this is a number, and no time. ms.
_FAR_MS = 500 * 24 * 3600 * 1000
_MS = re.compile(rb"(?<![\w.])\d{13}(?!\w)")
_SECONDS = re.compile(rb"(?<![\w.])\d{10}(?:\.\d+)?(?![\w.])")
_ISO = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?=Z|\+00:00)")
_RELATIVE = re.compile(rb"<(ms|s|iso)([+-]\d+)>")
#: Of one key of each type: how it is read, and the command that makes it again.
_SET = {b"string": b"SET", b"hash": b"HSET", b"list": b"RPUSH", b"set": b"SADD", b"zset": b"ZADD"}


def kept_ledgers() -> list[Path]:
    """The newest commit's last."""
    return sorted(LEDGERS.glob("*.ledger"), key=lambda file: str(story_of(file)["committed"]))


def keep(file: Path, client: redis.Redis, story: Story) -> None:
    """Writes all that the server holds."""
    now_ms = _now_ms(client)
    lines = [json.dumps(story), *(repr([_relative(word, now_ms) for word in words]) for words in _commands(client))]
    file.write_text("\n".join(lines) + "\n", "utf-8")


def load(file: Path, client: redis.Redis, *, later_ms: int = 0, renamed: Mapping[bytes, bytes] | None = None) -> Story:
    """Writes a kept ledger to an empty server, as it is so long after its recording. `renamed`: bytes to replace."""
    recorded_ms = _now_ms(client) - later_ms
    story, *lines = file.read_text("utf-8").splitlines()
    pipe = client.pipeline(transaction=False)
    for line in lines:
        words = [_absolute(word, recorded_ms) for word in ast.literal_eval(line)]
        for old, new in (renamed or {}).items():
            words = [word.replace(old, new) for word in words]
        pipe.execute_command(*words)  # type: ignore[no-untyped-call]
    pipe.execute()
    return dict(json.loads(story))


def story_of(file: Path) -> Story:
    with file.open(encoding="utf-8") as lines:
        return dict(json.loads(next(lines)))


def _now_ms(client: redis.Redis) -> int:
    seconds, microseconds = client.time()
    return int(seconds) * 1000 + int(microseconds) // 1000


def _commands(client: redis.Redis) -> Iterator[list[bytes]]:
    now_ms = _now_ms(client)
    for key in sorted(client.scan_iter(count=1000)):
        yield [_SET[client.type(key)], key, *_content(client, key)]
        left_ms = client.pttl(key)
        if left_ms >= 0:
            yield [b"PEXPIREAT", key, b"%d" % (now_ms + left_ms)]


def _content(client: redis.Redis, key: bytes) -> list[bytes]:
    match client.type(key):
        case b"string":
            return [client.get(key) or b""]
        case b"hash":
            return [word for pair in client.hgetall(key).items() for word in pair]
        case b"list":
            return client.lrange(key, 0, -1)
        case b"set":
            return sorted(client.smembers(key))
        case _:
            scored = client.zrange(key, 0, -1, withscores=True)
            return [word for member, score in scored for word in (b"%.17g" % score, member)]


def _relative(word: bytes, now_ms: int) -> bytes:
    word = _ISO.sub(lambda found: _named(b"iso", _of_iso(found[0]), now_ms, found[0]), word)
    word = _MS.sub(lambda found: _named(b"ms", int(found[0]), now_ms, found[0]), word)
    return _SECONDS.sub(lambda found: _named(b"s", round(float(found[0]) * 1000), now_ms, found[0]), word)


def _named(unit: bytes, at_ms: int, now_ms: int, as_it_stands: bytes) -> bytes:
    is_time = abs(at_ms - now_ms) < _FAR_MS
    return b"<%s%+d>" % (unit, at_ms - now_ms) if is_time else as_it_stands


def _absolute(word: bytes, recorded_ms: int) -> bytes:
    return _RELATIVE.sub(lambda found: _at(found[1], recorded_ms + int(found[2])), word)


def _at(unit: bytes, at_ms: int) -> bytes:
    if unit == b"ms":
        return b"%d" % at_ms
    if unit == b"s":
        return b"%.3f" % (at_ms / 1000)
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f").encode()


def _of_iso(text: bytes) -> int:
    return round(datetime.fromisoformat(text.decode()).replace(tzinfo=UTC).timestamp() * 1000)
