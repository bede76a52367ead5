"""One look for every figure, and the only place that turns a figure into bytes.

Font: DejaVu Sans, which travels inside matplotlib, so every machine draws the same letters. Letters are paths in svg
(nothing to install for the reader). No date, no software name, no random id: equal numbers give equal bytes.
"""

from __future__ import annotations

import functools
import io
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ParamSpec, TypeAlias, TypeVar, cast

from kinechain.results import MARK, RIGHT_TO_LEFT
from kinechain.rounding import is_number

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ft2font import FT2Font

P = ParamSpec("P")
R = TypeVar("R")
Row: TypeAlias = Mapping[str, Any]


def records(table: pd.DataFrame) -> list[Row]:
    """The rows of a table, one mapping each."""
    columns = [table[name].tolist() for name in table.columns]
    return [dict(zip(table.columns, row, strict=True)) for row in zip(*columns, strict=True)]


# Okabe and Ito's palette: told apart with every common colour-vision deficiency.
INK = "#1b1f24"
QUIET = "#5b6570"
FAINT = "#c9d0d8"
PAPER = "#ffffff"
BLUE = "#0072b2"
SKY = "#56b4e9"
ORANGE = "#e69f00"
GREEN = "#00785a"
VERMILION = "#c44900"
PURPLE = "#a8578a"

BAND = "#e8ecf1"
"""What is too small to matter, or what others found: behind everything."""

CONSTRUCT_COLOURS = (BLUE, GREEN, ORANGE, VERMILION, PURPLE, SKY)
"""The same colour for the same place in the study's chain, in every figure and cohort; never the only sign."""

ARM_COLOURS = (INK, "#88419d", "#117733", "#b5651d", "#aa4466", "#4477aa")
"""Arms of a trial: other colours than the constructs', so that none is taken for one; marker and dash name them too."""


SIGN_COLOURS = (("#f2f1f1", "#ab7a46"), ("#f2f1f2", "#9172d9"))
"""Faint and full colour of what is below zero and of what is above: seaborn's diverging palette of hues 45 and 275,
saturation 70, lightness 55. A test holds them together; loading seaborn takes as long as drawing three figures."""


def sign_shade(share: float) -> tuple[float, ...]:
    """Colour of a number between -1 and 1 by its sign and size."""
    from matplotlib.colors import to_rgb

    faint, full = (to_rgb(colour) for colour in SIGN_COLOURS[1 if share > 0 else 0])
    return tuple(start + abs(share) * (end - start) for start, end in zip(faint, full, strict=True))


def construct_colour(hue: object) -> str:
    """Colour of a construct by its place in the study's chain (`Results.hue`); grey for one outside it."""
    return CONSTRUCT_COLOURS[int(cast(float, hue)) % len(CONSTRUCT_COLOURS)] if is_number(hue) else QUIET


def is_clear(row: Row) -> bool:
    """Whether an interval (low, high) lies on one side of zero."""
    return bool(row["low"] > 0 or row["high"] < 0)


VERDICTS: dict[str, tuple[str, str, str]] = {
    "supported": ("o", GREEN, "supported"),
    "inconclusive": ("D", ORANGE, "inconclusive"),
    "contradicted_null": ("s", BLUE, "practically zero"),
    "contradicted_opposite": ("x", VERMILION, "opposite"),
    "not_testable": ("_", QUIET, "not testable here"),
}
"""Verdict -> marker, colour, words: shape and words carry it where colour does not."""


def verdict_text(verdict: str, kind: str) -> str:
    """A verdict in words; what contradicts a rival need not be its opposite."""
    return "contradicted" if kind == "rival" and verdict == "contradicted_opposite" else VERDICTS[verdict][2]


def people_text(rows: Iterable[Row]) -> str:
    """How many people stand behind the rows, from the fewest to the most; a bound where one n was rounded down."""
    known = [row for row in rows if is_number(row["n"])]
    counts = sorted({int(row["n"]) for row in known})
    if any(row["at_least"] for row in known):
        return f"n ≥ {counts[0]}"
    return f"n = {counts[0]}{f' to {counts[-1]}' if len(counts) > 1 else ''}" if counts else ""


def unit_text(unit: object) -> str:
    """A unit behind a number as printed: a degree sign close to it, anything else after a space."""
    written = str(unit or "")
    return "°" if written == "deg" else f" {written}" if written else ""


def unit_name(unit: object) -> str:
    """A unit that stands alone, as on an axis."""
    return "degrees" if unit == "deg" else str(unit or "")


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Width of one line of text in inches, as it will be drawn: the steps of its letters and what pairs give back."""
    steps = sum(_step(letter, bold) for letter in text)
    pairs = sum(_kerning(first, second, bold) for first, second in itertools.pairwise(text))
    return (steps + pairs) * size / 72


@functools.cache
def _font(bold: bool) -> FT2Font:
    """The font of every figure, set so that its metrics are shares of the size; matplotlib's own may change size."""
    from matplotlib.font_manager import FontProperties, findfont
    from matplotlib.ft2font import FT2Font

    font = FT2Font(findfont(FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal")))
    font.set_size(METRIC_SIZE, 72)
    return font


METRIC_SIZE = 100


@functools.cache
def _step(letter: str, bold: bool) -> float:
    """How far a letter moves the next one, as a share of the size; a letter the font lacks is drawn as a box."""
    font = _font(bold)
    return float(font.load_glyph(font.get_char_index(ord(letter))).linearHoriAdvance) / 65536 / METRIC_SIZE


@functools.cache
def _kerning(first: str, second: str, bold: bool) -> float:
    """What a pair of letters moves closer (below zero) or apart, as a share of the size."""
    from matplotlib.ft2font import Kerning

    font = _font(bold)
    left, right = (font.get_char_index(ord(letter)) for letter in (first, second))
    return float(font.get_kerning(left, right, Kerning.DEFAULT)) / 64 / METRIC_SIZE


def wrapped(text: str, inches: float, size: float, lines: int = 99, *, bold: bool = False) -> list[str]:
    """The text in at most so many lines, none wider than `inches`; what does not fit ends in an ellipsis.

    A name and the arrow between two names stay together where the line is long enough; a word too long is cut.
    """

    def fits(line: str) -> bool:
        return text_width(line, size, bold=bold) <= inches

    found: list[str] = []
    for word in text.replace(" → ", "\N{NO-BREAK SPACE}→\N{NO-BREAK SPACE}").split(" "):
        joined = f"{found[-1]} {word}" if found else word
        if found and fits(joined):
            found[-1] = joined
            continue
        for part in [word] if fits(word) else word.replace("→\N{NO-BREAK SPACE}", "→ ").split(" "):
            found.append(part)
            while not fits(found[-1]):
                whole = found.pop()
                cut = next((end for end in range(len(whole) - 1, 1, -1) if fits(whole[:end])), 1)
                found += [whole[:cut], whole[cut:]]
                if cut >= len(whole) - 1:
                    break
    if len(found) > lines:
        found = [*found[: lines - 1], shortened(found[lines - 1], inches, size, bold=bold, always=True)]
    return [_left_to_right(line) for line in found] or [""]


ARROW = " → "


def shortened(text: str, inches: float, size: float, *, bold: bool = False, always: bool = False) -> str:
    """The text cut with an ellipsis so that it fits; of a link both ends are cut, so that each can still be told.

    always  also where it fits: something is left out after it
    """
    parts = text.split(ARROW)
    shown = [f"{part.rstrip()}…" if always and part == parts[-1] else part for part in parts]
    while text_width(ARROW.join(shown), size, bold=bold) > inches and any(parts):
        longest = max(range(len(parts)), key=lambda place: len(parts[place]))
        parts[longest] = parts[longest][:-1]
        shown[longest] = f"{parts[longest].rstrip()}…"
    return ARROW.join(shown)


def _left_to_right(line: str) -> str:
    """A line in which names written from right to left keep their place: an arrow must not turn round."""
    if not RIGHT_TO_LEFT.search(line):
        return line
    return MARK + line.replace(MARK, "").replace("→", f"{MARK}→{MARK}")


def one_line(text: str, inches: float, size: float, *, bold: bool = False) -> str:
    """The text on one line no wider than `inches`, with an ellipsis where it had to be cut."""
    return _left_to_right(shortened(text, inches, size, bold=bold))


def block(text: str, inches: float, size: float, lines: int, *, bold: bool = False) -> str:
    """`wrapped` as one text with line breaks."""
    return "\n".join(wrapped(text, inches, size, lines, bold=bold))


WIDTH = 7.2
"""Width of a figure, inch: a text column of A4 or Letter at full size."""

DPI = 144

SETTINGS: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.labelsize": 8.5,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8.5,
    "text.color": INK,
    "text.parse_math": False,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "svg.fonttype": "path",
    "svg.hashsalt": "kinechain",
    "path.simplify": False,
    "legend.frameon": False,
}


@dataclass(frozen=True, slots=True)
class Heading:
    """What a figure says in words.

    title     the finding, in one line
    subtitle  what is drawn, and how to read it
    alt       the picture for whoever cannot see it, written from its numbers
    """

    title: str
    subtitle: str
    alt: str


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Draw under the house settings, whatever the caller's are."""

    @functools.wraps(draw)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        import matplotlib as mpl

        with mpl.rc_context():
            mpl.rcdefaults()
            mpl.rcParams.update(cast(Any, SETTINGS))
            return draw(*args, **kwargs)

    return wrapper


def sheet(heading: Heading, height: float, width: float = WIDTH) -> tuple[Figure, float]:
    """An empty figure with its heading, and the height in inches the heading took.

    height  of the drawing below the heading, inch
    """
    from matplotlib.figure import Figure

    title = wrapped(heading.title, width - 0.35, 11.5, 3, bold=True)
    subtitle = wrapped(heading.subtitle, width - 0.35, 8.5)
    head = 0.12 + 0.215 * len(title) + 0.165 * len(subtitle) + 0.1
    total = height + head
    figure = Figure(figsize=(width, total))
    y = total - 0.10
    for line in title:
        figure.text(0.1 / width, y / total, line, fontsize=11.5, fontweight="bold", va="top")
        y -= 0.215
    y -= 0.03
    for line in subtitle:
        figure.text(0.1 / width, y / total, line, fontsize=8.5, color=QUIET, va="top")
        y -= 0.165
    return figure, head


def panel(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Axes placed in inches from the lower left corner."""
    total_width, total_height = figure.get_size_inches()
    return figure.add_axes((left / total_width, bottom / total_height, width / total_width, height / total_height))


HEAD = 0.34
"""Inches above a panel that its two lines of `name_panel` take."""


def name_panel(axes: Axes, name: str, said: str, inches: float) -> None:
    """The name of a panel and, under it, what the panel says in numbers; nothing wider than `inches`."""
    for points, text, size, bold in ((15, name, 8, True), (4, said, 7.5, False)):
        axes.annotate(
            one_line(text, inches, size, bold=bold),
            (0, 1),
            xycoords="axes fraction",
            xytext=(0, points),
            textcoords="offset points",
            fontsize=size,
            fontweight="bold" if bold else "normal",
            color=INK if bold else QUIET,
        )


def frame(axes: Axes) -> None:
    """A heavy frame around the one panel that matters most."""
    for spine in axes.spines.values():
        spine.set(visible=True, linewidth=1.8, edgecolor=INK, zorder=10)


def mark_synthetic(figure: Figure) -> None:
    """Write SYNTHETIC DATA along the right edge of a figure made from simulated people."""
    width, height = figure.get_size_inches()
    figure.text(
        1 - 0.03 / width,
        0.06 / height,
        "SYNTHETIC DATA",
        rotation=90,
        fontsize=7,
        fontweight="bold",
        color=VERMILION,
        ha="right",
        va="bottom",
    )


@styled
def svg_bytes(figure: Figure) -> bytes:
    """The figure as svg: text as paths, no date."""
    sink = io.BytesIO()
    figure.savefig(sink, format="svg", metadata={"Date": None, "Creator": None})
    lines = sink.getvalue().decode("utf-8").splitlines()
    return ("\n".join(line.rstrip() for line in lines) + "\n").encode("utf-8")


def pngs_of(svgs: Sequence[bytes]) -> list[bytes]:
    """Drawings as png at `DPI`, all in one go: their letters are paths, so nothing is laid out again."""
    import tempfile
    from pathlib import Path

    import typst

    if not svgs:
        return []
    pages = "#pagebreak()\n".join(
        f'#image(bytes(sys.inputs.at("{place}")), format: "svg")\n' for place in range(len(svgs))
    )
    source = f"#set page(width: auto, height: auto, margin: 0pt)\n{pages}"
    inputs = {str(place): svg.decode("utf-8") for place, svg in enumerate(svgs)}
    with tempfile.TemporaryDirectory() as folder:
        sheets = Path(folder, "sheets.typ")
        sheets.write_text(source, encoding="utf-8")
        made = typst.compile(
            sheets, root=Path(folder), ignore_system_fonts=True, sys_inputs=inputs, timestamp=0, format="png", ppi=DPI
        )
    return [made] if isinstance(made, bytes) else list(made)
