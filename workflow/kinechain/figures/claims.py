"""Claims at a glance: every claim and rival with its verdict, its tier and, where there is one, its estimate."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

import pandas as pd

from kinechain.figures import style
from kinechain.figures.style import Heading, Row, records
from kinechain.results import Results, rests_on_several
from kinechain.rounding import decimal_text, decimals_for, is_number
from kinechain.tables import claims_table, sign_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GIST, WIDE = 3.0, 6.1
LINE = 0.145
AXIS, TITLE = 0.42, 0.32
BESIDE, PLOT = 5.4, 1.55
"""Inches: wording where a verdict stands beside it and where nothing does, a line, axis and title, the plot."""
FAR = 4.0
"""Times the middle reach of all intervals beyond which one is cut off, so that it does not flatten the others."""


def claims_figure_table(results: Results) -> pd.DataFrame:
    """The published verdicts, those that can be judged first, each group in the order of the ledger of claims."""
    table = claims_table(results)
    several = {str(claim["claim"]): rests_on_several(claim) for claim in results.claims}
    table["rests_on_several"] = [several.get(str(name), False) for name in table["claim"]]
    judged = table["verdict"] != "not_testable"
    return pd.concat([table[judged], table[~judged]]).reset_index(drop=True)


def describe_claims(table: pd.DataFrame) -> Heading:
    """Title, subtitle and alternative text from the verdicts."""
    told_words = [style.verdict_text(str(row["verdict"]), str(row["kind"])) for row in records(table)]
    order = [words for _, _, words in style.VERDICTS.values()]
    order.insert(-1, "contradicted")
    said = [f"{told_words.count(words)}\N{NO-BREAK SPACE}{words}" for words in order if words in told_words]
    title = f"Of {len(table)} claims and rivals: {', '.join(said)}"
    rows = records(table)
    subtitle = ""
    if any(_in_sd(row) for row in rows):
        subtitle += "Right: estimate and interval in SD units, right as claimed, shaded too small to matter. "
    if any(_in_words(row) for row in rows):
        subtitle += "In numbers: estimate and interval in another unit. "
    if any(_is_hollow(row) for row in rows):
        subtitle += "Hollow: does not survive the correction for many claims. "
    tiers = dict.fromkeys(str(row["tier"]) for row in rows if row["tier"] and not _is_quiet(row))
    if tiers:
        subtitle += f"{', '.join(sorted(tiers))}: what the design allows to be said. "
    reach = _reach(rows)
    if any(_in_sd(row) and _extent(row) > reach for row in rows):
        subtitle += "Arrowhead: the interval goes on beyond the axis. "
    if table["rests_on_several"].any():
        subtitle += "* rests on several effects, of which one is drawn."
    if not subtitle:
        subtitle = "This cohort lacks what the claims need; the report says of each what that is."
    groups = {words: [row for row, mine in zip(rows, told_words, strict=True) if mine == words] for words in order}
    told = " ".join(
        f"{words.capitalize()}: {'; '.join(_told(row) for row in group)}." for words, group in groups.items() if group
    )
    return Heading(title, subtitle.strip(), f"Verdicts on the claims. {title}. {told}")


def _told(row: Row) -> str:
    """A claim with its estimate, in words."""
    shown = f" ({_worded(row)})" if _in_sd(row) or _in_words(row) else ""
    return f"{row['claim']}, {str(row['gist'] or 'no wording').rstrip('.')}{shown}"


@style.styled
def draw_claims(table: pd.DataFrame, heading: Heading) -> Figure:
    """Draw a row a claim."""
    rows = records(table)
    gists = [_lines(row) for row in rows]
    heights = [
        max(0.19 if _is_quiet(row) else 0.23, LINE * len(lines) + 0.05) for row, lines in zip(rows, gists, strict=True)
    ]
    judged = sum(height for row, height in zip(rows, heights, strict=True) if not _is_quiet(row))
    quiet = sum(heights) - judged
    axis = (AXIS if any(_in_sd(row) for row in rows) else 0.1) if judged else 0.0
    gap = TITLE if quiet else 0.0
    total = judged + axis + gap + quiet
    figure, _ = style.sheet(heading, total + 0.12)
    axes = style.panel(figure, 0, 0.08, style.WIDTH, total)
    axes.set(xlim=(0, style.WIDTH), ylim=(0, total))
    axes.axis("off")
    plot = None
    if judged and any(_in_sd(row) for row in rows):
        plot = style.panel(figure, BESIDE, 0.08 + total - judged, PLOT, judged)
        _frame_plot(plot, table, total - judged, total)
    if quiet:
        axes.text(0.1, quiet + 0.1, "Not testable here", fontsize=8.5, fontweight="bold", va="bottom")
    y = total
    before = False
    feet: list[float] = []
    for row, lines, height in zip(rows, gists, heights, strict=True):
        y -= axis + gap if _is_quiet(row) and not before else 0.0
        before = _is_quiet(row)
        _draw_row(axes, plot, row, lines, y - height / 2)
        y -= height
        feet.append(y)
    axes.hlines(feet, 0.1, style.WIDTH - 0.25, color="#e6eaee", linewidth=0.6, zorder=0)
    return figure


def _is_quiet(row: Row) -> bool:
    """Whether the claim cannot be judged here, so that its row has no estimate."""
    return str(row["verdict"]) == "not_testable"


def _is_hollow(row: Row) -> bool:
    """Whether a supported claim does not survive the correction for many."""
    survives = row["survives_multiplicity"]
    return row["verdict"] == "supported" and survives is not None and str(survives) == "False"


def _lines(row: Row) -> list[str]:
    size, room = (7.3, WIDE) if _is_quiet(row) else (7.3, GIST)
    return style.wrapped(str(row["gist"] or ""), room, size, 2)


def _in_sd(row: Row) -> bool:
    """Whether the estimate is in SD units and has an interval, so that it may share the axis."""
    return str(row["scale"]) == "standardised" and is_number(row["estimate"]) and is_number(row["low"])


def _in_words(row: Row) -> bool:
    """Whether the estimate has an interval in a unit of its own, so that it is written rather than drawn."""
    return not _is_quiet(row) and not _in_sd(row) and is_number(row["estimate"]) and is_number(row["low"])


def _worded(row: Row) -> str:
    decimals = min(3, decimals_for((float(row["high"]) - float(row["low"])) / 4))
    value, low, high = (decimal_text(float(row[what]), decimals) for what in ("estimate", "low", "high"))
    return f"{value}{style.unit_text(row['unit'])} [{low}, {high}]"


def _extent(row: Row) -> float:
    """How far the interval of a claim in SD units goes from zero."""
    return max(abs(float(row["low"])), abs(float(row["high"])))


def _reach(rows: list[Row]) -> float:
    """How far the axis goes from zero: as far as every interval that is not far beyond the others."""
    extents = [_extent(row) for row in rows if _in_sd(row)]
    near = [extent for extent in extents if extent <= FAR * median(extents)]
    return max(0.3, 1.1 * max(near, default=0.3))


def _frame_plot(plot: Axes, table: pd.DataFrame, bottom: float, total: float) -> None:
    reach = _reach(records(table))
    bounds = [float(row["sesoi"]) for row in records(table) if _in_sd(row) and is_number(row["sesoi"])]
    if bounds:
        plot.axvspan(-min(bounds), min(bounds), color=style.BAND, linewidth=0, zorder=0)
    plot.axvline(0, color=style.QUIET, linewidth=0.9, zorder=1)
    plot.set(xlim=(-reach, reach), ylim=(bottom, total), yticks=[])
    plot.spines["left"].set_visible(False)
    plot.patch.set_visible(False)
    plot.set_xlabel("SD units, as claimed →", fontsize=7.5)
    plot.tick_params(labelsize=7)


def _draw_row(axes: Axes, plot: Axes | None, row: Row, gist: list[str], y: float) -> None:
    marker, colour, _ = style.VERDICTS[str(row["verdict"])]
    words = style.verdict_text(str(row["verdict"]), str(row["kind"])) + ("*" if row["rests_on_several"] else "")
    quiet = _is_quiet(row)
    ink = style.QUIET if quiet else style.INK
    fill = style.PAPER if _is_hollow(row) else colour
    axes.text(0.1, y, str(row["claim"]), va="center", fontsize=8, fontweight="bold", color=ink)
    for index, line in enumerate(gist):
        axes.text(0.74, y + LINE * ((len(gist) - 1) / 2 - index), line, va="center", fontsize=7.3, color=ink)
    if quiet:
        axes.plot([0.63], [y], marker=marker, markersize=5, color=colour, markeredgewidth=1.2)
        return
    edge = 2.2 if marker == "x" else 1.4
    axes.plot([3.9], [y], marker=marker, markersize=6.5, color=colour, markerfacecolor=fill, markeredgewidth=edge)
    axes.text(4.03, y, words, va="center", fontsize=7.5, color=ink)
    axes.text(5.2, y, str(row["tier"] or ""), va="center", ha="center", fontsize=7, color=style.QUIET)
    if _in_words(row):
        shown = style.one_line(_worded(row), PLOT - 0.05, 6.8)
        box = {"facecolor": style.PAPER, "edgecolor": "none", "pad": 1.2}
        look: dict[str, Any] = {"va": "center", "ha": "center", "fontsize": 6.8, "color": ink, "bbox": box, "zorder": 5}
        if plot is None:
            axes.text(BESIDE + PLOT / 2, y, shown, **look)
        else:
            plot.text(0, y, shown, **look)
    if plot is not None and _in_sd(row):
        sign = -1.0 if sign_of(row["sign"]) < 0 else 1.0
        edge = float(plot.get_xlim()[1])
        ends = [sign * float(row["low"]), sign * float(row["high"])]
        plot.plot(
            [max(-edge, min(edge, end)) for end in ends], [y, y], color=colour, linewidth=1.5, solid_capstyle="butt"
        )
        for beyond in [edge if end > 0 else -edge for end in ends if abs(end) > edge]:
            plot.plot([beyond], [y], marker=">" if beyond > 0 else "<", markersize=4.6, color=colour, clip_on=False)
        if abs(float(row["estimate"])) > edge:
            return
        plot.plot(
            [sign * row["estimate"]],
            [y],
            marker=marker,
            markersize=4.6,
            color=colour,
            markerfacecolor=fill,
            markeredgewidth=1.8 if marker == "x" else 1.0,
        )
