"""Formulas of the pages as pictures of text, so that they need no script and no network.

A page writes `$$` on a line of its own before and after; GitHub draws the same source.
"""

import html
import re

import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path as Outline
from matplotlib.textpath import TextPath

BLOCK = re.compile(r"^\$\$\n(.+)\n\$\$$", flags=re.M)
LETTERS = {Outline.MOVETO: "M", Outline.LINETO: "L", Outline.CURVE3: "Q", Outline.CURVE4: "C"}
FONT = FontProperties(math_fontfamily="stix")
SIZE = 19.0
MARGIN = 2.0


def with_formulas(text: str) -> str:
    """The page with each `$$` block, one line of mathematics, drawn; who cannot see it hears its source."""
    return BLOCK.sub(lambda found: f'<div class="formula">{formula(found[1])}</div>', text)


def formula(tex: str) -> str:
    """One line of TeX mathematics as an svg in the colour of the text around it.

    Raises ValueError for what matplotlib's mathtext does not know.
    """
    outline = TextPath((0, 0), f"${tex}$", size=SIZE, prop=FONT)
    box = outline.get_extents()
    left, top = box.x0 - MARGIN, -box.y1 - MARGIN
    width, height = box.width + 2 * MARGIN, box.height + 2 * MARGIN
    words = []
    for points, code in outline.iter_segments(curves=True):
        if code == Outline.CLOSEPOLY:
            words.append("Z")
        else:
            pairs = np.asarray(points).reshape(-1, 2) * (1, -1)
            words.append(LETTERS[code] + " ".join(f"{x:.2f} {y:.2f}" for x, y in pairs))
    told = html.escape(tex, quote=True)
    return (
        f'<svg role="img" aria-label="{told}" width="{width:.1f}" height="{height:.1f}" '
        f'viewBox="{left:.2f} {top:.2f} {width:.2f} {height:.2f}"><path d="{"".join(words)}"/></svg>'
    )
