"""How strong a hidden cause must be: what each link would keep, over its ties to cause and outcome."""

from __future__ import annotations

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
PANEL = (1.75, 1.6)
ROOM = 0.5
COLUMNS = 3
LEVELS = (0.0, 0.25, 0.5, 0.75)
"""Shares of the estimate that a contour joins; at zero the link is gone."""

APART = 0.09
"""Share of an axis that two labels of contours keep between them at the least."""

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
    firsts = _firsts(table)
    strongest = [row for row in (_strongest(table, str(first["name"])) for first in firsts) if row is not None]
    undone = [row for row in strongest if float(row["share"]) <= 0]
    if not strongest:
        title = "How strong a hidden cause would have to be"
    elif len(undone) > 1:
        title = f"A hidden cause no stronger than a measured one would undo {len(undone)} of {len(firsts)} links"
    elif undone:
        title = f"A hidden cause as strong as {undone[0]['benchmark']} would undo {undone[0]['name']}"
    else:
        title = "No hidden cause as strong as a measured one would undo a link"
    subtitle = (
        "Share of each link that a hidden cause would leave, over what it explains of the rest of cause and outcome. "
        "Dashed: nothing left. Dots: measured covariates, the strongest filled and named. "
        f"RV: strength, equal on both sides, that leaves nothing{'; heavy frame: the weakest' * (len(firsts) > 1)}."
    )
    told = "; ".join(
        f"{first['name']} robustness value {_value(first)}{_near(_strongest(table, str(first['name'])), ', ')}"
        for first in firsts
    )
    weakest = f" The weakest link is {_weakest(firsts)['name']}." if len(firsts) > 1 else ""
    alt = f"Strength of a hidden cause, link by link from the bottom. {title}.{weakest} {told}."
    return Heading(title, subtitle, alt)


def _value(row: Row) -> str:
    return decimal_text(float(row["robustness_value"]), 2)


def _near(strongest: Row | None, before: str = "") -> str:
    """What a hidden cause as strong as the strongest measured one would leave."""
    if strongest is None:
        return ""
    share = float(strongest["share"])
    return f"{before}{strongest['benchmark']}: {f'{decimal_text(100 * share, 0)} %' if share > 0 else 'nothing'} left"


def _weakest(firsts: list[Row]) -> Row:
    """The link that the weakest hidden cause would undo."""
    return min(firsts, key=lambda row: float(row["robustness_value"]))


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
    step = PANEL[1] + style.HEAD + ROOM
    figure, _ = style.sheet(heading, lines * step + 0.08)
    weakest = _weakest(firsts)["name"]
    for index, first in enumerate(firsts):
        line, column = divmod(index, COLUMNS)
        bottom = 0.46 + (lines - 1 - line) * step
        axes = style.panel(figure, 0.62 + column * (PANEL[0] + 0.45), bottom, *PANEL)
        _draw_link(axes, table, first)
        if len(firsts) > 1 and first["name"] == weakest:
            style.frame(axes)
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
    _label_contours(axes, value, reach)
    strongest = _strongest(table, str(first["name"]))
    for row in mine:
        is_strongest = strongest is not None and row["benchmark"] == strongest["benchmark"]
        face = style.BLUE if is_strongest else style.PAPER
        axes.plot(
            [row["r2_cause"]],
            [row["r2_outcome"]],
            marker="o",
            markersize=5 if is_strongest else 3.6,
            color=style.BLUE,
            markerfacecolor=face,
            markeredgewidth=0.9,
            clip_on=False,
            zorder=6 if is_strongest else 5,
        )
    said = f"RV {_value(first)}{_near(strongest, '; ')}"
    style.name_panel(axes, str(first["name"]), said, PANEL[0] + 0.3)
    axes.set(xlim=(0, reach), ylim=(0, reach))
    axes.locator_params(nbins=4, prune="upper")
    axes.tick_params(labelsize=7)


def _label_contours(axes: Axes, value: float, reach: float) -> None:
    """What each contour leaves, just above it at the right edge; those that come too near another are left out."""
    f = value / np.sqrt(1 - value)
    last = reach * APART / 2
    for level in sorted(LEVELS[1:], reverse=True):
        y = (f * (1 - level)) ** 2 * (1 - reach) / reach
        if y < last or y > 0.9 * reach:
            continue
        x, text = reach * 0.985, f"{100 * level:.0f} %"
        axes.text(x, y + 0.012 * reach, text, fontsize=6.5, color=style.QUIET, ha="right", va="bottom")
        last = y + reach * APART
