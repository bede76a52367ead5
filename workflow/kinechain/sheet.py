"""The sheet that the paper and the Word file share: sizes of tables, of their columns and of pictures.

A table is set as large as its columns allow: at the size where each cell stands on one line if there is one, and else
with its widths shared so that no word, number or interval is broken.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from kinechain.document import Table
from kinechain.figures import Picture

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
    """How a table is set.

    size        of its text, in points
    widths      of its columns with the room beside their text, in points
    is_natural  whether every cell stands on one line
    is_kept     whether the table stays on one page
    """

    size: float
    widths: tuple[float, ...]
    is_natural: bool
    is_kept: bool


def layout(table: Table) -> Layout:
    """The largest size at which every cell stands on one line, or else one at which no word, number or interval breaks.

    Where lines have to break, columns share the room by the mean length of their texts, and none gets more than its
    longest needs; a smaller size is taken when it saves more than it costs the eye.
    """
    columns = [_Column(table, place) for place in range(len(table.heads))]
    for size in SIZES[:-1]:
        widths = tuple(column.whole * size + INSET_PT for column in columns)
        if sum(widths) <= LINE_PT:
            return Layout(size, widths, True, len(table.rows) <= KEPT_LINES)
    room, least = LINE_PT - INSET_PT * len(columns), sum(column.least for column in columns)
    fitting = [size for size in SIZES[1:-1] if least * size <= room]
    tried = [_wrapped(table, columns, size) for size in fitting or [min(SIZES[-1], math.floor(10 * room / least) / 10)]]
    return min(tried, key=lambda it: it[0])[1]


def _wrapped(table: Table, columns: Sequence[_Column], size: float) -> tuple[float, Layout]:
    """A table at a size at which lines break: its height, dearer in small letters, and how it is set."""
    widths = _shared(columns, (LINE_PT - INSET_PT * len(columns)) / size)
    lines = sum(
        max(math.ceil(_length(cell.text) / width) for cell, width in zip(row, widths, strict=True))
        for row in table.rows
    )
    points = tuple(width * size + INSET_PT for width in widths)
    return lines * size * (SIZES[0] / size) ** 2, Layout(size, points, False, lines <= KEPT_LINES)


class _Column:
    """Lengths of a column's texts in parts of the size: on one line, on average, and the least that breaks no word.

    The cells of a column of numbers are never broken.
    """

    def __init__(self, table: Table, place: int) -> None:
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


@functools.cache
def _length(text: str) -> float:
    """Length of a text on one line, in parts of its size."""
    return sum(PLAIN_WIDTH.get(letter, USUAL) for letter in text)


def breakable(text: str) -> str:
    """The text with places at which a line may break inside a long name."""
    return BREAKS.sub(lambda found: found.group() + ZERO_WIDTH, text)


SHEET_CM = (17.2, 8.4, 22.5)
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


def extent_cm(picture: Picture) -> tuple[float, float]:
    """Width and height of a picture on the sheet: the width of a line unless it would be too tall."""
    ratio = _ratio(picture)
    width, usual, tall = SHEET_CM
    height = min(ratio * width, tall if ratio > 1 else usual)
    return height / ratio, height
