"""What a file is, by its first bytes: its name may be wrong, and what is no list of people is told what it is."""

import codecs
import re
from pathlib import Path
from typing import Literal

from ledger.errors import BadInput
from ledger.phrases import Phrase

__all__ = ["Format", "format_of", "refuse_foreign", "suffix_of"]

Format = Literal["csv", "jsonl", "xlsx"]
_SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
}
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_UNPACK = Phrase("unpack it, and give the file that is in it")
_SAVE = Phrase("save the sheet as .xlsx or as CSV UTF-8")
#: By the first bytes: what it is, and what to do.
_BINARY = {
    b"\x1f\x8b": (Phrase("a gzip file"), _UNPACK),
    b"BZh": (Phrase("a bzip2 file"), _UNPACK),
    b"\xfd7zXZ\0": (Phrase("an xz file"), _UNPACK),
    b"\x28\xb5\x2f\xfd": (Phrase("a zstd file"), _UNPACK),
    b"7z\xbc\xaf\x27\x1c": (Phrase("a 7z file"), _UNPACK),
    b"Rar!\x1a\x07": (Phrase("a RAR file"), _UNPACK),
    b"PK\x05\x06": (Phrase("an empty zip file"), _UNPACK),
    b"%PDF-": (Phrase("a PDF"), _SAVE),
    b"{\\rtf": (Phrase("a rich text document"), _SAVE),
    b"\x89PNG": (Phrase("a picture"), _SAVE),
    b"\xff\xd8\xff": (Phrase("a picture"), _SAVE),
    b"SQLite format 3\0": (Phrase("a database"), _SAVE),
}
#: By a part of a zip file.
_ZIPPED = {
    b"application/vnd.oasis.opendocument": (Phrase("an OpenDocument file (.ods)"), _SAVE),
    b"xl/workbook.bin": (Phrase("a binary workbook (.xlsb)"), _SAVE),
    b"word/document.xml": (Phrase("a Word document"), _SAVE),
    b"ppt/presentation.xml": (Phrase("a presentation"), _SAVE),
    b"Index/Document.iwa": (Phrase("a document of Numbers"), _SAVE),
}
_MARKUP = re.compile(
    r"<(?:!doctype|html|head|body|meta|table|style|div|script|\?xml|workbook)\b|<!--|mime-version:", re.IGNORECASE
)
_JSON_LIST = re.compile(rb"\[\s*\{")


def format_of(name: str, head: bytes, tail: bytes) -> Format | None:
    """By its first and last bytes; None for a text that is no JSONL, by its beginning.

    Raises BadInput for what is no recipients file, and says what it is.
    """
    if not head:
        raise BadInput(name, Phrase("is empty"))
    refuse_foreign(name, head)
    suffix = suffix_of(name)
    if head.startswith(_ZIP):
        _check_zipped(name, head + tail, is_named_so=suffix == "xlsx")
        return "xlsx"
    if head.startswith(_OLE):
        raise BadInput(name, _ole_problem(head + tail))
    if suffix == "xlsx":
        raise BadInput(name, Phrase("is not an XLSX workbook but a text: rename it to .csv, or save it as .xlsx again"))
    first = head[:4096].removeprefix(codecs.BOM_UTF8).lstrip()
    if _JSON_LIST.match(first) or (suffix is None and first.startswith(b"[")):
        raise BadInput(name, Phrase("contains a JSON list: write one object per line (JSONL)"))
    return "jsonl" if first.startswith(b"{") else None


def suffix_of(name: str) -> Format | None:
    return _SUFFIXES.get(Path(name).suffix.lower())


def refuse_foreign(name: str, head: bytes) -> None:
    """Raises BadInput for what is known by its beginning alone, and is no list of people."""
    for beginning, (kind, remedy) in _BINARY.items():
        if head.startswith(beginning):
            raise BadInput(name, Phrase("is {kind}: {remedy}", kind=kind, remedy=remedy))
    text = head[:1024].removeprefix(codecs.BOM_UTF8).replace(b"\0", b"").decode("latin-1").lstrip("\xff\xfe \t\r\n")
    if _MARKUP.match(text):
        is_page = "html" in text.lower() or not text.startswith("<?xml")
        kind = Phrase("a web page") if is_page else Phrase("an XML file")
        raise BadInput(name, Phrase("is {kind}: open it in Excel, and {remedy}", kind=kind, remedy=_SAVE))


def _check_zipped(name: str, seen: bytes, *, is_named_so: bool) -> None:
    """By the names of its parts alone: `xlsx_parts` judges them before any is unpacked."""
    known = next((told for part, told in _ZIPPED.items() if part in seen), None)
    # What is damaged, or called a workbook, is told by the reader of workbooks.
    may_be_workbook = is_named_so or any(part in seen for part in (b"[Content_Types].xml", b"xl/"))
    if known is None and b"PK\x01\x02" in seen and not may_be_workbook:
        known = (Phrase("a zip file"), _UNPACK)
    if known:
        raise BadInput(name, Phrase("is {kind}: {remedy}", kind=known[0], remedy=known[1]))


def _ole_problem(seen: bytes) -> Phrase:
    """Excel before 2007, or a workbook that is encrypted: both are files of the old kind, with streams in them."""
    if any(_stream(stream) in seen for stream in ("EncryptedPackage", "EncryptionInfo")):
        return Phrase("has a password: save it without one")
    if any(_stream(stream) in seen for stream in ("Workbook", "Book")):
        return Phrase("is a workbook of an old kind (.xls): save it as .xlsx or as CSV UTF-8")
    if _stream("WordDocument") in seen:
        return Phrase("is {kind}: {remedy}", kind=Phrase("a Word document"), remedy=_SAVE)
    return Phrase("is an old workbook (.xls) or has a password: save it as .xlsx without a password, or as CSV UTF-8")


def _stream(name: str) -> bytes:
    return name.encode("utf-16-le") + b"\0\0"
