"""What is missing: how much of each variable, and which variables go missing together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from kinechain.figures import style
from kinechain.figures.style import Heading, Row, records
from kinechain.results import Results
from kinechain.rounding import is_number
from kinechain.tables import missingness_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_PATTERNS = 14
ROW = 0.25


def missingness_figure_table(results: Results) -> pd.DataFrame:
    """Missing counts by variable and pattern with the variables' labels, and the number of people.

    Variables without a missing value are left out; the pattern without any missing value is called `complete`. Where
    people came more than once these are the variables of the first visit, and `visit` says so.
    """
    table = missingness_table(results)
    table["n"] = results.cohort.n
    table["visit"] = "first visit" if results.cohort.visits else ""
    table["names"] = [
        "; ".join(_name(results, name) for name in str(row["missing"] or "").split()) or "complete"
        for row in records(table)
    ]
    some = (table["kind"] == "pattern") | table["masked"] | (pd.to_numeric(table["count"]) > 0)
    return table[some].reset_index(drop=True)


def _name(results: Results, name: str) -> str:
    """A variable's label: its construct's, else the codebook's."""
    if name in results.constructs:
        return results.label(name)
    labels = {str(row["measure"]): str(row.get("label") or "") for row in results.quality.get("codebook", ())}
    return labels.get(name) or results.label(name)


def describe_missingness(table: pd.DataFrame) -> Heading:
    """Title, subtitle and alternative text from the numbers."""
    variables = table[table["kind"] == "variable"]
    visit = str(table["visit"].iloc[0])
    when = f" at the {visit}" if visit else ""
    if variables.empty:
        later = " Who was not seen later stands in the flow of people." if visit else ""
        alt = f"No variable has a missing value{when}."
        return Heading(f"Nothing is missing{when}", f"Every person has every variable{when}.{later}", alt)
    people = int(table["n"].iloc[0])
    counts = pd.to_numeric(variables["count"])
    share = (
        100 * float(np.nanmax(counts.to_numpy(dtype=float))) / float(table["n"].iloc[0])
        if counts.notna().any()
        else None
    )
    told_of = " whose count is shown" if counts.isna().any() else ""
    title = (
        f"Few people lack any variable{when}"
        if share is None
        else f"No variable{told_of} is missing in more than {math.ceil(10 * share) / 10:.1f} % of people{when}"
    )
    subtitle = (
        f"Left: share of {people} people without each variable. Right: which go missing together, a column a pattern, "
        "the commonest first. <: a count that is small, or would give a small one away."
    )
    shown = [row for row in records(variables) if count_label(row) != "<"]
    shown = sorted(shown, key=lambda row: -float(row["count"]))
    told = "; ".join(f"{row['names']} {count_label(row)}" for row in shown) or "none in numbers that may be shown"
    hidden = [str(row["names"]) for row in records(variables) if count_label(row) == "<"]
    few = f" Too few to be shown: {', '.join(hidden)}." if hidden else ""
    together = [row for row in records(table) if row["kind"] == "pattern" and "; " in str(row["names"])]
    joined = "".join(
        f" Missing together: {str(row['names']).replace('; ', ', ')}"
        f"{f' in {count_label(row)} people' if count_label(row) != '<' else ''}."
        for row in together[:3]
    )
    return Heading(title, subtitle, f"Missing values among {people} people. {title}. {told}.{few}{joined}")


def count_label(row: Row) -> str:
    """A count as printed: the number, or a mark that it was masked."""
    return "<" if bool(row["masked"]) or not is_number(row["count"]) else str(int(row["count"]))


@style.styled
def draw_missingness(table: pd.DataFrame, heading: Heading) -> Figure:
    """Draw bars of missing shares beside the matrix of patterns."""
    variables = table[table["kind"] == "variable"].reset_index(drop=True)
    if variables.empty:
        figure, _ = style.sheet(heading, 0.45)  # as tall as the words along its edge
        return figure
    people = float(table["n"].iloc[0])
    counts = pd.to_numeric(variables["count"]).to_numpy(dtype=float)
    order = np.argsort(np.nan_to_num(counts, nan=0.0), kind="stable")
    variables, counts = variables.iloc[order].reset_index(drop=True), counts[order]
    lines = len(variables)
    figure, _ = style.sheet(heading, lines * ROW + 0.78)
    left = style.panel(figure, 2.45, 0.5, 1.35, lines * ROW)
    shares = 100 * np.nan_to_num(counts, nan=0.0) / people
    left.barh(range(lines), shares, color="#9aa7b5", height=0.62)
    limit = max(2.0, 1.3 * float(shares.max()))
    for place, row in enumerate(records(variables)):
        left.text(shares[place] + limit * 0.03, place, count_label(row), va="center", fontsize=7.5)
    left.set(xlim=(0, limit), ylim=(-0.5, lines - 0.5), xlabel="% of people")
    left.locator_params(axis="x", nbins=3)
    left.set_yticks(range(lines), [style.one_line(str(name), 2.2, 8.5) for name in variables["names"]])
    left.tick_params(axis="y", length=0)
    _draw_patterns(figure, table, variables)
    return figure


def _draw_patterns(figure: Figure, table: pd.DataFrame, variables: pd.DataFrame) -> None:
    patterns = table[(table["kind"] == "pattern") & (table["names"] != "complete")].copy()
    shown = set(variables["missing"])
    patterns = patterns[[bool(shown & set(str(names).split())) for names in patterns["missing"]]].copy()
    patterns["order"] = pd.to_numeric(patterns["count"]).fillna(-1.0)
    patterns = patterns.sort_values("order", ascending=False, kind="stable").head(MOST_PATTERNS)
    if patterns.empty:
        return
    lines = len(variables)
    width = min(2.75, 0.235 * len(patterns))
    axes = style.panel(figure, 4.15, 0.5, width, lines * ROW)
    place = {str(name): index for index, name in enumerate(variables["missing"])}
    rows = records(patterns)
    missing = [[place[name] for name in str(row["missing"]).split() if name in place] for row in rows]
    across, up = np.meshgrid(range(len(rows)), range(lines))
    axes.scatter(across, up, s=16, color="#e3e8ed", linewidth=0)
    columns = [column for column, found in enumerate(missing) for _ in found]
    axes.scatter(columns, [line for found in missing for line in found], s=26, color=style.INK, marker="s", linewidth=0)
    for column, (row, found) in enumerate(zip(rows, missing, strict=True)):
        if len(found) > 1:
            axes.plot([column, column], [min(found), max(found)], color=style.INK, linewidth=1.1)
        axes.text(column, lines - 0.32, count_label(row), ha="center", va="bottom", fontsize=7)
    axes.set(xlim=(-0.6, len(patterns) - 0.4), ylim=(-0.5, lines - 0.5), xticks=[], yticks=[])
    axes.annotate(
        "a column a pattern; people above",
        (0, 0),
        xycoords="axes fraction",
        xytext=(0, -14),
        textcoords="offset points",
        va="top",
        fontsize=8,
    )
    for spine in axes.spines.values():
        spine.set_visible(False)
