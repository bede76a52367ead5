"""Who was randomised, came and stands in the analysis, arm by arm: the flow diagram of a trial."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from kinechain.disclosure import THRESHOLD
from kinechain.figures import style
from kinechain.figures.style import Heading, Row, records
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

    count, missed, left  people; NaN where too few to be shown, which is fewer than `below`
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
    table["below"] = int(results.quality.get("threshold") or THRESHOLD)
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
    later = table[(table["step"] == "attended") & (table["place"] > 2)]
    masked = later[["missed", "left"]].isna().to_numpy().any() or table["count"].isna().to_numpy().any()
    few = f" “{_few(records(table)[0])}”: too few to be shown." if masked else ""
    subtitle = f"People, analysed in the arm they were assigned to. Whoever was seen once stays in the analysis.{few}"
    told = []
    for name in dict.fromkeys(str(name) for name in table["arm_name"]):
        boxes = [f"{_boxed(row)}{_lost(row, ', ')}" for row in records(table) if row["arm_name"] == name]
        told.append(f"{f'{name}: ' if name else ''}{'; '.join(boxes)}.")
    return Heading(title, subtitle, f"Flow of people. {title}. {' '.join(told)}")


def _boxed(row: Row) -> str:
    return f"{row['name']}: {_number(row, 'count')}"


def _lost(row: Row, before: str = "", between: str = ", ") -> str:
    """Who was not there at a visit after the first; empty elsewhere."""
    if row["step"] != "attended" or int(row["place"]) <= 2:
        return ""
    return f"{before}missed {_number(row, 'missed')}{between}left {_number(row, 'left')}"


def _few(row: Row) -> str:
    return f"< {int(row['below'])}"


def _number(row: Row, what: str) -> str:
    """A count as printed; one too small to be shown as less than the smallest that may."""
    return count_text(int(float(row[what]))) if is_number(row[what]) else _few(row)


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
        _draw_box(
            axes, x, top, head, (str(row["name"]), _number(row, "count")), (0.46, (style.WIDTH - 0.35) / len(arms))
        )
        if row["place"]:
            _draw_arrow(axes, x, top, len(arms) / 2 if row["place"] == 1 else x)
        axes.text(
            x + 0.03,
            top + GAP / 2,
            _lost(row, between="\n"),
            fontsize=7,
            color=style.QUIET,
            va="center",
            linespacing=1.1,
        )
    return figure


def _draw_box(axes: Axes, x: float, top: float, head: str, text: tuple[str, str], size: tuple[float, float]) -> None:
    """A box with a name and a count in it.

    head  the arm, in bold above them, where one starts
    size  half the width in columns, and inches a column
    """
    from matplotlib.patches import Rectangle

    half, column = size
    axes.add_artist(
        Rectangle((x - half, top - BOX), 2 * half, BOX, facecolor=style.PAPER, edgecolor=style.QUIET, linewidth=1)
    )
    room = 2 * half * column - 0.12
    name, count = text
    lines = style.wrapped(head, room, 7.6, 2, bold=True) if head else []
    small = style.one_line(f"{name}: {count}", room, 7.6) if len(lines) > 1 else style.one_line(name, room, 7.6)
    written = [(line, 7.6, "bold") for line in lines] + [(small, 7.6, "normal")]
    if len(lines) < 2:
        written.append((count, 9.5, "bold"))
    step = BOX / (len(written) + 0.9)
    for place, (line, points, weight) in enumerate(written, start=1):
        y = top - step * (place - 0.05)
        axes.text(x, y, line, fontsize=points, fontweight=weight, ha="center", va="center")


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
