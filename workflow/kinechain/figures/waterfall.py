"""Where the effect goes: what is left of one SD of the first construct after each link of the chain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from kinechain.figures import style
from kinechain.figures.style import Heading, Row, records
from kinechain.results import Results, path_name
from kinechain.rounding import decimal_text, decimals_for, is_number, number_text
from kinechain.tables import publishable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW = 0.46


def waterfall_table(results: Results) -> pd.DataFrame:
    """The product of the links up to each construct, standardised and in its own unit, in the main model.

    place, name        in the chain, 0 at the bottom
    left, low, high    SD of this construct for one SD of the first, by the chain alone, with its interval
    link               the link into it; own, unit  the same product for `contrast` units of the first construct
    """
    if len(results.chain) < 3:
        return pd.DataFrame()
    found = results.effects_of(results.main_model).set_index("effect")
    contrast = float(results.report_options.get("contrast", 10))
    first = results.chain[0]
    rows: list[dict[str, object]] = [
        {
            "place": 0,
            "name": results.short(first),
            "left": 1.0,
            "own": contrast,
            "unit": results.cohort.units.get(first, ""),
        }
    ]
    for place in range(1, len(results.chain)):
        effect = (
            path_name(first, results.chain[1]) if place == 1 else f"indirect:{'->'.join(results.chain[: place + 1])}"
        )
        link = path_name(results.chain[place - 1], results.chain[place])
        if effect not in found.index or link not in found.index:
            return pd.DataFrame()
        row, step = found.loc[[effect]].iloc[0], found.loc[[link]].iloc[0]
        rows.append(
            {
                "place": place,
                "name": results.short(results.chain[place]),
                "left": row["standardised"],
                "low": row["standardised_low"],
                "high": row["standardised_high"],
                "link": step["standardised"],
                "own": contrast * float(row["estimate"]),
                "own_error": contrast * float(row["std_error"]) if is_number(row["std_error"]) else None,
                "unit": results.cohort.units.get(results.chain[place], ""),
            }
        )
    return publishable(pd.DataFrame(rows))


def describe_waterfall(table: pd.DataFrame) -> Heading:
    """Title, subtitle and alternative text from the numbers."""
    steps = [row for row in records(table) if row["place"] > 0]
    weakest = min(steps, key=lambda row: abs(float(row["link"])))
    before = records(table)[int(weakest["place"]) - 1]
    first = steps[0]
    is_open = is_number(first["low"]) and float(first["low"]) <= 0 <= float(first["high"])
    title = (
        f"Nothing stands clear of zero above {records(table)[0]['name']}"
        if is_open
        else f"Most is lost between {before['name']} and {weakest['name']}"
    )
    subtitle = (
        "What the chain alone hands on of one SD of the first construct: each link keeps a share and loses the rest. "
        "Right: the same in each construct's own unit."
    )
    told = "; ".join(f"{row['name']} {_left(row)}" for row in steps)
    return Heading(title, subtitle, f"Waterfall of the chain's effect. {title}. Left of one SD: {told}.")


def _left(row: Row) -> str:
    error = (float(row["high"]) - float(row["low"])) / 4 if is_number(row["high"]) else None
    return number_text(row["left"], error)


@style.styled
def draw_waterfall(table: pd.DataFrame, heading: Heading) -> Figure:
    """Draw one bar a construct, bottom to top, with what its link lost behind it."""
    rows = records(table)
    figure, _ = style.sheet(heading, len(rows) * ROW + 0.55)
    axes = style.panel(figure, 1.75, 0.5, 3.1, len(rows) * ROW)
    reach = max(1.0, *(abs(float(row["left"])) for row in rows))
    for index, row in enumerate(rows):
        _draw_bar(axes, row, rows[index - 1] if index else None)
    axes.axvline(0, color=style.QUIET, linewidth=0.9)
    lowest = min(0.0, min(float(row["left"]) for row in rows) * 1.1)
    axes.set(xlim=(lowest, reach * 1.02), ylim=(-0.55, len(rows) - 0.45), xlabel="SD left of one SD at the bottom")
    axes.set_yticks(range(len(rows)), [str(row["name"]) for row in rows])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    return figure


def _draw_bar(axes: Axes, row: Row, before: Row | None) -> None:
    place, left = float(row["place"]), float(row["left"])
    colour = style.CONSTRUCT_COLOURS[int(place) % len(style.CONSTRUCT_COLOURS)]
    if before is not None:
        axes.barh(
            place,
            float(before["left"]),
            height=0.62,
            facecolor=style.PAPER,
            edgecolor=style.FAINT,
            hatch="////",
            linewidth=0.6,
        )
    axes.barh(place, left, height=0.62, color=colour)
    if is_number(row.get("low")):
        axes.plot([row["low"], row["high"]], [place, place], color=style.INK, linewidth=1.2)
    shown = "1" if before is None else _left(row)
    _beside(axes, shown, place, 10, fontsize=9.5, fontweight="bold")
    error = row.get("own_error")
    decimals = decimals_for(float(error)) if error is not None and is_number(error) else 0
    own = f"{decimal_text(float(row['own']), decimals)} {row['unit']}"
    _beside(axes, own, place, 76, fontsize=8.5, color=style.QUIET)


def _beside(axes: Axes, text: str, place: float, points: float, **look: Any) -> None:
    """Text right of the axes at the height of a bar, so many points away."""
    axes.annotate(
        text,
        (1, place),
        xycoords=("axes fraction", "data"),
        xytext=(points, 0),
        textcoords="offset points",
        va="center",
        **look,
    )
