"""A document as a paper: typst markup in which every text is a string literal, and the pdf it makes.

A table is set as large as its columns allow: at the size where each cell stands on one line if there is one, and else
with its widths shared so that no word, number or interval is broken.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kinechain import document as doc
from kinechain.document import Cell, Chip, Document, Link, Number, Prose, Quoted
from kinechain.figures import Picture
from kinechain.render import environment_of, is_kind

SAFE_ADDRESSES = ("https://doi.org/", "https://pubmed.ncbi.nlm.nih.gov/")
"""Where a link on paper may lead outside it: to a checked work."""


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
        "extent": _extent,
        "floats": floats,
        "by_verdict": _by_verdict,
    }
    environment.tests |= {
        "kind": is_kind,
        "leading": lambda block: isinstance(block, doc.Bullets | doc.Code | doc.Table),
    }
    return environment.get_template("report.typ.j2").render(document=document, rows=rows)


def render_pdf(document: Document, templates: Mapping[str, str]) -> bytes:
    """The document as a paper: fonts embedded, no date, equal content gives equal bytes."""
    import tempfile
    from pathlib import Path

    import matplotlib as mpl
    import typst

    source = render_typst(document, templates).encode("utf-8")
    fonts = Path(mpl.get_data_path()) / "fonts" / "ttf"
    drawn = {f"figure-{picture.name}": picture.svg.decode("utf-8") for picture in pictures_of(document)}
    with tempfile.TemporaryDirectory() as empty:
        made = typst.compile(  # type: ignore[misc]  # its stub leaves bytes without a type
            source, root=empty, font_paths=[str(fonts)], ignore_system_fonts=True, sys_inputs=drawn, timestamp=0
        )
    assert isinstance(made, bytes)
    return made


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
    text = typst_literal(part.text)
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


def breakable(text: str) -> str:
    """The text with places at which a line may break inside a long name."""
    return BREAKS.sub(lambda found: found.group() + ZERO_WIDTH, text)


LINE_PT = 487.5
"""Width of a line: the sheet less its margins."""
SIZES = (8.0, 7.2, 6.5, 5.8)
"""Sizes of the text of tables, in points; a table that fits none of them is set smaller still."""
INSET_PT = 7.5
"""Room beside the text of a column, both sides together."""
WIDTHS = ((" .,:;|'()[]!il", 0.28), ("ftrjIs-/", 0.36), ("mwMWOQ→↔", 0.86), ("ABCDEFGHJKLNPRSTUVXYZ", 0.66))
"""Letters and their width in parts of the size, a little too wide, so that what fits here fits; others are `USUAL`."""
USUAL, STRONG = 0.5, 1.1
"""Width of a usual letter, and of strong letters against plain ones."""
PLAIN_WIDTH = {letter: width for letters, width in WIDTHS for letter in letters}
BREAKS = re.compile(r"[^\s/_~>.:,]{24}(?=\S)|[/_~>](?=\S)|[.:,](?=[^\s\d])")
"""Behind what a line of a cell may break besides spaces: a sign that joins names, and so many letters on end."""
ZERO_WIDTH = "\u200b"
KEPT_LINES = 10
"""Lines up to which a table stays on one page."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a table is set: size of its text in points, widths of its columns for typst, whether it stays on one page."""

    size: float
    columns: str
    is_kept: bool


def layout(table: doc.Table) -> Layout:
    """The largest size at which every cell stands on one line, or else one at which no word, number or interval breaks.

    Where lines have to break, columns share the room by the mean length of their texts, and none gets more than its
    longest needs; a smaller size is taken when it saves more than it costs the eye.
    """
    columns = [_Column(table, place) for place in range(len(table.heads))]
    for size in SIZES[:-1]:
        if sum(column.whole * size + INSET_PT for column in columns) <= LINE_PT:
            return Layout(size, ", ".join(["auto"] * len(columns)), len(table.rows) <= KEPT_LINES)
    room, least = LINE_PT - INSET_PT * len(columns), sum(column.least for column in columns)
    fitting = [size for size in SIZES[1:-1] if least * size <= room]
    tried = [_wrapped(table, columns, size) for size in fitting or [min(SIZES[-1], math.floor(10 * room / least) / 10)]]
    return min(tried, key=lambda it: it[0])[1]


def _wrapped(table: doc.Table, columns: Sequence[_Column], size: float) -> tuple[float, Layout]:
    """A table at a size at which lines break: its height, dearer in small letters, and how it is set."""
    widths = _shared(columns, (LINE_PT - INSET_PT * len(columns)) / size)
    lines = sum(
        max(math.ceil(_length(cell.text) / width) for cell, width in zip(row, widths, strict=True))
        for row in table.rows
    )
    told = ", ".join(f"{width * size + INSET_PT:.1f}fr" for width in widths)
    return lines * size * (SIZES[0] / size) ** 2, Layout(size, told, lines <= KEPT_LINES)


class _Column:
    """Lengths of a column's texts in parts of the size: on one line, on average, and the least that breaks no word.

    The cells of a column of numbers are never broken.
    """

    def __init__(self, table: doc.Table, place: int) -> None:
        texts, head = [row[place].text for row in table.rows], table.heads[place]
        lengths = [_length(text) for text in texts]
        pieces = [_length(piece) for text in texts for piece in breakable(text).replace(ZERO_WIDTH, " ").split()]
        self.whole = max([_length(head) * STRONG, *lengths])
        told = [length for text, length in zip(texts, lengths, strict=True) if text != "–"]
        self.mean = sum(told) / max(len(told), 1)
        least = lengths if table.numeric[place] else pieces
        self.least = max(
            [*(_length(piece) * STRONG for piece in breakable(head).replace(ZERO_WIDTH, " ").split()), *least],
            default=0.0,
        )


def _shared(columns: Sequence[_Column], room: float) -> list[float]:
    """Widths that fill the room: each column its least, the rest by mean length, up to what its longest text needs."""
    widths = [column.least for column in columns]
    left = room - sum(widths)
    open_ = [place for place, column in enumerate(columns) if column.whole > column.least]
    while left > 0.1 and open_:
        weight = sum(columns[place].mean for place in open_) or 1.0
        share, given = left / weight, 0.0
        for place in open_:
            more = min(share * columns[place].mean, columns[place].whole - widths[place])
            widths[place] += more
            given += more
        left -= given
        open_ = [place for place in open_ if columns[place].whole - widths[place] > 0.01]
        if given <= 0:
            break
    return [max(width, 0.1) for width in widths]


def _length(text: str) -> float:
    """Length of a text on one line, in parts of its size."""
    return sum(PLAIN_WIDTH.get(letter, USUAL) for letter in text)


SHEET_CM = (17.2, 9.9, 22.5)
"""Width of a line, height a picture may take, and height a picture may take that is taller than wide."""
SMALL_CM = 6.0
"""Height up to which a picture stands where it is told; a higher one goes to the head or foot of a page."""


def _ratio(picture: Picture) -> float:
    """Height of a picture over its width."""
    size = re.search(rb'viewBox="0 0 ([0-9.]+) ([0-9.]+)"', picture.svg)
    return float(size.group(2)) / float(size.group(1)) if size else 0.7


def floats(picture: Picture) -> bool:
    """Whether a picture goes to the head or foot of a page, so that the text flows around it and leaves no hole."""
    return _ratio(picture) * SHEET_CM[0] > SMALL_CM


def _extent(picture: Picture) -> str:
    """Size of a picture on paper: the width of a line unless it would be too tall."""
    ratio = _ratio(picture)
    width, usual, tall = SHEET_CM
    height = tall if ratio > 1 else usual
    return "width: 100%" if ratio * width <= height else f"height: {height}cm"


def _by_verdict(chips: Sequence[Chip]) -> list[tuple[str, list[str]]]:
    """Claims of each verdict, in the order of the strip; an asterisk marks those that rest on several effects."""
    groups: dict[str, list[str]] = {}
    for chip in chips:
        words, _, note = chip.words.partition("; rests on several effects")
        starred = chip.words != words
        groups.setdefault(words + note, []).append(chip.claim + "*" * starred)
    return list(groups.items())
