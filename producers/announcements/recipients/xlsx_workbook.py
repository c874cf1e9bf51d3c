"""What the cells of a workbook's first sheet refer to: its texts, its number formats, and where its dates begin.

openpyxl's own loader builds an object for every style, name and sheet, of which none matters here and none is bounded.
"""

import datetime
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree.ElementTree import Element

from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format, is_timedelta_format
from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900
from openpyxl.xml.constants import SHARED_STRINGS, STYLES_TYPE, XLSM, XLSX, XLTM, XLTX

from ledger.phrases import Phrase
from producers.announcements.recipients.bounds import MOST_ROWS, TooMuch
from producers.announcements.recipients.xlsx_parts import MIB, Parts
from producers.announcements.recipients.xlsx_xml import NAMESPACE, repeated

__all__ = ["Workbook"]

#: Of the parts that say what is where, and of the one with the formats.
_SMALL_BYTES = 4 * MIB
#: Of the table of texts, which is held in memory, and of the texts in it.
_TEXTS_BYTES, _MOST_TEXTS = 256 * MIB, 4 * MOST_ROWS
#: What Excel allows.
_FORMAT_CHARACTERS = 255
_MANIFEST = "[Content_Types].xml"
_WORKBOOKS = (XLTM, XLTX, XLSM, XLSX)
_TYPES = "{http://schemas.openxmlformats.org/package/2006/content-types}"
_RELATIONS = "{http://schemas.openxmlformats.org/package/2006/relationships}"
_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_TEXT, _RUN = f"{NAMESPACE}t", f"{NAMESPACE}r"
_TRUE = ("1", "true", "on")


@dataclass(frozen=True, slots=True)
class Workbook:
    """Nothing in its repr tells a cell."""

    sheet: str  #: name of the part
    epoch: datetime.datetime
    texts: list[str] = field(repr=False)
    formats: list[str]  #: of each cell format
    dates: frozenset[int]  #: cell formats that show a date or a time
    durations: frozenset[int]

    @classmethod
    def of(cls, parts: Parts) -> "Workbook":
        """Raises TooMuch; KeyError, ValueError and the like for what is no workbook."""
        types = _types(parts)
        workbook = next((types[kind] for kind in _WORKBOOKS if kind in types), "xl/workbook.xml")
        texts = types.get(SHARED_STRINGS)
        formats = _formats(parts, types.get(STYLES_TYPE, "xl/styles.xml"))
        return cls(
            sheet=_first_sheet(parts, workbook),
            epoch=_epoch(parts, workbook),
            texts=list(_texts(parts, texts)) if texts else [],
            formats=formats,
            dates=frozenset(at for at, code in enumerate(formats) if is_date_format(code)),
            durations=frozenset(at for at, code in enumerate(formats) if is_timedelta_format(code)),
        )


def _types(parts: Parts) -> dict[str, str]:
    """The first part of each content type: its name is free."""
    types: dict[str, str] = {}
    for each in _small(parts, _MANIFEST, f"{_TYPES}Override"):
        types.setdefault(each.get("ContentType", ""), each.get("PartName", "").removeprefix("/"))
    return types


def _small(parts: Parts, name: str, tag: str) -> Iterator[Element]:
    what = Phrase("a part {name}", name=repr(posixpath.basename(name)[:60]))
    with parts.open(name, what, _SMALL_BYTES) as part:
        yield from repeated(part, tag, what)


def _first_sheet(parts: Parts, workbook: str) -> str:
    folder, name = posixpath.split(workbook)
    found = _small(parts, f"{folder}/_rels/{name}.rels".lstrip("/"), f"{_RELATIONS}Relationship")
    targets = {each.get("Id"): each for each in found if not each.get("Type", "").endswith("/chartsheet")}
    for sheet in _small(parts, workbook, f"{NAMESPACE}sheet"):
        target = targets[sheet.get(_ID)].get("Target", "") if sheet.get(_ID) in targets else ""
        part = target[1:] if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
        if target and part in parts:
            return part
    raise KeyError("no sheet")


def _epoch(parts: Parts, workbook: str) -> datetime.datetime:
    properties = next(_small(parts, workbook, f"{NAMESPACE}workbookPr"), None)
    is_1904 = properties is not None and properties.get("date1904") in _TRUE
    return CALENDAR_MAC_1904 if is_1904 else CALENDAR_WINDOWS_1900


def _texts(parts: Parts, name: str) -> Iterator[str]:
    with parts.open(name, Phrase("texts"), _TEXTS_BYTES) as part:
        for count, each in enumerate(repeated(part, f"{NAMESPACE}si", Phrase("a text")), start=1):
            if count > _MOST_TEXTS:
                raise TooMuch(Phrase("has more than {most:,} different texts: save it as CSV UTF-8", most=_MOST_TEXTS))
            yield _text(each).replace("x005F_", "")


def _text(element: Element) -> str:
    """Without its formatting, and without the reading aids of Japanese."""
    runs = (run if run.tag == _TEXT else run.find(_TEXT) for run in element if run.tag in (_TEXT, _RUN))
    return "".join([run.text or "" for run in runs if run is not None])


def _formats(parts: Parts, name: str) -> list[str]:
    if name not in parts:
        return []
    custom = dict(BUILTIN_FORMATS)
    for table in _small(parts, name, f"{NAMESPACE}numFmts"):
        custom |= {int(each.get("numFmtId", "")): _checked(each.attrib) for each in table}
    cells = next(_small(parts, name, f"{NAMESPACE}cellXfs"), None)
    return [] if cells is None else [custom.get(int(each.get("numFmtId", "0")), "General") for each in cells]


def _checked(number_format: Mapping[str, Any]) -> str:
    code: str = number_format.get("formatCode", "General")
    if len(code) > _FORMAT_CHARACTERS:
        raise TooMuch(
            Phrase(
                "has a number format of {n:,} characters; at most {most} are read: use another format",
                n=len(code),
                most=_FORMAT_CHARACTERS,
            )
        )
    return code
