"""A number of a trial's tidy tables on a page: its row, its ledger key, its cell or words."""

from __future__ import annotations

from kinechain.display import number_cell
from kinechain.document import Cell, Prose
from kinechain.entries import check_key
from kinechain.figures.style import Row, records
from kinechain.ledger import Ledger
from kinechain.results import Results
from kinechain.rounding import is_number
from kinechain.trial_words import contrast_name
from kinechain.words import say

Placed = tuple[int, Row]
"""A row of a tidy table with its place there, which its ledger keys are made of."""


def rows_of(results: Results, name: str, **wanted: object) -> list[Placed]:
    """Rows of a table of the analysis that have the wanted values."""
    table = results.checks.get(name)
    if table is None or table.empty:
        return []
    return [
        (place, row)
        for place, row in enumerate(records(table))
        if all(row.get(column) == value for column, value in wanted.items())
    ]


def ledger_key(name: str, placed: Placed, column: str) -> str:
    """Key of a number in the ledger."""
    return check_key(name, placed[0], column)


def placed_number(ledger: Ledger, name: str, placed: Placed, column: str) -> Cell:
    """A number in a cell, to the digit its error supports."""
    return number_cell(ledger, ledger_key(name, placed, column))


def with_interval(ledger: Ledger, name: str, placed: Placed | None, column: str = "estimate") -> Cell:
    """An estimate and its interval in one cell."""
    if placed is None or not is_number(placed[1].get(column)):
        return Cell("–")
    value = ledger[ledger_key(name, placed, column)]
    if not is_number(placed[1].get("low")):
        return number_cell(ledger, value.key)
    low, high = (ledger[ledger_key(name, placed, end)] for end in ("low", "high"))
    return Cell(f"{value.text} [{low.text}, {high.text}]", value.key, str(value.value))


def interval_words(ledger: Ledger, name: str, placed: Placed) -> Prose:
    """An estimate with its interval inside a sentence."""
    return say(
        ledger,
        "{value} ({level} interval {low} to {high})",
        value=ledger_key(name, placed, "estimate"),
        level="study/level",
        low=ledger_key(name, placed, "low"),
        high=ledger_key(name, placed, "high"),
    )


def shown_contrast(row: Row, results: Results) -> str:
    """A contrast of arms as readers see it."""
    return contrast_name(results, str(row["contrast"]), str(row["arms"]), str(row["against"]))
