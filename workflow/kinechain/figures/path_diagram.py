"""The chain as a diagram along the body: bottom to top, edge width by size, dashes where the interval covers zero."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kinechain.figures import style
from kinechain.figures.style import Heading, Row, records
from kinechain.results import Results, arrows, path_name
from kinechain.rounding import decimal_text
from kinechain.tables import publishable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PITCH = 0.98
BOX = (1.5, 0.46)
LEFT = 0.72
LANE = 1.05
"""Inches: between neighbours, size of a box, room left of the boxes, width of a lane for one length of shortcut."""

DASH = (0, (4, 2.5))
TINTS = "; blue positive, red negative"
KEY = (("0.1", 0.1), ("0.3", 0.3), ("0.5", 0.5))
"""Dashes of an edge whose interval covers zero; what the colours say; sizes whose widths the key shows."""


def path_diagram_table(results: Results) -> pd.DataFrame:
    """Standardised paths between constructs of the chain in the main model, one row an edge.

    start, end    place in the chain, 0 at the bottom
    from, to      their short names; a construct no path reaches has one row, from itself to nothing
    estimate, low, high  standardised coefficient and its interval; level its coverage
    from_hue, to_hue     places in the study's whole chain, which decide the colours
    """
    rows = []
    found = results.effects_of(results.main_model).set_index("effect")
    for i, x in enumerate(results.chain):
        for j in range(i + 1, len(results.chain)):
            name = path_name(x, results.chain[j])
            if name not in found.index:
                continue
            row = found.loc[[name]].iloc[0]
            rows.append(
                {
                    "start": i,
                    "end": j,
                    "from": results.short(x),
                    "to": results.short(results.chain[j]),
                    "estimate": row["standardised"],
                    "low": row["standardised_low"],
                    "high": row["standardised_high"],
                    "level": row["level"],
                    "from_hue": results.hue(x),
                    "to_hue": results.hue(results.chain[j]),
                }
            )
    if not any(row["end"] - row["start"] == 1 for row in rows):
        return pd.DataFrame()
    drawn = {row[end] for row in rows for end in ("start", "end")}
    alone = [place for place in range(len(results.chain)) if place not in drawn]
    for place in alone:
        name = results.chain[place]
        rows.append({"start": place, "end": place, "from": results.short(name), "from_hue": results.hue(name)})
    columns = ["start", "end", "from", "to", "estimate", "low", "high", "level", "from_hue", "to_hue"]
    return publishable(pd.DataFrame(rows, columns=columns))


def describe_path_diagram(table: pd.DataFrame) -> Heading:
    """Title, subtitle and alternative text from the numbers."""
    edges = [row for row in records(table) if row["end"] != row["start"]]
    chain = [row for row in edges if row["end"] - row["start"] == 1]
    title = links_title(chain)
    level = f"{100 * float(table['level'].iloc[0]):.0f} %" if len(table) else ""
    skips = [row for row in edges if row["end"] - row["start"] > 1]
    subtitle = (
        f"Standardised paths with {level} intervals, bottom to top along the body. Wider is stronger; dashed where "
        f"the interval covers zero{TINTS}.{' Right: paths that skip a neighbour.' if skips else ''}"
    )
    clear = [row for row in skips if style.is_clear(row)]
    told = f"Links of the chain: {_told(chain)}."
    if skips:
        first = f"{len(clear)} of {len(skips)}" if clear else f"None of the {len(skips)}"
        told += (
            f" {first} paths that skip a link {'stands' if len(clear) < 2 else 'stand'} clear of zero: {_told(skips)}."
        )
    return Heading(title, subtitle, f"Path diagram along the body, bottom to top. {title}. {told}")


def links_title(chain: list[Row]) -> str:
    """The finding about the links in one sentence: which stand clear of zero, and which run the other way."""
    clear = [row for row in chain if row["low"] > 0]
    against = [arrows(str(row["from"]), str(row["to"])) for row in chain if row["high"] < 0]
    other = [arrows(str(row["from"]), str(row["to"])) for row in chain if row not in clear]
    sizes = [decimal_text(float(row["estimate"]), 2) for row in sorted(clear, key=lambda row: float(row["estimate"]))]
    if len(clear) == len(chain) == 1:
        return f"The one link measured stands clear of zero, at {sizes[0]} SD per SD"
    if len(clear) == len(chain):
        return f"Every link of the chain stands clear of zero, from {sizes[0]} to {sizes[-1]} SD per SD"
    if against:
        return f"{few_names(against)} {'runs' if len(against) == 1 else 'run'} against the chain"
    if not clear:
        return "No link of the chain stands clear of zero"
    if len(clear) == 1:
        return f"Of {len(chain)} links only {arrows(str(clear[0]['from']), str(clear[0]['to']))} stands clear of zero"
    return f"The chain stands clear of zero except at {few_names(other)}"


def few_names(links: list[str]) -> str:
    """Links by name where they are one or two, else their number."""
    return " and ".join(links) if len(links) < 3 else f"{len(links)} links"


def _told(rows: list[Row]) -> str:
    return "; ".join(f"{row['from']} to {row['to']} {' '.join(edge_text(row))}" for row in rows)


def edge_text(row: Row) -> tuple[str, str]:
    """Coefficient and interval of an edge as printed."""
    low, high = decimal_text(row["low"], 2), decimal_text(row["high"], 2)
    return decimal_text(row["estimate"], 2), f"[{low}, {high}]"


@style.styled
def draw_path_diagram(table: pd.DataFrame, heading: Heading, *, colours: bool = True) -> Figure:
    """Draw the chain. Without colours, dashes, width and numbers carry everything."""
    nodes = _nodes(table)
    spans = sorted({int(span) for span in table["end"] - table["start"] if span > 1})
    height = max(nodes) * PITCH + BOX[1] + 0.3
    width = max(style.WIDTH, LEFT + BOX[0] + LANE * len(spans) + 0.6)
    figure, _ = style.sheet(heading, height, width)
    axes = style.panel(figure, 0, 0.05, width, height)
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.axis("off")
    left = LEFT if spans else (width - BOX[0]) / 2
    for row in records(table):
        if row["end"] != row["start"]:
            _draw_edge(axes, row, left, spans, colours)
    hues = {int(row[end]): row[f"{name}_hue"] for row in records(table) for end, name in ENDS}
    for place, name in nodes.items():
        colour = style.construct_colour(hues[place]) if colours else style.INK
        _draw_node(axes, left, _level(place), name, colour)
    _draw_key(axes, width - 1.3, colours=colours)
    return figure


def draw_path_diagram_plain(table: pd.DataFrame, heading: Heading) -> Figure:
    """Draw the chain for black-and-white print."""
    return draw_path_diagram(table, replace(heading, subtitle=heading.subtitle.replace(TINTS, "")), colours=False)


ENDS = (("end", "to"), ("start", "from"))
"""Ends of an edge in the table; a construct that stands alone has only the second."""


def _draw_key(axes: Axes, left: float, *, colours: bool) -> None:
    """What the widths and the dashes stand for, in the corner that no curve reaches."""
    from matplotlib.lines import Line2D

    colour = style.BLUE if colours else style.QUIET
    looks: list[tuple[str, float, str, Any]] = [
        (f"{text} SD per SD", _line_width(size), colour, "solid") for text, size in KEY
    ]
    looks.append(("covers zero", _line_width(0.1), style.QUIET, DASH))
    for place, (text, line, tint, dash) in enumerate(reversed(looks)):
        y = 0.16 + 0.15 * place
        sample = Line2D([left, left + 0.3], [y, y], color=tint, linewidth=line, linestyle=dash)
        sample.set(transform=axes.transData, solid_capstyle="butt", dash_capstyle="butt")
        axes.figure.add_artist(sample)
        axes.text(left + 0.38, y, text, fontsize=6.5, color=style.QUIET, va="center")


def _line_width(estimate: float) -> float:
    """Points of an edge, growing with its size up to one SD per SD."""
    return 0.7 + 7.0 * min(1.0, abs(estimate))


def _nodes(table: pd.DataFrame) -> dict[int, str]:
    nodes = {int(row["start"]): str(row["from"]) for row in records(table)}
    nodes |= {int(row["end"]): str(row["to"]) for row in records(table) if row["end"] != row["start"]}
    return dict(sorted(nodes.items()))


def _level(place: float) -> float:
    return place * PITCH + BOX[1] / 2 + 0.12


def _draw_node(axes: Axes, left: float, y: float, name: str, colour: str) -> None:
    from matplotlib.patches import FancyBboxPatch

    axes.add_artist(
        FancyBboxPatch(
            (left, y - BOX[1] / 2),
            *BOX,
            boxstyle="round,pad=0,rounding_size=0.1",
            facecolor=style.PAPER,
            edgecolor=colour,
            linewidth=1.8,
            zorder=4,
        )
    )
    text = style.block(name, BOX[0] - 0.16, 8.5, 2, bold=True)
    axes.text(left + BOX[0] / 2, y, text, ha="center", va="center", fontsize=8.5, fontweight="bold", zorder=5)


def _draw_edge(axes: Axes, row: Row, left: float, spans: list[int], colours: bool) -> None:
    from matplotlib.patches import PathPatch, Polygon
    from matplotlib.path import Path

    covers_zero = not style.is_clear(row)
    colour = style.QUIET if covers_zero or not colours else (style.BLUE if row["estimate"] > 0 else style.VERMILION)
    dash = DASH if covers_zero else "solid"
    line = _line_width(float(row["estimate"]))
    start, end = int(row["start"]), int(row["end"])
    value, interval = edge_text(row)
    if end - start == 1:
        x = left + BOX[0] / 2
        bottom, top = _level(start) + BOX[1] / 2, _level(end) - BOX[1] / 2
        tip = 0.09 + 0.018 * line
        axes.plot(
            [x, x],
            [bottom, top - tip * 0.8],
            color=colour,
            linewidth=line,
            linestyle=dash,
            solid_capstyle="butt",
            dash_capstyle="butt",
            zorder=2,
        )
        wide = 0.035 + 0.0115 * line
        axes.add_artist(
            Polygon([(x - wide, top - tip), (x + wide, top - tip), (x, top)], color=colour, linewidth=0, zorder=3)
        )
        middle = (bottom + top) / 2
        axes.text(
            left + BOX[0] / 2 - 0.18, middle + 0.075, value, ha="right", va="center", fontsize=10.5, fontweight="bold"
        )
        axes.text(
            left + BOX[0] / 2 - 0.18, middle - 0.095, interval, ha="right", va="center", fontsize=8, color=style.QUIET
        )
        return
    reach = LANE * (spans.index(end - start) + 0.55)
    x0, port = left + BOX[0], 0.11
    y0, y1 = _level(start) + port, _level(end) - port
    control = x0 + reach * 4 / 3
    curve = Path(
        [(x0, y0), (control, y0), (control, y1), (x0 + 0.09, y1)], [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4]
    )
    thin = 0.5 * line
    axes.add_artist(PathPatch(curve, facecolor="none", edgecolor=colour, linewidth=thin, linestyle=dash, zorder=1))
    axes.add_artist(
        Polygon([(x0 + 0.1, y1 + 0.035), (x0 + 0.1, y1 - 0.035), (x0, y1)], color=colour, linewidth=0, zorder=3)
    )
    # Labels stand half-way between boxes, where no other curve leaves or arrives: nothing can overlap.
    y = _level((start + end) / 2 + (0.5 if (end - start) % 2 == 0 else 0.0))
    x = x0 + _bezier_x(reach, (y - y0) / (y1 - y0))
    box = {"facecolor": style.PAPER, "edgecolor": "none", "pad": 1.2}
    axes.text(
        x,
        y,
        f"{value}\n{interval}",
        ha="center",
        va="center",
        fontsize=7,
        linespacing=1.15,
        color=style.INK if not covers_zero else style.QUIET,
        bbox=box,
        zorder=6,
    )


def _bezier_x(reach: float, height: float) -> float:
    """Distance from the boxes of the curve's point at a share of its height."""
    t = np.linspace(0, 1, 201)
    rise = 3 * t**2 - 2 * t**3
    return float(np.interp(height, rise, 4 * reach * t * (1 - t)))
