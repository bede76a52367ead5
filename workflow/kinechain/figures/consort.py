"""Who was randomised, came and stands in the analysis, arm by arm: the flow diagram of a trial."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pandas as pd

from kinechain.figures import style
from kinechain.figures.style import Heading, records
from kinechain.results import Results
from kinechain.rounding import count_text, is_number
from kinechain.tables import flow_table, publishable
from kinechain.trial_words import capital, trial_facts, word

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BOX = 0.62
"""Inches a box is high; two lines of text fill it."""
GAP = 0.42


def consort_table(results: Results) -> pd.DataFrame:
    """One row a box: its place from the top, its arm ("" for all), and what stands in it.

    count, missed, left  people; NaN where too few to be shown
    """
    found = results.checks.get("flow")
    if found is None or found.empty:
        return pd.DataFrame()
    rows = [{"place": 0, "arm": "", "step": "in the file", "at": "", "count": _people_in_file(results)}]
    outcome = _outcome(results, found)
    found = found.assign(at=found["at"].fillna(""))
    for arm in dict.fromkeys(found["arm"]):
        mine = found[found["arm"] == arm].set_index(["step", "at"])["count"]
        place = 0
        for step, at in mine.index:
            if step in ("attended", "randomised") or (step, at) == ("analysed", outcome):
                place += 1
                entry = {"place": place, "arm": arm, "step": step, "at": at, "count": mine[step, at]}
                if step == "attended":
                    entry |= {"missed": mine["missed", at], "left": mine["left", at]}
                rows.append(entry)
    table = pd.DataFrame(rows, columns=["place", "arm", "step", "at", "count", "missed", "left"])
    table["arm_name"] = [capital(word(results, arm)) if arm else "" for arm in table["arm"]]
    table["name"] = [_box_name(results, str(row["step"]), str(row["at"])) for row in records(table)]
    return publishable(table)


def _people_in_file(results: Results) -> float:
    people = flow_table(results)
    people = people[people["unit"] == "people"]
    return float(people["left"].iloc[-1]) if len(people) else float("nan")


def _outcome(results: Results, flow: pd.DataFrame) -> str:
    """The outcome whose analysis closes the diagram: that of response, else the first."""
    named = str(trial_facts(results).get("response", {}).get("outcome", ""))
    analysed = [str(at) for at in flow.loc[flow["step"] == "analysed", "at"]]
    return named if named in analysed else analysed[0] if analysed else ""


def _box_name(results: Results, step: str, at: str) -> str:
    if step == "attended":
        return f"Seen: {word(results, at)}"
    if step == "analysed":
        return f"Analysed: {results.short(at)}"
    return capital(step)


def describe_consort(table: pd.DataFrame) -> Heading:
    """Title, subtitle and alternative text from the numbers."""
    arms = list(dict.fromkeys(str(name) for name in table["arm_name"] if name))
    last = table[table["step"] == "attended"]
    last = last[last["place"] == last["place"].max()]
    start = table[table["step"] == "randomised"]
    shares = [
        (100 * seen / people, str(arm))
        for seen, people, arm in zip(last["count"], start["count"], last["arm_name"], strict=True)
        if is_number(seen) and is_number(people) and people > 0
    ]
    title = f"From the file to the analysis, in {len(arms)} arms"
    if shares:
        low, high = min(shares), max(shares)
        kept = f"{low[0]:.0f} %" if round(low[0]) == round(high[0]) else f"{low[0]:.0f} to {high[0]:.0f} %"
        title = f"{kept} of each arm were seen at the last visit"
    subtitle = (
        "People, analysed in the arm they were assigned to. Whoever was seen once stays in the analysis; "
        "counts under 10 are not shown."
    )
    told = "; ".join(f"{row['arm_name'] or 'all'}, {row['name']}: {_number(row['count'])}" for row in records(table))
    return Heading(title, subtitle, f"Flow of people. {told}.")


def _number(value: object) -> str:
    return count_text(int(float(value))) if is_number(value) else "few"  # type: ignore[arg-type]  # is_number saw it


@style.styled
def draw_consort(table: pd.DataFrame, heading: Heading) -> Figure:
    """Draw a column an arm under one box for all, an arrow between boxes."""
    arms = list(dict.fromkeys(str(arm) for arm in table["arm"] if arm))
    floors = int(table["place"].max()) + 1
    height = floors * BOX + (floors - 1) * GAP + 0.35
    figure, _ = style.sheet(heading, height)
    axes = style.panel(figure, 0.1, 0.1, style.WIDTH - 0.35, height - 0.16)
    axes.set(xlim=(0, len(arms)), ylim=(-0.02, height - 0.18))
    axes.axis("off")
    for row in records(table):
        arm = str(row["arm"])
        x = arms.index(arm) + 0.5 if arm else len(arms) / 2
        top = height - 0.2 - int(row["place"]) * (BOX + GAP)
        head = str(row["arm_name"]) if row["step"] == "randomised" else ""
        _draw_box(axes, x, top, head, f"{row['name']}\n{_number(row['count'])}", 0.46)
        if row["place"]:
            _draw_arrow(axes, x, top, len(arms) / 2 if row["place"] == 1 else x)
        if row["step"] == "attended" and int(row["place"]) > 2:
            lost = f"missed {_number(row['missed'])}\nleft {_number(row['left'])}"
            axes.text(x + 0.03, top + GAP / 2, lost, fontsize=7, color=style.QUIET, va="center", linespacing=1.1)
    return figure


def _draw_box(axes: Axes, x: float, top: float, head: str, text: str, half: float) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(
        Rectangle((x - half, top - BOX), 2 * half, BOX, facecolor=style.PAPER, edgecolor=style.QUIET, linewidth=1)
    )
    if head:
        lines = textwrap.wrap(head, 24)[:2]
        text = text.replace("\n", ": ")
        axes.text(x, top - 0.07, "\n".join(lines), fontsize=7.6, fontweight="bold", ha="center", va="top")
        axes.text(x, top - BOX + 0.07, text, fontsize=7.6, ha="center", va="bottom")
    else:
        axes.text(x, top - BOX / 2, text, fontsize=7.6, ha="center", va="center", linespacing=1.35)


def _draw_arrow(axes: Axes, x: float, top: float, start: float) -> None:
    if start != x:
        middle = top + GAP / 2
        axes.plot([start, start, x], [top + GAP, middle, middle], color=style.QUIET, linewidth=0.9)
    axes.annotate(
        "",
        (x, top),
        (x, top + (GAP / 2 if start != x else GAP)),
        arrowprops={"arrowstyle": "-|>", "color": style.QUIET, "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0},
    )
