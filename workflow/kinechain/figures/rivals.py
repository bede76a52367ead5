"""Every model of the chain as a small drawing: what each lets act on what, and how it compares with the chain."""

from __future__ import annotations

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

COLUMNS = 7
PITCH = 0.23
GUTTER = 0.78
LINE = 0.125
"""Inches: between two constructs of a small drawing, left of each line for the constructs, a line of a title."""

ALIKE = 2.0
"""Difference in BIC below which two models cannot be told apart: worth no more than a bare mention.

Raftery (1995), Sociological Methodology 25, 111-163.
"""

SHARES = 0.01
"""Difference in BIC below which two models of the same variables have one and the same likelihood."""

COLUMNS_OF_TABLE = [
    "model",
    "title",
    "start",
    "end",
    "from",
    "to",
    "estimate",
    "low",
    "high",
    "bic_difference",
    "role",
    "from_hue",
    "to_hue",
    "same_as",
]


def rivals_table(results: Results) -> pd.DataFrame:
    """Standardised paths between constructs of the chain in every model, one row an edge.

    start, end      place in the chain, 0 at the bottom; a path may run either way
    bic_difference  BIC minus that of the chain; empty where the two models do not have the same variables and people
    role            the rival a model stands for, when its file names one; `chain` for the chain itself
    same_as         title of a model with other paths but the same variables, people and BIC; empty without one
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
            "same_as": _same_as(results, model),
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
                "from_hue": results.hue(str(row["rhs"])),
                "to_hue": results.hue(str(row["lhs"])),
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


def _same_as(results: Results, model: str) -> str:
    """Title of the first described model with other paths that no data of these variables could tell from this one."""
    for other in results.fits:
        difference = bic_difference(results.fits, model, other) if results.models.get(other) else None
        if difference is not None and abs(difference) < SHARES and _paths(results, other) != _paths(results, model):
            return str(results.models[other].get("title") or other)
    return ""


def _paths(results: Results, model: str) -> set[str]:
    """Paths of a model between constructs of the chain."""
    found = results.effects_of(model)
    inside = found["lhs"].isin(results.chain) & found["rhs"].isin(results.chain)
    return set(found.loc[(found["kind"] == "path") & inside, "effect"])


def _variables(fit: Mapping[str, Any]) -> set[str]:
    """Names of the variables a fit describes."""
    rows = [row for row in fit.get("parameters") or () if row.get("op") in ("~", "~~", "~1")]
    return {str(row[side]) for row in rows for side in ("lhs", "rhs") if row.get(side)}


def describe_rivals(table: pd.DataFrame) -> Heading:
    """Title, subtitle and alternative text from the numbers."""
    near, far = _groups(table)
    rivals = [rows[0] for rows in near if rows[0]["role"] != "chain"]
    better = [row for row in rivals if float(row["bic_difference"]) < -ALIKE]
    alike = [row for row in rivals if abs(float(row["bic_difference"])) <= ALIKE]
    if better:
        best = min(better, key=lambda row: float(row["bic_difference"]))
        title = f"“{best['title']}” fits better than the chain: {bic_text(best)}"
    elif alike:
        title = f"These data cannot tell the chain from “{alike[0]['title']}”"
    elif rivals:
        nearest = min(rivals, key=lambda row: float(row["bic_difference"]))
        title = "No model of the same variables fits as well as the chain"
        twin = next((rows[0] for rows in far if rows[0]["same_as"]), None)
        title += (
            f"; “{twin['title']}” and “{twin['same_as']}” cannot be told apart"
            if twin
            else f"; the nearest has {bic_text(nearest)}"
        )
    else:
        title = f"{len(near) + len(far)} models of these constructs, none to be compared with the chain by BIC"
    subtitle = (
        "Dots are the constructs, bottom to top; a line is a path, wider when stronger, dashed where its interval "
        "covers zero, red when negative. "
    )
    subtitle += "BIC against the chain's: above zero fits worse." if rivals else "BIC compares only the same variables."
    told = "; ".join(
        f"{rows[0]['title']}: {bic_text(rows[0]) or 'no comparison by BIC'}, {_paths_told(rows)}"
        for rows in [*near, *far]
    )
    return Heading(title, subtitle, f"Models as small drawings, best BIC first. {title}. {told}.")


def _paths_told(rows: list[Row]) -> str:
    """Which paths of a model stand clear of zero, in words."""
    paths = [row for row in rows if is_number(row["start"]) and is_number(row["estimate"]) and row["estimate"] != 0]
    clear = [row for row in paths if is_number(row["low"]) and style.is_clear(row)]
    if not paths:
        return "no path between the constructs"
    return f"{len(clear)} of {len(paths)} paths clear of zero"


def bic_text(row: Row) -> str:
    """What is printed under a drawing."""
    if row["role"] == "chain":
        return "the chain itself"
    if not is_number(row["bic_difference"]):
        return f"same BIC as “{row['same_as']}”: not to be told apart" if row["same_as"] else ""
    difference = float(row["bic_difference"])
    text = f"BIC {'+' if difference >= 0 else ''}{decimal_text(difference, 1)}"
    return f"{text}, not to be told from the chain" if abs(difference) <= ALIKE else text


def _groups(table: pd.DataFrame) -> tuple[list[list[Row]], list[list[Row]]]:
    """Rows of each model: those that share the chain's variables, by BIC, then all others in the table's order."""
    models: dict[str, list[Row]] = {}
    for row in records(table):
        models.setdefault(str(row["model"]), []).append(row)
    compared = [rows for rows in models.values() if is_number(rows[0]["bic_difference"])]
    chain = [rows for rows in models.values() if rows[0]["role"] == "chain"] if compared else []
    near = sorted([*chain, *compared], key=lambda rows: float(rows[0]["bic_difference"] if rows not in chain else 0))
    return near, [rows for rows in models.values() if rows not in near]


@style.styled
def draw_rivals(table: pd.DataFrame, heading: Heading) -> Figure:
    """Draw a small diagram a model: first those that BIC can compare with the chain, then the others."""
    near, far = _groups(table)
    nodes = int(table[["start", "end"]].astype(float).max().max()) + 1
    width = (style.WIDTH - GUTTER - 0.25) / COLUMNS
    tall = (nodes - 1) * PITCH + 0.2
    lines: list[tuple[str, list[list[Row]], int, int]] = []
    for group, words in (
        (near, "Same variables as the chain, best BIC first"),
        (far, "Other variables or other people"),
    ):
        for first in range(0, len(group), COLUMNS):
            cells = group[first : first + COLUMNS]
            most = [
                max(len(_title(rows[0], width)) for rows in cells),
                max(len(_foot(rows[0], width)) for rows in cells),
            ]
            lines.append((words if first == 0 and near else "", cells, most[0], most[1]))
    height = sum(0.3 * bool(words) + LINE * (above + below) + tall + 0.22 for words, _, above, below in lines)
    figure, _ = style.sheet(heading, height + 0.1)
    axes = style.panel(figure, 0, 0, style.WIDTH, height)
    axes.set(xlim=(0, style.WIDTH), ylim=(0, height))
    axes.axis("off")
    hues = {
        int(float(row[end])): row[f"{name}_hue"] for row in records(table) for end, name in ENDS if is_number(row[end])
    }
    names = _names(table)
    top = height
    for words, cells, above, below in lines:
        if words:
            axes.plot([0.1, style.WIDTH - 0.25], [top - 0.02] * 2, color=style.FAINT, linewidth=0.7)
            axes.text(0.1, top - 0.17, words, fontsize=8.5, color=style.QUIET, va="center")
            top -= 0.3
        bottom = top - LINE * above - tall
        for column, rows in enumerate(cells):
            left = GUTTER + column * width
            look: dict[str, Any] = {"fontsize": 7, "va": "top", "linespacing": 1.15}
            axes.text(left, top - 0.02, "\n".join(_title(rows[0], width)), fontweight="bold", **look)
            axes.text(left, bottom - 0.08, "\n".join(_foot(rows[0], width)), color=style.INK, **look)
            _draw_model(axes, rows, nodes, (left + width * 0.3, bottom), hues)
        for place, name in names.items():
            text = style.block(name, GUTTER - 0.15, 6.5, 2)
            y = bottom + level(place)
            axes.text(GUTTER - 0.05, y, text, fontsize=6.5, color=style.QUIET, ha="right", va="center", linespacing=1.0)
        top = bottom - LINE * below - 0.22
    return figure


ENDS = (("start", "from"), ("end", "to"))


def _title(row: Row, width: float) -> list[str]:
    return style.wrapped(str(row["title"]), width - 0.07, 7, 6, bold=True)


def _foot(row: Row, width: float) -> list[str]:
    return style.wrapped(bic_text(row), width - 0.07, 7, 6)


def level(place: float) -> float:
    """Height of a construct in its drawing, inches."""
    return 0.08 + place * PITCH


def _names(table: pd.DataFrame) -> dict[int, str]:
    """Short names of the constructs by their place."""
    ends = {int(float(row["end"])): str(row["to"]) for row in records(table) if is_number(row["end"])}
    return ends | {int(float(row["start"])): str(row["from"]) for row in records(table) if is_number(row["start"])}


def _draw_model(
    axes: Axes, rows: list[Row], nodes: int, corner: tuple[float, float], hues: Mapping[int, object]
) -> None:
    from matplotlib.patches import FancyArrowPatch

    x, bottom = corner
    for row in rows:
        if not is_number(row["start"]) or not is_number(row["estimate"]) or float(row["estimate"]) == 0:
            continue  # no path, or one that the model holds at zero
        start, end = int(float(row["start"])), int(float(row["end"]))
        clear = is_number(row["low"]) and style.is_clear(row)
        colour = (style.BLUE if float(row["estimate"]) > 0 else style.VERMILION) if clear else style.QUIET
        bend = 0.0 if abs(end - start) == 1 else (0.5 if end > start else -0.5)
        line = 0.6 + 3.0 * min(1.0, abs(float(row["estimate"]))) * (0.6 if bend else 1.0)
        axes.add_artist(
            FancyArrowPatch(
                (x, bottom + level(start)),
                (x, bottom + level(end)),
                arrowstyle=f"-|>,head_width={0.06 + line / 32:.4f},head_length=0.18",
                mutation_scale=12,
                connectionstyle=f"arc3,rad={bend}",
                shrinkA=4.0,
                shrinkB=4.0,
                linewidth=line,
                linestyle="solid" if clear else (0, (3, 2)),
                capstyle="butt",
                joinstyle="miter",
                color=colour,
                zorder=2 if clear else 1,
            )
        )
    for place in range(nodes):
        colour = style.construct_colour(hues.get(place))
        axes.plot([x], [bottom + level(place)], marker="o", markersize=6, color=colour, zorder=4)
