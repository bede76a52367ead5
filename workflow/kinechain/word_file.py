"""The document as a Word file: editable text, real tables, alternative texts, the same bytes every time."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from kinechain import document as doc
from kinechain.document import Document, Link, Number, Prose, Quoted, plain
from kinechain.figures import Picture
from kinechain.paper import SAFE_ADDRESSES
from kinechain.sheet import INSET_PT, extent_cm, layout

if TYPE_CHECKING:
    from docx.document import Document as WordDocument

EPOCH = datetime(1980, 1, 1, tzinfo=UTC)
"""The earliest time a zip archive can hold; every part of the file carries it."""

MARGINS_CM = (1.9, 2.0)
"""Beside the text, and above and below it; the sheet is A4."""
TALLEST_CM = 21.0
"""Height of a picture that leaves room for its caption."""
INK, QUIET, WARNING = "1A1F24", "55606B", "8A3300"
FONT, FIXED = "Calibri", "Consolas"


def render_docx(document: Document) -> bytes:
    """The document as a Word file."""
    import docx
    from docx.shared import RGBColor

    word = docx.Document()
    _style(word)
    word.core_properties.author = "kinechain"
    word.core_properties.title = shown(document.title)
    word.core_properties.created = word.core_properties.modified = EPOCH.replace(tzinfo=None)
    if document.is_synthetic:
        for section in word.sections:
            run = section.header.paragraphs[0].add_run("SYNTHETIC DATA")
            run.bold, run.font.color.rgb = True, RGBColor.from_string(WARNING)
    _paragraph(word, "Title").add_run(shown(document.title))
    _prose(word.add_paragraph(), document.subtitle)
    for notice in document.notices:
        _prose(_paragraph(word, "Intense Quote"), notice)
    writer = _Writer(word)
    for part in document.sections:
        _heading(word, part.title, 1)
        writer.add(part.blocks, 2)
    return _settled(word)


def _style(word: WordDocument) -> None:
    """The sheet and the styles: one face, dark heads, quiet captions, as the paper has them."""
    from docx.oxml.ns import qn
    from docx.shared import Cm, Pt, RGBColor

    for section in word.sections:
        section.page_width, section.page_height = Cm(21.0), Cm(29.7)
        section.left_margin = section.right_margin = Cm(MARGINS_CM[0])
        section.top_margin = section.bottom_margin = Cm(MARGINS_CM[1])
    heads = {"Title": 20, "Heading 1": 15, "Heading 2": 12.5, "Heading 3": 11, "Heading 4": 10.5}
    others = {"Normal": (10.5, INK), "Caption": (9, QUIET), "Intense Quote": (10.5, WARNING)}
    for name, (size, ink) in ({name: (size, INK) for name, size in heads.items()} | others).items():
        style: Any = word.styles[name]
        style.font.name, style.font.size, style.font.color.rgb = FONT, Pt(size), RGBColor.from_string(ink)
        for theme in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
            style.element.rPr.rFonts.attrib.pop(qn(f"w:{theme}"), None)
        style.font.bold = name in heads
        style.font.italic = False
    caption: Any = word.styles["Caption"]
    caption.paragraph_format.space_before, caption.paragraph_format.space_after = Pt(8), Pt(4)
    quote: Any = word.styles["Intense Quote"]
    quote.paragraph_format.left_indent = quote.paragraph_format.right_indent = Cm(0.3)


def shown(text: str) -> str:
    """The text without the control characters that XML cannot hold."""
    return "".join(c if c >= " " or c in "\n\t" else " " for c in text if c not in "\ufffe\uffff")


def _paragraph(word: WordDocument, style: str) -> Any:
    """An empty paragraph of a style; the library would look through every style again for each of hundreds."""
    paragraph = word.add_paragraph()
    paragraph._p.style = style.replace(" ", "")
    return paragraph


def _heading(word: WordDocument, text: str, level: int) -> None:
    _paragraph(word, f"Heading {level}").add_run(text)


def _prose(paragraph: Any, prose: Prose) -> None:
    for part in prose:
        if isinstance(part, Link) and part.target.startswith(SAFE_ADDRESSES):
            _link(paragraph, part)
            continue
        run = paragraph.add_run(shown(part.text))
        if isinstance(part, Quoted) and part.is_code:
            run.font.name = FIXED
        if isinstance(part, Number | Link):
            run.italic = isinstance(part, Link)


def _link(paragraph: Any, link: Link) -> None:
    """A link to a checked work, which opens when it is pressed."""
    from docx.opc.constants import RELATIONSHIP_TYPE
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    run = paragraph.add_run(shown(link.text))
    run.italic = True
    around = OxmlElement("w:hyperlink")
    around.set(qn("r:id"), paragraph.part.relate_to(link.target, RELATIONSHIP_TYPE.HYPERLINK, is_external=True))
    run._r.addprevious(around)
    around.append(run._r)


class _Writer:
    """Writes blocks into a Word file and numbers its tables and figures."""

    def __init__(self, word: WordDocument) -> None:
        self.word = word
        self.tables = self.figures = 0

    def add(self, blocks: Sequence[doc.Block], level: int) -> None:
        """Blocks in their order; those that open on demand on screen get a heading of the level."""
        before: doc.Block | None = None
        for block in blocks:
            self._one(block, level, before)
            before = block

    def _one(self, block: doc.Block, level: int, before: doc.Block | None) -> None:
        word = self.word
        match block:
            case doc.Paragraph(prose=prose):
                _prose(word.add_paragraph(), prose)
            case doc.Bullets(items=items):
                for item in items:
                    _prose(_paragraph(word, "List Bullet"), item)
            case doc.Code(text=text):
                from docx.shared import Pt

                run = word.add_paragraph().add_run(shown(text))
                run.font.name, run.font.size = FIXED, Pt(8)
            case doc.Table():
                self.tables += 1
                _table(word, block, self.tables)
            case doc.FigureBlock(picture=picture, caption=caption):
                self.figures += 1
                _picture(word, picture)
                paragraph = _paragraph(word, "Caption")
                _prose(paragraph, (Quoted(f"Figure {self.figures}. "), *caption))
            case doc.ChipStrip(title=title, chips=chips):
                groups = (f"{words}: {', '.join(claims)}" for words, claims in doc.by_verdict(chips))
                word.add_paragraph(shown(f"{title}. {'. '.join(groups)}."))
            case doc.Squares(title=title, items=items):
                _heading(word, shown(title), min(level, DEEPEST))
                groups_of = {status: [it[0] for it in items if it[1] == status] for _, status, _ in items}
                told = (f"{status}: {', '.join(numbers)}" for status, numbers in sorted(groups_of.items()))
                word.add_paragraph(shown(f"Items {'; '.join(told)}."))
            case doc.Details(title=title, blocks=blocks):
                if not (isinstance(before, doc.Squares) and before.title == plain(title)):
                    _heading(word, shown(plain(title)), min(level, DEEPEST))
                self.add(blocks, level + 1)
            case doc.Beside():
                self.add(block.blocks, level)


DEEPEST = 4
"""The smallest heading that is used."""


def _picture(word: WordDocument, picture: Picture) -> None:
    from docx.shared import Cm

    width, height = extent_cm(picture)
    shrunk = min(1.0, TALLEST_CM / height)
    word.add_picture(io.BytesIO(picture.png), width=Cm(width * shrunk))
    word.paragraphs[-1].paragraph_format.keep_with_next = True
    properties = word.inline_shapes[-1]._inline.docPr
    properties.set("descr", shown(picture.heading.alt))


TWIPS = 20
"""Twentieths of a point, in which Word measures."""
INSET = round(INSET_PT * TWIPS / 2) - 5
PROPERTIES = (
    '<w:tblW w:w="0" w:type="auto"/><w:tblBorders><w:top w:val="single" w:sz="8" w:space="0" w:color="1A1F24"/>'
    '<w:bottom w:val="single" w:sz="8" w:space="0" w:color="1A1F24"/></w:tblBorders><w:tblLayout w:type="fixed"/>'
    f'<w:tblCellMar><w:left w:w="{INSET}" w:type="dxa"/><w:right w:w="{INSET}" w:type="dxa"/></w:tblCellMar>'
)
"""Rules above and below, widths as given, and a little less room beside the text than it is given."""
UNDER_HEAD = '<w:tcBorders><w:bottom w:val="single" w:sz="4" w:space="0" w:color="1A1F24"/></w:tcBorders>'
FLUSH_RIGHT = '<w:jc w:val="right"/>'


def _table(word: WordDocument, table: doc.Table, number: int) -> None:
    """A table with its caption above: rules as in the paper, widths fixed, the head again on every page."""
    from docx.oxml import parse_xml
    from docx.oxml.ns import nsdecls
    from docx.shared import Pt

    caption = _paragraph(word, "Caption")
    caption.paragraph_format.keep_with_next = True
    _prose(caption, (Quoted(f"Table {number}. "), *table.caption))
    sheet = layout(table)
    widths = [round(width * TWIPS) for width in sheet.widths]
    made = word.add_table(rows=1, cols=len(table.heads))
    made._tbl.remove(made.rows[0]._tr)
    made._tbl.replace(made._tbl.tblPr, parse_xml(f"<w:tblPr {nsdecls('w')}>{PROPERTIES}</w:tblPr>"))
    for column, width in zip(made._tbl.tblGrid.gridCol_lst, widths, strict=True):
        column.w = width * 635
    # Cell by cell through the library takes seconds for long tables; a row as one piece of xml takes none.
    lines = [list(table.heads), *([cell.text for cell in row] for row in table.rows)]
    for place, texts in enumerate(lines):
        # a short table stays on one page: each of its rows keeps to the next
        is_kept = sheet.is_kept and place < len(lines) - 1
        row = _row_xml(texts, table.numeric, widths, sheet.size, is_head=place == 0, is_kept=is_kept)
        made._tbl.append(parse_xml(row))
    word.add_paragraph().paragraph_format.space_after = Pt(4)


def _row_xml(
    texts: Sequence[str],
    numeric: Sequence[bool],
    widths: Sequence[int],
    size: float,
    *,
    is_head: bool,
    is_kept: bool,
) -> str:
    """One row of a table: numbers flush right, the head strong and again on every page, no row over two pages."""
    from xml.sax.saxutils import escape

    from docx.oxml.ns import nsdecls

    keep = "<w:keepNext/>" * (is_kept or is_head)
    run = f'<w:rPr>{"<w:b/>" * is_head}<w:sz w:val="{round(2 * size)}"/></w:rPr>'
    cells = "".join(
        f'<w:tc><w:tcPr><w:tcW w:w="{width}" w:type="dxa"/>{UNDER_HEAD * is_head}</w:tcPr>'
        f'<w:p><w:pPr>{keep}<w:spacing w:before="20" w:after="20" w:line="240" w:lineRule="auto"/>'
        f"{FLUSH_RIGHT * is_number}</w:pPr>"
        f'<w:r>{run}<w:t xml:space="preserve">{escape(shown(text))}</w:t></w:r></w:p></w:tc>'
        for text, is_number, width in zip(texts, numeric, widths, strict=True)
    )
    head = '<w:tblHeader w:val="true"/>' * is_head
    return f"<w:tr {nsdecls('w')}><w:trPr><w:cantSplit/>{head}</w:trPr>{cells}</w:tr>"


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
