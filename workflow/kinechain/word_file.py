"""The document as a Word file: editable text, real tables, alternative texts, the same bytes every time."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from kinechain import document as doc
from kinechain.document import Document, Link, Number, Prose, Quoted, plain

if TYPE_CHECKING:
    from docx.document import Document as WordDocument

EPOCH = datetime(1980, 1, 1, tzinfo=UTC)
"""The earliest time a zip archive can hold; every part of the file carries it."""

PICTURE_CM = 16.5
FLUSH_RIGHT = '<w:pPr><w:jc w:val="right"/></w:pPr>'


def render_docx(document: Document) -> bytes:
    """The document as a Word file."""
    import docx
    from docx.shared import Pt, RGBColor

    word = docx.Document()
    normal: Any = word.styles["Normal"]
    normal.font.name, normal.font.size = "Calibri", Pt(10.5)
    word.core_properties.author = "kinechain"
    word.core_properties.title = shown(document.title)
    word.core_properties.created = word.core_properties.modified = EPOCH.replace(tzinfo=None)
    if document.is_synthetic:
        for section in word.sections:
            run = section.header.paragraphs[0].add_run("SYNTHETIC DATA")
            run.bold, run.font.color.rgb = True, RGBColor(0x8A, 0x33, 0x00)
    _paragraph(word, "Title").add_run(shown(document.title))
    _prose(word.add_paragraph(), document.subtitle)
    for notice in document.notices:
        _prose(_paragraph(word, "Intense Quote"), notice)
    for part in document.sections:
        _paragraph(word, "Heading 1").add_run(part.title)
        for block in part.blocks:
            _add(word, block)
    return _settled(word)


def shown(text: str) -> str:
    """The text without the control characters that XML cannot hold."""
    return "".join(c if c >= " " or c in "\n\t" else " " for c in text if c not in "\ufffe\uffff")


def _paragraph(word: WordDocument, style: str) -> Any:
    """An empty paragraph of a style; the library would look through every style again for each of hundreds."""
    paragraph = word.add_paragraph()
    paragraph._p.style = style.replace(" ", "")
    return paragraph


def _prose(paragraph: Any, prose: Prose) -> None:
    for part in prose:
        run = paragraph.add_run(shown(part.text))
        if isinstance(part, Quoted) and part.is_code:
            run.font.name = "Consolas"
        if isinstance(part, Number | Link):
            run.italic = isinstance(part, Link)


def _add(word: WordDocument, block: doc.Block) -> None:
    match block:
        case doc.Paragraph(prose=prose):
            _prose(word.add_paragraph(), prose)
        case doc.Bullets(items=items):
            for item in items:
                _prose(_paragraph(word, "List Bullet"), item)
        case doc.Code(text=text):
            run = word.add_paragraph().add_run(shown(text))
            run.font.name = "Consolas"
        case doc.Table():
            _table(word, block)
        case doc.FigureBlock(picture=picture, caption=caption):
            _picture(word, picture.png, picture.heading.alt)
            _prose(_paragraph(word, "Caption"), caption)
        case doc.ChipStrip(title=title, chips=chips):
            word.add_paragraph(f"{title}: " + "; ".join(f"{shown(chip.claim)} {shown(chip.words)}" for chip in chips))
        case doc.Squares(title=title, items=items):
            word.add_paragraph(f"{shown(title)}: " + ", ".join(f"{number} {status}" for number, status, _ in items))
        case doc.Details(title=title, blocks=blocks):
            _paragraph(word, "Heading 3").add_run(shown(plain(title)))
            for inner in blocks:
                _add(word, inner)
        case doc.Beside():
            for inner in block.blocks:
                _add(word, inner)


def _picture(word: WordDocument, png: bytes, alt: str) -> None:
    from docx.shared import Cm

    word.add_picture(io.BytesIO(png), width=Cm(PICTURE_CM))
    properties = word.inline_shapes[-1]._inline.docPr
    properties.set("descr", shown(alt))


def _table(word: WordDocument, table: doc.Table) -> None:
    from docx.oxml import parse_xml

    _prose(_paragraph(word, "Caption"), table.caption)
    made = word.add_table(rows=1, cols=len(table.heads), style="Light List")
    made._tbl.remove(made.rows[0]._tr)
    # Cell by cell through the library takes seconds for long tables; a row as one piece of xml takes none.
    lines = [list(table.heads), *([cell.text for cell in row] for row in table.rows)]
    for number, texts in enumerate(lines):
        made._tbl.append(parse_xml(_row_xml(texts, table.numeric, is_head=number == 0)))


def _row_xml(texts: Sequence[str], numeric: Sequence[bool], *, is_head: bool) -> str:
    """One row of a table: text in 8 points, numbers flush right, the head repeated on every page."""
    from xml.sax.saxutils import escape

    from docx.oxml.ns import nsdecls

    cells = "".join(
        f"<w:tc><w:p>{FLUSH_RIGHT if is_number else ''}"
        f'<w:r><w:rPr><w:sz w:val="16"/></w:rPr><w:t xml:space="preserve">{escape(shown(text))}</w:t></w:r>'
        "</w:p></w:tc>"
        for text, is_number in zip(texts, numeric, strict=True)
    )
    head = '<w:trPr><w:tblHeader w:val="true"/></w:trPr>' if is_head else ""
    return f"<w:tr {nsdecls('w')}>{head}{cells}</w:tr>"


def _settled(word: WordDocument) -> bytes:
    """The file with every part's time set to `EPOCH` and its parts in one order."""
    first, last = io.BytesIO(), io.BytesIO()
    word.save(first)
    with zipfile.ZipFile(first) as source, zipfile.ZipFile(last, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            entry = zipfile.ZipInfo(name, EPOCH.timetuple()[:6])
            entry.compress_type, entry.external_attr, entry.create_system = zipfile.ZIP_DEFLATED, 0o600 << 16, 3
            target.writestr(entry, source.read(name))
    return last.getvalue()
