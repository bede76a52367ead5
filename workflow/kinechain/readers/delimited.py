"""Delimited text: separator, decimal mark and encoding declared or found by looking; read by Arrow."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kinechain.cohort import Finding
from kinechain.errors import Problem, UserError
from kinechain.raw_table import RawTable, check_header, unique_names

if TYPE_CHECKING:
    import pandas as pd

    from kinechain.measures import Dictionary
    from kinechain.numerics import Array

SAMPLE_BYTES = 262_144
SEPARATORS = (",", ";", "\t", "|")
LONGEST_LINE = 4_000_000
"""A first line longer than this is no header."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a delimited file is written."""

    encoding: str
    separator: str
    decimal: str
    may_quote: bool = True
    """False when no quote stands in the file, so that no field holds a line break: blocks are then cut faster."""


_LARGE = 1 << 24
"""Bytes above which a file is read with all cores; below, rows keep their numbers, which mistakes are told by."""

_BLOCK = 1 << 20
"""Bytes read at a time; types of a large file are first taken from so many."""

_RELEASED_TOGETHER = 4
"""So many columns of a large file are handed over before their memory is given back."""


def read_delimited(
    path: Path, shown: str, wanted: Sequence[str] | None, options: Mapping[str, Any], dictionary: Dictionary
) -> RawTable:
    """Columns of a delimited file.

    wanted   columns to read; None for all
    options  `read:` of the cohort's yaml, and text: columns that stay text

    Raises UserError when the file is not text, has no header or has rows of another length than its header.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    dialect, findings = sniff(path, shown, options)
    skip = int(options.get("header_row", 1)) - 1
    header = _header(path, dialect, skip, shown)
    names = unique_names(header)
    check_header(names, wanted or (), shown)
    chosen = [name for name in names if wanted is None or name in set(wanted)]
    ragged: list[int] = []

    def count(row: Any) -> str:
        ragged.append(int(row.number or 0))
        return "skip"

    words = sorted({*dictionary.missing_words, *(word.upper() for word in dictionary.missing_words), "NaN"})
    text = {name: pa.string() for name in options.get("text", ()) if name in chosen}
    unit_rows = int("units_row" in options)
    is_large = path.stat().st_size > _LARGE
    reading = arrow_csv.ReadOptions(
        use_threads=is_large,
        block_size=_BLOCK,
        skip_rows=skip + 1 + unit_rows,
        column_names=names,
        encoding=dialect.encoding,
    )
    parsing = arrow_csv.ParseOptions(
        delimiter=dialect.separator,
        newlines_in_values=dialect.may_quote,
        ignore_empty_lines=True,
        invalid_row_handler=count,
    )
    converting = arrow_csv.ConvertOptions(
        include_columns=chosen,
        column_types=text,
        null_values=words,
        strings_can_be_null=True,
        decimal_point=dialect.decimal,
        true_values=[],
        false_values=[],
        timestamp_parsers=[],
    )
    try:
        frame = _read_large(path, reading, parsing, converting, ragged) if is_large else None
        if frame is None:
            ragged.clear()
            table = arrow_csv.read_csv(path, reading, parsing, converting)
            frame = table.to_pandas(split_blocks=True, self_destruct=True, date_as_object=True)
    except (pa.ArrowException, UnicodeDecodeError, LookupError, OverflowError) as error:
        raise UserError(_unreadable(shown, dialect, error)) from None
    if ragged:
        first = f" (the first is row {ragged[0] + skip + unit_rows})" if ragged[0] else ""
        what = f"{len(ragged)} rows have another number of fields than the header{first}"
        remedy = (
            f"The separator is read as {_name(dialect.separator)}; declare `read: {{separator: ...}}`, or mend the rows"
        )
        raise UserError(Problem(shown, what, remedy))
    footer = int(options.get("footer_rows", 0))
    if footer:
        frame = frame.iloc[: max(0, len(frame) - footer)]
    settings = {"separator": dialect.separator, "decimal": dialect.decimal, "encoding": dialect.encoding}
    return RawTable(frame, tuple(names), tuple(findings), settings=settings)


def _read_large(path: Path, reading: Any, parsing: Any, converting: Any, ragged: list[int]) -> pd.DataFrame | None:
    """A large file with all cores, in little more memory than its table.

    Types are those of the first block, whole numbers as floats since later blocks may hold fractions; knowing them,
    Arrow keeps no text to look at again. None when a later block holds something else: the file then has to be read by
    looking at all of it.
    """
    import pandas as pd
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    known, few = dict(converting.column_types), pa.cpu_count()
    pa.set_cpu_count(_cores())  # Arrow takes the one thread that mathematics is held to for its own
    try:
        first = arrow_csv.open_csv(path, reading, parsing, converting).schema
        is_whole = pa.types.is_integer
        converting.column_types = {one.name: pa.float64() if is_whole(one.type) else one.type for one in first}
        ragged.clear()
        table = arrow_csv.read_csv(path, reading, parsing, converting)
    except pa.ArrowInvalid:
        return None
    finally:
        converting.column_types = known
        pa.set_cpu_count(few)
    waiting = list(zip(table.column_names, table.columns, strict=True))[::-1]
    del table
    columns: dict[str, Any] = {}
    while waiting:
        name, column = waiting.pop()
        columns[name] = _numbers(column) if pa.types.is_floating(column.type) else column.to_pandas(date_as_object=True)
        del column
        if len(columns) % _RELEASED_TOGETHER == 0:
            pa.default_memory_pool().release_unused()
    return pd.DataFrame(columns, copy=False)


def _cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _numbers(column: Any) -> Array:
    """A column of floats in one piece; missing is NaN."""
    import numpy as np

    values, start = np.empty(len(column)), 0
    for piece in column.iterchunks():
        values[start : start + len(piece)] = piece.to_numpy(zero_copy_only=False)
        start += len(piece)
    return values


def sniff(path: Path, shown: str, options: Mapping[str, Any]) -> tuple[Dialect, list[Finding]]:
    """The dialect of a file: what is declared, and the rest by looking at its beginning.

    shown    the file's name in messages
    options  keys of `read` in the cohort's yaml

    Raises UserError for a file that is no text in its encoding, and where no header stands.
    """
    with path.open("rb") as file:
        sample = file.read(SAMPLE_BYTES)
    findings: list[Finding] = []
    may_quote = True
    encoding = options.get("encoding")
    if not encoding:
        encoding, may_quote = _encoding(path, sample, shown, findings)
    try:
        # the sample may end inside a character
        text = io.TextIOWrapper(io.BytesIO(sample), encoding=encoding, errors="ignore", newline="").read()
    except (UnicodeError, LookupError):
        raise UserError(
            Problem(shown, f"the file is not {encoding} text", "Declare another `read: {encoding: ...}`")
        ) from None
    if "\0" in text or _share_of_controls(text) > 0.01:
        what = "the file is not text"
        raise UserError(Problem(shown, what, "Declare the right `format:`, or export it as csv again"))
    lines = text.splitlines()[int(options.get("header_row", 1)) - 1 :]
    if not lines or not lines[0].strip():
        raise UserError(
            Problem(shown, "there is no header where one should be", "Name its row in `read: {header_row: ...}`")
        )
    if len(lines[0]) > LONGEST_LINE:
        raise UserError(Problem(shown, "the header is longer than 4 MB", "Export the file again"))
    separator = options.get("separator") or _separator(lines[:200])
    decimal = options.get("decimal") or _decimal(lines[1:200], separator)
    if "decimal" not in options and decimal == ",":
        findings.append(Finding("note", "", "numbers are read with a decimal comma, found by looking", 0))
    return Dialect(encoding, separator, decimal, may_quote), findings


def _encoding(path: Path, sample: bytes, shown: str, findings: list[Finding]) -> tuple[str, bool]:
    """The encoding of a file, and whether it may hold quotes."""
    if sample.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16", True
    if sample.startswith(b"\xef\xbb\xbf"):
        return "utf-8", True
    is_utf8, has_quotes = _look_through(path)
    if is_utf8:
        return "utf-8", has_quotes
    if b"\0" in sample:
        raise UserError(
            Problem(shown, "the file is not text", "Declare the right `format:`, or export it as csv again")
        )
    what = "the file is not UTF-8: read as Windows-1252, found by looking"
    findings.append(Finding("note", "", what, 0, "Declare `read: {encoding: ...}` if letters look wrong"))
    return "windows-1252", True


def _look_through(path: Path) -> tuple[bool, bool]:
    """Whether a file is UTF-8, and whether a quote stands in it; the second is only known of UTF-8."""
    import codecs

    has_quotes = False
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 22):
                has_quotes = has_quotes or b'"' in chunk
                if not chunk.isascii() or decoder.getstate()[0]:
                    decoder.decode(chunk)  # pure ASCII between whole characters needs no look
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False, True
    return True, has_quotes


def _share_of_controls(text: str) -> float:
    controls = sum(character < " " and character not in "\t\r\n\f" for character in text)
    return controls / max(1, len(text))


def _separator(lines: Sequence[str]) -> str:
    """The separator that splits most lines into the same number of fields, more than one."""
    best, best_score = ",", 0.0
    for separator in SEPARATORS:
        try:
            widths = [len(row) for row in csv.reader(lines, delimiter=separator) if row]
        except csv.Error:
            continue
        if not widths or widths[0] < 2:
            continue
        same = sum(width == widths[0] for width in widths) / len(widths)
        score = same + min(widths[0], 50) / 1000
        if score > best_score:
            best, best_score = separator, score
    return best


def _decimal(lines: Sequence[str], separator: str) -> str:
    """A comma where it stands inside numbers and no point does (or only before it, as between thousands)."""
    if separator == ",":
        return "."
    comma = point = 0
    for line in lines:
        for field in line.split(separator):
            number = field.strip().strip('"')
            comma += bool(re.fullmatch(r"[+-]?\d{1,3}(\.\d{3})*,\d+|[+-]?\d+,\d+", number))
            point += bool(re.fullmatch(r"[+-]?\d+\.\d+", number)) and not re.fullmatch(
                r"[+-]?\d{1,3}(\.\d{3})+", number
            )
    return "," if comma > point else "."


def _header(path: Path, dialect: Dialect, skip: int, shown: str) -> list[str]:
    """Fields of the header row; a byte-order mark is no part of a name."""
    encoding = "utf-8-sig" if dialect.encoding == "utf-8" else dialect.encoding
    try:
        with path.open(encoding=encoding, newline="") as file:
            for _ in range(skip):
                file.readline(LONGEST_LINE)
            rows = csv.reader(iter(lambda: file.readline(LONGEST_LINE), ""), delimiter=dialect.separator)
            header = next(rows, [])
    except (csv.Error, UnicodeError):
        raise UserError(Problem(shown, "the header cannot be read", "Export the file as csv again")) from None
    if "\n" in "".join(header):
        raise UserError(
            Problem(shown, "the header has a line break inside a name", "Mend the header, or check the quotes")
        )
    return header


def _name(separator: str) -> str:
    return {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}.get(separator, f"`{separator}`")


def _unreadable(shown: str, dialect: Dialect, error: Exception) -> Problem:
    message = str(error)
    if "Empty CSV" in message or "no data" in message.lower():
        return Problem(shown, "the file has no row of data", "Check `header_row` and that the file is the right one")
    if "straddling" in message or "quot" in message.lower():
        return Problem(shown, "a quoted field never ends", 'Look for a stray " in the file')
    return Problem(shown, f"the file cannot be read as {dialect.encoding} text", "Export it as csv in UTF-8 again")
