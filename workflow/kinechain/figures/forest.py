"""Effects on one axis of SD units, the smallest effect of interest shaded, the expected direction to the right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from kinechain.figures import style
from kinechain.figures.path_diagram import few_names
from kinechain.figures.style import Heading, Row, records
from kinechain.results import Results, arrows, path_name
from kinechain.rounding import decimal_text, is_number
from kinechain.tables import publishable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW = 0.235
"""Inches a row."""


def forest_table(results: Results) -> pd.DataFrame:
    """Standardised effects of the main model: links of the chain, shortcuts, then totals and products.

    group     link, shortcut or whole
    name      how it is called for people
    estimate, low, high  in SD of the outcome per SD of the cause; level its coverage; sesoi the bound of interest
    """
    found = results.effects_of(results.main_model).set_index("effect")
    sesoi = sesoi_of_paths(results)
    rows = []

    def take(group: str, effect: str, name: str) -> None:
        if effect not in found.index:
            return
        row = found.loc[[effect]].iloc[0]
        if is_number(row["standardised"]) and is_number(row["standardised_low"]):
            rows.append(
                {
                    "group": group,
                    "effect": effect,
                    "name": name,
                    "estimate": row["standardised"],
                    "low": row["standardised_low"],
                    "high": row["standardised_high"],
                    "level": row["level"],
                    "sesoi": sesoi,
                }
            )

    for x, y in results.edges:
        take("link", path_name(x, y), arrows(results.short(x), results.short(y)))
    for i, x in enumerate(results.chain):
        for y in results.chain[i + 2 :]:
            take("shortcut", path_name(x, y), arrows(results.short(x), results.short(y)))
    for x, y in _ends(results):
        take("whole", f"total_indirect:{x}->{y}", f"{arrows(results.short(x), results.short(y))}, all indirect")
        take("whole", f"indirect:{'->'.join(results.chain)}", "whole chain, link by link")
        take("whole", f"total:{x}->{y}", f"{arrows(results.short(x), results.short(y))}, total")
    columns = ["group", "effect", "name", "estimate", "low", "high", "level", "sesoi"]
    return publishable(pd.DataFrame(rows, columns=columns))


def _ends(results: Results) -> list[tuple[str, str]]:
    return [(results.chain[0], results.chain[-1])] if len(results.chain) > 2 else []


def sesoi_of_paths(results: Results) -> float | None:
    """Smallest effect of interest of a standardised path, as the verdicts of the links used it."""
    links = {path_name(x, y) for x, y in results.edges}
    for claim in results.claims:
        if claim.get("effect") in links and is_number(claim.get("sesoi")):
            return float(claim["sesoi"])
    return None


def describe_forest(table: pd.DataFrame) -> Heading:
    """Title, subtitle and alternative text from the numbers."""
    links = [row for row in records(table) if row["group"] == "link"]
    clear = [row for row in links if row["low"] > 0]
    against = [str(row["name"]) for row in links if row["high"] < 0]
    bound: Any = table["sesoi"].iloc[0] if len(table) else None
    if against:
        title = f"{few_names(against)} {'points' if len(against) == 1 else 'point'} against the chain"
    elif links and len(clear) == len(links):
        title = "The one link points the way the chain says" if len(links) == 1 else "All links point as the chain says"
    elif not clear:
        title = "No link stands clear of zero in the claimed direction"
    else:
        named = f": {few_names([str(row['name']) for row in clear])}" if len(clear) < 3 else ""
        title = f"{len(clear)} of {len(links)} links stand{'s' if len(clear) == 1 else ''} clear of zero{named}"
    level = f"{100 * float(table['level'].iloc[0]):.0f} %" if len(table) else ""
    band = ""
    if is_number(bound):
        band = f" Shaded: within ±{decimal_text(float(bound), 2)}, declared in config as too small to matter."
    subtitle = (
        f"SD of the outcome per SD of the cause, {level} intervals; bottom to top along the body; right is the claimed "
        f"direction; hollow where the interval covers zero.{band}"
    )
    told = "; ".join(f"{row['name']} {row_text(row)}" for row in records(table))
    return Heading(title, subtitle, f"Forest of effects. {title}.{band} {told}.")


def row_text(row: Row) -> str:
    """Estimate and interval as printed beside the row; tiny products keep the digits they need."""
    spread = float(row["high"]) - float(row["low"])
    decimals = 2 if spread >= 0.02 else 3 if spread >= 0.004 else 4
    value, low, high = (decimal_text(float(row[key]), decimals) for key in ("estimate", "low", "high"))
    return f"{value} [{low}, {high}]" if low != high else f"within ±{10**-decimals:.{decimals}f}"


GROUPS = {"link": "Links of the chain", "shortcut": "Paths that skip a link", "whole": "From bottom to top"}
"""Groups of rows from the top of the picture down; within a group the body runs bottom to top."""

NAMES, BARS = 2.6, 2.8
"""Inches: room for the names, width of the drawing."""


@style.styled
def draw_forest(table: pd.DataFrame, heading: Heading) -> Figure:
    """Draw one row an effect, groups below each other, within a group the bottom of the body at the bottom."""
    groups = [group for group in GROUPS if (table["group"] == group).any()]
    lines = len(table) + 1.35 * len(groups)
    figure, _ = style.sheet(heading, lines * ROW + 0.57)
    axes = style.panel(figure, NAMES, 0.5, BARS, lines * ROW)
    bound = table["sesoi"].iloc[0] if len(table) else None
    if bound is not None and is_number(bound):
        axes.axvspan(-float(bound), float(bound), color=style.BAND, linewidth=0, zorder=0)
    axes.axvline(0, color=style.QUIET, linewidth=0.9, zorder=1)
    y = lines
    for group in groups:
        y -= 0.85
        _beside(axes, GROUPS[group], y, -72 * NAMES + 7, fontweight="bold")
        y -= 0.5
        for row in reversed(records(table[table["group"] == group])):
            y -= 0.5
            _draw_row(axes, row, y)
            y -= 0.5
    reach = max(0.3, 1.08 * float(table[["low", "high"]].abs().to_numpy().max())) if len(table) else 1.0
    axes.set(xlim=(-min(reach, max(0.15, 1.15 * -float(table["low"].min()))), reach), ylim=(0, lines), yticks=[])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("standardised effect (SD per SD), as claimed →")
    return figure


def _beside(axes: Axes, text: str, y: float, points: float, *, at: float = 0, **look: Any) -> None:
    """Text beside the axes at the height of a row, so many points from their left (0) or right (1) edge."""
    shown: dict[str, Any] = {"fontsize": 8.5, "va": "center"} | look
    axes.annotate(
        text, (at, y), xytext=(points, 0), xycoords=("axes fraction", "data"), textcoords="offset points", **shown
    )


def _draw_row(axes: Axes, row: Row, y: float) -> None:
    clear = style.is_clear(row)
    colour = style.BLUE if row["low"] > 0 else style.VERMILION if row["high"] < 0 else style.QUIET
    axes.plot([row["low"], row["high"]], [y, y], color=colour, linewidth=1.6, solid_capstyle="butt")
    axes.plot(
        [row["estimate"]],
        [y],
        marker="o" if clear else "D",
        markersize=5.5 if clear else 4.6,
        color=colour,
        markerfacecolor=colour if clear else style.PAPER,
        markeredgewidth=1.3,
    )
    _beside(axes, style.one_line(str(row["name"]), NAMES - 0.25, 8.5), y, -72 * NAMES + 13)
    _beside(axes, row_text(row), y, 8, at=1, fontsize=8, color=style.INK if clear else style.QUIET)
