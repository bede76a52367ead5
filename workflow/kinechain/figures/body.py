"""The measured angles on the side view of a standing person: the cohort's mean, with one SD to both sides."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kinechain.figures import style
from kinechain.figures.style import Heading, Row, records
from kinechain.results import Results
from kinechain.rounding import is_number, number_text
from kinechain.tables import publishable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SCALE = 0.058
"""Inches for one per cent of body height."""

MIDDLE = 3.55
GAP = 7.0
LABEL = 19.0
"""Inches from the left to the body's axis; per cent of height between two labels, and from the axis to a label."""


def body_table(results: Results) -> pd.DataFrame:
    """Points of the outline and the angles that this cohort measured, from config and the codebook.

    kind outline or line: curve, x, y.  kind angle: measure, label, unit, mean, sd, n, and where it is drawn
    """
    places = results.schematic.get("places") or {}
    rows: list[dict[str, Any]] = []
    for row in results.quality.get("codebook", ()):
        place = places.get(row["measure"])
        if place is None or not is_number(row.get("mean")) or not is_number(row.get("sd")):
            continue
        rows.append(
            {
                "kind": "angle",
                "measure": row["measure"],
                "construct": row.get("construct"),
                "chain": results.chain.index(row["construct"]) if row.get("construct") in results.chain else None,
                "label": str(row.get("label") or row["measure"]),
                "unit": str(row.get("unit") or ""),
                "mean": row["mean"],
                "sd": row["sd"],
                "x": float(place["at"][0]),
                "y": float(place["at"][1]),
                "zero": float(place["zero"]),
                "turn": float(place.get("turn", 0)),
                "arm": float(place["arm"]),
                "side": str(place["side"]),
                "text_y": float(place["label"]),
            }
        )
    if not rows:
        return pd.DataFrame()
    for kind, curves in (
        ("outline", results.schematic.get("outline", ())),
        ("line", results.schematic.get("lines", ())),
    ):
        for number, curve in enumerate(curves):
            rows += [{"kind": kind, "curve": number, "x": float(x), "y": float(y)} for x, y in curve]
    return publishable(pd.DataFrame(rows))


def describe_body(table: pd.DataFrame) -> Heading:
    """Title, subtitle and alternative text from the numbers."""
    angles = [row for row in records(table) if row["kind"] == "angle"]
    subtitle = (
        "Mean of each measured angle with one SD to both sides, in its clinical direction. "
        "Dashed: the line it is measured from. A drawing, not a scan."
    )
    told = "; ".join(f"{row['label']} {value_text(row)}" for row in angles)
    return Heading("What was measured, where", subtitle, f"Side view of a person with the measured angles. {told}.")


def value_text(row: Row) -> str:
    """Mean and SD of an angle as printed."""
    unit = {"deg": "°"}.get(str(row["unit"]), f" {row['unit']}")
    mean, spread = (
        number_text(float(format(float(row[what]), digits))) for what, digits in (("mean", ".3g"), ("sd", ".2g"))
    )
    return f"{mean}{unit} ± {spread}"


@style.styled
def draw_body(table: pd.DataFrame, heading: Heading) -> Figure:
    """Draw the outline, then each angle with its label beside the body."""
    height = 104 * SCALE
    figure, _ = style.sheet(heading, height + 0.1)
    axes = style.panel(figure, 0, 0.06, style.WIDTH, height)
    axes.set(xlim=(-MIDDLE / SCALE, (style.WIDTH - MIDDLE) / SCALE), ylim=(-1, 103), aspect="equal")
    axes.axis("off")
    for (kind, _), curve in table[table["kind"] != "angle"].groupby(["kind", "curve"], sort=False):
        points = smooth(curve[["x", "y"]].to_numpy(dtype=float), closed=kind == "outline")
        if kind == "outline":
            axes.fill(points[:, 0], points[:, 1], facecolor="#eef1f4", edgecolor=style.FAINT, linewidth=1.4)
        else:
            axes.plot(points[:, 0], points[:, 1], color=style.FAINT, linewidth=5, solid_capstyle="round")
    angles = [row for row in records(table) if row["kind"] == "angle"]
    heights = label_heights(angles)
    for row in angles:
        is_link = is_number(row["chain"])
        colour = style.CONSTRUCT_COLOURS[int(row["chain"]) % len(style.CONSTRUCT_COLOURS)] if is_link else style.QUIET
        _draw_angle(axes, row, colour, heights[str(row["measure"])])
    return figure


def smooth(points: np.ndarray, *, closed: bool) -> np.ndarray:
    """A curve through points (m, 2), 8 steps a piece: uniform Catmull-Rom."""
    around = np.vstack([points[-1], points, points[:2]]) if closed else np.vstack([points[0], points, points[-1]])
    t = np.linspace(0, 1, 8, endpoint=False)[:, None]
    pieces = []
    for a, b, c, d in zip(around[:-3], around[1:-2], around[2:-1], around[3:], strict=True):
        pieces.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    return np.vstack([*pieces, points[:1] if closed else points[-1:]])


def label_heights(angles: list[Row]) -> dict[str, float]:
    """Heights of the labels, moved up just enough that no two on one side come closer than `GAP`."""
    heights: dict[str, float] = {}
    for side in ("left", "right"):
        below = -GAP
        for row in sorted((row for row in angles if row["side"] == side), key=lambda row: float(row["text_y"])):
            below = max(float(row["text_y"]), below + GAP)
            heights[str(row["measure"])] = below
    return heights


def _rays(row: Row) -> tuple[float, float, float]:
    """Directions (degrees) of the reference line and of the measured one, and the half-width of one SD."""
    mean, zero = float(row["mean"]), float(row["zero"])
    if float(row["turn"]) == 0:
        return zero - mean / 2, zero + mean / 2, float(row["sd"]) / 2
    return zero, zero + float(row["turn"]) * mean, float(row["sd"])


def _draw_angle(axes: Axes, row: Row, colour: str, height: float) -> None:
    from matplotlib.patches import Arc, Wedge

    at, arm = (float(row["x"]), float(row["y"])), float(row["arm"])
    first, last, spread = _rays(row)
    ends = [
        (at[0] + arm * np.cos(np.radians(angle)), at[1] + arm * np.sin(np.radians(angle))) for angle in (first, last)
    ]
    axes.add_patch(Wedge(at, arm, last - spread, last + spread, facecolor=colour, alpha=0.22, linewidth=0))
    is_open = float(row["turn"]) == 0
    axes.plot(
        [at[0], ends[0][0]],
        [at[1], ends[0][1]],
        color=colour,
        linewidth=1.4,
        linestyle="solid" if is_open else (0, (3, 2)),
    )
    axes.plot([at[0], ends[1][0]], [at[1], ends[1][1]], color=colour, linewidth=2.0)
    low, high = sorted((first, last))
    axes.add_patch(Arc(at, arm, arm, theta1=low, theta2=high, color=colour, linewidth=1.4))
    side = 1 if row["side"] == "right" else -1
    middle = np.radians((first + last) / 2)
    start = (at[0] + 0.5 * arm * np.cos(middle), at[1] + 0.5 * arm * np.sin(middle))
    axes.plot([start[0], side * (LABEL - 0.8)], [start[1], height], color=style.QUIET, linewidth=0.6)
    where = "left" if side > 0 else "right"
    lines = textwrap.wrap(str(row["label"]), 28)[:2]
    axes.text(side * LABEL, height + 0.1, "\n".join(lines), ha=where, va="bottom", fontsize=8, linespacing=1.1)
    axes.text(
        side * LABEL,
        height - 1.4,
        value_text(row),
        ha=where,
        va="center",
        fontsize=8.5,
        fontweight="bold",
        color=colour,
    )
