"""Raw table: columns as a file has them, and what the reader had to find out about the file by looking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kinechain.cohort import Finding
from kinechain.errors import Problem, UserError

if TYPE_CHECKING:
    import pandas as pd

MOST_COLUMNS = 20_000
"""More columns than any study has; a file with more is not a table of people."""


@dataclass(frozen=True, slots=True)
class RawTable:
    """A file's columns.

    frame     one row a line of the file; numbers where the format has them, otherwise text
    header    names of all columns of the file, read or not
    findings  what was found by looking (separator, encoding, left-out rows)
    labels    column -> its label in the file, where the format has labels
    value_labels  column -> value -> its label
    row_keys  columns that tell rows of one person apart in formats that spread a person over rows
    units     column -> its unit, where a row of the file says it
    settings  what was found out, in the words of `read:` in the cohort's yaml
    """

    frame: pd.DataFrame
    header: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    value_labels: Mapping[str, Mapping[object, str]] = field(default_factory=dict)
    row_keys: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)


def unique_names(header: Sequence[object]) -> list[str]:
    """Names of columns, stripped; a name that stands k times becomes name#1 ... name#k, an empty one column_7."""
    plain = [_printable(name) if name is not None else "" for name in header]
    plain = [name or f"column_{index}" for index, name in enumerate(plain, start=1)]
    counts: dict[str, int] = {}
    for name in plain:
        counts[name] = counts.get(name, 0) + 1
    seen: dict[str, int] = {}
    names = []
    for name in plain:
        seen[name] = seen.get(name, 0) + 1
        names.append(f"{name}#{seen[name]}" if counts[name] > 1 else name)
    return names


def _printable(name: object) -> str:
    """A name on one line, without characters that could steer a terminal."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in str(name)).split())


def check_header(names: Sequence[str], wanted: Sequence[str], shown: str) -> None:
    """Raises UserError for a name that several columns share, and for a table that is none."""
    if len(names) > MOST_COLUMNS:
        raise UserError(Problem(shown, f"the file has {len(names)} columns", "Export only the columns that are mapped"))
    there = set(names)
    problems = [
        Problem(
            shown, f"several columns are headed `{name}`", f"Write `{name}#1`, `{name}#2` ... in the order of the file"
        )
        for name in wanted
        if name not in there and f"{name}#1" in there
    ]
    if problems:
        raise UserError(*problems)
