"""How strong a hidden common cause must be: each link against the correlation it would leave in the errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from kinechain.figures import style
from kinechain.figures.style import Heading, Row, records
from kinechain.results import Results
from kinechain.rounding import decimal_text, is_number
from kinechain.tables import publishable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CHECK = "residual_correlation"
PANEL = (1.9, 1.35)
COLUMNS = 3


def sensitivity_table(results: Results) -> pd.DataFrame:
    """The check of residual correlation for the links of the chain, each with its name."""
    table = results.check_of_links(CHECK)
    if table.empty:
        return pd.DataFrame()
    return publishable(table.sort_values(["place", "rho"], kind="stable").reset_index(drop=True))


def _firsts(table: pd.DataFrame) -> list[Row]:
    """One row a link, in order."""
    seen: dict[str, Row] = {}
    for row in records(table):
        seen.setdefault(str(row["name"]), row)
    return list(seen.values())


def describe_sensitivity(table: pd.DataFrame) -> Heading:
    """Title, subtitle and alternative text from the numbers."""
    firsts = _firsts(table)
    weakest = next((row for row in firsts if row["weakest"] is True or str(row["weakest"]) == "True"), firsts[0])
    title = f"The link easiest to undo: {weakest['name']}"
    subtitle = (
        "Standardised estimate if an unmeasured common cause left this correlation between the "
        "errors of cause and outcome. "
        "Line: where the link vanishes, with its interval; the easiest to undo has the heavy frame."
    )
    told = "; ".join(f"{row['name']} vanishes at {decimal_text(float(row['vanishes_at']), 2)}" for row in firsts)
    return Heading(title, subtitle, f"Sensitivity to a hidden common cause. {told}.")


@style.styled
def draw_sensitivity(table: pd.DataFrame, heading: Heading) -> Figure:
    """Draw a panel a link, all on the same axes."""
    firsts = _firsts(table)
    lines = -(-len(firsts) // COLUMNS)
    figure, _ = style.sheet(heading, lines * (PANEL[1] + 0.58) + 0.1)
    reach = 1.08 * float(table["estimate"].abs().max())
    for index, first in enumerate(firsts):
        line, column = divmod(index, COLUMNS)
        bottom = 0.44 + (lines - 1 - line) * (PANEL[1] + 0.58)
        axes = style.panel(figure, 0.62 + column * (PANEL[0] + 0.25), bottom, *PANEL)
        _draw_link(axes, table[table["name"] == first["name"]], first)
        axes.set(ylim=(-reach, reach))
        if column:
            axes.set_yticklabels([])
        else:
            axes.set_ylabel("estimate (SD per SD)", fontsize=7.5)
        if index + COLUMNS >= len(firsts):
            axes.set_xlabel("error correlation", fontsize=7.5)
    return figure


def _draw_link(axes: Axes, mine: pd.DataFrame, first: Row) -> None:
    axes.axhline(0, color=style.QUIET, linewidth=0.9)
    at = float(first["vanishes_at"])
    if is_number(first["vanishes_low"]):
        axes.axvspan(float(first["vanishes_low"]), float(first["vanishes_high"]), color="#e8ecf1", linewidth=0)
    axes.axvline(at, color=style.VERMILION, linewidth=1.2, linestyle=(0, (4, 2)))
    axes.plot(mine["rho"], mine["estimate"], color=style.BLUE, linewidth=1.8)
    axes.set_title(str(first["name"]), loc="left", fontweight="bold", pad=3, fontsize=8)
    box = {"facecolor": style.PAPER, "edgecolor": "none", "pad": 1.0}
    axes.text(
        0.97,
        0.94,
        decimal_text(at, 2),
        transform=axes.transAxes,
        ha="right",
        va="top",
        fontsize=8,
        color=style.VERMILION,
        bbox=box,
    )
    axes.locator_params(axis="x", nbins=4)
    axes.tick_params(labelsize=7)
    if str(first["weakest"]) == "True":
        for spine in axes.spines.values():
            spine.set(visible=True, linewidth=1.8, edgecolor=style.INK)
