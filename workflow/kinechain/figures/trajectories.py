"""Arms of a trial over its visits: model means with intervals, one panel an outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kinechain.figures import style
from kinechain.figures.style import Heading, records
from kinechain.results import Results, lowered
from kinechain.rounding import is_number, number_text
from kinechain.tables import publishable
from kinechain.trial_words import word

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 2
PANEL = (2.75, 1.6)
STEP = PANEL[1] + 0.58
MARKERS = ("o", "s", "^", "D", "v", "P")
DASHES = ("solid", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)), (0, (3, 1)), (0, (8, 3)))


def trajectories_table(results: Results) -> pd.DataFrame:
    """Model means by outcome, arm and visit with their intervals, in the clinical direction of each measure."""
    found = results.checks.get("trajectories")
    if found is None or found.empty:
        return pd.DataFrame()
    table = found.assign(**{what: [word(results, str(name)) for name in found[what]] for what in ("arm", "visit")})
    codebook = {str(row.get("construct")): row for row in results.quality.get("codebook", ()) if row.get("construct")}
    table["name"] = [
        str(codebook.get(str(name), {}).get("label") or results.label(str(name))) for name in table["outcome"]
    ]
    turned = np.array([codebook.get(str(name), {}).get("orientation") == -1 for name in table["outcome"]])
    low, high = table["low"].to_numpy(dtype=float), table["high"].to_numpy(dtype=float)
    table["low"], table["high"] = np.where(turned, -high, low), np.where(turned, -low, high)
    for column in ("mean", "seen_mean"):
        if column in table:
            table[column] = np.where(turned, -1.0, 1.0) * table[column].to_numpy(dtype=float)
    return publishable(table)


def describe_trajectories(table: pd.DataFrame) -> Heading:
    """Title, subtitle and alternative text from the numbers."""
    visits = list(dict.fromkeys(str(visit) for visit in table["visit"]))
    arms = list(dict.fromkeys(str(arm) for arm in table["arm"]))
    title = widest_gap(table) or f"{len(arms)} arms over {len(visits)} visits"
    people = [float(row["seen_n"]) for row in records(table) if "seen_n" in table and is_number(row["seen_n"])]
    seen = f" {min(people):.0f} to {max(people):.0f} people seen in an arm at a visit." if people else ""
    subtitle = (
        "Model means with intervals, clinical direction and unit, people analysed in the arm they were assigned to. "
        f"Colour, marker and dash name the arm.{seen}"
    )
    told = []
    for outcome in dict.fromkeys(str(name) for name in table["name"]):
        mine = [row for row in records(table) if row["name"] == outcome and is_number(row["mean"])]
        ways = "; ".join(
            f"{arm} {', '.join(number_text(row['mean']) for row in mine if row['arm'] == arm)}" for arm in arms
        )
        told.append(f"{_titled(table, outcome)}: {ways}.")
    means = f"Means at {', '.join(visits)}. {' '.join(told)}"
    return Heading(title, subtitle, f"Trajectories of {len(arms)} arms over {len(visits)} visits. {title}. {means}")


def _titled(table: pd.DataFrame, outcome: str) -> str:
    """An outcome with its unit, where its own words do not hold the unit already."""
    unit = _unit(table, outcome)
    return outcome if not unit or f" {unit}" in outcome else f"{outcome} ({unit})"


def _unit(table: pd.DataFrame, outcome: str) -> str:
    """Unit of an outcome as printed; empty without one."""
    units = (unit for unit in table.loc[table["name"] == outcome, "unit"] if isinstance(unit, str) and unit)
    return style.unit_name(next(units, ""))


def widest_gap(table: pd.DataFrame) -> str:
    """Where two arms end furthest apart, counted in SD of the first visit; empty when no SD is on record."""
    if "seen_sd" not in table:
        return ""
    visits = list(dict.fromkeys(str(visit) for visit in table["visit"]))
    gaps: list[tuple[float, str, str, str]] = []
    for outcome in dict.fromkeys(table["name"]):
        mine = [row for row in records(table) if row["name"] == outcome and is_number(row["mean"])]
        spreads = [
            float(row["seen_sd"]) for row in mine if str(row["visit"]) == visits[0] and is_number(row["seen_sd"])
        ]
        last = [row for row in mine if str(row["visit"]) == visits[-1]]
        if not spreads or not last or not any(spreads):
            continue
        low, high = min(last, key=lambda row: float(row["mean"])), max(last, key=lambda row: float(row["mean"]))
        gap = (float(high["mean"]) - float(low["mean"])) / (sum(spreads) / len(spreads))
        gaps.append((gap, str(outcome), str(low["arm"]), str(high["arm"])))
    if not gaps:
        return ""
    _, outcome, low_arm, high_arm = max(gaps)
    return f"At {visits[-1]} the arms lie furthest apart in {lowered(outcome)}: {low_arm} against {high_arm}"


@style.styled
def draw_trajectories(table: pd.DataFrame, heading: Heading) -> Figure:
    """Draw a panel an outcome and a line an arm, the legend once above."""
    outcomes = list(dict.fromkeys(table["name"]))
    arms = list(dict.fromkeys(str(arm) for arm in table["arm"]))
    lines = -(-len(outcomes) // COLUMNS)
    is_beside = len(outcomes) % COLUMNS > 0  # the last line has room for the legend
    figure, _ = style.sheet(heading, lines * STEP + (0.0 if is_beside else 0.16 * len(arms) + 0.1) + 0.05)
    total = float(figure.get_size_inches()[1])
    base = 0.32 if is_beside else 0.16 * len(arms) + 0.42
    handles: list[Artist] = []
    for index, outcome in enumerate(outcomes):
        line, column = divmod(index, COLUMNS)
        left = 0.62 + column * (PANEL[0] + 0.65)
        axes = style.panel(figure, left, base + (lines - 1 - line) * STEP, *PANEL)
        handles = _draw_outcome(axes, table[table["name"] == outcome], arms)
        title = style.one_line(str(outcome), PANEL[0] + 0.4, 8.5, bold=True)
        axes.set_title(title, loc="left", fontweight="bold", pad=5, fontsize=8.5, x=-0.08)
        axes.set_ylabel(_unit(table, str(outcome)), fontsize=7.5)
    x = 0.62 + (len(outcomes) % COLUMNS) * (PANEL[0] + 0.65) if is_beside else 0.1
    y = base + PANEL[1] if is_beside else 0.16 * len(arms) + 0.1
    look: dict[str, Any] = {"fontsize": 8, "labelspacing": 0.35, "handlelength": 3.2, "borderpad": 0}
    names = [style.one_line(arm, PANEL[0] if is_beside else 6.0, 8) for arm in arms]
    figure.legend(handles, names, loc="upper left", bbox_to_anchor=(x / style.WIDTH, y / total), **look)
    return figure


def _draw_outcome(axes: Axes, mine: pd.DataFrame, arms: list[str]) -> list[Artist]:
    visits = list(dict.fromkeys(str(visit) for visit in mine["visit"]))
    handles: list[Artist] = []
    for place, arm in enumerate(arms):
        rows = [row for row in records(mine) if str(row["arm"]) == arm and is_number(row["mean"])]
        shift = 0.07 * (place - (len(arms) - 1) / 2)
        x = [visits.index(str(row["visit"])) + shift for row in rows]
        colour = style.ARM_COLOURS[place % len(style.ARM_COLOURS)]
        (line,) = axes.plot(
            x,
            [row["mean"] for row in rows],
            marker=MARKERS[place % len(MARKERS)],
            markersize=4.5,
            color=colour,
            linestyle=DASHES[place % len(DASHES)],
            linewidth=1.4,
        )
        for at, row in zip(x, rows, strict=True):
            if is_number(row["low"]):
                axes.plot([at, at], [row["low"], row["high"]], color=colour, linewidth=1.1)
        handles.append(line)
    axes.set_xticks(range(len(visits)), [style.block(visit, PANEL[0] / len(visits), 7.5, 2) for visit in visits])
    axes.margins(x=0.12)
    axes.locator_params(axis="y", nbins=5)
    axes.tick_params(labelsize=7.5)
    return handles
