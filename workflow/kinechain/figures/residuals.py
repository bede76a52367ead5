"""Binned residuals of each equation of the main model: a curve or a funnel means that a straight line is not enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from kinechain.figures import style
from kinechain.figures.style import Heading, Row, records
from kinechain.results import Results
from kinechain.rounding import is_number
from kinechain.tables import publishable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BINS = 12
FEWEST = 15
"""Bins of one equation, and people in a bin at the least: means of fewer would come near single people."""

PANEL = (1.95, 1.35)
ROOM = 0.5
COLUMNS = 3


def residuals_table(results: Results) -> pd.DataFrame:
    """Mean residual by bins of the fitted value, in SD of the outcome, for every equation of a construct of the chain.

    outcome, name  the equation; fitted, residual  means in the bin, in SD; error  standard error of the mean; n in it
    People with a missing value in the equation are left out, as in the fit.
    """
    people = results.cohort.people
    if people is None or not results.main_model:
        return pd.DataFrame()
    mine = results.effects_of(results.main_model)
    rows: list[dict[str, object]] = []
    for outcome in results.chain[1:]:
        paths = {
            str(row["rhs"]): float(row["estimate"])
            for row in records(mine)
            if row["kind"] == "path" and row["lhs"] == outcome and is_number(row["estimate"])
        }
        names = [outcome, *paths]
        if not paths or not set(names) <= set(people.columns):
            continue
        data = people[names].dropna().to_numpy(dtype=float)
        if len(data) >= 2 * FEWEST:
            rows += [
                {"outcome": outcome, "name": results.short(outcome), "hue": results.hue(outcome)} | found
                for found in binned(data[:, 0], data[:, 1:] @ np.array(list(paths.values())))
            ]
    return publishable(pd.DataFrame(rows))


def binned(y: np.ndarray, fitted: np.ndarray) -> list[dict[str, object]]:
    """Means of residuals in equally filled bins of the fitted value, in SD of the outcome.

    y, fitted  (n,)  both are centred first, so that an intercept does not matter
    """
    spread = y.std()
    fitted = (fitted - fitted.mean()) / spread
    residual = (y - y.mean()) / spread - fitted
    bins = np.array_split(np.argsort(fitted, kind="stable"), max(2, min(BINS, len(y) // FEWEST)))
    return [
        {
            "fitted": float(fitted[chosen].mean()),
            "residual": float(residual[chosen].mean()),
            "error": float(residual[chosen].std(ddof=1) / np.sqrt(len(chosen))),
            "n": float(len(chosen)),
        }
        for chosen in bins
    ]


def describe_residuals(table: pd.DataFrame) -> Heading:
    """Title, subtitle and alternative text from the numbers."""
    names = list(dict.fromkeys(str(name) for name in table["name"]))
    beyond = [abs(float(row["residual"])) > 2 * float(row["error"]) for row in records(table)]
    owners = [str(row["name"]) for row in records(table)]
    far = {name: sum(it for it, owner in zip(beyond, owners, strict=True) if owner == name) for name in names}
    bins = {name: owners.count(name) for name in names}
    bent = [name for name in names if far[name] > max(2, 0.25 * bins[name])]
    title = (
        f"A straight line is not enough for {' and '.join(bent)}"
        if bent
        else "No equation bends away from its straight line"
    )
    subtitle = (
        "Mean residual by bins of the fitted value, in SD of the outcome, with two standard errors; hollow where they "
        "reach zero. A good fit stays near zero, without a curve; a few of many bins lie beyond by chance."
    )
    told = "; ".join(f"{name}: {far[name]} of {bins[name]} bins beyond two standard errors" for name in names)
    return Heading(title, subtitle, f"Binned residuals, from the bottom of the body up. {title}. {told}.")


@style.styled
def draw_residuals(table: pd.DataFrame, heading: Heading) -> Figure:
    """Draw a panel an equation."""
    names = list(dict.fromkeys(table["name"]))
    lines = -(-len(names) // COLUMNS)
    step = PANEL[1] + style.HEAD + ROOM
    figure, _ = style.sheet(heading, lines * step + 0.05)
    reach = max(0.3, 1.1 * float((table["residual"].abs() + 2 * table["error"]).max()))
    for index, name in enumerate(names):
        mine = [row for row in records(table) if row["name"] == name]
        line, column = divmod(index, COLUMNS)
        bottom = 0.42 + (lines - 1 - line) * step
        axes = style.panel(figure, 0.62 + column * (PANEL[0] + 0.2), bottom, PANEL[0], PANEL[1])
        _draw_equation(axes, mine, str(name))
        axes.set(ylim=(-reach, reach))
        if column:
            axes.set_yticklabels([])
        else:
            axes.set_ylabel("mean residual (SD)", fontsize=7.5)
        if index + COLUMNS >= len(names):
            axes.set_xlabel("fitted (SD)", fontsize=7.5)
    return figure


def _draw_equation(axes: Axes, rows: list[Row], name: str) -> None:
    colour = style.construct_colour(rows[0]["hue"])
    axes.axhline(0, color=style.QUIET, linewidth=0.9)
    for row in rows:
        middle, reach = float(row["residual"]), 2 * float(row["error"])
        face = colour if abs(middle) > reach else style.PAPER
        axes.plot([row["fitted"]] * 2, [middle - reach, middle + reach], color=colour, linewidth=1)
        axes.plot([row["fitted"]], [middle], marker="o", markersize=4, color=colour, markerfacecolor=face)
    beyond = sum(abs(float(row["residual"])) > 2 * float(row["error"]) for row in rows)
    sizes = sorted({int(row["n"]) for row in rows})
    people = f"{sizes[0]}{f' to {sizes[-1]}' if len(sizes) > 1 else ''}"
    style.name_panel(axes, name, f"{beyond} of {len(rows)} bins beyond, {people} in each", PANEL[0] + 0.1)
    axes.locator_params(axis="x", nbins=4)
    axes.tick_params(labelsize=7)
