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
        counts_as_missing = options.get("user_missing", True)
        # SPSS's own are read as they stand, so that they can be counted before they are taken away
        keep = {"user_missing": kind == "sav" or not counts_as_missing}
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
    declared = meta.missing_ranges if kind == "sav" and counts_as_missing else {}
    findings: list[Finding] = []
    table = _column_by_column(frame, declared, findings)
    return RawTable(table, tuple(names), tuple(findings), labels, values)


def _column_by_column(
    frame: pd.DataFrame, declared: Mapping[str, Sequence[Mapping[str, Any]]], findings: list[Finding]
) -> pd.DataFrame:
    """The same table without what it declares missing, with memory of its own for each column.

    declared  column -> ranges of values, lo to hi, that the file declares missing

    The library hands over one block of all numbers, which stays whole as long as a single column of it is needed; of
    columns apart, one that was used can be let go.
    """
    import numpy as np
    import pandas as pd

    columns = {}
    for name, column in frame.items():
        own = column.copy()
        gone = np.zeros(len(own), dtype=bool)
        for span in declared.get(str(name), ()):
            gone |= ((own >= span["lo"]) & (own <= span["hi"])).to_numpy(dtype=bool, na_value=False)
        if gone.any():
            own[gone] = None
            what = f"values of column `{name}` are missing by the file's own declaration"
            findings.append(Finding("note", "", what, int(gone.sum()), "", str(name)))
        columns[name] = own
    return pd.DataFrame(columns, index=frame.index, copy=False)
