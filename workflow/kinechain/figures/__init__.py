"""Pictures of a study: each file has the numbers, the words and the drawing of one figure.

Compute, then draw: `<name>_table(results)` gives the numbers, `describe_<name>(table)` the words,
`draw_<name>(table, heading)` the picture. Nothing here touches disk or estimates anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kinechain.figures import (
    body,
    claims,
    consort,
    contours,
    contrasts,
    correlations,
    distributions,
    forest,
    missingness,
    path_diagram,
    residuals,
    rivals,
    sensitivity,
    specifications,
    style,
    trajectories,
    waterfall,
    ways,
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
    draw_plain  the same without colour, for print; None where shape, dash and text already carry everything
    """

    label: str
    table: Callable[[Results], pd.DataFrame]
    describe: Callable[[pd.DataFrame], Heading]
    draw: Callable[[pd.DataFrame, Heading], Figure]
    absent: str
    draw_plain: Callable[[pd.DataFrame, Heading], Figure] | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """One drawn figure: its words, its numbers and its bytes.

    png        empty until `draw_pictures` has made it from the svg
    plain_svg  the drawing without colour; empty when the figure needs none
    """

    name: str
    label: str
    heading: Heading
    table: pd.DataFrame
    svg: bytes
    png: bytes = b""
    plain_svg: bytes = b""


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
        path_diagram.draw_path_diagram_plain,
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
        "This cohort is a table of means and correlations: it has no rows of people, so nothing can be missing.",
    ),
    "residuals": FigureKind(
        "Residuals",
        residuals.residuals_table,
        residuals.describe_residuals,
        residuals.draw_residuals,
        "There are too few people, or none, to look at residuals without looking at single ones.",
    ),
    "rivals": FigureKind(
        "Rivals",
        rivals.rivals_table,
        rivals.describe_rivals,
        rivals.draw_rivals,
        "No second model of the chain's constructs was fitted to this cohort, so there are no rivals to draw.",
    ),
    "contours": FigureKind(
        "Strength of a hidden cause",
        contours.contours_table,
        contours.describe_contours,
        contours.draw_contours,
        "How much of each link a hidden cause of a given strength would leave was not computed for this cohort.",
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
    "consort": FigureKind(
        "Flow of people",
        consort.consort_table,
        consort.describe_consort,
        consort.draw_consort,
        "This cohort has no arms, so there is no flow of people by arm.",
    ),
    "trajectories": FigureKind(
        "Trajectories",
        trajectories.trajectories_table,
        trajectories.describe_trajectories,
        trajectories.draw_trajectories,
        "This cohort has no arms followed over visits, so there are no trajectories.",
    ),
    "contrasts": FigureKind(
        "Contrasts between arms",
        contrasts.contrasts_table,
        contrasts.describe_contrasts,
        contrasts.draw_contrasts,
        "This cohort has no arms to compare.",
    ),
    "ways": FigureKind(
        "Ways from treatment to outcome",
        ways.ways_table,
        ways.describe_ways,
        ways.draw_ways,
        "This trial did not measure the mediators and the outcome that its plan names, so no way is followed.",
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
    drawings = [draw(table, heading) for draw in (kind.draw, kind.draw_plain) if draw is not None]
    if results.cohort.synthetic:
        for drawing in drawings:
            style.mark_synthetic(drawing)
        heading = Heading(heading.title, heading.subtitle, f"{heading.alt} The data are synthetic.")
    svg, *plain = (style.svg_bytes(drawing) for drawing in drawings)
    return Picture(name, kind.label, heading, table, svg, plain_svg=b"".join(plain))


def draw_pictures(results: Results) -> dict[str, Picture]:
    """Every figure the cohort has numbers for, in reading order, as svg and as png."""
    drawn = [picture for name in FIGURES if (picture := draw_picture(name, results)) is not None]
    pngs = style.pngs_of([picture.svg for picture in drawn])
    return {picture.name: replace(picture, png=png) for picture, png in zip(drawn, pngs, strict=True)}
