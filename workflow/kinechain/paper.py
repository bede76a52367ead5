"""A document as a paper: typst markup in which every text is a string literal, and the pdf it makes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from kinechain import document as doc
from kinechain.document import Cell, Document, Link, Number, Prose, Quoted
from kinechain.figures import Picture
from kinechain.render import environment_of, is_kind
from kinechain.sheet import Layout, breakable, extent_cm, floats, layout

SAFE_ADDRESSES = ("https://doi.org/", "https://pubmed.ncbi.nlm.nih.gov/")
"""Where a link on paper may lead outside it: to a checked work."""


NO_BREAK = "\N{NO-BREAK SPACE}"
"""Stands inside a number, such as that of 95 %, which no line breaks."""


def render_typst(document: Document, templates: Mapping[str, str]) -> str:
    """The document as typst markup; every text stands in a string literal, so that none of it is read as markup."""
    rows = {key: f"n-{place}" for place, key in enumerate(doc.keys_of(document), start=1)}
    environment = environment_of(templates, autoescape=False)
    environment.filters |= {
        "prose": lambda prose: _prose(prose, rows),
        "number": lambda cell: _cell(cell, is_number=True),
        "cell": lambda cell: _cell(cell, is_number=False),
        "breakable": breakable,
        "lit": typst_literal,
        "place": lambda name: f"#metadata(none)#label({typst_literal(name)})" if name else "",
        "plain": doc.plain,
        "layout": layout,
        "columns": _columns,
        "extent": _extent,
        "floats": floats,
        "by_verdict": doc.by_verdict,
    }
    environment.tests |= {
        "kind": is_kind,
        "leading": lambda block: isinstance(block, doc.Bullets | doc.Code | doc.Table),
    }
    return environment.get_template("report.typ.j2").render(document=document, rows=rows)


def render_pdf(document: Document, templates: Mapping[str, str]) -> bytes:
    """The document as a paper: fonts embedded, no date, equal content gives equal bytes."""
    import tempfile

    import typst

    source = render_typst(document, templates).encode("utf-8")
    drawn = {f"figure-{picture.name}": picture.svg.decode("utf-8") for picture in pictures_of(document)}
    with tempfile.TemporaryDirectory() as empty:
        made = typst.compile(  # type: ignore[misc]  # its stub leaves bytes without a type
            source,
            root=empty,
            font_paths=[str(fonts_of_figures())],
            ignore_system_fonts=True,
            sys_inputs=drawn,
            timestamp=0,
        )
    assert isinstance(made, bytes)
    return made


def fonts_of_figures() -> Path:
    """Folder of the fonts that travel inside matplotlib, found without loading it: that takes a tenth of a second."""
    found = find_spec("matplotlib")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).with_name("mpl-data") / "fonts" / "ttf"


def pictures_of(document: Document) -> list[Picture]:
    """Every picture of a document, in reading order."""
    blocks = (block for section in document.sections for block in doc.blocks_of(section.blocks))
    return [block.picture for block in blocks if isinstance(block, doc.FigureBlock)]


def typst_literal(text: object) -> str:
    """The text as a typst string literal; control characters that paper cannot show become spaces."""
    clean = "".join(character if character >= " " or character in "\n\t" else " " for character in str(text))
    return json.dumps(clean, ensure_ascii=False).replace("\\b", " ").replace("\\f", " ")


def _prose(prose: Prose, rows: Mapping[str, str]) -> str:
    """A sentence: its numbers lead to their rows of the ledger, its links to sections and to works.

    rows  ledger key -> label of its row
    """
    return "".join(_part(part, rows) for part in prose)


def _part(part: doc.Part, rows: Mapping[str, str]) -> str:
    text = typst_literal(part.text.replace(" ", NO_BREAK) if isinstance(part, Number) else part.text)
    match part:
        case Number(key=key) if key in rows:
            return f"#lead({typst_literal(rows[key])}, {text});"
        case Quoted(is_code=True):
            return f"#raw({text});"
        case Link(target=target) if target.startswith("#"):
            return f"#lead({typst_literal(target[1:])}, {text});"
        case Link(target=target) if target.startswith(SAFE_ADDRESSES):
            return f"#link({typst_literal(target)}, {text});"
        case _:
            return f"#({text});"


def _cell(cell: Cell, *, is_number: bool) -> str:
    """A cell of a table: it leads where it says, and a number in it is never broken."""
    text = typst_literal(cell.text if is_number else breakable(cell.text))
    return f"#lead({typst_literal(cell.target[1:])}, {text});" if cell.target.startswith("#") else f"#({text});"


def _columns(sheet: Layout) -> str:
    """Widths of a table's columns: as wide as their texts, or shares of the line."""
    return ", ".join("auto" if sheet.is_natural else f"{width:.1f}fr" for width in sheet.widths)


def _extent(picture: Picture) -> str:
    width, height = extent_cm(picture)
    return f"width: {width:.2f}cm, height: {height:.2f}cm"
