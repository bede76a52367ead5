"""Readers: from a file of any of the formats to raw columns, as the file has them. Meaning is settled later.

A reader takes (path, shown, wanted, options, dictionary) and gives a `RawTable`; it raises UserError in one line when
the file cannot be read. It opens nothing but that file and runs nothing in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from kinechain.cohort_spec import CohortSpec
from kinechain.errors import Problem, UserError
from kinechain.raw_table import RawTable

if TYPE_CHECKING:
    from kinechain.measures import Dictionary

READERS: Mapping[str, tuple[str, str]] = {
    "csv": ("kinechain.readers.delimited", "read_delimited"),
    "redcap": ("kinechain.readers.redcap", "read_redcap"),
    "excel": ("kinechain.readers.workbook", "read_workbook"),
    "sav": ("kinechain.readers.labelled", "read_sav"),
    "dta": ("kinechain.readers.labelled", "read_dta"),
    "parquet": ("kinechain.readers.columnar", "read_parquet"),
}
"""Format -> module and function, loaded when asked for: each reader brings its own library."""

LARGEST_BYTES = 4_000_000_000
"""A file above this is refused: it would not fit beside its own table."""


def read_rows(spec: CohortSpec, root: Path, dictionary: Dictionary) -> RawTable:
    """The columns of a cohort's file that its spec names, one row a line of the file.

    Raises UserError when the file is missing, empty, outside the study's folder by name tricks, or unreadable.
    """
    path = data_path(spec, root)
    module, function = READERS[spec.format]
    reader = getattr(import_module(module), function)
    try:
        table: RawTable = reader(path, spec.file, spec.wanted, {**spec.read, "text": text_columns(spec)}, dictionary)
    except MemoryError:
        problem = Problem(spec.file, "the file needs more memory than this machine has", "Read it on a larger machine")
        raise UserError(problem) from None
    return table


def text_columns(spec: CohortSpec) -> tuple[str, ...]:
    """Columns kept as text, so that 007 stays 007: who, where and when a row is."""
    who = [column for role, column in spec.structure.items() if role != "visit_day"]
    return (*who, *spec.visit_dates.values())


def data_path(spec: CohortSpec, root: Path) -> Path:
    """Where the data are. Raises UserError when there is no readable file there."""
    path = root / spec.file
    if not path.exists():
        nearby = sorted(item.name for item in path.parent.iterdir()) if path.parent.is_dir() else []
        from kinechain.errors import closest

        remedy = closest(path.name, nearby) if nearby and len(nearby) < 2000 else "Check `file:` and the folder"
        raise UserError(Problem(spec.file, "the file does not exist", remedy or "Check `file:` and the folder"))
    if not path.is_file():
        raise UserError(Problem(spec.file, "this is a folder or a device, not a file", "Name a file under `file:`"))
    size = path.stat().st_size
    if size == 0:
        raise UserError(Problem(spec.file, "the file is empty", "Export the data again"))
    if size > LARGEST_BYTES:
        raise UserError(Problem(spec.file, "the file is larger than 4 GB", "Export only the columns that are mapped"))
    return path
