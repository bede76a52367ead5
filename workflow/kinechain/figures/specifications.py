"""The specification curve: each link under every admissible choice, the declared one marked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from kinechain.figures import style
from kinechain.figures.style import Heading, records
from kinechain.results import Results
from kinechain.rounding import decimal_text
from kinechain.tables import publishable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CHECK = "specifications"
PANEL = (1.9, 1.35)
COLUMNS = 3


def specifications_table(results: Results) -> pd.DataFrame:
    """The check of specifications for the links of the chain, each with its name, by rank."""
    table = results.check_of_links(CHECK)
    if table.empty:
        return pd.DataFrame()
    table["declared"] = [str(value) == "True" for value in table["main"]]
    return publishable(table.sort_values(["place", "rank"], kind="stable").reset_index(drop=True))


def describe_specifications(table: pd.DataFrame) -> Heading:
    """Title, subtitle and alternative text from the numbers."""
    told, hang = [], []
    for name in dict.fromkeys(str(name) for name in table["name"]):
        mine = [row for row in records(table) if row["name"] == name]
        values = [float(row["estimate"]) for row in mine]
        ends = f"{decimal_text(min(values), 2)} to {decimal_text(max(values), 2)}"
        told.append(f"{name} {ends} in {len(mine)} specifications")
        if len({(row["low"] > 0, row["high"] < 0) for row in mine}) > 1:
            hang.append(name)
    title = (
        f"Whether these stand clear of zero hangs on the choice: {', '.join(hang)}"
        if hang
        else "No admissible choice changes which links stand clear of zero"
    )
    subtitle = (
        "Every admissible set of covariates, measure and treatment of gaps, by size, with intervals; "
        "◆ the declared choice."
    )
    return Heading(title, subtitle, f"Specification curve. {title}. {'; '.join(told)}.")


@style.styled
def draw_specifications(table: pd.DataFrame, heading: Heading) -> Figure:
    """Draw a panel a link, all on the same axis."""
    names = list(dict.fromkeys(str(name) for name in table["name"]))
    lines = -(-len(names) // COLUMNS)
    figure, _ = style.sheet(heading, lines * (PANEL[1] + 0.58) + 0.1)
    low, high = float(table["low"].min()), float(table["high"].max())
    for index, name in enumerate(names):
        line, column = divmod(index, COLUMNS)
        axes = style.panel(
            figure, 0.62 + column * (PANEL[0] + 0.25), 0.44 + (lines - 1 - line) * (PANEL[1] + 0.58), *PANEL
        )
        axes.axhline(0, color=style.QUIET, linewidth=0.9)
        mine = [row for row in records(table) if row["name"] == name]
        for row in mine:
            clear = row["low"] > 0 or row["high"] < 0
            colour = style.VERMILION if row["declared"] else style.BLUE if clear else style.QUIET
            axes.plot([row["rank"]] * 2, [row["low"], row["high"]], color=colour, linewidth=1.0)
            axes.plot(
                [row["rank"]],
                [row["estimate"]],
                marker="D" if row["declared"] else "o",
                color=colour,
                markersize=6 if row["declared"] else 3,
                zorder=4 if row["declared"] else 3,
            )
        axes.set_title(name, loc="left", fontweight="bold", pad=3, fontsize=8)
        axes.set(ylim=(min(low, 0) - 0.03, max(high, 0) + 0.03), xticks=[], xlim=(-0.2, len(mine) + 1.2))
        axes.set_xlabel(f"{len(mine)} specifications", fontsize=7.5)
        axes.tick_params(labelsize=7)
        if column:
            axes.set_yticklabels([])
        else:
            axes.set_ylabel("SD per SD", fontsize=7.5)
    return figure
