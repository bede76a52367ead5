"""How near a synthetic twin comes to real people, beside how near they come to one another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kinechain.figures import style
from kinechain.figures.style import Heading

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def describe_nearest(table: pd.DataFrame, label: str) -> Heading:
    """What the figure says; `label` tells what a twin is for and stands in its title."""
    middle = table.iloc[(table["share"] - 0.5).abs().argmin()]
    said = f"half of the twin's rows lie within {middle['twin_to_real']:.2f} standard deviations of a real person"
    among = f"half of the real people within {middle['real_to_real']:.2f} of another"
    return Heading(
        f"Synthetic twin, {label}",
        "Distance to the nearest real person over all variables; the 5 % nearest and the 5 % furthest are left out",
        f"Two curves: {said}, {among}.",
    )


@style.styled
def draw_nearest(table: pd.DataFrame, heading: Heading) -> Figure:
    """Two distributions of distances.

    table  share, real_to_real, twin_to_real
    """
    figure, _ = style.sheet(heading, 2.9)
    axes = style.panel(figure, 0.7, 0.55, 5.3, 2.2)
    for column, colour, words in (
        ("real_to_real", style.QUIET, "real people to one another"),
        ("twin_to_real", style.BLUE, "the twin's rows to real people"),
    ):
        axes.plot(table[column], table["share"], color=colour, linewidth=1.8, label=words)
    axes.set_xlabel("distance to the nearest real person, standard deviations")
    axes.set_ylabel("share that lies nearer")
    axes.set_ylim(0, 1)
    axes.legend(loc="upper left", fontsize=8.5)
    style.mark_synthetic(figure)
    return figure
