"""What of a treatment's effect passed through the mediators, and what did not: one group of rows an arm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from kinechain.figures import style
from kinechain.figures.style import Heading, Row, records
from kinechain.results import Results
from kinechain.rounding import decimal_text
from kinechain.tables import publishable
from kinechain.trial_words import capital, word

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROW = 0.24
WAYS = {
    "total": "in all",
    "mediated": "by way of the mediators",
    "chain": "along the whole chain",
    "direct": "not by way of the mediators",
}


def ways_table(results: Results) -> pd.DataFrame:
    """Total, mediated and direct effect of each arm on the last outcome, and the product along the whole chain."""
    found = results.checks.get("mediation")
    if found is None or found.empty:
        return pd.DataFrame()
    last = found.loc[found["way"] == "total", "outcome"].iloc[-1]
    chosen = found[(found["outcome"] == last) & found["way"].isin(list(WAYS))]
    rows = [
        {
            "arm": arm,
            "arm_name": capital(word(results, str(arm))),
            "outcome": results.short(str(last)),
            "way": way,
            "name": WAYS[way],
            "estimate": row["estimate"],
            "low": row["low"],
            "high": row["high"],
            "unit": row["unit"],
        }
        for arm in dict.fromkeys(chosen["arm"])
        for way in WAYS
        for row in records(chosen[(chosen["arm"] == arm) & (chosen["way"] == way)])
    ]
    columns = ["arm", "arm_name", "outcome", "way", "name", "estimate", "low", "high", "unit"]
    return publishable(pd.DataFrame(rows, columns=columns))


def describe_ways(table: pd.DataFrame) -> Heading:
    """Title, subtitle and alternative text from the numbers."""
    outcome = str(table["outcome"].iloc[0])
    clear = table[(table["low"] > 0) | (table["high"] < 0)]
    moved = [str(arm) for arm in clear.loc[clear["way"] == "total", "arm"]]
    through = [str(arm) for arm in clear.loc[clear["way"] == "mediated", "arm"] if str(arm) in moved]
    if not moved:
        title = f"The model of the ways shows no total effect of an arm on {outcome}"
    elif through:
        title = f"Of the effect on {outcome}, a part can be followed through the mediators"
    else:
        title = f"An effect on {outcome}, none of it shown to pass through the mediators"
    unit = str(table["unit"].iloc[0])
    subtitle = (
        f"Each arm against control at the last visit given all first values, in {unit}: totals may differ from the "
        "contrasts, which judge. Left of zero is less of the problem; hollow where the interval covers zero. "
        "Only the arms were dealt at random: the ways rest on no hidden common cause of mediator and outcome."
    )
    told = []
    for arm in dict.fromkeys(str(name) for name in table["arm_name"]):
        ways = [f"{row['name']} {row_text(row)}" for row in records(table) if row["arm_name"] == arm]
        told.append(f"{arm}: {'; '.join(ways)}.")
    alt = f"Ways from treatment to outcome, differences from control in {outcome} ({unit}). {title}. {' '.join(told)}"
    return Heading(title, subtitle, alt)


def row_text(row: Row) -> str:
    """Estimate and interval as printed beside the row, all rows to the same digit."""
    value, low, high = (decimal_text(float(row[key]), 2) for key in ("estimate", "low", "high"))
    return f"{value} [{low}, {high}]"


@style.styled
def draw_ways(table: pd.DataFrame, heading: Heading) -> Figure:
    """Draw one row a way, arms below each other."""
    arms = list(dict.fromkeys(str(arm) for arm in table["arm_name"]))
    lines = len(table) + 1.2 * len(arms)
    figure, _ = style.sheet(heading, lines * ROW + 0.6)
    axes = style.panel(figure, 2.6, 0.5, 2.7, lines * ROW)
    axes.axvline(0, color=style.QUIET, linewidth=0.9, zorder=1)
    y = lines
    for arm in arms:
        y -= 0.8
        _beside(axes, arm, y, left=True, weight="bold")
        y -= 0.4
        for row in records(table[table["arm_name"] == arm]):
            y -= 0.5
            clear = style.is_clear(row)
            colour = style.BLUE if clear else style.QUIET
            axes.plot([row["low"], row["high"]], [y, y], color=colour, linewidth=1.6)
            face = colour if clear else style.PAPER
            axes.plot([row["estimate"]], [y], marker="o", markersize=5, color=colour, markerfacecolor=face)
            _beside(axes, str(row["name"]), y, left=True)
            _beside(axes, row_text(row), y, left=False)
            y -= 0.5
    reach = 1.08 * float(table[["low", "high"]].abs().to_numpy().max())
    axes.set(xlim=(-reach, max(0.35 * reach, 1.08 * float(table["high"].max()))), ylim=(0, lines), yticks=[])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(f"difference in {table['outcome'].iloc[0]} ({table['unit'].iloc[0]})")
    return figure


def _beside(axes: object, text: str, y: float, *, left: bool, weight: str = "normal") -> None:
    from matplotlib.axes import Axes

    assert isinstance(axes, Axes)
    axes.annotate(
        text,
        (0 if left else 1, y),
        xycoords=("axes fraction", "data"),
        xytext=(-180 + (9 if weight == "normal" else 0) if left else 8, 0),
        textcoords="offset points",
        va="center",
        fontsize=8.2,
        fontweight=weight,
    )
