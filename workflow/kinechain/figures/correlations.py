"""Correlations between the constructs, with the sign the chain expects marked in each cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from kinechain.figures import style
from kinechain.figures.style import Heading, Row, records
from kinechain.results import Results
from kinechain.rounding import decimal_text, is_number
from kinechain.tables import correlations_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CELL = 0.56
ROOM = 4.5
NAMES = 1.3
"""Inches: a cell at most, all cells of a row together, and the names beside them."""
DEEPEST = 0.84
"""Share of the full colour that a correlation of one gets: a number in ink stays readable on it."""


def correlation_figure_table(results: Results) -> pd.DataFrame:
    """The published correlations with the constructs' short names beside their codes."""
    table = correlations_table(results)
    table["x_name"] = [results.short(name) for name in table["x"]]
    table["y_name"] = [results.short(name) for name in table["y"]]
    return table


def agrees(row: Row) -> bool | None:
    """Whether a correlation has the sign the chain expects; None where the chain expects none."""
    if not is_number(row["expected"]) or not is_number(row["r"]):
        return None
    return bool(float(row["r"]) * float(row["expected"]) > 0)


def stands_clear(row: Row) -> bool:
    """Whether the correlation's interval lies on one side of zero."""
    return bool(is_number(row["low"]) and (row["low"] > 0 or row["high"] < 0))


def describe_correlations(table: pd.DataFrame) -> Heading:
    """Title, subtitle and alternative text from the numbers."""
    rows = records(table)
    clear = [row for row in rows if stands_clear(row)]
    claimed = [row for row in rows if agrees(row) is not None]
    against = [row for row in clear if agrees(row) is False]
    with_it = [row for row in clear if agrees(row)]
    if not claimed:
        title = "No sign is claimed for any of these pairs"
    elif against:
        title = f"{_pairs(against)}: clear of zero, with the sign the chain does not expect"
    elif with_it and len(claimed) == 1:
        title = f"{_pairs(with_it)}: clear of zero, with the sign the chain expects"
    elif with_it:
        title = f"{len(with_it)} of {len(claimed)} pairs with a claimed sign stand clear of zero, all on that side"
    else:
        title = "No pair with a claimed sign stands clear of zero"
    people = style.people_text(rows)
    subtitle = (
        f"Pearson correlations in problem space (higher is more of it), pair by pair{f', {people}' if people else ''}. "
        "▲ the sign the chain expects, ✕ the opposite, no mark where it expects none; pale where the 95 % interval has "
        "zero."
    )
    open_ones = [row for row in rows if not stands_clear(row)]
    told = f"Clear of zero: {_told(clear) or 'none'}. Not clear of zero: {_told(open_ones) or 'none'}."
    return Heading(title, subtitle, f"Correlation matrix. {title}. {told}")


def _pairs(rows: list[Row]) -> str:
    """Pairs by name where they are few, else their number."""
    named = [f"{row['x_name']} with {row['y_name']}" for row in rows]
    text = " and ".join(named) if len(named) < 3 else f"{len(named)} pairs"
    return text[:1].upper() + text[1:]


def _told(rows: list[Row]) -> str:
    sign = {True: "", False: ", against the chain", None: ""}
    return "; ".join(
        f"{row['x_name']} with {row['y_name']} {decimal_text(row['r'], 2)}{sign[agrees(row)]}" for row in rows
    )


@style.styled
def draw_correlations(table: pd.DataFrame, heading: Heading) -> Figure:
    """Draw the lower triangle; the colour is the size, the number and the mark say the rest."""
    from matplotlib.patches import Rectangle

    order = _order(table)
    named = {str(row[end]): str(row[f"{end}_name"]) for row in records(table) for end in ("x", "y")}
    size = max(1, len(order) - 1)
    side = size * min(CELL, ROOM / size)
    figure, _ = style.sheet(heading, side + 0.55)
    axes = style.panel(figure, max(NAMES, (style.WIDTH - side) / 2 - 0.5), 0.4, side, side)
    place = {name: index for index, name in enumerate(order)}
    for row in records(table):
        column, line = sorted((place[str(row["x"])], place[str(row["y"])]))
        if not is_number(row["r"]):
            continue
        shade = style.sign_shade(DEEPEST * float(row["r"]))
        axes.add_artist(Rectangle((column, line - 1), 1, 1, facecolor=shade, edgecolor=style.PAPER, linewidth=1.5))
        sign = agrees(row)
        dark = abs(float(row["r"])) > 0.72
        ink = style.PAPER if dark else style.INK if stands_clear(row) else style.QUIET
        axes.text(
            column + 0.5,
            line - (0.5 if sign is None else 0.4),
            decimal_text(float(row["r"]), 2),
            ha="center",
            va="center",
            fontsize=8.5,
            color=ink,
        )
        if sign is not None:
            axes.text(
                column + 0.5,
                line - 0.75,
                "▲" if sign else "✕",
                ha="center",
                va="center",
                fontsize=6.5 if sign else 8.5,
                color=ink,
                fontweight="normal" if sign else "bold",
            )
    axes.set(xlim=(0, size), ylim=(0, size), aspect="equal")
    axes.set_xticks([])
    for column, name in enumerate(named[it] for it in order[:-1]):
        room = 1.6 - max(0.0, (column + 1) * side / size + NAMES + 1.6 - style.WIDTH + 0.3)
        text = style.one_line(name, max(room, 0.7), 8)
        axes.text(column + 0.08, column - (0.5 if column else 0.3), text, ha="left", va="center", fontsize=8)
    names = [style.block(named[it], NAMES - 0.2, 8.5, 2) for it in order[1:]]
    axes.set_yticks([index + 0.5 for index in range(size)], names)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure


def _order(table: pd.DataFrame) -> list[str]:
    """Constructs in body order: the first row's x comes first, and each x's partners follow it."""
    names: list[str] = []
    for row in records(table):
        for name in (str(row["x"]), str(row["y"])):
            if name not in names:
                names.append(name)
    return names
