"""How each measure of the chain is distributed: a cloud and a box, never a single person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from kinechain.figures import style
from kinechain.figures.style import Heading, records
from kinechain.results import Results
from kinechain.rounding import number_text
from kinechain.tables import publishable, told_n

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEWEST = 40
"""People below which a cloud is not drawn: its tails would be single people."""

NO_BREAK = "\N{NO-BREAK SPACE}"
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
POINTS = 61
ROW = 0.62
NAMES = 1.95
"""Inches: a cloud with its box, and the names beside it."""


def distributions_table(results: Results) -> pd.DataFrame:
    """Density and quantiles of the chain's measures, in clinical direction and unit.

    One row a point: measure, label, unit, what (density, quantile or typical), x, value, n, at_least. Densities are
    Gaussian kernel estimates (Scott's bandwidth) between the 5th and the 95th percentile: no smallest or largest value
    is shown. A typical row holds the mean (x) and SD (value) that others found, who they were, and its source.
    """
    people = results.cohort.people
    if people is None:
        return pd.DataFrame()
    codebook = {str(row["measure"]): row for row in results.quality.get("codebook", ())}
    rows: list[dict[str, object]] = []
    for construct in results.chain:
        measure = str(results.cohort.constructs.get(construct, construct))
        column = measure if measure in people else construct
        values = people[column].dropna().to_numpy(dtype=float)
        if len(values) < FEWEST or values.std() == 0:
            continue
        label = str(codebook.get(measure, {}).get("label") or results.label(construct))
        unit = str(codebook.get(measure, {}).get("unit") or results.cohort.units.get(measure, ""))
        n, at_least = told_n(results, len(values), construct, measure)
        shared = {
            "measure": measure,
            "label": label,
            "unit": unit,
            "n": n,
            "at_least": at_least,
            "place": results.chain.index(construct),
            "hue": results.hue(construct),
        }
        quantiles = np.quantile(values, QUANTILES)
        rows += [shared | {"what": "quantile", "x": q, "value": v} for q, v in zip(QUANTILES, quantiles, strict=True)]
        grid = np.linspace(quantiles[0], quantiles[-1], POINTS)
        rows += [
            shared | {"what": "density", "x": x, "value": v} for x, v in zip(grid, density(values, grid), strict=True)
        ]
        others = results.typical.get(measure)
        if others:
            source = str(others.get("source") or "no source on record")
            told = {"what": "typical", "x": others["mean"], "value": others["sd"], "source": source}
            rows.append(shared | told | {"people": str(others.get("people") or "others")})
    return publishable(pd.DataFrame(rows))


def density(values: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Gaussian kernel density with Scott's bandwidth.

    values (n,), grid (m,), returns (m,) per unit of the values. Scott (1992), Multivariate Density Estimation.
    """
    width = values.std(ddof=1) * len(values) ** (-1 / 5)
    z = (grid[:, None] - values[None, :]) / width
    kernels: np.ndarray = np.exp(-0.5 * z**2).mean(axis=1) / (width * np.sqrt(2 * np.pi))
    return kernels


def describe_distributions(table: pd.DataFrame) -> Heading:
    """Title, subtitle and alternative text from the numbers."""
    told = []
    for measure in dict.fromkeys(table["measure"]):
        mine = table[table["measure"] == measure]
        middle = mine[(mine["what"] == "quantile")].set_index("x")["value"]
        first = records(mine)[0]
        others = typical_text(mine)
        told.append(
            f"{first['label']} median {number_text(middle[0.5])}{style.unit_text(first['unit'])}, middle half "
            f"{number_text(middle[0.25])} to {number_text(middle[0.75])}, {style.people_text([first])}"
            f"{f', {others}' if others else ''}"
        )
    away = far_from_typical(table)
    compared = len(at_large(table))
    title = "How the measures of the chain are spread"
    if compared:
        title = (
            f"{' and '.join(away)} {'lies' if len(away) == 1 else 'lie'} more than one SD from what others found"
            if away
            else f"All {compared} measures with a published mean lie within one SD of it"
        )
    subtitle = (
        "Clouds and lines from the 5th to the 95th percentile; box: middle half and median. "
        f"{'Grey: mean ± SD that others found. ' if compared else ''}"
        "Clinical direction and unit, bottom of the body below."
    )
    alt = f"Distributions of the chain's measures, from the bottom of the body up. {title}. {'; '.join(told)}."
    return Heading(title, subtitle, alt)


def typical_text(mine: pd.DataFrame) -> str:
    """What others found for a measure, in words; empty when nothing is on record."""
    found = ""
    for row in records(mine[mine["what"] == "typical"]):
        spread = f"{number_text(row['x'])} ± {number_text(row['value'])}{style.unit_text(row['unit'])}"
        found = f"{row['people']} {spread.replace(' ', NO_BREAK)}"
    return found


def at_large(table: pd.DataFrame) -> pd.DataFrame:
    """Published means of people at large, from whom others may lie far; those of a special group only stand beside."""
    typical = table[table["what"] == "typical"]
    return typical[typical["people"] == "others"] if len(typical) else typical


def far_from_typical(table: pd.DataFrame) -> list[str]:
    """Labels of the measures whose median lies more than one published SD from the published mean."""
    found = []
    for measure in dict.fromkeys(table["measure"]):
        mine = table[table["measure"] == measure]
        median = float(mine[(mine["what"] == "quantile") & (mine["x"] == 0.5)]["value"].iloc[0])
        for row in records(at_large(mine)):
            if abs(median - float(row["x"])) > float(row["value"]):
                found.append(str(row["label"]))
    return found


@style.styled
def draw_distributions(table: pd.DataFrame, heading: Heading) -> Figure:
    """Draw a small panel a measure, bottom of the chain below."""
    measures = list(dict.fromkeys(table["measure"]))
    figure, _ = style.sheet(heading, len(measures) * (ROW + 0.3) + 0.02)
    for index, measure in enumerate(measures):
        mine = table[table["measure"] == measure]
        axes = style.panel(figure, NAMES + 0.25, 0.27 + index * (ROW + 0.3), style.WIDTH - NAMES - 0.6, ROW)
        _draw_cloud(axes, mine)
        _label(axes, mine)
    return figure


def _draw_cloud(axes: Axes, mine: pd.DataFrame) -> None:
    first = records(mine)[0]
    colour = style.construct_colour(first["hue"])
    cloud = mine[mine["what"] == "density"]
    height = cloud["value"] / cloud["value"].max()
    axes.fill_between(cloud["x"], 0.42, 0.42 + 0.58 * height, color=colour, alpha=0.55, linewidth=0)
    low, quarter, half, three, high = mine[mine["what"] == "quantile"].sort_values("x")["value"]
    axes.plot([low, high], [0.2, 0.2], color=style.INK, linewidth=1.0)
    axes.barh(
        0.2, three - quarter, left=quarter, height=0.2, color=style.PAPER, edgecolor=style.INK, linewidth=1.1, zorder=3
    )
    axes.plot([half, half], [0.1, 0.3], color=style.INK, linewidth=2.0, zorder=4)
    for row in records(mine[mine["what"] == "typical"]):
        middle, spread = float(row["x"]), float(row["value"])
        axes.axvspan(middle - spread, middle + spread, color=style.BAND, linewidth=0, zorder=0)
        axes.axvline(middle, color=style.QUIET, linewidth=0.9, linestyle=(0, (3, 2)), zorder=1)
    axes.set(ylim=(0, 1.02), yticks=[])
    axes.margins(x=0.04)
    axes.locator_params(axis="x", nbins=6)
    axes.tick_params(labelsize=7, pad=1.5, length=2.5)
    axes.spines["left"].set_visible(False)


def _label(axes: Axes, mine: pd.DataFrame) -> None:
    """Name, n and what others found, above each other left of the cloud."""
    first = records(mine)[0]
    unit = style.unit_name(first["unit"])
    small = [f"{f'{unit}, ' if unit else ''}{style.people_text([first])}", typical_text(mine)]
    lines = [(line, 8.5, style.INK) for line in style.wrapped(str(first["label"]), NAMES, 8.5, 2)]
    lines += [(line, 7.5, style.QUIET) for text in small if text for line in style.wrapped(text, NAMES, 7.5, 2)]
    for place, (line, size, colour) in enumerate(lines):
        axes.annotate(
            line,
            (0, 0.5),
            xycoords="axes fraction",
            xytext=(-72 * (NAMES + 0.15), 11.5 * ((len(lines) - 1) / 2 - place)),
            textcoords="offset points",
            va="center",
            fontsize=size,
            color=colour,
        )
