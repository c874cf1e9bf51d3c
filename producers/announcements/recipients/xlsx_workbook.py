"""What the cells of a workbook's first visible sheet refer to: texts, number formats, the beginning of its dates."""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element

from ledger.phrases import Phrase
from producers.announcements.recipients.bounds import TooMuch
from producers.announcements.recipients.number_formats import BUILT_IN
from producers.announcements.recipients.xlsx_cells import Cells
from producers.announcements.recipients.xlsx_parts import MIB, Parts
from producers.announcements.recipients.xlsx_texts import Texts
from producers.announcements.recipients.xlsx_xml import MAIN, repeated

__all__ = ["Workbook"]

#: Of the parts that say what is where, and of the one with the formats.
_SMALL_BYTES = 4 * MIB
#: Of the table of texts, which is held in memory.
_TEXTS_BYTES = 256 * MIB
#: What Excel allows.
_FORMAT_CHARACTERS = 255
_MANIFEST = "[Content_Types].xml"
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_TEXTS, _STYLES = f"{_KIND}.sharedStrings+xml", f"{_KIND}.styles+xml"
_WORKBOOKS = (
    f"{_KIND}.sheet.main+xml",
    f"{_KIND}.template.main+xml",
    "application/vnd.ms-excel.sheet.macroEnabled.main+xml",
    "application/vnd.ms-excel.template.macroEnabled.main+xml",
)
_TYPES = "{http://schemas.openxmlformats.org/package/2006/content-types}"
_RELATIONS = "{http://schemas.openxmlformats.org/package/2006/relationships}"
_TRUE = ("1", "true", "on")


class _Sheet(NamedTuple):
    name: str
    part: str
    is_visible: bool


@dataclass(frozen=True, slots=True)
class Workbook:
    """Nothing in its repr tells a cell."""

    sheet: str  #: name of the part
    name: str  #: of the sheet
    others: tuple[str, ...]  #: names of the other sheets
    cells: Cells = field(repr=False)

    @classmethod
    def of(cls, parts: Parts) -> "Workbook":
        """Raises TooMuch; KeyError, ValueError and the like for what is no workbook."""
        types = _types(parts)
        workbook = next((types[kind] for kind in _WORKBOOKS if kind in types), "xl/workbook.xml")
        sheets = list(_sheets(parts, workbook))
        sheet = next((sheet for sheet in sheets if sheet.is_visible), None)
        if sheet is None:
            raise TooMuch(Phrase("has no sheet that can be seen: unhide the one with the receivers"))
        return cls(
            sheet=sheet.part,
            name=sheet.name,
            others=tuple(each.name for each in sheets if each is not sheet),
            cells=_cells(parts, workbook, types),
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


def _sheets(parts: Parts, workbook: str) -> Iterator[_Sheet]:
    """Those with cells: a chart may have a sheet of its own."""
    folder, name = posixpath.split(workbook)
    found = _small(parts, f"{folder}/_rels/{name}.rels".lstrip("/"), f"{_RELATIONS}Relationship")
    targets = {each.get("Id"): each.get("Target", "") for each in found if each.get("Type", "").endswith("/worksheet")}
    for sheet in _small(parts, workbook, f"{MAIN}sheet"):
        target = targets.get(_relation(sheet), "")
        part = target[1:] if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
        if target and part in parts:
            yield _Sheet(sheet.get("name", ""), part, sheet.get("state", "visible") == "visible")


def _relation(sheet: Element) -> str | None:
    """Its attribute `r:id`, whose namespace differs in "Strict Open XML"."""
    return next((value for name, value in sheet.attrib.items() if name.endswith("/relationships}id")), None)


def _cells(parts: Parts, workbook: str, types: Mapping[str, str]) -> Cells:
    folder = posixpath.dirname(workbook)
    properties = next(_small(parts, workbook, f"{MAIN}workbookPr"), None)
    calculation = next(_small(parts, workbook, f"{MAIN}calcPr"), None)
    return Cells(
        _texts(parts, types.get(_TEXTS, posixpath.join(folder, "sharedStrings.xml"))),
        _codes(parts, types.get(_STYLES, posixpath.join(folder, "styles.xml"))),
        is_1904=properties is not None and properties.get("date1904") in _TRUE,
        is_calculated=calculation is None or calculation.get("fullCalcOnLoad") not in _TRUE,
    )


def _texts(parts: Parts, name: str) -> Texts:
    if name not in parts:
        return Texts()
    with parts.open(name, Phrase("texts"), _TEXTS_BYTES) as part:
        return Texts(part)


def _codes(parts: Parts, name: str) -> dict[str, str]:
    """The number format of each cell format, by its number as cells write it."""
    if name not in parts:
        return {}
    custom: dict[int, str] = dict(BUILT_IN)
    for table in _small(parts, name, f"{MAIN}numFmts"):
        custom |= {int(each.get("numFmtId", "")): _checked(each.attrib) for each in table}
    cells = next(_small(parts, name, f"{MAIN}cellXfs"), None)
    formats = () if cells is None else cells
    return {str(at): custom.get(int(each.get("numFmtId", "0")), "General") for at, each in enumerate(formats)}


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
