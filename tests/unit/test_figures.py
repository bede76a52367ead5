"""Figures: drawn from numbers alone, the same bytes every time, nothing on top of anything else."""

from dataclasses import replace
from functools import cache
from itertools import combinations

import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from kinechain.figures import FIGURES, Picture, draw_picture, style
from kinechain.results import Results
from tests.fixtures.report_inputs import summary_results, trial_results


@pytest.fixture(scope="module")
def results() -> Results:
    return trial_results()


@cache
def picture_of(name: str) -> Picture:
    """Each figure once: drawing is what takes the time here."""
    picture = draw_picture(name, trial_results())
    assert picture is not None
    return picture


def texts_on(figure: Figure) -> list[tuple[str, object]]:
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]  # the agg canvas has one
    beyond = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            beyond |= {
                id(tick.label1) for tick in axis.get_major_ticks() if not low - 1e-9 <= tick.get_loc() <= high + 1e-9
            }
    found = []
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        if text.get_visible() and id(text) not in beyond and text.get_text().strip():
            found.append((text.get_text(), text.get_window_extent(renderer)))
    return found


def drawn(name: str, results: Results) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    kind = FIGURES[name]
    table = kind.table(results)
    figure = kind.draw(table, kind.describe(table))
    FigureCanvasAgg(figure)
    return figure


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_no_text_lies_on_another_and_none_leaves_the_sheet(name: str, results: Results) -> None:
    for study in (results, summary_results()):
        if FIGURES[name].table(study).empty:
            continue
        figure = drawn(name, study)
        boxes = texts_on(figure)
        width, height = figure.bbox.width, figure.bbox.height
        for text, box in boxes:
            assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1, (
                f"{text!r} leaves the sheet"
            )
        for (one, first), (other, second) in combinations(boxes, 2):
            wide = min(first.x1, second.x1) - max(first.x0, second.x0)
            high = min(first.y1, second.y1) - max(first.y0, second.y0)
            assert wide <= 1 or high <= 1, f"{one!r} lies on {other!r}"


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_equal_numbers_give_equal_bytes_and_no_date(name: str, results: Results) -> None:
    first, second = picture_of(name), draw_picture(name, results)
    assert second is not None
    assert first.svg == second.svg
    once, again = style.pngs_of([first.svg, second.svg])
    assert once == again
    assert b"<dc:date>" not in first.svg
    assert once.startswith(b"\x89PNG") and b"Software" not in once and b"tIME" not in once
    assert b"<text" not in first.svg


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_synthetic_is_written_on_the_picture(name: str, results: Results) -> None:
    real = draw_picture(name, replace(results, cohort=replace(results.cohort, synthetic=False)))
    simulated = picture_of(name)
    assert real is not None
    assert simulated.svg != real.svg
    assert "synthetic" in simulated.heading.alt
    assert "synthetic" not in real.heading.alt


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_alternative_text_tells_more_than_a_title(name: str, results: Results) -> None:
    picture = picture_of(name)
    assert len(picture.heading.alt) > len(picture.heading.title) + 20


def test_drawing_leaves_the_callers_settings_alone(results: Results) -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    draw_picture("forest", results)
    assert dict(mpl.rcParams) == before


def test_missing_values_of_a_published_table_leave_a_sentence() -> None:
    assert draw_picture("missingness", summary_results()) is None
    assert "nothing can be missing" in FIGURES["missingness"].absent


def test_the_path_diagram_dashes_what_covers_zero(results: Results) -> None:
    table = FIGURES["path_diagram"].table(results)
    chain = table[table["end"] - table["start"] == 1]
    figure = drawn("path_diagram", results)
    lines = [line for axes in figure.axes for line in axes.lines]
    dashed = [line.get_linestyle() != "-" for line in lines]
    covers = [not (row["low"] > 0 or row["high"] < 0) for _, row in chain.iterrows()]
    assert dashed == covers


def test_a_wider_edge_is_a_stronger_one(results: Results) -> None:
    table = FIGURES["path_diagram"].table(results)
    figure = drawn("path_diagram", results)
    widths = [line.get_linewidth() for axes in figure.axes for line in axes.lines]
    sizes = table[table["end"] - table["start"] == 1]["estimate"].abs().tolist()
    assert sorted(range(len(widths)), key=widths.__getitem__) == sorted(range(len(sizes)), key=sizes.__getitem__)


def test_long_and_hostile_names_are_only_text(results: Results) -> None:
    from kinechain.results import Construct

    nasty = "<script>alert(1)</script> $\\frac{x}$ \u202e a name that goes on and on and on"
    constructs = {name: Construct(name, nasty, nasty, it.role) for name, it in results.constructs.items()}
    for name in FIGURES:
        picture = draw_picture(name, replace(results, constructs=constructs))
        if picture is not None:
            assert b"<script" not in picture.svg
            assert isinstance(picture.table, pd.DataFrame)
