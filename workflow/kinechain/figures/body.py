"""The measured angles on the side view of a standing person: the cohort's mean, with one SD to both sides."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kinechain.figures import style
from kinechain.figures.style import Heading, Row, records
from kinechain.results import Results, lowered
from kinechain.rounding import is_number, number_text
from kinechain.tables import publishable, told_n

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SCALE = 0.058
"""Inches for one per cent of body height."""

MIDDLE = 3.0
GAP = 7.5
LABEL = 19.0
"""Inches from the left to the body's axis; per cent of height between two labels, and from the axis to a label."""

SKIN, EDGE, BONE = "#f0f2f5", "#b9c2cc", "#a9b4bf"


def body_table(results: Results) -> pd.DataFrame:
    """Points of the outline and the angles that this cohort measured, from config and the codebook.

    kind outline, line or limb: curve, x, y; a limb is the part of the body that its measure turns, drawn at rest
    kind angle: measure, label, unit, mean, sd, n, hue (of its construct), and where it is drawn
    """
    places = results.schematic.get("places") or {}
    rows: list[dict[str, Any]] = []
    limbs: list[tuple[str, Any]] = []
    for row in results.quality.get("codebook", ()):
        place = places.get(row["measure"])
        if place is None or not is_number(row.get("mean")) or not is_number(row.get("sd")):
            continue
        construct = str(row.get("construct") or "")
        n, at_least = (
            told_n(results, int(row["n"]), construct, str(row["measure"])) if is_number(row.get("n")) else (None, False)
        )
        limbs.append((str(row["measure"]), place.get("limb") or ()))
        rows.append(
            {
                "kind": "angle",
                "measure": row["measure"],
                "construct": row.get("construct"),
                "hue": results.hue(construct),
                "label": str(row.get("label") or row["measure"]),
                "unit": str(row.get("unit") or ""),
                "mean": row["mean"],
                "sd": row["sd"],
                "n": n,
                "at_least": at_least,
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
    rows += _points("outline", enumerate(results.schematic.get("outline", ())))
    rows += _points("line", enumerate(results.schematic.get("lines", ())))
    for measure, limb in limbs:
        rows += [point | {"measure": measure} for point in _points("limb", [(0, limb)])]
    return publishable(pd.DataFrame(rows))


def _points(kind: str, curves: Iterable[tuple[int, Any]]) -> list[dict[str, Any]]:
    return [{"kind": kind, "curve": number, "x": float(x), "y": float(y)} for number, curve in curves for x, y in curve]


def describe_body(table: pd.DataFrame) -> Heading:
    """Title, subtitle and alternative text from the numbers."""
    angles = sorted((row for row in records(table) if row["kind"] == "angle"), key=lambda row: float(row["text_y"]))
    most, least = (pick(angles, key=lambda row: float(row["sd"])) for pick in (max, min))
    title = (
        f"People differ most in {lowered(most['label'])}, SD {spread_text(most)}, "
        f"and least in {lowered(least['label'])}, SD {spread_text(least)}"
        if float(most["sd"]) > float(least["sd"])
        else f"{angles[0]['label']}: {value_text(angles[0])}"
    )
    told = style.people_text(angles)
    people = f" {told}." if told else ""
    turned = "A pale limb is turned to the mean. " if (table["kind"] == "limb").any() else ""
    subtitle = (
        "Solid line: mean of each measured angle in its clinical direction; fan: one SD to both sides; dashed: the "
        f"line it is measured from. {turned}A drawing, not a scan.{people}"
    )
    told = "; ".join(f"{row['label']} {value_text(row)}" for row in angles)
    alt = f"Side view of a standing person with each angle where it is measured, mean ± SD, from the feet up. {told}."
    return Heading(title, subtitle, f"{alt} {title}.")


def spread_text(row: Row) -> str:
    """SD of an angle with its unit, as printed."""
    return f"{number_text(float(format(float(row['sd']), '.2g')))}{style.unit_text(row['unit'])}"


def value_text(row: Row) -> str:
    """Mean and SD of an angle as printed."""
    mean = number_text(float(format(float(row["mean"]), ".3g")))
    return f"{mean}{style.unit_text(row['unit'])} ± {spread_text(row)}"


@style.styled
def draw_body(table: pd.DataFrame, heading: Heading) -> Figure:
    """Draw the outline, then each angle with its label beside the body."""
    height = 104 * SCALE
    figure, _ = style.sheet(heading, height + 0.1)
    axes = style.panel(figure, 0, 0.06, style.WIDTH, height)
    axes.set(xlim=(-MIDDLE / SCALE, (style.WIDTH - MIDDLE) / SCALE), ylim=(-1, 103), aspect="equal")
    axes.axis("off")
    angles = [row for row in records(table) if row["kind"] == "angle"]
    for row in angles:
        limb = table[(table["kind"] == "limb") & (table["measure"] == row["measure"])]
        if len(limb):
            _draw_limb(axes, row, limb[["x", "y"]].to_numpy(dtype=float))
    for (kind, _), curve in table[table["kind"].isin(["outline", "line"])].groupby(["kind", "curve"], sort=False):
        points = smooth(curve[["x", "y"]].to_numpy(dtype=float), closed=kind == "outline")
        if kind == "outline":
            axes.fill(*points.T, facecolor=SKIN, edgecolor=EDGE, linewidth=1.2, zorder=2, joinstyle="round")
        else:
            beads = (0, (0.85, 0.28))
            axes.plot(*points.T, color=BONE, linewidth=5, linestyle=beads, dash_capstyle="butt", zorder=3)
    heights = label_heights(angles)
    for row in angles:
        _draw_angle(axes, row, style.construct_colour(row["hue"]), heights[str(row["measure"])])
    return figure


def _draw_limb(axes: Axes, row: Row, rest: np.ndarray) -> None:
    """The part of the body that a measure turns, at its mean: behind the body, so that only what moves is seen."""
    colour = style.construct_colour(row["hue"])
    at = np.array([row["x"], row["y"]], dtype=float)
    angle = np.radians(float(row["turn"]) * float(row["mean"]))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    points = smooth((rest - at) @ turn + at, closed=True)
    axes.fill(*points.T, facecolor=(colour, 0.1), edgecolor=(colour, 0.45), zorder=1)


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
    is_open = float(row["turn"]) == 0
    for ray in (first, last) if is_open else (last,):
        axes.add_artist(Wedge(at, arm, ray - spread, ray + spread, facecolor=colour, alpha=0.2, linewidth=0, zorder=4))
    dash = "solid" if is_open else (0, (3, 2))
    axes.plot(
        [at[0], ends[0][0]],
        [at[1], ends[0][1]],
        color=colour,
        linewidth=2.0 if is_open else 1.3,
        linestyle=dash,
        zorder=5,
    )
    axes.plot([at[0], ends[1][0]], [at[1], ends[1][1]], color=colour, linewidth=2.0, zorder=5)
    low, high = sorted((first, last))
    axes.add_artist(Arc(at, arm, arm, theta1=low, theta2=high, color=colour, linewidth=1.3, zorder=5))
    side = 1 if row["side"] == "right" else -1
    middle = np.radians((first + last) / 2)
    start = at if is_open else (at[0] + 0.5 * arm * np.cos(middle), at[1] + 0.5 * arm * np.sin(middle))
    edge = side * (LABEL - 0.9)
    axes.plot([start[0], edge], [start[1], height], color=style.QUIET, linewidth=0.6, zorder=6)
    axes.plot([edge, edge], [height - 2.6, height + 2.6], color=colour, linewidth=2.4, zorder=6)
    where = "left" if side > 0 else "right"
    text = style.block(str(row["label"]), 1.8, 8, 2)
    axes.text(side * LABEL, height + 0.2, text, ha=where, va="bottom", fontsize=8, linespacing=1.1)
    axes.text(side * LABEL, height - 1.6, value_text(row), ha=where, va="center", fontsize=9, fontweight="bold")
