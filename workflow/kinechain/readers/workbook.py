"""Workbooks (xlsx, xls, ods), read by calamine: cached values only, no formula is ever run, no link followed.

A workbook is a compressed archive that may unfold to any size and name any cell: both are measured before it is opened.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kinechain.cohort import Finding
from kinechain.errors import Problem, UserError, closest
from kinechain.raw_table import RawTable, check_header, unique_names

if TYPE_CHECKING:
    from python_calamine import CalamineWorkbook

    from kinechain.measures import Dictionary

LARGEST_UNFOLDED = 400_000_000
"""Bytes a workbook may unfold to."""

MOST_CELLS = 20_000_000
"""Cells of the rectangle a sheet spans; calamine holds all of them, empty or not."""

LARGEST_BINARY = 60_000_000
"""Bytes of an .xls file, whose format holds no more rows than fit."""

_CELL = re.compile(rb'<(?:\w+:)?(?:c|row)\b[^>]*?\br="([A-Z]{0,3})(\d{1,7})"')
_REPEAT = re.compile(rb'number-(rows|columns)-repeated="(\d+)"')
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def read_workbook(
    path: Path, shown: str, wanted: Sequence[str] | None, options: Mapping[str, Any], _dictionary: Dictionary
) -> RawTable:
    """Columns of one sheet of a workbook.

    options  sheet (name, or number from 1), header_row, units_row, footer_rows; rows counted from 1 as on the screen

    Raises UserError when the file is no workbook, unfolds beyond all measure, or has no such sheet or header.
    """
    import pandas as pd

    _measure(path, shown)
    rows = _rows(path, shown, options)
    at = int(options.get("header_row", 1)) - 1
    if at >= len(rows) or not any(_is_filled(cell) for cell in rows[at]):
        raise UserError(
            Problem(shown, f"row {at + 1} of the sheet holds no header", _header_remedy(rows, wanted or ()))
        )
    names = unique_names([cell if _is_filled(cell) else None for cell in rows[at]])
    check_header(names, wanted or (), shown)
    missing = [name for name in wanted or () if name not in names]
    if missing and "header_row" not in options:
        remedy = _header_remedy(rows, wanted or ())
        if remedy:
            raise UserError(Problem(shown, f"row 1 of the sheet is not the header: it has no `{missing[0]}`", remedy))
    below = rows[at + 1 : len(rows) - int(options.get("footer_rows", 0))]
    units_row = int(options.get("units_row", 0)) - 1
    units: dict[str, str] = {}
    if at < units_row < at + 1 + len(below):
        said = zip(names, below[units_row - at - 1], strict=False)
        units = {name: str(cell).strip() for name, cell in said if _is_filled(cell)}
        below = [row for index, row in enumerate(below, start=at + 1) if index != units_row]
    findings = () if "footer_rows" in options else tuple(_footer_findings(below))
    chosen = [(name, index) for index, name in enumerate(names) if wanted is None or name in set(wanted)]
    frame = pd.DataFrame({name: pd.Series([row[index] for row in below], dtype=object) for name, index in chosen})
    return RawTable(frame.replace({"": None}), tuple(names), findings, units=units)


LONGEST_FOOTER = 5
"""More rows than these below an empty one are people that somebody set apart."""


def footer_length(rows: Sequence[Sequence[object]]) -> int:
    """Rows at the end, from the first filled one below an empty row to the last, where they are few; 0 where none are.

    Notes alone do not count: some row of the footer must hold more than its first cells, as a mean below a table does.
    """
    filled = [sum(_is_filled(cell) for cell in row) for row in rows]
    while filled and not filled[-1]:
        filled.pop()
    start = next((at + 1 for at in range(len(filled) - 1, -1, -1) if not filled[at]), 0)
    tail = filled[start:]
    return len(rows) - start if start and len(tail) <= LONGEST_FOOTER and max(tail) > 2 else 0


def _footer_findings(rows: Sequence[Sequence[object]]) -> Iterator[Finding]:
    length = footer_length(rows)
    if length:
        what = "the sheet has filled rows below an empty one at its end, as a footer with means has"
        remedy = f"Say `read: {{footer_rows: {length}}}` to leave them out, or `footer_rows: 0` if they are people"
        yield Finding("error", "", what, 0, remedy)


def likely_layout(path: Path, shown: str) -> dict[str, Any]:
    """How a workbook is to be read, by looking: the fullest sheet, its header, and a row of units below it.

    In the words of `read:`, what holds anyway left out. Raises UserError when the file is no workbook.
    """
    _measure(path, shown)
    names, rows = _fullest_sheet(path, shown)
    header = _likely_header_row(rows[:60])
    read: dict[str, Any] = {"sheet": names[1]} if names[0] > 1 else {}
    if header > 1:
        read["header_row"] = header
    below = rows[header : header + 2]
    if len(below) == 2 and is_units_row(*below):
        read["units_row"] = header + 1
    footer = footer_length(rows[header:])
    return read | ({"footer_rows": footer} if footer else {})


def _fullest_sheet(path: Path, shown: str) -> tuple[tuple[int, str], list[list[Any]]]:
    """Number and name of the sheet with most filled cells, and its rows."""
    best: tuple[int, tuple[int, str], list[list[Any]]] = (-1, (1, ""), [])
    for number, name in enumerate(_sheet_names(path, shown), start=1):
        rows = _rows(path, shown, {"sheet": number})
        filled = sum(_is_filled(cell) for row in rows for cell in row)
        if filled > best[0]:
            best = (filled, (number, name), rows)
    return best[1], best[2]


def _sheet_names(path: Path, shown: str) -> list[str]:
    with _opened(path, shown) as book:
        return list(book.sheet_names)


@contextmanager
def _opened(path: Path, shown: str) -> Iterator[CalamineWorkbook]:
    """The workbook, while it is read; UserError when it is none."""
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        with CalamineWorkbook.from_path(path) as book:
            yield book
    except (CalamineError, OSError, ValueError, OverflowError):
        raise UserError(_broken(shown)) from None
    except BaseException as error:  # a panic of the Rust library is a BaseException of its own
        if type(error).__name__ == "PanicException":
            raise UserError(_broken(shown)) from None
        raise


UNIT_WORD = re.compile(
    "mm|cm|m|in|inch|kg|lbs?|kpa|n|n/cm2|kg/cm2|deg(rees?)?|grad|°|%|percent|y|yr|years?|jahre|år|points|score"
    "|h|hours?|h/day|d|days?"
)
"""What stands in a row of units; no person's row is words alone with one of these among them."""


def is_units_row(row: Sequence[object], next_row: Sequence[object]) -> bool:
    """Whether a row below the header holds units: words alone, one of them a unit, above a row with numbers."""
    words = {str(cell).strip(" ()[]").lower().replace("²", "2") for cell in row if _is_filled(cell)}
    return _is_of_words(row) and any(UNIT_WORD.fullmatch(word) for word in words) and not _is_of_words(next_row)


def _is_of_words(row: Sequence[object]) -> bool:
    """Whether a row has cells and none of them is a number."""
    cells = [str(cell).strip() for cell in row if _is_filled(cell)]
    return bool(cells) and not any(re.fullmatch(r"[+-]?[\d.,]+", cell) for cell in cells)


def _likely_header_row(rows: Sequence[Sequence[object]]) -> int:
    """Row, counted from 1, that looks like the header: the first of the widest that is all words."""
    filled = [sum(_is_filled(cell) for cell in row) for row in rows]
    widest = max(filled, default=0)
    for number, (row, count) in enumerate(zip(rows, filled, strict=True), start=1):
        if count >= 0.7 * widest and all(isinstance(cell, str) for cell in row if _is_filled(cell)):
            return number
    return 1


def _is_filled(cell: object) -> bool:
    return cell is not None and str(cell).strip() != ""


def _header_remedy(rows: Sequence[Sequence[object]], wanted: Sequence[str]) -> str:
    """Which of the first rows looks like the header: the one that holds most of the wanted names."""
    scores = [len({" ".join(str(cell).split()) for cell in row} & set(wanted)) for row in rows[:60]]
    best = max(range(len(scores)), key=scores.__getitem__, default=0)
    if not scores or scores[best] < max(2, len(wanted) / 2):
        return "Name the row of the column names: `read: {header_row: ...}`"
    return f"Row {best + 1} holds {scores[best]} of the mapped names: add `read: {{header_row: {best + 1}}}`"


def _rows(path: Path, shown: str, options: Mapping[str, Any]) -> list[list[Any]]:
    with _opened(path, shown) as book:
        names = list(book.sheet_names)
        sheet = options.get("sheet", 1)
        if isinstance(sheet, str) and sheet not in names:
            raise UserError(Problem(shown, f"there is no sheet `{sheet}`", closest(sheet, names)))
        if isinstance(sheet, int) and not 1 <= sheet <= len(names):
            raise UserError(Problem(shown, f"there is no sheet {sheet}", f"The workbook has {len(names)}"))
        if isinstance(sheet, str):
            return book.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
        return book.get_sheet_by_index(sheet - 1).to_python(skip_empty_area=False)


def _broken(shown: str) -> Problem:
    return Problem(
        shown, "this is not a whole xlsx, xls or ods workbook", "Open it in a spreadsheet program and save it again"
    )


def _measure(path: Path, shown: str) -> None:
    """Raises UserError unless the file is a workbook that unfolds to something a machine can hold."""
    with path.open("rb") as file:
        start = file.read(8)
    if start == _OLE:
        if path.stat().st_size > LARGEST_BINARY:
            raise UserError(Problem(shown, "the workbook is larger than 60 MB", "Save it as xlsx or csv"))
        return
    if not start.startswith(b"PK"):
        raise UserError(_broken(shown))
    try:
        with zipfile.ZipFile(path) as archive:
            total = 0
            for entry in archive.infolist():
                total = _measure_entry(archive, entry, total, shown)
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError, ValueError, zlib.error):
        raise UserError(_broken(shown)) from None


def _measure_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, total: int, shown: str) -> int:
    is_sheet = entry.filename.endswith(".xml") and ("worksheets/" in entry.filename or entry.filename == "content.xml")
    last_row = last_column = 1
    rows = columns = 1
    rest = b""
    with archive.open(entry) as stream:
        while chunk := stream.read(1 << 20):
            total += len(chunk)
            if total > LARGEST_UNFOLDED:
                what = f"the workbook unfolds to more than {LARGEST_UNFOLDED // 1_000_000} MB"
                raise UserError(Problem(shown, what, "Save the one sheet that is needed as csv"))
            if not is_sheet:
                continue
            text = rest + chunk
            for letters, number in _CELL.findall(text):
                last_row = max(last_row, int(number))
                last_column = max(last_column, _column_number(letters))
            for kind, times in _REPEAT.findall(text):
                if kind == b"rows":
                    rows = max(rows, int(times))
                else:
                    columns = max(columns, int(times))
            rest = text[-200:]
    # an ods sheet ends in rows and columns repeated to the format's limit, which hold nothing and cost nothing
    spanned = last_row * last_column if "worksheets/" in entry.filename else _ods_cells(rows, columns)
    if spanned > MOST_CELLS:
        what = f"a sheet spans more than {MOST_CELLS // 1_000_000} million cells"
        raise UserError(Problem(shown, what, "Delete the stray cell far right or far below, or save the sheet as csv"))
    return total


def _ods_cells(rows: int, columns: int) -> int:
    if rows >= 1_000_000 and columns >= 16_000:
        return 1
    return rows * columns


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return max(1, number)
