"""How strong a hidden cause must be: what each link would keep, over its ties to cause and outcome."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from kinechain.figures import style
from kinechain.figures.style import Heading, Row, records
from kinechain.results import Results
from kinechain.rounding import decimal_text, is_number
from kinechain.tables import publishable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CHECK = "robustness"
LONGEST_TITLE = 28  # letters that fit over a panel
PANEL = (1.75, 1.6)
COLUMNS = 3
LEVELS = (0.0, 0.25, 0.5, 0.75)
"""Shares of the estimate that a contour joins; at zero the link is gone."""

NARROWEST = 0.3
"""Partial R² up to which the axes reach at least."""


def contours_table(results: Results) -> pd.DataFrame:
    """Robustness values of the links and what measured covariates, as strong as they are, would leave of them.

    One row a link and benchmark: name, place, robustness_value, benchmark (label), r2_cause, r2_outcome, share (of the
    estimate that a hidden cause as strong as this covariate would leave); the first row of a link has no benchmark.
    """
    table = results.check_of_links(CHECK)
    if table.empty or "robustness_value" not in table:
        return pd.DataFrame()
    once = table[table["benchmark"].isna() | (table["times"] == 1)].copy()
    once["benchmark"] = [results.short(str(name)) if isinstance(name, str) else "" for name in once["benchmark"]]
    once["share"] = [
        share_left(float(row["r2_cause"]), float(row["r2_outcome"]), float(row["robustness_value"]))
        if is_number(row["r2_cause"])
        else 1.0
        for row in records(once)
    ]
    columns = ["name", "place", "robustness_value", "benchmark", "r2_cause", "r2_outcome", "share", "n"]
    return publishable(once.sort_values("place", kind="stable")[columns].reset_index(drop=True))


def share_left(r2_cause: float, r2_outcome: float, robustness_value: float) -> float:
    """Share of an estimate that a hidden cause would leave, 1 for all of it and 0 for none.

    r2_cause          what the hidden cause explains of the rest of the exposure (partial R²)
    r2_outcome        what it explains of the rest of the outcome
    robustness_value  the strength, equal on both sides, that would leave nothing

    Cinelli & Hazlett (2020), JRSS B 82, 39-67: the bias is proportional to sqrt(r2_outcome r2_cause / (1 - r2_cause)),
    and the robustness value is where it equals the estimate.
    """
    f = robustness_value / np.sqrt(1 - robustness_value)
    return float(1 - np.sqrt(r2_outcome * r2_cause / (1 - r2_cause)) / f)


def describe_contours(table: pd.DataFrame) -> Heading:
    """Title, subtitle and alternative text from the numbers."""
    measured = [row for row in records(table) if row["benchmark"]]
    worst = min(measured, key=lambda row: float(row["share"]), default=None)
    if worst is None:
        title = "How strong a hidden cause would have to be"
    elif float(worst["share"]) <= 0:
        title = f"A hidden cause as strong as {worst['benchmark']} would undo {worst['name']}"
    else:
        title = "No hidden cause as strong as a measured one would undo a link"
    subtitle = (
        "Share of each link that would be left, over what a hidden cause explains of cause and outcome. "
        "Dashed: nothing left. Dots: measured covariates as they are, the strongest filled and named."
    )
    told = []
    for first in _firsts(table):
        strongest = _strongest(table, str(first["name"]))
        value = decimal_text(float(first["robustness_value"]), 2)
        near = (
            f", {strongest['benchmark']} would leave {decimal_text(100 * float(strongest['share']), 0)} %"
            if strongest
            else ""
        )
        told.append(f"{first['name']} robustness value {value}{near}")
    return Heading(title, subtitle, f"Strength of a hidden cause. {title}. {'; '.join(told)}.")


def _firsts(table: pd.DataFrame) -> list[Row]:
    seen: dict[str, Row] = {}
    for row in records(table):
        seen.setdefault(str(row["name"]), row)
    return list(seen.values())


def _strongest(table: pd.DataFrame, name: str) -> Row | None:
    """The measured covariate of a link that would leave least of it."""
    mine = [row for row in records(table) if row["name"] == name and row["benchmark"]]
    return min(mine, key=lambda row: float(row["share"]), default=None)


@style.styled
def draw_contours(table: pd.DataFrame, heading: Heading) -> Figure:
    """Draw a panel a link, each as wide as its strongest covariate asks."""
    firsts = _firsts(table)
    lines = -(-len(firsts) // COLUMNS)
    figure, _ = style.sheet(heading, lines * (PANEL[1] + 0.62) + 0.1)
    for index, first in enumerate(firsts):
        line, column = divmod(index, COLUMNS)
        bottom = 0.46 + (lines - 1 - line) * (PANEL[1] + 0.62)
        axes = style.panel(figure, 0.62 + column * (PANEL[0] + 0.45), bottom, *PANEL)
        _draw_link(axes, table, first)
        if column == 0:
            axes.set_ylabel("partial R² with outcome", fontsize=7.5)
        if index + COLUMNS >= len(firsts):
            axes.set_xlabel("partial R² with cause", fontsize=7.5)
    return figure


def _draw_link(axes: Axes, table: pd.DataFrame, first: Row) -> None:
    mine = [row for row in records(table) if row["name"] == first["name"] and row["benchmark"]]
    reach = min(
        0.95, max([NARROWEST, *(1.15 * float(row[what]) for row in mine for what in ("r2_cause", "r2_outcome"))])
    )
    grid = np.linspace(0, reach, 41)
    value = float(first["robustness_value"])
    left = np.array([[share_left(x, y, value) for x in grid] for y in grid])
    axes.contourf(
        grid, grid, left, levels=[-1e9, *LEVELS, 1.0], colors=["#f6dccf", "#e3e8ed", "#ebeff3", "#f3f5f8", "#fafbfc"]
    )
    axes.contour(grid, grid, left, levels=[0.0], colors=[style.VERMILION], linewidths=1.3, linestyles="dashed")
    axes.contour(grid, grid, left, levels=LEVELS[1:], colors=[style.FAINT], linewidths=0.7)
    strongest = _strongest(table, str(first["name"]))
    for row in mine:
        is_strongest = strongest is not None and row["benchmark"] == strongest["benchmark"]
        face = style.BLUE if is_strongest else style.PAPER
        axes.plot(
            [row["r2_cause"]], [row["r2_outcome"]], marker="o", markersize=4.5, color=style.BLUE, markerfacecolor=face
        )
    title = "\n".join(textwrap.wrap(str(first["name"]), LONGEST_TITLE))
    axes.set_title(title, loc="left", fontweight="bold", pad=3, fontsize=8)
    if strongest is not None:
        kept = f"{decimal_text(100 * float(strongest['share']), 0)} %" if float(strongest["share"]) > 0 else "nothing"
        text = f"{strongest['benchmark']}: {kept} left"
        box = {"facecolor": style.PAPER, "edgecolor": "none", "pad": 1.2, "alpha": 0.85}
        axes.text(0.97, 0.95, text, transform=axes.transAxes, ha="right", va="top", fontsize=7.5, bbox=box)
    axes.set(xlim=(0, reach), ylim=(0, reach))
    axes.locator_params(nbins=4, prune="upper")
    axes.tick_params(labelsize=7)
