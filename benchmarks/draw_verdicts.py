"""Draw the verdict study: benchmarks/results/verdicts.csv as docs/verdicts.svg.

.venv/bin/python -m benchmarks.draw_verdicts
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from kinechain.figures.style import FAINT, INK, VERDICTS, svg_bytes
from kinechain.io import read_table, write_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = 3


def draw_verdicts(table: pd.DataFrame) -> Figure:
    """A panel a truth: claims down, sizes across, each cell split by how often each verdict fell.

    table  as `benchmarks.verdicts.run` makes it
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    rows = table[table["reading"] == "declared"]
    sizes = sorted(set(rows["n"]))
    truths = list(dict.fromkeys(rows["truth"]))
    height = -(-len(truths) // COLUMNS)
    figure = Figure(figsize=(11, 3.6 * height + 0.8), layout="constrained")
    panels = figure.subplots(height, COLUMNS, squeeze=False)
    for panel in panels.flat[len(truths) :]:
        panel.set_axis_off()
    for panel, truth in zip(panels.flat, truths, strict=False):
        part = rows[rows["truth"] == truth]
        claims = list(dict.fromkeys(part["claim"]))
        for _, row in part.iterrows():
            start = sizes.index(row["n"]) + 0.04
            for verdict, (_, colour, _) in VERDICTS.items():
                width = 0.92 * row[verdict]
                if width > 0:
                    panel.barh(claims.index(row["claim"]), width, left=start, height=0.86, color=colour, linewidth=0)
                start += width
        false = set(part.loc[part["is_false"], "claim"])
        panel.set_title(str(truth).replace("_", " "), color=INK, loc="left", fontsize=9)
        panel.set_yticks(
            range(len(claims)), [f"{claim} ×" if claim in false else claim for claim in claims], fontsize=6
        )
        panel.set_xticks([at + 0.5 for at in range(len(sizes))], [f"{size:,}" for size in sizes], fontsize=7)
        panel.set_xlim(0, len(sizes))
        panel.set_ylim(len(claims) - 0.5, -0.5)
        panel.tick_params(length=0)
        for spine in panel.spines.values():
            spine.set_edgecolor(FAINT)
    figure.legend(
        handles=[Patch(color=colour, label=words) for _, colour, words in VERDICTS.values()],
        loc="outside lower center",
        ncols=len(VERDICTS),
        frameon=False,
        fontsize=8,
        title="Share of synthetic cohorts, by people in the cohort; × marks a claim that is false by construction",
        title_fontsize=8,
    )
    return figure


def main() -> None:
    """Read the table, write the picture."""
    table = read_table(ROOT / "benchmarks" / "results" / "verdicts.csv")
    write_bytes(svg_bytes(draw_verdicts(table)), ROOT / "docs" / "verdicts.svg")


if __name__ == "__main__":
    main()
