"""Where the effect goes: what is left of one SD of the first construct after each link of the chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from kinechain.figures import style
from kinechain.figures.style import Heading, Row, records
from kinechain.results import Results, arrows, path_name
from kinechain.rounding import MINUS, decimal_text, decimals_for, is_number, number_text
from kinechain.tables import publishable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW = 0.44
NAMES, BARS = 1.3, 2.35
KEPT, LEFT, OWN = 4.3, 4.85, 6.15
"""Inches: a row, width of the names and of the bars, left ends of the three columns of numbers."""

SMALLEST = 4
"""Decimals at the most: what rounds to zero even so is printed as less than the last of them."""


def waterfall_table(results: Results) -> pd.DataFrame:
    """The product of the links up to each construct, standardised and in its own unit, in the main model.

    place, name        in the chain, 0 at the bottom
    left, low, high    SD of this construct for one SD of the first, by the chain alone, with its interval
    link               the link into it; own, unit  the same product for `contrast` units of the first construct
    hue                place in the study's whole chain; mcid  change that matters, of a construct that has one
    """
    if len(results.chain) < 3:
        return pd.DataFrame()
    found = results.effects_of(results.main_model).set_index("effect")
    contrast = float(results.report_options.get("contrast", 10))
    matters = {str(row.get("construct")): row.get("mcid") for row in results.quality.get("codebook", ())}
    first = results.chain[0]
    rows: list[dict[str, object]] = [
        {
            "place": 0,
            "name": results.short(first),
            "left": 1.0,
            "own": contrast,
            "unit": results.cohort.units.get(first, ""),
            "hue": results.hue(first),
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
                "hue": results.hue(results.chain[place]),
                "mcid": matters.get(results.chain[place]),
            }
        )
    return publishable(pd.DataFrame(rows))


def describe_waterfall(table: pd.DataFrame) -> Heading:
    """Title, subtitle and alternative text from the numbers."""
    rows = records(table)
    steps = rows[1:]
    first, last = rows[0], rows[-1]
    weakest = min(steps, key=lambda row: abs(float(row["link"])))
    before = rows[int(weakest["place"]) - 1]
    reached = [row for place, row in enumerate(steps) if all(_is_open(it) is False for it in steps[: place + 1])]
    if not reached:
        title = f"Nothing the chain hands on stands clear of zero above {first['name']}"
    elif len(reached) < len(steps):
        title = f"What the chain hands on stands clear of zero up to {reached[-1]['name']} and no further"
    else:
        title = (
            f"Of 1 SD of {first['name']} the chain hands {_left(last)} SD on to {last['name']}; "
            f"{arrows(str(before['name']), str(weakest['name']))} keeps least"
        )
    subtitle = (
        "What the chain alone hands on of one SD at the bottom: bar, left after the link, with its interval; hatched, "
        f"lost at it. Last column: the same for {_own(first)} at the bottom, in each construct's own unit."
    )
    told = "; ".join(
        f"{row['name']} {_left(row)} SD {_interval(row)}, {_own(row)}, the link keeps {_kept(row)}" for row in steps
    )
    start = f"From {_own(first)}, or 1 SD, of {first['name']}, bottom to top"
    return Heading(title, subtitle, f"Waterfall of the chain's effect. {title}. {start}: {told}.{_mcid(last, ' ')}")


def _is_open(row: Row) -> bool | None:
    """Whether the interval of what is left covers zero; None without an interval."""
    return not style.is_clear(row) if is_number(row["low"]) else None


def _small(value: float, error: float | None, most: int = SMALLEST) -> str:
    """A number to its error's digit; less than the last decimal where it rounds to zero."""
    decimals = min(most, decimals_for(error)) if error is not None else 2
    text = decimal_text(value, decimals)
    return text if float(text.replace(MINUS, "-")) or decimals < most else f"< {10**-most:.{most}f}"


def _error(row: Row) -> float | None:
    return (float(row["high"]) - float(row["low"])) / 4 if is_number(row.get("high")) else None


def _left(row: Row) -> str:
    return _small(float(row["left"]), _error(row))


def _interval(row: Row) -> str:
    error = _error(row)
    if error is None:
        return ""
    decimals = min(SMALLEST, decimals_for(error))
    low, high = (decimal_text(float(row[what]), decimals) for what in ("low", "high"))
    return f"[{low}, {high}]" if low != high else f"[±{10**-SMALLEST:.{SMALLEST}f}]"


def _own(row: Row) -> str:
    if not is_number(row.get("own_error")):
        return f"{number_text(row['own'])}{style.unit_text(row['unit'])}"
    return f"{_small(float(row['own']), float(row['own_error']), 3)}{style.unit_text(row['unit'])}"


def _kept(row: Row) -> str:
    return f"{decimal_text(100 * float(row['link']), 0)} %"


def _mcid(row: Row, before: str = "") -> str:
    if not is_number(row.get("mcid")):
        return ""
    return f"{before}A change that matters in {row['name']}: {number_text(row['mcid'])}{style.unit_text(row['unit'])}."


@style.styled
def draw_waterfall(table: pd.DataFrame, heading: Heading) -> Figure:
    """Draw one bar a construct, bottom to top, with what its link lost behind it and its numbers beside it."""
    rows = records(table)
    tall = len(rows) * ROW
    figure, _ = style.sheet(heading, tall + 0.8)
    axes = style.panel(figure, NAMES, 0.5, BARS, tall)
    reach = max(1.0, *(abs(float(row["left"])) for row in rows))
    for index, row in enumerate(rows):
        _draw_bar(axes, row, rows[index - 1] if index else None)
    axes.axvline(0, color=style.QUIET, linewidth=0.9)
    lowest = min(0.0, *(1.08 * float(row["low"]) for row in rows if is_number(row["low"])))
    axes.set(xlim=(lowest, reach * 1.02), ylim=(-0.5, len(rows) - 0.5), xlabel="SD left of one SD at the bottom")
    names = [style.block(str(row["name"]), NAMES - 0.2, 8.5, 2) for row in rows]
    axes.set_yticks(range(len(rows)), names)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    beside = style.panel(figure, 0, 0.5, style.WIDTH, tall)
    beside.set(xlim=(0, style.WIDTH), ylim=(-0.5, len(rows) - 0.5))
    beside.axis("off")
    _draw_numbers(beside, rows)
    matters = _mcid(rows[-1])
    if matters:
        beside.text(KEPT - 0.5, -1.05, matters, fontsize=7.5, color=style.QUIET, va="center")
    return figure


def _draw_numbers(axes: Axes, rows: list[Row]) -> None:
    top = len(rows) - 0.35
    own = f"from {_own(rows[0])}"
    for x, head, where in (
        (KEPT, "link keeps", "right"),
        (LEFT - 0.35, "SD left [interval]", "left"),
        (OWN, own, "left"),
    ):
        axes.text(x, top, head, fontsize=7.5, color=style.QUIET, ha=where, va="bottom")
    for place, row in enumerate(rows):
        if place:
            axes.text(
                KEPT,
                place - 0.5,
                f"× {decimal_text(float(row['link']), 2)}",
                fontsize=8,
                color=style.QUIET,
                ha="right",
                va="center",
            )
            axes.text(LEFT + 0.1, place, _interval(row), fontsize=7.5, color=style.QUIET, va="center")
            axes.text(OWN, place, _own(row), fontsize=8.5, va="center")
        shown = _left(row) if place else "1"
        axes.text(LEFT + 0.05, place, shown, fontsize=9, fontweight="bold", ha="right", va="center")


def _draw_bar(axes: Axes, row: Row, before: Row | None) -> None:
    place, left = float(row["place"]), float(row["left"])
    if before is not None:
        axes.barh(
            place,
            float(before["left"]),
            height=0.6,
            facecolor=style.PAPER,
            edgecolor=style.FAINT,
            hatch="////",
            linewidth=0.6,
        )
    axes.barh(place, left, height=0.6, color=style.construct_colour(row["hue"]))
    if is_number(row.get("low")):
        axes.plot([row["low"], row["high"]], [place, place], color=style.INK, linewidth=1.2)
