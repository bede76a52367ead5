"""Differences between arms on one axis of SD units: one panel a contrast, one row an outcome, a mark a visit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from kinechain.figures import style
from kinechain.figures.style import Heading, Row, records
from kinechain.results import Results
from kinechain.rounding import decimal_text
from kinechain.tables import publishable
from kinechain.trial_words import capital, contrast_name, word

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 2
ROW = 0.24
MARKS = (("o", style.BLUE), ("D", style.INK), ("s", style.VERMILION))


def contrasts_table(results: Results) -> pd.DataFrame:
    """Standardised contrasts of the declared analysis at each visit; the change after treatment stands in the table.

    estimate, low, high  in SD at the first visit; negative is less of the problem in the first arms
    """
    found = results.checks.get("contrasts")
    if found is None or found.empty:
        return pd.DataFrame()
    chosen = found[(found["method"] == "constrained") & (found["when"] != "maintenance")]
    chosen = chosen[[str(outcome) in results.constructs for outcome in chosen["outcome"]]]
    rows = [
        {
            "contrast": row["contrast"],
            "panel": capital(contrast_name(results, str(row["contrast"]), str(row["arms"]), str(row["against"]))),
            "outcome": row["outcome"],
            "name": results.short(str(row["outcome"])),
            "when": row["when"],
            "visit": word(results, str(row["when"])),
            "estimate": row["standardised"],
            "low": row["standardised_low"],
            "high": row["standardised_high"],
        }
        for row in records(chosen)
    ]
    columns = ["contrast", "panel", "outcome", "name", "when", "visit", "estimate", "low", "high"]
    return publishable(pd.DataFrame(rows, columns=columns))


def describe_contrasts(table: pd.DataFrame) -> Heading:
    """Title, subtitle and alternative text from the numbers."""
    rows = records(table)
    clear = [row for row in rows if style.is_clear(row)]
    widest = max(rows, key=lambda row: abs(float(row["estimate"])))
    title = f"No difference between arms stands clear of zero, of {len(rows)}"
    if clear:
        title = f"Largest of {len(rows)} differences: {widest['panel'].lower()}, {widest['name']} {_text(widest)} SD"
        title += f" at {widest['visit']}"
    subtitle = (
        f"SD at the first visit, intervals of the declared analysis; of {len(rows)} differences at single visits "
        f"{len(clear)} stand clear of zero, the others are hollow; changes after treatment are not drawn. Left of zero "
        "is less of the problem in the arms named first."
    )
    told = [
        f"{panel}: {_told([row for row in rows if row['panel'] == panel])}."
        for panel in dict.fromkeys(str(row["panel"]) for row in rows)
    ]
    alt = f"Contrasts between arms in SD, outcomes from the bottom of the body up. {title}. {' '.join(told)}"
    return Heading(title, subtitle, alt)


def _told(rows: list[Row]) -> str:
    """The outcomes of one contrast, visit by visit."""
    found = []
    for visit in dict.fromkeys(str(row["visit"]) for row in rows):
        outcomes = ", ".join(f"{row['name']} {_text(row)}" for row in rows if row["visit"] == visit)
        found.append(f"at {visit} {outcomes}")
    return "; ".join(found)


def _text(row: Row) -> str:
    value, low, high = (decimal_text(float(row[what]), 2) for what in ("estimate", "low", "high"))
    return f"{value} [{low}, {high}]"


@style.styled
def draw_contrasts(table: pd.DataFrame, heading: Heading) -> Figure:
    """Draw a grid of panels that share one axis."""
    panels = list(dict.fromkeys(str(panel) for panel in table["panel"]))
    outcomes = list(dict.fromkeys(str(name) for name in table["name"]))
    visits = list(dict.fromkeys(str(visit) for visit in table["visit"]))
    lines = -(-len(panels) // COLUMNS)
    tall = ROW * len(outcomes) + 0.1
    step = tall + 0.52
    figure, _ = style.sheet(heading, lines * step + 0.62)
    reach = 1.08 * float(table[["low", "high"]].abs().to_numpy().max())
    handles: list[Artist] = []
    for index, panel in enumerate(panels):
        line, column = divmod(index, COLUMNS)
        bottom = 0.45 + (lines - 1 - line) * step
        axes = style.panel(figure, 0.95 + column * 3.35, bottom, 2.35, tall)
        handles = _draw_panel(axes, records(table[table["panel"] == panel]), outcomes, visits)
        axes.set(xlim=(-reach, reach), ylim=(-0.6, len(outcomes) - 0.4))
        title = style.one_line(panel, 3.15, 8, bold=True)
        axes.set_title(title, loc="left", fontsize=8, fontweight="bold", pad=4, x=-0.36)
        if index + COLUMNS >= len(panels):
            axes.set_xlabel("difference (SD)", fontsize=8)
    top = (0.45 + lines * step + 0.12) / float(figure.get_size_inches()[1])
    figure.legend(handles, visits, loc="upper left", bbox_to_anchor=(0.02, top), ncols=len(visits), fontsize=8)
    return figure


def _draw_panel(axes: Axes, rows: list[Row], outcomes: list[str], visits: list[str]) -> list[Artist]:
    axes.axvline(0, color=style.QUIET, linewidth=0.9, zorder=1)
    handles: list[Artist] = []
    for place, visit in enumerate(visits):
        marker, colour = MARKS[place % len(MARKS)]
        for row in rows:
            if row["visit"] != visit:
                continue
            y = outcomes.index(str(row["name"])) + 0.17 * (len(visits) - 1 - 2 * place)
            axes.plot([row["low"], row["high"]], [y, y], color=colour, linewidth=1.2)
            face = colour if style.is_clear(row) else style.PAPER
            axes.plot([row["estimate"]], [y], marker=marker, markersize=4, color=colour, markerfacecolor=face)
        (handle,) = axes.plot([], [], marker=marker, color=colour, linewidth=1.2, markersize=4)
        handles.append(handle)
    axes.set_yticks(range(len(outcomes)), [style.one_line(name, 0.85, 7.5) for name in outcomes])
    axes.tick_params(labelsize=7.5, length=0, axis="y")
    axes.tick_params(labelsize=7.5, axis="x")
    axes.locator_params(axis="x", nbins=5)
    axes.spines["left"].set_visible(False)
    return handles
