"""The specification curve: each link under every admissible choice, the declared one marked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from kinechain.figures import style
from kinechain.figures.style import Heading, Row, records
from kinechain.results import Results
from kinechain.rounding import decimal_text
from kinechain.tables import publishable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CHECK = "specifications"
COLUMNS = 2
GUTTER, WIDE, TALL, ROW = 1.75, 1.6, 1.15, 0.145
"""Inches: room for the names of the choices, width and height of a curve, a row of choices."""

CHOICES = {"given": "", "cause": "", "outcome": "", "missing": "gaps: "}
"""Column of the table -> what is printed before the name of a choice that does not speak for itself."""


def specifications_table(results: Results) -> pd.DataFrame:
    """The check of specifications for the links of the chain, each with its name, by rank.

    given, cause, outcome  the choices in words: covariates against the declared ones, measures by their labels
    """
    table = results.check_of_links(CHECK)
    if table.empty:
        return pd.DataFrame()
    table["declared"] = [str(value) == "True" for value in table["main"]]
    labels = {
        str(row["measure"]): str(row.get("label") or row["measure"]) for row in results.quality.get("codebook", ())
    }
    for end in ("cause", "outcome"):
        table[end] = [labels.get(str(name), results.label(str(name))) for name in table[f"{end}_measure"]]
    declared = {
        str(row["effect"]): _names(row["adjustment"])
        for row in sorted(records(table), key=lambda row: not row["declared"])[::-1]
    }
    table["given"] = [
        _against(results, declared[str(row["effect"])], _names(row["adjustment"])) for row in records(table)
    ]
    return publishable(table.sort_values(["place", "rank"], kind="stable").reset_index(drop=True))


def _names(adjustment: object) -> list[str]:
    return [name for name in str(adjustment).split(", ") if name != "nothing"]


def _against(results: Results, declared: list[str], names: list[str]) -> str:
    """A set of covariates as what it adds to the declared one and leaves out of it."""
    more = ", ".join(results.short(name) for name in names if name not in declared)
    less = ", ".join(results.short(name) for name in declared if name not in names)
    said = [f"with {more}"] * bool(more) + [f"without {less}"] * bool(less)
    return "; ".join(said) or "declared covariates"


def describe_specifications(table: pd.DataFrame) -> Heading:
    """Title, subtitle and alternative text from the numbers."""
    told, hang = [], []
    for name in dict.fromkeys(str(name) for name in table["name"]):
        mine = [row for row in records(table) if row["name"] == name]
        values = [float(row["estimate"]) for row in mine]
        ends = f"{decimal_text(min(values), 2)} to {decimal_text(max(values), 2)}"
        clear = sum(style.is_clear(row) for row in mine)
        main = next((f", {decimal_text(float(row['estimate']), 2)} as declared" for row in mine if row["declared"]), "")
        told.append(f"{name} {ends} in {len(mine)} specifications{main}, {clear} clear of zero")
        if len({(row["low"] > 0, row["high"] < 0) for row in mine}) > 1:
            hang.append(name)
    title = (
        f"Whether these stand clear of zero hangs on the choice: {', '.join(hang)}"
        if hang
        else "No admissible choice changes which links stand clear of zero"
    )
    subtitle = (
        "Each link (SD per SD, with intervals) under every admissible choice, from smallest to largest; below, the "
        "choices that differ. ◆ the declared choice; grey where the interval covers zero."
    )
    return Heading(title, subtitle, f"Specification curve, from the bottom link up. {title}. {'; '.join(told)}.")


@style.styled
def draw_specifications(table: pd.DataFrame, heading: Heading) -> Figure:
    """Draw a panel a link, all on the same axis, with the choices that differ in rows below."""
    names = list(dict.fromkeys(str(name) for name in table["name"]))
    links = {name: [row for row in records(table) if row["name"] == name] for name in names}
    choices = {name: _choices(rows) for name, rows in links.items()}
    lines = [names[first : first + COLUMNS] for first in range(0, len(names), COLUMNS)]
    heights = [style.HEAD + TALL + ROW * max(len(choices[name]) for name in line) + 0.22 for line in lines]
    figure, _ = style.sheet(heading, sum(heights) + 0.05)
    low, high = min(0.0, float(table["low"].min())), max(0.0, float(table["high"].max()))
    room = 0.05 * (high - low)
    top = sum(heights) + 0.05
    for line, height in zip(lines, heights, strict=True):
        for column, name in enumerate(line):
            left = GUTTER + column * (GUTTER + WIDE + 0.12)
            axes = style.panel(figure, left, top - style.HEAD - TALL, WIDE, TALL)
            _draw_curve(axes, links[name], name)
            axes.set(ylim=(low - room, high + room))
            if choices[name]:
                tall = ROW * len(choices[name])
                _draw_choices(
                    style.panel(figure, left, top - style.HEAD - TALL - 0.06 - tall, WIDE, tall),
                    links[name],
                    choices[name],
                )
        top -= height
    return figure


def _choices(rows: list[Row]) -> list[tuple[str, str]]:
    """Column and level of every choice that differs between the specifications of a link, the declared level first."""
    first = sorted(rows, key=lambda row: not row["declared"])
    levels = {column: list(dict.fromkeys(str(row[column]) for row in first)) for column in CHOICES}
    return [(column, level) for column, found in levels.items() if len(found) > 1 for level in found]


def _draw_curve(axes: Axes, rows: list[Row], name: str) -> None:
    axes.axhline(0, color=style.QUIET, linewidth=0.9)
    for colour, declared, found in _alike(rows):
        ranks = [row["rank"] for row in found]
        feet, heads = ([row[end] for row in found] for end in ("low", "high"))
        axes.vlines(ranks, feet, heads, color=colour, linewidth=1.8 if declared else 1.0, zorder=2)
        axes.plot(
            ranks,
            [row["estimate"] for row in found],
            linestyle="none",
            marker="D" if declared else "o",
            color=style.INK if declared else colour,
            markersize=5.5 if declared else 3.2,
            zorder=4 if declared else 3,
        )
    values = [float(row["estimate"]) for row in rows]
    ends = f"{decimal_text(min(values), 2)} to {decimal_text(max(values), 2)}"
    style.name_panel(
        axes, name, f"{len(rows)} specifications, {ends}" if len(rows) > 1 else "1 specification", WIDE + 0.1
    )
    axes.set(xticks=[], xlim=(0.2, len(rows) + 0.8))
    axes.spines["bottom"].set_visible(False)
    axes.locator_params(axis="y", nbins=5)
    axes.tick_params(labelsize=7)


def _alike(rows: list[Row]) -> list[tuple[str, bool, list[Row]]]:
    """Specifications that are drawn alike, with their colour and whether they are the declared one."""
    groups: dict[tuple[str, bool], list[Row]] = {}
    for row in rows:
        colour = style.BLUE if style.is_clear(row) else style.QUIET
        groups.setdefault((colour, bool(row["declared"])), []).append(row)
    return [(colour, declared, found) for (colour, declared), found in groups.items()]


def _draw_choices(axes: Axes, rows: list[Row], choices: list[tuple[str, str]]) -> None:
    for place, (column, level) in enumerate(reversed(choices)):
        axes.axhline(place, color="#eef1f4", linewidth=3.5, zorder=0)
        for declared in (False, True):
            taken = [row["rank"] for row in rows if str(row[column]) == level and bool(row["declared"]) == declared]
            axes.plot(
                taken,
                [place] * len(taken),
                linestyle="none",
                marker="D" if declared else "o",
                markersize=3,
                color=style.INK if declared else style.QUIET,
            )
        text = style.one_line(f"{CHOICES[column]}{level}", GUTTER - 0.17, 6.5)
        axes.annotate(
            text,
            (0, place),
            xycoords=("axes fraction", "data"),
            xytext=(-4, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=6.5,
        )
    axes.set(xlim=(0.2, len(rows) + 0.8), ylim=(-0.6, len(choices) - 0.4))
    axes.axis("off")
