"""The encoding of a text file: UTF-8, GB18030 as Excel saves CSV in China (GBK and GB2312 are subsets), or as told."""

import codecs
from typing import NoReturn

from ledger.errors import BadInput
from ledger.phrases import Phrase
from producers.announcements.recipients.source import Source, TextGuard

__all__ = ["GB18030", "UTF_8", "codec_of", "encoding_of", "encoding_of_head"]

UTF_8, GB18030 = "UTF-8", "GB18030"
#: The larger set that programs write under the name of a smaller one.
_SUPERSETS = {"gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949", "big5": "cp950"}
#: Escapes and mail forms, which no spreadsheet writes: a backslash or a plus sign in them would be another character.
_NO_FILES = frozenset({"idna", "punycode", "raw-unicode-escape", "unicode-escape", "undefined", "utf-7"})
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
#: Looked at on either side of the first byte that is not UTF-8.
_SAMPLE_BYTES = 64 * 1024


def codec_of(encoding: str) -> str:
    """Python's name: UTF-8 takes a byte order mark or none."""
    return "utf-8-sig" if encoding == UTF_8 else encoding


def encoding_of_head(source: Source, told: str | None) -> str:
    """What the first block is in. Raises as `encoding_of`."""
    if told is not None:
        return _known(told)
    _refuse_utf_16(source)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(source.head())
    except UnicodeDecodeError as error:
        return _legacy(source, error.start)
    return UTF_8


def encoding_of(source: Source, told: str | None) -> str:
    """Reads the whole file once, which also hashes it. Raises BadInput for text in an encoding that is not known."""
    encoding = UTF_8 if told is None else _known(told)
    if told is None:
        _refuse_utf_16(source)
    bad_byte = _first_invalid_byte(source, encoding)
    if bad_byte is None:
        return encoding
    if told is not None:
        raise BadInput(source.name, Phrase("is not valid {name} at byte {at:,}", name=encoding, at=bad_byte))
    encoding = _legacy(source, bad_byte)
    bad_gb18030_byte = _first_invalid_byte(source, encoding)
    if bad_gb18030_byte is not None:
        problem = Phrase(
            "is not valid UTF-8 at byte {at:,}, nor valid GB18030 at byte {gb18030_at:,}",
            at=bad_byte,
            gb18030_at=bad_gb18030_byte,
        )
        raise BadInput(source.name, problem)
    return encoding


def _known(told: str) -> str:
    """Our name of the encoding that somebody named, as summaries show it."""
    try:
        name = codecs.lookup(told.strip()).name
        "".encode(name)  # codecs that make no text of bytes, such as base64, fail here
    except (LookupError, UnicodeError, ValueError):
        name = "undefined"
    if name.replace("_", "-") in _NO_FILES:
        raise BadInput("encoding", Phrase("is not an encoding of text files: use gb18030, big5, cp949, shift_jis, …"))
    return _SUPERSETS.get(name, "utf-8" if name == "utf-8-sig" else name).upper()


def _refuse_utf_16(source: Source) -> None:
    head = source.head(1024)
    if head.startswith(_UTF_16):
        raise BadInput(source.name, Phrase("is UTF-16 text: save it as CSV UTF-8, or add --encoding utf-16"))
    evens, odds = head[0::2].count(0), head[1::2].count(0)
    # Without a mark it is known by its ASCII characters, of which every other byte is zero.
    if min(evens, odds) == 0 and max(evens, odds) * 4 > len(head):
        name = "utf-16-le" if odds else "utf-16-be"
        raise BadInput(source.name, Phrase("is UTF-16 text: save it as CSV UTF-8, or add --encoding {name}", name=name))


def _legacy(source: Source, bad_byte: int) -> str:
    """GB18030, if that is what the bytes around this one are. Raises BadInput with the remedy."""
    from producers.announcements.recipients.evidence import most_likely  # a table, which most files do without

    start = max(0, bad_byte - _SAMPLE_BYTES)
    sample = source.read_at(start, 2 * _SAMPLE_BYTES)
    if _is_damaged_utf_8(sample):
        _refuse_legacy(source, bad_byte)
    found = most_likely(sample)
    if found is None:
        _refuse_legacy(source, bad_byte)
    if found.encoding != GB18030:
        problem = Phrase(
            "is not valid UTF-8 at byte {at:,} and does not look like GB18030 but like {language}: "
            "save it as CSV UTF-8, or add --encoding {name} if it is that",
            at=bad_byte,
            language=found.language,
            name=found.encoding.lower(),
        )
        raise BadInput(source.name, problem)
    return GB18030


def _refuse_legacy(source: Source, bad_byte: int) -> NoReturn:
    problem = Phrase(
        "is not valid UTF-8 at byte {at:,} and does not look like GB18030: save it as CSV UTF-8, or name its encoding "
        "with --encoding",
        at=bad_byte,
    )
    raise BadInput(source.name, problem)


def _is_damaged_utf_8(sample: bytes) -> bool:
    """Whether most of what is not ASCII is UTF-8: in GB18030 it would be as many wrong characters."""
    utf_8 = sample.decode("utf-8", "replace")
    damaged = utf_8.count("\ufffd")
    return damaged <= sum(not character.isascii() for character in utf_8) - damaged


def _first_invalid_byte(source: Source, encoding: str) -> int | None:
    decoder = codecs.getincrementaldecoder(encoding)()
    guard = TextGuard(source.name, encoding)
    # The end of a character may stand in the next block: the decoder keeps its beginning.
    kept_bytes = offset = 0
    try:
        for block in source.blocks():
            guard.see(block)
            decoder.decode(block)
            offset += len(block)
            kept_bytes = len(decoder.getstate()[0])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        return offset - kept_bytes + error.start
    return None
