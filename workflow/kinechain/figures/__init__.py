"""Pictures of a study: each file has the numbers, the words and the drawing of one figure.

Compute, then draw: `<name>_table(results)` gives the numbers, `describe_<name>(table)` the words,
`draw_<name>(table, heading)` the picture. Nothing here touches disk or estimates anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kinechain.figures import (
    body,
    claims,
    correlations,
    distributions,
    forest,
    missingness,
    path_diagram,
    residuals,
    sensitivity,
    specifications,
    style,
    trajectories,
    waterfall,
)
from kinechain.figures.style import Heading
from kinechain.results import Results

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class FigureKind:
    """How one figure is made.

    label     what the figure is called in the contents
    table     its numbers
    describe  its title, subtitle and alternative text, from the numbers
    draw      the picture, from the numbers and the words
    absent    the sentence that stands in its place when there are no numbers
    """

    label: str
    table: Callable[[Results], pd.DataFrame]
    describe: Callable[[pd.DataFrame], Heading]
    draw: Callable[[pd.DataFrame, Heading], Figure]
    absent: str


@dataclass(frozen=True, slots=True)
class Picture:
    """One drawn figure: its words, its numbers and its bytes."""

    name: str
    label: str
    heading: Heading
    table: pd.DataFrame
    svg: bytes
    png: bytes


FIGURES: dict[str, FigureKind] = {
    "claims_at_a_glance": FigureKind(
        "Claims at a glance",
        claims.claims_figure_table,
        claims.describe_claims,
        claims.draw_claims,
        "No claim was asked of this cohort, so there is no picture of verdicts.",
    ),
    "path_diagram": FigureKind(
        "The chain",
        path_diagram.path_diagram_table,
        path_diagram.describe_path_diagram,
        path_diagram.draw_path_diagram,
        "No model with paths between the chain's constructs was fitted to this cohort, so there is no diagram.",
    ),
    "waterfall": FigureKind(
        "Where the effect goes",
        waterfall.waterfall_table,
        waterfall.describe_waterfall,
        waterfall.draw_waterfall,
        "The chain measured here is too short for an effect to be followed link by link.",
    ),
    "forest": FigureKind(
        "Effects",
        forest.forest_table,
        forest.describe_forest,
        forest.draw_forest,
        "No standardised effect with an interval was estimated in this cohort, so there is no forest of effects.",
    ),
    "body": FigureKind(
        "The body",
        body.body_table,
        body.describe_body,
        body.draw_body,
        "No angle of this cohort has a place on the drawing of the body.",
    ),
    "distributions": FigureKind(
        "Distributions",
        distributions.distributions_table,
        distributions.describe_distributions,
        distributions.draw_distributions,
        "There are too few people, or none, to show how the measures are spread without showing single ones.",
    ),
    "correlations": FigureKind(
        "Correlations",
        correlations.correlation_figure_table,
        correlations.describe_correlations,
        correlations.draw_correlations,
        "Fewer than two constructs of the chain were measured in this cohort, so there are no correlations to draw.",
    ),
    "missingness": FigureKind(
        "Missing values",
        missingness.missingness_figure_table,
        missingness.describe_missingness,
        missingness.draw_missingness,
        "This cohort is a published table of means and correlations: it has no people, so nothing can be missing.",
    ),
    "residuals": FigureKind(
        "Residuals",
        residuals.residuals_table,
        residuals.describe_residuals,
        residuals.draw_residuals,
        "There are too few people, or none, to look at residuals without looking at single ones.",
    ),
    "sensitivity": FigureKind(
        "Hidden common causes",
        sensitivity.sensitivity_table,
        sensitivity.describe_sensitivity,
        sensitivity.draw_sensitivity,
        "How strong an unmeasured common cause would have to be was not computed for this cohort.",
    ),
    "specification_curve": FigureKind(
        "Specification curve",
        specifications.specifications_table,
        specifications.describe_specifications,
        specifications.draw_specifications,
        "The links were not estimated under other choices of covariates, measures and missing values.",
    ),
    "trajectories": FigureKind(
        "Trajectories",
        trajectories.trajectories_table,
        trajectories.describe_trajectories,
        trajectories.draw_trajectories,
        "This cohort has no arms followed over visits, so there are no trajectories.",
    ),
}
"""Every figure of a cohort's report, in reading order."""


def draw_picture(name: str, results: Results) -> Picture | None:
    """One figure as words, numbers and bytes; None when the cohort has no numbers for it."""
    kind = FIGURES[name]
    table = kind.table(results)
    if table.empty:
        return None
    heading = kind.describe(table)
    figure = kind.draw(table, heading)
    if results.cohort.synthetic:
        style.mark_synthetic(figure)
        heading = Heading(heading.title, heading.subtitle, f"{heading.alt} The data are synthetic.")
    return Picture(name, kind.label, heading, table, style.svg_bytes(figure), style.png_bytes(figure))
