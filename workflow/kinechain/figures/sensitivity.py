"""How strong a hidden common cause must be: each link against the correlation it would leave in the errors."""

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

CHECK = "residual_correlation"
PANEL = (1.9, 1.35)
ROOM = 0.5
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
    at = decimal_text(float(weakest["vanishes_at"]), 2)
    open_links = [row for row in firsts if is_number(row["vanishes_low"]) and not _is_clear(row)]
    do = "does" if len(open_links) == 1 else "do"
    title = (
        f"{len(open_links)} of {len(firsts)} links {do} not stand clear of zero even without a hidden cause"
        if open_links
        else f"An error correlation of {at} would undo {weakest['name']}, the weakest link"
        if len(firsts) > 1
        else f"An error correlation of {at} would undo {weakest['name']}"
    )
    subtitle = (
        "Standardised estimate if an unmeasured common cause left this correlation between the errors of cause and "
        "outcome. Dot: as estimated. Dashed: where the link vanishes, with its interval"
        f"{'; heavy frame: the easiest to undo' if len(firsts) > 1 else ''}."
    )
    told = "; ".join(f"{row['name']} {vanishes_text(row)}" for row in firsts)
    return Heading(title, subtitle, f"Sensitivity to a hidden common cause, from the bottom link up. {title}. {told}.")


def _is_clear(row: Row) -> bool:
    """Whether no hidden cause at all is still outside the interval of where the link vanishes."""
    return float(row["vanishes_low"]) > 0 or float(row["vanishes_high"]) < 0


def vanishes_text(row: Row) -> str:
    """Where a link vanishes, with the interval of that place."""
    at = f"vanishes at {decimal_text(float(row['vanishes_at']), 2)}"
    if not is_number(row["vanishes_low"]):
        return at
    low, high = (decimal_text(float(row[what]), 2) for what in ("vanishes_low", "vanishes_high"))
    return f"{at} [{low}, {high}]"


@style.styled
def draw_sensitivity(table: pd.DataFrame, heading: Heading) -> Figure:
    """Draw a panel a link, all on the same axes."""
    firsts = _firsts(table)
    lines = -(-len(firsts) // COLUMNS)
    step = PANEL[1] + style.HEAD + ROOM
    figure, _ = style.sheet(heading, lines * step + 0.08)
    low, high = min(0.0, float(table["estimate"].min())), max(0.0, float(table["estimate"].max()))
    room = 0.06 * (high - low)
    for index, first in enumerate(firsts):
        line, column = divmod(index, COLUMNS)
        bottom = 0.44 + (lines - 1 - line) * step
        axes = style.panel(figure, 0.62 + column * (PANEL[0] + 0.25), bottom, *PANEL)
        _draw_link(axes, table[table["name"] == first["name"]], first)
        axes.set(ylim=(low - room, high + room))
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
        axes.axvspan(float(first["vanishes_low"]), float(first["vanishes_high"]), color=style.BAND, linewidth=0)
    axes.axvline(at, color=style.VERMILION, linewidth=1.2, linestyle=(0, (4, 2)))
    axes.plot(mine["rho"], mine["estimate"], color=style.BLUE, linewidth=1.8)
    rho = mine["rho"].to_numpy(dtype=float)
    estimate = mine["estimate"].to_numpy(dtype=float)
    axes.plot([0], [np.interp(0.0, rho, estimate)], marker="o", markersize=5, color=style.BLUE)
    style.name_panel(axes, str(first["name"]), vanishes_text(first), PANEL[0] + 0.15)
    axes.locator_params(axis="x", nbins=4)
    axes.tick_params(labelsize=7)
    if str(first["weakest"]) == "True":
        style.frame(axes)
