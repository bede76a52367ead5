"""Square csv: published correlations or covariances with the names in the first row and column."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from kinechain.errors import Problem, UserError


def read_square(path: Path, shown: str) -> dict[str, Any]:
    """What a square csv says, in the words of a moments yaml.

    Rows whose first cell is n, mean or sd (in any case) hold those; cells above or below the diagonal may be empty.

    Raises UserError when no row says how many people these are.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.reader(file) if any(cell.strip() for cell in row)]
    except (csv.Error, UnicodeError):
        raise UserError(Problem(shown, "the file is not a csv in UTF-8", "Export it again")) from None
    names = [cell.strip() for cell in rows[0][1:]] if rows else []
    data: dict[str, Any] = {"names": names}
    matrix: list[list[float]] = []
    for row in rows[1:]:
        key = row[0].strip().lower()
        numbers = [_number(cell, shown) for cell in row[1:] if cell.strip()]
        if key in ("n", "mean", "means", "sd", "sds"):
            data |= {"n": int(numbers[0])} if key == "n" and numbers else {key.rstrip("s") + "s": numbers}
        else:
            matrix.append(numbers)
    data["correlations" if "sds" in data else "covariances"] = matrix
    if "n" not in data:
        raise UserError(Problem(shown, "nothing says how many people these are", "Add a row that starts with n"))
    return data


def _number(cell: str, shown: str) -> float:
    try:
        return float(cell)
    except ValueError:
        raise UserError(Problem(shown, "a cell is not a number", "Leave it empty, or mend it")) from None
