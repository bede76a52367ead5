"""Every model of the chain as a small drawing: what each lets act on what, and how it compares with the chain."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from kinechain.figures import style
from kinechain.figures.style import Heading, Row, records
from kinechain.results import Results
from kinechain.rounding import decimal_text, is_number
from kinechain.tables import publishable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 5
PITCH = 0.25
HEAD = 0.56
GUTTER = 0.72
"""Inches: between two constructs of a small drawing, above it for its title, left of each line for the constructs."""

COLUMNS_OF_TABLE = ["model", "title", "start", "end", "from", "to", "estimate", "low", "high", "bic_difference", "role"]


def rivals_table(results: Results) -> pd.DataFrame:
    """Standardised paths between constructs of the chain in every model, one row an edge.

    start, end      place in the chain, 0 at the bottom; a path may run either way
    bic_difference  BIC minus that of the chain; empty where the two models do not have the same variables and people
    role            the rival a model stands for, when its file names one; `chain` for the chain itself
    """
    place = {name: index for index, name in enumerate(results.chain)}
    chain = str(results.report_options.get("chain_model", results.main_model))
    rows: list[dict[str, Any]] = []
    for model in results.fits:
        described = results.models.get(model)
        if not described:
            continue
        found = results.effects_of(model)
        paths = found[(found["kind"] == "path") & found["lhs"].isin(place) & found["rhs"].isin(place)]
        shared = {
            "model": model,
            "title": str(described.get("title") or model),
            "bic_difference": bic_difference(results.fits, model, chain),
            "role": "chain" if model == chain else str(described.get("compare") or ""),
        }
        drawn = [
            shared
            | {
                "start": place[str(row["rhs"])],
                "end": place[str(row["lhs"])],
                "from": results.short(str(row["rhs"])),
                "to": results.short(str(row["lhs"])),
                "estimate": row["standardised"],
                "low": row["standardised_low"],
                "high": row["standardised_high"],
            }
            for row in paths.to_dict("records")
        ]
        rows += drawn or [shared]
    table = pd.DataFrame(rows, columns=COLUMNS_OF_TABLE)
    return publishable(table) if table["model"].nunique() > 1 and table["start"].notna().any() else pd.DataFrame()


def bic_difference(fits: Mapping[str, Mapping[str, Any]], model: str, chain: str) -> float | None:
    """BIC of a model minus that of the chain; None unless both describe the same variables of the same people."""
    if model not in fits or chain not in fits or model == chain:
        return None
    ours, theirs = fits[model], fits[chain]
    told = [(it.get("fit_measures") or {}).get("bic") for it in (ours, theirs)]
    values = [float(bic) for bic in told if bic is not None and is_number(bic)]
    if len(values) < 2 or ours.get("n_obs") != theirs.get("n_obs"):
        return None
    if _variables(ours) != _variables(theirs):
        return None
    return values[0] - values[1]


def _variables(fit: Mapping[str, Any]) -> set[str]:
    """Names of the variables a fit describes."""
    rows = [row for row in fit.get("parameters") or () if row.get("op") in ("~", "~~", "~1")]
    return {str(row[side]) for row in rows for side in ("lhs", "rhs") if row.get(side)}


def describe_rivals(table: pd.DataFrame) -> Heading:
    """Title, subtitle and alternative text from the numbers."""
    models = _models(table)
    better = [
        rows[0] for rows in models if is_number(rows[0]["bic_difference"]) and float(rows[0]["bic_difference"]) < 0
    ]
    compared = [rows[0] for rows in models if is_number(rows[0]["bic_difference"])]
    if not compared:
        title = f"{len(models)} models of the same chain"
    elif not better:
        title = "No model of the same variables has a lower BIC than the chain"
    else:
        best = min(better, key=lambda row: float(row["bic_difference"]))
        title = f"Lower BIC than the chain: {best['title']}"
    subtitle = (
        "Dots are the constructs, bottom to top; a line is a path, wider when stronger, dashed where its interval "
        "covers zero. BIC against the chain, where both describe the same variables."
    )
    told = "; ".join(f"{rows[0]['title']}: {bic_text(rows[0])}" for rows in models)
    return Heading(title, subtitle, f"Models as small drawings. {title}. {told}.")


def bic_text(row: Row) -> str:
    """What is printed under a drawing."""
    if row["role"] == "chain":
        return "the chain itself"
    if not is_number(row["bic_difference"]):
        return "other variables"
    difference = float(row["bic_difference"])
    return f"BIC {'+' if difference >= 0 else ''}{decimal_text(difference, 1)}"


def _models(table: pd.DataFrame) -> list[list[Row]]:
    """Rows of each model, in the table's order."""
    groups: dict[str, list[Row]] = {}
    for row in records(table):
        groups.setdefault(str(row["model"]), []).append(row)
    return list(groups.values())


@style.styled
def draw_rivals(table: pd.DataFrame, heading: Heading) -> Figure:
    """Draw a small diagram a model."""
    models = _models(table)
    nodes = int(table[["start", "end"]].astype(float).max().max()) + 1
    cell = (nodes - 1) * PITCH + HEAD + 0.46
    lines = -(-len(models) // COLUMNS)
    figure, _ = style.sheet(heading, lines * cell + 0.1)
    width = (style.WIDTH - GUTTER - 0.3) / COLUMNS
    names = _names(table)
    for index, rows in enumerate(models):
        line, column = divmod(index, COLUMNS)
        bottom = 0.05 + (lines - 1 - line) * cell
        axes = style.panel(figure, GUTTER + column * width, bottom, width, cell)
        axes.set(xlim=(0, width), ylim=(0, cell))
        axes.axis("off")
        title = textwrap.wrap(str(rows[0]["title"]), 21)[:4]
        axes.text(0, cell - 0.04, "\n".join(title), fontsize=7, fontweight="bold", va="top", linespacing=1.1)
        axes.text(0, 0.08, bic_text(rows[0]), fontsize=7.5, color=style.QUIET, va="center")
        _draw_model(axes, rows, nodes, width * 0.3)
        if column == 0:
            for place, name in names.items():
                text = "\n".join(textwrap.wrap(name, 11, max_lines=2, placeholder="…"))
                axes.text(
                    -0.04, level(place), text, fontsize=6.5, color=style.QUIET, ha="right", va="center", linespacing=1.0
                )
    return figure


def level(place: float) -> float:
    """Height of a construct in its drawing, inches."""
    return 0.26 + place * PITCH


def _names(table: pd.DataFrame) -> dict[int, str]:
    """Short names of the constructs by their place."""
    ends = {int(float(row["end"])): str(row["to"]) for row in records(table) if is_number(row["end"])}
    return ends | {int(float(row["start"])): str(row["from"]) for row in records(table) if is_number(row["start"])}


def _draw_model(axes: Axes, rows: list[Row], nodes: int, x: float) -> None:
    from matplotlib.patches import FancyArrowPatch

    for row in rows:
        if not is_number(row["start"]) or not is_number(row["estimate"]) or float(row["estimate"]) == 0:
            continue  # no path, or one that the model holds at zero
        start, end = int(float(row["start"])), int(float(row["end"]))
        clear = is_number(row["low"]) and (float(row["low"]) > 0 or float(row["high"]) < 0)
        colour = (style.BLUE if float(row["estimate"]) > 0 else style.VERMILION) if clear else style.QUIET
        bend = 0.0 if abs(end - start) == 1 else (0.5 if end > start else -0.5)
        axes.add_patch(
            FancyArrowPatch(
                (x, level(start)),
                (x, level(end)),
                arrowstyle="-|>,head_width=0.1,head_length=0.16",
                mutation_scale=12,
                connectionstyle=f"arc3,rad={bend}",
                shrinkA=4.5,
                shrinkB=4.5,
                linewidth=0.6 + 5.0 * min(1.0, abs(float(row["estimate"]))) * (0.6 if bend else 1.0),
                linestyle="solid" if clear else (0, (3, 2)),
                color=colour,
                zorder=2 if clear else 1,
            )
        )
    for place in range(nodes):
        colour = style.CONSTRUCT_COLOURS[place % len(style.CONSTRUCT_COLOURS)]
        axes.plot([x], [level(place)], marker="o", markersize=6, color=colour, zorder=4)
