"""Effects on one axis of SD units, the smallest effect of interest shaded, the expected direction to the right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from kinechain.figures import style
from kinechain.figures.style import Heading, Row, records
from kinechain.results import Results, path_name
from kinechain.rounding import decimal_text, is_number
from kinechain.tables import publishable

if TYPE_CHECKING:
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
        take("link", path_name(x, y), f"{results.short(x)} → {results.short(y)}")
    for i, x in enumerate(results.chain):
        for y in results.chain[i + 2 :]:
            take("shortcut", path_name(x, y), f"{results.short(x)} → {results.short(y)}")
    for x, y in _ends(results):
        take("whole", f"total_indirect:{x}->{y}", f"{results.short(x)} → {results.short(y)}, all indirect")
        take("whole", f"indirect:{'->'.join(results.chain)}", "whole chain, link by link")
        take("whole", f"total:{x}->{y}", f"{results.short(x)} → {results.short(y)}, total")
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
    links = table[table["group"] == "link"]
    beyond = links[links["low"] > 0]
    bound = table["sesoi"].iloc[0] if len(table) else None
    title = (
        f"{'The one link points' if len(links) == 1 else 'All links point'} the way the chain says"
        if len(links) and len(beyond) == len(links)
        else "No link stands clear of zero in the claimed direction"
        if beyond.empty
        else "Some links stand clear of zero, others do not"
    )
    level = f"{100 * float(table['level'].iloc[0]):.0f} %" if len(table) else ""
    band = " Shaded: too small to matter, as declared beforehand." if is_number(bound) else ""
    subtitle = f"SD of the outcome per SD of the cause, {level} intervals; right is the claimed direction.{band}"
    told = "; ".join(f"{row['name']} {row_text(row)}" for row in records(table))
    return Heading(title, subtitle, f"Forest of effects. {title}. {told}.")


def row_text(row: Row) -> str:
    """Estimate and interval as printed beside the row; tiny products keep the digits they need."""
    spread = float(row["high"]) - float(row["low"])
    decimals = 2 if spread >= 0.02 else 3 if spread >= 0.004 else 4
    value, low, high = (decimal_text(float(row[key]), decimals) for key in ("estimate", "low", "high"))
    return f"{value} [{low}, {high}]"


GROUPS = {"link": "Links of the chain", "shortcut": "Paths that skip a link", "whole": "From bottom to top"}


@style.styled
def draw_forest(table: pd.DataFrame, heading: Heading) -> Figure:
    """Draw one row an effect, groups below each other."""
    groups = [group for group in GROUPS if (table["group"] == group).any()]
    lines = len(table) + 1.35 * len(groups)
    height = lines * ROW + 0.62
    figure, _ = style.sheet(heading, height)
    axes = style.panel(figure, 2.85, 0.5, 2.55, lines * ROW + 0.05)
    bound = table["sesoi"].iloc[0] if len(table) else None
    if bound is not None and is_number(bound):
        axes.axvspan(-float(bound), float(bound), color="#e8ecf1", linewidth=0, zorder=0)
    axes.axvline(0, color=style.QUIET, linewidth=0.9, zorder=1)
    y = lines
    for group in groups:
        y -= 0.85
        axes.annotate(
            GROUPS[group],
            (0, y),
            xycoords=("axes fraction", "data"),
            xytext=(-196, 0),
            textcoords="offset points",
            va="center",
            fontweight="bold",
            fontsize=8.5,
        )
        y -= 0.5
        for row in records(table[table["group"] == group]):
            y -= 0.5
            _draw_row(axes, row, y)
            y -= 0.5
    reach = max(0.3, 1.08 * float(table[["low", "high"]].abs().to_numpy().max())) if len(table) else 1.0
    axes.set(xlim=(-min(reach, max(0.15, 1.15 * -float(table["low"].min()))), reach), ylim=(0, lines), yticks=[])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("standardised effect (SD per SD)")
    return figure


def _draw_row(axes: object, row: Row, y: float) -> None:
    from matplotlib.axes import Axes

    assert isinstance(axes, Axes)
    clear = row["low"] > 0 or row["high"] < 0
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
    axes.annotate(
        str(row["name"]),
        (0, y),
        xycoords=("axes fraction", "data"),
        xytext=(-190, 0),
        textcoords="offset points",
        va="center",
        fontsize=8.5,
    )
    axes.annotate(
        row_text(row),
        (1, y),
        xycoords=("axes fraction", "data"),
        xytext=(8, 0),
        textcoords="offset points",
        va="center",
        fontsize=8,
        color=style.INK if clear else style.QUIET,
    )
