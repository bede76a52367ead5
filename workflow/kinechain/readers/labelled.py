"""SPSS and Stata files, read by pyreadstat: codes as they are, with the file's labels and declared missing values."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kinechain.cohort import Finding
from kinechain.errors import Problem, UserError
from kinechain.raw_table import RawTable, check_header

if TYPE_CHECKING:
    import pandas as pd

    from kinechain.measures import Dictionary

_START = {
    "sav": (b"$FL2", b"$FL3"),
    "dta": (b"<stata_dta>", b"\x66", b"\x67", b"\x68", b"\x69", b"\x6c", b"\x6e", b"\x6f", b"\x71", b"\x72", b"\x73"),
}
TRIED_WHOLE = 8_000_000
"""Bytes up to which a file is tried to its last row before it is read; of larger ones only the head is tried."""
_CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGILL)


def read_sav(
    path: Path, shown: str, wanted: Sequence[str] | None, options: Mapping[str, Any], _dictionary: Dictionary
) -> RawTable:
    """Columns of an SPSS file. Raises UserError when it is none."""
    return _read("sav", path, shown, wanted, options)


def read_dta(
    path: Path, shown: str, wanted: Sequence[str] | None, options: Mapping[str, Any], _dictionary: Dictionary
) -> RawTable:
    """Columns of a Stata file. Raises UserError when it is none."""
    return _read("dta", path, shown, wanted, options)


def _survives(read: Callable[..., Any], path: Path) -> bool:
    """Whether the library outlives the file: noise in one can end the whole process, so a child goes first."""
    if not hasattr(os, "fork"):
        return True
    child = os.fork()
    if child == 0:
        try:
            signal.alarm(60)  # a child that hangs says nothing of the file
            read(path, metadataonly=path.stat().st_size > TRIED_WHOLE)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return not (os.WIFSIGNALED(status) and os.WTERMSIG(status) in _CRASHES)


def _read(kind: str, path: Path, shown: str, wanted: Sequence[str] | None, options: Mapping[str, Any]) -> RawTable:
    import pyreadstat

    program = {"sav": "SPSS", "dta": "Stata"}[kind]
    broken = Problem(shown, f"this is not a whole {program} file", f"Save it in {program} again, or export it as csv")
    with path.open("rb") as file:
        if not file.read(16).startswith(_START[kind]):
            raise UserError(broken)
    read: Callable[..., tuple[Any, Any]] = pyreadstat.read_sav if kind == "sav" else pyreadstat.read_dta
    if not _survives(read, path):
        raise UserError(broken)
    try:
        _, outline = read(path, metadataonly=True)
        names = [str(name) for name in outline.column_names]
        check_header(names, wanted or (), shown)
        chosen = [name for name in names if wanted is None or name in set(wanted)]
        keep = {"user_missing": not options.get("user_missing", True)}
        frame, meta = read(path, usecols=chosen, **keep) if chosen else read(path, metadataonly=True)
    except (
        pyreadstat.ReadstatError,
        pyreadstat.PyreadstatError,
        UnicodeDecodeError,
        ValueError,
        OSError,
        OverflowError,
    ):
        raise UserError(broken) from None
    labels = {name: str(label) for name, label in meta.column_names_to_labels.items() if label}
    values = {name: dict(items) for name, items in meta.variable_value_labels.items()}
    findings = []
    if kind == "sav" and not keep["user_missing"] and any(meta.missing_ranges.get(name) for name in chosen):
        count = sum(bool(meta.missing_ranges.get(name)) for name in chosen)
        findings.append(
            Finding("note", "", f"values the file declares missing are missing here, in {count} mapped columns", 0)
        )
    return RawTable(_column_by_column(frame), tuple(names), tuple(findings), labels, values)


def _column_by_column(frame: pd.DataFrame) -> pd.DataFrame:
    """The same table with memory of its own for each column, so that a column which was used can be let go.

    The library hands over one block of all numbers, which stays whole as long as a single column of it is needed.
    """
    import pandas as pd

    return pd.DataFrame({name: column.copy() for name, column in frame.items()}, index=frame.index, copy=False)
