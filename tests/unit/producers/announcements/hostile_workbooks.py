"""Workbooks written part by part: one valid row, and whatever else a test puts in."""

import io
import zipfile

__all__ = ["MAIN", "ROW", "sheet", "texts", "workbook"]

MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
ROW = '<row r="2"><c r="A2" t="inlineStr"><is><t>ou_ada</t></is></c></row>'
_HEADER = '<row r="1"><c r="A1" t="inlineStr"><is><t>receiver_id</t></is></c></row>'
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"


def sheet(rows: str, header: str = _HEADER) -> str:
    return f"<worksheet {MAIN}><sheetData>{header}{ROW}{rows}</sheetData></worksheet>"


def texts(count: int) -> str:
    return f"<sst {MAIN}>" + "".join(f"<si><t>{number}</t></si>" for number in range(count)) + "</sst>"


def workbook(rows: str = "", *, parts: dict[str, str] | None = None, texts_part: str = "xl/texts.xml") -> bytes:
    """`parts` replaces or adds parts; the shared texts may have any name, since a content type leads to them."""
    overrides = {"xl/workbook.xml": "sheet.main", texts_part: "sharedStrings", "xl/styles.xml": "styles"}
    types = "".join(
        f'<Override PartName="/{name}" ContentType="{_KIND}.{kind}+xml"/>' for name, kind in overrides.items()
    )
    relation = f'<Relationship Id="r1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
    named = 'name="a" sheetId="1" r:id="r1"'
    written = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">{types}</Types>',
        "xl/workbook.xml": f'<workbook {MAIN} xmlns:r="{_OFFICE}"><sheets><sheet {named}/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">{relation}</Relationships>',
        "xl/worksheets/sheet1.xml": sheet(rows),
        texts_part: texts(1),
        **(parts or {}),
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in written.items():
            archive.writestr(name, content)
    return file.getvalue()
