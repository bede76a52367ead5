"""Claims at a glance: every claim and rival with its verdict, its tier and, where there is one, its estimate."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pandas as pd

from kinechain.figures import style
from kinechain.figures.style import Heading, Row, records
from kinechain.results import Results
from kinechain.rounding import is_number
from kinechain.tables import claims_table, sign_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GIST = 50
LINE = 0.145


def claims_figure_table(results: Results) -> pd.DataFrame:
    """The published verdicts, those that can be judged first, each group in the order of the ledger of claims."""
    table = claims_table(results)
    judged = table["verdict"] != "not_testable"
    return pd.concat([table[judged], table[~judged]]).reset_index(drop=True)


def describe_claims(table: pd.DataFrame) -> Heading:
    """Title, subtitle and alternative text from the verdicts."""
    counts = {name: int((table["verdict"] == name).sum()) for name in style.VERDICTS}
    said = [f"{counts[name]} {words}" for name, (_, _, words) in style.VERDICTS.items() if counts[name]]
    title = f"Of {len(table)} claims and rivals: {', '.join(said)}"
    subtitle = (
        "Hollow: does not survive the correction for many claims. Right: estimate and interval in SD units, "
        "signed so that right is as claimed; shaded is too small to matter."
    )
    told = "; ".join(
        f"{row['claim']} {style.VERDICTS.get(str(row['verdict']), ('', '', str(row['verdict'])))[2]}"
        for row in records(table)
    )
    return Heading(title, subtitle, f"Verdicts on the claims. {told}.")


@style.styled
def draw_claims(table: pd.DataFrame, heading: Heading) -> Figure:
    """Draw a row a claim."""
    gists = [textwrap.wrap(str(gist or ""), GIST)[:2] or [""] for gist in table["gist"]]
    heights = [max(0.23, LINE * len(lines) + 0.085) for lines in gists]
    total = sum(heights)
    figure, _ = style.sheet(heading, total + 0.55)
    width = style.WIDTH
    axes = style.panel(figure, 0, 0.45, width, total)
    axes.set(xlim=(0, width), ylim=(0, total))
    axes.axis("off")
    plot = style.panel(figure, 5.55, 0.45, 1.4, total)
    _frame_plot(plot, table, total)
    y = total
    for row, lines, height in zip(records(table), gists, heights, strict=True):
        y -= height / 2
        _draw_row(axes, plot, row, lines, y)
        y -= height / 2
        axes.plot([0.1, width - 0.25], [y, y], color="#e6eaee", linewidth=0.6, zorder=0)
    return figure


def _in_sd(row: Row) -> bool:
    """Whether the estimate is in SD units and has an interval, so that it may share the axis."""
    return str(row["scale"]) == "standardised" and is_number(row["estimate"]) and is_number(row["low"])


def _frame_plot(plot: Axes, table: pd.DataFrame, total: float) -> None:
    ends = [abs(float(row[key])) for row in records(table) if _in_sd(row) for key in ("low", "high")]
    reach = max(0.3, 1.1 * max(ends, default=0.3))
    bounds = [float(row["sesoi"]) for row in records(table) if _in_sd(row) and is_number(row["sesoi"])]
    if bounds:
        plot.axvspan(-min(bounds), min(bounds), color="#e8ecf1", linewidth=0, zorder=0)
    plot.axvline(0, color=style.QUIET, linewidth=0.9, zorder=1)
    plot.set(xlim=(-reach, reach), ylim=(0, total), yticks=[])
    plot.spines["left"].set_visible(False)
    plot.patch.set_visible(False)
    plot.set_xlabel("SD units, as claimed →", fontsize=7.5)
    plot.tick_params(labelsize=7)


def _draw_row(axes: Axes, plot: Axes, row: Row, gist: list[str], y: float) -> None:
    marker, colour, words = style.VERDICTS.get(str(row["verdict"]), style.VERDICTS["not_testable"])
    quiet = row["verdict"] == "not_testable"
    ink = style.QUIET if quiet else style.INK
    survives = row["survives_multiplicity"]
    hollow = row["verdict"] == "supported" and survives is not None and not bool(survives)
    fill = style.PAPER if hollow else colour
    axes.text(0.1, y, str(row["claim"]), va="center", fontsize=8, fontweight="bold", color=ink)
    for index, line in enumerate(gist):
        axes.text(0.6, y + LINE * ((len(gist) - 1) / 2 - index), line, va="center", fontsize=7.3, color=ink)
    axes.plot([3.87], [y], marker=marker, markersize=6.5, color=colour, markerfacecolor=fill, markeredgewidth=1.4)
    axes.text(4.02, y, words, va="center", fontsize=7.5, color=ink)
    axes.text(5.32, y, str(row["tier"] or ""), va="center", ha="center", fontsize=7, color=style.QUIET)
    if _in_sd(row):
        sign = -1.0 if sign_of(row["sign"]) < 0 else 1.0
        plot.plot([sign * row["low"], sign * row["high"]], [y, y], color=colour, linewidth=1.5, solid_capstyle="butt")
        plot.plot([sign * row["estimate"]], [y], marker=marker, markersize=4.6, color=colour, markerfacecolor=fill)
