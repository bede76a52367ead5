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
ROOM = 4.2
"""Inches: a cell at most, and all cells of a row together."""


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
    told = [(agrees(row), stands_clear(row)) for row in records(table)]
    title = (
        "No sign is claimed for any of these pairs"
        if all(sign is None for sign, _ in told)
        else "Some correlations stand clear of zero on the side the chain does not expect"
        if (False, True) in told
        else "Every correlation that stands clear of zero has the sign the chain expects"
        if (True, True) in told
        else "No claimed correlation stands clear of zero"
    )
    subtitle = (
        "Pearson correlations in problem space (higher is more of the problem), pair by pair. ▲ the sign the chain "
        "expects, ✕ the opposite; pale where the 95 % interval covers zero, no mark where the chain expects none."
    )
    pairs = "; ".join(f"{row['x_name']} with {row['y_name']} {decimal_text(row['r'], 2)}" for row in records(table))
    return Heading(title, subtitle, f"Correlation matrix. {title}. {pairs}.")


@style.styled
def draw_correlations(table: pd.DataFrame, heading: Heading) -> Figure:
    """Draw the lower triangle; the colour is the size, the number and the mark say the rest."""
    import matplotlib as mpl
    import seaborn

    order = _order(table)
    size = max(1, len(order) - 1)
    side = size * min(CELL, ROOM / size)
    figure, _ = style.sheet(heading, side + 0.55)
    axes = style.panel(figure, 2.05, 0.45, side, side)
    colours = seaborn.diverging_palette(45, 275, s=70, l=55, as_cmap=True)
    place = {name: index for index, name in enumerate(order)}
    for row in records(table):
        column, line = sorted((place[str(row["x_name"])], place[str(row["y_name"])]))
        if not is_number(row["r"]):
            continue
        shade = colours(0.5 + 0.42 * float(row["r"]))
        axes.add_patch(
            mpl.patches.Rectangle((column, line - 1), 1, 1, facecolor=shade, edgecolor=style.PAPER, linewidth=1.5)
        )
        dark = abs(float(row["r"])) > 0.72
        ink = style.PAPER if dark else style.INK if stands_clear(row) else style.QUIET
        axes.text(
            column + 0.5,
            line - 0.42,
            decimal_text(float(row["r"]), 2),
            ha="center",
            va="center",
            fontsize=8.5,
            color=ink,
        )
        sign = agrees(row)
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
    for column, name in enumerate(order[:-1]):
        axes.text(column + 0.5, column - 0.16, "│", ha="center", va="center", fontsize=6, color=style.QUIET)
        axes.text(column + 0.5, column - 0.42, name, ha="left", va="center", fontsize=8)
    axes.set_yticks([index + 0.5 for index in range(size)], order[1:])
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure


def _order(table: pd.DataFrame) -> list[str]:
    """Names in body order: the first row's x comes first, and each x's partners follow it."""
    names: list[str] = []
    for row in records(table):
        for name in (str(row["x_name"]), str(row["y_name"])):
            if name not in names:
                names.append(name)
    return names
