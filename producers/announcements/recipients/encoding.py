"""The encoding of a text file: UTF-8, or GB18030 as Excel saves CSV in China (GBK and GB2312 are subsets)."""

import codecs
from typing import Literal

from ledger.errors import BadInput
from ledger.phrases import Phrase
from producers.announcements.recipients.source import Source, TextGuard

__all__ = ["CODECS", "UTF_16", "Encoding", "encoding_of"]

Encoding = Literal["UTF-8", "GB18030"]
#: Python's name for each; the first takes a byte order mark or none.
CODECS: dict[Encoding, str] = {"UTF-8": "utf-8-sig", "GB18030": "gb18030"}
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
#: Looked at to tell GB18030 from a damaged UTF-8 or a Western file.
_SAMPLE_BYTES = 64 * 1024


def encoding_of(source: Source) -> Encoding:
    """Reads the whole file once, which also hashes it. Raises BadInput for what is no text in one of the two."""
    if source.head(2) in UTF_16:
        raise BadInput(source.name, Phrase("is UTF-16 text: save it as CSV UTF-8"))
    bad_byte = _first_invalid_byte(source, "utf-8")
    if bad_byte is None:
        return "UTF-8"
    if not _looks_like_gb18030(source.read_at(max(0, bad_byte - _SAMPLE_BYTES), 2 * _SAMPLE_BYTES)):
        raise BadInput(
            source.name, Phrase("is not valid UTF-8 at byte {at:,} and does not look like GB18030", at=bad_byte)
        )
    bad_gb18030_byte = _first_invalid_byte(source, "gb18030")
    if bad_gb18030_byte is not None:
        problem = Phrase(
            "is not valid UTF-8 at byte {at:,}, nor valid GB18030 at byte {gb18030_at:,}",
            at=bad_byte,
            gb18030_at=bad_gb18030_byte,
        )
        raise BadInput(source.name, problem)
    return "GB18030"


def _first_invalid_byte(source: Source, codec: str) -> int | None:
    decoder = codecs.getincrementaldecoder(codec)()
    guard = TextGuard(source.name)
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


def _looks_like_gb18030(sample: bytes) -> bool:
    """Most bytes are valid in GB18030, so valid alone means little: what is decoded must make sense.

    A damaged UTF-8 file would become thousands of wrong characters, but most of it decodes as UTF-8. A Western file
    becomes rare characters, where a Chinese one has those of GB2312.
    """
    utf_8 = sample.decode("utf-8", "replace")
    damaged = utf_8.count("�")
    if damaged <= sum(not character.isascii() for character in utf_8) - damaged:
        return False
    chinese = [character for character in sample.decode("gb18030", "replace") if not character.isascii()]
    common = sum(bool(character.encode("gb2312", "ignore")) for character in chinese)
    return 2 * common > len(chinese)
