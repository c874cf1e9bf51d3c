"""The body of a Celery message: unpacked and decoded as its sender packed it, within bounds.

Celery could do it, but takes as much memory as a message asks for. Nothing that is read here can run code: pickles and
YAML are refused by their names, unread.
"""

import base64
import bz2
import json
import lzma
import sys
import uuid
import zlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import brotli
import msgpack

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from ledger.phrases import Phrase
from worker.celery.foreign_message import ForeignMessage

__all__ = ["MOST_BYTES", "decoded_body"]

#: Of a body, packed and unpacked. The largest message, a text of 150 KB, has a megabyte if each character is escaped.
MOST_BYTES = 4 * 1024 * 1024
#: Of base64, which has four characters for three bytes.
_MOST_CHARACTERS = MOST_BYTES // 3 * 4 + 4
#: What a reader may hold to unpack: what `xz -9` and `zstd --long` ask for. Bytes, and as a power of two.
_LZMA_MEMORY, _ZSTD_WINDOW_LOG = 96 * 1024 * 1024, 27


class _Unpacker(NamedTuple):
    """At most a byte more than are allowed comes out."""

    unpack: Callable[[bytes], bytes]
    error: type[Exception]


def _zstd(data: bytes) -> bytes:
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG}
    return zstd.ZstdDecompressor(options=options).decompress(data, MOST_BYTES + 1)


#: By kombu's content types. Its "gzip" is the format of zlib; `wbits=47` takes either.
_UNPACKERS = {
    "application/x-gzip": _Unpacker(lambda data: zlib.decompressobj(47).decompress(data, MOST_BYTES + 1), zlib.error),
    "application/x-bz2": _Unpacker(lambda data: bz2.BZ2Decompressor().decompress(data, MOST_BYTES + 1), OSError),
    "application/x-lzma": _Unpacker(
        lambda data: lzma.LZMADecompressor(memlimit=_LZMA_MEMORY).decompress(data, MOST_BYTES + 1), lzma.LZMAError
    ),
    "application/x-brotli": _Unpacker(
        lambda data: brotli.Decompressor().process(data, output_buffer_limit=MOST_BYTES + 1), brotli.error
    ),
    "application/zstd": _Unpacker(_zstd, zstd.ZstdError),
}
_NEVER_READ = {
    "application/x-python-serialize": Phrase("its body is a pickle, which could run code"),
    "application/x-yaml": Phrase("its body is YAML, which could run code"),
    "application/data": Phrase("its body is signed"),
}


def decoded_body(message: Mapping[str, Any], headers: Mapping[str, Any], properties: Mapping[str, Any]) -> Any:
    """What the sender gave, as plain JSON has it. Raises ForeignMessage, which repeats nothing of it."""
    kind = str(message.get("content-type"))[:80]
    if kind in _NEVER_READ:
        raise ForeignMessage(Phrase("{problem}: set the sender's task_serializer to json", problem=_NEVER_READ[kind]))
    if kind not in _DECODERS:
        raise ForeignMessage(Phrase("its body is neither JSON nor msgpack: set the sender's task_serializer to json"))
    data = _unpacked(_body_bytes(message, properties), headers.get("compression"))
    try:
        return _DECODERS[kind](data, str(message.get("content-encoding")).lower())
    except (ValueError, RecursionError, TypeError, ArithmeticError):
        raise ForeignMessage(Phrase("its body cannot be decoded")) from None


def _body_bytes(message: Mapping[str, Any], properties: Mapping[str, Any]) -> bytes:
    body, encoding = message.get("body"), properties.get("body_encoding")
    if not isinstance(body, str) or encoding not in (None, "base64"):
        raise ForeignMessage(Phrase("its body cannot be read"))
    if len(body) > _MOST_CHARACTERS:
        raise ForeignMessage(Phrase("its body has more than {most:,} bytes", most=MOST_BYTES))
    try:
        return base64.b64decode(body) if encoding else body.encode()
    except ValueError:
        raise ForeignMessage(Phrase("its body cannot be read")) from None


def _unpacked(data: bytes, compression: Any) -> bytes:
    if compression is None:
        return data
    if not isinstance(compression, str) or compression not in _UNPACKERS:
        known = ", ".join(name.partition("/")[2].removeprefix("x-") for name in _UNPACKERS)
        raise ForeignMessage(Phrase("its body is compressed in an unknown way: {known} are known", known=known))
    unpacker = _UNPACKERS[compression]
    try:
        unpacked = unpacker.unpack(data)
    except (unpacker.error, EOFError, MemoryError):
        raise ForeignMessage(Phrase("its body cannot be unpacked")) from None
    if len(unpacked) > MOST_BYTES:
        raise ForeignMessage(Phrase("its body unpacks to more than {most:,} bytes", most=MOST_BYTES))
    return unpacked


def _of_json(data: bytes, encoding: str) -> Any:
    if encoding not in ("utf-8", "us-ascii", "ascii"):
        raise ForeignMessage(Phrase("its body is not JSON in UTF-8"))
    return json.loads(data.decode(), object_hook=_plain_object)


def _of_msgpack(data: bytes, _: str) -> Any:
    return _plain(msgpack.unpackb(data, raw=False, strict_map_key=True, ext_hook=_no_extension))


_DECODERS: dict[str, Callable[[bytes, str], Any]] = {
    "application/json": _of_json,
    "application/x-msgpack": _of_msgpack,
}


def _plain_object(found: dict[str, Any]) -> Any:
    """kombu writes what JSON has no form for as an object of two members. All of it becomes the text that it is."""
    if found.keys() != {"__type__", "__value__"}:
        return found
    kind, value = found["__type__"], found["__value__"]
    match kind, value:
        case (("datetime" | "date" | "time" | "decimal" | "bytes"), str()):
            return value
        case "uuid", {"hex": str(digits)}:
            return str(uuid.UUID(digits))
    raise ForeignMessage(Phrase("it holds a value of a type that JSON has no form for"))


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {_plain(key): _plain(inner) for key, inner in value.items()}
        case list():
            return [_plain(inner) for inner in value]
        case bytes():
            return value.decode()
        case msgpack.Timestamp():
            return value.to_datetime().isoformat()
    return value


def _no_extension(*_: Any) -> Any:
    raise ForeignMessage(Phrase("it holds a value of a type that JSON has no form for"))
